package world_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"postern/network/link/userstack"
	"postern/test/world"
)

// provider is a machine in a VPC of its own, whose range is that of the world's, with an endpoint service before it.
// What it is sent it sends back, after the PROXY header.
type provider struct {
	w       *world.World
	eni     string
	stack   *userstack.Stack
	group   string
	service *ec2types.ServiceConfiguration
	headers chan []byte
}

func newProvider(t *testing.T, w *world.World) *provider {
	t.Helper()
	ctx := t.Context()
	v := ok[*ec2.CreateVpcOutput](t)(
		w.EC2.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")}),
	).Vpc.VpcId
	subnet := ok[*ec2.CreateSubnetOutput](t)(w.EC2.CreateSubnet(ctx, &ec2.CreateSubnetInput{
		VpcId: v, CidrBlock: aws.String("10.0.1.0/24"), AvailabilityZone: aws.String("us-east-1a"),
	})).Subnet.SubnetId
	p := &provider{w: w, headers: make(chan []byte, 16)}
	p.group = *ok[*ec2.CreateSecurityGroupOutput](t)(w.EC2.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{
		VpcId: v, GroupName: aws.String("db"), Description: aws.String("db"),
	})).GroupId
	made, err := w.Server.Interface(ctx, *subnet, "db", p.group)
	if err != nil {
		t.Fatal(err)
	}
	p.eni = made.ID
	p.plug(t, made.Addresses[0])
	p.service = ok[*ec2.CreateVpcEndpointServiceConfigurationOutput](t)(
		w.EC2.CreateVpcEndpointServiceConfiguration(ctx, &ec2.CreateVpcEndpointServiceConfigurationInput{
			NetworkLoadBalancerArns: []string{
				"arn:aws:postern:us-east-1:000000000000:target/5432/network-interface/" + p.eni + "/8080/proxy-protocol-v2",
			},
		}),
	).ServiceConfiguration
	return p
}

// plug connects the machine to the server of now.
func (p *provider) plug(t *testing.T, at netip.Addr) {
	t.Helper()
	var err error
	if p.stack, err = userstack.New(1500, at); err != nil {
		t.Fatal(err)
	}
	p.w.Server.Attach(p.eni, p.stack)
	l, err := p.stack.ListenTCP(netip.AddrPortFrom(at, 8080))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go p.echo(c)
		}
	}()
}

func (p *provider) echo(c net.Conn) {
	defer c.Close()
	header := make([]byte, 100)
	if _, err := io.ReadFull(c, header); err != nil {
		return
	}
	p.headers <- header
	_, _ = io.Copy(c, c)
}

// answer accepts or rejects an endpoint.
func (p *provider) answer(t *testing.T, accept bool, endpoint string) {
	t.Helper()
	ids := []string{endpoint}
	var failed []ec2types.UnsuccessfulItem
	if accept {
		failed = ok[*ec2.AcceptVpcEndpointConnectionsOutput](t)(
			p.w.EC2.AcceptVpcEndpointConnections(t.Context(), &ec2.AcceptVpcEndpointConnectionsInput{
				ServiceId: p.service.ServiceId, VpcEndpointIds: ids,
			}),
		).Unsuccessful
	} else {
		in := &ec2.RejectVpcEndpointConnectionsInput{ServiceId: p.service.ServiceId, VpcEndpointIds: ids}
		failed = ok[*ec2.RejectVpcEndpointConnectionsOutput](t)(
			p.w.EC2.RejectVpcEndpointConnections(t.Context(), in)).Unsuccessful
	}
	if len(failed) > 0 {
		t.Fatalf("answered: %v", failed)
	}
}

func allow(t *testing.T, w *world.World, group string, port int32, cidr string) {
	t.Helper()
	ok[*ec2.AuthorizeSecurityGroupIngressOutput](t)(
		w.EC2.AuthorizeSecurityGroupIngress(t.Context(), &ec2.AuthorizeSecurityGroupIngressInput{
			GroupId: &group, IpPermissions: []ec2types.IpPermission{{
				IpProtocol: aws.String("tcp"), FromPort: &port, ToPort: &port, IpRanges: []ec2types.IpRange{{CidrIp: &cidr}},
			}},
		}),
	)
}

// TestOwnEndpointService: a node reaches a machine of another VPC by an endpoint once its owner accepts it and the
// groups of both sides let it in, and no longer once it is rejected or the endpoint is deleted.
func TestOwnEndpointService(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	n := w.Bare()
	p := newProvider(t, w)
	e := ok[*ec2.CreateVpcEndpointOutput](t)(w.EC2.CreateVpcEndpoint(t.Context(), &ec2.CreateVpcEndpointInput{
		VpcId: &w.VPC, VpcEndpointType: ec2types.VpcEndpointTypeInterface, ServiceName: p.service.ServiceName,
		SubnetIds: w.Subnets[:1], SecurityGroupIds: []string{w.EndpointGroup}, PrivateDnsEnabled: aws.Bool(false),
	})).VpcEndpoint
	id := *e.VpcEndpointId
	found := ok[*ec2.DescribeNetworkInterfacesOutput](t)(
		w.EC2.DescribeNetworkInterfaces(t.Context(),
			&ec2.DescribeNetworkInterfacesInput{NetworkInterfaceIds: e.NetworkInterfaceIds}),
	)
	address := *found.NetworkInterfaces[0].PrivateIpAddress + ":5432"
	drops := func(reason string) {
		t.Helper()
		w.Until("a packet is dropped: "+reason, func() bool { return n.Drops()[reason] > 0 })
	}
	sees := func(want attempt) {
		t.Helper()
		if got := try(t, n, address, want); got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
	sees(timesOut)
	drops("endpoint-unavailable")
	p.answer(t, true, id)
	sees(timesOut)
	drops("no-rule")
	allow(t, w, w.EndpointGroup, 5432, "10.0.1.0/24")
	allow(t, w, p.group, 8080, "10.0.1.0/24")
	address = *e.DnsEntries[0].DnsName + ":5432" // its own name holds everywhere
	talk := func() net.Conn { t.Helper(); return p.talk(t, n, address, id) }
	c := talk()
	p.answer(t, false, id)
	endsByReset(t, c)
	sees(noName) // an endpoint that was rejected has no names
	p.answer(t, true, id)
	talk()
	w.Restart()
	p.plug(t, p.address(t))
	w.Until("the node is connected again", func() bool { return try(t, n, address, connects) == connects })
	c = talk()
	deleted := ok[*ec2.DeleteVpcEndpointsOutput](t)(
		w.EC2.DeleteVpcEndpoints(t.Context(), &ec2.DeleteVpcEndpointsInput{VpcEndpointIds: []string{id}}),
	)
	if len(deleted.Unsuccessful) > 0 {
		t.Fatalf("deleted: %v", deleted.Unsuccessful)
	}
	endsByReset(t, c)
	sees(noName)
}

// talk says hello to the machine through the endpoint with an id, and wants the proxy header to name the node.
func (p *provider) talk(t *testing.T, n *world.Node, address, id string) net.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	c, err := n.Dial(ctx, "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, "hello"); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 5)
	if _, err := io.ReadFull(c, got); err != nil || string(got) != "hello" {
		t.Fatalf("it says %q, %v", got, err)
	}
	header := <-p.headers
	from := n.Address.As4()
	if !bytes.Equal(header[16:20], from[:]) || !bytes.Contains(header, []byte("\xea\x00\x17\x01"+id)) {
		t.Errorf("the header is %x", header)
	}
	return c
}

// endsByReset wants a connection to be reset.
func endsByReset(t *testing.T, c net.Conn) {
	t.Helper()
	if _, err := c.Read(make([]byte, 1)); err == nil || !strings.Contains(err.Error(), "reset") {
		t.Errorf("it ends with %v, want a reset", err)
	}
}

// address is the machine's.
func (p *provider) address(t *testing.T) netip.Addr {
	t.Helper()
	out := ok[*ec2.DescribeNetworkInterfacesOutput](t)(
		p.w.EC2.DescribeNetworkInterfaces(t.Context(),
			&ec2.DescribeNetworkInterfacesInput{NetworkInterfaceIds: []string{p.eni}}),
	)
	return netip.MustParseAddr(*out.NetworkInterfaces[0].PrivateIpAddress)
}
