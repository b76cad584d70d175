package front

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// inMemory is a listener for connections that lie in memory.
type inMemory struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *inMemory) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *inMemory) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *inMemory) Addr() net.Addr { return &net.TCPAddr{} }

// Whoever sends a body without end holds a connection and a goroutine, and needs no signature for it. A handler that
// works long is left alone.
func TestABodyHasItsTime(t *testing.T) {
	for _, row := range []struct {
		name    string
		handler http.HandlerFunc
		// size is how long the body is to be; the client sends a byte of it at each interval.
		size   int
		every  time.Duration
		status string
	}{
		{"read in vain", func(w http.ResponseWriter, r *http.Request) {
			if _, err := io.ReadAll(r.Body); err == nil {
				t.Error("the body came to its end")
			}
			w.WriteHeader(http.StatusBadRequest)
		}, 100_000, time.Second, "HTTP/1.1 400 Bad Request"},
		{"not read", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNotFound)
		}, 100_000, time.Second, "HTTP/1.1 404 Not Found"},
		{"slow and honest", func(w http.ResponseWriter, r *http.Request) {
			if b, err := io.ReadAll(r.Body); err != nil || len(b) != 20 {
				t.Errorf("%d bytes, %v", len(b), err)
			}
			w.WriteHeader(http.StatusOK)
		}, 20, time.Second / 2, "HTTP/1.1 200 OK"},
		{"long work", func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.ReadAll(r.Body)
			select {
			case <-time.After(10 * time.Minute):
			case <-r.Context().Done():
				t.Error("the request was given up")
			}
			w.WriteHeader(http.StatusOK)
		}, 20, 0, "HTTP/1.1 200 OK"},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := New(Config{Handler: row.handler, Log: slog.New(slog.DiscardHandler)})
				l := &inMemory{conns: make(chan net.Conn), closed: make(chan struct{})}
				s.serve(l)
				client, theirs := net.Pipe()
				l.conns <- theirs
				begun := time.Now()
				var sending sync.WaitGroup
				sending.Go(func() {
					fmt.Fprintf(client, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n", row.size)
					for range row.size {
						<-time.After(row.every)
						if _, err := client.Write([]byte("x")); err != nil {
							return
						}
					}
				})
				answers := bufio.NewReader(client)
				status, _ := answers.ReadString('\n')
				if status != row.status+"\r\n" {
					t.Errorf("%q, want %q", status, row.status)
				}
				if row.size > 20 {
					_, _ = io.Copy(io.Discard, answers) // to the connection's end
					if took := time.Since(begun); took > bodyTime+10*time.Second {
						t.Errorf("the connection lived for %v", took)
					}
				}
				client.Close()
				sending.Wait()
				s.Close()
			})
		})
	}
}

// Whoever does not read an answer holds a goroutine and the answer, and not for long; one that is slow gets all of it.
func TestAnAnswerHasItsTime(t *testing.T) {
	for _, row := range []struct {
		name  string
		every time.Duration // between two reads of 64 KiB; 0 is none
		all   bool
	}{
		{"not read", 0, false},
		{"slow and honest", time.Second, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const parts, size = 32, 64 << 10
				var failed error
				handled := make(chan struct{})
				handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					defer close(handled)
					for range parts {
						if _, failed = w.Write(make([]byte, size)); failed != nil {
							return
						}
					}
				})
				s := New(Config{Handler: handler, Log: slog.New(slog.DiscardHandler)})
				l := &inMemory{conns: make(chan net.Conn), closed: make(chan struct{})}
				s.serve(l)
				client, theirs := net.Pipe()
				l.conns <- theirs
				begun := time.Now()
				fmt.Fprintf(client, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
				if row.all {
					got := int64(0)
					for {
						n, err := io.CopyN(io.Discard, client, size)
						got += n
						if err != nil {
							break
						}
						<-time.After(row.every)
					}
					if got < parts*size {
						t.Errorf("%d bytes came", got)
					}
				}
				<-handled
				if took := time.Since(begun); (failed == nil) != row.all || !row.all && took > answerTime+time.Second {
					t.Errorf("%v after %v", failed, took)
				}
				client.Close()
				s.Close()
			})
		})
	}
}
