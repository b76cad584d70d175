package fabric

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"postern/aws/fault"
	"postern/network/fabric/internal/conntrack"
	"postern/network/vpc"
)

const (
	// EndpointMTU is the largest packet that an interface endpoint takes or sends, in bytes (VPC User Guide, "AWS
	// PrivateLink quotas").
	EndpointMTU = 8500

	// defaultServiceRate bounds how many packets per second one interface may send to the link-local services (VPC User
	// Guide, "DNS attributes").
	defaultServiceRate = 1024

	sweepEvery = 5 * time.Second
)

// Options say how a fabric is built. The zero value is good.
type Options struct {
	// MaxFlows bounds how many conversations the fabric remembers; 0 means 262,144. The oldest unanswered one makes room
	// first, then the one idle longest.
	MaxFlows int
	// FlowsPerInterface says how many of them one interface may have begun, those that are closing aside; 0 means a
	// sixteenth of MaxFlows.
	FlowsPerInterface int
	// ServiceRate bounds how many packets per second one interface may send to the resolver and the metadata service; 0
	// means 1,024, a negative number no limit.
	ServiceRate int
	// TCPEstablished says how long an established TCP connection may idle (60 s – 432,000 s); 0 means 432,000 s.
	TCPEstablished time.Duration

	// Log is told of mistakes in the program; nil tells nobody.
	Log *slog.Logger

	// FlowLog, if set, is given the records of each interval, in parts, by one goroutine; the slices are its own.
	FlowLog func([]Record)
	// FlowLogEnd, if set, is told by the same goroutine when FlowLog has all records of an interval.
	FlowLogEnd func(began, ended time.Time)
	// FlowLogInterval is 60 s if 0.
	FlowLogInterval time.Duration
	// Dial connects to the real Internet for flows that the judge lets go there, which are no public service's: "tcp4" and
	// "udp4". If it is nil, there is none.
	Dial func(ctx context.Context, network string, to netip.AddrPort) (net.Conn, error)
	// Watch, if set, is told of every packet as the filter decides on it. It must not wait: it is for tests and for
	// finding out where a packet went.
	Watch func(Trace)
	// Now is time.Now if nil.
	Now func() time.Time
}

// rules are a snapshot in force. Generations tell two snapshots of one version apart.
type rules struct {
	*vpc.Snapshot
	generation uint64
}

// Fabric carries packets between links. Its methods may be called from several goroutines.
type Fabric struct {
	options Options
	began   time.Time
	rules   atomic.Pointer[rules]
	flows   *conntrack.Table[direction]
	numbers atomic.Uint32
	counts  counters
	log     *flowLog

	resolver  *datagrams
	resolving *arrivals
	metadata  *arrivals
	public    *arrivals
	// beyond stands for what lies behind the gateways; nil before the first flow there.
	beyond atomic.Pointer[internet]

	// applying orders snapshots.
	applying sync.Mutex

	mu     sync.RWMutex
	closed bool
	ports  map[string]*port
	// vpcs has the VPCs with a port or a stack, unplaced the ports of which the snapshot does not know the VPC.
	vpcs     map[string]*vpcState
	unplaced map[*port]struct{}

	stop    chan struct{}
	running sync.WaitGroup
}

// New makes a fabric that carries nothing until Apply. Close ends it.
func New(o Options) *Fabric {
	if o.MaxFlows <= 0 {
		o.MaxFlows = conntrack.DefaultMax
	}
	if o.FlowsPerInterface <= 0 {
		o.FlowsPerInterface = max(o.MaxFlows/16, 1)
	}
	if o.ServiceRate == 0 {
		o.ServiceRate = defaultServiceRate
	}
	if o.FlowLogInterval <= 0 {
		o.FlowLogInterval = time.Minute
	}
	timeouts := conntrack.DefaultTimeouts()
	if o.TCPEstablished > 0 {
		timeouts.TCPEstablished = o.TCPEstablished
	}
	f := &Fabric{
		options: o, ports: map[string]*port{}, vpcs: map[string]*vpcState{}, unplaced: map[*port]struct{}{},
		stop: make(chan struct{}),
	}
	f.began = f.date()
	f.flows = conntrack.New(conntrack.Options[direction]{Max: o.MaxFlows, Timeouts: timeouts, Removed: f.removed})
	f.log = newFlowLog(f)
	f.resolver = newDatagrams(f)
	f.resolving = newArrivals(netip.AddrPortFrom(vpc.LinkLocalResolver, dnsPort))
	f.metadata = newArrivals(netip.AddrPortFrom(vpc.MetadataAddress, metadataPort))
	f.public = newArrivals(netip.AddrPortFrom(netip.IPv4Unspecified(), publicPort))
	f.running.Go(f.sweep)
	return f
}

// now is the fabric's clock: nanoseconds since shortly before it began, never 0.
func (f *Fabric) now() int64 {
	if f.options.Now == nil {
		return int64(time.Since(f.began)) + 1 // reads the monotonic clock only
	}
	return int64(f.options.Now().Sub(f.began)) + 1
}

// date is the time of day.
func (f *Fabric) date() time.Time {
	if f.options.Now == nil {
		return time.Now()
	}
	return f.options.Now()
}

// sweep forgets idle flows and hands over the flow log.
func (f *Fabric) sweep() {
	idle, log := time.NewTicker(sweepEvery), time.NewTicker(f.options.FlowLogInterval)
	defer idle.Stop()
	defer log.Stop()
	for {
		select {
		case <-f.stop:
			return
		case <-idle.C:
			fault.ContainTo(f.options.Log, "fabric.sweep", func() { f.flows.Expire(f.now()) })
		case <-log.C:
			fault.ContainTo(f.options.Log, "fabric.flowlog", f.log.flush)
		}
	}
}

// Close unplugs every link, ends every conversation and waits for the fabric's goroutines. Listeners return
// net.ErrClosed.
func (f *Fabric) Close() error {
	f.mu.Lock()
	if f.closed {
		f.mu.Unlock()
		return nil
	}
	f.closed = true
	ports, vpcs := f.ports, f.vpcs
	f.ports, f.vpcs, f.unplaced = map[string]*port{}, map[string]*vpcState{}, map[*port]struct{}{}
	f.mu.Unlock()

	for _, p := range ports {
		if plug := p.plug.Swap(nil); plug != nil && p.kind == machine {
			_ = plug.link.Close()
		}
	}
	_, _, _ = f.resolver.Close(), f.resolving.Close(), f.metadata.Close()
	_ = f.public.Close()
	for _, v := range vpcs {
		if v.stack != nil {
			v.stack.close()
		}
	}
	// Before the translations go: the records of a NAT gateway have its ports.
	f.flows.Each(func(s *conntrack.Shard[direction], fl *flow) { s.Remove(fl, conntrack.Ended) })
	if n := f.beyond.Load(); n != nil {
		n.close()
	}
	close(f.stop)
	f.running.Wait()
	f.log.flush()
	return nil
}

// Resolver returns what takes the DNS queries of every VPC: those over UDP, whose addresses are *Peer, and connections,
// which are *Conn.
func (f *Fabric) Resolver() (net.PacketConn, net.Listener) { return f.resolver, f.resolving }

// Metadata accepts the connections to the instance metadata service of every VPC; they are *Conn.
func (f *Fabric) Metadata() net.Listener { return f.metadata }
