package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestHelp: every command prints help without a server, names itself in the field's words, and ends with 0.
func TestHelp(t *testing.T) {
	root := (&app{options: Options{Now: time.Now}}).command()
	commands := 0
	for _, cmd := range root.Commands() {
		commands++
		out, stderr, code := typed(t, nil, cmd.Name(), "--help")
		if code != 0 || !strings.Contains(out, "postern "+cmd.Name()) || stderr != "" {
			t.Errorf("%s: exit code %d, %s\n%s", cmd.Name(), code, stderr, out)
		}
		for _, word := range strings.Fields(strings.ToLower(out)) {
			switch strings.Trim(word, ".,;:()\"'") {
			case "road", "roads", "card", "cards", "door", "gate", "laboratory", "realm", "noun":
				t.Errorf("%s: its help says %q", cmd.Name(), word)
			}
		}
	}
	if commands < 13 {
		t.Errorf("only %d commands", commands)
	}
}

func TestFlagForms(t *testing.T) {
	var r ranges
	if got := r.last(); got.IsValid() || r.String() != "" {
		t.Errorf("no range is %v, %q", got, r.String())
	}
	for _, text := range []string{"10.0.0.0/8", "192.0.2.0/24"} {
		if err := r.Set(text); err != nil {
			t.Error(err)
		}
	}
	if r.String() != "10.0.0.0/8,192.0.2.0/24" || r.last().String() != "192.0.2.0/24" {
		t.Errorf("%s, the last %v", r.String(), r.last())
	}
	if err := r.Set("10.0.0.0"); err == nil || err.Error() != "write it as a network, such as 0.0.0.0/0 or 10.0.0.0/8" {
		t.Error(err)
	}
	var a addresses
	if err := a.Set("127.0.0.1:8080"); err != nil {
		t.Error(err)
	}
	if err := a.Set("[::1]:53"); err != nil || a.String() != "127.0.0.1:8080,[::1]:53" {
		t.Errorf("%s, %v", a.String(), err)
	}
	if err := a.Set("127.0.0.1"); err == nil || err.Error() != "write it as an address and port, such as 127.0.0.1:8080" {
		t.Error(err)
	}
}

func TestEnv(t *testing.T) {
	s := newService(t, nil)
	t.Setenv("AWS_SESSION_TOKEN", "it's")
	t.Setenv("PATH", "") // no AWS CLI, of which it would warn
	out, _, code := typed(t, nil, "env")
	for _, want := range []string{
		"export AWS_ENDPOINT_URL='" + s.URL + "'\n", "export AWS_REGION='eu-west-7'\n",
		"export AWS_DEFAULT_REGION='eu-west-7'\n", "export AWS_ACCESS_KEY_ID='AKIATEST'\n",
		`export AWS_SESSION_TOKEN='it'\''s'` + "\n",
	} {
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("exit code %d, no %q in\n%s", code, want, out)
		}
	}
	if strings.Contains(out, "unset") {
		t.Errorf("it takes away the token that it sets:\n%s", out)
	}
	out, _, _ = typed(t, nil, "env", "-o", "json")
	var vars map[string]string
	if err := json.Unmarshal([]byte(out), &vars); err != nil || vars["AWS_SECRET_ACCESS_KEY"] != "secret" {
		t.Errorf("%s: %v", out, err)
	}
	t.Setenv("AWS_SESSION_TOKEN", "")
	if out, _, _ := typed(t, nil, "env"); !strings.Contains(out, "unset AWS_SESSION_TOKEN AWS_PROFILE") {
		t.Errorf("another session's token stays:\n%s", out)
	}
	out, _, _ = typed(t, nil, "env", "--unset")
	if !strings.HasPrefix(out, "unset AWS_ENDPOINT_URL ") || !strings.HasSuffix(out, " AWS_SESSION_TOKEN\n") {
		t.Errorf("%q", out)
	}
}

// TestINI: what is read of the AWS tools' files, and what becomes of what is not ours.
func TestINI(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config")
	const text = "# mine\n[default]\nregion=r\n\n[profile \"lab\"]\n; a comment\nRegion = one\ns3 =\n  " +
		"addressing_style = path\n\n" +
		"[profile other]\nregion = two\n"
	if err := os.WriteFile(path, []byte(text), 0o640); err != nil {
		t.Fatal(err)
	}
	f, err := openINI(path)
	if err != nil {
		t.Fatal(err)
	}
	got, ok := f.get("profile lab")
	if !ok || got["region"] != "one" || len(got) != 2 {
		t.Errorf("%v, %v", got, ok)
	}
	if _, ok := f.get("lab"); ok {
		t.Error("a section that is not there")
	}
	f.set("profile lab", setting{"region", "new"}, setting{"output", "json"}, setting{"s3", "x"}, setting{"none", ""})
	f.set("profile other", setting{"region", ""})
	f.set("profile added", setting{"region", "three"})
	if err := f.save(); err != nil {
		t.Fatal(err)
	}
	const want = "# mine\n[default]\nregion=r\n\n[profile \"lab\"]\n; a comment\nregion = new\ns3 = x\n  " +
		"addressing_style = path\n" +
		"output = json\n\n[profile other]\n\n[profile added]\nregion = three\n"
	saved, err := os.ReadFile(path)
	if err != nil || string(saved) != want {
		t.Errorf("%v\n%s\nwant\n%s", err, saved, want)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o640 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	spaced := " [ profile  'a b' ] # x"
	for line, want := range map[string]string{
		"[default]": "default", spaced: "profile a b", "default]": "", "[open": "", "x=[y]": "",
	} {
		if got, ok := sectionOf(line); got != want || ok != (want != "") {
			t.Errorf("%q is the head of %q, %v", line, got, ok)
		}
	}
}

// TestGroupsOfOutput: equal outcomes are printed once, with the nodes in the order of their ids.
func TestGroupsOfOutput(t *testing.T) {
	var out bytes.Buffer
	printGroups(&out, []result{
		{"i-1", "Success", 0, "a\r\nb\n", ""},
		{"i-2", "Failed", 3, "", "x\t\x00"},
		{"i-3", "Success", 0, "a\r\nb\n", ""},
		{"i-4", "TimedOut", -1, "", ""},
		{"i-5", "Success", 0, "a\r\nb\n", "said"},
	})
	want := "── i-1 i-3  Success\na\nb\n── i-2  Failed (exit 3)\nx\t\\x00\n── i-4  TimedOut\n── i-5  " +
		"Success\na\nb\nsaid\n"
	if out.String() != want {
		t.Errorf("%q, want\n%q", out.String(), want)
	}
}
