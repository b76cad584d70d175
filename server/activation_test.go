package server_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"postern/network/link/tunnel"
	"postern/server"
)

func activationTags(pairs ...string) (tags []types.Tag) {
	for i := 0; i < len(pairs); i += 2 {
		tags = append(tags, types.Tag{Key: &pairs[i], Value: &pairs[i+1]})
	}
	return tags
}

// activate makes an activation of the role Nodes with tags, which stand in pairs.
func activate(t *testing.T, config aws.Config, tags ...string) *ssm.CreateActivationOutput {
	t.Helper()
	a, err := ssm.NewFromConfig(config).
		CreateActivation(t.Context(), &ssm.CreateActivationInput{IamRole: aws.String("Nodes"), Tags: activationTags(tags...)})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// userConfig is the configuration of a new user with a policy.
func userConfig(t *testing.T, config aws.Config, name, policy string) aws.Config {
	t.Helper()
	who := iam.NewFromConfig(config)
	if _, err := who.CreateUser(t.Context(), &iam.CreateUserInput{UserName: &name}); err != nil {
		t.Fatal(err)
	}
	if _, err := who.PutUserPolicy(t.Context(), &iam.PutUserPolicyInput{
		UserName: &name, PolicyName: aws.String("own"), PolicyDocument: &policy,
	}); err != nil {
		t.Fatal(err)
	}
	key, err := who.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: &name})
	if err != nil {
		t.Fatal(err)
	}
	config.Credentials = credentials.NewStaticCredentialsProvider(*key.AccessKey.AccessKeyId,
		*key.AccessKey.SecretAccessKey, "")
	return config
}

// Who makes an activation that places machines needs the permission to make interfaces there.
func TestAnActivationAsksForItsPlace(t *testing.T) {
	s, config := open(t, server.Config{})
	subnets := twoSubnets(t, config)
	makeNodeRole(t, config)
	alice := userConfig(t, config, "alice", `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":["ssm:CreateActivation","iam:PassRole"],"Resource":"*"},
		{"Effect":"Allow","Action":"ec2:CreateNetworkInterface","Resource":["arn:aws:ec2:*:*:network-interface/*",
			"arn:aws:ec2:*:*:security-group/*","arn:aws:ec2:*:*:subnet/`+subnets[0]+`"]}]}`)
	c := ssm.NewFromConfig(alice)
	for _, row := range []struct {
		name string
		tags []types.Tag
		code string
	}{
		{"her subnet", activationTags("postern:subnet-id", subnets[0]), ""},
		{"another subnet", activationTags("postern:subnet-id", subnets[1]), "AccessDeniedException"},
		{"no subnet", activationTags("postern:subnet-id", "subnet-0123456789abcdef0"), "ValidationException"},
		{
			"groups without a subnet", activationTags("postern:security-group-ids", "sg-0123456789abcdef0"),
			"ValidationException",
		},
		{"nowhere", nil, ""},
	} {
		_, err := c.CreateActivation(t.Context(), &ssm.CreateActivationInput{IamRole: aws.String("Nodes"), Tags: row.tags})
		if got := errorCode(err); got != row.code {
			t.Errorf("%s: %q (%v), want %q", row.name, got, err, row.code)
		}
	}
	if _, err := ec2.NewFromConfig(config).DeleteSubnet(t.Context(), &ec2.DeleteSubnetInput{
		SubnetId: &subnets[0],
	}); err != nil {
		t.Fatal(err)
	}
	// The only subnet that is left is not hers: an activation that names none lets nobody in there.
	a, err := c.CreateActivation(t.Context(), &ssm.CreateActivationInput{IamRole: aws.String("Nodes")})
	if err != nil {
		t.Fatal(err)
	}
	_, err = tunnel.Join(context.Background(),
		tunnel.JoinConfig{Server: s.Join(), Activation: *a.ActivationId, Code: *a.ActivationCode})
	if err == nil || !strings.Contains(err.Error(), "does not say where its machines go") {
		t.Errorf("joined the only subnet, in which she may make no interface: %v", err)
	}
}

// A machine that joined and did not register goes with its activation, and what another one made stays.
func TestADeletedActivationPutsItsMachinesOut(t *testing.T) {
	s, config := open(t, server.Config{})
	subnets := twoSubnets(t, config)
	makeNodeRole(t, config)
	join := func() (id, eni, host string, wire *tunnel.Tunnel) {
		a := activate(t, config, "postern:subnet-id", subnets[0])
		joined, err := tunnel.Join(context.Background(),
			tunnel.JoinConfig{Server: s.Join(), Activation: *a.ActivationId, Code: *a.ActivationCode})
		if err != nil {
			t.Fatal(err)
		}
		wire, err = tunnel.Dial(t.Context(), joined, tunnel.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = wire.Close() })
		host = "ip-" + strings.ReplaceAll(joined.Local().String(), ".", "-") + ".ec2.internal"
		return *a.ActivationId, joined.Grant.Interface, host, wire
	}
	gone, goneInterface, host, wire := join()
	_, other, otherHost, otherTunnel := join()
	if _, err := wire.LookupHost(t.Context(), host); err != nil {
		t.Fatalf("before: %v", err)
	}
	if _, err := ssm.NewFromConfig(config).DeleteActivation(t.Context(), &ssm.DeleteActivationInput{
		ActivationId: &gone,
	}); err != nil {
		t.Fatal(err)
	}
	left, err := ec2.NewFromConfig(config).DescribeNetworkInterfaces(t.Context(), &ec2.DescribeNetworkInterfacesInput{})
	if err != nil {
		t.Fatal(err)
	}
	if len(left.NetworkInterfaces) != 1 || *left.NetworkInterfaces[0].NetworkInterfaceId != other {
		t.Errorf("interfaces after the deletion: %+v; want %s and not %s", left.NetworkInterfaces, other, goneInterface)
	}
	short, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	if got, err := wire.LookupHost(short, host); err == nil {
		t.Errorf("the machine that was put out still resolves names: %v", got)
	}
	if _, err := otherTunnel.LookupHost(t.Context(), otherHost); err != nil {
		t.Errorf("the other one: %v", err)
	}
}
