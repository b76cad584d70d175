package mailbox_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"postern/ssm/mailbox"
)

// road notes what is sent on it, with the seconds since it was made.
type road struct {
	start time.Time
	mu    sync.Mutex
	got   []string
	err   error
}

func (r *road) Send(i mailbox.Item) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return r.err
	}
	r.got = append(r.got, fmt.Sprintf("%s@%g", i.ID, time.Since(r.start).Seconds()))
	return nil
}

func (r *road) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.got, " ")
}

func newRoad() *road { return &road{start: time.Now()} }

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

func open(t *testing.T, m *mailbox.Mailbox, node string, r mailbox.Road) func() {
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

func TestControlChannel(t *testing.T) {
	run(t, "sends what waited and what is posted, in order", func(t *testing.T, m *mailbox.Mailbox, s *source) {
		s.items["n"] = []mailbox.Item{item("a"), item("b")}
		r := newRoad()
		open(t, m, "n", r)
		m.Post("n", item("b"), item("c"))
		m.Post("other", item("x"))
		expect(t, "sent", r, "a@0 b@0 c@0")
		if !m.Reachable("n") || !m.Connected("n") || m.Reachable("other") {
			t.Error("n is not connected, or other is")
		}
	})
	run(t, "sends again until acknowledged and tells once", func(t *testing.T, m *mailbox.Mailbox, s *source) {
		r := newRoad()
		open(t, m, "n", r)
		m.Post("n", item("a"))
		pass(12 * time.Second)
		m.Done("n", "a")
		pass(time.Minute)
		expect(t, "sent", r, "a@0 a@5 a@10")
		if !slices.Equal(s.unanswered, []string{"a"}) {
			t.Errorf("unanswered %v", s.unanswered)
		}
	})
	run(t, "gives up after a quarter of an hour", func(t *testing.T, m *mailbox.Mailbox, s *source) {
		r := newRoad()
		open(t, m, "n", r)
		m.Post("n", item("a"), mailbox.Item{ID: "old", First: time.Now().Add(-15 * time.Minute)})
		pass(time.Hour)
		if got := len(strings.Fields(r.String())); got != 180 || strings.Contains(r.String(), "old") {
			t.Errorf("sent %d times: %s", got, r)
		}
	})
	run(t, "a refused item comes later", func(t *testing.T, m *mailbox.Mailbox, s *source) {
		r := newRoad()
		open(t, m, "n", r)
		m.Post("n", item("a"))
		synctest.Wait()
		m.Later("n", "a", 8*time.Second)
		pass(9 * time.Second)
		m.Done("n", "a")
		expect(t, "sent", r, "a@0 a@8")
	})
	run(t, "the newest socket wins", func(t *testing.T, m *mailbox.Mailbox, s *source) {
		first, second := newRoad(), newRoad()
		leave := open(t, m, "n", first)
		open(t, m, "n", second)
		leave()
		if !m.Connected("n") {
			t.Fatal("leaving the old socket closed the new one")
		}
		m.Post("n", item("a"))
		expect(t, "first", first, "")
		expect(t, "second", second, "a@0")
	})
	run(t, "a newer socket gets at once what the older one was sent in vain", func(t *testing.T, m *mailbox.Mailbox, s *source) {
		dead, alive := newRoad(), newRoad()
		open(t, m, "n", dead)
		m.Post("n", item("a"), item("b"))
		synctest.Wait()
		m.Done("n", "b")
		pass(time.Second)
		open(t, m, "n", alive)
		expect(t, "sent", alive, "a@1")
		if len(s.unanswered) > 0 {
			t.Errorf("unanswered %v", s.unanswered)
		}
	})
	run(t, "a broken road loses nothing", func(t *testing.T, m *mailbox.Mailbox, s *source) {
		broken, whole := newRoad(), newRoad()
		broken.err = errors.New("broken")
		leave := open(t, m, "n", broken)
		m.Post("n", item("a"), item("b"))
		synctest.Wait()
		if m.Connected("n") {
			t.Error("a broken road counts as open")
		}
		leave()
		pass(time.Second)
		open(t, m, "n", whole)
		expect(t, "sent", whole, "a@1 b@1")
	})
	run(t, "a source that fails keeps the road shut", func(t *testing.T, m *mailbox.Mailbox, s *source) {
		s.err = errors.New("disk")
		if _, err := m.Open(t.Context(), "n", newRoad()); !errors.Is(err, s.err) || m.Reachable("n") {
			t.Errorf("open: %v, reachable %t", err, m.Reachable("n"))
		}
		if _, err := m.Poll(t.Context(), "n"); !errors.Is(err, s.err) || m.Reachable("n") {
			t.Errorf("poll: %v, reachable %t", err, m.Reachable("n"))
		}
	})
	run(t, "who posts late posts in vain", func(t *testing.T, m *mailbox.Mailbox, s *source) {
		r, other := newRoad(), newRoad()
		open(t, m, "n", r)
		open(t, m, "other", other)
		m.Post("n", item("a"))
		synctest.Wait()
		m.Done("n", "a")
		m.Post("n", item("a"))
		m.Post("other", item("a"))
		s.items["n"] = []mailbox.Item{item("a")}
		open(t, m, "n", r)
		expect(t, "sent", r, "a@0")
		expect(t, "sent to another", other, "a@0")
		m.Done("other", "a")
		// The source still says that it waits: the answer was not recorded.
		pass(10 * time.Second)
		open(t, m, "n", r)
		expect(t, "sent", r, "a@0 a@10")
	})
	run(t, "closing ends a poll", func(t *testing.T, m *mailbox.Mailbox, s *source) {
		go func() {
			<-time.After(time.Second)
			m.Close()
		}()
		start := time.Now()
		if got := poll(t, m, "n", time.Hour); got != "" || time.Since(start) != time.Second {
			t.Errorf("%q after %v", got, time.Since(start))
		}
	})
}

func TestPoll(t *testing.T) {
	run(t, "ends empty after its time", func(t *testing.T, m *mailbox.Mailbox, s *source) {
		start := time.Now()
		if got := poll(t, m, "n", 19*time.Second); got != "" || time.Since(start) != 19*time.Second {
			t.Errorf("%q after %v", got, time.Since(start))
		}
		if m.Reachable("n") {
			t.Error("the node is reachable without a road")
		}
	})
	run(t, "takes what waits and what comes", func(t *testing.T, m *mailbox.Mailbox, s *source) {
		s.items["n"] = []mailbox.Item{item("a")}
		if got := poll(t, m, "n", time.Second); got != "a" {
			t.Errorf("first poll %q", got)
		}
		// Unacknowledged, it is not given again at once, though the source still names it.
		go func() {
			<-time.After(time.Second)
			m.Post("n", item("b"))
		}()
		start := time.Now()
		if got := poll(t, m, "n", 19*time.Second); got != "b" || time.Since(start) != time.Second {
			t.Errorf("second poll %q after %v", got, time.Since(start))
		}
		m.Done("n", "b")
		if got := poll(t, m, "n", 19*time.Second); got != "a" || time.Since(start) != 5*time.Second {
			t.Errorf("third poll %q after %v", got, time.Since(start))
		}
	})
	run(t, "gets nothing while the control channel is open", func(t *testing.T, m *mailbox.Mailbox, s *source) {
		r := newRoad()
		leave := open(t, m, "n", r)
		go func() {
			<-time.After(time.Second)
			m.Post("n", item("a"))
			<-time.After(time.Second)
			m.Done("n", "a")
		}()
		if got := poll(t, m, "n", 19*time.Second); got != "" {
			t.Errorf("poll %q", got)
		}
		expect(t, "channel", r, "a@1")
		leave()
	})
	run(t, "gets what the control channel carried in vain", func(t *testing.T, m *mailbox.Mailbox, s *source) {
		r := newRoad()
		open(t, m, "n", r)
		m.Post("n", item("a"))
		synctest.Wait()
		if got := poll(t, m, "n", 19*time.Second); got != "a" {
			t.Errorf("poll %q", got)
		}
		expect(t, "channel", r, "a@0")
	})
	run(t, "an agent that answers to polls only is asked there first from then on", func(t *testing.T, m *mailbox.Mailbox, s *source) {
		r := newRoad()
		open(t, m, "n", r)
		polled := func(id string, at time.Duration) {
			t.Helper()
			start := time.Now()
			go m.Post("n", item(id))
			if got := poll(t, m, "n", 19*time.Second); got != id || time.Since(start) != at {
				t.Errorf("%q after %v, want %q after %v", got, time.Since(start), id, at)
			}
			m.Acknowledged("n", id)
		}
		polled("a", 5*time.Second) // learnt
		polled("b", 0)
		expect(t, "channel", r, "a@0")
		// No poll waits at the moment: the next one takes it.
		m.Post("n", item("c"))
		pass(2 * time.Second)
		if got := poll(t, m, "n", time.Second); got != "c" {
			t.Errorf("the next poll takes %q", got)
		}
		m.Acknowledged("n", "c")
		// No poll comes any more: the agent is another one. It answers by the channel, which is remembered too.
		m.Post("n", item("d"))
		pass(5 * time.Second)
		m.Acknowledged("n", "d")
		m.Post("n", item("e"))
		expect(t, "channel", r, "a@0 d@12 e@12")
	})
	run(t, "what is remembered of a node is forgotten with it", func(t *testing.T, m *mailbox.Mailbox, s *source) {
		r := newRoad()
		open(t, m, "n", r)
		go m.Post("n", item("a"))
		if got := poll(t, m, "n", 19*time.Second); got != "a" {
			t.Errorf("poll %q", got)
		}
		m.Acknowledged("n", "a")
		m.Forget("n")
		m.Post("n", item("b"))
		expect(t, "channel", r, "a@0 b@5")
	})
	run(t, "a newer poll ends an older one", func(t *testing.T, m *mailbox.Mailbox, s *source) {
		old := make(chan string)
		go func() { old <- poll(t, m, "n", time.Hour) }()
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		go m.Poll(ctx, "n")
		if got := <-old; got != "" {
			t.Errorf("old poll %q", got)
		}
		cancel()
		synctest.Wait()
	})
}

func TestManyNodesAtOnce(t *testing.T) {
	m := mailbox.New(mailbox.Config{Resend: time.Hour})
	const n = 10_000
	roads := make([]*road, n)
	for i := range roads {
		roads[i] = newRoad()
		open(t, m, fmt.Sprint(i), roads[i])
	}
	for i := range roads {
		m.Post(fmt.Sprint(i), item("a"))
	}
	for i := range roads {
		for len(roads[i].String()) == 0 {
			<-time.After(time.Millisecond)
		}
		m.Done(fmt.Sprint(i), "a")
	}
	m.Close()
	for i, r := range roads {
		if got := len(strings.Fields(r.String())); got != 1 {
			t.Fatalf("node %d was sent %d items", i, got)
		}
	}
}

// panicking is a road with a mistake.
type panicking struct{}

func (panicking) Send(mailbox.Item) error { panic("nil map") }

func TestARoadThatPanicsIsABrokenOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := mailbox.New(mailbox.Config{})
		defer m.Close()
		if _, err := m.Open(t.Context(), "mi-1", panicking{}); err != nil {
			t.Fatal(err)
		}
		m.Post("mi-1", mailbox.Item{ID: "a"})
		synctest.Wait()
		next := newRoad()
		leave, err := m.Open(t.Context(), "mi-1", next)
		if err != nil {
			t.Fatal(err)
		}
		defer leave()
		synctest.Wait()
		if got := next.String(); got != "a@0" {
			t.Errorf("the next road got %q", got)
		}
	})
}
