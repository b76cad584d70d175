package mailbox

import (
	"errors"
	"slices"
	"time"

	"postern/aws/fault"
)

// box is one node's. The Mailbox's mu guards it.
type box struct {
	node    string
	road    Road
	poll    chan<- []Item // of the waiting poll; has room for one answer
	waiting []*waiting
	timer   *time.Timer
	queued  bool // stands in Mailbox.ready, or is being sent to
}

type waiting struct {
	item Item
	next time.Time // when it is to be sent (again)
	// sent counts how often the item was sent from here; onRoad says that it last went by the control channel, and vain
	// that it went there and was not acknowledged.
	sent         int
	onRoad, vain bool
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
	if b.timer != nil {
		b.timer.Stop()
		b.timer = nil
	}
}

// settleLocked drops a box that nobody needs, and else sees to its next delivery.
func (m *Mailbox) settleLocked(b *box) {
	if b.road == nil && b.poll == nil && len(b.waiting) == 0 {
		b.stopTimer()
		if m.boxes[b.node] == b {
			delete(m.boxes, b.node)
		}
		return
	}
	m.deliverLocked(b)
}

// deliverLocked gives the due items to the road that is there, and sets the timer for the others.
//
//	by poll:    a poll waits, and there is no control channel, or the item went by it in vain, or the node's agent is
//	            known to answer to polls only
//	by channel: else, where there is one; for such an agent after a while in which no poll came
func (m *Mailbox) deliverLocked(b *box) {
	b.stopTimer()
	if m.closed {
		return
	}
	now := time.Now()
	b.waiting = slices.DeleteFunc(b.waiting, func(w *waiting) bool {
		return !w.item.First.IsZero() && now.Sub(w.item.First) >= m.config.GiveUp
	})
	var wake time.Time
	var byPoll []Item
	for _, w := range b.waiting {
		switch {
		case w.next.After(now):
			if wake.IsZero() || w.next.Before(wake) {
				wake = w.next
			}
		case b.poll != nil && (b.road == nil || w.onRoad || m.polls[b.node]):
			m.sentLocked(b, w, now, false)
			byPoll = append(byPoll, w.item)
		case b.road != nil && m.polls[b.node] && !w.held:
			w.held, w.next = true, now.Add(m.config.Resend)
			if wake.IsZero() || w.next.Before(wake) {
				wake = w.next
			}
		case b.road != nil:
			m.wakeLocked(b)
		}
	}
	if len(byPoll) > 0 {
		b.poll <- byPoll
		b.poll = nil
	}
	if !wake.IsZero() {
		b.timer = time.AfterFunc(wake.Sub(now), func() {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.settleLocked(b)
		})
	}
}

// sentLocked marks an item as being sent. What nobody acknowledged is told to the sources.
func (m *Mailbox) sentLocked(b *box, w *waiting, now time.Time, onRoad bool) {
	w.sent++
	w.next = now.Add(m.config.Resend)
	w.vain = w.vain || w.onRoad && !onRoad
	w.onRoad = onRoad
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

// wakeLocked has a sender see to the box.
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

// send writes to the roads of ready boxes until there are none.
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
		w, road := b.due(time.Now()), b.road
		if w == nil || road == nil || m.closed {
			return
		}
		m.sentLocked(b, w, time.Now(), true)
		item := w.item
		m.mu.Unlock()
		err := fault.Contain("mailbox.Send", func() error { return road.Send(item) })
		m.mu.Lock()
		if err == nil {
			continue
		}
		if errors.Is(err, fault.ErrPanic) {
			fault.LogPanic(m.config.Log, "mailbox.Send", err)
		}
		m.config.Log.Debug("a node's road broke", "node", b.node, "item", item.ID, "err", err)
		w.next = time.Time{} // it was not sent: the next road takes it at once
		if b.road == road {
			b.road = nil
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
