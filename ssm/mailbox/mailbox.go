package mailbox

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// Item is one thing that waits for a node.
type Item struct {
	// ID is the job's id, "aws.ssm.COMMAND.NODE".
	ID    string
	Topic string
	// Content is JSON text; many items may share one.
	Content string
	Created time.Time
	// First is when the item was first sent, on whatever road and by whatever server; zero means never.
	First time.Time
}

// Source knows what waits for a node.
type Source interface {
	// Claim returns all that waits for a node, and from then on counts it as sent. It is called when a road opens.
	Claim(ctx context.Context, node string) ([]Item, error)
	// Unanswered says that an item has been sent once without an acknowledgement and is being sent again.
	Unanswered(node, id string)
}

// Road carries items to a node at once.
type Road interface {
	// Send writes one item. It gives up by itself when the node does not read.
	Send(item Item) error
}

// Config tunes a Mailbox; zero values mean the defaults.
type Config struct {
	// Resend is how long an item waits for its acknowledgement before it is sent again: 5 s.
	Resend time.Duration
	// GiveUp is how long after it was first sent an item is no longer sent: 15 minutes. The public agent forgets
	// after half an hour what it ran, and would run it again.
	GiveUp time.Duration
	// Senders is how many roads are written to at once: 64.
	Senders int
	Log     *slog.Logger
}

// Mailbox is the boxes of all nodes that have a road to this server.
type Mailbox struct {
	config Config

	mu      sync.Mutex // guards what follows and every box
	sources []Source
	boxes   map[string]*box
	done    answered
	// polls are the nodes whose agents do not answer to what comes by the control channel and take it by a poll: old
	// releases of the public agent. It is learnt anew after a start.
	polls   map[string]bool
	ready   []*box
	senders int
	closed  bool
	wg      sync.WaitGroup
}

// New makes a Mailbox without nodes.
func New(c Config) *Mailbox {
	if c.Resend == 0 {
		c.Resend = 5 * time.Second
	}
	if c.GiveUp == 0 {
		c.GiveUp = 15 * time.Minute
	}
	if c.Senders == 0 {
		c.Senders = 64
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Mailbox{config: c, boxes: map[string]*box{}, polls: map[string]bool{}}
}

// AddSource makes the mailbox ask a source whenever a road opens. It is called before the first road opens.
func (m *Mailbox) AddSource(s Source) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sources = append(m.sources, s)
}

// Close forgets everything that waits and returns when nothing is being sent.
func (m *Mailbox) Close() {
	m.mu.Lock()
	m.closed = true
	for _, b := range m.boxes {
		b.stopTimer()
		if b.poll != nil {
			b.poll <- nil
			b.poll = nil
		}
	}
	m.boxes, m.ready = map[string]*box{}, nil
	m.mu.Unlock()
	m.wg.Wait()
}

// Open makes r the node's control channel, in the place of an older one, and sends what waits. leave closes the road,
// unless a newer one has taken its place.
func (m *Mailbox) Open(ctx context.Context, node string, r Road) (leave func(), err error) {
	m.mu.Lock()
	b := m.boxLocked(node)
	b.road = r
	for _, w := range b.waiting {
		if w.onRoad { // it went by the older channel, which may have been dead
			w.next, w.sent, w.onRoad = time.Time{}, 0, false
		}
	}
	m.mu.Unlock()
	leave = func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		if b.road == r {
			b.road = nil
		}
		m.settleLocked(b)
	}
	if err := m.claim(ctx, node); err != nil {
		leave()
		return nil, err
	}
	return leave, nil
}

// claim asks the sources, after the road is known: what is posted from now on finds the road, and what was there
// before is in the answer.
func (m *Mailbox) claim(ctx context.Context, node string) error {
	m.mu.Lock()
	sources := slices.Clone(m.sources)
	m.mu.Unlock()
	var all []Item
	for _, s := range sources {
		items, err := s.Claim(ctx, node)
		if err != nil {
			return err
		}
		all = append(all, items...)
	}
	m.Post(node, all...)
	return nil
}

// Reachable reports whether the node has any road here now.
func (m *Mailbox) Reachable(node string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	b := m.boxes[node]
	return b != nil && (b.road != nil || b.poll != nil)
}

// Connected reports whether the node's control channel is open here.
func (m *Mailbox) Connected(node string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	b := m.boxes[node]
	return b != nil && b.road != nil
}

// Post puts items into the node's box, if the node has one; else the Source has them when a road opens. An item whose
// id is in the box stays as it is, and one that was done in the last seconds is not taken up again.
func (m *Mailbox) Post(node string, items ...Item) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b := m.boxes[node]
	if b == nil {
		return
	}
	m.done.turn(time.Now(), m.config.Resend)
	for _, i := range items {
		if !m.done.has(node, i.ID) {
			b.add(i)
		}
	}
	m.deliverLocked(b)
}

// Acknowledged takes an item out that the node answered to, and remembers what the node's agent answers to: without that
// every item for an agent that takes them by polls only would be sent by the control channel in vain first.
func (m *Mailbox) Acknowledged(node, id string) {
	m.mu.Lock()
	if b := m.boxes[node]; b != nil && b.road != nil {
		switch w := b.find(id); {
		case w == nil:
		case w.onRoad:
			delete(m.polls, node)
		case w.vain:
			m.polls[node] = true
		}
	}
	m.mu.Unlock()
	m.Done(node, id)
}

// Forget drops what is remembered of a node that is no more.
func (m *Mailbox) Forget(node string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.polls, node)
}

// Done takes an item out: it was acknowledged, or is no longer wanted.
func (m *Mailbox) Done(node, id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.done.turn(time.Now(), m.config.Resend)
	m.done.add(node, id)
	if b := m.boxes[node]; b != nil {
		b.remove(id)
		m.settleLocked(b)
	}
}

// Later has the item sent again after a while, because the node refused it for now. What was refused was not run, so
// the time to give up starts anew.
func (m *Mailbox) Later(node, id string, after time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b := m.boxes[node]
	if b == nil {
		return
	}
	if w := b.find(id); w != nil {
		w.next = time.Now().Add(after)
		w.item.First = w.next
		w.onRoad = false
		m.deliverLocked(b)
	}
}

// Poll waits until something is there for a node without a control channel, or ctx ends, which is no error: then there
// is nothing. A newer poll of the same node ends an older one.
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
		if w.held && w.sent == 0 {
			w.held, w.next = false, time.Time{} // this poll is what it waits for
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
