package mailbox_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"postern/ssm/mailbox"
)

func TestControlChannel(t *testing.T) {
	run(t, "sends what waited and what is posted, in order", func(t *testing.T, m *mailbox.Mailbox, s *source) {
		s.items["n"] = []mailbox.Item{item("a"), item("b")}
		r := newChannel()
		open(t, m, "n", r)
		m.Post("n", item("b"), item("c"))
		m.Post("other", item("x"))
		expect(t, "sent", r, "a@0 b@0 c@0")
		if !m.Reachable("n") || !m.Connected("n") || m.Reachable("other") {
			t.Error("n is not connected, or other is")
		}
	})
	run(t, "sends again until acknowledged and tells once", func(t *testing.T, m *mailbox.Mailbox, s *source) {
		r := newChannel()
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
		r := newChannel()
		open(t, m, "n", r)
		m.Post("n", item("a"), mailbox.Item{ID: "old", First: time.Now().Add(-15 * time.Minute)})
		pass(time.Hour)
		if got := len(strings.Fields(r.String())); got != 180 || strings.Contains(r.String(), "old") {
			t.Errorf("sent %d times: %s", got, r)
		}
	})
	run(t, "a refused item comes later", func(t *testing.T, m *mailbox.Mailbox, s *source) {
		r := newChannel()
		open(t, m, "n", r)
		m.Post("n", item("a"))
		synctest.Wait()
		m.Later("n", "a", 8*time.Second)
		pass(9 * time.Second)
		m.Done("n", "a")
		expect(t, "sent", r, "a@0 a@8")
	})
}

func TestNewerChannel(t *testing.T) {
	run(t, "the newest channel wins", func(t *testing.T, m *mailbox.Mailbox, s *source) {
		first, second := newChannel(), newChannel()
		leave := open(t, m, "n", first)
		open(t, m, "n", second)
		leave()
		if !m.Connected("n") {
			t.Fatal("leaving the old channel closed the new one")
		}
		m.Post("n", item("a"))
		expect(t, "first", first, "")
		expect(t, "second", second, "a@0")
	})
	run(t, "a newer channel gets at once what went by the older one in vain", func(
		t *testing.T, m *mailbox.Mailbox, s *source,
	) {
		dead, alive := newChannel(), newChannel()
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
	run(t, "a broken channel loses nothing", func(t *testing.T, m *mailbox.Mailbox, s *source) {
		broken, whole := newChannel(), newChannel()
		broken.err = errors.New("broken")
		leave := open(t, m, "n", broken)
		m.Post("n", item("a"), item("b"))
		synctest.Wait()
		if m.Connected("n") {
			t.Error("a broken channel counts as open")
		}
		leave()
		pass(time.Second)
		open(t, m, "n", whole)
		expect(t, "sent", whole, "a@1 b@1")
	})
}

func TestSourceAndChannel(t *testing.T) {
	run(t, "a source that fails keeps the channel closed", func(t *testing.T, m *mailbox.Mailbox, s *source) {
		s.err = errors.New("disk")
		if _, err := m.Open(t.Context(), "n", newChannel()); !errors.Is(err, s.err) || m.Reachable("n") {
			t.Errorf("open: %v, reachable %t", err, m.Reachable("n"))
		}
		if _, err := m.Poll(t.Context(), "n"); !errors.Is(err, s.err) || m.Reachable("n") {
			t.Errorf("poll: %v, reachable %t", err, m.Reachable("n"))
		}
	})
	run(t, "who posts late posts in vain", func(t *testing.T, m *mailbox.Mailbox, s *source) {
		r, other := newChannel(), newChannel()
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

// panicking is a channel whose Send panics.
type panicking struct{}

func (panicking) Send(mailbox.Item) error { panic("nil map") }

func TestAChannelThatPanicsIsABrokenOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := mailbox.New(mailbox.Config{})
		defer m.Close()
		if _, err := m.Open(t.Context(), "mi-1", panicking{}); err != nil {
			t.Fatal(err)
		}
		m.Post("mi-1", mailbox.Item{ID: "a"})
		synctest.Wait()
		next := newChannel()
		leave, err := m.Open(t.Context(), "mi-1", next)
		if err != nil {
			t.Fatal(err)
		}
		defer leave()
		synctest.Wait()
		if got := next.String(); got != "a@0" {
			t.Errorf("the next channel got %q", got)
		}
	})
}
