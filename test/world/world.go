package world

import (
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/route53resolver"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"postern/agent/execute"
	"postern/api"
	"postern/aws/sigv4"
	"postern/aws/transport"
	"postern/doctor"
	"postern/server"
	"postern/services/s3/external"
)

const (
	// patience is how long a state may take to come about on a busy machine; look is how often it is looked for.
	patience = 60 * time.Second
	look     = 5 * time.Millisecond
	// returnWindow is how long a node may be away before it is ConnectionLost.
	returnWindow = 500 * time.Millisecond
)

// Option changes a World before it begins.
type Option func(*options)

type options struct {
	nodes  int
	runner execute.Runner
	audit  func(api.Record)
	server server.Config
}

// Nodes makes n instances with agents, and waits until they are ready.
func Nodes(n int) Option { return func(o *options) { o.nodes = n } }

// Runner runs the scripts of all nodes; without it they are processes of this host.
func Runner(r execute.Runner) Option { return func(o *options) { o.runner = r } }

// Audit gets a record of every request.
func Audit(f func(api.Record)) Option { return func(o *options) { o.audit = f } }

// MaxPages bounds the server's state, in pages of 4 KiB, as a full disk would.
func MaxPages(n int) Option { return func(o *options) { o.server.Hooks.MaxPages = n } }

// Organization puts the accounts into an organization.
func Organization(id string) Option { return func(o *options) { o.server.Organization = id } }

// Tap has f stand between the listeners and the pipeline.
func Tap(f func(http.Handler) http.Handler) Option {
	return func(o *options) { o.server.Hooks.Tap = f }
}

// OnThisHost makes instances of namespaces of this host, as the program does, instead of stacks in this process; agent
// is the path of postern-agent. The test's TestMain must begin with compute.InitMain.
func OnThisHost(agent string) Option { return func(o *options) { o.server.Agent = agent } }

// ExternalS3 has an S3 service elsewhere keep objects.
func ExternalS3(c external.Config) Option { return func(o *options) { o.server.ExternalS3 = c } }

// World is one server and one network, of which the nodes are a part.
type World struct {
	*Network
	// Server is the one that runs now; Restart puts another in its place.
	Server *server.Server
	// EC2, IAM, SSM and STS are clients of the public API, as the root user, that try nothing twice.
	EC2 *ec2.Client
	IAM *iam.Client
	SSM *ssm.Client
	STS *sts.Client
	// S3 is a client of S3, which names buckets in paths.
	S3 *s3.Client
	// Resolver is a client of Route 53 Resolver.
	Resolver *route53resolver.Client
	// Doctor holds the clients that package doctor asks with, as `postern explain` does.
	Doctor doctor.Clients

	t       testing.TB
	public  *http.Client // of the public API
	config  server.Config
	host    *host
	journey *journey
	roots   *x509.CertPool
	ahead   atomic.Int64 // nanoseconds that the server's clock is ahead

	mu       sync.Mutex
	nodes    []*Node
	machines []*Machine
	leaving  []func() // what ends with the test, before the server
}

// New begins a world, which ends with the test.
func New(t testing.TB, o ...Option) *World {
	t.Helper()
	var opts options
	for _, option := range o {
		option(&opts)
	}
	w := &World{t: t, config: opts.server, journey: newJourney()}
	log := slog.New(
		slog.NewTextHandler(w.journey, &slog.HandlerOptions{Level: slog.LevelInfo, ReplaceAttr: w.journey.plain}),
	)
	w.host = newHost(log, opts.runner)
	w.config.DataDir, w.config.Log, w.config.Audit, w.config.ReturnWindow = t.TempDir(), log.With("machine",
		"server"), opts.audit, returnWindow
	w.config.Now = func() time.Time { return time.Now().Add(time.Duration(w.ahead.Load())) }
	w.config.Hooks.Watch = w.journey.watch
	w.config.ObjectStore = "/proc/self/exe" // the test's own program, where its TestMain lets it
	if w.config.Agent == "" {
		w.config.Hooks.Launcher, w.config.Hooks.Link = w.host, w.host.link
	}
	w.open()
	t.Cleanup(w.close)
	w.connect()
	w.Network = newNetwork(w)
	for range opts.nodes {
		w.nodes = append(w.nodes, w.run(""))
	}
	for _, n := range w.nodes {
		n.ready()
	}
	return w
}

func (w *World) open() {
	w.t.Helper()
	s, err := server.Open(w.t.Context(), w.config)
	if err != nil {
		w.t.Fatal(err)
	}
	w.Server = s
}

// close says what has happened if the test has failed, and ends everything, the server last.
func (w *World) close() {
	if w.t.Failed() {
		w.journey.print(w.t)
	}
	w.mu.Lock()
	leaving := w.leaving
	w.mu.Unlock()
	for i := len(leaving) - 1; i >= 0; i-- {
		leaving[i]()
	}
	if err := w.Server.Close(); err != nil {
		w.t.Error(err)
	}
}

// onClose has f called at the end, before what was begun earlier ends.
func (w *World) onClose(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.leaving = append(w.leaving, f)
}

// connect makes the clients.
func (w *World) connect() {
	w.t.Helper()
	access := w.Server.Access()
	pem, err := os.ReadFile(access.CAFile)
	if err != nil {
		w.t.Fatal(err)
	}
	w.roots = x509.NewCertPool()
	w.roots.AppendCertsFromPEM(pem)
	base := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: w.roots}, MaxIdleConnsPerHost: 8}
	w.onClose(base.CloseIdleConnections)
	w.public = &http.Client{Transport: base}
	config := aws.Config{
		Region: access.Region, BaseEndpoint: &access.Endpoint, HTTPClient: transport.Client(w.public),
		Credentials: credentials.NewStaticCredentialsProvider(access.Root.ID, access.Root.Secret, ""),
		Retryer:     func() aws.Retryer { return aws.NopRetryer{} },
	}
	w.EC2, w.IAM = ec2.NewFromConfig(config), iam.NewFromConfig(config)
	w.SSM, w.STS = ssm.NewFromConfig(config), sts.NewFromConfig(config)
	w.S3 = s3.NewFromConfig(config, func(o *s3.Options) { o.UsePathStyle = true })
	w.Resolver = route53resolver.NewFromConfig(config)
	w.Doctor = doctor.NewClients(config)
}

// Root are the root user's credentials.
func (w *World) Root() sigv4.Credentials {
	root := w.Server.Access().Root
	return sigv4.Credentials{AccessKey: root.ID, Secret: root.Secret}
}

// Restart ends the server in order and begins another on the same state and the same addresses. Instances boot again;
// machines that Postern does not run stay and are connected again.
func (w *World) Restart() {
	w.t.Helper()
	w.config.Listen, w.config.WireGuard = w.Server.Access().Endpoint[len("https://"):], w.Server.Join()
	if err := w.Server.Close(); err != nil {
		w.t.Fatal(err)
	}
	// A call is not repeated, so it must not take a connection whose end has not been noticed yet.
	w.public.CloseIdleConnections()
	w.open()
	w.mu.Lock()
	machines := w.machines
	w.mu.Unlock()
	for _, m := range machines {
		m.plugIn()
	}
}

// MakeRoom restarts the server with a state that may grow.
func (w *World) MakeRoom() {
	w.t.Helper()
	w.config.Hooks.MaxPages = 0
	w.Restart()
}

// Advance puts the server's clock forward. Requests are refused where it has come to be 15 minutes ahead of their
// signer's.
func (w *World) Advance(d time.Duration) { w.ahead.Add(int64(d)) }

// Node is the n-th node.
func (w *World) Node(n int) *Node {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.nodes[n]
}

// Until waits until a condition holds, and ends the test if that takes more than a minute.
func (w *World) Until(what string, holds func() bool) {
	w.t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(look)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			w.t.Fatalf("waited for %v in vain until %s", patience, what)
		}
	}
}
