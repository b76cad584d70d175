package network_test

import (
	"net/netip"
	"testing"

	"postern/network"
	"postern/network/vpc"
	"postern/record"
)

// TestInternetConfig: what a server may be told about the Internet behind gateways.
func TestInternetConfig(t *testing.T) {
	for _, row := range []struct {
		publics, open string
		fine          bool
	}{
		{"", "", true}, {
			"198.18.0.0/15", "0.0.0.0/0", true,
		}, {"203.0.112.0/20", "", true}, {"", "93.184.216.0/24", true}, {"", "100.64.0.0/10", true},
		{"198.18.0.0/21", "", false}, {"0.0.0.0/0", "", false}, {"10.0.0.0/15", "", false}, {"2001:db8::/32", "", false},
		{"", "127.0.0.0/8", false}, {"", "127.0.0.1/32", false}, {
			"", "169.254.169.254/32", false,
		}, {"", "10.1.0.0/16", false}, {"", "224.0.0.0/4", false},
		{"", "198.18.0.0/16", false}, {"", "::/0", false}, {"", "93.184.216.1/24", false},
	} {
		c := network.Config{Store: new(record.Memory)}
		if row.publics != "" {
			c.Internet.Range = netip.MustParsePrefix(row.publics)
		}
		if row.open != "" {
			c.Internet.Open = []netip.Prefix{netip.MustParsePrefix(row.open)}
		}
		if _, err := network.New(t.Context(), c); (err == nil) != row.fine {
			t.Errorf("range %q, open %q: %v, want fine %v", row.publics, row.open, err, row.fine)
		}
	}
}

// TestPublicServices: every service of every region has an address of its own, in the lower half of the range or, of
// S3, in its prefix list; and interfaces have theirs in the upper half.
func TestPublicServices(t *testing.T) {
	c := network.Config{Store: new(record.Memory)}
	c.Internet.Range = netip.MustParsePrefix("203.0.112.0/20")
	s, err := network.New(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	lower, upper := netip.MustParsePrefix("203.0.112.0/21"), netip.MustParsePrefix("203.0.120.0/21")
	seen := map[netip.Addr]vpc.PublicService{}
	for _, p := range s.Snapshot().Network().Internet.Services {
		if other, ok := seen[p.Address]; ok && other.Service != p.Service {
			t.Errorf("%s has the address of %s", p.Name, other.Name)
		}
		if s3 := len(p.Name) > 3 && p.Name[:3] == "s3."; !s3 && !lower.Contains(p.Address) {
			t.Errorf("%s is %s", p.Name, p.Address)
		}
		seen[p.Address] = p
	}
	if len(seen) < 8*len(network.Regions()) {
		t.Errorf("%d services", len(seen))
	}
	e, err := s.AllocateAddress(t.Context(), here, nil)
	if err != nil || !upper.Contains(e.Address) {
		t.Errorf("allocated %+v, %v", e, err)
	}
}
