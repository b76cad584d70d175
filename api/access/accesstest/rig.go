// Package accesstest serves a pipeline with real identities to the SDK's own clients, for tests of the operations of
// identity and of who may do what.
package accesstest

import (
	"bytes"
	"context"
	"crypto/rsa"
	"net"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"postern/api"
	"postern/api/access"
	"postern/api/apitest"
	"postern/api/iam"
	"postern/api/sts"
	"postern/aws/fault"
	judge "postern/aws/iam"
	"postern/aws/scope"
	"postern/aws/sigv4"
	"postern/aws/transport"
	"postern/network/vpc"
	"postern/services/identity"
	"postern/services/identity/identitytest"
)

// Account is the account of the rig.
const Account = "000000000000"

// Walked records what the tests of a package call by rigs.
var Walked apitest.Walk

// Rig is a pipeline with IAM, STS and what a test adds, on identities in memory, served over TLS.
type Rig struct {
	Identities *identity.Service
	Handler    *api.Handler
	// Origin is where connections come from that begin from now on; nil is outside of every VPC.
	Origin atomic.Pointer[vpc.Origin]
	// Endpoints are the policies of VPC endpoints: nil is full access; one that is not here is gone.
	Endpoints map[string]*judge.Policy
	// Audit is told of each request; it may be nil.
	Audit func(api.Record)
	// Nodes are the keys of managed nodes.
	Nodes map[string]*rsa.PublicKey

	server *httptest.Server
	root   *identity.NewAccessKey
	last   atomic.Pointer[api.Record]
}

// New serves the rig until the test ends.
func New(t testing.TB, more ...api.Service) *Rig {
	t.Helper()
	return NewWith(t, func(*Rig) []api.Service { return more })
}

// NewWith serves the rig with services that are made of it.
func NewWith(t testing.TB, more func(*Rig) []api.Service) *Rig {
	t.Helper()
	r := &Rig{Endpoints: map[string]*judge.Policy{}, Nodes: map[string]*rsa.PublicKey{}}
	sealer, err := identity.NewSealer(bytes.Repeat([]byte{7}, identity.KeySize))
	fatal(t, err)
	r.Identities, err = identity.Open(t.Context(), identity.Config{Store: new(identitytest.Store), Sealer: sealer})
	fatal(t, err)
	r.root, err = r.Identities.EnsureAccount(t.Context(), Account)
	fatal(t, err)
	a := access.Access{Identities: r.Identities, Endpoints: r, Nodes: r}
	services := append([]api.Service{
		iam.New(iam.Config{Identities: r.Identities}), sts.New(sts.Config{Identities: r.Identities}),
	}, more(r)...)
	r.Handler, err = api.New(api.Config{
		Services: services, Region: "us-east-1", Identities: a, Guards: a, Organizations: a, Now: time.Now, Audit: r.audit,
		EncodeDenial: r.Identities.EncodeDenial,
		Undeclared: func(op *api.Operation, resource string) {
			t.Errorf("%s touches %s and does not declare it", op.Action, resource)
		},
	})
	fatal(t, err)
	for _, one := range services {
		Walked.Table(r.Handler, one.Name)
	}
	r.server = httptest.NewUnstartedServer(r.Handler)
	r.server.Config.ConnContext = func(ctx context.Context, _ net.Conn) context.Context {
		if o := r.Origin.Load(); o != nil {
			return api.WithOrigin(ctx, *o)
		}
		return ctx
	}
	r.server.StartTLS()
	t.Cleanup(r.server.Close)
	return r
}

func fatal(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (r *Rig) audit(rec api.Record) {
	Walked.Audit(rec)
	access.NoteUse(r.Identities, rec)
	r.last.Store(&rec)
	if r.Audit != nil {
		r.Audit(rec)
	}
}

// Why says what decided about the last request that was judged, with what the caller is not told.
func (r *Rig) Why() string {
	judged := r.last.Load().Judged
	return judged[len(judged)-1].Decision.String()
}

// EndpointPolicy implements access.Endpoints.
func (r *Rig) EndpointPolicy(id string) (*judge.Policy, error) {
	p, ok := r.Endpoints[id]
	if !ok {
		return nil, fault.New(fault.NotFound, "accesstest", "no endpoint %s", id)
	}
	return p, nil
}

// Keys implements access.Nodes.
func (r *Rig) Keys(_ context.Context, node string) (scope.Scope, []*rsa.PublicKey, error) {
	key, ok := r.Nodes[node]
	if !ok {
		return scope.Scope{}, nil, fault.New(fault.NotFound, "accesstest", "no node %s", node)
	}
	return scope.Scope{Account: Account, Region: "us-east-1"}, []*rsa.PublicKey{key}, nil
}

// Root is a client's configuration that signs as the account's root user.
func (r *Rig) Root() aws.Config { return r.As(r.root.ID, r.root.Secret, "") }

// As is a client's configuration that signs with a key.
func (r *Rig) As(key, secret, token string) aws.Config {
	client := r.server.Client()
	return aws.Config{
		Region: "us-east-1", HTTPClient: transport.Client(client), BaseEndpoint: aws.String(r.server.URL),
		Credentials: credentials.NewStaticCredentialsProvider(key, secret, token),
		Retryer:     func() aws.Retryer { return aws.NopRetryer{} },
	}
}

// Disconnect ends the idle connections, so that the next request comes from the present Origin.
func (r *Rig) Disconnect() { r.server.Client().CloseIdleConnections() }

// User makes a user with the inline policy, unless it is empty, and returns its client's configuration.
func (r *Rig) User(t testing.TB, name, policy string) aws.Config {
	t.Helper()
	_, err := r.Identities.CreateUser(t.Context(), identity.NewUser{Account: Account, Name: name})
	fatal(t, err)
	if policy != "" {
		fatal(
			t,
			r.Identities.PutInline(
				t.Context(), identity.Holder{Account: Account, Name: name}, identity.Document{Name: "own", Text: policy},
			),
		)
	}
	k, err := r.Identities.CreateAccessKey(t.Context(), Account, name)
	fatal(t, err)
	return r.As(k.ID, k.Secret, "")
}

// Stranger is a user to whom nothing is allowed.
func (r *Rig) Stranger(t testing.TB) sigv4.Credentials {
	t.Helper()
	c, err := r.User(t, "stranger", "").Credentials.Retrieve(t.Context())
	fatal(t, err)
	return sigv4.Credentials{AccessKey: c.AccessKeyID, Secret: c.SecretAccessKey}
}
