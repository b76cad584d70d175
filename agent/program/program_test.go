package program

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postern/agent"
)

func TestArguments(t *testing.T) {
	t.Setenv("POSTERN_ACTIVATION_CODE", "")
	dir := t.TempDir()
	for _, tt := range []struct {
		args   string
		code   int
		stdout string
		stderr string
	}{
		{"", 2, "", "postern-agent run"},
		{"dance", 2, "", `there is no verb "dance"`},
		{"--version", 0, "postern-agent " + Version, ""},
		{"help", 0, "postern-agent join", ""},
		{"join -h", 0, "", "-activation id"},
		{"join --flag", 2, "", "flag provided but not defined"},
		{"join more", 2, "", `unexpected argument "more"`},
		{"join --code c --server s", 2, "", "--activation is needed"},
		{"join --activation a --server s", 2, "", "--code is needed"},
		{"join --activation a --code c", 2, "", "--server is needed"},
		{"join --activation a --code-file /does/not/exist --server s", 1, "", "no such file"},
		{"join --activation a --code THESECRET --server 127.0.0.1:x --state " + dir, 1, "", "UDP port"},
		{"init", 2, "", ""},
	} {
		var out, errs bytes.Buffer
		c := command{stdout: &out, stderr: &errs}
		code := c.main(context.Background(), strings.Fields(tt.args))
		if code != tt.code || !strings.Contains(out.String(), tt.stdout) || !strings.Contains(errs.String(), tt.stderr) {
			t.Errorf("%q: %d\n%s\n%s", tt.args, code, out.String(), errs.String())
		}
		if strings.Contains(out.String()+errs.String(), "THESECRET") {
			t.Errorf("%q shows the code", tt.args)
		}
	}
}

// TestDefaultDir: the state is where the environment says, else root's, else the user's.
func TestDefaultDir(t *testing.T) {
	t.Setenv("HOME", "/home/u")
	for _, tt := range []struct{ state, xdg, root, user string }{
		{"/s", "/x", "/s", "/s"},
		{"", "/x", "/var/lib/postern-agent", "/x/postern-agent"},
		{"", "", "/var/lib/postern-agent", "/home/u/.local/state/postern-agent"},
	} {
		t.Setenv("POSTERN_AGENT_STATE", tt.state)
		t.Setenv("XDG_STATE_HOME", tt.xdg)
		want := tt.user
		if os.Geteuid() == 0 {
			want = tt.root
		}
		if got := defaultDir(); got != want {
			t.Errorf("%+v: %s, want %s", tt, got, want)
		}
	}
}

func TestEndpoints(t *testing.T) {
	for endpoint, want := range map[string]string{
		"https://postern.example/":                "https://postern.example",
		"https://{service}.{region}.example":      "https://ssm.eu-west-7.example",
		"http://10.0.0.1:4566/{service}/{region}": "http://10.0.0.1:4566/ssm/eu-west-7",
	} {
		o := options{endpoint: endpoint}
		if got := o.endpoints()("ssm", "eu-west-7"); got != want {
			t.Errorf("%s is %s, want %s", endpoint, got, want)
		}
	}
	if new(options).endpoints() != nil {
		t.Error("Amazon's own names are replaced")
	}
}

// TestCode: the code of the flag goes before that of the environment, a file's before both, without its line's end.
func TestCode(t *testing.T) {
	file := filepath.Join(t.TempDir(), "code")
	if err := os.WriteFile(file, []byte(" from-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ flag, file, env, want string }{
		{"from-flag", "", "from-env", "from-flag"},
		{"", "", "from-env", "from-env"},
		{"from-flag", file, "from-env", "from-file"},
	} {
		t.Setenv("POSTERN_ACTIVATION_CODE", tt.env)
		j := joinFlags{activation: "a", server: "s", code: tt.flag, codeFile: tt.file}
		if err := j.complete(); err != nil || j.code != tt.want {
			t.Errorf("%+v: %q, %v", tt, j.code, err)
		}
	}
}

// TestResume: what is broken of a registration is told, and that there is none is told apart.
func TestResume(t *testing.T) {
	c := command{stdout: io.Discard, stderr: io.Discard}
	dir := t.TempDir()
	if err := c.resume(t.Context(), &options{dir: dir}); !errors.Is(err, agent.ErrNotRegistered) {
		t.Errorf("without a registration: %v", err)
	}
	if _, err := loadTunnel(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a tunnel: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, tunnelFile), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := loadTunnel(dir); err == nil || !strings.Contains(err.Error(), "read the tunnel that join has kept") {
		t.Errorf("a broken tunnel: %v", err)
	}
}

func TestPower(t *testing.T) {
	var errs bytes.Buffer
	c := command{stdout: io.Discard, stderr: &errs}
	if code := c.power("shutdown", []string{"-k", "now"}); code != 0 || errs.Len() > 0 {
		t.Errorf("words only: %d, %s", code, &errs)
	}
	if code := c.power(
		"shutdown", []string{"tomorrow"},
	); code != 1 || !strings.HasPrefix(errs.String(), "shutdown: time ") {
		t.Errorf("no time: %d, %s", code, &errs)
	}
}
