package ssmmessages

import (
	"errors"
	"log/slog"
	"strings"
	"testing"

	"postern/aws/fault"
)

// A channel's deep calls run on goroutines of their own; a panic there is the channel's, which its owner contains.
func TestAPanicAsideIsTheChannels(t *testing.T) {
	before := fault.Contained()
	err := fault.Contain("channel", func() error {
		aside(func() { panic("index out of range") })
		return nil
	})
	if !errors.Is(err, fault.ErrPanic) || !strings.Contains(
		err.Error(), "index out of range",
	) || fault.Contained() != before+1 {
		t.Errorf("%v, %d counted", err, fault.Contained()-before)
	}
	if fault.ContainTo(slog.New(slog.DiscardHandler), "channel", func() { aside(func() { panic("again") }) }) {
		t.Error("a panic went by")
	}
}

func FuzzReadOpen(f *testing.F) {
	f.Add(
		[]byte(
			`{"Cookie":null,"MessageSchemaVersion":"1.0","RequestId":"r","TokenValue":"t","AgentVersion":"3.3.0.0",` +
				`"PlatformType":"linux"}`,
		),
	)
	f.Add([]byte(`{}`))
	f.Add([]byte(`{"TokenValue":7}`))
	f.Add([]byte("\xff"))
	f.Fuzz(func(t *testing.T, in []byte) {
		if open, err := readOpen(in); err == nil && open.Token == "" {
			t.Errorf("%q opens without a token", in)
		}
	})
}
