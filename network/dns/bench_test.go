package dns_test

import (
	"context"
	"net"
	"sync"
	"testing"

	wire "github.com/miekg/dns"
)

// BenchmarkUDP compares with a bare server of the same library that answers every question with one fixed address.
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
		flood(b, r.udp, question)
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
		flood(b, address, question)
		s.ShutdownContext(context.Background())
		running.Wait()
	})
}

// flood asks from several sockets, each waiting for its answer.
func flood(b *testing.B, address string, question []byte) {
	b.SetParallelism(8)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		c, err := net.Dial("udp", address)
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
