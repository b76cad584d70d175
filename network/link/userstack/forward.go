package userstack

import (
	"errors"
	"net/netip"

	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
	"gvisor.dev/gvisor/pkg/waiter"
)

// maxRequests bounds how many connections to foreign addresses may wait for an answer; a SYN beyond them is dropped.
const maxRequests = 256

// Request is somebody's attempt to connect to an address that the stack does not have. It must be accepted or refused.
type Request struct {
	r *tcp.ForwarderRequest
	// Local is the address that is wanted, Remote who wants it.
	Local, Remote netip.AddrPort
}

// Accept completes the handshake.
func (r *Request) Accept() (*Conn, error) {
	wq := new(waiter.Queue)
	ep, err := r.r.CreateEndpoint(wq)
	if err != nil {
		r.r.Complete(true)
		return nil, errors.New(err.String())
	}
	r.r.Complete(false)
	c, e := newConn(wq, ep)
	if e != nil {
		ep.Close()
	}
	return c, e
}

// Refuse answers with a reset.
func (r *Request) Refuse() { r.r.Complete(true) }

// Forward hands over what comes for addresses that the stack does not have: connections, each in a goroutine of its
// own, and sockets of datagrams, between the two ends, before the first datagram is read.
func (s *Stack) Forward(connect func(*Request), datagrams func(c *gonet.UDPConn, local, remote netip.AddrPort)) error {
	if err := errors.Join(result(s.net.SetPromiscuousMode(nic, true)), result(s.net.SetSpoofing(nic, true))); err != nil {
		return err
	}
	connections := tcp.NewForwarder(s.net, 0, maxRequests, func(r *tcp.ForwarderRequest) {
		id := r.ID()
		local, _ := netip.AddrFromSlice(id.LocalAddress.AsSlice())
		remote, _ := netip.AddrFromSlice(id.RemoteAddress.AsSlice())
		connect(&Request{r, netip.AddrPortFrom(local, id.LocalPort), netip.AddrPortFrom(remote, id.RemotePort)})
	})
	s.net.SetTransportProtocolHandler(tcp.ProtocolNumber, connections.HandlePacket)
	sockets := udp.NewForwarder(s.net, func(r *udp.ForwarderRequest) bool {
		id := r.ID()
		local, _ := netip.AddrFromSlice(id.LocalAddress.AsSlice())
		remote, _ := netip.AddrFromSlice(id.RemoteAddress.AsSlice())
		wq := new(waiter.Queue)
		ep, err := r.CreateEndpoint(wq)
		if err != nil {
			return true
		}
		datagrams(gonet.NewUDPConn(wq, ep), netip.AddrPortFrom(local, id.LocalPort),
			netip.AddrPortFrom(remote, id.RemotePort))
		return true
	})
	s.net.SetTransportProtocolHandler(udp.ProtocolNumber, sockets.HandlePacket)
	return nil
}
