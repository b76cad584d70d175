package tunnel

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"postern/aws/fault"
	"postern/network/link"
)

func testConfig() *Config {
	return &Config{
		Server: "postern.example:51820", ServerKey: link.PublicKey{1}, PrivateKey: link.PrivateKey{8}.Clamped(),
		Grant: link.Grant{
			Account: "000000000000", Region: "us-east-1", VPC: "vpc-1", Subnet: "subnet-1", Interface: "eni-1",
			Address: netip.MustParsePrefix("10.0.2.30/24"), Routes: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/16")},
			Resolver: netip.MustParseAddr("10.0.0.2"), MTU: 1420, CA: []byte("-----BEGIN CERTIFICATE-----\n"),
		},
	}
}

func TestConfigIsKept(t *testing.T) {
	want := testConfig()
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	got := new(Config)
	if err := json.Unmarshal(text, got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{}, link.PrivateKey{})); diff != "" {
		t.Error(diff)
	}
	if err := got.Validate(); err != nil {
		t.Error(err)
	}
}

func TestConfigThatCannotWork(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*Config)
	}{
		{"server without port", func(c *Config) { c.Server = "postern.example" }},
		{"no server key", func(c *Config) { c.ServerKey = link.PublicKey{} }},
		{"no private key", func(c *Config) { c.PrivateKey = link.PrivateKey{} }},
		{"no address", func(c *Config) { c.Grant.Address = netip.Prefix{} }},
		{"IPv6 address", func(c *Config) { c.Grant.Address = netip.MustParsePrefix("fd00::1/64") }},
		{"no resolver", func(c *Config) { c.Grant.Resolver = netip.Addr{} }},
		{"MTU too small", func(c *Config) { c.Grant.MTU = 500 }},
		{"MTU too large", func(c *Config) { c.Grant.MTU = 70000 }},
		{"too many routes", func(c *Config) { c.Grant.Routes = make([]netip.Prefix, link.MaxRoutes+1) }},
	} {
		c := testConfig()
		tt.change(c)
		_, err := Dial(t.Context(), c, Options{})
		if k := fault.Of(err); k == nil || k.Kind != fault.Invalid && k.Kind != fault.Missing && k.Kind != fault.TooLarge {
			t.Errorf("%s: Dial = %v", tt.name, err)
		}
	}
}

func TestWireGuardINI(t *testing.T) {
	c := testConfig()
	key, _ := c.PrivateKey.MarshalText()
	want := `[Interface]
PrivateKey = ` + string(key) + `
Address = 10.0.2.30/32
DNS = 10.0.0.2
MTU = 1420

[Peer]
PublicKey = AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
Endpoint = postern.example:51820
AllowedIPs = 10.0.0.0/16
PersistentKeepalive = 25
`
	if diff := cmp.Diff(want, c.WireGuardINI()); diff != "" {
		t.Error(diff)
	}
	c.Grant.Routes = nil
	if ini := c.WireGuardINI(); !strings.Contains(ini, "AllowedIPs = 10.0.2.0/24, 10.0.0.2/32\n") {
		t.Errorf("without routes: %s", ini)
	}
}
