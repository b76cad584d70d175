package wg

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/net/dns/dnsmessage"

	"postern/aws/fault"
	"postern/network/link"
	"postern/network/link/tunnel"
	"postern/network/link/userstack"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	endpointAddr = netip.MustParseAddrPort("10.0.2.7:443")
	resolverAddr = netip.MustParseAddr("10.0.0.2")
)

const (
	labActivation = "0a1b2c3d-0000-4000-8000-000000000001"
	labCode       = "K7mQpX2vRt9LsYw4ZbNc"
	labVPC        = "vpc-1"
)

// harness is a hub whose peers reach a stack that stands for the endpoints of every VPC, without a filter between.
type harness struct {
	t      testing.TB
	stacks map[string]*userstack.Stack // by VPC

	mu     sync.Mutex
	links  map[string]link.Link             // by interface
	routes map[string]map[netip.Addr]string // VPC and address to interface
	// seen is told of every packet that a peer sends.
	seen func(eni string, p *link.Packet)
}

func newHarness(t testing.TB, mtu int, vpcs ...string) *harness {
	t.Helper()
	l := &harness{
		t: t, stacks: map[string]*userstack.Stack{}, links: map[string]link.Link{},
		routes: map[string]map[netip.Addr]string{},
	}
	for _, vpc := range append(vpcs, labVPC) {
		s, err := userstack.New(mtu, endpointAddr.Addr(), resolverAddr)
		if err != nil {
			t.Fatal(err)
		}
		l.stacks[vpc] = s
		l.routes[vpc] = map[netip.Addr]string{}
		s.Open(func(batch []link.Packet) { l.route(vpc, batch) })
		t.Cleanup(func() { s.Close() })
	}
	return l
}

// route carries what a stack sends to the links that have the addresses.
func (l *harness) route(vpc string, batch []link.Packet) {
	for i := range batch {
		to := netip.AddrFrom4([4]byte(batch[i].Data[16:20]))
		l.mu.Lock()
		out := l.links[l.routes[vpc][to]]
		l.mu.Unlock()
		if out == nil {
			batch[i].Release()
			continue
		}
		out.Send(batch[i : i+1])
	}
}

// attach is the Attach of the harness's hubs. Interfaces are named eni-VPC-ADDRESS.
func (l *harness) attach(eni string, out link.Link) func() {
	var vpc string
	var addr netip.Addr
	for v := range l.stacks {
		var rest string
		if n, _ := fmt.Sscanf(eni, "eni-"+v+"-%s", &rest); n == 1 {
			vpc, addr = v, netip.MustParseAddr(rest)
		}
	}
	if vpc == "" {
		l.t.Errorf("no interface %s", eni)
		return func() {}
	}
	l.mu.Lock()
	l.links[eni] = out
	l.routes[vpc][addr] = eni
	l.mu.Unlock()
	out.Open(func(batch []link.Packet) {
		if l.seen != nil {
			for i := range batch {
				l.seen(eni, &batch[i])
			}
		}
		l.stacks[vpc].Send(batch)
	})
	return func() {
		out.Close()
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.links, eni)
		delete(l.routes[vpc], addr)
	}
}

// hub opens a hub of the harness.
func (l *harness) hub(c Config) *Hub {
	l.t.Helper()
	if !c.Address.IsValid() {
		c.Address = netip.MustParseAddrPort("127.0.0.1:0")
	}
	if c.PrivateKey.IsZero() {
		c.PrivateKey = link.NewPrivateKey()
	}
	c.Attach = l.attach
	h, err := Listen(l.t.Context(), c)
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { h.Close() })
	return h
}

// node adds a peer to a hub and returns what the node would keep.
func (l *harness) node(h *Hub, vpc, addr string, mtu int) *tunnel.Config {
	l.t.Helper()
	if mtu == 0 {
		mtu = DefaultMTU
	}
	key := link.NewPrivateKey()
	p := Peer{
		PublicKey: key.Public(), Interface: "eni-" + vpc + "-" + addr, VPC: vpc, Address: netip.MustParseAddr(addr), MTU: mtu,
	}
	if err := h.AddPeer(p); err != nil {
		l.t.Fatal(err)
	}
	return &tunnel.Config{
		Server: h.LocalAddr().String(), ServerKey: h.ServerKey(vpc), PrivateKey: key,
		Grant: link.Grant{
			VPC: vpc, Interface: p.Interface, Address: netip.PrefixFrom(p.Address, 24), Resolver: resolverAddr, MTU: mtu,
		},
	}
}

func (l *harness) dial(c *tunnel.Config) *tunnel.Tunnel {
	l.t.Helper()
	tn, err := tunnel.Dial(l.t.Context(), c, tunnel.Options{})
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { tn.Close() })
	return tn
}

// echo answers every connection to the endpoint of a VPC with the VPC's name, and then with what it reads.
func (l *harness) echo(vpc string) {
	l.t.Helper()
	ln, err := l.stacks[vpc].ListenTCP(endpointAddr)
	if err != nil {
		l.t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				_, _ = io.WriteString(c, vpc+"\n") // a client that is gone is not this side's concern
				_, _ = io.Copy(c, c)
			})
		}
	})
	l.t.Cleanup(func() {
		ln.Close()
		l.stacks[vpc].Close() // ends the connections
		wg.Wait()
	})
}

// resolver answers A queries for one name, over UDP cut short if long is set, and over TCP.
func (l *harness) resolver(name string, addrs []netip.Addr, long bool) {
	l.t.Helper()
	s := l.stacks[labVPC]
	udp, err := s.DialUDP(netip.AddrPortFrom(resolverAddr, 53), netip.AddrPort{})
	if err != nil {
		l.t.Fatal(err)
	}
	tcp, err := s.ListenTCP(netip.AddrPortFrom(resolverAddr, 53))
	if err != nil {
		l.t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		buf := make([]byte, 512)
		for {
			n, from, err := udp.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = udp.WriteTo(dnsAnswer(buf[:n], name, addrs, long), from)
		}
	})
	wg.Go(func() {
		for {
			c, err := tcp.Accept()
			if err != nil {
				return
			}
			var length [2]byte
			if _, err := io.ReadFull(c, length[:]); err == nil {
				query := make([]byte, binary.BigEndian.Uint16(length[:]))
				_, _ = io.ReadFull(c, query)
				answer := dnsAnswer(query, name, addrs, false)
				_, _ = c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...))
			}
			c.Close()
		}
	})
	l.t.Cleanup(func() {
		udp.Close()
		tcp.Close()
		wg.Wait()
	})
}

func dnsAnswer(query []byte, name string, addrs []netip.Addr, truncate bool) []byte {
	var m dnsmessage.Message
	if m.Unpack(query) != nil || len(m.Questions) != 1 {
		return nil
	}
	m.Response, m.Truncated = true, truncate
	switch {
	case m.Questions[0].Name.String() != name:
		m.RCode = dnsmessage.RCodeNameError
	case !truncate:
		for _, a := range addrs {
			m.Answers = append(m.Answers, dnsmessage.Resource{
				Header: dnsmessage.ResourceHeader{Name: m.Questions[0].Name, Class: dnsmessage.ClassINET, TTL: 60},
				Body:   &dnsmessage.AResource{A: a.As4()},
			})
		}
	}
	b, _ := m.Pack() // what was unpacked can be packed
	return b
}

// joiner is a Joiner with one activation, whose answers a test chooses.
type joiner struct {
	mu    sync.Mutex
	err   error
	ca    []byte
	calls []link.JoinRequest
	keys  map[link.PublicKey]netip.Addr
}

func (j *joiner) JoinKey(_ context.Context, activation string) ([]byte, error) {
	if activation != labActivation {
		return nil, fault.New(fault.NotFound, "join", "no activation %s", activation)
	}
	return link.DeriveJoinKey(labActivation, labCode), nil
}

func (j *joiner) Join(_ context.Context, r link.JoinRequest) (link.Grant, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.calls = append(j.calls, r)
	if j.err != nil {
		return link.Grant{}, j.err
	}
	if j.keys == nil {
		j.keys = map[link.PublicKey]netip.Addr{}
	}
	addr, ok := j.keys[r.PublicKey]
	if !ok {
		addr = netip.AddrFrom4([4]byte{10, 0, 1, byte(20 + len(j.keys))})
		j.keys[r.PublicKey] = addr
	}
	return link.Grant{
		Account: "000000000000", Region: "us-east-1", VPC: labVPC, Subnet: "subnet-1",
		Interface: "eni-" + labVPC + "-" + addr.String(),
		Address:   netip.PrefixFrom(addr, 24), Routes: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/16")},
		Resolver: resolverAddr, MTU: DefaultMTU, CA: j.ca,
	}, nil
}

// asked returns what the joiner has been asked so far.
func (j *joiner) asked() []link.JoinRequest {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]link.JoinRequest(nil), j.calls...)
}

// within bounds what a test waits for.
func within(t testing.TB, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}
