package vpc

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// vpcNames holds the names that the VPC's own resources have.
type vpcNames struct {
	// private holds the endpoints' private DNS names, which mean something in this VPC only; each is a zone of its own.
	private map[string]*privateName
	// inbound holds those of endpoints that are InboundOnly.
	inbound map[string]*privateName
	// owned holds the endpoints' own names, which mean the same in every VPC.
	owned map[string]*ownName
	// hosts holds the private host names that are not made of an address.
	hosts map[string]*Interface
	// domain says what host names end in, public what public ones do.
	domain, public string
}

// privateName is the record at a name and the one for every name below it; either may be nil.
type privateName struct{ exact, wild *record }

// ownName is the record at an endpoint's own name, and with wild at every name below it.
type ownName struct {
	*record
	wild bool
}

// record holds what an endpoint's name stands for.
type record struct {
	endpoint *endpoint
	v4, v6   []netip.Addr
}

// vpceZone is the zone in which endpoints' own names live; nothing below it is looked for elsewhere.
const vpceZone = "vpce.amazonaws.com"

func (b *compiler) compileNames() error {
	b.names = vpcNames{
		domain: hostDomain(b.Region), public: publicDomain(b.Region),
		private: map[string]*privateName{}, inbound: map[string]*privateName{}, owned: map[string]*ownName{},
	}
	for i := range b.content.Endpoints {
		if e := b.endpoints[b.content.Endpoints[i].ID]; e.Available && e.Kind == InterfaceEndpoint {
			if err := b.nameEndpoint(e); err != nil {
				return err
			}
		}
	}
	b.nameHosts()
	return nil
}

// hostDomain is the domain of private host names in a region, as AWS names it.
func hostDomain(region string) string {
	if region == "" || region == "us-east-1" {
		return "ec2.internal"
	}
	return strings.ToLower(region) + ".compute.internal"
}

func newRecord(e *endpoint, nics []nic) *record {
	r := &record{endpoint: e}
	for _, c := range nics {
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

func (b *compiler) nameEndpoint(e *endpoint) error {
	all := newRecord(e, e.nics)
	if e.Name != "" {
		name, wild := strings.CutPrefix(canonical(e.Name), "*.")
		first, rest, found := strings.Cut(name, ".")
		_, zone, inside := strings.Cut(rest, ".vpce.")
		if !found || !inside {
			return fmt.Errorf("%s: %q is not a name of the form vpce-ID.SERVICE.REGION.vpce.DOMAIN", e.ID, e.Name)
		}
		zone = "vpce." + zone
		b.exports.zones = append(b.exports.zones, zone)
		b.own(name, zone, ownName{all, wild})
		zones := map[string][]nic{}
		for _, c := range e.nics {
			zones[c.subnet().Zone] = append(zones[c.subnet().Zone], c)
		}
		for az, nics := range zones {
			b.own(first+"-"+strings.ToLower(az)+"."+rest, zone, ownName{newRecord(e, nics), wild})
		}
	}
	if e.PrivateDNS && b.DNSSupport && b.DNSHostnames {
		names := b.names.private
		if e.InboundOnly {
			names = b.names.inbound
		}
		for _, name := range e.PrivateNames {
			addPrivate(names, canonical(name), all)
		}
	}
	return nil
}

// own enters an endpoint's own name. Where two endpoints have the same, the first keeps it.
func (b *compiler) own(name, zone string, n ownName) {
	if b.names.owned[name] == nil {
		b.names.owned[name] = &n
		b.exports.owned = append(b.exports.owned, name)
	}
	for up := parent(name); up != zone && up != ""; up = parent(up) {
		b.exports.inner = append(b.exports.inner, up)
	}
}

// addPrivate enters a private DNS name. Where two endpoints have the same, which AWS refuses to create, the first
// keeps it.
func addPrivate(names map[string]*privateName, name string, r *record) {
	base, wild := strings.CutPrefix(name, "*.")
	p := names[base]
	if p == nil {
		p = &privateName{}
		names[base] = p
	}
	switch {
	case wild && p.wild == nil:
		p.wild = r
	case !wild && p.exact == nil:
		p.exact = r
	}
}

// nameHosts enters the interfaces' host names. Where two have the same, the first keeps it.
func (b *compiler) nameHosts() {
	if b.by != nil && !b.renames() {
		b.names.hosts = b.previous.names.hosts
		return
	}
	b.names.hosts = map[string]*Interface{}
	all := b.put
	if b.by != nil {
		all = b.changed(InterfaceChanges{})
	}
	for i := range all {
		if name := canonical(all[i].Name); all[i].named() && b.names.hosts[name] == nil {
			b.names.hosts[name] = &all[i]
		}
	}
}

// renames reports whether one of the interfaces that are others than before has or had a host name to be entered.
func (b *compiler) renames() bool {
	was := func(id string) bool {
		old, ok := b.previous.interfaces.get(id)
		return ok && old.named()
	}
	return slices.ContainsFunc(b.gone, was) ||
		slices.ContainsFunc(b.put, func(c Interface) bool { return c.named() || was(c.ID) })
}

// named reports whether the interface has a host name that is not the one made of its first address.
func (c *Interface) named() bool {
	a, ok := parseHost(c.Name)
	return c.Name != "" && !(ok && a == c.Addresses[0])
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
