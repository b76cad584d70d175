package cli_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"postern/cli"
	"postern/ssm/mgs"
)

// TestAgentPublish lays a program to where the server looks for releases, and refuses what is none.
func TestAgentPublish(t *testing.T) {
	data, program := t.TempDir(), filepath.Join(t.TempDir(), "program")
	publish := func(file string) (code int, said string) {
		var out bytes.Buffer
		code = cli.Run(t.Context(), cli.Options{
			Args: []string{"agent", "publish", file, "--data", data}, Stdout: &out, Stderr: &out,
		})
		return code, out.String()
	}
	if code, said := publish("agent_test.go"); code == 0 || !strings.Contains(said, "is no program for Linux") {
		t.Errorf("a text: %d %s", code, said)
	}
	if code, said := publish("/bin/true"); code == 0 || !strings.Contains(said, "does not say a version") {
		t.Errorf("another program: %d %s", code, said)
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-ldflags", "-X postern/agent/program.Version=1.2.3.4",
		"-o", program, "postern/cmd/postern-agent")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if code, said := publish(program); code != 0 || !strings.Contains(said, "postern-agent 1.2.3.4 is in "+data) {
		t.Errorf("an agent: %d %s", code, said)
	}
	to := filepath.Join(data, "agents", "1.2.3.4", mgs.AgentFile("linux", runtime.GOARCH))
	if info, err := os.Stat(to); err != nil || info.Size() == 0 {
		t.Errorf("%v, %v", info, err)
	}
}
