package terraform

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	providerName    = "registry.terraform.io/hashicorp/aws"
	providerVersion = "5.100.0"
	// patience is how long a state may take to come about on a busy machine.
	patience = 3 * time.Minute
)

// tools are the programs that a story needs.
type tools struct{ terraform, mirror string }

// findTools looks for Terraform on PATH, and for the provider where Terraform itself looks for installed ones and in
// the directory that TF_PLUGIN_MIRROR names. In CI they must be there, unless POSTERN_CI_WITHOUT_TERRAFORM is set.
func findTools(t *testing.T) tools {
	t.Helper()
	found, err := lookForTools()
	switch {
	case err == nil:
		return found
	case os.Getenv("CI") == "true" && os.Getenv("POSTERN_CI_WITHOUT_TERRAFORM") == "":
		t.Fatalf("%v, and in CI it must be", err)
	}
	t.Skip(err)
	return found
}

func lookForTools() (tools, error) {
	terraform, err := exec.LookPath("terraform")
	if err != nil {
		return tools{}, errors.New("terraform is not on PATH")
	}
	home, _ := os.UserHomeDir()
	for _, dir := range []string{
		os.Getenv("TF_PLUGIN_MIRROR"), filepath.Join(home, ".terraform.d/plugins"),
		"/usr/local/share/terraform/plugins", "/usr/share/terraform/plugins", "/opt/tf-plugins",
	} {
		if dir == "" {
			continue
		}
		if _, err := os.Stat(filepath.Join(dir, providerName, providerVersion)); err == nil {
			return tools{terraform, dir}, nil
		}
	}
	return tools{}, fmt.Errorf("version %s of the provider %s is in no plugin directory", providerVersion, providerName)
}

// server is a `postern up` of its own.
type server struct {
	env  []string
	said transcript
}

// atOnce is how many stories run at the same time. Most of a story is the provider's own pauses: they wait for each
// other no more than for a processor.
const atOnce = "6"

// programs is the directory that holds our programs; build fills it once for all stories.
var programs string

func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", atOnce); err != nil {
		panic(err)
	}
	var err error
	if programs, err = os.MkdirTemp("", "postern-terraform-"); err != nil {
		panic(err)
	}
	code := m.Run()
	_ = os.RemoveAll(programs) // what is left there harms nobody
	os.Exit(code)
}

var build = sync.OnceValues(func() (string, error) {
	command := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", programs+"/", "postern/cmd/postern",
		"postern/cmd/postern-agent", "postern/cmd/postern-s3")
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := command.CombinedOutput()
	return string(out), err
})

// serve builds Postern, starts it with a new data directory and waits until it answers. It ends with the test.
func serve(t *testing.T) *server {
	t.Helper()
	if out, err := build(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	s := &server{}
	environ := append(os.Environ(), "POSTERN_DATA="+filepath.Join(t.TempDir(), "data"))
	postern := filepath.Join(programs, "postern")
	cmd := exec.Command(postern, "up", "--listen", "127.0.0.1:0", "--wireguard", "127.0.0.1:0", "--verbose")
	cmd.Env = environ
	s.start(t, cmd)
	show := exec.Command(postern, "env", "--output", "json")
	show.Env = environ
	out, err := show.Output()
	if err != nil {
		t.Fatalf("postern env: %v", err)
	}
	for _, m := range regexp.MustCompile(`"(AWS_[A-Z_]+)":"([^"]*)"`).FindAllStringSubmatch(string(out), -1) {
		s.env = append(s.env, m[1]+"="+m[2])
	}
	return s
}

func (s *server) start(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = &s.said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready, done := make(chan struct{}, 1), make(chan error, 1)
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if strings.HasPrefix(lines.Text(), "stop with Ctrl-C") {
				ready <- struct{}{}
			}
		}
		done <- cmd.Wait()
	}()
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGINT)
		select {
		case <-done:
		case <-time.After(patience):
			cmd.Process.Kill()
			<-done
		}
		if t.Failed() {
			t.Logf("what Postern refused:\n%s", s.said.grep(" code="))
		}
	})
	select {
	case <-ready:
	case err := <-done:
		done <- err
		t.Fatalf("postern up ended: %v\n%s", err, s.said.grep(""))
	case <-time.After(patience):
		t.Fatalf("postern up is not ready after %v", patience)
	}
}

// transcript collects a server's log.
type transcript struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (w *transcript) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(p)
}

// grep returns the lines that hold a word.
func (w *transcript) grep(word string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out strings.Builder
	for line := range strings.Lines(w.text.String()) {
		if strings.Contains(line, word) {
			out.WriteString(line)
		}
	}
	return out.String()
}

var durationField = regexp.MustCompile(` duration=(\S+)`)

// answering is how long the server has worked, in all, on the requests of its root user, and on how many.
func (s *server) answering() (total time.Duration, requests int) {
	for line := range strings.Lines(s.said.grep(":root ")) {
		if m := durationField.FindStringSubmatch(line); m != nil {
			d, _ := time.ParseDuration(m[1])
			total, requests = total+d, requests+1
		}
	}
	return total, requests
}

// workspace is a copy of a configuration, with its own state.
type workspace struct {
	t   *testing.T
	bin string
	dir string
	env []string
}

func newWorkspace(t *testing.T, have tools, s *server, configuration string) *workspace {
	t.Helper()
	w := &workspace{t: t, bin: have.terraform, dir: t.TempDir()}
	if err := os.CopyFS(w.dir, os.DirFS(filepath.Join("testdata", configuration))); err != nil {
		t.Fatal(err)
	}
	rc := filepath.Join(t.TempDir(), "terraform.rc")
	text := fmt.Sprintf(
		"disable_checkpoint = true\nprovider_installation {\n  filesystem_mirror {\n    path = %q\n  }\n}\n", have.mirror,
	)
	if err := os.WriteFile(rc, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	w.env = append(os.Environ(), s.env...)
	w.env = append(w.env, "TF_CLI_CONFIG_FILE="+rc, "TF_IN_AUTOMATION=1", "TF_INPUT=0", "AWS_SESSION_TOKEN=",
		"AWS_PROFILE=")
	w.run("init", "-no-color")
	return w
}

// try runs Terraform and returns its exit code with what it printed.
func (w *workspace) try(args ...string) (int, string) {
	w.t.Helper()
	cmd := exec.Command(w.bin, args...)
	cmd.Dir, cmd.Env = w.dir, w.env
	began := time.Now()
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		w.t.Fatal(err)
	}
	w.t.Logf("terraform %s: %v", args[0], time.Since(began).Round(100*time.Millisecond))
	return cmd.ProcessState.ExitCode(), string(out)
}

func (w *workspace) run(args ...string) {
	w.t.Helper()
	if code, out := w.try(args...); code != 0 {
		w.t.Fatalf("terraform %s: exit code %d\n%s", strings.Join(args, " "), code, out)
	}
}

func (w *workspace) apply(vars ...string) {
	w.t.Helper()
	w.run(append([]string{"apply", "-auto-approve", "-no-color", "-parallelism=20"}, variables(vars)...)...)
}

func (w *workspace) destroy(vars ...string) {
	w.t.Helper()
	w.run(append([]string{"destroy", "-auto-approve", "-no-color", "-parallelism=20"}, variables(vars)...)...)
}

// settled wants a plan without any change.
func (w *workspace) settled(vars ...string) {
	w.t.Helper()
	if code, out := w.try(append([]string{
		"plan", "-detailed-exitcode", "-no-color", "-parallelism=20",
	}, variables(vars)...)...); code != 0 {
		w.t.Errorf("a second plan has changes (exit code %d)\n%s", code, out)
	}
}

func variables(vars []string) []string {
	var out []string
	for _, v := range vars {
		out = append(out, "-var", v)
	}
	return out
}

// output reads an output from the state: to ask Terraform for it takes a second.
func (w *workspace) output(name string, into any) {
	w.t.Helper()
	var state struct {
		Outputs map[string]struct{ Value json.RawMessage }
	}
	text, err := os.ReadFile(filepath.Join(w.dir, "terraform.tfstate"))
	if err == nil {
		err = json.Unmarshal(text, &state)
	}
	if err == nil {
		err = json.Unmarshal(state.Outputs[name].Value, into)
	}
	if err != nil {
		w.t.Fatalf("output %s: %v", name, err)
	}
}
