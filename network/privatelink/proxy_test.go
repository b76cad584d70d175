package privatelink

import (
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"
)

// TestProxyHeader compares with two headers of Amazon's own load balancers: the one in the tests of AWS's
// elastic-load-balancing-tools, and a capture that go-proxyproto has in its tests.
func TestProxyHeader(t *testing.T) {
	noop := "040024" + strings.Repeat("00", 36)
	for _, tt := range []struct {
		from, to, endpoint string
		want               string
	}{
		{
			"172.31.7.113:51442", "172.31.10.31:80", "vpce-08d2bf15fac5001c9",
			"0d0a0d0a000d0a515549540a" + "21110054" + "ac1f0771ac1f0a1fc8f20050" + "030004e8d6892d" +
				"ea001701" + hex.EncodeToString([]byte("vpce-08d2bf15fac5001c9")) + noop,
		},
		{
			"192.168.44.10:52286", "192.168.44.7:9243", "vpce-00eafc458ec97b833",
			"0d0a0d0a000d0a515549540a" + "21110054" + "c0a82c0ac0a82c07cc3e241b" + "030004b9286fa6" +
				"ea001701" + hex.EncodeToString([]byte("vpce-00eafc458ec97b833")) + noop,
		},
	} {
		got := proxyHeader(netip.MustParseAddrPort(tt.from), netip.MustParseAddrPort(tt.to), tt.endpoint)
		if hex.EncodeToString(got) != tt.want {
			t.Errorf("%s:\n got %x\nwant %s", tt.endpoint, got, tt.want)
		}
	}
	// An id of the old, shorter form leaves more to fill.
	if got := proxyHeader(
		netip.MustParseAddrPort("10.0.0.1:1"), netip.MustParseAddrPort("10.0.0.2:2"), "vpce-12345678",
	); len(got) != 100 {
		t.Errorf("%d bytes", len(got))
	}
}
