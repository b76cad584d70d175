package vpc

import (
	"net/netip"
	"strings"
)

// resolveReverse answers for the addresses of the VPC and for every private range: names of private addresses are
// never looked for elsewhere (RFC 6303).
func (s *Snapshot) resolveReverse(r *Compiled, name string, qtype uint16) Answer {
	p, ok := parseReverse(name)
	if !ok {
		return Answer{}
	}
	zone, ours := r.reverseZone(name, p)
	if !ours {
		return Answer{}
	}
	a := Answer{Status: NameAbsent, Zone: zone, Apex: name == zone}
	if a.Apex {
		a.Status = NameNoData
	}
	if !p.IsSingleIP() {
		for _, c := range r.CIDRs {
			if c.Overlaps(p) {
				a.Status = NameNoData
			}
		}
		return a
	}
	for v := range s.visible(r) {
		c := v.nicAt(p.Addr())
		if c.none() {
			continue
		}
		label := c.label(p.Addr())
		if label == "" {
			continue
		}
		a.Status = NameNoData
		if qtype == TypePTR || qtype == TypeANY {
			a.Status, a.Names = NameFound, []string{canonical(label) + "." + v.names.domain}
		}
		return a
	}
	return a
}

// reverseRanges are the ranges whose reverse names are ours whatever the VPC's own ranges are.
var reverseRanges = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("169.254.0.0/16"), netip.MustParsePrefix("fc00::/7"), netip.MustParsePrefix("fe80::/10"),
}

// reverseZone is the zone of a reverse name and whether it is ours. Zones end where labels do, so a range like
// 172.16.0.0/12 is one zone for each of its label-wide parts.
func (r *Compiled) reverseZone(name string, p netip.Prefix) (string, bool) {
	per, suffix := 8, "in-addr.arpa"
	if p.Addr().Is6() {
		per, suffix = 4, "ip6.arpa"
	}
	for i, c := range append(reverseRanges[:len(reverseRanges):len(reverseRanges)], r.CIDRs...) {
		if p.Addr().Is4() != c.Addr().Is4() || !c.Contains(p.Addr()) || p.Bits() < c.Bits() {
			continue
		}
		labels := (c.Bits() + per - 1) / per
		if i >= len(reverseRanges) {
			labels = min(labels, p.Bits()/per)
		}
		return lastLabels(name, labels+strings.Count(suffix, ".")+1), true
	}
	return "", false
}

// lastLabels is the last n labels of the name.
func lastLabels(name string, n int) string {
	for i := len(name) - 1; i >= 0; i-- {
		if name[i] == '.' {
			if n--; n == 0 {
				return name[i+1:]
			}
		}
	}
	return name
}

// parseReverse is the range that a reverse name stands for: one address, or what its labels fix of one.
func parseReverse(name string) (netip.Prefix, bool) {
	if rest, ok := strings.CutSuffix(name, ".in-addr.arpa"); ok {
		given := strings.Count(rest, ".") + 1
		if given > 4 {
			return netip.Prefix{}, false
		}
		a, ok := parseOctets(strings.Repeat("0.", 4-given)+rest, '.', true)
		return netip.PrefixFrom(a, 8*given), ok
	}
	rest, ok := strings.CutSuffix(name, ".ip6.arpa")
	if !ok || len(rest) > 63 || len(rest)%2 == 0 {
		return netip.Prefix{}, false
	}
	var b [16]byte
	for i := range (len(rest) + 1) / 2 {
		at := len(rest) - 1 - 2*i
		n := strings.IndexByte("0123456789abcdef", rest[at])
		if n < 0 || at > 0 && rest[at-1] != '.' {
			return netip.Prefix{}, false
		}
		b[i/2] |= byte(n) << (4 * (1 - i%2))
	}
	return netip.PrefixFrom(netip.AddrFrom16(b), 2*(len(rest)+1)), true
}
