package tunnel

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"golang.zx2c4.com/wireguard/device"
)

// TestSessionsAreFollowed sends messages in sessions that come by the clock, because the server asked, or because it
// was silent.
func TestSessionsAreFollowed(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	b := newBind(netip.MustParseAddrPort("127.0.0.1:0"), 1, func() time.Time { return now })
	told := func(c chan struct{}) bool {
		select {
		case <-c:
			return true
		default:
			return false
		}
	}
	for _, step := range []struct {
		what            string
		after           time.Duration
		session         uint32
		seeking         bool
		renewed, broken bool
	}{
		{"the first", 0, 7, false, false, false},
		{"the same", time.Hour, 7, false, false, false},
		{"by the clock", 2 * time.Minute, 8, false, false, false},
		{"long before its time", 20 * time.Second, 9, false, false, true},
		{"by a second answer to the same handshake", 5 * time.Second, 12, false, false, false},
		{"by the clock again", 2 * time.Minute, 10, false, false, false},
		{"because the server said so", time.Second, 11, true, true, false},
		{"and no other", time.Second, 11, false, false, false},
	} {
		now = now.Add(step.after)
		m := make([]byte, device.MessageTransportSize)
		binary.LittleEndian.PutUint32(m, device.MessageTransportType)
		binary.LittleEndian.PutUint32(m[device.MessageTransportOffsetReceiver:], step.session)
		b.seeking.Store(step.seeking)
		b.follow(m)
		if renewed, broken := told(b.renewed), told(b.broken); renewed != step.renewed || broken != step.broken {
			t.Errorf("%s: renewed %t, broken %t", step.what, renewed, broken)
		}
	}
}
