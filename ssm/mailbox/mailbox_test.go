package mailbox_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"postern/ssm/mailbox"
)

// channel notes what is sent by it, with the seconds since it was made.
type channel struct {
	start time.Time
	mu    sync.Mutex
	got   []string
	err   error
}

func (c *channel) Send(i mailbox.Item) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return c.err
	}
	c.got = append(c.got, fmt.Sprintf("%s@%g", i.ID, time.Since(c.start).Seconds()))
	return nil
}

func (c *channel) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(c.got, " ")
}

func newChannel() *channel { return &channel{start: time.Now()} }

// source is a Source whose items are set by the test.
type source struct {
	mu         sync.Mutex
	items      map[string][]mailbox.Item
	unanswered []string
	err        error
}

func (s *source) Claim(_ context.Context, node string) ([]mailbox.Item, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.items[node]), s.err
}

func (s *source) Unanswered(_, id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unanswered = append(s.unanswered, id)
}

func item(id string) mailbox.Item { return mailbox.Item{ID: id} }

// run runs a test with simulated time and a fresh mailbox.
func run(t *testing.T, name string, f func(t *testing.T, m *mailbox.Mailbox, s *source)) {
	t.Run(name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m := mailbox.New(mailbox.Config{})
			s := &source{items: map[string][]mailbox.Item{}}
			m.AddSource(s)
			f(t, m, s)
			m.Close()
		})
	})
}

func open(t *testing.T, m *mailbox.Mailbox, node string, r mailbox.Channel) func() {
	t.Helper()
	leave, err := m.Open(t.Context(), node, r)
	if err != nil {
		t.Fatal(err)
	}
	return leave
}

// pass lets d pass and everything come to rest.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func expect(t *testing.T, what string, got fmt.Stringer, want string) {
	t.Helper()
	synctest.Wait()
	if got.String() != want {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

func poll(t *testing.T, m *mailbox.Mailbox, node string, d time.Duration) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	items, err := m.Poll(ctx, node)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, i := range items {
		ids = append(ids, i.ID)
	}
	return strings.Join(ids, " ")
}

// Ten thousand nodes are sent one item each, once.
func TestManyNodesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := mailbox.New(mailbox.Config{Resend: time.Hour})
		const n = 10_000
		channels := make([]*channel, n)
		for i := range channels {
			channels[i] = newChannel()
			open(t, m, fmt.Sprint(i), channels[i])
		}
		for i := range channels {
			m.Post(fmt.Sprint(i), item("a"))
		}
		synctest.Wait()
		for i, c := range channels {
			if got := c.String(); got != "a@0" {
				t.Fatalf("node %d was sent %q", i, got)
			}
			m.Done(fmt.Sprint(i), "a")
		}
		m.Close()
	})
}

// clock is a clock that a test moves.
type clock struct {
	mu     sync.Mutex
	now    time.Time
	timers map[int]timer
	made   int
}

type timer struct {
	at time.Time
	f  func()
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) AfterFunc(d time.Duration, f func()) (stop func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.made++
	id := c.made
	if c.timers == nil {
		c.timers = map[int]timer{}
	}
	c.timers[id] = timer{c.now.Add(d), f}
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.timers, id)
	}
}

// move moves the clock and runs the timers that are due.
func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	c.now = c.now.Add(d)
	var due []func()
	for id, t := range c.timers {
		if !t.at.After(c.now) {
			due = append(due, t.f)
			delete(c.timers, id)
		}
	}
	c.mu.Unlock()
	for _, f := range due {
		f()
	}
}

// The mailbox knows no time but that of the clock it was given.
func TestInjectedClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &clock{now: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)}
		m := mailbox.New(mailbox.Config{Now: c.Now, AfterFunc: c.AfterFunc})
		defer m.Close()
		r := newChannel()
		open(t, m, "n", r)
		m.Post("n", item("a"))
		pass(time.Hour)
		expect(t, "while the clock stands", r, "a@0")
		c.move(4999 * time.Millisecond)
		expect(t, "before it is sent again", r, "a@0")
		c.move(time.Millisecond)
		expect(t, "sent again", r, "a@0 a@3600")
		c.move(15 * time.Minute)
		expect(t, "given up", r, "a@0 a@3600")
		if len(c.timers) > 0 {
			t.Errorf("%d timers are left", len(c.timers))
		}
	})
}
