package mailbox

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// Item is one message that waits for a node.
type Item struct {
	// ID is the job's id, "aws.ssm.COMMAND.NODE".
	ID    string
	Topic string
	// Content is JSON text; many items may share one.
	Content string
	Created time.Time
	// First is when the item was first sent, by channel or poll and by whatever server; zero means never.
	First time.Time
}

// Source keeps what waits for nodes.
type Source interface {
	// Claim returns all that waits for a node, and from then on counts it as sent. It is called when the node's control
	// channel opens and when it polls.
	Claim(ctx context.Context, node string) ([]Item, error)
	// Unanswered says that an item has been sent once without an acknowledgement and is being sent again.
	Unanswered(node, id string)
}

// Config tunes a Mailbox; zero values mean the defaults.
type Config struct {
	// Resend is how long an item waits for its acknowledgement before it is sent again: 5 s.
	Resend time.Duration
	// GiveUp is how long after it was first sent an item is no longer sent: 15 minutes. The public agent forgets
	// after half an hour what it ran, and would run it again.
	GiveUp time.Duration
	// Senders is how many control channels are written to at once: 64.
	Senders int
	Log     *slog.Logger
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// AfterFunc calls f on a goroutine of its own when d has passed on the clock, unless stop is called before; nil means
	// time.AfterFunc.
	AfterFunc func(d time.Duration, f func()) (stop func())
}

// Mailbox holds the boxes of all nodes whose control channel is open here, or that poll.
type Mailbox struct {
	config Config

	mu      sync.Mutex // guards what follows and every box
	sources []Source
	boxes   map[string]*box
	done    answered
	// polls has the nodes whose agents take jobs by polls and do not answer to what comes by the control channel: old
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
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.AfterFunc == nil {
		c.AfterFunc = func(d time.Duration, f func()) func() {
			timer := time.AfterFunc(d, f)
			return func() { timer.Stop() }
		}
	}
	return &Mailbox{config: c, boxes: map[string]*box{}, polls: map[string]bool{}}
}

// AddSource makes the mailbox claim from a source whenever a channel opens or a node polls. It is called before either.
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

// claim asks the sources, after the channel or poll is known: an item posted from now on finds it, and one posted
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

// Reachable reports whether the node's control channel is open here, or a poll of it waits.
func (m *Mailbox) Reachable(node string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	b := m.boxes[node]
	return b != nil && (b.channel != nil || b.poll != nil)
}

// Nodes returns the nodes that are Reachable here, in no order.
func (m *Mailbox) Nodes() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var nodes []string
	for node, b := range m.boxes {
		if b.channel != nil || b.poll != nil {
			nodes = append(nodes, node)
		}
	}
	return nodes
}

// Connected reports whether the node's control channel is open here.
func (m *Mailbox) Connected(node string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	b := m.boxes[node]
	return b != nil && b.channel != nil
}

// Post puts items into the node's box, if it has one; if it has none, the Source has them when the node comes. An item
// whose id is in the box already stays as it is, and one that was done within the last Resend is not taken up again.
func (m *Mailbox) Post(node string, items ...Item) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b := m.boxes[node]
	if b == nil {
		return
	}
	m.done.rotate(m.config.Now(), m.config.Resend)
	for _, i := range items {
		if !m.done.has(node, i.ID) {
			b.add(i)
		}
	}
	m.deliverLocked(b)
}

// Acknowledged takes an item out that the node answered to, and notes whether the node's agent answers to its control
// channel: without that every item for an agent that takes them by polls only would be sent by the channel in vain
// first.
func (m *Mailbox) Acknowledged(node, id string) {
	m.mu.Lock()
	if b := m.boxes[node]; b != nil && b.channel != nil {
		switch w := b.find(id); {
		case w == nil:
		case w.byChannel:
			delete(m.polls, node)
		case w.vain:
			m.polls[node] = true
		}
	}
	m.mu.Unlock()
	m.Done(node, id)
}

// Forget drops what is remembered of a node that does not exist any more.
func (m *Mailbox) Forget(node string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.polls, node)
}

// Done takes an item out: it was acknowledged, or is no longer wanted.
func (m *Mailbox) Done(node, id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.done.rotate(m.config.Now(), m.config.Resend)
	m.done.add(node, id)
	if b := m.boxes[node]; b != nil {
		b.remove(id)
		m.settleLocked(b)
	}
}

// Later has the item sent again after a while, because the node refused it for now. A refused job was not run, so the
// time to give up starts anew.
func (m *Mailbox) Later(node, id string, after time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b := m.boxes[node]
	if b == nil {
		return
	}
	if w := b.find(id); w != nil {
		w.next = m.config.Now().Add(after)
		w.item.First = w.next
		w.byChannel = false
		m.deliverLocked(b)
	}
}
