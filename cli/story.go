package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
)

// event is one step of a story, as `--json` prints it: one object a line.
type event struct {
	Step   int               `json:"step"`
	Name   string            `json:"name"`
	OK     bool              `json:"ok"`
	Detail string            `json:"detail,omitempty"`
	Error  string            `json:"error,omitempty"`
	Facts  map[string]string `json:"facts,omitempty"`
	// Milliseconds holds the time that the step took.
	Milliseconds int64 `json:"ms"`
}

// story tells steps as they happen, to people or as JSON.
type story struct {
	out   io.Writer
	json  bool
	now   func() time.Time
	steps int
}

// told holds what a step has seen.
type told struct {
	detail string
	facts  map[string]string
}

// step does one step, times it and tells how it went.
func (s *story) step(name string, do func() (told, error)) error {
	s.steps++
	begun := s.now()
	t, err := do()
	e := event{
		Step: s.steps, Name: name, OK: err == nil, Detail: t.detail, Facts: t.facts,
		Milliseconds: s.now().Sub(begun).Milliseconds(),
	}
	if err != nil {
		e.Error = err.Error()
	}
	s.tell(e)
	if err != nil {
		return fmt.Errorf("step %d, %s: %w", e.Step, name, err)
	}
	return nil
}

func (s *story) tell(e event) {
	if s.json {
		_ = json.NewEncoder(s.out).Encode(e)
		return
	}
	mark := "✓"
	if !e.OK {
		mark = "✗"
	}
	fmt.Fprintf(s.out, "%s %-58s %6d ms\n", mark, e.Name, e.Milliseconds)
	for line := range strings.Lines(e.Detail + e.Error) {
		fmt.Fprintf(s.out, "    %s\n", strings.TrimRight(line, "\n"))
	}
}

// say prints what is for people only.
func (s *story) say(format string, args ...any) {
	if !s.json {
		fmt.Fprintf(s.out, format+"\n", args...)
	}
}
