package script

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"postern/cli"
	"postern/cmd/postern/program"
	"postern/network/link/tunnel"
	"postern/services/compute"
	"postern/services/compute/guest"
	s3program "postern/services/s3/embedded/program"
	"postern/test/ports"
)

// patience is how long a state may take to come about on a busy machine.
const patience = 3 * time.Minute

func TestMain(m *testing.M) {
	// An instance's first process, and what holds an attached command, is this program started again under another name:
	// it must not become a test.
	compute.InitMain()
	s3program.InitMain()
	tunnel.InitMain()
	testscript.Main(m, map[string]func(){"postern": func() { os.Exit(program.Main()) }})
}

// nextVersion is that of the release of the agent which instances are updated to.
const nextVersion = "9.9.9.9"

// buildAgent makes the agent that instances run, of a version where one is given.
func buildAgent(t *testing.T, version string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "postern-agent")
	flags := "-s -w"
	if version != "" {
		flags += " -X postern/agent/program.Version=" + version
	}
	build := exec.Command("go", "build", "-trimpath", "-ldflags", flags, "-o", path, "postern/cmd/postern-agent")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build postern-agent: %v\n%s", err, out)
	}
	return path
}

func TestStories(t *testing.T) {
	agent, next := buildAgent(t, ""), buildAgent(t, nextVersion)
	missing := missingFor(t, agent)
	path := filepath.Dir(agent)
	if missing["aws"] == "" {
		path = olderCLI(t) + path
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) (err error) {
			env.Setenv("POSTERN_AGENT", agent)
			env.Setenv("NEXT_AGENT", next)
			env.Setenv("NEXT_VERSION", nextVersion)
			env.Setenv("POSTERN_S3", "/proc/self/exe")
			env.Setenv("POSTERN_DATA", filepath.Join(env.WorkDir, "data"))
			env.Setenv("PATH", path+string(os.PathListSeparator)+env.Getenv("PATH"))
			env.Setenv("AWS_PAGER", "")
			env.Setenv("PYTHON", python())
			env.Setenv("AWS_EC2_METADATA_DISABLED", "true")
			var b background
			env.Values[serverKey{}] = &b
			if b.api, err = ports.Free(); err == nil {
				b.join, err = ports.Free()
			}
			return err
		},
		Condition: func(name string) (bool, error) {
			why, known := missing[name]
			if !known {
				return false, fmt.Errorf("unknown condition %q", name)
			}
			if why != "" && os.Getenv("CI") == "true" && os.Getenv("POSTERN_CI_WITHOUT_"+strings.ToUpper(name)) == "" {
				return false, fmt.Errorf("%s, and in CI no story is skipped for it", why)
			}
			return why == "", nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"up": up, "down": down, "await": await, "setenv": setenv, "rootfs": rootfs, "remedy": remedy,
			"exits": exits,
		},
		RequireExplicitExec: true,
	})
}

// python is a Python with boto3, "" where there is none. A Debian package is one of Debian's own Python.
func python() string {
	for _, name := range []string{"python3", "/usr/bin/python3"} {
		if exec.Command(name, "-c", "import boto3").Run() == nil {
			return name
		}
	}
	return ""
}

// missingFor says what stories may need and this machine lacks: the AWS CLI, and what instances need.
func missingFor(t *testing.T, agent string) map[string]string {
	t.Helper()
	missing := map[string]string{"aws": "", "boto3": "", "dnsmasq": "", "instances": ""}
	if python() == "" {
		missing["boto3"] = "no python3 has boto3 (Debian: python3-boto3)"
	}
	if _, err := exec.LookPath("aws"); err != nil {
		missing["aws"] = "the AWS CLI is not on PATH"
	}
	if _, err := exec.LookPath("dnsmasq"); err != nil {
		missing["dnsmasq"] = "dnsmasq is not on PATH (Debian: dnsmasq-base)"
	}
	launcher := guest.NewLauncher()
	defer launcher.Close()
	if lacks := launcher.Check(t.Context(), t.TempDir(), agent); len(lacks) > 0 {
		missing["instances"] = "instances cannot run here: " + lacks[0].Error()
		t.Log(missing["instances"])
	}
	return missing
}

// olderCLI makes the stories hold with an AWS CLI that is too old to know AWS_ENDPOINT_URL, as Debian 12 has it: the
// word aws then means a script that gives it the flag, which every one knows. It returns what goes in front of PATH.
func olderCLI(t *testing.T) string {
	t.Helper()
	real, err := exec.LookPath("aws")
	if err != nil {
		t.Fatal(err)
	}
	version, err := exec.Command(real, "--version").CombinedOutput()
	if err != nil {
		t.Fatalf("aws --version: %v\n%s", err, version)
	}
	if cli.KnowsEndpointURL(string(version)) {
		return ""
	}
	t.Logf("%s does not know AWS_ENDPOINT_URL: the stories give it --endpoint-url", strings.TrimSpace(string(version)))
	dir := t.TempDir()
	script := fmt.Sprintf("#!/bin/sh\nexec %s ${AWS_ENDPOINT_URL:+--endpoint-url \"$AWS_ENDPOINT_URL\"} \"$@\"\n", real)
	if err := os.WriteFile(filepath.Join(dir, "aws"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir + string(os.PathListSeparator)
}

type serverKey struct{}

// background is a `postern up` that runs beside the script.
type background struct {
	// api and join are its addresses, which stay the same over restarts, as they do for users.
	api, join string
	cmd       *exec.Cmd
	done      chan error
	said      transcript
}

// transcript collects what a server prints, for the log of a story that fails.
type transcript struct {
	mu   sync.Mutex
	text strings.Builder
}

func (t *transcript) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.Write(p)
}

func (t *transcript) take() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	text := t.text.String()
	t.text.Reset()
	return text
}

// up runs `postern up` in the background with more flags, waits until it answers, and sets the variables of
// `postern env`, and $JOIN to the address where machines join.
func up(ts *testscript.TestScript, neg bool, args []string) {
	b := ts.Value(serverKey{}).(*background)
	if neg || b.cmd != nil {
		ts.Fatalf("up: one server at a time, and it must start")
	}
	args = append([]string{"up", "--listen", b.api, "--wireguard", b.join}, args...)
	path, err := exec.LookPath("postern")
	ts.Check(err)
	cmd := exec.Command(path, args...)
	cmd.Env = append(os.Environ(), "POSTERN_DATA="+ts.Getenv("POSTERN_DATA"), "POSTERN_AGENT="+ts.Getenv("POSTERN_AGENT"),
		"POSTERN_S3="+ts.Getenv("POSTERN_S3"))
	cmd.Stderr = &b.said
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	b.cmd, b.done = cmd, make(chan error, 1)
	ts.Defer(func() { stop(b); ts.Logf("[postern up]\n%s", b.said.take()) })
	ready := make(chan bool, 1)
	go func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			fmt.Fprintln(&b.said, lines.Text())
			if strings.HasPrefix(lines.Text(), "stop with Ctrl-C") {
				ready <- true
			}
		}
		b.done <- cmd.Wait()
		ready <- false
	}()
	select {
	case ok := <-ready:
		if !ok {
			ts.Fatalf("postern up ended before it was ready")
		}
	case <-time.After(patience):
		ts.Fatalf("postern up is not ready after %v", patience)
	}
	ts.Setenv("JOIN", b.join)
	loadEnv(ts)
}

// loadEnv sets what `postern env` prints.
func loadEnv(ts *testscript.TestScript) {
	ts.Check(ts.Exec("postern", "env", "--output", "json"))
	for _, m := range regexp.MustCompile(`"(AWS_[A-Z_]+)":"([^"]*)"`).FindAllStringSubmatch(ts.ReadFile("stdout"), -1) {
		ts.Setenv(m[1], m[2])
	}
}

// down stops the server with SIGINT, as Ctrl-C does, and wants exit code 0; `down -9` kills it.
func down(ts *testscript.TestScript, _ bool, args []string) {
	b := ts.Value(serverKey{}).(*background)
	if b.cmd == nil {
		ts.Fatalf("down: there is no server")
	}
	signal := os.Signal(syscall.SIGINT)
	if len(args) == 1 && args[0] == "-9" {
		signal = os.Kill
	}
	ts.Check(b.cmd.Process.Signal(signal))
	select {
	case err := <-b.done:
		if signal != os.Kill {
			ts.Check(err)
		}
	case <-time.After(patience):
		ts.Fatalf("postern up does not end")
	}
	b.cmd = nil
}

func stop(b *background) {
	if b.cmd == nil {
		return
	}
	b.cmd.Process.Signal(syscall.SIGINT)
	select {
	case <-b.done:
	case <-time.After(10 * time.Second):
		b.cmd.Process.Kill()
		<-b.done
	}
	b.cmd = nil
}

// await runs a command again and again until its output fits a pattern: await PATTERN COMMAND ARGS…
func await(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: await PATTERN COMMAND ARGS…")
	}
	pattern := regexp.MustCompile(args[0])
	deadline := time.After(patience)
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	for {
		err := ts.Exec(args[1], args[2:]...)
		out := ts.ReadFile("stdout")
		if err == nil && pattern.MatchString(out) != neg {
			return
		}
		select {
		case <-look.C:
		case <-deadline:
			ts.Fatalf("after %v %s prints %q, %v; awaited %s", patience, args[1], out, err, args[0])
		}
	}
}

// exits runs a command and wants this exit code: exits CODE COMMAND ARGS…
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND ARGS…")
	}
	code := 0
	err := ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		code = exit.ExitCode()
	case err != nil:
		ts.Fatalf("%s: %v", args[1], err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("%s ends with exit code %d, want %s", args[1], code, args[0])
	}
}

// setenv sets a variable to the standard output of the last command, without white space around it; several variables
// get its words.
func setenv(ts *testscript.TestScript, _ bool, args []string) {
	out := strings.TrimSpace(ts.ReadFile("stdout"))
	words := []string{out}
	if len(args) > 1 {
		words = strings.Fields(out)
	}
	if len(args) == 0 || len(args) != len(words) {
		ts.Fatalf("usage: setenv NAME…; the last command printed %d words", len(words))
	}
	for i, name := range args {
		ts.Setenv(name, words[i])
	}
}
