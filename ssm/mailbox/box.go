package mailbox

import (
	"slices"
	"time"

	"postern/aws/fault"
)

// box has the items that wait for one node. The Mailbox's mu guards it.
type box struct {
	node    string
	channel Channel       // nil while none is open
	poll    chan<- []Item // of the waiting poll, with room for one answer; nil while none waits
	waiting []*waiting
	stop    func() // ends the timer that is set; nil without one
	queued  bool   // stands in Mailbox.ready, or is being sent to
}

type waiting struct {
	item Item
	next time.Time // when it is to be sent (again)
	// sent counts how often the item was sent from here.
	sent int
	// byChannel says that it was sent by the control channel last, vain that it was sent there and not acknowledged.
	byChannel, vain bool
	// held says that it waited, or waits, for a poll though the control channel was open.
	held bool
}

func (m *Mailbox) boxLocked(node string) *box {
	b := m.boxes[node]
	if b == nil {
		b = &box{node: node}
		if !m.closed {
			m.boxes[node] = b
		}
	}
	return b
}

func (b *box) find(id string) *waiting {
	for _, w := range b.waiting {
		if w.item.ID == id {
			return w
		}
	}
	return nil
}

func (b *box) add(i Item) {
	if b.find(i.ID) == nil {
		b.waiting = append(b.waiting, &waiting{item: i})
	}
}

func (b *box) remove(id string) {
	b.waiting = slices.DeleteFunc(b.waiting, func(w *waiting) bool { return w.item.ID == id })
}

func (b *box) stopTimer() {
	if b.stop != nil {
		b.stop()
		b.stop = nil
	}
}

// settleLocked drops a box that nobody needs, and sets the next delivery of any other.
func (m *Mailbox) settleLocked(b *box) {
	if b.channel == nil && b.poll == nil && len(b.waiting) == 0 {
		b.stopTimer()
		if m.boxes[b.node] == b {
			delete(m.boxes, b.node)
		}
		return
	}
	m.deliverLocked(b)
}

// deliverLocked delivers the due items by the poll or the control channel, and sets the timer for the others.
//
//	by poll:    a poll waits, and there is no control channel, or the item went by it in vain, or the node's agent is
//	            known to answer to polls only
//	by channel: else, where there is one; for such an agent after a while in which no poll came
func (m *Mailbox) deliverLocked(b *box) {
	b.stopTimer()
	if m.closed {
		return
	}
	now := m.config.Now()
	b.waiting = slices.DeleteFunc(b.waiting, func(w *waiting) bool {
		return !w.item.First.IsZero() && now.Sub(w.item.First) >= m.config.GiveUp
	})
	var wake time.Time
	var byPoll []Item
	for _, w := range b.waiting {
		switch {
		case w.next.After(now):
			wake = earlier(wake, w.next)
		case b.poll != nil && (b.channel == nil || w.byChannel || m.polls[b.node]):
			m.sentLocked(b, w, now, false)
			byPoll = append(byPoll, w.item)
		case b.channel != nil && m.polls[b.node] && !w.held:
			w.held, w.next = true, now.Add(m.config.Resend)
			wake = earlier(wake, w.next)
		case b.channel != nil:
			m.wakeLocked(b)
		}
	}
	if len(byPoll) > 0 {
		b.poll <- byPoll
		b.poll = nil
	}
	if !wake.IsZero() {
		b.stop = m.config.AfterFunc(wake.Sub(now), func() {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.settleLocked(b)
		})
	}
}

// earlier returns the earlier of two moments; a zero wake is none.
func earlier(wake, next time.Time) time.Time {
	if wake.IsZero() || next.Before(wake) {
		return next
	}
	return wake
}

// sentLocked notes that an item is being sent. The sources are told of one that is sent a second time, because nobody
// acknowledged it.
func (m *Mailbox) sentLocked(b *box, w *waiting, now time.Time, byChannel bool) {
	w.sent++
	w.next = now.Add(m.config.Resend)
	w.vain = w.vain || w.byChannel && !byChannel
	w.byChannel = byChannel
	if w.item.First.IsZero() {
		w.item.First = now
	}
	if w.sent == 2 {
		sources, id, node := m.sources, w.item.ID, b.node
		m.wg.Go(func() {
			for _, s := range sources {
				fault.ContainTo(m.config.Log, "mailbox.Unanswered", func() { s.Unanswered(node, id) })
			}
		})
	}
}
