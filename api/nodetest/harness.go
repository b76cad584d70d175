// Package nodetest is a harness of Systems Manager's endpoints: the whole pipeline over services in memory, the SDK's
// own client on one side, and scripted machines that speak as agents do on the other.
package nodetest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"postern/api"
	"postern/api/apitest"
	"postern/api/ec2messages"
	apissm "postern/api/ssm"
	"postern/api/ssmmessages"
	"postern/aws/fault"
	"postern/aws/iam"
	"postern/aws/scope"
	"postern/aws/transport"
	"postern/record"
	"postern/ssm/command"
	"postern/ssm/command/commandtest"
	"postern/ssm/document/library"
	"postern/ssm/mailbox"
	"postern/ssm/node"
	"postern/ssm/parameter"
)

// Where everything is.
const (
	Account = "000000000000"
	Region  = "us-east-1"
	// Role is the one role that there is.
	Role = "Nodes"
)

// Scope is the harness's one scope.
var Scope = scope.Scope{Account: Account, Region: Region}

// Options change the harness; zero values are the server's defaults.
type Options struct {
	// Channels are the control channels' times. What they lead to is filled in.
	Channels ssmmessages.Config
	// Poll is how long a poll is held.
	Poll time.Duration
	// KeyMaxAge is the age at which nodes are told to change their keys.
	KeyMaxAge time.Duration
	// Resend is how long a job waits for its acknowledgement.
	Resend time.Duration
	// Now is the clock of the endpoints and of the machines; nil means time.Now.
	Now func() time.Time
}

// Walked records what the tests of a package call in harnesses.
var Walked apitest.Walk

// Harness serves the endpoints.
type Harness struct {
	Store    *commandtest.Store
	Records  *record.Memory
	Nodes    *node.Service
	Commands *command.Service
	Mailbox  *mailbox.Mailbox
	Channels *ssmmessages.Channels
	Library  *library.Service
	Handler  *api.Handler

	server *httptest.Server
	now    func() time.Time

	mu     sync.Mutex // guards what follows
	keys   map[string]api.Key
	tokens map[string]string
	policy *iam.Policies
}

// New serves a harness until the test ends.
func New(t testing.TB, o Options) *Harness {
	t.Helper()
	if o.Now == nil {
		o.Now = time.Now
	}
	h := &Harness{
		Store: &commandtest.Store{}, keys: map[string]api.Key{}, tokens: map[string]string{}, now: o.Now,
	}
	h.Allow(t, `{"Effect":"Allow","Action":"*","Resource":"*"}`)
	h.Records = new(record.Memory)
	h.Nodes = node.New(node.Config{Records: h.Records, Roles: h, KeyMaxAge: o.KeyMaxAge, Now: o.Now})
	h.Mailbox = mailbox.New(mailbox.Config{Resend: o.Resend})
	h.Library = library.New(h.Records)
	h.Commands = command.New(command.Config{Store: h.Store, Documents: h.Library, Nodes: h.Nodes, Mailbox: h.Mailbox})
	o.Channels.Commands, o.Channels.Nodes, o.Channels.Mailbox = h.Commands, h.Nodes, h.Mailbox
	o.Channels.Now = o.Now
	h.Channels = ssmmessages.New(o.Channels)
	var err error
	h.Handler, err = api.New(api.Config{
		Services: []api.Service{
			apissm.New(apissm.Config{
				Commands: h.Commands, Nodes: h.Nodes, Documents: h.Library, Channels: h.Mailbox,
				Parameters: parameter.New(parameter.Config{Records: h.Records}),
			}),
			h.Channels.Service(),
			ec2messages.New(ec2messages.Config{Commands: h.Commands, Nodes: h.Nodes, Mailbox: h.Mailbox, Wait: o.Poll}),
		},
		Region: Region, Identities: h, Guards: h, Now: o.Now, Audit: Walked.Audit,
		Undeclared: func(op *api.Operation, resource string) {
			t.Errorf("%s touches %s and does not declare it", op.Action, resource)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	Walked.Table(h.Handler, "ssm")
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := h.Commands.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	h.server = httptest.NewTLSServer(h.Handler)
	t.Cleanup(func() {
		h.Channels.Close()
		h.Mailbox.Close()
		h.server.Close()
		cancel()
		running.Wait()
	})
	h.keys["AKIAROOT"] = api.Key{
		Secret: "root-secret",
		Principal: &iam.Principal{
			Kind: iam.Root, ARN: "arn:aws:iam::" + Account + ":root", Account: Account, UserID: Account,
		},
		Policies: &iam.Policies{},
	}
	return h
}

// Allow makes statements the nodes' only policy.
func (h *Harness) Allow(t testing.TB, statements string) {
	t.Helper()
	p, err := iam.Parse(iam.Identity, "nodes", `{"Version":"2012-10-17","Statement":[`+statements+`]}`)
	if err != nil {
		t.Fatal(err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.policy = &iam.Policies{Identity: []*iam.Policy{p}}
}

// Revoke ends a node's credentials, as far as they were issued.
func (h *Harness) Revoke(node string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for id, key := range h.keys {
		if key.IssuedTo == node {
			delete(h.keys, id)
		}
	}
}

// SSM is a client that signs as the account's root user.
func (h *Harness) SSM() *ssm.Client {
	return ssm.NewFromConfig(aws.Config{
		Region: Region, HTTPClient: transport.Client(h.server.Client()), BaseEndpoint: aws.String(h.server.URL),
		Credentials: credentials.NewStaticCredentialsProvider("AKIAROOT", "root-secret", ""),
		Retryer:     func() aws.Retryer { return aws.NopRetryer{} },
	})
}

// Client is an HTTP client that trusts the harness, and URL where it is.
func (h *Harness) Client() *http.Client { return h.server.Client() }

// URL is the harness's address.
func (h *Harness) URL() string { return h.server.URL }

// AccessKey implements api.Identities.
func (h *Harness) AccessKey(_ context.Context, id, token string) (api.Key, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	key, ok := h.keys[id]
	if !ok || h.tokens[id] != token {
		return api.Key{}, fault.New(fault.NotFound, "nodetest", "no key %s", id)
	}
	if key.IssuedTo != "" {
		key.Policies = h.policy
	}
	return key, nil
}

// NodeKeys implements api.Identities.
func (h *Harness) NodeKeys(ctx context.Context, id string) (api.NodeKeys, error) {
	scope, keys, err := h.Nodes.Keys(ctx, id)
	return api.NodeKeys{Account: scope.Account, Region: scope.Region, Keys: keys}, err
}

// Guard implements api.Guards: there is no endpoint and no resource with a policy.
func (h *Harness) Guard(context.Context, api.Question, *iam.Policies) error { return nil }

// CheckRole implements node.Roles.
func (h *Harness) CheckRole(_ context.Context, scope scope.Scope, role string) error {
	if role != Role {
		return fault.New(
			fault.Invalid, "nodetest", "Not existing role: arn:aws:iam::%s:role/%s", scope.Account, role,
		).WithCode("ValidationException")
	}
	return nil
}

// NodeSession implements node.Roles.
func (h *Harness) NodeSession(_ context.Context, s node.Session) (node.Credentials, error) {
	c := node.Credentials{
		AccessKeyID: "ASIA" + random(), SecretAccessKey: random(), SessionToken: random(),
		Expires: h.now().Add(s.Duration).Truncate(time.Millisecond),
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.keys[c.AccessKeyID] = api.Key{
		Secret: c.SecretAccessKey, Expires: c.Expires, IssuedTo: s.Node,
		Principal: &iam.Principal{
			Kind: iam.AssumedRole, Account: s.Account, Role: "arn:aws:iam::" + s.Account + ":role/" + s.Role,
			ARN: "arn:aws:sts::" + s.Account + ":assumed-role/" + s.Role + "/" + s.Node, UserID: "AROA:" + s.Node,
		},
	}
	h.tokens[c.AccessKeyID] = c.SessionToken
	return c, nil
}

func random() string {
	var b [10]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}
