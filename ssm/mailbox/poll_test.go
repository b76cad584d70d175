package mailbox_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"postern/ssm/mailbox"
)

func TestPoll(t *testing.T) {
	run(t, "ends empty after its time", func(t *testing.T, m *mailbox.Mailbox, s *source) {
		start := time.Now()
		if got := poll(t, m, "n", 19*time.Second); got != "" || time.Since(start) != 19*time.Second {
			t.Errorf("%q after %v", got, time.Since(start))
		}
		if m.Reachable("n") {
			t.Error("the node is reachable without a channel or a poll")
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
		r := newChannel()
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
}

func TestPollBesideTheChannel(t *testing.T) {
	run(t, "gets what the control channel carried in vain", func(t *testing.T, m *mailbox.Mailbox, s *source) {
		r := newChannel()
		open(t, m, "n", r)
		m.Post("n", item("a"))
		synctest.Wait()
		if got := poll(t, m, "n", 19*time.Second); got != "a" {
			t.Errorf("poll %q", got)
		}
		expect(t, "channel", r, "a@0")
	})
	run(t, "an agent that answers to polls only gets jobs there first", func(t *testing.T, m *mailbox.Mailbox, s *source) {
		r := newChannel()
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
		r := newChannel()
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
