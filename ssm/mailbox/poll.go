package mailbox

import (
	"context"
	"time"
)

// Poll waits until there are items for a node without a control channel, and returns them. It returns none, and no
// error, when ctx ends, when the mailbox is closed, and when a newer poll of the node takes this one's place. An error
// is the Source's.
func (m *Mailbox) Poll(ctx context.Context, node string) ([]Item, error) {
	taken := make(chan []Item, 1)
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return nil, nil
	}
	b := m.boxLocked(node)
	if b.poll != nil {
		b.poll <- nil
	}
	b.poll = taken
	for _, w := range b.waiting {
		if w.held && w.sent == 0 { // it was held for this poll
			w.held, w.next = false, time.Time{}
		}
	}
	m.mu.Unlock()

	err := m.claim(ctx, node)
	if err == nil {
		select {
		case items := <-taken:
			return items, nil
		case <-ctx.Done():
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if b.poll == taken {
		b.poll = nil
	}
	m.settleLocked(b)
	select {
	case items := <-taken:
		return items, nil
	default:
	}
	if ctx.Err() != nil {
		return nil, nil
	}
	return nil, err
}
