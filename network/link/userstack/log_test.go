package userstack_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	gvisor "gvisor.dev/gvisor/pkg/log"

	"postern/network/link/userstack"
)

func TestTheStacksLinesAreLogged(t *testing.T) {
	var lines bytes.Buffer
	userstack.LogTo(slog.New(slog.NewTextHandler(&lines, nil)))
	defer userstack.LogTo(slog.New(slog.DiscardHandler))
	gvisor.Warningf("out of %d ports", 7)
	gvisor.Infof("one packet")
	if got := lines.String(); !strings.Contains(got, "level=WARN") || !strings.Contains(got, "out of 7 ports") ||
		strings.Contains(got, "one packet") {
		t.Errorf("logged %q", got)
	}
}
