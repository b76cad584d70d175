package api

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"postern/aws/arn"
	"postern/aws/consent"
	"postern/aws/fault"
	"postern/aws/iam"
	"postern/aws/sigv4"
	"postern/aws/wire"
)

// Config holds the parts of a Handler. All but Guards, Organizations, Log, Audit, Admit and BodyMemory must be set.
type Config struct {
	Services []Service
	// Region is the region of requests that name none.
	Region     string
	Identities Identities
	Guards     Guards
	// Organizations tells which accounts are in an organization; nil means none.
	Organizations Organizations
	Now           func() time.Time
	// Log gets one line for each request; nil logs nothing.
	Log *slog.Logger
	// EncodeDenial encrypts the reasoning behind a refusal, JSON that only those in the account may decode who may call
	// sts:DecodeAuthorizationMessage. Nil leaves it out of refusals.
	EncodeDenial func(account string, message []byte) string
	// Audit is called once for each request, after its answer; it must not block.
	Audit func(Record)
	// Admit refuses requests for what their headers say, before a signature is looked at; nil admits all. It returns
	// faults.
	Admit func(*http.Request) error
	// BodyMemory is how many bytes of request bodies may be in memory at once; 0 means DefaultBodyMemory.
	BodyMemory int64
	// Undeclared is told of each type of resource, or resource, that an operation turns out to touch and does not declare:
	// a mistake in its row. The judge is asked about it all the same.
	Undeclared func(op *Operation, resource string)
}

// Handler is the pipeline: the http.Handler of every AWS endpoint, public or private.
type Handler struct {
	region     string
	identities Identities
	guards     Guards
	orgs       Organizations
	verifier   *sigv4.Verifier
	now        func() time.Time
	log        *slog.Logger
	audit      func(Record)
	admit      func(*http.Request) error
	bodies     *bodies
	undeclared func(*Operation, string)
	encode     func(account string, message []byte) string

	services  map[string]*service
	bySigning map[string]string           // signing name → service
	byTarget  map[string]string           // target prefix → service
	byPrefix  map[string]*service         // action prefix → service
	policies  map[string]ResourcePolicies // action prefix → the resources' own
	byVersion map[string]string           // API version → service
	labels    map[string]bool             // service names that may stand in a host
}

// Services are the services with their tables, names and actions filled in: what the guard test and the coverage report
// walk.
func (h *Handler) Services() []Service {
	var all []Service
	for _, name := range slices.Sorted(maps.Keys(h.services)) {
		all = append(all, h.services[name].Service)
	}
	return all
}

// New makes the pipeline. Its errors are mistakes in the tables.
func New(c Config) (*Handler, error) {
	h := &Handler{
		region: c.Region, identities: c.Identities, guards: c.Guards, orgs: c.Organizations, now: c.Now,
		verifier: sigv4.NewVerifier(c.Now), log: c.Log, audit: c.Audit, admit: c.Admit, undeclared: c.Undeclared,
		encode:   c.EncodeDenial,
		bodies:   newBodies(c.BodyMemory),
		services: map[string]*service{}, bySigning: map[string]string{}, byTarget: map[string]string{},
		byPrefix:  map[string]*service{},
		policies:  map[string]ResourcePolicies{},
		byVersion: map[string]string{}, labels: map[string]bool{},
	}
	if h.log == nil {
		h.log = slog.New(slog.DiscardHandler)
	}
	for _, s := range slices.Concat(c.Services, absentServices) {
		if !s.Hostless {
			h.labels[s.Name] = true
		}
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
		if h.byPrefix[r.ActionPrefix] == nil {
			h.byPrefix[r.ActionPrefix] = r
		}
		if r.ResourcePolicies != nil {
			if h.policies[r.ActionPrefix] != nil {
				return nil, fmt.Errorf("two services tell of the policies of %s's resources", r.ActionPrefix)
			}
			h.policies[r.ActionPrefix] = r.ResourcePolicies
		}
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
	refused      error         // what Admit says
	key          Key           // whose the signature says it is, unless a node's
	nodeKeys     NodeKeys      // the node's that the signature says it is
	own          *iam.Policies // what the caller's key brings along
	agreed       agreement
	body         body
	form         *wire.Form
	record       Record
	// written says that the answer has begun: nothing can be said about an error any more.
	written bool
	// broken says that an answer ended before its end: the connection has to end, so that the client sees it.
	broken bool
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := h.now()
	id := uuid.NewString()
	x := &exchange{
		h: h, w: w, r: r, record: Record{Time: start, RequestID: id, Method: r.Method, UserAgent: r.UserAgent()},
	}
	x.call = &Call{
		RequestID: id, Time: start, Partition: arn.Partition(h.region), Host: r.Host, Origin: OriginOf(r.Context()),
		SourceIP: peer(r), TLS: r.TLS != nil, TLSVersion: tlsVersion(r.TLS),
		header: r.Header.Get, query: r.URL.RawQuery, orgs: h.orgs,
	}
	x.record.Origin, x.record.SourceIP = x.call.Origin, x.call.SourceIP
	x.call.allow = x.also
	x.service = &service{}
	defer x.endBody()
	if err := x.run(r.Context()); err != nil {
		x.fail(err)
	}
	x.record.Duration = h.now().Sub(start)
	x.record.log(r.Context(), h.log)
	if h.audit != nil {
		h.audit(x.record)
	}
	if x.broken {
		panic(http.ErrAbortHandler)
	}
}

// tlsVersion is the version of a connection's TLS as policies know it, "" without.
func tlsVersion(s *tls.ConnectionState) string {
	if s == nil {
		return ""
	}
	return strings.TrimPrefix(tls.VersionName(s.Version), "TLS ")
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
			if abort, ok := p.(error); ok && errors.Is(abort, http.ErrAbortHandler) {
				panic(p)
			}
			err = fault.New(fault.Internal, "api.run", "panic: %v\n%s", p, debug.Stack())
		}
	}()
	x.signature, x.signatureErr = sigv4.Parse(x.r)
	if x.h.admit != nil {
		x.refused = x.h.admit(x.r)
	}
	// The service is found first all the same: it says in which shape to refuse.
	err = x.resolve()
	if err == nil && x.admitsPage() {
		x.refused = nil
	}
	if x.refused != nil || err != nil {
		return first(x.refused, err)
	}
	// What headers tell is judged before a body is read: a stranger's takes neither memory nor time.
	inBody := x.service.Protocol.IsForm()
	var routed error
	if !inBody {
		routed = x.route()
	}
	if routed == nil && x.op != nil && x.service.Locate != nil {
		if err := x.service.Locate(x.call); err != nil {
			return err
		}
	}
	if err := x.identify(ctx); err != nil {
		return err
	}
	if x.takesStream() {
		x.openBody()
	} else if err := x.readBody(); err != nil {
		return err
	}
	if inBody {
		routed = x.route()
	}
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
	damaged := x.checkDigests()
	x.freeBody()
	if err := x.validate(in); err != nil {
		return err
	}
	if err := x.authorise(ctx, in); err != nil {
		return err
	}
	if damaged != nil {
		return damaged
	}
	if err := x.op.refuseOthers(in); err != nil {
		return err
	}
	if x.op.isDryRun(in) {
		return dryRun()
	}
	if !x.op.Auth.exempt() {
		ctx = consent.With(ctx, &x.agreed)
	}
	out, err := x.op.handle(ctx, x.call, in)
	if err != nil {
		return err
	}
	if x.service.Protocol.Binds() {
		return x.answer(out)
	}
	buffer := answers.Get().(*[]byte)
	defer answers.Put(buffer)
	body, err := x.op.codec.Append((*buffer)[:0], out, x.call.RequestID)
	if err != nil {
		return fault.New(fault.Internal, "api.serve", "encode: %w", err)
	}
	if cap(body) <= keepAnswer {
		*buffer = body[:0]
	}
	status := x.op.Status
	if status == 0 {
		status = http.StatusOK
	}
	x.write(status, body)
	return nil
}

func (x *exchange) decode(in any) error {
	if x.service.Protocol.Binds() {
		return x.op.codec.DecodeRequest(x.message(), x.call.PathValue, in)
	}
	if x.form != nil {
		return x.op.codec.DecodeForm(x.form, in)
	}
	return x.op.codec.DecodeJSON(x.body.bytes, in)
}

func dryRun() error {
	return fault.New(fault.Conflict, "api.serve", "Request would have succeeded, but DryRun flag is set.").
		WithCode("DryRunOperation")
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
	if x.service.Name == virtual {
		failure.HostID = hostID(x.call.RequestID)
	}
	if x.service.Protocol == wire.RESTJSON {
		x.w.Header().Set("X-Amzn-Errortype", failure.Code)
	}
	x.record.Code = failure.Code
	if x.written {
		return
	}
	if !x.body.ended && x.r.ContentLength != 0 {
		x.w.Header().Set("Connection", "close") // what is left of the body is not read
	}
	x.write(failure.Status, x.service.Protocol.AppendFailure(nil, failure))
}

func (x *exchange) write(status int, body []byte) {
	header := x.w.Header()
	x.identifyAnswer()
	if x.bodiless(status) {
		body = nil
	} else {
		header.Set("Content-Type", x.service.Protocol.ContentType())
		header.Set("Content-Length", strconv.Itoa(len(body)))
	}
	x.written, x.record.Status = true, status
	x.w.WriteHeader(status)
	// An error here is the client's leaving; the operation is done all the same.
	_, _ = x.w.Write(body)
}
