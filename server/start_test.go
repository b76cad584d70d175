package server

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postern/aws/fault"
)

// A start that is refused leaves nothing behind, and says what to write instead.
func TestRefusedStartMakesNothing(t *testing.T) {
	for _, tt := range []struct {
		change func(*Config)
		says   string
	}{
		{func(c *Config) { c.Region = "us east" }, `--region "us east": write it as us-east-1`},
		{func(c *Config) { c.Region = "us-east" }, "--region"},
		{func(c *Config) { c.Listen = "foo" }, `--listen "foo": write it as address:port`},
		{func(c *Config) { c.Listen = "127.0.0.1:x" }, "--listen"},
		{func(c *Config) { c.WireGuard = "51820" }, `--wireguard "51820": write it as address:port`},
		{func(c *Config) { c.WireGuard = "localhost:51820" }, `"localhost" is no address`},
		{func(c *Config) { c.VerifyDNS = "dns" }, `--verify-dns "dns"`},
		{func(c *Config) { c.ReturnWindow = -1 }, "--return-window"},
		{func(c *Config) { c.TestCredentials = true }, "test credentials"},
	} {
		c := Config{DataDir: filepath.Join(t.TempDir(), "data")}
		tt.change(&c)
		_, err := Open(t.Context(), c)
		if !fault.Is(err, fault.Invalid) || !strings.Contains(fault.Text(err), tt.says) {
			t.Errorf("%v, want %q", err, tt.says)
		}
		if _, err := os.Stat(c.DataDir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: there is a data directory (%v)", tt.says, err)
		}
	}
}

// A port that another program has is named, with the flag that chooses another.
func TestTakenPorts(t *testing.T) {
	s, err := Open(t.Context(), Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	const taken = " is taken, perhaps by another Postern: choose another with "
	public := s.public.listener.Addr().String()
	for _, tt := range []struct {
		config Config
		says   string
	}{
		{Config{Listen: public}, "TCP " + public + taken + "--listen"},
		{Config{WireGuard: s.Join()}, "UDP " + s.Join() + taken + "--wireguard"},
	} {
		if other, err := Open(t.Context(), tt.config); err == nil {
			other.Close()
			t.Errorf("it starts, want %q", tt.says)
		} else if !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%v, want %q", err, tt.says)
		}
	}
}

func TestReachable(t *testing.T) {
	for address, want := range map[string]string{
		"127.0.0.1:4566": "127.0.0.1:4566",
		"0.0.0.0:4566":   "127.0.0.1:4566",
		"[::]:4566":      "localhost:4566",
		"192.0.2.1:1":    "192.0.2.1:1",
	} {
		if got := reachable(address); got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
}
