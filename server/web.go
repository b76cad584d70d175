package server

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
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
	headerTime = 15 * time.Second
	// bodyTime is how long a request's body may take: 1 MiB at 35 KB/s.
	bodyTime = 30 * time.Second
	// answerTime is how long a client may take to let a part of an answer through, which is often all of it.
	answerTime = 30 * time.Second
	// restTime is for what a client still sends of a body that nobody wants, while it reads why.
	restTime       = time.Second
	idleTime       = 2 * time.Minute
	maxHeaderBytes = 64 << 10
	closingTime    = 2 * time.Second
)

// web serves the pipeline on every listener, public and private, over TLS.
type web struct {
	http       *http.Server
	tls        *tls.Config
	handshakes *handshakes
	log        *slog.Logger
	serving    sync.WaitGroup
}

// originator is a connection that came through the private network.
type originator interface{ Origin() vpc.Origin }

func newWeb(handler http.Handler, certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error), log *slog.Logger) *web {
	h := newHandshakes()
	return &web{
		log: log, handshakes: h,
		// The endpoints of AWS speak HTTP/1.1, and so do the WebSockets of its agents.
		tls: &tls.Config{
			GetCertificate: certificate, GetConfigForClient: h.admit, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"},
		},
		http: &http.Server{
			Handler: timed(handler), ReadHeaderTimeout: headerTime, IdleTimeout: idleTime, MaxHeaderBytes: maxHeaderBytes,
			ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug), ConnContext: withOrigin,
		},
	}
}

// timed gives every request's body its time, and every part of its answer. The server's own ReadTimeout and WriteTimeout
// would end requests that work for long, too.
func timed(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := http.NewResponseController(w)
		w = &timedWriter{w, c}
		if r.Body == http.NoBody {
			handler.ServeHTTP(w, r)
			return
		}
		// A failure means that the connection is gone, as reading will tell.
		_ = c.SetReadDeadline(time.Now().Add(bodyTime))
		// In a copy: by its own body net/http sees that a client has not sent all of it, and does not cut the client off before
		// it has read the answer.
		r = r.WithContext(r.Context())
		body := &timedBody{ReadCloser: r.Body, connection: c}
		r.Body = body
		handler.ServeHTTP(w, r)
		if !body.ended {
			// What the handler has left net/http reads, before the answer or after it.
			_ = c.SetReadDeadline(time.Now().Add(restTime))
		}
	})
}

// timedBody lifts the deadline at the body's end.
type timedBody struct {
	io.ReadCloser
	connection *http.ResponseController
	ended      bool
}

func (b *timedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) {
		b.ended = true
		_ = b.connection.SetReadDeadline(time.Time{})
	}
	return n, err
}

// timedWriter sets a deadline for each part of an answer. The last one holds for what net/http still has to send.
type timedWriter struct {
	http.ResponseWriter
	connection *http.ResponseController
}

// Unwrap lets http.ResponseController and WebSocket libraries reach the connection, which has no deadline once it is
// theirs.
func (w *timedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *timedWriter) WriteHeader(status int) {
	_ = w.connection.SetWriteDeadline(time.Now().Add(answerTime))
	w.ResponseWriter.WriteHeader(status)
}

func (w *timedWriter) Write(b []byte) (int, error) {
	_ = w.connection.SetWriteDeadline(time.Now().Add(answerTime))
	return w.ResponseWriter.Write(b)
}

// withOrigin carries a connection's origin into the context of its requests.
func withOrigin(ctx context.Context, c net.Conn) context.Context {
	if o, ok := beneath(c).(originator); ok {
		return api.WithOrigin(ctx, o.Origin())
	}
	return ctx
}

// serve answers over TLS on a listener until it is closed.
func (w *web) serve(l net.Listener) { w.servePlain(tls.NewListener(w.handshakes.listen(l), w.tls)) }

// servePublic answers on the public listener: over TLS, and clients of this host without it too.
func (w *web) servePublic(l net.Listener) {
	f := fork(l)
	w.serve(f.tls)
	w.servePlain(f.plain)
	w.serving.Go(f.looking.Wait)
}

func (w *web) servePlain(l net.Listener) {
	w.serving.Go(func() {
		err := w.http.Serve(l)
		if err != nil && !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			w.log.Debug("listener ended", "address", l.Addr().String(), "error", err)
		}
	})
}

// cut ends every connection at once.
func (w *web) cut() {
	w.http.Close()
	w.serving.Wait()
}

// close lets requests under way end, then ends what is left.
func (w *web) close() {
	ctx, cancel := context.WithTimeout(context.Background(), closingTime)
	defer cancel()
	if w.http.Shutdown(ctx) != nil {
		w.http.Close()
	}
	w.serving.Wait()
}
