package wg

import (
	"encoding/base64"
	"encoding/hex"
	"io"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.zx2c4.com/wireguard/conn"
	"golang.zx2c4.com/wireguard/device"

	"postern/network/link"
	"postern/network/link/userstack"
)

// stock is a WireGuard client that knows of us only what the printed configuration says: wireguard-go with its own
// socket, and a TCP/IP stack behind it.
func stock(t *testing.T, ini string) *userstack.Stack {
	t.Helper()
	value := map[string]string{}
	for line := range strings.Lines(ini) {
		if key, v, ok := strings.Cut(strings.TrimSpace(line), " = "); ok {
			value[key] = v
		}
	}
	key := func(name string) string {
		raw, err := base64.StdEncoding.DecodeString(value[name])
		if err != nil {
			t.Fatal(err)
		}
		return hex.EncodeToString(raw)
	}
	s, err := userstack.New(DefaultMTU, netip.MustParsePrefix(value["Address"]).Addr())
	if err != nil {
		t.Fatal(err)
	}
	wire := link.NewWire(DefaultMTU, link.WireBatch, func(_ netip.Addr, batch []link.Packet) { s.Send(batch) })
	dev := device.NewDevice(wire, conn.NewDefaultBind(), device.NewLogger(device.LogLevelSilent, ""))
	t.Cleanup(func() {
		dev.Close()
		s.Close()
	})
	config := "private_key=" + key(
		"PrivateKey",
	) + "\npublic_key=" + key("PublicKey") + "\nendpoint=" + value["Endpoint"] + "\n"
	for allowed := range strings.SplitSeq(value["AllowedIPs"], ", ") {
		config += "allowed_ip=" + allowed + "\n"
	}
	if err := dev.IpcSet(config); err != nil {
		t.Fatal(err)
	}
	if err := dev.Up(); err != nil {
		t.Fatal(err)
	}
	s.Open(wire.Port(DefaultMTU).Send)
	return s
}

func TestStockClient(t *testing.T) {
	l := newHarness(t, 8500)
	l.echo(labVPC)
	h := l.hub(Config{})
	conf := l.node(h, labVPC, "10.0.1.20", 0)
	conf.Grant.Routes = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/16")}
	s := stock(t, conf.WireGuardINI())
	c, err := s.DialTCP(within(t, 20*time.Second), netip.AddrPort{}, endpointAddr)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, make([]byte, len(labVPC)+1)); err != nil {
		t.Fatal(err)
	}
	roundTrip(t, c, 1<<20)
}

// BenchmarkPeer measures what a peer that is let in costs the server in memory, before it has been heard.
func BenchmarkPeer(b *testing.B) {
	const peers = 500
	l := newHarness(b, 8500)
	h := l.hub(Config{})
	l.node(h, labVPC, "10.0.1.20", 0) // the VPC's device is not the peers'
	used := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc + m.StackInuse
	}
	for b.Loop() {
		var all []Peer
		runtime.GC() // what was removed is freed by finalizers
		before := used()
		for i := range peers {
			addr := netip.AddrFrom4([4]byte{10, 0, byte(8 + i>>8), byte(i)})
			p := Peer{
				PublicKey: link.NewPrivateKey().Public(), Interface: "eni-" + labVPC + "-" + addr.String(), VPC: labVPC,
				Address: addr,
			}
			if err := h.AddPeer(p); err != nil {
				b.Fatal(err)
			}
			all = append(all, p)
		}
		b.ReportMetric(float64(used()-before)/peers/1024, "KB/peer")
		for _, p := range all {
			h.RemovePeer(p.PublicKey)
		}
	}
}
