// Package nodetest is a laboratory of Systems Manager's endpoints: the whole pipeline over hearts in memory, the SDK's
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
	"postern/ssm/command"
	"postern/ssm/command/commandtest"
	"postern/ssm/document/library"
	"postern/ssm/mailbox"
	"postern/ssm/node"
	"postern/ssm/parameter"
	"postern/ssm/ssmtest"
)

// Where everything is.
const (
	Account = "000000000000"
	Region  = "us-east-1"
	// Role is the one role that there is.
	Role = "Nodes"
)

// Scope is the laboratory's one scope.
var Scope = scope.Scope{Account: Account, Region: Region}

// Options change the laboratory; zero values are the server's defaults.
type Options struct {
	// Channels are the control channels' times. What they lead to is filled in.
	Channels ssmmessages.Config
	// Poll is how long a poll is held.
	Poll time.Duration
	// KeyMaxAge is the age at which nodes are told to change their keys.
	KeyMaxAge time.Duration
	// Resend is how long a job waits for its acknowledgement.
	Resend time.Duration
	// Now is the clock of signatures and nodes; nil means time.Now. Scripted machines sign by time.Now.
	Now func() time.Time
}

// Walked is what the tests of a package called in laboratories.
var Walked apitest.Walk

// Lab is the laboratory.
type Lab struct {
	Store    *commandtest.Store
	Records  *ssmtest.Records
	Nodes    *node.Service
	Commands *command.Service
	Mailbox  *mailbox.Mailbox
	Channels *ssmmessages.Channels
	Library  *library.Service
	Handler  *api.Handler

	server *httptest.Server

	mu     sync.Mutex // guards what follows
	keys   map[string]api.Key
	tokens map[string]string
	policy *iam.Policies
}

// New serves a laboratory until the test ends.
func New(t testing.TB, o Options) *Lab {
	t.Helper()
	l := &Lab{Store: &commandtest.Store{}, keys: map[string]api.Key{}, tokens: map[string]string{}}
	l.Allow(t, `{"Effect":"Allow","Action":"*","Resource":"*"}`)
	if o.Now == nil {
		o.Now = time.Now
	}
	l.Records = &ssmtest.Records{}
	l.Nodes = node.New(node.Config{Records: l.Records, Roles: l, KeyMaxAge: o.KeyMaxAge, Now: o.Now})
	l.Mailbox = mailbox.New(mailbox.Config{Resend: o.Resend})
	l.Library = library.New(l.Records)
	l.Commands = command.New(command.Config{Store: l.Store, Documents: l.Library, Nodes: l.Nodes, Mailbox: l.Mailbox})
	o.Channels.Commands, o.Channels.Nodes, o.Channels.Mailbox = l.Commands, l.Nodes, l.Mailbox
	l.Channels = ssmmessages.New(o.Channels)
	var err error
	l.Handler, err = api.New(api.Config{
		Services: []api.Service{
			apissm.New(apissm.Config{
				Commands: l.Commands, Nodes: l.Nodes, Documents: l.Library, Channels: l.Mailbox, Parameters: parameter.New(parameter.Config{Records: l.Records}),
			}),
			l.Channels.Service(),
			ec2messages.New(ec2messages.Config{Commands: l.Commands, Nodes: l.Nodes, Mailbox: l.Mailbox, Wait: o.Poll}),
		},
		Region: Region, Identities: l, Guards: l, Now: o.Now, Audit: Walked.Audit,
		Undeclared: func(op *api.Operation, resource string) {
			t.Errorf("%s touches %s and does not declare it", op.Action, resource)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	Walked.Table(l.Handler, "ssm")
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := l.Commands.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	l.server = httptest.NewTLSServer(l.Handler)
	t.Cleanup(func() {
		l.Channels.Close()
		l.Mailbox.Close()
		l.server.Close()
		cancel()
		running.Wait()
	})
	l.keys["AKIAROOT"] = api.Key{
		Secret:    "root-secret",
		Principal: &iam.Principal{Kind: iam.Root, ARN: "arn:aws:iam::" + Account + ":root", Account: Account, UserID: Account},
		Policies:  &iam.Policies{},
	}
	return l
}

// Allow makes statements the nodes' only policy.
func (l *Lab) Allow(t testing.TB, statements string) {
	t.Helper()
	p, err := iam.Parse(iam.Identity, "nodes", `{"Version":"2012-10-17","Statement":[`+statements+`]}`)
	if err != nil {
		t.Fatal(err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.policy = &iam.Policies{Identity: []*iam.Policy{p}}
}

// Revoke ends a node's credentials, as far as they were issued.
func (l *Lab) Revoke(node string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, key := range l.keys {
		if key.IssuedTo == node {
			delete(l.keys, id)
		}
	}
}

// SSM is a client that signs as the account's root user.
func (l *Lab) SSM() *ssm.Client {
	return ssm.NewFromConfig(aws.Config{
		Region: Region, HTTPClient: transport.Client(l.server.Client()), BaseEndpoint: aws.String(l.server.URL),
		Credentials: credentials.NewStaticCredentialsProvider("AKIAROOT", "root-secret", ""),
		Retryer:     func() aws.Retryer { return aws.NopRetryer{} },
	})
}

// Client is an HTTP client that trusts the laboratory, and URL where it is.
func (l *Lab) Client() *http.Client { return l.server.Client() }

// URL is the laboratory's address.
func (l *Lab) URL() string { return l.server.URL }

// AccessKey implements api.Identities.
func (l *Lab) AccessKey(_ context.Context, id, token string) (api.Key, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	key, ok := l.keys[id]
	if !ok || l.tokens[id] != token {
		return api.Key{}, fault.New(fault.NotFound, "nodetest", "no key %s", id)
	}
	if key.IssuedTo != "" {
		key.Policies = l.policy
	}
	return key, nil
}

// NodeKeys implements api.Identities.
func (l *Lab) NodeKeys(ctx context.Context, id string) (api.NodeKeys, error) {
	scope, keys, err := l.Nodes.Keys(ctx, id)
	return api.NodeKeys{Account: scope.Account, Region: scope.Region, Keys: keys}, err
}

// Guard implements api.Guards: there is no endpoint and no resource with a policy.
func (l *Lab) Guard(context.Context, api.Question, *iam.Policies) error { return nil }

// CheckRole implements node.Roles.
func (l *Lab) CheckRole(_ context.Context, scope scope.Scope, role string) error {
	if role != Role {
		return fault.New(fault.Invalid, "nodetest", "Not existing role: arn:aws:iam::%s:role/%s", scope.Account, role).WithCode("ValidationException")
	}
	return nil
}

// NodeSession implements node.Roles.
func (l *Lab) NodeSession(_ context.Context, s node.Session) (node.Credentials, error) {
	c := node.Credentials{
		AccessKeyID: "ASIA" + random(), SecretAccessKey: random(), SessionToken: random(), Expires: time.Now().Add(s.Duration).Truncate(time.Millisecond),
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.keys[c.AccessKeyID] = api.Key{
		Secret: c.SecretAccessKey, Expires: c.Expires, IssuedTo: s.Node,
		Principal: &iam.Principal{
			Kind: iam.AssumedRole, Account: s.Account, Role: "arn:aws:iam::" + s.Account + ":role/" + s.Role,
			ARN: "arn:aws:sts::" + s.Account + ":assumed-role/" + s.Role + "/" + s.Node, UserID: "AROA:" + s.Node,
		},
	}
	l.tokens[c.AccessKeyID] = c.SessionToken
	return c, nil
}

func random() string {
	var b [10]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}
