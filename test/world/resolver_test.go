package world_test

import (
	"context"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/route53resolver"
	"github.com/aws/aws-sdk-go-v2/service/route53resolver/types"
	wire "github.com/miekg/dns"

	"postern/test/world"
)

// dialer is a machine of the world.
type dialer interface {
	Dial(ctx context.Context, network, address string) (net.Conn, error)
}

// question asks a DNS server from a machine for the IPv4 addresses of a name. It says "silence" if there is no answer.
func question(t *testing.T, from dialer, network, server, name string, patience time.Duration) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, err := from.Dial(ctx, network, server+":53")
	if err != nil {
		return "silence"
	}
	defer c.Close()
	if deadline, ok := ctx.Deadline(); ok {
		_ = c.SetDeadline(deadline)
	}
	m := new(wire.Msg)
	m.SetQuestion(wire.Fqdn(name), wire.TypeA)
	r, _, err := (&wire.Client{Timeout: patience}).ExchangeWithConnContext(ctx, m, &wire.Conn{Conn: c})
	if err != nil {
		return "silence"
	}
	words := []string{wire.RcodeToString[r.Rcode]}
	for _, rr := range r.Answer {
		if a, ok := rr.(*wire.A); ok {
			words = append(words, a.A.String())
		}
	}
	slices.Sort(words[1:])
	return strings.Join(words, " ")
}

const (
	atOnce = 20 * time.Second
	never  = 300 * time.Millisecond
)

// resolverEndpoint makes a Resolver endpoint of two addresses in a subnet, and waits until it works.
func resolverEndpoint(
	t *testing.T,
	w *world.World,
	way types.ResolverEndpointDirection,
	subnet, group string,
) (id string, addresses []string) {
	t.Helper()
	made := ok[*route53resolver.CreateResolverEndpointOutput](t)(
		w.Resolver.CreateResolverEndpoint(t.Context(), &route53resolver.CreateResolverEndpointInput{
			CreatorRequestId: aws.String(string(way) + subnet), Direction: way, SecurityGroupIds: []string{group},
			IpAddresses: []types.IpAddressRequest{{SubnetId: &subnet}, {SubnetId: &subnet}},
		}),
	).ResolverEndpoint
	w.Until("the Resolver endpoint is operational", func() bool {
		got := ok[*route53resolver.GetResolverEndpointOutput](t)(
			w.Resolver.GetResolverEndpoint(t.Context(), &route53resolver.GetResolverEndpointInput{ResolverEndpointId: made.Id}),
		)
		return got.ResolverEndpoint.Status == types.ResolverEndpointStatusOperational
	})
	list := ok[*route53resolver.ListResolverEndpointIpAddressesOutput](t)(
		w.Resolver.ListResolverEndpointIpAddresses(t.Context(),
			&route53resolver.ListResolverEndpointIpAddressesInput{ResolverEndpointId: made.Id}),
	)
	for _, a := range list.IpAddresses {
		addresses = append(addresses, *a.Ip)
	}
	return *made.Id, addresses
}

// rule makes a FORWARD rule that holds for the world's VPC.
func rule(t *testing.T, w *world.World, domain, endpoint string, targets ...string) string {
	t.Helper()
	in := &route53resolver.CreateResolverRuleInput{
		CreatorRequestId: aws.String(domain), RuleType: types.RuleTypeOptionForward, DomainName: &domain,
		ResolverEndpointId: &endpoint,
	}
	for _, to := range targets {
		in.TargetIps = append(in.TargetIps, types.TargetAddress{Ip: &to})
	}
	made := ok[*route53resolver.CreateResolverRuleOutput](t)(w.Resolver.CreateResolverRule(t.Context(), in))
	ok[*route53resolver.AssociateResolverRuleOutput](t)(w.Resolver.AssociateResolverRule(t.Context(),
		&route53resolver.AssociateResolverRuleInput{ResolverRuleId: made.ResolverRule.Id, VPCId: &w.VPC}))
	return *made.ResolverRule.Id
}

// dnsPermission allows DNS over both protocols from a range.
func dnsPermission(cidr string) []ec2types.IpPermission {
	var out []ec2types.IpPermission
	for _, protocol := range []string{"udp", "tcp"} {
		p := permission(53, cidr)[0]
		p.IpProtocol = aws.String(protocol)
		out = append(out, p)
	}
	return out
}

// named gives the hub's endpoint its private name, in the hub.
func (h *hub) named() {
	h.t.Helper()
	ok[*ec2.ModifyVpcAttributeOutput](h.t)(h.w.EC2.ModifyVpcAttribute(h.t.Context(), &ec2.ModifyVpcAttributeInput{
		VpcId: &h.vpc, EnableDnsHostnames: &ec2types.AttributeBooleanValue{Value: aws.Bool(true)},
	}))
	ok[*ec2.ModifyVpcEndpointOutput](h.t)(
		h.w.EC2.ModifyVpcEndpoint(h.t.Context(),
			&ec2.ModifyVpcEndpointInput{VpcEndpointId: &h.endpoint, PrivateDnsEnabled: aws.Bool(true)}),
	)
	ok[*ec2.AuthorizeSecurityGroupIngressOutput](h.t)(h.w.EC2.AuthorizeSecurityGroupIngress(h.t.Context(),
		&ec2.AuthorizeSecurityGroupIngressInput{GroupId: &h.group, IpPermissions: dnsPermission(worldRange)}))
}

// address is the hub's endpoint's.
func (h *hub) address() string {
	h.t.Helper()
	found := ok[*ec2.DescribeNetworkInterfacesOutput](h.t)(
		h.w.EC2.DescribeNetworkInterfaces(h.t.Context(), &ec2.DescribeNetworkInterfacesInput{
			Filters: []ec2types.Filter{
				{Name: aws.String("description"), Values: []string{"VPC Endpoint Interface " + h.endpoint}},
			},
		}),
	)
	return *found.NetworkInterfaces[0].PrivateIpAddress
}

// TestInboundEndpoint: the resolver of a VPC is not reached from outside it; its inbound endpoint is, over a peering
// and from a machine that is no instance, and answers with the names of its own VPC.
func TestInboundEndpoint(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	h, n, machine := newHub(t, w), w.Bare(), w.Machine()
	h.named()
	id, inbound := resolverEndpoint(t, w, types.ResolverEndpointDirectionInbound, h.subnet, h.group)
	interfaces := ok[*ec2.DescribeNetworkInterfacesOutput](t)(
		w.EC2.DescribeNetworkInterfaces(t.Context(), &ec2.DescribeNetworkInterfacesInput{
			Filters: []ec2types.Filter{{Name: aws.String("description"), Values: []string{"Route 53 Resolver: " + id + ":*"}}},
		}),
	).NetworkInterfaces
	for _, c := range interfaces {
		if c.Status != ec2types.NetworkInterfaceStatusInUse || !*c.RequesterManaged || c.Attachment.InstanceId != nil ||
			!slices.Contains(inbound, *c.PrivateIpAddress) {
			t.Errorf("%+v", c)
		}
	}
	if len(interfaces) != 2 {
		t.Errorf("%d interfaces", len(interfaces))
	}
	if got := question(t, n, "udp", "10.1.0.2", "ssm.us-east-1.amazonaws.com", never); got != "silence" {
		t.Errorf("the resolver of another VPC says %q", got)
	}
	if n.Drops()["resolver-outside"] == 0 {
		t.Errorf("dropped: %v", n.Drops())
	}
	private := "NOERROR " + h.address()
	for _, from := range []dialer{n, machine} {
		for _, server := range inbound {
			for _, network := range []string{"udp", "tcp"} {
				if got := question(t, from, network, server, "ssm.us-east-1.amazonaws.com", atOnce); got != private {
					t.Errorf("%T, %s over %s: %q, want %q", from, server, network, got, private)
				}
			}
		}
	}
	w.Restart()
	for _, network := range []string{"udp", "tcp"} {
		if got := question(t, machine, network, inbound[1], "ssm.us-east-1.amazonaws.com", atOnce); got != private {
			t.Errorf("after a restart, over %s: %q, want %q", network, got, private)
		}
	}
	w.Until("the instance has booted again", func() bool {
		return question(t, n, "udp", inbound[0], "ssm.us-east-1.amazonaws.com", never) == private
	})
	if got := question(t, n, "udp", inbound[0], "ssmmessages.us-east-1.amazonaws.com", atOnce); strings.HasPrefix(got,
		private) {
		t.Errorf("a service without an endpoint in the hub: %q", got)
	}
	revoked := &ec2.RevokeSecurityGroupIngressInput{GroupId: &h.group, IpPermissions: dnsPermission(worldRange)}
	ok[*ec2.RevokeSecurityGroupIngressOutput](t)(w.EC2.RevokeSecurityGroupIngress(t.Context(), revoked))
	if got := question(t, n, "udp", inbound[0], "ssm.us-east-1.amazonaws.com", never); got != "silence" ||
		n.Drops()["no-rule"] == 0 {
		t.Errorf("without a rule of the endpoint's group: %q, dropped %v", got, n.Drops())
	}
	ok[*route53resolver.DeleteResolverEndpointOutput](t)(
		w.Resolver.DeleteResolverEndpoint(t.Context(), &route53resolver.DeleteResolverEndpointInput{ResolverEndpointId: &id}),
	)
	if got := question(t, n, "udp", inbound[0], "ssm.us-east-1.amazonaws.com", never); got != "silence" {
		t.Errorf("what is deleted says %q", got)
	}
}

// TestForwardingRules: the resolver asks the hub's inbound endpoint for Amazon's names, and a DNS server on a node for
// the company's, from its outbound endpoint; a node comes online by an endpoint that stands in the hub only.
func TestForwardingRules(t *testing.T) {
	t.Parallel()
	w := world.New(t, world.Nodes(1))
	h := newHub(t, w)
	h.named()
	w.AllowDNS()
	s := startNameServer(t, w)
	_, inbound := resolverEndpoint(t, w, types.ResolverEndpointDirectionInbound, h.subnet, h.group)
	out, _ := resolverEndpoint(t, w, types.ResolverEndpointDirectionOutbound, w.Subnets[1], w.NodeGroup)
	ask := func(name string) string {
		t.Helper()
		return question(t, s.node, "udp", "10.0.0.2", name, atOnce)
	}
	own := ask("ssm.us-east-1.amazonaws.com")
	rule(t, w, "amazonaws.com", out, inbound...)
	rule(t, w, ownZone, out, s.node.Address.String())
	if got := ask("ssm.us-east-1.amazonaws.com"); got != own || own == "NXDOMAIN" {
		t.Errorf("the VPC's own endpoint's name is %q, was %q", got, own)
	}
	if got := ask("db." + ownZone); got != "NOERROR 10.0.1.99" {
		t.Errorf("the company's name is %q", got)
	}
	if got := ask("nothing." + ownZone); got != "NXDOMAIN" {
		t.Errorf("a name that the company does not have is %q", got)
	}
	if s.asked.Load() > 0 {
		t.Error("names of Amazon's were asked of the company's server")
	}

	w.DeleteEndpoint("ssm")
	if got, want := ask("ssm.us-east-1.amazonaws.com"), "NOERROR "+h.address(); got != want {
		t.Errorf("by way of the hub: %q, want %q", got, want)
	}
	n := w.Node(0)
	n.Reboot()
	n.Await(world.Online)
	if got := try(t, n, ssmName, connects); got != connects {
		t.Errorf("by its name, the node %s", got)
	}
	if r := explain(t, w, n.ID, "ssm"); !r.Works {
		t.Errorf("it works, and explain says %+v", r.Findings)
	}

	table := h.here
	h.unroute(table, hubRange)
	if got := ask("ssm.us-east-1.amazonaws.com"); got != "SERVFAIL" {
		t.Errorf("without a route to the hub: %q", got)
	}
	explained(t, explain(t, w, n.ID, "ssm"), "dns/forward-unreached", table)
	h.route(table, hubRange)
	if got, want := ask("ssm.us-east-1.amazonaws.com"), "NOERROR "+h.address(); got != want {
		t.Errorf("with the route again: %q, want %q", got, want)
	}
}
