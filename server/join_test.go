package server_test

import (
	"context"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"postern/agent"
	"postern/network/link"
	"postern/network/link/tunnel"
	"postern/server"
)

// An activation that names a subnet keeps its machines in it: who has the code does not choose another one.
func TestAnActivationsSubnetIsMeant(t *testing.T) {
	s, config := open(t, server.Config{})
	subnets := twoSubnets(t, config)
	makeNodeRole(t, config)
	for _, row := range []struct {
		name, tagged, wanted string
		got                  string // subnet, or part of the refusal
	}{
		{"by the activation", subnets[0], "", subnets[0]},
		{"by both", subnets[0], subnets[0], subnets[0]},
		{"against the activation", subnets[0], subnets[1], "the activation lets machines into " + subnets[0] + " only"},
		{"by the machine", "", subnets[1], "does not say where its machines go"},
		{"by nobody", "", "", "does not say where its machines go"},
	} {
		in := &ssm.CreateActivationInput{IamRole: aws.String("Nodes")}
		if row.tagged != "" {
			in.Tags = []types.Tag{{Key: aws.String("postern:subnet-id"), Value: &row.tagged}}
		}
		a, err := ssm.NewFromConfig(config).CreateActivation(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		joined, err := tunnel.Join(context.Background(), tunnel.JoinConfig{
			Server: s.Join(), Activation: *a.ActivationId, Code: *a.ActivationCode, Subnet: row.wanted,
		})
		switch {
		case err != nil && !strings.Contains(err.Error(), row.got):
			t.Errorf("%s: %v, want %s", row.name, err, row.got)
		case err == nil && joined.Grant.Subnet != row.got:
			t.Errorf("%s: joined %s, want %s", row.name, joined.Grant.Subnet, row.got)
		}
	}
}

// A machine that was deregistered is out: the activation that it used up does not let it into the network once more.
func TestAUsedUpActivationLetsNobodyIn(t *testing.T) {
	s, config := open(t, server.Config{})
	subnets := twoSubnets(t, config)
	makeNodeRole(t, config)
	in := &ssm.CreateActivationInput{IamRole: aws.String("Nodes"), RegistrationLimit: aws.Int32(1)}
	a, err := ssm.NewFromConfig(config).CreateActivation(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	h := &agent.Hybrid{Dir: t.TempDir()}
	err = h.Register(t.Context(), &agent.Agent{
		HTTP: config.HTTPClient.(*http.Client), Endpoint: func(string, string) string { return s.Access().Endpoint },
	}, agent.Activation{ID: *a.ActivationId, Code: *a.ActivationCode, Region: config.Region})
	if err != nil {
		t.Fatal(err)
	}
	node := h.Node()
	if _, err := ssm.NewFromConfig(config).DeregisterManagedInstance(
		t.Context(), &ssm.DeregisterManagedInstanceInput{InstanceId: &node},
	); err != nil {
		t.Fatal(err)
	}
	_, err = tunnel.Join(context.Background(),
		tunnel.JoinConfig{Server: s.Join(), Activation: *a.ActivationId, Code: *a.ActivationCode, Subnet: subnets[0]})
	if err == nil || !strings.Contains(err.Error(), "used up") {
		t.Errorf("joined again: %v", err)
	}
}

func makeNodeRole(t *testing.T, config aws.Config) {
	t.Helper()
	if _, err := iam.NewFromConfig(config).CreateRole(t.Context(), &iam.CreateRoleInput{
		RoleName: aws.String("Nodes"),
		AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{
			"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"ssm.amazonaws.com"}}]}`),
	}); err != nil {
		t.Fatal(err)
	}
}

func twoSubnets(t *testing.T, config aws.Config) (ids [2]string) {
	t.Helper()
	c := ec2.NewFromConfig(config)
	vpc, err := c.CreateVpc(t.Context(), &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")})
	if err != nil {
		t.Fatal(err)
	}
	for n, block := range []string{"10.0.1.0/24", "10.0.2.0/24"} {
		made, err := c.CreateSubnet(t.Context(), &ec2.CreateSubnetInput{VpcId: vpc.Vpc.VpcId, CidrBlock: &block})
		if err != nil {
			t.Fatal(err)
		}
		ids[n] = *made.Subnet.SubnetId
	}
	return ids
}

// A machine that joins hears of the DNS servers and domains of the VPC's DHCP options, and asks those servers over its
// tunnel: one that is a neighbour without a DNS server answers nothing, the VPC's resolver after it does.
func TestJoinedMachinesHearOfDhcpOptions(t *testing.T) {
	s, config := open(t, server.Config{})
	subnets := twoSubnets(t, config)
	makeNodeRole(t, config)
	c := ec2.NewFromConfig(config)
	a := activate(t, config, "postern:subnet-id", subnets[0])
	join := tunnel.JoinConfig{
		Server:     s.Join(),
		Activation: *a.ActivationId,
		Code:       *a.ActivationCode,
		Subnet:     subnets[0],
		PrivateKey: link.NewPrivateKey(),
	}
	before, err := tunnel.Join(context.Background(), join)
	if err != nil {
		t.Fatal(err)
	}
	if got := before.Grant.NameServers(); len(got) != 1 || got[0] != before.Grant.Resolver ||
		!slices.Equal(before.Grant.Search, []string{"ec2.internal"}) {
		t.Errorf("without options of its own: %v, %v", got, before.Grant.Search)
	}
	options, err := c.CreateDhcpOptions(
		t.Context(),
		&ec2.CreateDhcpOptionsInput{DhcpConfigurations: []ec2types.NewDhcpConfiguration{
			{Key: aws.String("domain-name-servers"), Values: []string{"10.0.2.53", "AmazonProvidedDNS"}},
			{Key: aws.String("domain-name"), Values: []string{"corp.example ec2.internal"}},
		}},
	)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.AssociateDhcpOptions(t.Context(), &ec2.AssociateDhcpOptionsInput{
		DhcpOptionsId: options.DhcpOptions.DhcpOptionsId, VpcId: &before.Grant.VPC,
	}); err != nil {
		t.Fatal(err)
	}
	after, err := tunnel.Join(context.Background(), join)
	if err != nil {
		t.Fatal(err)
	}
	if want := []netip.Addr{
		netip.MustParseAddr("10.0.2.53"), before.Grant.Resolver,
	}; !slices.Equal(after.Grant.NameServers(), want) ||
		!slices.Equal(after.Grant.Search, []string{"corp.example", "ec2.internal"}) ||
		after.Grant.Address != before.Grant.Address {
		t.Errorf("after: %v, %v at %s", after.Grant.NameServers(), after.Grant.Search, after.Grant.Address)
	}
	wire, err := tunnel.Dial(t.Context(), after, tunnel.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer wire.Close()
	host := "ip-" + strings.ReplaceAll(after.Local().String(), ".", "-")
	if got, err := wire.LookupHost(t.Context(), host); err != nil || len(got) != 1 || got[0] != after.Local() {
		t.Errorf("%s, a short name, is %v, %v", host, got, err)
	}
}
