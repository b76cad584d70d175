package network_test

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"postern/aws/fault"
	"postern/network"
	"postern/network/vpc"
	"postern/record"
)

// TestAnyOrder draws verbs in any order with any of the ids that there are. Whatever they do, each either succeeds, and
// then the judge takes the new network, or is refused with a code; and what is stored reads as what is shown.
func TestAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &machine{t: t, store: new(record.Memory)}
		m.s = m.open()
		verbs := m.verbs()
		for range rapid.IntRange(1, 60).Draw(t, "verbs") {
			name := rapid.SampledFrom(verbNames).Draw(t, "verb")
			err := verbs[name]()
			if f := fault.Of(err); f != nil && (f.Code == "" || f.Kind == fault.Internal) {
				t.Fatalf("%s: %v has no code", name, err)
			}
		}
		if shown, read := m.s.Snapshot().Network(), m.open().Snapshot().Network(); !cmp.Equal(shown, read, comparable...) {
			t.Fatalf("stored (-shown +read):\n%s", cmp.Diff(shown, read, comparable...))
		}
		m.clear()
		m.openAt(func() time.Time { return time.Now().Add(72 * time.Hour) }) // ended peerings are forgotten
		if n := m.store.Len(); n != 0 {
			t.Fatalf("%d records are left behind", n)
		}
	})
}

var comparable = []cmp.Option{cmpopts.EquateComparable(netip.Prefix{}, netip.Addr{}), cmpopts.EquateEmpty()}

var verbNames = []string{
	"vpc", "subnet", "group", "rule", "revoke", "interface", "interface", "endpoint", "modify", "table", "tie", "route",
	"gateway",
	"attach", "detach", "attribute", "tag", "delete", "release",
	"peer", "accept", "block", "acl", "serve", "gateway endpoint",
	"offer", "offer", "use", "use", "answer", "answer", "withdraw",
}

type machine struct {
	t     *rapid.T
	store *record.Memory
	s     *network.Service
}

func (m *machine) open() *network.Service { return m.openAt(nil) }

func (m *machine) openAt(now func() time.Time) *network.Service {
	s, err := network.New(m.t.Context(), network.Config{Store: m.store, Now: now})
	if err != nil {
		m.t.Fatal(err)
	}
	return s
}

// pick draws an id of those there are, or one that is not.
func pick[T any](m *machine, all func(func(T) bool), id func(T) string) string {
	ids := []string{"vpc-00000000000000000"}
	for r := range all {
		ids = append(ids, id(r))
	}
	return rapid.SampledFrom(ids).Draw(m.t, "id")
}

func (m *machine) vpc() string {
	return pick(m, m.s.State().VPCs(here), func(v *network.VPC) string { return v.ID })
}
func (m *machine) subnet() string {
	return pick(m, m.s.State().Subnets(here), func(v *network.Subnet) string { return v.ID })
}
func (m *machine) group() string {
	return pick(m, m.s.State().SecurityGroups(here), func(v *network.SecurityGroup) string { return v.ID })
}
func (m *machine) table() string {
	return pick(m, m.s.State().RouteTables(here), func(v *network.RouteTable) string { return v.ID })
}
func (m *machine) gateway() string {
	return pick(m, m.s.State().InternetGateways(here), func(v *network.InternetGateway) string { return v.ID })
}
func (m *machine) nic() string {
	return pick(m, m.s.State().Interfaces(here), func(v *network.Interface) string { return v.ID })
}
func (m *machine) endpoint() string {
	return pick(m, m.s.State().VpcEndpoints(here), func(v *network.VpcEndpoint) string { return v.ID })
}

func (m *machine) offered() string {
	return pick(m, m.s.State().VpcEndpointServices(here), func(v *network.VpcEndpointService) string { return v.ID })
}

func (m *machine) acl() string {
	return pick(m, m.s.State().NetworkACLs(here), func(v *network.NetworkACL) string { return v.ID })
}
func (m *machine) peering() string {
	return pick(m, m.s.State().PeeringsOf(here), func(v *network.Peering) string { return v.ID })
}

func (m *machine) cidr() netip.Prefix {
	return rapid.Custom(func(t *rapid.T) netip.Prefix {
		a := netip.AddrFrom4([4]byte{
			10, rapid.ByteMax(1).Draw(t, "b"), rapid.ByteMax(3).Draw(t, "c"), rapid.Byte().Draw(t, "d"),
		})
		return netip.PrefixFrom(a, rapid.SampledFrom([]int{0, 16, 24, 28, 30, 32}).Draw(t, "bits"))
	}).Draw(m.t, "cidr")
}

func (m *machine) rule() network.SecurityGroupRule {
	r := network.SecurityGroupRule{
		Protocol: rapid.SampledFrom([]vpc.Protocol{vpc.TCP, vpc.ICMP, vpc.AllProtocols, 50}).Draw(m.t, "protocol"),
		Ports: rapid.SampledFrom([]vpc.PortRange{
			{From: 443, To: 443}, {From: -1, To: -1}, {From: 0, To: 65535}, {From: 8, To: -1},
		}).Draw(m.t, "ports"),
	}
	switch rapid.IntRange(0, 2).Draw(m.t, "peer") {
	case 0:
		r.CIDR = m.cidr()
	case 1:
		r.Group = m.group()
	case 2:
		r.PrefixList = "pl-63a5400a"
	}
	return r
}

// verbs returns every change that a machine makes, by its name.
func (m *machine) verbs() map[string]func() error {
	all := map[string]func() error{}
	for _, verbs := range []map[string]func() error{m.placeVerbs(), m.ruleVerbs(), m.routeVerbs(), m.endpointVerbs()} {
		maps.Copy(all, verbs)
	}
	return all
}

func (m *machine) yes() bool { return rapid.Bool().Draw(m.t, "yes") }

// placeVerbs make VPCs, what is in them, and what is gone.
func (m *machine) placeVerbs() map[string]func() error {
	s, ctx := m.s, m.t.Context()
	return map[string]func() error{
		"vpc":   func() error { return second(s.CreateVpc(ctx, here, network.CreateVpcInput{CIDR: m.cidr()})) },
		"block": func() error { return second(s.AssociateCidrBlock(ctx, here, m.vpc(), m.cidr())) },
		"subnet": func() error {
			zone := rapid.SampledFrom([]string{"", "us-east-1a", "us-east-1b", "use1-az6", "x"}).Draw(m.t, "zone")
			return second(s.CreateSubnet(ctx, here, network.CreateSubnetInput{VPC: m.vpc(), CIDR: m.cidr(), Zone: zone}))
		},
		"interface": func() error {
			return second(s.CreateInterface(ctx, here, network.CreateInterfaceInput{
				Subnet: m.subnet(), Owner: rapid.SampledFrom([]string{"", "i-1", "mi-1"}).Draw(m.t, "owner"),
				DeleteOnTermination: m.yes(), Secondary: rapid.IntRange(0, 6).Draw(m.t, "secondary"),
			}))
		},
		"attribute": func() error { return s.ModifyVpcAttribute(ctx, here, m.vpc(), network.EnableDNSHostnames, m.yes()) },
		"tag": func() error {
			return s.CreateTags(ctx, here, []string{m.subnet(), m.group()}, []network.Tag{{Key: "k"}})
		},
		"delete":  func() error { return m.delete(rapid.IntRange(0, 8).Draw(m.t, "what")) },
		"release": func() error { return s.ReleaseOwner(ctx, "i-1") },
	}
}

func (m *machine) ruleVerbs() map[string]func() error {
	s, ctx := m.s, m.t.Context()
	return map[string]func() error{
		"group": func() error {
			name := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(m.t, "name")
			return second(s.CreateSecurityGroup(ctx, here, network.CreateSecurityGroupInput{
				VPC: m.vpc(), Name: name, Description: name,
			}))
		},
		"rule": func() error {
			return second(s.Authorize(ctx, here, m.group(), m.yes(), []network.SecurityGroupRule{m.rule()}, nil))
		},
		"revoke": func() error {
			return second(s.Revoke(ctx, here, m.group(), m.yes(), network.Revocation{
				Rules: []network.SecurityGroupRule{m.rule()},
			}))
		},
		"acl": func() error {
			return second(s.CreateNetworkACL(ctx, here, network.CreateNetworkACLInput{VPC: m.vpc()}))
		},
		"serve": func() error {
			acl, err := s.State().NetworkACL(here, m.acl())
			if err != nil || len(acl.Associations) == 0 {
				return err
			}
			return second(s.ReplaceACLAssociation(ctx, here, acl.Associations[0].ID, m.acl()))
		},
	}
}

func (m *machine) routeVerbs() map[string]func() error {
	s, ctx := m.s, m.t.Context()
	return map[string]func() error{
		"table": func() error {
			return second(s.CreateRouteTable(ctx, here, network.CreateRouteTableInput{VPC: m.vpc()}))
		},
		"tie": func() error { return second(s.AssociateRouteTable(ctx, here, m.table(), m.subnet())) },
		"route": func() error {
			target := vpc.Target{Kind: vpc.ViaInternetGateway, ID: m.gateway()}
			if m.yes() {
				target = vpc.Target{Kind: vpc.ViaInterface, ID: m.nic()}
			}
			if m.yes() {
				target = vpc.Target{Kind: vpc.ViaPeering, ID: m.peering()}
			}
			return s.CreateRoute(ctx, here, m.table(), network.Route{Destination: m.cidr(), Target: target})
		},
		"gateway": func() error { return second(s.CreateInternetGateway(ctx, here, nil)) },
		"attach":  func() error { return s.AttachInternetGateway(ctx, here, m.gateway(), m.vpc()) },
		"detach":  func() error { return s.DetachInternetGateway(ctx, here, m.gateway(), m.vpc()) },
		"peer": func() error {
			return second(s.CreatePeering(ctx, here, network.CreatePeeringInput{Requester: m.vpc(), Accepter: m.vpc()}))
		},
		"accept": func() error { return second(s.AcceptPeering(ctx, here, m.peering())) },
	}
}

func (m *machine) endpointVerbs() map[string]func() error {
	s, ctx := m.s, m.t.Context()
	return map[string]func() error{
		"endpoint": func() error {
			no := false
			short := rapid.SampledFrom([]string{"ssm", "kms", "s3"}).Draw(m.t, "service")
			in := network.CreateVpcEndpointInput{
				VPC: m.vpc(), Service: "com.amazonaws.us-east-1." + short, Subnets: []network.EndpointSubnet{{ID: m.subnet()}},
			}
			if m.yes() {
				in.PrivateDNS = &no
			}
			return second(s.CreateVpcEndpoint(ctx, here, in))
		},
		"modify": func() error {
			on := m.yes()
			return s.ModifyVpcEndpoint(ctx, here, m.endpoint(), network.EndpointChange{
				AddSubnets: []network.EndpointSubnet{{ID: m.subnet()}}, AddGroups: []string{m.group()}, PrivateDNS: &on,
			})
		},
		"gateway endpoint": func() error {
			return second(s.CreateVpcEndpoint(ctx, here, network.CreateVpcEndpointInput{
				VPC: m.vpc(), Service: "com.amazonaws.us-east-1.s3", Kind: vpc.GatewayEndpoint, RouteTables: []string{m.table()},
			}))
		},
		"offer": func() error {
			arn := "arn:aws:postern:us-east-1:000000000000:target/1/network-interface/" + m.nic() + "/1"
			in := network.CreateEndpointServiceInput{Targets: []string{arn}, AcceptanceRequired: m.yes()}
			return second(s.CreateEndpointService(ctx, here, in))
		},
		"use": func() error {
			in := network.CreateVpcEndpointInput{
				VPC: m.vpc(), Service: "com.amazonaws.vpce.us-east-1." + m.offered(),
				Subnets: []network.EndpointSubnet{{ID: m.subnet()}},
			}
			return second(s.CreateVpcEndpoint(ctx, here, in))
		},
		"answer": func() error {
			answer := s.AcceptConnections
			if m.yes() {
				answer = s.RejectConnections
			}
			return failure(answer(ctx, here, m.offered(), []string{m.endpoint()}))
		},
		"withdraw": func() error { return failure(s.DeleteEndpointServices(ctx, here, []string{m.offered()})) },
	}
}

func (m *machine) delete(what int) error {
	s, ctx := m.s, m.t.Context()
	switch what {
	case 0:
		return s.DeleteVpc(ctx, here, m.vpc())
	case 1:
		return s.DeleteSubnet(ctx, here, m.subnet())
	case 2:
		return s.DeleteSecurityGroup(ctx, here, m.group())
	case 3:
		return s.DeleteInterface(ctx, here, m.nic())
	case 4:
		return second(s.DeleteVpcEndpoints(ctx, here, []string{m.endpoint()}))
	case 5:
		return s.DeleteRouteTable(ctx, here, m.table())
	case 6:
		return s.DeletePeering(ctx, here, m.peering())
	case 7:
		return s.DeleteNetworkACL(ctx, here, m.acl())
	}
	return s.DeleteInternetGateway(ctx, here, m.gateway())
}

// clear deletes everything in an order that always works.
func (m *machine) clear() {
	s, ctx := m.s, m.t.Context()
	want := func(err error) {
		m.t.Helper()
		if err != nil {
			m.t.Fatalf("clear: %v", err)
		}
	}
	want(s.ReleaseOwner(ctx, "i-1"))
	want(s.ReleaseOwner(ctx, "mi-1"))
	for e := range s.State().VpcEndpoints(here) {
		failed, err := s.DeleteVpcEndpoints(ctx, here, []string{e.ID})
		want(err)
		want(failed[e.ID])
	}
	for v := range s.State().VpcEndpointServices(here) {
		want(failure(s.DeleteEndpointServices(ctx, here, []string{v.ID})))
	}
	for n := range s.State().Interfaces(here) {
		want(s.DeleteInterface(ctx, here, n.ID))
	}
	for g := range s.State().InternetGateways(here) {
		if g.VPC != "" {
			want(s.DetachInternetGateway(ctx, here, g.ID, g.VPC))
		}
		want(s.DeleteInternetGateway(ctx, here, g.ID))
	}
	for n := range s.State().Subnets(here) {
		want(s.DeleteSubnet(ctx, here, n.ID))
	}
	m.clearGroups(want)
	for rt := range s.State().RouteTables(here) {
		if !rt.Main() {
			want(s.DeleteRouteTable(ctx, here, rt.ID))
		}
	}
	for pcx := range s.State().PeeringsOf(here) {
		if !pcx.Dead() {
			want(s.DeletePeering(ctx, here, pcx.ID))
		}
	}
	for a := range s.State().NetworkACLs(here) {
		if !a.Default {
			want(s.DeleteNetworkACL(ctx, here, a.ID))
		}
	}
	for v := range s.State().VPCs(here) {
		want(s.DeleteVpc(ctx, here, v.ID))
	}
}

func (m *machine) clearGroups(want func(error)) {
	s, ctx := m.s, m.t.Context()
	for g := range s.State().SecurityGroups(here) {
		for _, r := range g.Rules {
			_, err := s.Revoke(ctx, here, g.ID, r.Egress, network.Revocation{IDs: []string{r.ID}})
			want(err)
		}
	}
	for g := range s.State().SecurityGroups(here) {
		if g.Name != "default" {
			want(s.DeleteSecurityGroup(ctx, here, g.ID))
		}
	}
}

// TestManyInterfaces: 10,000 interfaces in one network; each has its own address and each verb stays quick.
func TestManyInterfaces(t *testing.T) {
	l := newHarness(t, network.Limits{})
	big := l.subnet("10.0.64.0/18", "us-east-1c").ID
	const batches, size = 10, 1000
	for b := range batches {
		var in []network.CreateInterfaceInput
		for i := range size {
			in = append(in, network.CreateInterfaceInput{
				Subnet: big, Owner: fmt.Sprintf("mi-%05d", b*size+i), Kind: vpc.AttachedInterface, DeleteOnTermination: true,
			})
		}
		must(l.CreateInterfaces(l.ctx, here, in))(t)
	}
	var all []netip.Addr
	for n := range l.State().Interfaces(here) {
		all = append(all, n.Addresses...)
	}
	slices.SortFunc(all, netip.Addr.Compare)
	if n := len(slices.Compact(all)); n != batches*size {
		t.Errorf("%d addresses, want %d", n, batches*size)
	}
	subnet := must(l.State().Subnet(here, big))(t)
	if got, want := l.State().AvailableAddresses(subnet), 1<<14-5-batches*size; got != want {
		t.Errorf("%d addresses are free, want %d", got, want)
	}
	if got := len(l.Snapshot().Network().Interfaces); got != batches*size {
		t.Errorf("the judge sees %d interfaces", got)
	}
}

// BenchmarkRuleChange is the time from a rule's change to its snapshot in force, with 10,000 interfaces and 1,000
// groups, on a store that keeps nothing on disk.
func BenchmarkRuleChange(b *testing.B) {
	s, group := bigNetwork(b)
	rules := []network.SecurityGroupRule{
		{Protocol: vpc.TCP, Ports: vpc.PortRange{From: 443, To: 443}, CIDR: cidr("10.0.0.0/8")},
	}
	b.ResetTimer()
	for range b.N {
		if _, err := s.Authorize(b.Context(), here, group, false, rules, nil); err != nil {
			b.Fatal(err)
		}
		if _, err := s.Revoke(b.Context(), here, group, false, network.Revocation{Rules: rules}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCreateInterface is one more interface beside 10,000, and its end.
func BenchmarkCreateInterface(b *testing.B) {
	s, _ := bigNetwork(b)
	var subnet string
	for n := range s.State().Subnets(here) {
		subnet = n.ID
	}
	b.ResetTimer()
	for range b.N {
		if _, err := s.CreateInterface(b.Context(), here, network.CreateInterfaceInput{
			Subnet: subnet, Owner: "i-x", DeleteOnTermination: true,
		}); err != nil {
			b.Fatal(err)
		}
		if err := s.ReleaseOwner(b.Context(), "i-x"); err != nil {
			b.Fatal(err)
		}
	}
}

func bigNetwork(b *testing.B) (*network.Service, string) {
	b.Helper()
	s, err := network.New(b.Context(), network.Config{Store: new(record.Memory)})
	if err != nil {
		b.Fatal(err)
	}
	v, err := s.CreateVpc(b.Context(), here, network.CreateVpcInput{CIDR: cidr("10.0.0.0/16")})
	if err != nil {
		b.Fatal(err)
	}
	subnet, err := s.CreateSubnet(b.Context(), here, network.CreateSubnetInput{VPC: v.ID, CIDR: cidr("10.0.0.0/17")})
	if err != nil {
		b.Fatal(err)
	}
	var groups []string
	for i := range 1000 {
		g, err := s.CreateSecurityGroup(b.Context(), here, network.CreateSecurityGroupInput{
			VPC: v.ID, Name: fmt.Sprint("g", i), Description: "x",
		})
		if err != nil {
			b.Fatal(err)
		}
		groups = append(groups, g.ID)
	}
	var in []network.CreateInterfaceInput
	for i := range 10_000 {
		in = append(in, network.CreateInterfaceInput{
			Subnet: subnet.ID, Owner: fmt.Sprint("mi-", i), Groups: []string{groups[i%1000]},
		})
	}
	if _, err := s.CreateInterfaces(b.Context(), here, in); err != nil {
		b.Fatal(err)
	}
	return s, groups[0]
}
