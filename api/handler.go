package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"reflect"
	"runtime/debug"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"

	"postern/aws/fault"
	"postern/aws/sigv4"
	"postern/aws/wire"
)

// Config is what a Handler is made of. All but Log and Audit must be set.
type Config struct {
	Services []Service
	// Region is the region of requests that name none.
	Region     string
	Identities Identities
	Authoriser Authoriser
	Now        func() time.Time
	// Log gets one line for each request; nil logs nothing.
	Log *slog.Logger
	// Audit is called once for each request, after its answer; it must not block.
	Audit func(Record)
}

// Handler is the pipeline: the http.Handler of every AWS endpoint, public or private.
type Handler struct {
	region     string
	identities Identities
	authoriser Authoriser
	verifier   *sigv4.Verifier
	now        func() time.Time
	log        *slog.Logger
	audit      func(Record)

	services  map[string]*service
	bySigning map[string]string // signing name → service
	byTarget  map[string]string // target prefix → service
	byVersion map[string]string // API version → service
	labels    map[string]bool   // service names that may stand in a host
}

// New makes the pipeline. Its errors are mistakes in the tables.
func New(c Config) (*Handler, error) {
	h := &Handler{
		region: c.Region, identities: c.Identities, authoriser: c.Authoriser, now: c.Now,
		verifier: sigv4.NewVerifier(c.Now), log: c.Log, audit: c.Audit,
		services: map[string]*service{}, bySigning: map[string]string{}, byTarget: map[string]string{},
		byVersion: map[string]string{}, labels: map[string]bool{},
	}
	if h.log == nil {
		h.log = slog.New(slog.DiscardHandler)
	}
	for _, s := range slices.Concat(c.Services, absentServices) {
		h.labels[s.Name] = true
		index(h.byTarget, s.TargetPrefix, s.Name)
		index(h.byVersion, s.Version, s.Name)
	}
	for _, s := range c.Services {
		r, err := ready(s)
		if err != nil {
			return nil, err
		}
		if h.services[s.Name] != nil {
			return nil, fmt.Errorf("service %s stands in the list twice", s.Name)
		}
		h.services[s.Name] = r
		index(h.bySigning, r.SigningName, s.Name)
	}
	return h, nil
}

func index(m map[string]string, key, name string) {
	if key != "" && m[key] == "" {
		m[key] = name
	}
}

// exchange is one request and what becomes of it.
type exchange struct {
	h            *Handler
	w            http.ResponseWriter
	r            *http.Request
	call         *Call
	service      *service
	op           *Operation
	signature    *sigv4.Signature
	signatureErr error
	body         []byte
	form         *wire.Form
	record       Record
	// written says that the answer has begun: nothing can be said about an error any more.
	written bool
}

// buffers hold bodies of requests and answers. What is decoded from a body is copied, so a buffer is free once the
// answer is written. Larger ones are left to the collector.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

const keepBuffer = 64 << 10

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := h.now()
	id := uuid.NewString()
	x := &exchange{h: h, w: w, r: r, record: Record{Time: start, RequestID: id, Method: r.Method, UserAgent: r.UserAgent()}}
	x.call = &Call{
		RequestID: id, Time: start, Host: r.Host, Origin: OriginOf(r.Context()), SourceIP: peer(r), TLS: r.TLS != nil,
		header: r.Header.Get,
	}
	x.record.Origin, x.record.SourceIP = x.call.Origin, x.call.SourceIP
	x.call.allow = func(ctx context.Context, action, resource string, keys map[string][]string) error {
		return x.ask(ctx, action, resource, keys)
	}
	x.service = &service{}
	buffer := buffers.Get().(*[]byte)
	x.body = (*buffer)[:0]
	if err := x.run(r.Context()); err != nil {
		x.fail(err)
	}
	if cap(x.body) <= keepBuffer {
		*buffer = x.body[:0]
	}
	buffers.Put(buffer)
	x.record.Duration = h.now().Sub(start)
	x.record.log(r.Context(), h.log)
	if h.audit != nil {
		h.audit(x.record)
	}
}

func peer(r *http.Request) string {
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		return host
	}
	return r.RemoteAddr
}

// run is the pipeline's order. A panic in a handler is an internal failure of one request.
func (x *exchange) run(ctx context.Context) (err error) {
	defer func() {
		if p := recover(); p != nil {
			if p == http.ErrAbortHandler {
				panic(p)
			}
			err = fault.New(fault.Internal, "api.run", "panic: %v\n%s", p, debug.Stack())
		}
	}()
	x.signature, x.signatureErr = sigv4.Parse(x.r)
	if err := x.resolve(); err != nil {
		return err
	}
	if err := x.readBody(); err != nil {
		return err
	}
	routed := x.route()
	if err := x.authenticate(ctx); err != nil {
		return err
	}
	if routed != nil {
		return routed
	}
	if x.op.stream != nil {
		return x.stream(ctx)
	}
	return x.serve(ctx)
}

// serve does an ordinary operation.
func (x *exchange) serve(ctx context.Context) error {
	in := x.op.newInput()
	if err := x.decode(in); err != nil {
		return err
	}
	if err := x.op.refuseOthers(in); err != nil {
		return err
	}
	if err := x.authorise(ctx, in); err != nil {
		return err
	}
	if x.op.isDryRun(in) {
		return dryRun()
	}
	out, err := x.op.handle(ctx, x.call, in)
	if err != nil {
		return err
	}
	buffer := buffers.Get().(*[]byte)
	defer buffers.Put(buffer)
	body, err := x.op.codec.Append((*buffer)[:0], out, x.call.RequestID)
	if err != nil {
		return fault.New(fault.Internal, "api.serve", "encode: %w", err)
	}
	if cap(body) <= keepBuffer {
		*buffer = body[:0]
	}
	status := x.op.Status
	if status == 0 {
		status = http.StatusOK
	}
	x.write(status, body)
	return nil
}

// stream hands the connection to an operation that speaks HTTP itself.
func (x *exchange) stream(ctx context.Context) error {
	if err := x.authorise(ctx, x.r); err != nil {
		return err
	}
	x.w.Header().Set("X-Amzn-Requestid", x.call.RequestID)
	seen := &statusWriter{ResponseWriter: x.w}
	err := x.op.stream(seen, x.r, x.call)
	x.record.Status = seen.status
	if seen.status == 0 && err == nil {
		x.record.Status = http.StatusOK
	}
	if seen.status != 0 {
		x.written = true
	}
	return err
}

// statusWriter remembers what status a stream's handler wrote.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// Unwrap lets http.ResponseController and WebSocket libraries reach the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// readBody reads the body, whichever way its length is told, up to the service's limit.
func (x *exchange) readBody() error {
	limit := x.service.BodyLimit
	if x.r.ContentLength > limit {
		return x.tooLarge(limit)
	}
	for x.r.Body != nil {
		if len(x.body) == cap(x.body) {
			x.body = slices.Grow(x.body, 512)
		}
		n, err := x.r.Body.Read(x.body[len(x.body):cap(x.body)])
		x.body = x.body[:len(x.body)+n]
		if int64(len(x.body)) > limit {
			return x.tooLarge(limit)
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fault.New(fault.Invalid, "api.readBody", "the body could not be read: %w", err).WithCode("IncompleteBody")
		}
	}
	return nil
}

func (x *exchange) tooLarge(limit int64) error {
	x.w.Header().Set("Connection", "close") // what is left of the body is not read
	return fault.New(fault.TooLarge, "api.readBody", "the request body is larger than %d bytes", limit)
}

func (x *exchange) decode(in any) error {
	if x.form != nil {
		return x.op.codec.DecodeForm(x.form, in)
	}
	return x.op.codec.DecodeJSON(x.body, in)
}

func dryRun() error {
	return fault.New(fault.Conflict, "api.serve", "Request would have succeeded, but DryRun flag is set.").
		WithCode("DryRunOperation")
}

// isDryRun reports whether the caller only wants to know if it may.
func (op *Operation) isDryRun(in any) bool {
	if op.dryRun < 0 {
		return false
	}
	flag, ok := reflect.ValueOf(in).Elem().Field(op.dryRun).Interface().(*bool)
	return ok && flag != nil && *flag
}

// refuseOthers refuses members of the input that the operation does not make use of.
func (op *Operation) refuseOthers(in any) error {
	if len(op.takes) == 0 {
		return nil
	}
	v := reflect.ValueOf(in).Elem()
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if !f.IsExported() || f.Name == "DryRun" || v.Field(i).IsZero() || slices.Contains(op.takes, f.Name) {
			continue
		}
		return fault.New(fault.NotImplemented, "api.serve", "Postern does not implement the parameter %s of %s", f.Name, op.Name)
	}
	return nil
}

// fail writes an error in the service's shape, unless an answer has begun.
func (x *exchange) fail(err error) {
	f := fault.Of(err)
	if f.Kind == fault.Internal && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)) {
		f = fault.New(fault.Unavailable, "api.run", "The request was cancelled")
	}
	x.record.Err = err
	failure := failureOf(x.service.Protocol, f, x.call.RequestID)
	if f.Code == "DryRunOperation" {
		failure.Status = http.StatusPreconditionFailed
	}
	failure.Service, failure.Namespace = x.service.Name, x.service.Namespace
	x.record.Code = failure.Code
	if x.written {
		return
	}
	x.write(failure.Status, x.service.Protocol.AppendFailure(nil, failure))
}

func (x *exchange) write(status int, body []byte) {
	header := x.w.Header()
	header.Set("Content-Type", x.service.Protocol.ContentType())
	header.Set("Content-Length", strconv.Itoa(len(body)))
	header.Set("X-Amzn-Requestid", x.call.RequestID)
	x.written, x.record.Status = true, status
	x.w.WriteHeader(status)
	// An error here is the client's leaving; the operation is done all the same.
	_, _ = x.w.Write(body)
}
