package server

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postern/api"
	"postern/api/apitest"
	"postern/aws/fault"
	"postern/network/vpc"
)

// A server says that it answers, to anybody who reaches its public listener, and nothing else without a key.
func TestHealth(t *testing.T) {
	l := openLab(t, Config{})
	s, err := Open(t.Context(), Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ask := func(method, path string) *http.Request {
		return httptest.NewRequestWithContext(t.Context(), method, "http://localhost:4566"+path, nil)
	}
	for name, handler := range map[string]http.Handler{"a lab": l, "a server": s.web.http.Handler} {
		for _, tt := range []struct {
			request *http.Request
			status  int
			says    string
		}{
			{ask(http.MethodGet, healthPath), http.StatusOK, `{"status":"ok"}`},
			{ask(http.MethodPost, healthPath), http.StatusMethodNotAllowed, "GET"},
			{ask(http.MethodGet, "/_postern/healthy"), http.StatusNotFound, healthPath},
		} {
			status, body := apitest.Do(handler, tt.request)
			if status != tt.status || !strings.Contains(body, tt.says) {
				t.Errorf("%s, %s %s: %d %s", name, tt.request.Method, tt.request.URL, status, body)
			}
		}
	}
	if status, body := apitest.Do(s.web.http.Handler, resetRequest(t, nil)); status != http.StatusNotFound || !strings.Contains(body, "--ephemeral") {
		t.Errorf("a server that keeps its state: %d %s", status, body)
	}
	inside := ask(http.MethodGet, healthPath)
	inside = inside.WithContext(api.WithOrigin(t.Context(), vpc.Origin{VPC: "vpc-1", Endpoint: "vpce-1", Service: "com.amazonaws.us-east-1.ssm"}))
	if status, body := apitest.Do(s.web.http.Handler, inside); status == http.StatusOK {
		t.Errorf("through an endpoint, which has the service's paths only: %d %s", status, body)
	}
}

// What a lab is to hold after a reset is put there before the reset is answered, and named in the answer.
func TestAfterReset(t *testing.T) {
	broken := false
	l := openLab(t, Config{AfterReset: func(context.Context) (string, error) {
		if broken {
			return "", errors.New("no more room")
		}
		return "sample network: vpc-1", nil
	}})
	if status, body := apitest.Do(l, resetRequest(t, nil)); status != http.StatusOK || body != "the lab is empty again; sample network: vpc-1\n" {
		t.Errorf("%d %s", status, body)
	}
	broken = true
	if status, body := apitest.Do(l, resetRequest(t, nil)); status != http.StatusServiceUnavailable || !strings.Contains(body, "no more room") {
		t.Errorf("%d %s", status, body)
	}
}

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
	for _, tt := range []struct {
		config Config
		says   string
	}{
		{Config{Listen: s.public.Addr().String()}, "TCP " + s.public.Addr().String() + " is taken, perhaps by another Postern: choose another with --listen"},
		{Config{WireGuard: s.Join()}, "UDP " + s.Join() + " is taken, perhaps by another Postern: choose another with --wireguard"},
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
		"127.0.0.1:4566": "127.0.0.1:4566", "0.0.0.0:4566": "127.0.0.1:4566", "[::]:4566": "localhost:4566", "192.0.2.1:1": "192.0.2.1:1",
	} {
		if got := reachable(address); got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
}
