package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"postern/agent"
	"postern/bench/swarming"
	"postern/network/link/tunnel"
	"postern/ssm/mgs"
)

// again is how long an agent waits after it could not join or register.
const again = 2 * time.Second

// live is the life of the n-th agent: it registers, and then works until ctx ends. there is called when its control
// channel opens.
func (s *swarm) live(ctx context.Context, n int, with swarming.Activation, there func()) {
	dir := filepath.Join(s.Dir, strconv.Itoa(n))
	dial, leave, err := s.dialer(ctx, with)
	if err != nil {
		s.tally.fail(fmt.Errorf("agent %d joins: %w", n, err))
		return
	}
	defer leave()
	client := agent.NewHTTPClient(dial, s.roots)
	client.Transport = &watched{client.Transport, &s.tally, there}
	for {
		err := s.register(ctx, client, dir, with)
		if err == nil {
			break
		}
		s.tally.warn("register: " + err.Error())
		if !pause(ctx, again) {
			return
		}
	}
	s.tally.add(&s.tally.registered)
	a := agent.Agent{
		// There is no such file: the registration is good on any machine.
		Identity: &agent.Hybrid{Dir: dir, MachineID: filepath.Join(dir, "machine-id"), Local: "10.0.0.1"},
		HTTP:     client, Runner: &actor{tally: &s.tally, times: map[string]int{}}, Version: "3.3.0.0", NoPolling: true,
		Log: slog.New(&s.tally),
	}
	if err := a.Run(ctx); err != nil {
		s.tally.fail(fmt.Errorf("agent %d: %w", n, err))
	}
}

// dialer returns how an agent reaches the services: straight to the public API, whatever their names are, or through a
// tunnel of its own to the addresses that the names have there.
func (s *swarm) dialer(ctx context.Context, with swarming.Activation) (dial agent.Dialer, leave func(), err error) {
	if s.Join == "" {
		var d net.Dialer
		return func(ctx context.Context, _, _ string) (net.Conn, error) {
			return d.DialContext(ctx, "tcp", s.Server)
		}, func() {}, nil
	}
	config, err := tunnel.Join(ctx, tunnel.JoinConfig{Server: s.Join, Activation: with.ID, Code: with.Code})
	if err != nil {
		return nil, nil, err
	}
	t, err := tunnel.Dial(ctx, config, tunnel.Options{})
	if err != nil {
		return nil, nil, err
	}
	return t.DialContext, func() { _ = t.Close() }, nil
}

// registration is the agent's file of that name.
type registration struct {
	InstanceID  string `json:"instanceId"`
	Region      string `json:"region"`
	Fingerprint string `json:"fingerprint"`
	PrivateKey  string `json:"privateKey"`
}

// register registers an agent as the agent itself would, but with the key pair of all, and leaves the registration
// where the agent finds it.
func (s *swarm) register(ctx context.Context, client *http.Client, dir string, with swarming.Activation) error {
	fingerprint := mgs.NewUUID().String()
	body, err := json.Marshal(map[string]string{
		"ActivationId": with.ID, "ActivationCode": with.Code, "Fingerprint": fingerprint, "PublicKey": s.public,
		"PublicKeyType": "Rsa",
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, agent.AmazonEndpoint("ssm", s.Region)+"/",
		bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "AmazonSSM.RegisterManagedInstance")
	response, err := client.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	var made struct {
		InstanceID string `json:"InstanceId"`
	}
	if err := json.Unmarshal(answer, &made); err != nil || made.InstanceID == "" {
		return fmt.Errorf("HTTP %d: %s", response.StatusCode, answer)
	}
	text, err := json.Marshal(registration{made.InstanceID, s.Region, fingerprint, s.private})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "registration.json"), text, 0o600)
}

// pause waits, and returns false if ctx ended meanwhile.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
