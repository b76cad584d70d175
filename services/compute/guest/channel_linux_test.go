package guest

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"
)

func openFiles(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

// TestJunkOfAGuestDoesNotAddUp lets a guest say everything at the wrong time, with files in each message.
func TestJunkOfAGuestDoesNotAddUp(t *testing.T) {
	server, serverEnd, err := channelPair()
	if err != nil {
		t.Fatal(err)
	}
	defer server.close()
	defer serverEnd.Close()
	ours, theirs, err := channelPair()
	if err != nil {
		t.Fatal(err)
	}
	root, err := newChannel(theirs)
	if err != nil {
		t.Fatal(err)
	}
	k := &keeper{server: server, guest: ours}
	before := openFiles(t)
	go func() {
		defer root.close()
		for range 20 {
			for _, verb := range []string{"tap", "ok", "error", "console", "boot", "", "ready", "tap", "ok"} {
				_ = root.send(verb, []byte("x"), os.Stdin, os.Stdin, os.Stdin)
			}
		}
	}()
	k.followGuest()
	ours.close()
	if k.ready || !k.failed {
		t.Errorf("a guest without a network interface: ready %t, failed %t", k.ready, k.failed)
	}
	if after := openFiles(t); after > before {
		t.Errorf("%d files are open, before %d", after, before)
	}
}

// FuzzGuestSays lets a guest's first process say anything to its keeper, before it is ready and after.
func FuzzGuestSays(f *testing.F) {
	for _, seed := range []string{"tap", "ready", "missing {}", "error no", "ok", "console text", "", " ", "tap " +
		string(make([]byte, 100))} {
		f.Add([]byte(seed), true)
		f.Add([]byte(seed), false)
	}
	f.Fuzz(func(t *testing.T, text []byte, ready bool) {
		m, err := parseMessage(text)
		if err != nil {
			return
		}
		if !bytes.HasPrefix(text, []byte(m.verb)) || len(m.body) > len(text) {
			t.Errorf("%q became %q and %q", text, m.verb, m.body)
		}
		server, end, err := channelPair()
		if err != nil {
			t.Skip(err)
		}
		defer server.close()
		defer end.Close()
		answer := make(chan message, 1)
		k := &keeper{server: server, ready: ready, pending: answer}
		k.hear(&m)
		if !ready && k.ready {
			t.Error("ready without a network interface")
		}
	})
}

// FuzzKeeperSays lets a keeper, which an older or newer program may be, say anything to the server.
func FuzzKeeperSays(f *testing.F) {
	for _, seed := range []string{"ready", "missing {}", `missing {"What":"x"}`, "error no", "ok", `ended {"Kind":2}`,
		"ended", "console x"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := parseMessage(text)
		if err != nil {
			return
		}
		p := &process{begun: make(chan error, 1), answers: make(chan message, 1)}
		p.hear(&m)
		if err := <-p.begun; err == nil || p.tap != nil {
			t.Errorf("%q began a boot", text)
		}
		var r endReport
		if json.Unmarshal(m.body, &r) == nil {
			_ = r.end()
		}
	})
}
