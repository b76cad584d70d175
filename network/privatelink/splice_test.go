package privatelink

import (
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// pipeEnd is one end of a connection in memory that can be closed in one direction.
type pipeEnd struct {
	net.Conn // for what nobody asks of it here
	in       *io.PipeReader
	out      *io.PipeWriter
}

var errReset = errors.New("reset")

func newPipe() (a, b *pipeEnd) {
	ar, bw := io.Pipe()
	br, aw := io.Pipe()
	return &pipeEnd{in: ar, out: aw}, &pipeEnd{in: br, out: bw}
}

func (p *pipeEnd) Read(b []byte) (int, error)  { return p.in.Read(b) }
func (p *pipeEnd) Write(b []byte) (int, error) { return p.out.Write(b) }
func (p *pipeEnd) CloseWrite() error           { return p.out.Close() }
func (p *pipeEnd) Close() error                { return errors.Join(p.in.Close(), p.out.Close()) }
func (p *pipeEnd) Abort() {
	p.in.CloseWithError(errReset)
	p.out.CloseWithError(errReset)
}

// spliced joins two connections and returns their far ends, and what is closed when the pair has ended.
func spliced(idle time.Duration) (a, b *pipeEnd, done chan struct{}) {
	a, near := newPipe()
	far, b := newPipe()
	done = make(chan struct{})
	go func() {
		(&pair{a: near, b: far, idle: idle, now: time.Now}).run()
		close(done)
	}()
	return a, b, done
}

func say(t *testing.T, from, to *pipeEnd, text string) {
	t.Helper()
	go from.Write([]byte(text))
	got := make([]byte, len(text))
	if _, err := io.ReadFull(to, got); err != nil || string(got) != text {
		t.Errorf("heard %q, %v", got, err)
	}
}

// TestHalfClose: one side says its last and still hears the other.
func TestHalfClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, done := spliced(time.Minute)
		say(t, a, b, "question")
		a.CloseWrite()
		if n, err := b.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
			t.Errorf("after the last: %d, %v", n, err)
		}
		say(t, b, a, "answer")
		b.CloseWrite()
		<-done
	})
}

// TestResetIsPassedOn: a reset of one side is a reset to the other.
func TestResetIsPassedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, done := spliced(time.Minute)
		say(t, a, b, "x")
		a.Abort()
		<-done
		if _, err := b.Read(make([]byte, 1)); !errors.Is(err, errReset) {
			t.Errorf("the other side sees %v", err)
		}
	})
}

// TestIdle: what is silent for long enough ends, and a word in either direction keeps it.
func TestIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, done := spliced(350 * time.Second)
		began := time.Now()
		for range 3 {
			<-time.After(300 * time.Second)
			say(t, b, a, "still here")
		}
		<-done
		if lasted := time.Since(began); lasted != 1250*time.Second {
			t.Errorf("it ended after %v", lasted)
		}
		if _, err := a.Read(make([]byte, 1)); !errors.Is(err, errReset) {
			t.Errorf("a side sees %v", err)
		}
	})
}

// TestBackPressure: what the receiver does not take, the sender cannot send.
func TestBackPressure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, done := spliced(time.Hour)
		sent := 0
		go func() {
			for block := make([]byte, 1024); ; sent += len(block) {
				if _, err := a.Write(block); err != nil {
					return
				}
			}
		}()
		synctest.Wait()
		if sent > 2*spliceBuffer {
			t.Errorf("%d bytes left without a reader", sent)
		}
		before := sent
		if _, err := io.ReadFull(b, make([]byte, 64<<10)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if sent < before+48<<10 {
			t.Errorf("%d bytes left after 64 KiB were read", sent-before)
		}
		a.Abort()
		<-done
	})
}
