package userdata_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/aws/fault"
	"postern/services/compute/userdata"
)

func zipped(text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(text))
	_ = z.Close()
	return base64.StdEncoding.EncodeToString(b.Bytes())
}

func TestParse(t *testing.T) {
	config := func(lines ...string) string { return "#cloud-config\n" + strings.Join(lines, "\n") + "\n" }
	plain := func(path, content string) userdata.File {
		return userdata.File{Path: path, Owner: "root:root", Content: []byte(content), Mode: 0o644}
	}
	for _, tt := range []struct {
		name, data string
		want       userdata.Plan
	}{
		{"nothing", "", userdata.Plan{}},
		{"a script", "#!/bin/sh\necho hello\n", userdata.Plan{Script: []byte("#!/bin/sh\necho hello\n")}},
		{"a text", "hello", userdata.Plan{}},
		{"an empty configuration", "#cloud-config\n", userdata.Plan{}},
		{"a configuration of comments", config("# nothing"), userdata.Plan{}},
		{"commands", config("runcmd:", "  - echo \"$HOME\" | cat", "  - [ls, -l, \"it's\"]", "  -", "  - 7"),
			userdata.Plan{Script: []byte("#!/bin/sh\necho \"$HOME\" | cat\n'ls' '-l' 'it'\\''s'\n7\n")}},
		{"files", config("write_files:", "  - path: /etc/a", "    content: |", "      one", "      two", "  - {path: /b}"),
			userdata.Plan{Files: []userdata.File{plain("/etc/a", "one\ntwo\n"), plain("/b", "")}}},
		{"a file's attributes", config("write_files:", "  - path: /a", "    owner: daemon:adm", "    permissions: '0600'",
			"    append: true", "    encoding: b64", "    content: aGVs", "      bG8="),
			userdata.Plan{
				Files: []userdata.File{{Path: "/a", Owner: "daemon:adm", Content: []byte("hello"), Mode: 0o600, Append: true}},
			}},
		{"permissions as a number", config("write_files:", "  - {path: /a, permissions: 0755}"),
			userdata.Plan{Files: []userdata.File{{Path: "/a", Owner: "root:root", Content: []byte{}, Mode: 0o755}}}},
		{"compressed", config("write_files:", "  - {path: /a, encoding: gz+b64, content: "+zipped("hello")+"}"),
			userdata.Plan{Files: []userdata.File{plain("/a", "hello")}}},
	} {
		got, err := userdata.Parse([]byte(tt.data))
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: -want +got\n%s", tt.name, diff)
		}
	}
}

func TestRefused(t *testing.T) {
	for _, tt := range []struct {
		name, data string
		kind       fault.Kind
		says       string
	}{
		{"packages", "#cloud-config\npackages: [nginx]\n", fault.NotImplemented, "packages"},
		{"packages beside commands", "#cloud-config\nruncmd: [ls]\npackages: [nginx]\n", fault.NotImplemented, "packages"},
		{"users", "#cloud-config\nusers: []\n", fault.NotImplemented, "users"},
		{"a file's source", "#cloud-config\nwrite_files: [{path: /a, source: {uri: x}}]\n", fault.Invalid,
			"write_files.source"},
		{"a file deferred", "#cloud-config\nwrite_files: [{path: /a, defer: true}]\n", fault.NotImplemented,
			"write_files.defer"},
		{"an encoding", "#cloud-config\nwrite_files: [{path: /a, encoding: rot13}]\n", fault.NotImplemented, "rot13"},
		{"several parts", "Content-Type: multipart/mixed\n\n", fault.NotImplemented, "Content-Type:"},
		{"a boot hook", "#cloud-boothook\n#!/bin/sh\n", fault.NotImplemented, "#cloud-boothook"},
		{"an archive", "#cloud-config-archive\n[]\n", fault.NotImplemented, "#cloud-config-archive"},
		{"a template", "## template: jinja\n#cloud-config\n", fault.NotImplemented, "## template:"},
		{"compressed", "\x1f\x8b\x08\x00", fault.NotImplemented, "not implemented"},
		{"no YAML", "#cloud-config\nruncmd: [\n", fault.Invalid, "YAML"},
		{"a list", "#cloud-config\n- a\n", fault.Invalid, "mapping"},
		{"commands that are no list", "#cloud-config\nruncmd: ls\n", fault.Invalid, "runcmd"},
		{"a command that is a mapping", "#cloud-config\nruncmd: [{a: b}]\n", fault.Invalid, "runcmd"},
		{"a relative path", "#cloud-config\nwrite_files: [{path: a}]\n", fault.Invalid, "path"},
		{"no path", "#cloud-config\nwrite_files: [{content: a}]\n", fault.Invalid, "path"},
		{"permissions", "#cloud-config\nwrite_files: [{path: /a, permissions: '0999'}]\n", fault.Invalid, "permissions"},
		{"no base64", "#cloud-config\nwrite_files: [{path: /a, encoding: b64, content: '%'}]\n", fault.Invalid, "base64"},
		{"a bomb",
			"#cloud-config\nwrite_files: [{path: /a, encoding: gz+b64, content: " + zipped(strings.Repeat("0", 2<<20)) + "}]\n",
			fault.Invalid, "larger"},
	} {
		_, err := userdata.Parse([]byte(tt.data))
		if !fault.Is(err, tt.kind) || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v, want one that says %q", tt.name, err, tt.says)
		}
	}
}

// FuzzParse: no user data ends the program, and a script that is made begins as one.
func FuzzParse(f *testing.F) {
	f.Add([]byte("#cloud-config\nruncmd:\n - [a, b]\nwrite_files:\n - {path: /a, content: x, permissions: 0644}\n"))
	f.Add([]byte("#!/bin/sh\n"))
	f.Add([]byte("#cloud-config\na: &a [*a]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := userdata.Parse(data)
		if err != nil && (p.Script != nil || p.Files != nil) {
			t.Errorf("%q is refused and planned", data)
		}
		if len(p.Script) > 0 && !bytes.HasPrefix(p.Script, []byte("#!")) {
			t.Errorf("%q becomes the script %q", data, p.Script)
		}
	})
}
