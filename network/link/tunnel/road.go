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

// road is the WireGuard half of a tunnel: what it carries goes to and comes from the far end that it is opened with.
type road struct {
	c    *Config
	dev  *device.Device
	bind *bind
	port *link.Port
	log  *slog.Logger
	// restarted is called when the server has forgotten the node's connections, or was silent for so long that it may.
	restarted func()

	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// lookAgain is how often a road without handshakes looks the server's name up again: its address may have changed.
const lookAgain = 30 * time.Second

// deadAfter is when a road counts as broken: WireGuard's two minutes between handshakes, and some tries.
const deadAfter = 150 * time.Second

// forgetAfter is how long the news of a restart is not believed again: nobody vouches for it.
const forgetAfter = time.Minute

// newRoad brings up WireGuard. Packets that come out of the tunnel are handed to deliver.
func newRoad(ctx context.Context, c *Config, o Options, deliver func([]link.Packet), restarted func()) (*road, error) {
	server, err := resolveServer(ctx, c.Server)
	if err != nil {
		return nil, err
	}
	log := o.Log
	wire := link.NewWire(c.Grant.MTU, o.Batch, func(_ netip.Addr, batch []link.Packet) { deliver(batch) })
	r := &road{
		c: c, bind: newBind(localFor(server), o.Batch), port: wire.Port(c.Grant.MTU), log: log, restarted: restarted,
	}
	r.dev = device.NewDevice(wire, r.bind, &device.Logger{
		Verbosef: device.DiscardLogf,
		Errorf:   func(format string, args ...any) { log.Warn("wireguard: " + fmt.Sprintf(format, args...)) },
	})
	err = r.dev.IpcSet("private_key=" + hex.EncodeToString(c.PrivateKey[:]) +
		"\npublic_key=" + c.ServerKey.Hex() + "\nendpoint=" + server.String() +
		"\npersistent_keepalive_interval=" + strconv.Itoa(int(keepAlive.Seconds())) +
		"\nallowed_ip=0.0.0.0/0\nallowed_ip=::/0\n")
	if err == nil {
		err = r.dev.Up()
	}
	if err != nil {
		r.dev.Close()
		return nil, fmt.Errorf("bring up WireGuard: %w", err)
	}
	ctx, r.cancel = context.WithCancel(context.Background())
	r.wg.Go(func() { r.follow(ctx, server) })
	return r, nil
}

func (r *road) close() {
	r.cancel()
	r.wg.Wait()
	r.dev.Close()
}

// follow keeps the road up: it makes a new session when the server has lost the old one, and looks the server's name up
// again while no handshake succeeds.
func (r *road) follow(ctx context.Context, server netip.AddrPort) {
	tick := time.NewTicker(lookAgain)
	defer tick.Stop()
	first := time.NewTimer(sayAfter)
	defer first.Stop()
	var forgot time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.bind.lost:
			if err := r.dev.LookupPeer(device.NoisePublicKey(r.c.ServerKey)).SendHandshakeInitiation(false); err != nil {
				r.log.Warn("make a new session", "err", err)
			}
		case <-r.bind.renewed:
			if now := time.Now(); now.Sub(forgot) > forgetAfter {
				forgot = now
				r.log.Info("the server was started anew")
				r.restarted()
			}
		case <-r.bind.broken:
			r.log.Info("the server was silent, and may have been started anew")
			r.restarted()
		case <-first.C:
			if r.status().LastHandshake.IsZero() {
				r.log.Warn(noAnswer(server) + "; still trying")
			}
		case now := <-tick.C:
			if now.Sub(r.status().LastHandshake) > deadAfter {
				server = r.look(ctx, server)
			}
		}
	}
}

// look gives WireGuard the server's present address, and returns it.
func (r *road) look(ctx context.Context, server netip.AddrPort) netip.AddrPort {
	found, err := resolveServer(ctx, r.c.Server)
	if err != nil || found == server || found.Addr().Is4() != server.Addr().Is4() {
		return server
	}
	r.log.Info("the server has another address", "server", found)
	err = r.dev.IpcSet("public_key=" + r.c.ServerKey.Hex() + "\nupdate_only=true\nendpoint=" + found.String() + "\n")
	if err != nil {
		r.log.Warn("set the server's address", "err", err)
	}
	return found
}

// Status is how a tunnel is doing.
type Status struct {
	// Server is the address where the server was heard last.
	Server netip.AddrPort
	// LastHandshake is zero before the first. A live tunnel makes one about every two minutes.
	LastHandshake time.Time
	// Received and Sent count bytes of datagrams.
	Received, Sent uint64
}

func (r *road) status() Status {
	var text bytes.Buffer
	var s Status
	if err := r.dev.IpcGetOperation(&text); err != nil {
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
