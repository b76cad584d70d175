package dns_test

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"testing"

	wire "github.com/miekg/dns"

	"postern/network/dns"
	"postern/network/fabric"
	"postern/network/fabric/fabrictest"
	"postern/network/vpc/vpctest"
)

// BenchmarkUDP compares with a bare server of the same library that answers every question with one fixed address: the
// resolver behind a socket as that is, and behind the fabric, asked from a node's stack.
func BenchmarkUDP(b *testing.B) {
	m := new(wire.Msg)
	m.SetQuestion("ssm.us-east-1.amazonaws.com.", wire.TypeA)
	m.SetEdns0(1232, false)
	question, err := m.Pack()
	if err != nil {
		b.Fatal(err)
	}
	b.Run("postern", func(b *testing.B) {
		r := start(b, options(b, nil))
		flood(b, question, func() (net.Conn, error) { return net.Dial("udp", r.udp) })
	})
	b.Run("fabric", func(b *testing.B) {
		o := options(b, nil)
		f := fabric.New(fabric.Options{ServiceRate: -1})
		b.Cleanup(func() { f.Close() })
		f.Apply(o.Snapshot())
		n := fabrictest.NewNode(b, f, vpctest.Node, netip.MustParseAddr("10.0.1.20"), 9001)
		packets, _ := f.Resolver()
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error)
		go func() { done <- dns.New(o).Serve(ctx, packets, nil) }()
		b.Cleanup(func() { cancel(); <-done })
		flood(b, question, func() (net.Conn, error) {
			return n.DialUDP(netip.AddrPort{}, netip.MustParseAddrPort("10.0.0.2:53"))
		})
	})
	b.Run("bare", func(b *testing.B) {
		p, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		address := p.LocalAddr().String()
		rr, _ := wire.NewRR("ssm.us-east-1.amazonaws.com. 60 IN A 10.0.1.10")
		s := &wire.Server{PacketConn: p, Handler: wire.HandlerFunc(func(w wire.ResponseWriter, m *wire.Msg) {
			r := new(wire.Msg)
			r.SetReply(m)
			r.Answer = []wire.RR{rr}
			w.WriteMsg(r)
		})}
		started := make(chan struct{})
		s.NotifyStartedFunc = func() { close(started) }
		var running sync.WaitGroup
		running.Go(func() { s.ActivateAndServe() })
		<-started
		flood(b, question, func() (net.Conn, error) { return net.Dial("udp", address) })
		s.ShutdownContext(context.Background())
		running.Wait()
	})
}

// flood asks from several sockets, each waiting for its answer.
func flood(b *testing.B, question []byte, dial func() (net.Conn, error)) {
	b.SetParallelism(8)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		c, err := dial()
		if err != nil {
			b.Error(err)
			return
		}
		defer c.Close()
		in := make([]byte, 1500)
		for pb.Next() {
			if _, err := c.Write(question); err != nil {
				b.Error(err)
				return
			}
			if _, err := c.Read(in); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "queries/s")
}
