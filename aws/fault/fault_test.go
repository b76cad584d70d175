package fault_test

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"postern/aws/fault"
)

func TestOf(t *testing.T) {
	inner := fault.New(fault.NotFound, "command.Get", "no command %s", "c-1").WithCode("InvalidCommandId")
	for _, tt := range []struct {
		name string
		err  error
		kind fault.Kind
		code string
	}{
		{"itself", inner, fault.NotFound, "InvalidCommandId"},
		{"wrapped", fmt.Errorf("list: %w", inner), fault.NotFound, "InvalidCommandId"},
		{"without kind", io.EOF, fault.Internal, ""},
	} {
		got := fault.Of(tt.err)
		if got.Kind != tt.kind || got.Code != tt.code {
			t.Errorf("%s: Of = %v %q, want %v %q", tt.name, got.Kind, got.Code, tt.kind, tt.code)
		}
	}
	if fault.Of(nil) != nil {
		t.Error("Of(nil) is not nil")
	}
}

func TestNewKeepsItsCause(t *testing.T) {
	err := fault.New(fault.Unavailable, "store.Commit", "commit: %w", io.ErrShortWrite)
	if !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("%v does not wrap its cause", err)
	}
	if want := "store.Commit: commit: short write"; err.Error() != want {
		t.Errorf("Error() = %q, want %q", err.Error(), want)
	}
	if !fault.Is(err, fault.Unavailable) || fault.Is(nil, fault.Internal) {
		t.Error("Is gives the wrong kind")
	}
}

func TestKindString(t *testing.T) {
	if got := fault.NotImplemented.String(); got != "not implemented" {
		t.Errorf("NotImplemented is %q", got)
	}
	if got := fault.Kind(99).String(); got != "kind(99)" {
		t.Errorf("an unknown kind is %q", got)
	}
}

// A person is told what is wrong, not in which package.
func TestText(t *testing.T) {
	inner := fault.New(fault.NotFound, "doctor.Read", "no instance i-1: it was never here")
	outer := fault.New(fault.Unavailable, "server.Open", "open: %w", inner)
	for _, tt := range []struct {
		err  error
		want string
	}{
		{nil, ""},
		{io.EOF, "EOF"},
		{inner, "no instance i-1: it was never here"},
		{outer, "open: no instance i-1: it was never here"},
		{fmt.Errorf("start: %w", outer), "start: open: no instance i-1: it was never here"},
		{errors.Join(inner, io.EOF), "no instance i-1: it was never here\nEOF"},
	} {
		if got := fault.Text(tt.err); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}
