package vpc

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// globalNames are the endpoints' own names, which mean the same in every VPC.
type globalNames struct {
	exact, wild map[string]*record
	// inner are the names that exist only because others lie below them; their zones are zones'.
	inner map[string]bool
	zones []string
}

// realmNames are the names that mean something in one VPC only.
type realmNames struct {
	// private are the endpoints' private DNS names; each is a zone of its own.
	private map[string]*privateName
	// hosts are the private host names that are not made of an address.
	hosts map[string]*card
	// domain is what host names end in, public what public ones do.
	domain, public string
}

// privateName is the record at a name and the one for every name below it; either may be nil.
type privateName struct{ exact, wild *record }

// record is what an endpoint's name stands for.
type record struct {
	endpoint *endpoint
	v4, v6   []netip.Addr
}

// vpceZone is where endpoints' own names live; nothing below it is looked for elsewhere.
const vpceZone = "vpce.amazonaws.com"

func (b *builder) allNames() error {
	b.names = globalNames{
		exact: map[string]*record{}, wild: map[string]*record{}, inner: map[string]bool{}, zones: []string{vpceZone},
	}
	for _, r := range b.vpcs {
		r.names.domain, r.names.public = hostDomain(r.Region), publicDomain(r.Region)
	}
	for i := range b.network.Endpoints {
		if e := b.endpoints[b.network.Endpoints[i].ID]; e.Available && e.Kind == InterfaceEndpoint {
			if err := b.addEndpoint(e); err != nil {
				return err
			}
		}
	}
	for i := range b.network.Interfaces {
		b.interfaces[b.network.Interfaces[i].ID].nameHost()
	}
	return nil
}

// hostDomain is the domain of private host names in a region, as AWS names it.
func hostDomain(region string) string {
	if region == "" || region == "us-east-1" {
		return "ec2.internal"
	}
	return strings.ToLower(region) + ".compute.internal"
}

func newRecord(e *endpoint, cards []*card) *record {
	r := &record{endpoint: e}
	for _, c := range cards {
		for _, a := range c.Addresses {
			if a.Is4() {
				r.v4 = append(r.v4, a)
			} else {
				r.v6 = append(r.v6, a)
			}
		}
	}
	return r
}

func (b *builder) addEndpoint(e *endpoint) error {
	all := newRecord(e, e.cards)
	if e.Name != "" {
		name, wild := strings.CutPrefix(canonical(e.Name), "*.")
		first, rest, found := strings.Cut(name, ".")
		_, zone, inside := strings.Cut(rest, ".vpce.")
		if !found || !inside {
			return fmt.Errorf("%s: %q is not a name of the form vpce-ID.SERVICE.REGION.vpce.DOMAIN", e.ID, e.Name)
		}
		b.addOwnName(name, "vpce."+zone, all, wild)
		zones := map[string][]*card{}
		for _, c := range e.cards {
			zones[c.subnet.Zone] = append(zones[c.subnet.Zone], c)
		}
		for az, cards := range zones {
			b.addOwnName(first+"-"+strings.ToLower(az)+"."+rest, "vpce."+zone, newRecord(e, cards), wild)
		}
	}
	if e.PrivateDNS && e.realm.DNSSupport && e.realm.DNSHostnames {
		for _, name := range e.PrivateNames {
			e.realm.names.addPrivate(canonical(name), all)
		}
	}
	return nil
}

// addOwnName enters an endpoint's own name, and with wild every name below it.
func (b *builder) addOwnName(name, zone string, r *record, wild bool) {
	if !slices.Contains(b.names.zones, zone) {
		b.names.zones = append(b.names.zones, zone)
	}
	if b.names.exact[name] == nil {
		b.names.exact[name] = r
		if wild {
			b.names.wild[name] = r
		}
	}
	for up := parent(name); up != zone && up != ""; up = parent(up) {
		b.names.inner[up] = true
	}
}

// addPrivate enters a private DNS name. Where two endpoints have the same, which AWS refuses to create, the first
// keeps it.
func (n *realmNames) addPrivate(name string, r *record) {
	base, wild := strings.CutPrefix(name, "*.")
	if n.private == nil {
		n.private = map[string]*privateName{}
	}
	p := n.private[base]
	if p == nil {
		p = &privateName{}
		n.private[base] = p
	}
	switch {
	case wild && p.wild == nil:
		p.wild = r
	case !wild && p.exact == nil:
		p.exact = r
	}
}

// nameHost enters the interface's host name, unless it is the one made of its first address.
func (c *card) nameHost() {
	if a, ok := parseHost(c.Name); c.Name == "" || ok && a == c.Addresses[0] {
		return
	}
	names := &c.realm.names
	if names.hosts == nil {
		names.hosts = map[string]*card{}
	}
	if name := canonical(c.Name); names.hosts[name] == nil {
		names.hosts[name] = c
	}
}

// hostLabel is the host name that is made of an address, such as "ip-10-0-1-20".
func hostLabel(a netip.Addr) string {
	b := a.As4()
	return fmt.Sprintf("ip-%d-%d-%d-%d", b[0], b[1], b[2], b[3])
}

// parseHost is the inverse of hostLabel.
func parseHost(label string) (netip.Addr, bool) {
	rest, ok := strings.CutPrefix(label, "ip-")
	if !ok {
		return netip.Addr{}, false
	}
	return parseOctets(rest, '-', false)
}

// parseOctets reads four decimal numbers without leading zeros, the last one first where reversed.
func parseOctets(s string, separator byte, reversed bool) (netip.Addr, bool) {
	var octets [4]byte
	for i := range octets {
		n, used := 0, 0
		for used < len(s) && used < 3 && '0' <= s[used] && s[used] <= '9' {
			n = 10*n + int(s[used]-'0')
			used++
		}
		if used == 0 || n > 255 || used > 1 && s[0] == '0' {
			return netip.Addr{}, false
		}
		if s = s[used:]; i < 3 {
			if s == "" || s[0] != separator {
				return netip.Addr{}, false
			}
			s = s[1:]
		}
		if reversed {
			octets[3-i] = byte(n)
		} else {
			octets[i] = byte(n)
		}
	}
	return netip.AddrFrom4(octets), s == ""
}

// canonical is the name in lower case and without its last dot. It allocates only where there is something to change.
func canonical(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// parent is the name without its first label.
func parent(name string) string {
	_, rest, _ := strings.Cut(name, ".")
	return rest
}

// under reports whether the name is the zone's or lies below it.
func under(name, zone string) bool {
	rest, ok := strings.CutSuffix(name, zone)
	return ok && (rest == "" || strings.HasSuffix(rest, "."))
}
