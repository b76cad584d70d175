package wg

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"postern/aws/fault"
	"postern/network/link"
	"postern/network/link/datagram"
)

// Joiner decides who is let in.
type Joiner interface {
	// JoinKey returns the key of an activation (see link.DeriveJoinKey), and an error of kind fault.NotFound if there is
	// no such activation. Whether it may still be used is for Join to say.
	JoinKey(ctx context.Context, activation string) ([]byte, error)
	// Join lets a machine in that has proved to know the activation's code. It must give the same answer when it is
	// asked again with the same public key. The machine is added as a peer once Join returns.
	Join(ctx context.Context, r link.JoinRequest) (link.Grant, error)
}

const (
	admitters    = 4   // requests worked on at once
	requestQueue = 256 // requests that wait
	requestTime  = 10 * time.Second
)

// pending is a join message that waits to be answered.
type pending struct {
	message []byte
	from    datagram.Path
}

// admission answers join requests.
type admission struct {
	joiner  Joiner
	hub     *Hub
	sock    *datagram.Socket
	now     func() time.Time
	log     *slog.Logger
	queue   chan pending
	limiter limiter
	seen    nonces

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

func newAdmission(h *Hub, sock *datagram.Socket) *admission {
	d := &admission{
		joiner: h.c.Joiner, hub: h, sock: sock, now: h.c.Now, log: h.c.Log, queue: make(chan pending, requestQueue),
	}
	d.ctx, d.cancel = context.WithCancel(context.Background())
	if d.joiner == nil {
		return d
	}
	for range admitters {
		d.wg.Go(d.work)
	}
	return d
}

// close stops answering and waits for what is being answered.
func (d *admission) close() {
	d.cancel()
	d.wg.Wait()
}

// enqueue takes a join message, or drops it: the mux must not wait, and who asks will ask again.
func (d *admission) enqueue(message []byte, from datagram.Path) {
	if d.joiner == nil || len(message) != link.JoinSize || !d.limiter.allow(from.Remote.Addr(), d.now()) {
		return
	}
	select {
	case d.queue <- pending{append([]byte(nil), message...), from}:
	default:
	}
}

func (d *admission) work() {
	for {
		select {
		case <-d.ctx.Done():
			return
		case k := <-d.queue:
			ctx, cancel := context.WithTimeout(d.ctx, requestTime)
			var answer []byte
			fault.ContainTo(d.log, "wg.admission", func() { answer = d.answer(ctx, k) })
			cancel()
			if answer == nil {
				continue
			}
			if err := d.sock.Write([][]byte{answer}, k.from); err != nil {
				d.log.Debug("answer a join request", "error", err)
			}
		}
	}
}

// nobody's key stands in for that of an activation that does not exist, so that it takes as long to refuse.
var nobody = make([]byte, link.JoinKeySize)

// answer judges a request, in this order: well formed, activation known, made with its key, in time, not seen before.
// Until the key is proved, the only answer is a refusal that says nothing.
func (d *admission) answer(ctx context.Context, k pending) []byte {
	r, err := link.ParseJoinRequest(k.message)
	if err != nil {
		return nil
	}
	r.Source = k.from.Remote
	key, err := d.joiner.JoinKey(ctx, r.Activation)
	if err != nil && !fault.Is(err, fault.NotFound) {
		d.log.Warn("look up an activation", "activation", r.Activation, "error", err)
		return nil // who asks will ask again
	}
	known := err == nil && len(key) == link.JoinKeySize
	if !known {
		key = nobody
	}
	if authentic := link.Authentic(k.message, key); !authentic || !known {
		d.log.Info("join refused", "activation", r.Activation, "source", r.Source, "reason", "wrong activation or code")
		return (&link.Refusal{Nonce: r.Nonce}).Marshal(nil)
	}
	now := d.now()
	if skew := now.Sub(r.Time).Abs(); skew > link.JoinWindow {
		return d.refuse(r, key, fault.New(fault.Conflict, "wg.Join",
			"the node's clock is %s away from the server's %s; at most %s is accepted",
			skew.Round(time.Second), now.UTC().Format(time.RFC3339), link.JoinWindow))
	}
	if !d.seen.first(r.Nonce, now) {
		return nil
	}
	return d.admit(ctx, r, key)
}

// admit asks the joiner, and has the hub take the machine in before it is told so.
func (d *admission) admit(ctx context.Context, r *link.JoinRequest, key []byte) []byte {
	grant, err := d.joiner.Join(ctx, *r)
	if err == nil {
		err = grant.Validate()
	}
	if err == nil {
		err = d.hub.AddPeer(Peer{
			PublicKey: r.PublicKey, Interface: grant.Interface, VPC: grant.VPC, Address: grant.Address.Addr(), MTU: grant.MTU,
		})
	}
	if err != nil {
		return d.refuse(r, key, err)
	}
	if r.CAOffset == 0 {
		d.log.Info("joined", "activation", r.Activation, "source", r.Source, "interface", grant.Interface,
			"address", grant.Address.Addr(), "host", r.Hostname)
	}
	reply := link.JoinReply{Grant: grant, Nonce: r.Nonce, ServerKey: d.hub.ServerKey(grant.VPC), CAOffset: r.CAOffset}
	return reply.Marshal(key, grant.CA)
}

// refuse says no to somebody who knows the code, with the reason.
func (d *admission) refuse(r *link.JoinRequest, key []byte, why error) []byte {
	f := fault.Of(why)
	d.log.Info("join refused", "activation", r.Activation, "source", r.Source, "kind", f.Kind, "error", why)
	refusal := &link.Refusal{
		Nonce: r.Nonce, Authenticated: true, Time: d.now(), Kind: f.Kind, Code: f.Code, Message: f.Message,
	}
	if f.Kind == fault.Internal {
		refusal.Message = "the server met an error of its own; its log has more"
	}
	return refusal.Marshal(key)
}
