package compute_test

import (
	"context"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"postern/record"
	"postern/services/compute"
	"postern/services/compute/guest"
)

func TestMain(m *testing.M) {
	compute.InitMain()
	goleak.VerifyTestMain(m)
}

// waitNetwork tells when an interface comes and goes.
type waitNetwork struct{ attached, detached, terminated chan string }

func (n waitNetwork) Attach(eni string, _ *os.File) (func(), error) {
	n.attached <- eni
	return func() { n.detached <- eni }, nil
}

func (n waitNetwork) Lease(i compute.Instance) (compute.Lease, error) {
	return compute.Lease{
		Servers: []netip.Addr{i.Resolver},
		Search:  []string{i.Domain},
		NICs:    []compute.NIC{{MAC: "0a:00:00:00:00:01"}},
	}, nil
}

func (n waitNetwork) Terminated(_ context.Context, i compute.Instance) error {
	n.terminated <- i.ID
	return nil
}

func next(t *testing.T, c <-chan string, what string) string {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(15 * time.Second):
		t.Fatalf("%s did not come", what)
		return ""
	}
}

// TestRealInstance takes an instance of real namespaces through its life, an import of a tiny image among it.
func TestRealInstance(t *testing.T) {
	dir := t.TempDir()
	agent := filepath.Join(dir, "postern-agent")
	build := exec.Command("go", "build", "-o", agent, "postern/cmd/postern-agent")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	launcher := guest.NewLauncher()
	defer launcher.Close()
	if missing := launcher.Check(t.Context(), dir, agent); len(missing) > 0 {
		t.Skipf("this host cannot boot guests: %v", &missing[0])
	}
	n := waitNetwork{make(chan string, 9), make(chan string, 9), make(chan string, 9)}
	config := compute.Config{
		Store: new(record.Memory), Network: n, Launcher: launcher, Dir: filepath.Join(dir, "compute"), Agent: agent,
		CA: "-----BEGIN CERTIFICATE-----\nUG9zdGVybg==\n-----END CERTIFICATE-----\n",
	}
	s, err := compute.Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	made, err := s.Launch(
		t.Context(),
		compute.Launch{
			Scope:      home,
			Placements: []compute.Placement{place(1)},
			UserData:   []byte("#!/bin/sh\necho kept > /root/file\n"),
		},
	)
	if err != nil {
		t.Fatal(err)
	}
	eni := next(t, n.attached, "the interface")
	t.Logf("booted after %v", time.Since(began))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if got := next(t, n.detached, "the detachment"); got != eni {
		t.Errorf("%s detached", got)
	}
	// The next server brings the same node back.
	if s, err = compute.Open(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	if got := next(t, n.attached, "the interface of the same instance"); got != eni {
		t.Errorf("%s attached", got)
	}
	if _, err := s.Terminate(t.Context(), home, []string{made[0].ID}); err != nil {
		t.Fatal(err)
	}
	next(t, n.terminated, "the end")
	if text, _, err := s.Console(home, made[0].ID); err != nil ||
		strings.Count(string(text), "boots; eth0 10.0.1.20/24") != 2 {
		t.Errorf("console: %v\n%s", err, text)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(filepath.Join(config.Dir, "instances")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}
