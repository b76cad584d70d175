package mailbox

import (
	"context"
	"errors"
	"time"

	"postern/aws/fault"
)

// Channel is a node's control channel.
type Channel interface {
	// Send writes one item to the node at once. It gives up by itself when the node does not read. An error says that the
	// channel is broken: nothing more is sent by it.
	Send(item Item) error
}

// Open makes c the node's control channel, in the place of an older one, and sends what waits. leave tells that the
// channel has closed; it does nothing once a newer one has taken its place. An error is the Source's: the channel is
// then not open.
func (m *Mailbox) Open(ctx context.Context, node string, c Channel) (leave func(), err error) {
	m.mu.Lock()
	b := m.boxLocked(node)
	b.channel = c
	for _, w := range b.waiting {
		if w.byChannel { // by the older one, which may have been dead
			w.next, w.sent, w.byChannel = time.Time{}, 0, false
		}
	}
	m.mu.Unlock()
	leave = func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		if b.channel == c {
			b.channel = nil
		}
		m.settleLocked(b)
	}
	if err := m.claim(ctx, node); err != nil {
		leave()
		return nil, err
	}
	return leave, nil
}

// wakeLocked has a sender write to the box's channel.
func (m *Mailbox) wakeLocked(b *box) {
	if b.queued {
		return
	}
	b.queued = true
	m.ready = append(m.ready, b)
	if m.senders < m.config.Senders {
		m.senders++
		m.wg.Go(m.send)
	}
}

// send writes to the channels of ready boxes until there are none.
func (m *Mailbox) send() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for len(m.ready) > 0 {
		b := m.ready[0]
		m.ready = m.ready[1:]
		m.sendBoxLocked(b)
		b.queued = false
		m.settleLocked(b)
	}
	m.ready = nil
	m.senders--
}

// sendBoxLocked sends a box's due items one after the other; mu is not held while one is written.
func (m *Mailbox) sendBoxLocked(b *box) {
	for {
		now := m.config.Now()
		w, channel := b.due(now), b.channel
		if w == nil || channel == nil || m.closed {
			return
		}
		m.sentLocked(b, w, now, true)
		item := w.item
		m.mu.Unlock()
		err := fault.Contain("mailbox.Send", func() error { return channel.Send(item) })
		m.mu.Lock()
		if err == nil {
			continue
		}
		if errors.Is(err, fault.ErrPanic) {
			fault.LogPanic(m.config.Log, "mailbox.Send", err)
		}
		m.config.Log.Debug("a node's control channel broke", "node", b.node, "item", item.ID, "error", err)
		w.next = time.Time{} // it was not sent: the next channel or poll takes it at once
		if b.channel == channel {
			b.channel = nil
		}
	}
}

func (b *box) due(now time.Time) *waiting {
	for _, w := range b.waiting {
		if !w.next.After(now) {
			return w
		}
	}
	return nil
}
