package fabric_test

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"postern/network/fabric"
	"postern/network/fabric/fabrictest"
	"postern/network/vpc"
	"postern/network/vpc/vpctest"
)

var resolvers = []netip.AddrPort{netip.MustParseAddrPort("10.0.0.2:53"), netip.MustParseAddrPort("169.254.169.253:53")}

// answer echoes datagrams and connections of a fabric's services, with the asker's interface before them.
func answer(t testing.TB, f *fabric.Fabric) {
	packets, listener := f.Resolver()
	go func() {
		b := make([]byte, 512)
		for {
			n, from, err := packets.ReadFrom(b)
			if err != nil {
				return
			}
			if _, err := packets.WriteTo(
				append([]byte(from.(*fabric.Peer).Origin().Interface+" "), b[:n]...), from,
			); err != nil {
				t.Error(err)
			}
		}
	}()
	for _, l := range []net.Listener{listener, f.Metadata()} {
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				_, _ = io.WriteString(c, c.(*fabric.Conn).Origin().Interface)
				c.Close()
			}
		}()
	}
}

func TestServicesWhateverTheGroupsSay(t *testing.T) {
	l := newHarness(t, fabric.Options{})
	answer(t, l.Fabric)
	l.apply(func(n *vpc.Network) { n.SecurityGroups[0].Rules, n.ACLs[0].Entries = nil, nil })
	n := l.node()
	for _, r := range resolvers {
		u, err := n.DialUDP(netip.AddrPort{}, r)
		if err != nil {
			t.Fatal(err)
		}
		defer u.Close()
		if _, err := u.Write([]byte("query")); err != nil {
			t.Fatal(err)
		}
		u.SetReadDeadline(time.Now().Add(5 * time.Second))
		b := make([]byte, 100)
		k, err := u.Read(b)
		if err != nil || string(b[:k]) != vpctest.Node+" query" {
			t.Errorf("%s over UDP: %q, %v", r, b[:k], err)
		}
	}
	for _, to := range append(resolvers, netip.MustParseAddrPort("169.254.169.254:80")) {
		c := dial(t, n, to)
		c.SetReadDeadline(time.Now().Add(5 * time.Second))
		b, err := io.ReadAll(c)
		if err != nil || string(b) != vpctest.Node {
			t.Errorf("%s over TCP: %q, %v", to, b, err)
		}
	}
	timesOut(t, n, ssmA)
}

func TestServicesOfTwoVPCsWithTheSameAddresses(t *testing.T) {
	l := newHarness(t, fabric.Options{})
	answer(t, l.Fabric)
	l.apply(func(n *vpc.Network) {
		v, s, i := n.VPCs[0], n.Subnets[0], n.Interfaces[0]
		v.ID, s.ID, s.VPC, i.ID, i.VPC, i.Subnet, i.Groups = "vpc-2", "subnet-2", "vpc-2", "eni-2", "vpc-2", "subnet-2", nil
		n.VPCs, n.Subnets, n.Interfaces = append(n.VPCs, v), append(n.Subnets, s), append(n.Interfaces, i)
	})
	for eni, n := range map[string]*fabrictest.Node{
		vpctest.Node: l.node(), "eni-2": fabrictest.NewNode(t, l.Fabric, "eni-2", nodeAddress, 1420),
	} {
		c, err := n.DialTCP(t.Context(), netip.AddrPortFrom(nodeAddress, 5555), resolvers[0])
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.SetReadDeadline(time.Now().Add(5 * time.Second))
		if b, err := io.ReadAll(c); err != nil || string(b) != eni {
			t.Errorf("%s: %q, %v", eni, b, err)
		}
	}
}

func TestServicesThatAreOff(t *testing.T) {
	l := newHarness(t, fabric.Options{})
	answer(t, l.Fabric)
	n := l.node()
	c := dial(t, n, resolvers[0])
	if _, err := io.ReadAll(c); err != nil {
		t.Fatal(err)
	}
	l.apply(func(n *vpc.Network) { n.VPCs[0].DNSSupport = false })
	timesOut(t, n, resolvers[0])
	far := fabrictest.NewNode(t, l.Fabric, vpctest.Attached, farAddress, 1420)
	timesOut(t, far, netip.MustParseAddrPort("169.254.169.254:80")) // an attached machine is no instance
	for _, reason := range []string{"dns-off", "not-instance"} {
		if l.Stats().Dropped[reason] == 0 {
			t.Errorf("%s is not counted", reason)
		}
	}
}

func TestServiceAllowance(t *testing.T) {
	at := &clock{time.Unix(1000, 0)}
	l := newHarness(t, fabric.Options{Now: at.now, ServiceRate: 10})
	w := fabrictest.NewWire(1500)
	defer l.Attach(vpctest.Node, w)()
	from := netip.AddrPortFrom(nodeAddress, 7)
	for range 25 {
		w.Put(udp(from, resolvers[0], "query"))
	}
	at.Time = at.Add(time.Second / 2)
	for range 25 {
		w.Put(udp(from, resolvers[1], "query"))
	}
	if s := l.Stats(); s.Packets != 15 || s.Dropped["service-allowance"] != 35 {
		t.Errorf("%d passed, %v", s.Packets, s.Dropped)
	}
}

func TestResolverSocket(t *testing.T) {
	f := fabric.New(fabric.Options{})
	packets, listener := f.Resolver()
	if err := packets.SetReadDeadline(time.Now().Add(-time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := packets.ReadFrom(nil); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read after the deadline: %v", err)
	}
	if _, err := packets.WriteTo(nil, &net.UDPAddr{}); err == nil {
		t.Error("wrote to nobody")
	}
	waiting := make(chan error)
	go func() {
		packets.SetReadDeadline(time.Time{})
		_, _, err := packets.ReadFrom(make([]byte, 1))
		waiting <- err
	}()
	f.Close()
	if err := <-waiting; !errors.Is(err, net.ErrClosed) {
		t.Errorf("read after close: %v", err)
	}
	if _, err := listener.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("accept after close: %v", err)
	}
}
