package vpctest

import (
	"fmt"
	"net/netip"
	"slices"

	"pgregory.net/rapid"

	"postern/network/vpc"
)

// Networks draws small networks of every shape: one to three VPCs, peerings of every state, gateways, prefix lists,
// middleboxes, endpoints of both kinds, services of one's own, Resolver endpoints and rules, ACLs that allow and deny,
// groups that refer to each other. Every one of them is accepted by vpc.NewSnapshot.
func Networks() *rapid.Generator[vpc.Network] {
	return rapid.Custom(func(t *rapid.T) vpc.Network {
		d := &drawer{T: t}
		for i := range d.between(1, 3, "vpcs") {
			d.vpc(i)
		}
		d.prefixLists()
		d.peerings()
		for i := range d.n.VPCs {
			d.groups(&d.n.VPCs[i])
		}
		d.interfaces()
		d.endpoints()
		d.ownService()
		d.natGateways()
		d.internet()
		d.resolvers()
		for i := range d.n.VPCs {
			d.acls(&d.n.VPCs[i])
			d.routeTables(&d.n.VPCs[i])
		}
		return d.n
	})
}

// drawer draws one network. What is drawn later refers to what is there already.
type drawer struct {
	*rapid.T
	n vpc.Network
}

// byteValue draws every byte equally often; rapid's own integers prefer small ones, which would make rare what should
// be common here.
var byteValue = rapid.Custom(func(t *rapid.T) int {
	v := 0
	for range 8 {
		v <<= 1
		if rapid.Bool().Draw(t, "bit") {
			v |= 1
		}
	}
	return v
})

func (d *drawer) chance(percent int, label string) bool {
	return byteValue.Draw(d.T, label)*100 < percent*256
}

func pick[T any](t *rapid.T, label string, from []T) T {
	return from[byteValue.Draw(t, label)%len(from)]
}

func (d *drawer) between(low, high int, label string) int {
	return low + byteValue.Draw(d.T, label)%(high-low+1)
}

func (d *drawer) vpc(i int) {
	v := vpc.VPC{
		ID: fmt.Sprintf("vpc-%d", i), Account: "000000000000",
		Region:     pick(d.T, "region", []string{"us-east-1", "us-east-1", "eu-west-1"}),
		CIDRs:      []netip.Prefix{netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i), 0, 0}), 16)},
		DNSSupport: d.chance(85, "dns"), DNSHostnames: d.chance(85, "hostnames"),
	}
	if d.chance(30, "second range") {
		v.CIDRs = append(v.CIDRs, netip.PrefixFrom(netip.AddrFrom4([4]byte{100, 64 + byte(i), 0, 0}), 16))
	}
	d.n.VPCs = append(d.n.VPCs, v)
	for j := range d.between(1, 3, "subnets") {
		c := pick(d.T, "range", v.CIDRs).Addr().As4()
		c[2] = byte(j + 1)
		d.n.Subnets = append(d.n.Subnets, vpc.Subnet{
			ID: fmt.Sprintf("subnet-%d-%d", i, j), VPC: v.ID, CIDR: netip.PrefixFrom(netip.AddrFrom4(c), 24),
			Zone: v.Region + string(rune('a'+j)),
		})
	}
}

func (d *drawer) prefixLists() {
	for i := range d.between(0, 2, "prefix lists") {
		l := vpc.PrefixList{
			ID: fmt.Sprintf("pl-%d", i), Name: pick(d.T, "list name", []string{"com.amazonaws.us-east-1.s3", "custom"}),
		}
		for range d.between(0, 3, "list ranges") {
			l.CIDRs = append(l.CIDRs, d.prefix())
		}
		d.n.PrefixLists = append(d.n.PrefixLists, l)
	}
}

// prefix is a range that has to do with the network: one of everything, of a VPC, a subnet, the Internet, or one host.
func (d *drawer) prefix() netip.Prefix {
	choices := []netip.Prefix{
		netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("52.216.0.0/15"),
		netip.MustParsePrefix("52.216.1.0/24"), netip.MustParsePrefix("::/0"),
	}
	for _, v := range d.n.VPCs {
		choices = append(choices, v.CIDRs...)
	}
	for _, n := range d.n.Subnets {
		choices = append(choices, n.CIDR, netip.PrefixFrom(hostOf(n, 20), 32))
	}
	return pick(d.T, "prefix", choices)
}

// hostOf is the subnet's address with the last octet h.
func hostOf(n vpc.Subnet, h byte) netip.Addr {
	a := n.CIDR.Addr().As4()
	a[3] = h
	return netip.AddrFrom4(a)
}

func (d *drawer) peerings() {
	for i := range d.n.VPCs {
		for j := range i {
			if !d.chance(70, "peered") {
				continue
			}
			d.n.Peerings = append(d.n.Peerings, vpc.Peering{
				ID: fmt.Sprintf("pcx-%d-%d", j, i), Requester: d.n.VPCs[j].ID, Accepter: d.n.VPCs[i].ID,
				Active: d.chance(80, "active"), RequesterDNS: d.chance(50, "dns"), AccepterDNS: d.chance(50, "dns"),
			})
		}
	}
}

var protocols = []vpc.Protocol{vpc.TCP, vpc.TCP, vpc.TCP, vpc.TCP, vpc.UDP, vpc.ICMP, vpc.AllProtocols, 50}

func (d *drawer) ports(p vpc.Protocol) vpc.PortRange {
	if p == vpc.ICMP {
		return pick(d.T, "icmp", []vpc.PortRange{{From: -1, To: -1}, {From: 8, To: -1}, {From: 8, To: 0}, {From: 3, To: 4}})
	}
	return pick(d.T, "ports", []vpc.PortRange{
		{From: 443, To: 443}, {From: 443, To: 443}, {From: 0, To: 65535}, {From: 22, To: 22}, {From: 1024, To: 65535},
		{From: 53, To: 100},
	})
}

func (d *drawer) groups(v *vpc.VPC) {
	for i := range d.between(1, 3, "groups") {
		g := vpc.SecurityGroup{ID: fmt.Sprintf("sg-%s-%d", v.ID, i), VPC: v.ID}
		for j := range d.between(0, 5, "rules") {
			r := d.Rule(fmt.Sprintf("sgr-%s-%d-%d", v.ID, i, j))
			if r.PeerVPC == v.ID {
				r.PeerVPC = ""
			}
			g.Rules = append(g.Rules, r)
		}
		if d.chance(80, "open egress") {
			g.Rules = append(g.Rules, vpc.Rule{
				ID: fmt.Sprintf("sgr-%s-%d-out", v.ID, i), Egress: true, Protocol: vpc.AllProtocols,
				CIDR: netip.MustParsePrefix("0.0.0.0/0"),
			})
		}
		if d.chance(30, "open ingress") {
			g.Rules = append(g.Rules, vpc.Rule{
				ID: fmt.Sprintf("sgr-%s-%d-in", v.ID, i), Protocol: vpc.AllProtocols, CIDR: netip.MustParsePrefix("10.0.0.0/8"),
			})
		}
		d.n.SecurityGroups = append(d.n.SecurityGroups, g)
	}
}

// Rule draws a rule for a group of the network so far. Groups that it refers to may not exist.
func (d *drawer) Rule(id string) vpc.Rule {
	r := vpc.Rule{ID: id, Egress: d.chance(40, "egress"), Protocol: pick(d.T, "protocol", protocols)}
	r.Ports = d.ports(r.Protocol)
	switch kind := d.between(0, 9, "peer"); {
	case kind < 4:
		r.PeerVPC = fmt.Sprintf("vpc-%d", d.between(0, 2, "vpc"))
		r.Group = fmt.Sprintf("sg-%s-%d", r.PeerVPC, d.between(0, 2, "group"))
	case kind < 6 && len(d.n.PrefixLists) > 0:
		r.PrefixList = pick(d.T, "list", d.n.PrefixLists).ID
	default:
		r.CIDR = d.prefix()
	}
	return r
}

// Rule draws a rule with that id for a group of n.
func Rule(n vpc.Network, id string) *rapid.Generator[vpc.Rule] {
	return rapid.Custom(func(t *rapid.T) vpc.Rule { return (&drawer{T: t, n: n}).Rule(id) })
}

func (d *drawer) groupsOf(v string) []string {
	var ids []string
	for _, g := range d.n.SecurityGroups {
		if g.VPC == v && d.chance(75, "member") {
			ids = append(ids, g.ID)
		}
	}
	return ids
}

func (d *drawer) interfaces() {
	kinds := []vpc.InterfaceKind{vpc.InstanceInterface, vpc.InstanceInterface, vpc.AttachedInterface}
	for _, n := range d.n.Subnets {
		for i := range d.between(1, 3, "interfaces") {
			c := vpc.Interface{
				ID: fmt.Sprintf("eni-%s-%d", n.ID, i), VPC: n.VPC, Subnet: n.ID, Kind: pick(d.T, "kind", kinds),
				Addresses: []netip.Addr{hostOf(n, byte(20+i))}, Groups: d.groupsOf(n.VPC), AnySource: d.chance(10, "any source"),
			}
			if d.chance(95, "owned") {
				c.Owner = fmt.Sprintf("i-%s-%d", n.ID, i)
			}
			if d.chance(20, "second address") {
				c.Addresses = append(c.Addresses, hostOf(n, byte(120+i)))
			}
			if d.chance(50, "public") {
				c.Public = netip.AddrFrom4([4]byte{198, 51, 100, byte(len(d.n.Interfaces))})
			}
			d.n.Interfaces = append(d.n.Interfaces, c)
		}
	}
}

func (d *drawer) endpoints() {
	for _, v := range d.n.VPCs {
		for _, service := range []string{"ssm", "ssmmessages"} {
			if d.chance(80, "endpoint") {
				d.interfaceEndpoint(v, service)
			}
		}
		if d.chance(50, "gateway endpoint") {
			d.n.Endpoints = append(d.n.Endpoints, vpc.Endpoint{
				ID: "vpce-s3-" + v.ID, VPC: v.ID, Kind: vpc.GatewayEndpoint, Service: "com.amazonaws.us-east-1.s3",
				Available: d.chance(85, "available"),
			})
		}
	}
}

func (d *drawer) interfaceEndpoint(v vpc.VPC, service string) {
	e := vpc.Endpoint{
		ID: "vpce-" + service + "-" + v.ID, VPC: v.ID, Service: "com.amazonaws." + v.Region + "." + service,
		Available: d.chance(90, "available"), PrivateDNS: d.chance(85, "private dns"),
		InboundOnly:  d.chance(10, "for inbound endpoints only"),
		PrivateNames: []string{service + "." + v.Region + ".amazonaws.com"},
		Name:         fmt.Sprintf("vpce-%s-%s.%s.%s.vpce.amazonaws.com", service, v.ID, service, v.Region),
	}
	groups := d.groupsOf(v.ID)
	for _, n := range d.n.Subnets {
		if n.VPC == v.ID && d.chance(75, "in subnet") {
			c := vpc.Interface{
				ID: "eni-" + service + "-" + n.ID, VPC: v.ID, Subnet: n.ID, Kind: vpc.EndpointInterface, Owner: e.ID,
				Groups: groups, Addresses: []netip.Addr{hostOf(n, byte(200+len(service)))},
			}
			d.n.Interfaces = append(d.n.Interfaces, c)
			e.Interfaces = append(e.Interfaces, c.ID)
		}
	}
	d.n.Endpoints = append(d.n.Endpoints, e)
}

// ownService is an endpoint service of somebody's own before one of the machines, with an endpoint to it in one VPC.
func (d *drawer) ownService() {
	if !d.chance(60, "own service") {
		return
	}
	v := vpc.EndpointService{
		ID: "vpce-svc-1", Name: "com.amazonaws.vpce.us-east-1.vpce-svc-1", Account: "000000000000",
		Opaque: d.chance(10, "opaque"),
	}
	var machines []vpc.Interface
	for _, c := range d.n.Interfaces {
		if c.Kind != vpc.EndpointInterface {
			machines = append(machines, c)
		}
	}
	for i := range d.between(0, 2, "targets") {
		target := vpc.ServiceTarget{
			Port: pick(d.T, "port", []uint16{443, 8080, 22}), TargetPort: pick(d.T, "target port", []uint16{443, 8080}),
		}
		to := pick(d.T, "target", machines)
		n := d.n.Subnets[slices.IndexFunc(d.n.Subnets, func(n vpc.Subnet) bool { return n.ID == to.Subnet })]
		target.Interface, target.From = to.ID, fmt.Sprintf("eni-service-%d-%s", i, n.ID)
		d.n.Interfaces = append(d.n.Interfaces, vpc.Interface{
			ID: target.From, VPC: n.VPC, Subnet: n.ID, Kind: vpc.ServiceInterface, Owner: v.ID,
			Addresses: []netip.Addr{hostOf(n, byte(230+i))},
		})
		if d.chance(10, "target gone") {
			target.Interface = "eni-gone"
		}
		v.Targets = append(v.Targets, target)
	}
	d.n.EndpointServices = append(d.n.EndpointServices, v)
	d.interfaceEndpoint(pick(d.T, "consumer", d.n.VPCs), "mine")
	e := &d.n.Endpoints[len(d.n.Endpoints)-1]
	e.Service = v.Name
	if !e.Available {
		e.Acceptance = pick(d.T, "acceptance", []vpc.Acceptance{vpc.Accepted, vpc.AwaitsAcceptance, vpc.AcceptanceRejected})
	}
}

func (d *drawer) subnetsOf(v string) (ids []string) {
	for _, n := range d.n.Subnets {
		if n.VPC == v {
			ids = append(ids, n.ID)
		}
	}
	return ids
}

func (d *drawer) acls(v *vpc.VPC) {
	var free []string
	for _, id := range d.subnetsOf(v.ID) {
		if d.chance(50, "own acl") {
			d.n.ACLs = append(d.n.ACLs, vpc.ACL{ID: "acl-" + id, VPC: v.ID, Subnets: []string{id}, Entries: d.entries()})
		} else {
			free = append(free, id)
		}
	}
	if len(free) > 0 && d.chance(60, "default acl") {
		d.n.ACLs = append(d.n.ACLs, vpc.ACL{ID: "acl-" + v.ID, VPC: v.ID, Default: true, Entries: d.entries()})
	}
}

func (d *drawer) entries() []vpc.ACLEntry {
	var entries []vpc.ACLEntry
	for i := range d.between(0, 3, "entries") {
		e := vpc.ACLEntry{
			Number: 100 - 10*i, Egress: d.chance(50, "egress"), Allow: d.chance(60, "allow"),
			Protocol: pick(d.T, "protocol", protocols), CIDR: d.prefix(),
		}
		e.Ports = d.ports(e.Protocol)
		entries = append(entries, e)
	}
	for _, egress := range []bool{false, true} {
		if d.chance(80, "open") {
			entries = append(entries, vpc.ACLEntry{
				Number: 200, Egress: egress, Allow: true, Protocol: vpc.AllProtocols, CIDR: netip.MustParsePrefix("0.0.0.0/0"),
			})
		}
	}
	return entries
}

func (d *drawer) routeTables(v *vpc.VPC) {
	var free []string
	for _, id := range d.subnetsOf(v.ID) {
		if d.chance(40, "own table") {
			d.n.RouteTables = append(d.n.RouteTables, vpc.RouteTable{
				ID: "rtb-" + id, VPC: v.ID, Subnets: []string{id}, Routes: d.routes(v.ID),
			})
		} else {
			free = append(free, id)
		}
	}
	if len(free) > 0 && d.chance(90, "main table") {
		d.n.RouteTables = append(d.n.RouteTables, vpc.RouteTable{
			ID: "rtb-" + v.ID, VPC: v.ID, Main: true, Routes: d.routes(v.ID),
		})
	}
	for i := range d.n.Endpoints {
		e := &d.n.Endpoints[i]
		for _, t := range d.n.RouteTables {
			if e.VPC == v.ID && t.VPC == v.ID && e.Kind == vpc.GatewayEndpoint && d.chance(60, "gateway route") {
				e.RouteTables = append(e.RouteTables, t.ID)
			}
		}
	}
}

// routes leads to every peer, mostly, and now and then to gateways, middleboxes and holes.
func (d *drawer) routes(v string) (routes []vpc.Route) {
	for _, p := range d.n.Peerings {
		if other := peerOf(p, v); other != "" && d.chance(85, "peer route") {
			i := slices.IndexFunc(d.n.VPCs, func(x vpc.VPC) bool { return x.ID == other })
			routes = append(routes, vpc.Route{
				Destination: d.n.VPCs[i].CIDRs[0], Target: vpc.Target{Kind: vpc.ViaPeering, ID: p.ID},
			})
		}
	}
	if d.chance(60, "default route") {
		routes = append(routes, vpc.Route{Destination: everything, Target: pick(d.T, "way out", []vpc.Target{
			{Kind: vpc.ViaInternetGateway, ID: "igw-" + v}, {Kind: vpc.ViaNATGateway, ID: "nat-" + v},
		})})
	}
	for range d.between(0, 2, "other routes") {
		r := vpc.Route{Target: d.target(v)}
		if len(d.n.PrefixLists) > 0 && d.chance(30, "to list") {
			r.PrefixList = pick(d.T, "list", d.n.PrefixLists).ID
		} else {
			r.Destination = d.prefix()
		}
		routes = append(routes, r)
	}
	return routes
}

// peerOf is the far side of the peering as seen from v, or empty where v is not in it.
func peerOf(p vpc.Peering, v string) string {
	switch v {
	case p.Requester:
		return p.Accepter
	case p.Accepter:
		return p.Requester
	}
	return ""
}

func (d *drawer) target(v string) vpc.Target {
	targets := []vpc.Target{
		{Kind: vpc.ViaInternetGateway, ID: "igw-" + v}, {Kind: vpc.ViaInternetGateway, ID: "igw-" + v},
		{Kind: vpc.ViaNATGateway, ID: "nat-" + v}, {Kind: vpc.Blackhole, ID: "nat-gone"}, {Kind: vpc.ViaOther, ID: "tgw-1"},
	}
	for _, c := range d.n.Interfaces {
		if c.VPC == v && (c.Kind == vpc.InstanceInterface || c.Kind == vpc.AttachedInterface) {
			targets = append(targets, vpc.Target{Kind: vpc.ViaInterface, ID: c.ID})
			break
		}
	}
	for _, e := range d.n.Endpoints {
		if e.VPC == v && e.Kind == vpc.GatewayEndpoint {
			targets = append(targets, vpc.Target{Kind: vpc.ViaGatewayEndpoint, ID: e.ID})
		}
	}
	for _, p := range d.n.Peerings {
		if peerOf(p, v) != "" {
			targets = append(targets, vpc.Target{Kind: vpc.ViaPeering, ID: p.ID})
		}
	}
	return pick(d.T, "target", targets)
}

// Flows draws new flows in n: most of them between interfaces of n from an address of the sender's, some with forged
// sources, to the link-local services, to gateways, to nowhere.
func Flows(n vpc.Network) *rapid.Generator[vpc.Flow] {
	return rapid.Custom(func(t *rapid.T) vpc.Flow {
		d := &drawer{T: t, n: n}
		from := d.sender()
		source, destination := pick(t, "source", from.Addresses), d.destination()
		if d.chance(5, "forged") {
			source = d.destination()
		}
		f := vpc.Flow{From: from.ID, Protocol: pick(t, "protocol", protocols[:7])}
		var ports [2]uint16
		switch f.Protocol {
		case vpc.AllProtocols:
			f.Protocol = 50
		case vpc.ICMP:
			f.ICMPType = pick(t, "type", []uint8{8, 8, 3, 0})
			f.ICMPCode = pick(t, "code", []uint8{0, 0, 4})
		default:
			ports[0] = uint16(32768 + d.between(0, 255, "source port"))
			ports[1] = pick(t, "port", []uint16{443, 443, 443, 53, 80, 22, 8080, 40000})
			if d.asked(destination) && d.chance(70, "asks") {
				ports[1] = 53
			}
			if usual := map[netip.Addr]uint16{
				vpc.LinkLocalResolver: 53, vpc.MetadataAddress: 80, PublicSSM: 443, PublicEC2: 443,
			}[destination]; usual != 0 && d.chance(80, "usual") {
				ports[1] = usual
			}
		}
		f.Source, f.Destination = netip.AddrPortFrom(source, ports[0]), netip.AddrPortFrom(destination, ports[1])
		return f
	})
}

// sender is an interface, rarely an endpoint's.
func (d *drawer) sender() vpc.Interface {
	c := pick(d.T, "from", d.n.Interfaces)
	if c.Kind == vpc.EndpointInterface && d.chance(90, "another") {
		return d.n.Interfaces[0] // an instance's or attached machine's: they come before the endpoints'
	}
	return c
}

func (d *drawer) destination() netip.Addr {
	if d.chance(20, "public") {
		return pick(d.T, "on the Internet", []netip.Addr{PublicSSM, PublicSSM, PublicEC2, netip.MustParseAddr("1.1.1.1")})
	}
	if d.chance(85, "interface") {
		return pick(d.T, "address", pick(d.T, "to", d.n.Interfaces).Addresses)
	}
	choices := []netip.Addr{
		vpc.LinkLocalResolver, vpc.MetadataAddress, netip.MustParseAddr("52.216.1.9"), netip.MustParseAddr("1.1.1.1"),
		netip.MustParseAddr("224.0.0.1"), netip.MustParseAddr("192.168.7.7"), netip.MustParseAddr("10.0.1.77"),
		netip.MustParseAddr("255.255.255.255"), netip.MustParseAddr("2001:db8::1"),
	}
	for _, v := range d.n.VPCs {
		choices = append(choices, v.CIDRs[0].Addr().Next().Next())
	}
	return pick(d.T, "elsewhere", choices)
}
