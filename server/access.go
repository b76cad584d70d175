package server

import (
	"net"
	"net/netip"
	"strconv"

	"postern/services/compute/guest"
)

// Access is how clients of this host reach the server, as its root user.
type Access struct {
	// Endpoint is the URL of the AWS API.
	Endpoint        string
	Region, Account string
	Root            RootKey
	// CAFile is the path of the PEM file to trust.
	CAFile string
}

// Access returns how clients of this host reach the server.
func (s *Server) Access() Access {
	return Access{
		Endpoint: "https://" + reachable(s.public.Addr().String()), Region: s.config.Region, Account: s.config.Account, Root: s.root,
		CAFile: s.data.file("ca-certificate.pem"),
	}
}

// reachable is the address at which clients of this host find a listener, which may listen at every address.
func reachable(address string) string {
	a, err := netip.ParseAddrPort(address)
	switch {
	case err != nil || !a.Addr().IsUnspecified():
		return address
	case a.Addr().Is4():
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), a.Port()).String()
	}
	return net.JoinHostPort("localhost", strconv.Itoa(int(a.Port())))
}

// Join is the address, host:port, at which machines join over WireGuard.
func (s *Server) Join() string { return s.wire.LocalAddr().String() }

// Missing is what this host lacks for instances; empty means that they work. It waits for the check that found out.
func (s *Server) Missing() []guest.Missing {
	<-s.checked
	return s.missing
}

// Done is closed when a part of the server has stopped by itself; Err then says which and why.
func (s *Server) Done() <-chan struct{} { return s.done }

// Err is why Done was closed.
func (s *Server) Err() error { return s.failed }
