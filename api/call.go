package api

import (
	"context"
	"crypto/rsa"
	"net/http"
	"net/url"
	"time"

	"postern/aws/iam"
	"postern/network/vpc"
)

// Caller names who makes a request, as far as its signature proves it. The zero Caller is anonymous.
type Caller struct {
	// Principal is the ARN: "arn:aws:iam::ACCOUNT:root", "…:user/NAME" or
	// "arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION".
	Principal string
	// UserID is the unique id, "AIDA…" or "AROA…:SESSION"; the account for root.
	UserID  string
	Account string
	// AccessKey is the id of the key that signed.
	AccessKey string
	// IssuedTo is the instance or managed node ("i-…", "mi-…") that the credentials were issued to, if they were.
	IssuedTo string
	// IAM is the caller as policies see it; nil for anonymous callers and nodes.
	IAM *iam.Principal
	// Node is the managed node whose own key pair proved the request, in operations with Auth Node only.
	Node string
	// NodeKey is the key that proved it: a node that changes its key has two for a while.
	NodeKey *rsa.PublicKey
}

// Anonymous reports whether nobody signed.
func (c Caller) Anonymous() bool { return c.Principal == "" && c.Node == "" }

// Call is one request on its way through the pipeline, as handlers see it.
type Call struct {
	// RequestID is the id that the answer carries.
	RequestID string
	Service   *Service
	Operation *Operation
	Caller    Caller
	// Account owns the resources that the call is about: it is the caller's. It is empty for anonymous callers.
	Account string
	// Region is the region the request was signed for, else the one it was addressed to.
	Region string
	// Addressed is the region that the host or the VPC endpoint of the request is of, "" where they say none, and
	// VirtualHost the bucket that stands in the host's name instead of the path.
	Addressed, VirtualHost string
	// Partition is the server's own region's, in which the ARNs of services without regions stand.
	Partition string
	// Origin is the connection's origin in the private network; zero for connections from outside every VPC.
	Origin vpc.Origin
	// Time is the request's one moment; handlers use it and no clock.
	Time time.Time
	// Host is the host that the request named, with its port.
	Host string
	// SourceIP is the peer's address as text, without port.
	SourceIP string
	// Fields holds the fields of a form before its file, by names in lower case; nil for other requests. See Forms.
	Fields map[string]string
	// TLS says whether the request came over TLS, and TLSVersion over which: "1.3", "" without.
	TLS        bool
	TLSVersion string

	orgs     Organizations
	standing func(ctx context.Context) error

	path    func(string) string
	header  func(string) string
	query   string
	answers http.Header // see SetHeader
	status  int         // see SetStatus
	trailer http.Header // see Trailer
	allow   func(ctx context.Context, q Question, keys map[string][]string) error
}

// Organization returns the organization that an account is in and the account's path in it; both are empty where it is
// in none.
func (c *Call) Organization(account string) (id, path string) {
	if c.orgs == nil || account == "" {
		return "", ""
	}
	return c.orgs.Organization(account)
}

// PathValue returns a wildcard of the operation's pattern.
func (c *Call) PathValue(name string) string {
	if c.path == nil {
		return ""
	}
	return c.path(name)
}

// Header returns a header of the request.
func (c *Call) Header(name string) string {
	if c.header == nil {
		return ""
	}
	return c.header(name)
}

// Query returns the parameters of the request's query.
func (c *Call) Query() url.Values {
	values, _ := url.ParseQuery(c.query) // what cannot be read was refused before, or is not asked for
	return values
}

// SetHeader sets a header of the answer, whether the operation is done or refused.
func (c *Call) SetHeader(name, value string) {
	if c.answers == nil {
		c.answers = http.Header{}
	}
	c.answers.Set(name, value)
}

// SetStatus has the success of this call answered with another status than the row's: 206 for a part of what was asked.
func (c *Call) SetStatus(status int) { c.status = status }

// Trailer holds what the client sent behind a body that came in chunks, such as a checksum; it is whole once the body
// has been read to its end.
func (c *Call) Trailer() http.Header { return c.trailer }

// Standing returns a function that says whether the caller may still do what the call does: nil while its key is good
// and policies allow the operation. It is for what a call leaves open, and keeps nothing of the request in memory.
func (c *Call) Standing() func(ctx context.Context) error {
	if c.standing == nil {
		return func(context.Context) error { return nil }
	}
	return c.standing
}

// Allow asks whether the caller may do one thing more than the operation's own action, such as iam:PassRole. It returns
// a Denied fault in Amazon's words if not. A Call made by hand (in a handler's test) allows everything.
func (c *Call) Allow(ctx context.Context, action, resource string, keys map[string][]string) error {
	if c.allow == nil {
		return nil
	}
	return c.allow(ctx, Question{Call: c, Action: action, Resource: resource}, keys)
}

type originContext struct{}

// WithOrigin puts a connection's origin into its context; the server does so in http.Server.ConnContext.
func WithOrigin(ctx context.Context, o vpc.Origin) context.Context {
	return context.WithValue(ctx, originContext{}, o)
}

// OriginOf returns the origin of the connection, or the zero Origin.
func OriginOf(ctx context.Context) vpc.Origin {
	o, _ := ctx.Value(originContext{}).(vpc.Origin)
	return o
}
