package tunnel

import (
	"bytes"
	"context"
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

// wireguard is the WireGuard half of a tunnel. It carries packets between its port and the server.
type wireguard struct {
	c    *Config
	dev  *device.Device
	bind *bind
	port *link.Port
	log  *slog.Logger
	now  func() time.Time
	// restarted is called when the server has forgotten the node's connections, or was silent for so long that it may.
	restarted func()

	cancel context.CancelFunc
	tasks  sync.WaitGroup
}

// lookAgain says how often a tunnel without handshakes looks the server's name up again: its address may have changed.
const lookAgain = 30 * time.Second

// deadAfter says when a tunnel counts as broken: WireGuard's two minutes between handshakes, and some tries.
const deadAfter = 150 * time.Second

// forgetAfter says how long the news of a restart is not believed again: nobody vouches for it.
const forgetAfter = time.Minute

// newWireGuard brings up WireGuard. Packets that come out of the tunnel are handed to deliver.
func newWireGuard(
	ctx context.Context, c *Config, o Options, deliver func([]link.Packet), restarted func(),
) (*wireguard, error) {
	server, err := resolveServer(ctx, c.Server)
	if err != nil {
		return nil, err
	}
	log := o.Log
	wire := link.NewWire(c.Grant.MTU, o.Batch, func(_ netip.Addr, batch []link.Packet) { deliver(batch) })
	w := &wireguard{
		c: c, now: o.Now, bind: newBind(localFor(server), o.Batch, o.Now), port: wire.Port(c.Grant.MTU), log: log,
		restarted: restarted,
	}
	w.dev = device.NewDevice(wire, w.bind, &device.Logger{
		Verbosef: device.DiscardLogf,
		Errorf:   func(format string, args ...any) { log.Warn("wireguard: " + fmt.Sprintf(format, args...)) },
	})
	err = w.dev.IpcSet("private_key=" + hex.EncodeToString(c.PrivateKey[:]) +
		"\npublic_key=" + c.ServerKey.Hex() + "\nendpoint=" + server.String() +
		"\npersistent_keepalive_interval=" + strconv.Itoa(int(keepAlive.Seconds())) +
		"\nallowed_ip=0.0.0.0/0\nallowed_ip=::/0\n")
	if err == nil {
		err = w.dev.Up()
	}
	if err != nil {
		w.dev.Close()
		return nil, fmt.Errorf("bring up WireGuard: %w", err)
	}
	ctx, w.cancel = context.WithCancel(context.Background())
	w.tasks.Go(func() { w.follow(ctx, server) })
	return w, nil
}

func (w *wireguard) close() {
	w.cancel()
	w.tasks.Wait()
	w.dev.Close()
}

// follow keeps the tunnel up: it makes a new session when the server has lost the old one, and looks the server's
// name up again while no handshake succeeds.
func (w *wireguard) follow(ctx context.Context, server netip.AddrPort) {
	tick := time.NewTicker(lookAgain)
	defer tick.Stop()
	first := time.NewTimer(sayAfter)
	defer first.Stop()
	var forgot time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.bind.lost:
			if err := w.dev.LookupPeer(device.NoisePublicKey(w.c.ServerKey)).SendHandshakeInitiation(false); err != nil {
				w.log.Warn("make a new session", "error", err)
			}
		case <-w.bind.renewed:
			if now := w.now(); now.Sub(forgot) > forgetAfter {
				forgot = now
				w.log.Info("the server was started anew")
				w.restarted()
			}
		case <-w.bind.broken:
			w.log.Info("the server was silent, and may have been started anew")
			w.restarted()
		case <-first.C:
			if w.status().LastHandshake.IsZero() {
				w.log.Warn(noAnswer(server) + "; still trying")
			}
		case now := <-tick.C:
			if now.Sub(w.status().LastHandshake) > deadAfter {
				server = w.look(ctx, server)
			}
		}
	}
}

// look gives WireGuard the server's present address, and returns it.
func (w *wireguard) look(ctx context.Context, server netip.AddrPort) netip.AddrPort {
	found, err := resolveServer(ctx, w.c.Server)
	if err != nil || found == server || found.Addr().Is4() != server.Addr().Is4() {
		return server
	}
	w.log.Info("the server has another address", "server", found)
	err = w.dev.IpcSet("public_key=" + w.c.ServerKey.Hex() + "\nupdate_only=true\nendpoint=" + found.String() + "\n")
	if err != nil {
		w.log.Warn("set the server's address", "error", err)
	}
	return found
}

// Status says how a tunnel is doing.
type Status struct {
	// Server is the address where the server was heard last.
	Server netip.AddrPort
	// LastHandshake is zero before the first. A live tunnel makes one about every two minutes.
	LastHandshake time.Time
	// Received and Sent count bytes of datagrams.
	Received, Sent uint64
}

func (w *wireguard) status() Status {
	var text bytes.Buffer
	var s Status
	if err := w.dev.IpcGetOperation(&text); err != nil {
		return s // only writing to text could go wrong
	}
	for line := range strings.Lines(text.String()) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		number, _ := strconv.ParseInt(value, 10, 64) // what is no number is not used as one
		switch key {
		case "endpoint":
			s.Server, _ = netip.ParseAddrPort(value)
		case "last_handshake_time_sec":
			if number != 0 {
				s.LastHandshake = time.Unix(number, 0)
			}
		case "rx_bytes":
			s.Received = uint64(number)
		case "tx_bytes":
			s.Sent = uint64(number)
		}
	}
	return s
}
