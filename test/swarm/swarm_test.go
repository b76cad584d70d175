package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"postern/agent"
	"postern/agent/execute"
	"postern/aws/sigv4"
	"postern/bench/swarming"
	"postern/ssm/mgs"
)

func TestActorSaysWhoseScriptItWas(t *testing.T) {
	counts := new(tally)
	a := actor{tally: counts, times: map[string]int{}}
	script := func(command string) execute.Script {
		return execute.Script{Env: []string{"A=B", "AWS_SSM_INSTANCE_ID=mi-1", "SSM_COMMAND_ID=" + command}}
	}
	for _, tt := range []struct {
		command string
		times   int
	}{{"c1", 1}, {"c2", 1}, {"c1", 2}} {
		o := a.Run(context.Background(), script(tt.command))
		if want := swarming.Words("mi-1", tt.command, tt.times); o.Stdout != want || o.Status != mgs.Success {
			t.Errorf("%+v, want %q", o, want)
		}
	}
	if c := counts.count(); c.Ran != 3 || c.Twice != 1 {
		t.Errorf("%+v", c)
	}
}

func TestTallyKeepsTheLastTrouble(t *testing.T) {
	counts := new(tally)
	log := slog.New(counts)
	log.Info("not this")
	log.Warn("first")
	log.Warn("second", "why", 7)
	if c := counts.count(); c.Troubles != 2 || c.Trouble != "second why=7" {
		t.Errorf("%+v", c)
	}
}

// The registration that a swarm writes is one that the agent reads.
func TestRegistrationIsTheAgents(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct{ ActivationId, ActivationCode, Fingerprint, PublicKey, PublicKeyType string }
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in.ActivationId != "a" || in.ActivationCode != "c" ||
			in.Fingerprint == "" ||
			in.PublicKeyType != "Rsa" {
			t.Errorf("%+v, %v", in, err)
		}
		if _, err := sigv4.ParsePublicKey(in.PublicKey); err != nil {
			t.Error(err)
		}
		fmt.Fprint(w, `{"InstanceId":"mi-0123456789abcdef0"}`)
	}))
	defer server.Close()
	s := swarm{Orders: swarming.Orders{Region: "us-east-1"}}
	var err error
	if s.public, s.private, err = keyPair(); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "7")
	client := &http.Client{Transport: plain{server.Listener.Addr().String()}}
	if err := s.register(t.Context(), client, dir, swarming.Activation{ID: "a", Code: "c"}); err != nil {
		t.Fatal(err)
	}
	h := agent.Hybrid{Dir: dir, MachineID: filepath.Join(dir, "machine-id")}
	if err := h.Load(); err != nil || h.Node() != "mi-0123456789abcdef0" || h.Region() != "us-east-1" {
		t.Errorf("%s in %s: %v", h.Node(), h.Region(), err)
	}
}

// plain sends every request to one address, without TLS.
type plain struct{ address string }

func (p plain) RoundTrip(r *http.Request) (*http.Response, error) {
	r.URL.Scheme, r.URL.Host = "http", p.address
	return http.DefaultTransport.RoundTrip(r)
}
