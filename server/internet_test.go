package server

import (
	"net/netip"
	"testing"

	"postern/aws/fault"
)

// TestThisHostIsNotTheInternet: its own addresses are dialled for nodes only where they are named, and nothing is where
// nothing is opened.
func TestThisHostIsNotTheInternet(t *testing.T) {
	if (&Config{}).dialInternet() != nil {
		t.Error("a server that opens nothing dials")
	}
	own := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), 9) // a host has at least this one
	all := &Config{Internet: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}}
	if _, err := all.dialInternet()(t.Context(), "tcp4", own); !fault.Is(err, fault.Denied) {
		t.Errorf("its own address: %v, want it denied", err)
	}
	closed := all.internet().Closed
	for _, p := range hostAddresses() {
		found := false
		for _, c := range closed {
			found = found || c.Contains(p.Addr())
		}
		if !found {
			t.Errorf("the network of %s is open", p)
		}
	}
	if _, err := Open(t.Context(), Config{Internet: []netip.Prefix{netip.MustParsePrefix("169.254.0.0/16")}}); err == nil {
		t.Error("link-local addresses can be opened")
	}
}
