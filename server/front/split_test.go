package front

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"postern/services/certs"
)

// from is one end of a pipe whose other end has an address.
type from struct {
	net.Conn
	address string
}

func (c from) RemoteAddr() net.Addr { return text(c.address) }

type text string

func (text) Network() string  { return "tcp" }
func (a text) String() string { return string(a) }

// publicServer serves in memory what a public listener serves; say answers with whether a request came over TLS.
func publicServer(t *testing.T, l net.Listener) *Server {
	t.Helper()
	authority, err := certs.New(time.Now)
	if err != nil {
		t.Fatal(err)
	}
	s := New(Config{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, "tls: %t, %s", r.TLS != nil, r.URL.Path)
		}),
		Certificate: authority.GetCertificate, Log: slog.New(slog.DiscardHandler),
	})
	s.ServePublic(l)
	return s
}

func newInMemory() *inMemory {
	return &inMemory{conns: make(chan net.Conn), closed: make(chan struct{})}
}

// ask sends a request and returns the answer's body; empty is none.
func ask(c net.Conn) (string, error) {
	if _, err := io.WriteString(c, "GET /a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"); err != nil {
		return "", err
	}
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return string(body), err
}

// TLS is for everybody, plain HTTP for clients of this host.
func TestPlainHTTPNeverLeavesTheHost(t *testing.T) {
	for _, row := range []struct {
		address string
		tls     bool
		want    string
	}{
		{"127.0.0.1:4000", false, "tls: false, /a"},
		{"127.9.9.9:4000", false, "tls: false, /a"},
		{"[::1]:4000", false, "tls: false, /a"},
		{"[::ffff:127.0.0.1]:4000", false, "tls: false, /a"},
		{"192.0.2.7:4000", false, ""},
		{"[2001:db8::1]:4000", false, ""},
		{"pipe", false, ""},
		{"127.0.0.1:4000", true, "tls: true, /a"},
		{"192.0.2.7:4000", true, "tls: true, /a"},
	} {
		t.Run(fmt.Sprintf("%s, TLS %t", row.address, row.tls), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newInMemory()
				s := publicServer(t, l)
				client, theirs := net.Pipe()
				l.conns <- from{theirs, row.address}
				if row.tls {
					client = tls.Client(client, &tls.Config{InsecureSkipVerify: true, ServerName: "localhost"})
				}
				got, err := ask(client)
				if got != row.want || (err == nil) != (row.want != "") {
					t.Errorf("%q, %v; want %q", got, err, row.want)
				}
				client.Close()
				s.Close()
			})
		})
	}
}

// A client that sends nothing is let go after a while, and at once when the server ends.
func TestSilentClientsAreLetGo(t *testing.T) {
	for _, row := range []struct {
		name string
		end  bool
		want time.Duration
	}{
		{"the server goes on", false, helloTime},
		{"the server ends", true, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newInMemory()
				s := publicServer(t, l)
				client, theirs := net.Pipe()
				l.conns <- from{theirs, "127.0.0.1:4000"}
				synctest.Wait()
				begun := time.Now()
				if row.end {
					s.Close()
				}
				if _, err := client.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
					t.Errorf("it read %v", err)
				}
				if took := time.Since(begun); took != row.want {
					t.Errorf("after %v, want %v", took, row.want)
				}
				client.Close()
				if !row.end {
					s.Close()
				}
			})
		})
	}
}

// The first byte may come late and alone: it is not lost, and its deadline does not hold for what follows.
func TestTheFirstByteComesAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newInMemory()
		s := publicServer(t, l)
		client, theirs := net.Pipe()
		l.conns <- from{theirs, "127.0.0.1:4000"}
		for _, part := range []string{"G", "ET /late HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"} {
			<-time.After(helloTime - time.Second)
			if _, err := io.WriteString(client, part); err != nil {
				t.Fatal(err)
			}
		}
		answer, err := io.ReadAll(client)
		if err != nil || !strings.HasSuffix(string(answer), "tls: false, /late") {
			t.Errorf("%q, %v", answer, err)
		}
		client.Close()
		s.Close()
	})
}

// failing is a listener that cannot accept at first, as one without descriptors.
type failing struct {
	*inMemory
	failures int
	tried    []time.Time
}

func (l *failing) Accept() (net.Conn, error) {
	l.tried = append(l.tried, time.Now())
	if l.failures--; l.failures >= 0 {
		return nil, errors.New("accept: too many open files")
	}
	return l.inMemory.Accept()
}

// A host that is out of descriptors is asked again after a pause, and serves when it has some.
func TestAcceptGoesOnAfterErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &failing{inMemory: newInMemory(), failures: 3}
		s := publicServer(t, l)
		client, theirs := net.Pipe()
		l.conns <- from{theirs, "127.0.0.1:4000"}
		if got, err := ask(client); got != "tls: false, /a" {
			t.Errorf("%q, %v", got, err)
		}
		synctest.Wait() // for the accepting goroutine, which notes when it tried
		for i, at := range l.tried[1:4] {
			if pause := at.Sub(l.tried[i]); pause != acceptPause {
				t.Errorf("pause %d is %v, want %v", i, pause, acceptPause)
			}
		}
		client.Close()
		s.Close()
	})
}

// A server that ends does not wait for a host that is out of descriptors.
func TestCloseEndsAListenerThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &failing{inMemory: newInMemory(), failures: 1 << 30}
		s := publicServer(t, l)
		synctest.Wait()
		begun := time.Now()
		s.Close()
		if took := time.Since(begun); took > acceptPause {
			t.Errorf("it took %v", took)
		}
	})
}

// Requests under way end when a server closes, for a while; Abort leaves them none.
func TestRequestsUnderWay(t *testing.T) {
	for _, row := range []struct {
		name  string
		end   func(*Server)
		work  time.Duration
		whole bool
		took  time.Duration
	}{
		// The server looks for the last request's end at growing intervals, of half a second at most.
		{"short work", (*Server).Close, time.Second, true, closingTime},
		{"long work", (*Server).Close, time.Hour, false, closingTime},
		{"abort", (*Server).Abort, time.Second, false, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := New(Config{Log: slog.New(slog.DiscardHandler), Handler: http.HandlerFunc(
					func(w http.ResponseWriter, r *http.Request) {
						select {
						case <-time.After(row.work):
							_, _ = io.WriteString(w, "done")
						case <-r.Context().Done():
						}
					})})
				l := newInMemory()
				s.serve(l)
				client, theirs := net.Pipe()
				l.conns <- theirs
				answered := make(chan string, 1)
				go func() {
					got, _ := ask(client)
					answered <- got
				}()
				synctest.Wait()
				begun := time.Now()
				row.end(s)
				if took := time.Since(begun); took > row.took {
					t.Errorf("it took %v, want %v at most", took, row.took)
				}
				if got := <-answered; (got == "done") != row.whole {
					t.Errorf("the answer is %q", got)
				}
				client.Close()
			})
		})
	}
}
