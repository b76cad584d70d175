package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"postern/api"
	"postern/api/access"
	"postern/api/ssmmessages"
	"postern/aws/arn"
	"postern/aws/fault"
	"postern/bus"
	"postern/network"
	"postern/network/dns"
	"postern/network/fabric"
	"postern/network/flowlog"
	"postern/network/link"
	"postern/network/link/userstack"
	"postern/network/privatelink"
	"postern/network/vpc"
	"postern/services/certs"
	"postern/services/compute"
	"postern/services/compute/guest"
	"postern/services/identity"
	"postern/services/machine"
	"postern/ssm/command"
	"postern/ssm/document/library"
	"postern/ssm/mailbox"
	"postern/ssm/node"
	"postern/ssm/parameter"
	"postern/store"
)

// Defaults of a Config.
const (
	DefaultAccount = "000000000000"
	DefaultRegion  = "us-east-1"
)

// Config says how a server runs.
type Config struct {
	// DataDir keeps everything; empty keeps the state in memory and nothing on the disk afterwards.
	DataDir string
	// Listen is the public API's address (TCP, host:port; port 0 takes a free one).
	Listen string
	// WireGuard is where machines join (UDP, host:port; port 0 takes a free one).
	WireGuard string
	// Account and Region are those of the root user's credentials and of requests that name none. A data directory keeps the
	// account of its first start: empty is that one, and DefaultAccount in a new directory.
	Account, Region string
	// DefaultVPC makes the account's default VPC in Region at the start, unless it is there.
	DefaultVPC bool
	// HostTargets are the addresses and ports of this host that endpoint services may lead to; none by default, since whoever
	// may make such a service reaches them.
	HostTargets []netip.AddrPort
	// VerifyDNS is the name server (address:port) that is asked for the TXT records that prove the private names of endpoint
	// services. Without one no such name can be verified.
	VerifyDNS string
	// Agent is the path of the postern-agent program for instances.
	Agent string
	// ReturnWindow is how long a node whose road closed may take to come back before its status is ConnectionLost;
	// 0 means 30 s.
	ReturnWindow time.Duration
	// Audit gets a record of every request; it must not block. nil keeps none.
	Audit func(api.Record)
	Log   *slog.Logger
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// PublicRange is where public addresses are taken from; the zero Prefix is network.DefaultPublicRange.
	PublicRange netip.Prefix
	// Internet are the ranges of the host's network that Internet and NAT gateways lead to; none is the default.
	Internet []netip.Prefix
	// IAMQuotas bound the policies of users and roles; zeros are Amazon's defaults.
	IAMQuotas identity.Quotas
	// TestCredentials gives the root user of a lab the key TestKey, which everybody knows.
	TestCredentials bool
	// AllowHosts are names by which clients reach this server, beside loopback, its own name and AWS's; AllowOrigins are the
	// web pages that may send requests, as browsers write an origin ("http://localhost:3000").
	AllowHosts, AllowOrigins []string
	// AllowHostImages lets the key that TestCredentials gives register images of paths of this host.
	AllowHostImages bool
	// Laboratory is for tests.
	Laboratory Laboratory

	// AfterReset is called after a lab was emptied by its reset, and before that is answered; what it returns goes into the
	// answer. nil does nothing.
	AfterReset func(context.Context) (string, error)

	// lab says that the server is a lab's; frame is there once that has begun.
	lab   bool
	frame *frame
}

// Server is a running Postern. Its parts are made once, in Open, and end in Close in the opposite order.
type Server struct {
	config Config
	log    *slog.Logger
	data   *dataDir
	ca     *certs.Authority
	root   RootKey

	store    *store.DB
	bus      *bus.Local
	identity *identity.Service
	network  *network.Service
	fabric   *fabric.Fabric
	flowLogs *flowlog.Writer
	wire     *fabric.WireGuard
	links    *privatelink.Carrier
	nodes    *node.Service
	commands *command.Service
	mailbox  *mailbox.Mailbox
	library  *library.Service
	// parameters are Parameter Store.
	parameters *parameter.Service
	machines   *machine.Service
	compute    *compute.Service
	// missing is what the check found; it is there when checked is closed.
	missing []guest.Missing
	checked chan struct{}

	channels *ssmmessages.Channels
	gate     *gate
	doors    *doors
	web      *web
	pipeline *api.Handler
	public   net.Listener

	// closers end what was made, last first.
	closers []func() error
	closing sync.Once
	closed  error
	failing sync.Once
	done    chan struct{}
	failed  error
}

// Open makes every part and begins to answer. ctx bounds the start only.
func Open(ctx context.Context, c Config) (*Server, error) {
	s := &Server{config: c.withDefaults(), bus: new(bus.Local), done: make(chan struct{})}
	s.log = s.config.Log
	if err := s.config.check(); err != nil {
		return nil, err
	}
	for _, part := range []func(context.Context) error{
		s.openData, s.openIdentity, s.openNetwork, s.openPrivateLink, s.openSystemsManager, s.openCompute, s.openPipeline, s.openWireGuard, s.openRunning, s.openPublic,
	} {
		if err := part(ctx); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	return s, nil
}

func (c Config) withDefaults() Config {
	c.Region = cmp.Or(c.Region, DefaultRegion)
	c.Listen, c.WireGuard = cmp.Or(c.Listen, "127.0.0.1:0"), cmp.Or(c.WireGuard, "127.0.0.1:0")
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// onClose has f called by Close, before what was made earlier ends.
func (s *Server) onClose(f func() error) { s.closers = append(s.closers, f) }

func (s *Server) openData(ctx context.Context) error {
	f := s.config.frame
	var err error
	if f == nil {
		if f, err = openFrame(s.config); err != nil {
			return err
		}
		s.onClose(f.data.close)
	}
	s.data, s.ca = f.data, f.ca
	if err := s.settleAccount(); err != nil {
		return err
	}
	path := s.data.file("state.db")
	if s.data.ephemeral {
		path = ""
	}
	if s.store, err = store.Open(ctx, store.Options{Path: path, MaxPages: s.config.Laboratory.MaxPages, Damaged: s.fail}); err != nil {
		return fmt.Errorf("open the state: %w", err)
	}
	s.onClose(s.store.Close)
	return nil
}

func (s *Server) openIdentity(ctx context.Context) error {
	key, err := s.data.keep("seal.key", func() ([]byte, error) { return randomBytes(identity.KeySize) })
	if err != nil {
		return err
	}
	sealer, err := identity.NewSealer(key)
	if err != nil {
		return fmt.Errorf("the data directory's seal.key: %w", err)
	}
	if s.identity, err = identity.Open(ctx, identity.Config{
		Store: store.IdentityOf(s.store), Sealer: sealer, Now: s.config.Now, Quotas: s.config.IAMQuotas, Partition: arn.Partition(s.config.Region),
	}); err != nil {
		return err
	}
	return s.ensureRoot(ctx)
}

func (s *Server) openNetwork(ctx context.Context) error {
	verify, err := s.config.lookupTXT()
	if err != nil {
		return err
	}
	if s.network, err = network.New(ctx, network.Config{
		Store: store.NetworkOf(s.store), Now: s.config.Now, HostTargets: s.config.hostTarget, LookupTXT: verify,
		Internet: s.config.internet(),
	}); err != nil {
		return err
	}
	if err := s.ensureDefaultVPC(ctx); err != nil {
		return fmt.Errorf("make the default VPC: %w", err)
	}
	s.openFlowLogs()
	userstack.LogTo(s.log)
	s.fabric = fabric.New(fabric.Options{Log: s.log, Watch: s.config.Laboratory.Watch, FlowLog: s.flowLogs.Take, FlowLogEnd: s.flowLogs.End, Dial: s.config.dialInternet()})
	s.onClose(s.fabric.Close)
	return nil
}

func (s *Server) openSystemsManager(context.Context) error {
	s.nodes = node.New(node.Config{
		Records: store.RecordsOf(s.store), Roles: roles{s.identity}, ReturnWindow: s.config.ReturnWindow, Now: s.config.Now,
		JoinKey:      func(activation, code string) ([]byte, error) { return link.DeriveJoinKey(activation, code), nil },
		InstanceTags: s.instanceTags,
	})
	s.mailbox = mailbox.New(mailbox.Config{Log: s.log})
	s.onClose(func() error { s.mailbox.Close(); return nil })
	s.library = library.New(store.RecordsOf(s.store))
	s.parameters = parameter.New(parameter.Config{Records: store.RecordsOf(s.store), HasImage: s.hasImage, Public: s.publicParameters})
	s.commands = command.New(command.Config{
		Store: s.store.Commands(), Documents: s.library, Nodes: s.nodes, Mailbox: s.mailbox, Log: s.log, Now: s.config.Now,
	})
	return nil
}

func (s *Server) openCompute(ctx context.Context) error {
	var err error
	s.compute, err = compute.Open(ctx, compute.Config{
		Store: store.ComputeOf(s.store), Launcher: s.launcher(ctx),
		Network: &cables{s.fabric, s.network, s.nodes, s.identity, s.config.Laboratory.Cable},
		Dir:     s.computeDir(), Agent: s.config.Agent, CA: string(s.ca.CertificatePEM()), MTU: instanceMTU,
		Now: s.config.Now, Log: s.log,
	})
	if err != nil {
		return err
	}
	s.onClose(s.closeCompute)
	return nil
}

// launcher starts instances on this host, once it has looked whether it can.
func (s *Server) launcher(ctx context.Context) compute.Launcher {
	s.checked = make(chan struct{})
	if l := s.config.Laboratory.Launcher; l != nil {
		close(s.checked)
		return l
	}
	launcher := guest.NewLauncher()
	s.onClose(func() error { launcher.Close(); return nil })
	if f := s.config.frame; f != nil && f.checked {
		s.missing = f.missing
		close(s.checked)
		return launcher
	}
	// The check boots an instance that ends at once; nobody waits for that but who asks for its result.
	checking, cancel := context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		defer close(s.checked)
		fault.ContainTo(s.log, "check of this host", func() { s.missing = launcher.Check(checking, s.data.path, s.config.Agent) })
	}()
	s.onClose(func() error { cancel(); <-s.checked; return nil })
	return launcher
}

func (s *Server) openPipeline(context.Context) error {
	s.channels = ssmmessages.New(ssmmessages.Config{Commands: s.commands, Nodes: s.nodes, Mailbox: s.mailbox, Log: s.log})
	s.onClose(func() error { s.channels.Close(); return nil })
	visitors, err := newVisitors(s.config)
	if err != nil {
		return err
	}
	who := access.Access{Identities: s.identity, Endpoints: s.network, Nodes: s.nodes}
	s.pipeline, err = api.New(api.Config{
		Services: s.services(), Region: s.config.Region, Identities: who, Guards: who, Now: s.config.Now,
		Log: s.log, Audit: s.config.Audit, Admit: visitors.refuse,
		Undeclared: func(op *api.Operation, resource string) {
			s.log.Warn("an operation touches what it does not declare", "operation", op.Action, "resource", resource)
		},
	})
	if err != nil {
		return err
	}
	// A lab, which outlives its servers, answers its own paths itself.
	s.web = newWeb(visitors.guard(answerOwn(s.config.Laboratory.tap(s.pipeline), nil)), s.ca.GetCertificate, s.log)
	s.onClose(func() error { s.closeWeb(); return nil })
	s.web.serve(s.fabric.Public())
	s.doors = &doors{fabric: s.fabric, web: s.web, log: s.log, open: map[string]net.Listener{}}
	unsubscribe := s.network.Subscribe(func(snapshot *vpc.Snapshot) {
		s.fabric.LogFlows(s.network.State().HasFlowLogs())
		s.fabric.Apply(snapshot)
		s.doors.apply(snapshot)
		s.links.Apply(snapshot)
	})
	s.onClose(func() error { unsubscribe(); return nil })
	return nil
}

func (s *Server) openWireGuard(ctx context.Context) error {
	var err error
	if s.machines, err = machine.Open(ctx, store.MachinesOf(s.store), interfaces{s.network}); err != nil {
		return err
	}
	s.gate = &gate{machines: s.machines, nodes: s.nodes, network: s.network, ca: s.ca.CertificatePEM(), now: s.config.Now}
	address, err := netip.ParseAddrPort(s.config.WireGuard)
	if err != nil {
		return fmt.Errorf("WireGuard address %q: write it as address:port", s.config.WireGuard)
	}
	key, err := s.wireGuardKey()
	if err != nil {
		return err
	}
	s.wire, err = s.fabric.ListenWireGuard(ctx, fabric.WireGuardOptions{
		Address: address, PrivateKey: key, Joiner: s.gate, Now: s.config.Now, Log: s.log,
	})
	if err != nil {
		return listenFault("UDP", s.config.WireGuard, "--wireguard", err)
	}
	s.onClose(s.wire.Close)
	s.gate.open = s.wire
	s.nodes.OnActivationGone(func(ctx context.Context, id string) error {
		defer s.bus.Publish(topicNodes)
		return s.machines.Expel(ctx, id)
	})
	s.nodes.OnGone(func(ctx context.Context, id string) {
		if err := s.gate.forget(ctx, id); err != nil {
			s.log.Error("a deregistered machine is still in the network", "node", id, "error", err)
		}
		if err := s.identity.Revoke(ctx, id); err != nil {
			s.log.Error("the credentials of a deregistered machine are still good", "node", id, "error", err)
		}
		s.bus.Publish(topicNodes)
	})
	return nil
}

// openRunning starts everything that runs beside requests. Close ends it, and reports what failed.
func (s *Server) openRunning(context.Context) error {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	start := func(what string, run func(context.Context) error) {
		running.Go(func() {
			if err := fault.Contain(what, func() error { return run(ctx) }); err != nil && ctx.Err() == nil {
				s.fail(fmt.Errorf("%s: %w", what, err))
			}
		})
	}
	resolver := dns.New(dns.Options{Snapshot: s.network.Snapshot, DialResolver: s.fabric.DialResolver, Log: s.log})
	start("resolver", func(ctx context.Context) error {
		packets, connections := s.fabric.Resolver()
		return resolver.Serve(ctx, packets, connections)
	})
	start("metadata service", s.serveMetadata)
	start("commands", s.commands.Run)
	start("reconcilers", func(ctx context.Context) error {
		reconcile(ctx, s.bus, s.log, s.reconcilers())
		return nil
	})
	s.onClose(func() error { cancel(); running.Wait(); return nil })
	return nil
}

// reconcilers is the one list of them.
func (s *Server) reconcilers() []reconciler {
	return []reconciler{
		{name: "network", every: time.Minute, run: s.network.Reconcile},
		{name: "machines", topics: []string{topicNodes}, every: time.Minute, run: s.gate.readmit},
		{name: "memory", every: 3 * time.Second, run: (&memory{now: s.config.Now, released: s.config.Now()}).tend},
		{name: "abandoned machines", every: time.Minute, run: s.abandonMachines},
		{name: "orphaned interfaces", every: time.Minute, run: s.releaseOrphans},
	}
}

func (s *Server) openPublic(context.Context) error {
	if f := s.config.frame; f != nil {
		s.public = f.public // the lab serves it
		return nil
	}
	listener, err := net.Listen("tcp", s.config.Listen)
	if err != nil {
		return listenFault("TCP", s.config.Listen, "--listen", err)
	}
	s.public = listener
	s.web.servePublic(listener)
	return nil
}

// fail ends Done for a part that stopped by itself.
func (s *Server) fail(err error) {
	s.failing.Do(func() {
		s.log.Error("the server cannot go on", "error", err)
		s.failed = err
		close(s.done)
	})
}

// Close ends everything, last made first, and waits for it. Closing again does nothing.
func (s *Server) Close() error {
	s.closing.Do(func() {
		for i := len(s.closers) - 1; i >= 0; i-- {
			s.closed = errors.Join(s.closed, s.closers[i]())
		}
	})
	return s.closed
}
