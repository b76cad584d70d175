package agent_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"postern/ssm/document"
	"postern/ssm/mgs"
)

// publish puts a release of postern-agent into the bucket of its region.
func (s *service) publish(m *mgs.Manifest, version, program, checksum string) {
	s.t.Helper()
	file := mgs.AgentFile("linux", runtime.GOARCH)
	if checksum == "" {
		checksum = fmt.Sprintf("%x", sha256.Sum256([]byte(program)))
	}
	m.Add(file, mgs.ManifestVersion{Version: version, Checksum: checksum, Status: "Active"})
	text, err := json.Marshal(m)
	if err != nil {
		s.t.Fatal(err)
	}
	const bucket = "us-east-1/amazon-ssm-us-east-1/"
	s.mu.Lock()
	defer s.mu.Unlock()
	s.objects[bucket+mgs.ManifestKey] = string(text)
	s.objects[bucket+mgs.ReleaseKey(version, file)] = program
}

// TestUpdate has a program replace itself. A release that is damaged, that is another one than it says, or that does
// not come online leaves the program as it is, and running.
func TestUpdate(t *testing.T) {
	s, dir := newService(t), t.TempDir()
	next, err := os.ReadFile(buildProgram(t, t.TempDir(), "1.0.0.10"))
	if err != nil {
		t.Fatal(err)
	}
	program := buildProgram(t, dir, "1.0.0.9")
	s.start(program, dir)
	owned, _ := document.FindOwned("AWS-UpdateSSMAgent")
	c, manifest, n := s.channel(), &mgs.Manifest{}, 0
	update := func(version, says string, want mgs.Status, again bool) {
		t.Helper()
		n++
		command := fmt.Sprintf("update-%d", n)
		c.send(mgs.AgentJob, jobFor(t, command, owned.Text, map[string]any{"version": version}))
		if again {
			c = s.channel() // of the program that serves after it
		}
		status, steps, _ := c.outcome(command)
		step := steps["aws:updateSsmAgent"]
		if status != want || step == nil || !strings.Contains(step.StandardOutput+step.StandardError, says) {
			t.Fatalf("update to %q: %s %+v, want %s %q", version, status, step, want, says)
		}
	}
	script := func(version, run string) string {
		return "#!/bin/sh\n[ $1 = version ] && echo postern-agent " + version + " && exit\n" + run + "\n"
	}
	update("", "has no version of postern-agent-linux-", mgs.Success, false)
	update("2.0.0.0", "has no version 2.0.0.0", mgs.Failed, false)
	s.publish(manifest, "1.0.0.8", script("1.0.0.8", ""), "")
	update("", "1.0.0.9 is newer than 1.0.0.8, update skipped", mgs.Success, false)
	update("1.0.0.8", "allowDowngrade is not true", mgs.Failed, false)
	s.publish(manifest, "1.0.0.11", string(next), strings.Repeat("0", 64))
	update("1.0.0.11", "SHA-256", mgs.Failed, false)
	s.publish(manifest, "1.0.0.11", string(next), "")
	update("1.0.0.11", `the new program says "postern-agent 1.0.0.10"`, mgs.Failed, false)
	s.publish(manifest, "1.0.0.12", script("1.0.0.12", "echo it is broken >&2; exit 3"), "")
	update("", "postern-agent stays 1.0.0.9: postern-agent 1.0.0.12 does not come online: exit status 3 it is broken",
		mgs.Failed, true)
	s.publish(manifest, "1.0.0.10", string(next), "")
	update("1.0.0.10", "postern-agent updated from 1.0.0.9 to 1.0.0.10", mgs.Success, true)
	update("1.0.0.10", "1.0.0.10 has already been installed", mgs.Success, false)
	if got, err := os.ReadFile(program); err != nil || string(got) != string(next) {
		t.Errorf("the program is not the new one: %d bytes, %v", len(got), err)
	}
	if left, err := filepath.Glob(program + ".*"); err != nil || len(left) > 0 {
		t.Errorf("left over: %v, %v", left, err)
	}
	s.saysItsVersion("1.0.0.10")
}

// saysItsVersion waits for a sign of life with a version.
func (s *service) saysItsVersion(want string) {
	s.t.Helper()
	for range 100 {
		if s.next("UpdateInstanceInformation").body["AgentVersion"] == want {
			return
		}
	}
	s.t.Errorf("no sign of life has version %s", want)
}
