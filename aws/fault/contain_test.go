package fault_test

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"postern/aws/fault"
)

func TestContain(t *testing.T) {
	before := fault.Contained()
	err := fault.Contain("part.work", func() error {
		var none []int
		past := len(none)
		_ = none[past]
		return nil
	})
	if !fault.Is(err, fault.Internal) || !errors.Is(err, fault.ErrPanic) || !strings.Contains(err.Error(), "part.work") ||
		!strings.Contains(err.Error(), "contain_test.go") {
		t.Errorf("the fault does not say where: %v", err)
	}
	if again := fault.Contain("owner", func() error { panic(err) }); !errors.Is(again, err) {
		t.Errorf("handed on as %v", again)
	}
	if fault.Contained() != before+1 {
		t.Errorf("%d panics counted", fault.Contained()-before)
	}
	mine := errors.New("mine")
	if err := fault.Contain("x", func() error { return mine }); !errors.Is(err, mine) {
		t.Errorf("an error became %v", err)
	}
	var lines bytes.Buffer
	log := slog.New(slog.NewTextHandler(&lines, nil))
	if fault.ContainTo(
		log, "part.rest", func() { panic("lost") },
	) || !strings.Contains(lines.String(), "part.rest") || !strings.Contains(lines.String(), "lost") {
		t.Errorf("logged %s", lines.String())
	}
	if !fault.ContainTo(log, "x", func() {}) {
		t.Error("a panic where there was none")
	}
}
