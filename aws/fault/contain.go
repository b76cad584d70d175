package fault

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// contained counts panics.
var contained atomic.Uint64

// Contained returns the number of panics that Contain has caught since the process began.
func Contained() uint64 { return contained.Load() }

// ErrPanic is in the chain of every error that Contain made of a panic.
var ErrPanic = errors.New("a part of the program panicked")

// Contain runs f for the owner of a goroutine, who goes on with the next piece of work whatever happens in this one: a
// panic ends the piece and not the process. It comes back as an Internal fault whose message holds the stack, and is
// counted. What f has locked it must unlock by defer.
func Contain(op string, f func() error) (err error) {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		if inner, ok := p.(error); ok && errors.Is(inner, ErrPanic) {
			err = inner // handed on from a goroutine that f has waited for
			return
		}
		contained.Add(1)
		err = &Error{Kind: Internal, Op: op, Message: fmt.Sprintf("panic: %v\n%s", p, debug.Stack()), Err: ErrPanic}
	}()
	return f()
}

// ContainTo is Contain for work that has no result: it reports whether there was no panic, and logs one.
func ContainTo(log *slog.Logger, op string, f func()) bool {
	err := Contain(op, func() error { f(); return nil })
	if err != nil {
		LogPanic(log, op, err)
	}
	return err == nil
}

// logEvery limits how often panics in one place are logged: a packet that makes one can be sent many times.
const logEvery = time.Second

// panicLog limits the log of panics.
type panicLog struct {
	now func() time.Time

	mu     sync.Mutex
	logged map[string]time.Time // by op
}

// panics is the log of this process.
var panics = panicLog{now: time.Now, logged: map[string]time.Time{}}

// LogPanic logs what Contain made of a panic, with the number of panics so far. A nil log gets nothing.
func LogPanic(log *slog.Logger, op string, err error) {
	if log != nil && panics.due(op) {
		log.Error("a panic was contained", "operation", op, "count", Contained(), "error", err)
	}
}

// due reports whether a panic in op is to be logged, and notes that it is.
func (l *panicLog) due(op string) bool {
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if last, ok := l.logged[op]; ok && now.Sub(last) < logEvery {
		return false
	}
	l.logged[op] = now
	return true
}
