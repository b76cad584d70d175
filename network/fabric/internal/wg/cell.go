package wg

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.zx2c4.com/wireguard/device"

	"postern/network/link"
)

// cell is the WireGuard device of one VPC.
type cell struct {
	vpc  string
	bind *bind
	wire *link.Wire
	dev  *device.Device

	mu    sync.RWMutex
	peers map[netip.Addr]*peer
}

// cellKey is the private key of a VPC's device. It follows from the hub's, so that nothing but that one has to be kept.
func cellKey(hub link.PrivateKey, vpc string) link.PrivateKey {
	raw, err := hkdf.Key(sha256.New, hub[:], nil, "postern wireguard "+vpc, link.KeySize)
	if err != nil {
		panic("wg: HKDF-SHA-256 refuses 32 bytes: " + err.Error())
	}
	return link.PrivateKey(raw).Clamped()
}

func newCell(m *mux, vpc string, key link.PrivateKey, mtu int, log *slog.Logger) (*cell, error) {
	c := &cell{vpc: vpc, bind: newBind(m, key.Public()), peers: make(map[netip.Addr]*peer)}
	c.wire = link.NewWire(mtu, link.WireBatch, c.deliver)
	log = log.With("vpc", vpc)
	c.dev = device.NewDevice(c.wire, c.bind, &device.Logger{
		Verbosef: device.DiscardLogf,
		Errorf:   func(format string, args ...any) { log.Warn("wireguard: " + fmt.Sprintf(format, args...)) },
	})
	if err := c.dev.IpcSet("private_key=" + hex.EncodeToString(key[:]) + "\n"); err != nil {
		c.dev.Close()
		return nil, fmt.Errorf("wireguard device of %s: %w", vpc, err)
	}
	m.add(c.bind)
	if err := c.dev.Up(); err != nil {
		c.close()
		return nil, fmt.Errorf("wireguard device of %s: %w", vpc, err)
	}
	return c, nil
}

// close ends the device and waits for its goroutines.
func (c *cell) close() {
	c.bind.mux.remove(c.bind)
	c.bind.mux.index.forget(c.bind)
	c.dev.Close()
}

// deliver is called with packets that came out of the tunnel of the peer that has the source address.
func (c *cell) deliver(source netip.Addr, batch []link.Packet) {
	c.mu.RLock()
	p := c.peers[source]
	c.mu.RUnlock()
	c.bind.gauge.leave(packets(batch))
	if p == nil {
		link.Release(batch)
		return
	}
	p.deliver(batch)
}

// packets counts what a gathered batch was before.
func packets(batch []link.Packet) int {
	n := 0
	for i := range batch {
		if each := int(batch[i].SegmentSize); each > 0 {
			n += (batch[i].Len() + each - 1) / each // headers make it one too many at times; it is an estimate
			continue
		}
		n++
	}
	return n
}

// add lets a peer in.
func (c *cell) add(p *peer) error {
	c.mu.Lock()
	c.peers[p.Address] = p
	c.mu.Unlock()
	return c.dev.IpcSet("public_key=" + p.PublicKey.Hex() +
		"\nreplace_allowed_ips=true\nallowed_ip=" + netip.PrefixFrom(p.Address, p.Address.BitLen()).String() + "\n")
}

// remove puts a peer out.
func (c *cell) remove(p *peer) {
	c.mu.Lock()
	delete(c.peers, p.Address)
	c.mu.Unlock()
	c.dev.RemovePeer(device.NoisePublicKey(p.PublicKey))
}

// at returns the peer that has an address.
func (c *cell) at(a netip.Addr) *peer {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.peers[a]
}

func (c *cell) count() int {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return len(c.peers)
}

// PeerStatus holds what is known of a peer.
type PeerStatus struct {
	Peer
	// Remote says where it was heard last; invalid before that.
	Remote netip.AddrPort
	// LastHandshake is zero before the first. A live peer makes one about every two minutes.
	LastHandshake time.Time
	// Received and Sent count bytes of datagrams, Dropped packets for which the tunnel had no room.
	Received, Sent, Dropped uint64
}

// status asks the device for all its peers.
func (c *cell) status() []PeerStatus {
	var text bytes.Buffer
	if err := c.dev.IpcGetOperation(&text); err != nil {
		return nil // only writing to text could go wrong
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	byKey := make(map[string]*peer, len(c.peers))
	for _, p := range c.peers {
		byKey[p.PublicKey.Hex()] = p
	}
	var all []PeerStatus
	var now *PeerStatus
	for line := range strings.Lines(text.String()) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		if key == "public_key" {
			now = nil
			if p := byKey[value]; p != nil {
				all = append(all, PeerStatus{Peer: p.Peer, Dropped: p.port.Dropped.Load()})
				now = &all[len(all)-1]
			}
		} else if now != nil {
			now.set(key, value)
		}
	}
	return all
}

// set reads one line of WireGuard's configuration protocol. What the device writes is well formed.
func (s *PeerStatus) set(key, value string) {
	switch key {
	case "endpoint":
		s.Remote, _ = netip.ParseAddrPort(value)
	case "last_handshake_time_sec":
		if sec, _ := strconv.ParseInt(value, 10, 64); sec != 0 {
			s.LastHandshake = time.Unix(sec, 0)
		}
	case "last_handshake_time_nsec":
		if nsec, _ := strconv.ParseInt(value, 10, 64); !s.LastHandshake.IsZero() {
			s.LastHandshake = s.LastHandshake.Add(time.Duration(nsec))
		}
	case "rx_bytes":
		s.Received, _ = strconv.ParseUint(value, 10, 64)
	case "tx_bytes":
		s.Sent, _ = strconv.ParseUint(value, 10, 64)
	}
}
