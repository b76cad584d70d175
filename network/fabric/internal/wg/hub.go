package wg

import (
	"context"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"postern/aws/fault"
	"postern/network/link"
	"postern/network/link/datagram"
)

// Config says what a hub needs.
type Config struct {
	// Address says where to listen, UDP.
	Address netip.AddrPort
	// PrivateKey is the hub's secret, from which every VPC's key follows.
	PrivateKey link.PrivateKey
	// Attach plugs a peer into its network interface; detach unplugs and closes it.
	Attach func(eni string, l link.Link) (detach func())
	// Joiner decides who is let in; nil lets nobody in but those added with AddPeer.
	Joiner Joiner
	// MTU of the tunnels in bytes; 0 is DefaultMTU.
	MTU int
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	Log *slog.Logger
}

// DefaultMTU fits WireGuard over IPv6 into Ethernet's 1500 bytes.
const DefaultMTU = 1420

// Hub is a UDP port with the WireGuard devices and the admission behind it.
type Hub struct {
	c         Config
	mux       *mux
	admission *admission

	mu     sync.Mutex
	cells  map[string]*cell
	peers  map[link.PublicKey]*member
	closed bool
}

// member is a peer and where it is plugged in.
type member struct {
	*peer
	cell   *cell
	detach func()
}

// Listen opens the port.
func Listen(ctx context.Context, c Config) (*Hub, error) {
	if c.PrivateKey.IsZero() {
		return nil, fault.New(fault.Missing, "wg.Listen", "private key: must not be zero")
	}
	if c.MTU == 0 {
		c.MTU = DefaultMTU
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	sock, err := datagram.Listen(ctx, c.Address)
	if err != nil {
		return nil, err
	}
	h := &Hub{c: c, cells: make(map[string]*cell), peers: make(map[link.PublicKey]*member)}
	h.admission = newAdmission(h, sock)
	h.mux = newMux(sock, c.Log, c.Now, h.admission.enqueue)
	go h.mux.read()
	return h, nil
}

// LocalAddr is the address that the hub listens on.
func (h *Hub) LocalAddr() netip.AddrPort { return h.mux.sock.LocalAddr() }

// ServerKey is the public key that machines of a VPC know the server by.
func (h *Hub) ServerKey(vpc string) link.PublicKey { return cellKey(h.c.PrivateKey, vpc).Public() }

// AddPeer lets a machine in. Adding what is in already changes nothing; the same key with another interface or address
// moves the machine. fault.Conflict means that the address belongs to another machine of that VPC.
func (h *Hub) AddPeer(p Peer) error {
	const op = "wg.AddPeer"
	switch {
	case p.PublicKey.IsZero():
		return fault.New(fault.Missing, op, "public key: must not be zero")
	case p.Interface == "" || p.VPC == "":
		return fault.New(fault.Missing, op, "interface and VPC: both are needed")
	case !p.Address.IsValid():
		return fault.New(fault.Missing, op, "address: must be valid")
	}
	if p.MTU == 0 {
		p.MTU = h.c.MTU
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return fault.New(fault.Unavailable, op, "the tunnel port is closed")
	}
	if old := h.peers[p.PublicKey]; old != nil {
		if old.Peer == p {
			return nil
		}
		h.removeLocked(old)
	}
	return h.addLocked(p)
}

func (h *Hub) addLocked(p Peer) error {
	c := h.cells[p.VPC]
	if c == nil {
		var err error
		if c, err = newCell(h.mux, p.VPC, cellKey(h.c.PrivateKey, p.VPC), h.c.MTU, h.c.Log); err != nil {
			return err
		}
		h.cells[p.VPC] = c
	}
	m := &member{cell: c, peer: &peer{Peer: p, port: c.wire.Port(p.MTU)}}
	if other := c.at(p.Address); other != nil {
		return fault.New(fault.Conflict, "wg.AddPeer", "address %s of %s belongs to another machine, at %s",
			p.Address, p.VPC, other.Interface)
	}
	m.detach = h.c.Attach(p.Interface, m.peer)
	h.peers[p.PublicKey] = m
	if err := c.add(m.peer); err != nil {
		h.removeLocked(m)
		return err
	}
	return nil
}

// RemovePeer puts a machine out and reports whether it was in.
func (h *Hub) RemovePeer(key link.PublicKey) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	m := h.peers[key]
	if m == nil {
		return false
	}
	h.removeLocked(m)
	return true
}

func (h *Hub) removeLocked(m *member) {
	delete(h.peers, m.PublicKey)
	m.detach()
	m.cell.remove(m.peer)
	h.closeIfEmptyLocked(m.cell)
}

// closeIfEmptyLocked ends the device of a VPC that nobody is in: it holds some megabytes.
func (h *Hub) closeIfEmptyLocked(c *cell) {
	if c.count() == 0 {
		delete(h.cells, c.vpc)
		c.close()
	}
}

// Peers tells of every machine that is in.
func (h *Hub) Peers() []PeerStatus {
	h.mu.Lock()
	cells := make([]*cell, 0, len(h.cells))
	for _, c := range h.cells {
		cells = append(cells, c)
	}
	h.mu.Unlock()
	var all []PeerStatus
	for _, c := range cells {
		all = append(all, c.status()...)
	}
	return all
}

// Close puts every machine out and frees the port. Nobody hears of it: the machines try to come back until they can.
func (h *Hub) Close() error {
	h.admission.close()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil
	}
	h.closed = true
	for _, m := range h.peers {
		h.removeLocked(m)
	}
	return h.mux.close()
}
