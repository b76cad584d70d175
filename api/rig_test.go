package api_test

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"postern/api"
	"postern/aws/fault"
	awsiam "postern/aws/iam"
	"postern/aws/sigv4"
	"postern/aws/wire"
	"postern/network/vpc"
)

const account = "000000000000"

// now is the one moment of all these tests.
var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// rig is a pipeline with a few operations of each protocol, whose handlers do what a test says.
type rig struct {
	*api.Handler
	records []api.Record
	mu      sync.Mutex
	// calls counts the handlers that were reached; last is the call the last one got.
	calls int
	last  *api.Call
	err   error
	// policy is the caller's identity policy and endpoint the endpoint's; empty is none.
	policy, endpoint string
	// policyName names the identity policy; empty means "own".
	policyName string
	node       *rsa.PrivateKey
	// origin is where live connections come from.
	origin vpc.Origin
}

// nodeKey is the key pair of the rig's nodes; making one takes a while.
var nodeKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

const allowAll = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`

func newRig(t testing.TB) *rig {
	t.Helper()
	r := &rig{policy: allowAll, node: nodeKey()}
	var err error
	r.Handler, err = api.New(api.Config{
		Services: r.services(), Region: "us-east-1", Identities: r, Guards: r,
		Now:   func() time.Time { return now },
		Audit: func(rec api.Record) { r.records = append(r.records, rec) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// reached makes a handler that notes its call and answers out.
func reached[In, Out any](r *rig, out *Out) func(context.Context, *api.Call, *In) (*Out, error) {
	return func(_ context.Context, call *api.Call, _ *In) (*Out, error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.calls++
		r.last = call
		return out, r.err
	}
}

type tokenInput struct {
	Fingerprint *string `wire:"required"`
}

type tokenOutput struct{ AccessKeyId string }

type channelInput struct{ MessageSchemaVersion, RequestId string }

type channelOutput struct{ TokenValue string }

func (r *rig) services() []api.Service {
	return []api.Service{
		{Name: "ssm", TargetPrefix: "AmazonSSM", BodyLimit: 4096, Operations: []api.Operation{
			api.Op("CancelCommand", api.Everything, reached[ssm.CancelCommandInput, ssm.CancelCommandOutput](r, nil), api.All),
			api.Op("DeleteActivation", api.Lookup(func(*api.Call, *ssm.DeleteActivationInput) []string { return nil }),
				reached[ssm.DeleteActivationInput, ssm.DeleteActivationOutput](r, nil), api.All),
			api.Op("RequestManagedInstanceRoleToken", api.Everything,
				reached[tokenInput](r, &tokenOutput{AccessKeyId: "ASIATOKEN"}), api.With(api.Node), api.All),
			api.Op(
				"RegisterManagedInstance", api.Everything, reached[tokenInput, tokenOutput](r, nil), api.With(api.Unsigned),
				api.All,
			),
		}},
		{Name: "ec2", Protocol: wire.EC2, Version: "2016-11-15", Namespace: "http://ec2.amazonaws.com/doc/2016-11-15/",
			ResourceTypes: api.Types("vpc"),
			Operations: []api.Operation{
				api.Op("CreateVpc", api.About("vpc/*"),
					reached[ec2.CreateVpcInput](r, &ec2.CreateVpcOutput{Vpc: &ec2types.Vpc{VpcId: aws.String("vpc-1")}}),
					api.Takes("CidrBlock", "TagSpecifications")),
				api.Op("DescribeVpcs", api.Everything, reached[ec2.DescribeVpcsInput, ec2.DescribeVpcsOutput](r, nil), api.All),
			}},
		{Name: "iam", Protocol: wire.Query, Global: true, Version: "2010-05-08",
			Namespace: "https://iam.amazonaws.com/doc/2010-05-08/",
			Operations: []api.Operation{
				api.Op("CreateRole", api.Everything, reached[iam.CreateRoleInput, iam.CreateRoleOutput](r, nil), api.All),
			}},
		{Name: "sts", Protocol: wire.Query, Version: "2011-06-15", Namespace: "https://sts.amazonaws.com/doc/2011-06-15/",
			Operations: []api.Operation{
				api.Op(
					"GetCallerIdentity", api.Everything, reached[sts.GetCallerIdentityInput, sts.GetCallerIdentityOutput](r, nil),
					api.With(api.Anyone), api.All,
				),
			}},
		{Name: "ssmmessages", Protocol: wire.REST, Operations: []api.Operation{
			api.Op("CreateControlChannel", api.Everything, reached[channelInput](r, &channelOutput{TokenValue: "token"}),
				api.At("POST /v1/control-channel/{id}", http.StatusCreated), api.All),
			api.Stream("OpenControlChannel", "GET /v1/control-channel/{id}",
				api.Lookup(func(c *api.Call, _ *http.Request) []string { return []string{"arn:aws:ssm:::" + c.PathValue("id")} }),
				r.open),
		}},
	}
}

// open is a stream's handler: it speaks for itself.
func (r *rig) open(w http.ResponseWriter, _ *http.Request, call *api.Call) error {
	r.calls++
	r.last = call
	if r.err != nil {
		return r.err
	}
	w.WriteHeader(http.StatusSwitchingProtocols)
	return nil
}

// The rig's keys: a user, a role's session issued to an instance, one that has expired.
var (
	user    = sigv4.Credentials{AccessKey: "AKIAUSER", Secret: "secret-of-user"}
	session = sigv4.Credentials{AccessKey: "ASIASESSION", Secret: "secret-of-session", Token: "token"}
	expired = sigv4.Credentials{AccessKey: "ASIAEXPIRED", Secret: "secret-of-expired", Token: "token"}
)

func (r *rig) AccessKey(_ context.Context, id, token string) (api.Key, error) {
	alice := &awsiam.Principal{
		Kind: awsiam.User, ARN: "arn:aws:iam::" + account + ":user/alice", Account: account, UserID: "AIDAALICE",
		Name: "alice",
	}
	nodes := &awsiam.Principal{
		Kind: awsiam.AssumedRole, ARN: "arn:aws:sts::" + account + ":assumed-role/nodes/i-1", Account: account,
		Role: "arn:aws:iam::" + account + ":role/nodes",
	}
	own, err := r.own()
	if err != nil {
		return api.Key{}, err
	}
	switch {
	case id == user.AccessKey && token == "":
		return api.Key{Secret: user.Secret, Principal: alice, Policies: own}, nil
	case id == session.AccessKey && token == session.Token:
		return api.Key{
			Secret: session.Secret, Expires: now.Add(time.Hour), Principal: nodes, Policies: own, IssuedTo: "i-1",
		}, nil
	case id == expired.AccessKey && token == expired.Token:
		return api.Key{Secret: expired.Secret, Expires: now, Principal: nodes, Policies: own}, nil
	case id == "AKIABROKEN":
		return api.Key{}, errors.New("the disk is on fire")
	}
	return api.Key{}, fault.New(fault.NotFound, "rig", "no key %s", id)
}

func (r *rig) NodeKeys(_ context.Context, node string) (api.NodeKeys, error) {
	if node != "mi-1" && node != "i-1" {
		return api.NodeKeys{}, fault.New(fault.NotFound, "rig", "no node %s", node)
	}
	return api.NodeKeys{Account: account, Region: "us-east-1", Keys: []*rsa.PublicKey{&r.node.PublicKey}}, nil
}

func (r *rig) own() (*awsiam.Policies, error) {
	if r.policy == "" {
		return &awsiam.Policies{}, nil
	}
	p, err := awsiam.Parse(awsiam.Identity, or(r.policyName, "own"), r.policy)
	return &awsiam.Policies{Identity: []*awsiam.Policy{p}}, err
}

func (r *rig) Guard(_ context.Context, _ api.Question, p *awsiam.Policies) (err error) {
	if r.endpoint != "" {
		p.Endpoint, err = awsiam.Parse(awsiam.Endpoint, "vpce-1", r.endpoint)
	}
	return err
}

// a request as a test describes it. Zero fields take what an ordinary client sends.
type request struct {
	method, host, path, target, body string
	key                              sigv4.Credentials
	unsigned                         bool
	scope                            sigv4.Target
	origin                           vpc.Origin
	chunked                          bool
	// change is done to the request after it is signed.
	change func(*http.Request)
}

func (q request) build(t failer) *http.Request {
	t.Helper()
	if q.method == "" {
		q.method = http.MethodPost
	}
	if q.path == "" {
		q.path = "/"
	}
	service, _, _ := strings.Cut(q.host, ".")
	var body io.Reader
	if q.body != "" {
		body = strings.NewReader(q.body)
	}
	r := httptest.NewRequest(q.method, "https://"+q.host+q.path, body)
	switch {
	case q.target != "":
		r.Header.Set("X-Amz-Target", q.target)
		r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	case service != "ssmmessages":
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if q.chunked {
		r.ContentLength, r.TransferEncoding = -1, []string{"chunked"}
	}
	if !q.unsigned {
		if q.key.AccessKey == "" {
			q.key = user
		}
		scope := q.scope
		scope.Region = or(scope.Region, "us-east-1")
		scope.Service = or(scope.Service, service)
		if scope.Time.IsZero() {
			scope.Time = now
		}
		if err := sigv4.Sign(r, []byte(q.body), q.key, scope); err != nil {
			t.Fatal(err)
		}
	}
	if q.change != nil {
		q.change(r)
	}
	return r.WithContext(api.WithOrigin(r.Context(), q.origin))
}

// failer has the methods that testing.TB and *rapid.T share.
type failer interface {
	Helper()
	Errorf(format string, args ...any)
	Fatal(args ...any)
}

func or(a, b string) string {
	if a == "" {
		return b
	}
	return a
}

// do serves a request and returns its status and body, with the request id written as "ID".
func (r *rig) do(t failer, q request) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	r.ServeHTTP(w, q.build(t))
	id := cmp.Or(w.Header().Get("X-Amzn-Requestid"), w.Header().Get("X-Amz-Request-Id"))
	if len(id) != 36 {
		t.Errorf("request id %q", id)
	}
	text := strings.ReplaceAll(w.Body.String(), id, "ID")
	if second := w.Header().Get("X-Amz-Id-2"); second != "" {
		text = strings.ReplaceAll(text, second, "ID2")
	}
	return w.Code, text
}

// through is the origin of a request through an endpoint.
func through(service string) vpc.Origin {
	return vpc.Origin{
		Account: account, Region: "us-east-1", VPC: "vpc-1", Interface: "eni-1", Owner: "i-1",
		Endpoint: "vpce-1", Service: "com.amazonaws.us-east-1." + service, EndpointVPC: "vpc-2",
		Source: netip.MustParseAddrPort("10.0.1.20:40000"),
	}
}

func (r *rig) clock() time.Time { return now }

// compiled are identities whose policies were compiled once, as those of a server.
type compiled struct {
	*rig
	key api.Key
}

func (c compiled) AccessKey(context.Context, string, string) (api.Key, error) { return c.key, nil }

func compile(t testing.TB, r *rig) compiled {
	t.Helper()
	key, err := r.AccessKey(context.Background(), user.AccessKey, "")
	if err != nil {
		t.Fatal(err)
	}
	return compiled{r, key}
}
