package guest_test

import (
	"testing"

	"postern/services/compute/userdata"
)

// TestWriteFiles writes the files of a #cloud-config before its commands run, and neither again at the next boot.
func TestWriteFiles(t *testing.T) {
	l := newFixture(t)
	b, c := l.boot(61, "cat /etc/app.conf /opt/new/one; stat -c %a /etc/app.conf; wc -l </etc/hosts.allow")
	plan, err := userdata.Parse([]byte("#cloud-config\nwrite_files:\n" +
		"  - {path: /etc/app.conf, content: \"a=1\\n\", permissions: '0640'}\n" +
		"  - {path: /opt/new/one, content: \"one\\n\"}\n" +
		"  - {path: /etc/hosts.allow, content: \"x\\n\", append: true}\n" +
		"  - {path: /etc/never, owner: 'nobody-of-that-name'}\n"))
	if err != nil {
		t.Fatal(err)
	}
	b.Files = append([]userdata.File{{Path: "/etc/hosts.allow", Owner: "root:root", Mode: 0o644}}, plan.Files...)
	m := start(t, l, b)
	if got, want := c.script(t), "a=1\none\n640\n1\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	c.waitFor(t, "unknown user nobody-of-that-name")
	m.Stop()
	m.TAP().Close()
	b.Files[1].Content = []byte("a=2\n")
	again, c2 := l.boot(62, "cat /etc/app.conf")
	again.ID, again.Dir, again.Files = b.ID, b.Dir, b.Files
	m = start(t, l, again)
	m.Stop()
	if text := c2.waitFor(t, "stops"); text == "" {
		t.Error("it printed nothing")
	}
	m.TAP().Close()
	again.ID = "i-0000000000000cafe" // another instance on the same layer: it runs its own
	c3 := newConsole()
	again.Console = c3
	again.Files = nil
	start(t, l, again)
	if got := c3.script(t); got != "a=1\n" {
		t.Errorf("after another boot the file says %q", got)
	}
}
