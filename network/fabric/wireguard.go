package fabric

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"postern/network/fabric/internal/wg"
	"postern/network/link"
)

// Joiner decides which machines may join over WireGuard; see WireGuardOptions.
type Joiner = wg.Joiner

// WireGuardPeer is a machine that is let in by WireGuard: its public key, the network interface that it gets, and that
// interface's VPC and private address.
type WireGuardPeer = wg.Peer

// WireGuardStatus is a WireGuardPeer with its last handshake and traffic.
type WireGuardStatus = wg.PeerStatus

// DefaultWireGuardMTU is the MTU of tunnels that leave their host, in bytes; within one host, or over a network with
// jumbo frames, 8920 carries twice as much.
const DefaultWireGuardMTU = wg.DefaultMTU

// WireGuardOptions say how machines that are not instances reach the fabric.
type WireGuardOptions struct {
	// Address says where to listen, UDP; port 0 takes a free one.
	Address netip.AddrPort
	// PrivateKey is the server's secret. The key pairs of all VPCs follow from it: machines that have joined find the
	// server again as long as it is the same.
	PrivateKey link.PrivateKey
	// Joiner decides who may join; nil lets nobody in but those that AddPeer names.
	Joiner Joiner
	// MTU of the tunnels in bytes (576–65,471); 0 means DefaultWireGuardMTU. A peer may have its own.
	MTU int
	// Now is time.Now if nil.
	Now func() time.Time
	// Log is told of machines that join or are refused; nil tells nobody.
	Log *slog.Logger
}

// WireGuard is the UDP port where machines that are not instances reach their network interfaces, and where they ask to
// be let in (package link says how). Close frees it; the fabric's own Close does not.
type WireGuard struct{ hub *wg.Hub }

// ListenWireGuard opens the port. ctx bounds the opening only. A machine that the Joiner lets in is a peer from then
// on; after a restart, those that joined before have to be named again with AddPeer.
func (f *Fabric) ListenWireGuard(ctx context.Context, o WireGuardOptions) (*WireGuard, error) {
	hub, err := wg.Listen(ctx, wg.Config{
		Address: o.Address, PrivateKey: o.PrivateKey, Attach: f.Attach, Joiner: o.Joiner, MTU: o.MTU, Now: o.Now, Log: o.Log,
	})
	if err != nil {
		return nil, fmt.Errorf("listen for WireGuard: %w", err)
	}
	return &WireGuard{hub}, nil
}

// LocalAddr is the address on which it listens.
func (w *WireGuard) LocalAddr() netip.AddrPort { return w.hub.LocalAddr() }

// ServerKey is the public key by which the machines of a VPC know the server.
func (w *WireGuard) ServerKey(vpcID string) link.PublicKey { return w.hub.ServerKey(vpcID) }

// AddPeer lets a machine in, whether the snapshot in force knows its interface already or will learn of it. Adding what
// is in already changes nothing; the same key with another interface or address moves the machine. It fails with
// Missing where a field is, and with Conflict if the address belongs to another machine of that VPC.
func (w *WireGuard) AddPeer(p WireGuardPeer) error { return w.hub.AddPeer(p) }

// RemovePeer puts a machine out, ends its conversations, and reports whether it was in.
func (w *WireGuard) RemovePeer(key link.PublicKey) bool { return w.hub.RemovePeer(key) }

// Peers tells of every machine that is in, in no order.
func (w *WireGuard) Peers() []WireGuardStatus { return w.hub.Peers() }

// Close puts every machine out and frees the port. The machines try to come back until they can.
func (w *WireGuard) Close() error { return w.hub.Close() }
