package userstack

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/icmp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"

	"postern/network/link"
)

// nic is the number of the stack's only network interface.
const nic tcpip.NICID = 1

const (
	// keepAliveIdle, Interval and Count find a dead peer of an idle connection after three minutes, which is within
	// the 350 s that AWS PrivateLink lets a connection idle.
	keepAliveIdle     = 120 * time.Second
	keepAliveInterval = 20 * time.Second
	keepAliveCount    = 3
	// userTimeout ends a connection whose peer acknowledges nothing (RFC 5482).
	userTimeout = 120 * time.Second
	// timeWait is short: the connection table before the stack keeps late segments of old connections away (RFC 9293,
	// 3.6.1).
	timeWait = 10 * time.Second

	lingerLook = 2 * time.Millisecond

	bufferDefault = 1 << 20
	bufferMax     = 6 << 20
)

// Stack is a TCP/IP stack with one network interface, and as a link.Link what that interface is plugged into.
type Stack struct {
	wire *wire
	net  *stack.Stack
}

var _ link.Link = (*Stack)(nil)

// New makes a stack whose interface has the addresses. The MTU is in bytes (576–65535). Packets leave once Open is
// called.
func New(mtu int, addresses ...netip.Addr) (*Stack, error) {
	if mtu < header.IPv4MinimumMTU || mtu > link.MaxPacket {
		return nil, fmt.Errorf("userstack: MTU %d is not within %d–%d", mtu, header.IPv4MinimumMTU, link.MaxPacket)
	}
	s := &Stack{wire: newWire(mtu), net: stack.New(stack.Options{
		NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol},
		TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol, udp.NewProtocol, icmp.NewProtocol4},
	})}
	if err := s.tune(); err != nil {
		return nil, err
	}
	if err := s.net.CreateNIC(nic, s.wire); err != nil {
		return nil, fmt.Errorf("userstack: create interface: %s", err)
	}
	s.net.SetRouteTable([]tcpip.Route{{Destination: header.IPv4EmptySubnet, NIC: nic}})
	for _, a := range addresses {
		if err := s.AddAddress(a); err != nil {
			_ = s.Close()
			return nil, err
		}
	}
	return s, nil
}

// tune sets what gVisor's defaults leave slow or small.
func (s *Stack) tune() error {
	sack := tcpip.TCPSACKEnabled(true)
	// RACK costs throughput on a path that does not reorder (gvisor issue 9707).
	recovery := tcpip.TCPRecovery(0)
	moderate := tcpip.TCPModerateReceiveBufferOption(true)
	wait := tcpip.TCPTimeWaitTimeoutOption(timeWait)
	// After HyStart, gVisor's cubic takes one from the congestion window for each packet that is acknowledged, which ends
	// at a window of 0 where one acknowledgement is of many, as of a super-segment: such a connection stands still.
	congestion := tcpip.CongestionControlOption("reno")
	receive := tcpip.TCPReceiveBufferSizeRangeOption{Min: tcp.MinBufferSize, Default: bufferDefault, Max: bufferMax}
	send := tcpip.TCPSendBufferSizeRangeOption{Min: tcp.MinBufferSize, Default: bufferDefault, Max: bufferMax}
	for _, o := range []tcpip.SettableTransportProtocolOption{
		&sack, &recovery, &moderate, &wait, &congestion, &receive, &send,
	} {
		if err := s.net.SetTransportProtocolOption(tcp.ProtocolNumber, o); err != nil {
			return fmt.Errorf("userstack: set %T: %s", o, err)
		}
	}
	return nil
}

// AddAddress gives the interface another IPv4 address. Adding one that it has does nothing.
func (s *Stack) AddAddress(a netip.Addr) error {
	if !a.Is4() {
		return fmt.Errorf("userstack: %s is not an IPv4 address", a)
	}
	err := s.net.AddProtocolAddress(nic, tcpip.ProtocolAddress{
		Protocol:          ipv4.ProtocolNumber,
		AddressWithPrefix: toAddress(a).WithPrefix(),
	}, stack.AddressProperties{})
	if _, ok := err.(*tcpip.ErrDuplicateAddress); err != nil && !ok {
		return fmt.Errorf("userstack: add %s: %s", a, err)
	}
	return nil
}

// RemoveAddress takes an address away. Its connections stay until they are aborted.
func (s *Stack) RemoveAddress(a netip.Addr) { _ = s.net.RemoveAddress(nic, toAddress(a)) }

// Open begins to hand the packets that the stack sends to receive.
func (s *Stack) Open(receive func([]link.Packet)) { s.wire.open(receive) }

// Send hands packets to the stack.
func (s *Stack) Send(batch []link.Packet) { s.wire.deliver(batch) }

// MTU is the largest packet that the stack sends or takes, super-segments aside.
func (s *Stack) MTU() int { return int(s.wire.mtu) }

// Dropped counts the packets that found the queue full, or that no protocol could read.
func (s *Stack) Dropped() uint64 { return s.wire.dropped.Load() }

// Linger waits until the peers of connections that were closed know it, but no longer than limit. Close would cut them
// off before their last segments are out, and the peers would wait for their own time-outs.
func (s *Stack) Linger(limit time.Duration) {
	enough := time.NewTimer(limit)
	defer enough.Stop()
	look := time.NewTicker(lingerLook)
	defer look.Stop()
	for s.ending() {
		select {
		case <-look.C:
		case <-enough.C:
			return
		}
	}
}

// ending reports whether a connection still waits for its peer to acknowledge its end (RFC 9293, 3.3.2).
func (s *Stack) ending() bool {
	return slices.ContainsFunc(s.net.RegisteredEndpoints(), func(e stack.TransportEndpoint) bool {
		t, ok := e.(*tcp.Endpoint)
		if !ok {
			return false
		}
		switch t.EndpointState() {
		case tcp.StateFinWait1, tcp.StateClosing, tcp.StateLastAck:
			return true
		}
		return false
	})
}

// Close aborts every connection and waits for the stack's goroutines.
func (s *Stack) Close() error {
	s.wire.close()
	s.net.Destroy()
	return nil
}

func toAddress(a netip.Addr) tcpip.Address { return tcpip.AddrFrom4(a.As4()) }

func toFull(a netip.AddrPort) tcpip.FullAddress {
	f := tcpip.FullAddress{NIC: nic, Port: a.Port()}
	if a.Addr().Is4() {
		f.Addr = toAddress(a.Addr())
	}
	return f
}

func fromFull(a tcpip.FullAddress) netip.AddrPort {
	addr, _ := netip.AddrFromSlice(a.Addr.AsSlice())
	return netip.AddrPortFrom(addr, a.Port)
}
