package server

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"strconv"

	"postern/services/compute/guest"
)

// publicModule is the public listener. It is the last one in the list: who is answered finds everything there. The
// front closes it.
type publicModule struct {
	config *Config
	base   *baseModule
	api    *apiModule

	listener net.Listener
}

func (m *publicModule) module() module { return module{name: "public", open: m.open} }

func (m *publicModule) open(ctx context.Context) (err error) {
	if b := m.base.kept; b != nil {
		m.listener = b.listener // served by who keeps the base
		return nil
	}
	if m.listener, err = m.config.listen(ctx); err != nil {
		return err
	}
	m.api.front.ServePublic(m.listener)
	return nil
}

// Access says how clients of this host reach the server, as its root user.
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
		Endpoint: "https://" + reachable(s.public.listener.Addr().String()),
		Region:   s.config.Region,
		Account:  s.config.Account,
		Root:     s.identity.root,
		CAFile:   s.base.dir.File("ca-certificate.pem"),
	}
}

// reachable returns the address at which clients of this host find a listener, which may listen at every address.
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

// Join returns the address, host:port, at which machines join over WireGuard.
func (s *Server) Join() string { return s.join.wire.LocalAddr().String() }

// Missing returns what this host lacks for instances; empty means that they work. It waits for the check that found
// out.
func (s *Server) Missing() []guest.Missing {
	<-s.compute.checked
	return s.compute.missing
}

// Handler answers AWS requests as the listeners have it answer them, without Postern's own paths.
func (s *Server) Handler() http.Handler { return s.api.handler() }
