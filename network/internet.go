package network

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"

	"postern/network/vpc"
)

// DefaultPublicRange is for benchmarks of network devices (RFC 2544, RFC 6890): no host of the Internet has an address
// in it.
var DefaultPublicRange = netip.MustParsePrefix("198.18.0.0/15")

// InternetConfig says what lies behind Internet gateways.
type InternetConfig struct {
	// Range is where public addresses are taken from: those of services from its lower half, those of interfaces and NAT
	// gateways from its upper half. It is an IPv4 range of /8 to /20; the zero Prefix is DefaultPublicRange.
	Range netip.Prefix
	// Open are ranges of the real Internet that gateways lead to besides; Closed are those of them that they do not, such
	// as the host's own networks. The longest prefix decides, and between equals Open.
	Open, Closed []netip.Prefix
}

// public is an InternetConfig at work.
type public struct {
	services, addresses netip.Prefix
	internet            *vpc.Internet
}

func (c InternetConfig) build() (public, error) {
	r := c.Range
	if !r.IsValid() {
		r = DefaultPublicRange
	}
	if r = r.Masked(); !r.Addr().Is4() || r.Bits() < 8 || r.Bits() > 20 || r.Addr().IsPrivate() {
		return public{}, fmt.Errorf("the range %s for public addresses is not a public IPv4 range of /8 to /20", r)
	}
	for _, open := range c.Open {
		if err := mayOpen(open, r); err != nil {
			return public{}, err
		}
	}
	half := r.Bits() + 1
	p := public{services: netip.PrefixFrom(r.Addr(), half), addresses: netip.PrefixFrom(at(r, 1<<(32-half)), half)}
	p.internet = &vpc.Internet{
		Services: publicServices(p.services), Open: c.Open,
		Closed: slices.Concat(c.Closed, neverOpen, seldomOpen, []netip.Prefix{r}),
	}
	return p, nil
}

var (
	// neverOpen are ranges that no gateway leads to, whatever is asked for: this network, loopback, link-local, multicast
	// and reserved addresses, and private ones, which no Internet gateway carries (RFC 6890).
	neverOpen = []netip.Prefix{
		netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("169.254.0.0/16"),
		netip.MustParsePrefix("224.0.0.0/4"), netip.MustParsePrefix("240.0.0.0/4"), netip.MustParsePrefix("10.0.0.0/8"),
		netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16"),
	}
	// seldomOpen are ranges that have to be named to be opened: shared address space and protocol assignments.
	seldomOpen = []netip.Prefix{netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24")}
)

func mayOpen(open, publics netip.Prefix) error {
	if !open.IsValid() || !open.Addr().Is4() || open != open.Masked() {
		return fmt.Errorf("%s is not an IPv4 range that gateways could lead to", open)
	}
	for _, never := range append(neverOpen[:len(neverOpen):len(neverOpen)], publics) {
		if never.Bits() <= open.Bits() && never.Contains(open.Addr()) {
			return fmt.Errorf("gateways do not lead to %s: it is part of %s", open, never)
		}
	}
	return nil
}

// perRegion is how many addresses a region's services have.
const perRegion = 32

// publicServices are the services of every region at their public names, and the global ones at theirs: those that a
// program of a node may call. S3's addresses are in its prefix list; gateway endpoints lead to them.
func publicServices(from netip.Prefix) []vpc.PublicService {
	out := []vpc.PublicService{
		{Name: "iam.amazonaws.com", Service: "com.amazonaws.iam", Address: at(from, 1)},
		{Name: "sts.amazonaws.com", Service: "com.amazonaws.us-east-1.sts", Address: at(from, 2)},
	}
	for i, region := range numbered {
		out = append(out, vpc.PublicService{
			Name: "s3." + region.Name + ".amazonaws.com", Service: "com.amazonaws." + region.Name + ".s3",
			Address: addressOfS3(region.Name),
		})
		n := 0
		for _, s := range amazonServices {
			if s.kind != vpc.InterfaceEndpoint || s.short == "s3" || n == perRegion {
				continue
			}
			out = append(out, vpc.PublicService{
				Name: s.short + "." + region.Name + ".amazonaws.com", Service: "com.amazonaws." + region.Name + "." + s.short,
				Address: at(from, (i+1)*perRegion+n),
			})
			n++
		}
	}
	return out
}

// PublicHostName is the public host name of an interface, empty where it has no public address or its VPC no host
// names.
func (s *State) PublicHostName(n *Interface) string {
	v, ok := vpcKind.Get(s.Tables, n.VPC)
	if n.Public == nil || !ok || !v.DNSSupport || !v.DNSHostnames {
		return ""
	}
	return vpc.PublicHostName(n.Region, n.Public.Address)
}

// randomNumber is one of n numbers from 0 on.
func randomNumber(n int) int {
	var b [4]byte
	rand.Read(b[:])
	return int(binary.BigEndian.Uint32(b[:])) % n
}
