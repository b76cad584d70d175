package dns_test

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	wire "github.com/miekg/dns"

	"postern/network/dns"
	"postern/network/vpc"
	"postern/network/vpc/vpctest"
)

// upstream is a name server that knows every name and remembers what it was asked.
type upstream struct {
	address string
	mu      sync.Mutex
	asked   []string
}

// listenBoth takes a port that is free for UDP and for TCP.
func listenBoth(t *testing.T) (net.PacketConn, net.Listener) {
	t.Helper()
	for range 100 {
		p, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		l, err := net.Listen("tcp", p.LocalAddr().String())
		if err == nil {
			return p, l
		}
		p.Close()
	}
	t.Fatal("no port is free for both UDP and TCP")
	return nil, nil
}

func startUpstream(t *testing.T, handle func(w wire.ResponseWriter, m *wire.Msg)) *upstream {
	t.Helper()
	p, l := listenBoth(t)
	u := &upstream{address: p.LocalAddr().String()}
	handler := wire.HandlerFunc(func(w wire.ResponseWriter, m *wire.Msg) {
		u.mu.Lock()
		u.asked = append(u.asked, m.Question[0].Name)
		u.mu.Unlock()
		handle(w, m)
	})
	var running sync.WaitGroup
	t.Cleanup(running.Wait)
	for _, s := range []*wire.Server{{PacketConn: p, Handler: handler}, {Listener: l, Handler: handler}} {
		started := make(chan struct{})
		s.NotifyStartedFunc = func() { close(started) }
		running.Go(func() { s.ActivateAndServe() })
		<-started
		t.Cleanup(func() { s.Shutdown() })
	}
	return u
}

func answerAll(w wire.ResponseWriter, m *wire.Msg) {
	r := new(wire.Msg)
	r.SetReply(m)
	count := 1
	if strings.HasPrefix(m.Question[0].Name, "many.") {
		count = 50
		r.Truncated = w.RemoteAddr().Network() == "udp"
	}
	for range count {
		rr, _ := wire.NewRR(m.Question[0].Name + " 30 IN A 192.0.2.1")
		r.Answer = append(r.Answer, rr)
	}
	if r.Truncated {
		r.Answer = nil
	}
	w.WriteMsg(r)
}

func TestForwarding(t *testing.T) {
	u := startUpstream(t, answerAll)
	o := options(t, nil)
	o.Upstreams = []string{"127.0.0.1:1", u.address} // nobody listens at the first
	r := start(t, o)
	for _, tt := range []struct {
		network, asked, want string
	}{
		{"udp", "example.com.", "NOERROR 192.0.2.1"},
		{"tcp", "Example.com.", "NOERROR 192.0.2.1"},
		{"udp", "ssm.eu-west-1.amazonaws.com.", "NOERROR 192.0.2.1"},
		{"udp", "ip-10-0-1-99.ec2.internal.", "NXDOMAIN in ec2.internal."},
		{"udp", "x.ssm.us-east-1.amazonaws.com.", "NXDOMAIN in ssm.us-east-1.amazonaws.com."},
		{"udp", "vpce-y.ssm.us-east-1.vpce.amazonaws.com.", "NXDOMAIN in vpce.amazonaws.com."},
		{"udp", "1.0.168.192.in-addr.arpa.", "NXDOMAIN in 168.192.in-addr.arpa."},
		{"udp", "printer.local.", "NXDOMAIN"},
		{"udp", "localhost.", "NXDOMAIN"},
	} {
		address := r.udp
		if tt.network == "tcp" {
			address = r.tcp
		}
		if got := say(ask(t, tt.network, address, tt.asked, wire.TypeA)); got != tt.want {
			t.Errorf("%s over %s: %q, want %q", tt.asked, tt.network, got, tt.want)
		}
	}
	if m := ask(t, "tcp", r.tcp, "many.example.com.", wire.TypeA); len(m.Answer) != 50 || m.Truncated {
		t.Errorf("many over TCP: %d answers", len(m.Answer))
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, name := range u.asked {
		for _, private := range []string{
			"internal.", "us-east-1.amazonaws.com.", "vpce.amazonaws.com.", "in-addr.arpa.", "local.", "localhost.",
		} {
			if wire.IsSubDomain(private, name) {
				t.Errorf("%s was asked upstream", name)
			}
		}
	}
	if s := r.Stats(); s.Forwarded != 4 || s.ForwardFailed != 0 {
		t.Errorf("%+v", s)
	}
}

// TestForwardingFails: nobody upstream means SERVFAIL, not that the name does not exist.
func TestForwardingFails(t *testing.T) {
	o := options(t, nil)
	o.Upstreams = []string{"127.0.0.1:1"}
	r := start(t, o)
	if got := say(ask(t, "udp", r.udp, "example.com.", wire.TypeA)); got != "SERVFAIL" {
		t.Errorf("%q", got)
	}
}

// silentUpstream takes questions and answers none.
type silentUpstream struct{ net.Conn }

// TestForwardingTimesOut: each upstream is given its time, then the next is asked, then the asker hears of it.
func TestForwardingTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options(t, nil)
		o.Upstreams = []string{"a", "b"}
		o.Dial = func(context.Context, string, string) (net.Conn, error) {
			near, far := net.Pipe()
			go func() {
				b := make([]byte, 512)
				for {
					if _, err := far.Read(b); err != nil {
						far.Close()
						return
					}
				}
			}()
			return silentUpstream{near}, nil
		}
		server := dns.New(o)
		l := &oneConn{conns: make(chan net.Conn, 1), origin: vpc.Origin{VPC: vpctest.VPC, Interface: vpctest.Node}}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- server.Serve(ctx, nil, l) }()
		near, far := net.Pipe()
		l.conns <- far
		c := &wire.Conn{Conn: near}
		m := new(wire.Msg)
		m.SetQuestion("example.com.", wire.TypeA)
		began := time.Now()
		if err := c.WriteMsg(m); err != nil {
			t.Fatal(err)
		}
		r, err := c.ReadMsg()
		if err != nil || r.Rcode != wire.RcodeServerFailure {
			t.Errorf("%v %v", r, err)
		}
		if took := time.Since(began); took != 4*time.Second {
			t.Errorf("it took %v, want 2 s for each upstream", took)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		near.Close()
	})
}

// oneConn is a listener in memory.
type oneConn struct {
	conns  chan net.Conn
	once   sync.Once
	origin vpc.Origin
}

func (l *oneConn) Accept() (net.Conn, error) {
	c, ok := <-l.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return stream{c, l.origin}, nil
}

func (l *oneConn) Close() error   { l.once.Do(func() { close(l.conns) }); return nil }
func (l *oneConn) Addr() net.Addr { return &net.TCPAddr{} }
