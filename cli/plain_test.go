package cli

import (
	"bytes"
	"strings"
	"testing"
)

// A node says what it likes about itself. It must not speak to the terminal of who looks at it.
func TestNodesDoNotSpeakToTheTerminal(t *testing.T) {
	const evil = "\x1b]0;title\a\x1b[2Ja\u202eb\u009b31m"
	var out bytes.Buffer
	s := &status{
		Nodes: []nodeStatus{{ID: "mi-1", Ping: "Online", Address: evil, Agent: evil, Platform: evil + "\nmi-2  Online"}},
	}
	if err := s.print(&out); err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(out.String(), "\n"); lines != 8 {
		t.Errorf("%d lines:\n%s", lines, &out)
	}
	printGroups(&out, []result{{Node: "mi-1", Status: "Success", Stdout: evil + "\n", Stderr: evil}})
	if at := strings.IndexAny(out.String(), "\x1b\a\u202e\u009b"); at >= 0 {
		t.Errorf("byte %d of %q", at, out.String())
	}
}

func TestPlain(t *testing.T) {
	for _, row := range [][2]string{
		{"two\nlines\tand a tab", "two\nlines\tand a tab"},
		{"grüße, 世界 ✓", "grüße, 世界 ✓"},
		{"dos\r\nlines", "dos\nlines"},
		{"over\rwritten", `over\rwritten`},
		{"\x1b[31mred", `\x1b[31mred`},
		{"not \xff UTF-8", "not \ufffd UTF-8"},
	} {
		if got := plain(row[0]); got != row[1] {
			t.Errorf("%q: %q, want %q", row[0], got, row[1])
		}
	}
}
