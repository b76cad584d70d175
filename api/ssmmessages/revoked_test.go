package ssmmessages_test

import (
	"testing"
	"time"

	"github.com/coder/websocket"

	"postern/api/nodetest"
	"postern/api/ssmmessages"
)

const everything = `{"Effect":"Allow","Action":"*","Resource":"*"}`

// A channel is opened by a token that was got, and an upgrade that was made, while the credentials were good: that they
// no longer are when the token comes is seen.
func TestRevokedBeforeTheOpening(t *testing.T) {
	for name, revoke := range map[string]func(*nodetest.Harness, *nodetest.Machine){
		"the node's credentials": func(l *nodetest.Harness, m *nodetest.Machine) { l.Revoke(m.ID) },
		"the node's permission": func(l *nodetest.Harness, _ *nodetest.Machine) {
			l.Allow(t, everything+`,{"Effect":"Deny","Action":"ssmmessages:OpenControlChannel","Resource":"*"}`)
		},
		"the node": func(l *nodetest.Harness, m *nodetest.Machine) {
			if err := l.Nodes.Deregister(t.Context(), nodetest.Scope, m.ID); err != nil {
				t.Fatal(err)
			}
		},
	} {
		l := nodetest.New(t, nodetest.Options{})
		m := l.Register(t)
		status, body := m.CreateChannel(m.ID)
		token := nodetest.Token(t, status, body)
		conn, err := m.Dial(m.ID, websocket.DialOptions{})
		if err != nil {
			t.Fatal(err)
		}
		revoke(l, m)
		// The service may have closed it before.
		_ = conn.Write(t.Context(), websocket.MessageText, nodetest.Opening(token))
		if _, _, err := conn.Read(t.Context()); err == nil {
			t.Errorf("%s is gone, and something was said", name)
		}
		if l.Mailbox.Connected(m.ID) || l.Channels.Count() != 0 {
			t.Errorf("%s is gone, and the channel is open", name)
		}
		_ = conn.CloseNow()
	}
}

// A channel that is open ends when its credentials do, or what they may do.
func TestRevokedWhileOpen(t *testing.T) {
	for name, revoke := range map[string]func(*nodetest.Harness, *nodetest.Machine){
		"credentials": func(l *nodetest.Harness, m *nodetest.Machine) { l.Revoke(m.ID) },
		"permission": func(l *nodetest.Harness, _ *nodetest.Machine) {
			l.Allow(t, `{"Effect":"Allow","Action":"ssm:*","Resource":"*"}`)
		},
	} {
		l := nodetest.New(t, nodetest.Options{Channels: ssmmessages.Config{Recheck: 20 * time.Millisecond}})
		m := l.Register(t)
		a := m.Connect(nil)
		nodetest.Until(t, "the channel is open", func() bool { return l.Channels.Count() == 1 })
		revoke(l, m)
		select {
		case <-a.Gone():
		case <-time.After(10 * time.Second):
			t.Errorf("without %s the channel is still open", name)
		}
	}
}
