package agent_test

import (
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/ssm/mgs"
)

// The agent's limits as a program, in bytes.
const (
	mostBinary = 15 << 20
	mostMemory = 15 << 20
)

// TestFootprint runs the agent as it ships and holds it to its size, its memory when idle and its speed.
func TestFootprint(t *testing.T) {
	s := newService(t)
	dir := t.TempDir()
	program := buildProgram(t, dir, "0.1.0.0")
	info, err := os.Stat(program)
	if err != nil || info.Size() > mostBinary {
		t.Errorf("the program has %d bytes, %v", info.Size(), err)
	}
	cmd := s.start(program, dir)
	c := s.channel()
	var took []time.Duration
	for i := range 50 {
		id := fmt.Sprintf("command-%d", i)
		began := time.Now()
		c.send(mgs.AgentJob, jobFor(t, id, shell("echo hi"), nil))
		if status, _, _ := c.outcome(id); status != mgs.Success {
			t.Errorf("%s: %s", id, status)
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	memory := idleMemory(t, cmd.Process.Pid)
	t.Logf("%.1f MiB on disk, %.1f MiB in memory, a command takes %v (p50), %v (p99)",
		float64(info.Size())/(1<<20), float64(memory)/(1<<20), took[len(took)/2], took[len(took)-1])
	if memory > mostMemory {
		t.Errorf("it holds %d bytes of memory when idle", memory)
	}
}

// buildProgram builds the agent as it ships, with a version.
func buildProgram(t *testing.T, dir, version string) string {
	t.Helper()
	program := filepath.Join(dir, "postern-agent")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w -X postern/agent/program.Version="+version,
		"-o", program, "postern/cmd/postern-agent")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

// start runs a program as the agent of an instance, with its state and the service's certificate in a directory. It is
// ended with the test.
func (s *service) start(program, dir string) *exec.Cmd {
	s.t.Helper()
	s.metadata = map[string]string{
		"dynamic/instance-identity/document": `{"instanceId":"i-0123456789abcdef0",` +
			`"region":"us-east-1"}`,
		"meta-data/iam/security-credentials/": "role",
		"meta-data/iam/security-credentials/role": fmt.Sprintf(
			`{"Code":"Success","AccessKeyId":"AKIATEST","SecretAccessKey":"secret","Token":"t","Expiration":%q}`,
			time.Now().Add(time.Hour).Format(time.RFC3339),
		),
		"meta-data/identity-credentials/ec2/security-credentials/ec2-instance": "{}",
	}
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.serveMetadata(w, r, strings.TrimPrefix(r.URL.Path, "/latest/"))
	}))
	s.t.Cleanup(plain.Close)
	ca := filepath.Join(dir, "ca.pem")
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.web.Certificate().Raw})
	if err := os.WriteFile(ca, certificate, 0o600); err != nil {
		s.t.Fatal(err)
	}
	cmd := exec.Command(program, "run", "--state", filepath.Join(dir, "state"), "--endpoint", s.url+"/{service}/{region}")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "SSL_CERT_FILE=" + ca,
		"AWS_EC2_METADATA_SERVICE_ENDPOINT=" + plain.URL}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			s.t.Error(err)
		}
		if err := cmd.Wait(); err != nil {
			s.t.Errorf("it ends with %v", err)
		}
	})
	return cmd
}

// idleMemory waits until a program has given back what its start needed, and says how much it holds then, or after a
// minute.
func idleMemory(t *testing.T, pid int) int {
	t.Helper()
	look := time.NewTicker(200 * time.Millisecond)
	defer look.Stop()
	deadline := time.After(time.Minute)
	for most := 0; ; {
		now := residentMemory(t, pid)
		most = max(most, now)
		if now < most*9/10 && now <= mostMemory {
			return now
		}
		select {
		case <-look.C:
		case <-deadline:
			return now
		}
	}
}

func residentMemory(t *testing.T, pid int) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	var kilobytes int
	if _, err := fmt.Sscan(rest, &kilobytes); err != nil {
		t.Fatal(err)
	}
	return kilobytes << 10
}
