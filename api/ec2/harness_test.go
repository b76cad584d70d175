package ec2_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/smithy-go"

	"postern/api"
	"postern/api/ec2"
	"postern/aws/fault"
	"postern/aws/iam"
	"postern/aws/sigv4"
	"postern/aws/transport"
	"postern/network"
	"postern/record"
	"postern/services/compute"
	"postern/services/compute/guest"
	"postern/services/identity"
	"postern/services/instances"
)

const (
	account = "000000000000"
	region  = "us-east-1"
)

var (
	root     = sigv4.Credentials{AccessKey: "AKIAROOT", Secret: "secret-of-root"}
	stranger = sigv4.Credentials{AccessKey: "AKIASTRANGER", Secret: "secret-of-stranger"}
	// reader may describe, and nothing else.
	reader = sigv4.Credentials{AccessKey: "AKIAREADER", Secret: "secret-of-reader"}
)

// harness is the whole pipeline with the EC2 API on it, behind a real HTTP server. Its instances are played.
type harness struct {
	*sdk.Client
	t       testing.TB
	ctx     context.Context
	handler *api.Handler
	network *network.Service
	compute *compute.Service
	// instances changes both; networkStore and computeStore keep them.
	instances                  *instances.Service
	networkStore, computeStore *record.Memory
	host                       *host
	url                        string

	questions questions
	// mayTouch lets operations touch what they do not declare.
	mayTouch bool
	// ahead is how far the network's clock is ahead, in nanoseconds.
	ahead atomic.Int64
}

func newHarness(t testing.TB) *harness {
	t.Helper()
	return newLimitedHarness(t, network.Limits{})
}

func newLimitedHarness(t testing.TB, limits network.Limits) *harness {
	t.Helper()
	l := &harness{
		t: t, ctx: context.Background(), host: &host{guests: map[string]*played{}},
		networkStore: new(record.Memory), computeStore: new(record.Memory),
	}
	var err error
	if l.network, err = network.New(l.ctx, network.Config{
		Store: l.networkStore, Limits: limits, Draw: func(int) int { return 0 }, // addresses that tests name stay free
		Now: func() time.Time { return time.Now().Add(time.Duration(l.ahead.Load())) },
	}); err != nil {
		t.Fatal(err)
	}
	l.host.network = l.network
	l.compute, err = compute.Open(l.ctx, compute.Config{
		Store:   l.computeStore,
		Network: l.host, Launcher: l.host, Dir: t.TempDir(), Agent: "postern-agent",
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.compute.Close(); err != nil {
			t.Error(err)
		}
	})
	l.instances = instances.New(instances.Config{
		Network: l.network, Compute: l.compute, Profiles: profiles{},
		Now: func() time.Time { return time.Now().Add(time.Duration(l.ahead.Load())) },
	})
	l.handler, err = api.New(api.Config{
		Services: []api.Service{ec2.New(ec2.Config{
			Network: l.network, Compute: l.compute, Instances: l.instances,
		})},
		Region: region, Identities: keys{}, Guards: &l.questions, Audit: walked.Audit, Now: time.Now,
		Undeclared: func(op *api.Operation, resource string) {
			if !l.mayTouch {
				t.Errorf("%s touches %s and does not declare it", op.Name, resource)
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	walked.Table(l.handler, "ec2")
	server := httptest.NewServer(l.handler)
	t.Cleanup(server.Close)
	l.url = server.URL
	l.Client = l.as(root)
	return l
}

// as is a client with another key.
func (l *harness) as(c sigv4.Credentials) *sdk.Client {
	return sdk.New(sdk.Options{
		Region: region, BaseEndpoint: aws.String(l.url), HTTPClient: transport.Client(http.DefaultClient),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: c.AccessKey, SecretAccessKey: c.Secret}, nil
		}),
	})
}

// keys are the harness's identities.
type keys struct{}

func (keys) AccessKey(_ context.Context, id, token string) (api.Key, error) {
	policies := map[string]string{
		root.AccessKey:     "",
		stranger.AccessKey: `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}`,
		reader.AccessKey:   `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"ec2:Describe*","Resource":"*"}}`,
	}
	secrets := map[string]string{
		root.AccessKey: root.Secret, stranger.AccessKey: stranger.Secret, reader.AccessKey: reader.Secret,
	}
	text, ok := policies[id]
	if own, found := users.Load(id); found {
		secrets[id], text, ok = id, own.(string), true
	}
	if !ok || token != "" {
		return api.Key{}, fault.New(fault.NotFound, "harness", "no key")
	}
	if text == "" {
		return api.Key{Secret: secrets[id], Policies: &iam.Policies{}, Principal: &iam.Principal{
			Kind: iam.Root, ARN: "arn:aws:iam::" + account + ":root", Account: account, UserID: account,
		}}, nil
	}
	policy, err := iam.Parse(iam.Identity, "own", text)
	return api.Key{Secret: secrets[id], Policies: &iam.Policies{Identity: []*iam.Policy{policy}},
		Principal: &iam.Principal{
			Kind: iam.User, ARN: "arn:aws:iam::" + account + ":user/" + id, Account: account, UserID: id, Name: id,
		}}, err
}

func (keys) NodeKeys(context.Context, string) (api.NodeKeys, error) {
	return api.NodeKeys{}, fault.New(fault.NotFound, "harness", "no node")
}

// users are more users by their access keys, which are their secrets too: each with its policy.
var users sync.Map

// user is a client of a user with a policy.
func (l *harness) user(name, policy string) *sdk.Client {
	users.Store(name, policy)
	return l.as(sigv4.Credentials{AccessKey: name, Secret: name})
}

// profiles knows one instance profile, with one role.
type profiles struct{}

func (profiles) InstanceProfile(account, name string) (identity.InstanceProfile, error) {
	if name != "nodes" {
		return identity.InstanceProfile{}, fault.New(fault.NotFound, "harness", "no profile")
	}
	return identity.InstanceProfile{Account: account, Path: "/", Name: name, ID: "AIPANODES", Role: "nodes"}, nil
}

func (profiles) Role(account, name string) (identity.Role, error) {
	return identity.Role{Account: account, Path: "/", Name: name}, nil
}

// host plays the host of the instances: guests that run until they are told to end.
type host struct {
	network *network.Service

	mu     sync.Mutex
	guests map[string]*played
	refuse error
	// noLease refuses to say which network interfaces an instance has.
	noLease error
}

func (h *host) Start(_ context.Context, boot guest.Boot) (guest.Machine, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.refuse != nil {
		return nil, h.refuse
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	_, err = boot.Console.Write([]byte("boot of " + boot.Hostname + "." + boot.Search[0] + " " + boot.Address.String() +
		" " + boot.Gateway.String() + " " + boot.Servers[0].String() + "\n"))
	g := &played{tun: r, done: make(chan struct{})}
	h.guests[boot.ID] = g
	return g, errors.Join(err, os.MkdirAll(boot.Dir, 0o700), w.Close())
}

func (h *host) Attach(string, *os.File) (func(), error) { return func() {}, nil }

func (h *host) Lease(i compute.Instance) (compute.Lease, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.noLease != nil {
		return compute.Lease{}, h.noLease
	}
	return compute.Lease{Servers: []netip.Addr{i.Resolver}, Search: []string{i.Domain}}, nil
}

func (h *host) Terminated(ctx context.Context, i compute.Instance) error {
	return h.network.ReleaseOwner(ctx, i.ID)
}

type played struct {
	tun  *os.File
	done chan struct{}
	once sync.Once
}

func (g *played) Plug(guest.NIC) (*os.File, error) { return os.Open(os.DevNull) }
func (g *played) TAP() *os.File                    { return g.tun }
func (g *played) Assign(guest.NIC) error           { return nil }
func (g *played) PID() int                         { return 1 }
func (g *played) Stop()                            { g.once.Do(func() { close(g.done) }) }
func (g *played) Kill()                            { g.Stop() }
func (g *played) Done() <-chan struct{}            { return g.done }
func (g *played) End() guest.End                   { return guest.End{Kind: guest.Stopped} }

// must fails the test on an error.
func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// code is an error's code as the SDK read it.
func code(err error) string {
	if err == nil {
		return ""
	}
	var e smithy.APIError
	if !errors.As(err, &e) {
		return err.Error()
	}
	return e.ErrorCode()
}

func wantCode(t testing.TB, what string, err error, want string) {
	t.Helper()
	if got := code(err); got != want {
		t.Errorf("%s: code %q (%v), want %q", what, got, err, want)
	}
}

// An outcome is what came of a call, and the code that its error has; none: it was done.
type outcome struct {
	what string
	err  error
	code string
}

func wantCodes(t testing.TB, all []outcome) {
	t.Helper()
	for _, o := range all {
		wantCode(t, o.what, o.err, o.code)
	}
}

// second is the error of a call whose answer does not matter.
func second[T any](_ T, err error) error { return err }

// places holds the ids of the network that most tests begin with.
type places struct{ vpc, a, b, nodes, listeners string }

func (l *harness) places() places {
	l.t.Helper()
	var p places
	p.vpc = *must(l.CreateVpc(l.ctx, &sdk.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")}))(l.t).Vpc.VpcId
	p.a = l.subnet(p.vpc, "10.0.1.0/24", "us-east-1a")
	p.b = l.subnet(p.vpc, "10.0.2.0/24", "us-east-1b")
	p.nodes, p.listeners = l.group(p.vpc, "nodes"), l.group(p.vpc, "endpoints")
	return p
}

func (l *harness) subnet(vpc, cidr, zone string) string {
	l.t.Helper()
	return *must(l.CreateSubnet(l.ctx, &sdk.CreateSubnetInput{
		VpcId: &vpc, CidrBlock: &cidr, AvailabilityZone: &zone,
	}))(l.t).Subnet.SubnetId
}

func (l *harness) group(vpc, name string) string {
	l.t.Helper()
	return *must(l.CreateSecurityGroup(l.ctx, &sdk.CreateSecurityGroupInput{
		VpcId: &vpc, GroupName: &name, Description: &name,
	}))(l.t).GroupId
}
