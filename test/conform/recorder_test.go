package conform

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"postern/api/apitest"
)

// recorder listens in on what agents say and are told.
type recorder struct {
	mu   sync.Mutex
	seen []*recording
}

// recording is one request as it came, and its answer.
type recording struct {
	operation string
	at        time.Time
	request   *http.Request
	body      bytes.Buffer
	status    int
	header    http.Header
	answer    bytes.Buffer
	// frames are the WebSocket's messages in their order; mu guards them and what is there of the next ones.
	mu         sync.Mutex
	frames     []apitest.Frame
	came, went []byte
}

// wrap is a TestHooks.Tap.
func (r *recorder) wrap(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if strings.Contains(q.UserAgent(), "aws-sdk-go-v2") { // an operator; the agent has version 1
			h.ServeHTTP(w, q)
			return
		}
		rec := &recording{operation: operation(q), at: time.Now().UTC(), request: q.Clone(q.Context()), status: http.StatusOK}
		q.Body = struct {
			io.Reader
			io.Closer
		}{io.TeeReader(q.Body, &rec.body), q.Body}
		r.mu.Lock()
		r.seen = append(r.seen, rec)
		r.mu.Unlock()
		h.ServeHTTP(&listener{w, rec}, q)
	})
}

// operation names what a request asks for.
func operation(q *http.Request) string {
	if _, op, ok := strings.Cut(q.Header.Get("X-Amz-Target"), "."); ok {
		return op
	}
	if strings.HasPrefix(q.URL.Path, "/v1/control-channel/") {
		return map[string]string{http.MethodPost: "CreateControlChannel", http.MethodGet: "OpenControlChannel"}[q.Method]
	}
	return q.Method + " " + q.URL.Path
}

// find returns the recordings of an operation that fit, the first one first.
func (r *recorder) find(operation string, fits func(*recording) bool) []*recording {
	r.mu.Lock()
	defer r.mu.Unlock()
	var found []*recording
	for _, rec := range r.seen {
		if rec.operation == operation && fits(rec) {
			found = append(found, rec)
		}
	}
	return found
}

// listener keeps what is answered.
type listener struct {
	http.ResponseWriter
	rec *recording
}

func (l *listener) Unwrap() http.ResponseWriter { return l.ResponseWriter }

func (l *listener) WriteHeader(status int) {
	l.rec.status, l.rec.header = status, l.Header().Clone()
	l.ResponseWriter.WriteHeader(status)
}

func (l *listener) Write(b []byte) (int, error) {
	if l.rec.header == nil {
		l.rec.header = l.Header().Clone()
	}
	l.rec.answer.Write(b)
	return l.ResponseWriter.Write(b)
}

// Hijack implements http.Hijacker.
func (l *listener) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := http.NewResponseController(l.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	return &wire{conn, l.rec}, buffered, nil
}

// wire keeps what passes over a hijacked connection.
type wire struct {
	net.Conn
	rec *recording
}

func (w *wire) Read(b []byte) (int, error) {
	n, err := w.Conn.Read(b)
	w.rec.mu.Lock()
	defer w.rec.mu.Unlock()
	w.rec.came = w.rec.take(append(w.rec.came, b[:n]...), true)
	return n, err
}

func (w *wire) Write(b []byte) (int, error) {
	w.rec.mu.Lock()
	w.rec.went = w.rec.take(append(w.rec.went, b...), false)
	w.rec.mu.Unlock()
	return w.Conn.Write(b)
}

// exchange is the golden form of a recording: headers in alphabetical order, bodies as they were.
func (rec *recording) exchange() *apitest.Exchange {
	q := rec.request
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\nHost: %s\n", q.Method, q.URL.RequestURI(), q.Host)
	if len(q.TransferEncoding) > 0 {
		fmt.Fprintf(&b, "Transfer-Encoding: %s\n", strings.Join(q.TransferEncoding, ", "))
	}
	writeHeader(&b, q.Header)
	b.WriteString("\n")
	b.Write(rec.body.Bytes())
	e := &apitest.Exchange{Request: b.Bytes()}
	var a bytes.Buffer
	fmt.Fprintf(&a, "HTTP/1.1 %d %s\n", rec.status, http.StatusText(rec.status))
	writeHeader(&a, rec.header)
	a.WriteString("\n")
	a.Write(rec.answer.Bytes())
	e.Answer = a.Bytes()
	return e
}

func writeHeader(b *bytes.Buffer, h http.Header) {
	var names []string
	for name := range h {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, v := range h[name] {
			fmt.Fprintf(b, "%s: %s\n", name, v)
		}
	}
}

// take takes the whole WebSocket messages out of what one side has sent, and returns the rest (RFC 6455, section 5.2).
// Control frames are left out. Neither side sends a message in several frames.
func (rec *recording) take(stream []byte, fromAgent bool) (rest []byte) {
	for len(stream) >= 2 {
		opcode, masked, size := stream[0]&15, stream[1]&0x80 != 0, uint64(stream[1]&0x7f)
		at := 2
		switch {
		case size == 126 && len(stream) >= 4:
			size, at = uint64(binary.BigEndian.Uint16(stream[2:])), 4
		case size == 127 && len(stream) >= 10:
			size, at = binary.BigEndian.Uint64(stream[2:]), 10
		case size >= 126:
			return stream
		}
		var mask []byte
		if masked && len(stream) >= at+4 {
			mask, at = stream[at:at+4], at+4
		}
		if uint64(len(stream)-at) < size {
			return stream
		}
		data := slices.Clone(stream[at : at+int(size)])
		for i := range mask {
			for n := i; n < len(data); n += 4 {
				data[n] ^= mask[i]
			}
		}
		stream = stream[at+int(size):]
		if opcode == 1 || opcode == 2 {
			rec.frames = append(rec.frames, apitest.Frame{FromAgent: fromAgent, Text: opcode == 1, Data: data})
		}
	}
	return stream
}
