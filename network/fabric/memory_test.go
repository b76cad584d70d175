package fabric_test

import (
	"net"
	"net/netip"
	"runtime"
	"testing"

	"postern/network/fabric"
)

// BenchmarkIdleConnection tells what an idle TCP connection to an endpoint holds, its flow in the table and the
// goroutine that reads from it included; the client's end, which is in the same process here, is of the same make and
// counts half.
func BenchmarkIdleConnection(b *testing.B) {
	const connections = 5000
	for b.Loop() {
		l := newHarness(b, fabric.Options{})
		at, err := l.Listen("eni-ssm-b", 443)
		if err != nil {
			b.Fatal(err)
		}
		go echo(at)
		n := l.node()
		before := inUse()
		conns := make([]net.Conn, connections)
		for i := range conns {
			c, err := n.DialTCP(b.Context(), netip.AddrPort{}, netip.MustParseAddrPort("10.0.2.10:443"))
			if err != nil {
				b.Fatal(err)
			}
			conns[i] = c
			echoes(b, c)
		}
		after := inUse()
		b.ReportMetric(float64(after-before)/connections/2, "B/connection")
		for _, c := range conns {
			c.Close()
		}
	}
}

// echo answers with small buffers.
func echo(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			var b [4]byte
			for {
				n, err := c.Read(b[:])
				if err != nil {
					return
				}
				if _, err := c.Write(b[:n]); err != nil {
					return
				}
			}
		}()
	}
}

// inUse measures what the heap and the stacks hold.
func inUse() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}
