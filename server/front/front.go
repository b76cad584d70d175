// Package front accepts clients: it terminates TLS on every listener, public and private, admits handshakes at the rate
// at which this host can finish them, bounds how long a client may take for a body or an answer, and keeps the requests
// of foreign web pages out.
package front

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"postern/api"
	"postern/network/vpc"
)

// Limits of connections. A request may be a long poll of 20 s, or become a WebSocket, which has its own limits.
const (
	// headerTime is for a request's headers, and for the handshake and its waiting before that: as long as agents wait.
	headerTime     = 15 * time.Second
	idleTime       = 2 * time.Minute
	maxHeaderBytes = 64 << 10
	closingTime    = 2 * time.Second
)

// Config configures a Server. All members must be set.
type Config struct {
	// Handler answers the requests of all listeners. A connection's vpc.Origin, if it has one, is in the request's
	// context.
	Handler http.Handler
	// Certificate finds the leaf for the name that a client asks for.
	Certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)
	Log         *slog.Logger
}

// Server answers on any number of listeners until it is closed.
type Server struct {
	http      *http.Server
	tls       *tls.Config
	admission *admission
	log       *slog.Logger
	serving   sync.WaitGroup
}

// originator is a connection that came through the private network.
type originator interface{ Origin() vpc.Origin }

// New makes a Server that listens nowhere yet.
func New(c Config) *Server {
	a := newAdmission()
	return &Server{
		log: c.Log, admission: a,
		tls: &tls.Config{
			GetCertificate:     c.Certificate,
			GetConfigForClient: a.admit,
			MinVersion:         tls.VersionTLS12,
			// The endpoints of AWS speak HTTP/1.1, and so do the WebSockets of its agents.
			NextProtos: []string{"http/1.1"},
		},
		http: &http.Server{
			Handler:           timed(c.Handler),
			ReadHeaderTimeout: headerTime,
			IdleTimeout:       idleTime,
			MaxHeaderBytes:    maxHeaderBytes,
			ErrorLog:          slog.NewLogLogger(c.Log.Handler(), slog.LevelDebug),
			ConnContext:       withOrigin,
		},
	}
}

// withOrigin carries a connection's origin into the context of its requests.
func withOrigin(ctx context.Context, c net.Conn) context.Context {
	if o, ok := accepted(c).(originator); ok {
		return api.WithOrigin(ctx, o.Origin())
	}
	return ctx
}

// Handler returns what answers the requests of all listeners, with the time limits of a connection.
func (s *Server) Handler() http.Handler { return s.http.Handler }

// Serve answers over TLS on a listener until the listener or the Server is closed. It does not block.
func (s *Server) Serve(l net.Listener) { s.serve(tls.NewListener(s.admission.listen(l), s.tls)) }

// ServePublic answers on a public listener: over TLS, and clients of this host over plain HTTP too.
func (s *Server) ServePublic(l net.Listener) {
	both := split(l)
	s.Serve(both.tls)
	s.serve(both.plain)
	s.serving.Go(both.sorting.Wait)
}

func (s *Server) serve(l net.Listener) {
	s.serving.Go(func() {
		err := s.http.Serve(l)
		if err != nil && !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			s.log.Debug("listener ended", "address", l.Addr().String(), "error", err)
		}
	})
}

// Abort ends every listener and connection at once.
func (s *Server) Abort() {
	s.http.Close()
	s.serving.Wait()
}

// Close closes the listeners, lets requests under way end, for 2 s at most, and then ends what is left.
func (s *Server) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), closingTime)
	defer cancel()
	if s.http.Shutdown(ctx) != nil {
		s.http.Close()
	}
	s.serving.Wait()
}
