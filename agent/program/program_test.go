package program

import (
	"bytes"
	"context"
	"strings"
	"testing"
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
