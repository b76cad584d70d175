package wg

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"postern/aws/fault"
	"postern/network/link"
	"postern/network/link/datagram"
	"postern/network/link/tunnel"
)

func TestJoinThenDial(t *testing.T) {
	l := newHarness(t, 8500)
	l.echo(labVPC)
	j := &joiner{ca: bytes.Repeat([]byte("certificate\n"), 400)}
	h := l.hub(Config{Joiner: j})
	conf, err := tunnel.Join(t.Context(), tunnel.JoinConfig{
		Server: h.LocalAddr().String(), Activation: labActivation, Code: labCode, Hostname: "press-7", Subnet: "subnet-1",
	})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(conf.Grant.CA, j.ca) {
		t.Error("the CA bundle is not what the server has")
	}
	if first := j.asked()[0]; first.Hostname != "press-7" || first.Subnet != "subnet-1" || !first.Source.IsValid() {
		t.Errorf("the joiner was asked %+v", first)
	}
	c, vpc := greet(t, l.dial(conf))
	if vpc != labVPC {
		t.Errorf("reached %s", vpc)
	}
	roundTrip(t, c, 1<<16)

	again, err := tunnel.Join(t.Context(), tunnel.JoinConfig{
		Server: h.LocalAddr().String(), Activation: labActivation, Code: labCode, PrivateKey: conf.PrivateKey,
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(
		conf, again, cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{}, link.PrivateKey{}),
	); diff != "" {
		t.Errorf("joining again gives another place: %s", diff)
	}
	if len(h.Peers()) != 1 {
		t.Errorf("%d peers, want 1", len(h.Peers()))
	}
	roundTrip(t, c, 1<<16) // it was not thrown out for it
}

func TestJoinRefused(t *testing.T) {
	skewed := func() time.Time { return time.Now().Add(-time.Hour) }
	for _, tt := range []struct {
		name   string
		change func(*tunnel.JoinConfig)
		answer error
		kind   fault.Kind
		says   string
	}{
		{
			"wrong code", func(c *tunnel.JoinConfig) { c.Code = "K7mQpX2vRt9LsYw4ZbNd" }, nil, fault.Unauthenticated,
			"not the right one",
		},
		{
			"unknown activation", func(c *tunnel.JoinConfig) { c.Activation = "unknown" }, nil, fault.Unauthenticated,
			"not the right one",
		},
		{"expired", nil, fault.New(fault.Conflict, "join", "the activation expired"), fault.Conflict, "expired"},
		{"used up", nil, fault.New(fault.Limit, "join", "the activation has been used 5 times of 5"), fault.Limit, "5 times"},
		{
			"no such subnet", nil, fault.New(fault.NotFound, "join", "no subnet").WithCode("InvalidSubnetID.NotFound"),
			fault.NotFound, "no subnet",
		},
		{"an inner error is not shown", nil, errors.New("disk on fire"), fault.Internal, "of its own"},
		{"clock", func(c *tunnel.JoinConfig) { c.Now = skewed }, nil, fault.Conflict, "clock is 1h"},
		{"no code", func(c *tunnel.JoinConfig) { c.Code = "" }, nil, fault.Missing, "code"},
		{"no activation", func(c *tunnel.JoinConfig) { c.Activation = "" }, nil, fault.Invalid, "activation"},
		{"bad server", func(c *tunnel.JoinConfig) { c.Server = "127.0.0.1:no-such-port" }, nil, fault.Invalid, "port"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHarness(t, 8500).hub(Config{Joiner: &joiner{err: tt.answer}})
			c := tunnel.JoinConfig{Server: h.LocalAddr().String(), Activation: labActivation, Code: labCode}
			if tt.change != nil {
				tt.change(&c)
			}
			_, err := tunnel.Join(within(t, 10*time.Second), c)
			if f := fault.Of(err); f == nil || f.Kind != tt.kind || !strings.Contains(f.Message, tt.says) {
				t.Errorf("%v (%v), want %v that says %q", err, f.Kind, tt.kind, tt.says)
			}
			if err != nil && (strings.Contains(err.Error(), c.Code) && c.Code != "" || strings.Contains(err.Error(), "fire")) {
				t.Errorf("%v tells what it must not", err)
			}
			if n := len(h.Peers()); n != 0 {
				t.Errorf("%d peers after a refusal", n)
			}
		})
	}
}

func TestJoinWithoutServer(t *testing.T) {
	l := newHarness(t, 8500)
	h := l.hub(Config{}) // no joiner
	_, err := tunnel.Join(within(t, 300*time.Millisecond), tunnel.JoinConfig{
		Server: h.LocalAddr().String(), Activation: labActivation, Code: labCode,
	})
	if !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "UDP port") {
		t.Errorf("%v", err)
	}
}

// Loss, duplicates and strangers' answers on the way change nothing about the outcome.
func TestJoinOnBadPaths(t *testing.T) {
	forged := (&link.JoinReply{Grant: link.Grant{
		Address: netip.MustParsePrefix("6.6.6.6/8"), Resolver: resolverAddr, MTU: 1420,
	}, ServerKey: link.PublicKey{6}}).
			Marshal(make([]byte, link.JoinKeySize), nil)
	for _, tt := range []struct {
		name   string
		meddle func(n int, batch [][]byte) [][]byte
	}{
		{"duplicates", func(_ int, b [][]byte) [][]byte { return append(b[:len(b):len(b)], b...) }},
		{"every second is lost", func(n int, b [][]byte) [][]byte {
			if n%2 == 0 {
				return nil
			}
			return b
		}},
		{"forged replies and refusals", func(_ int, b [][]byte) [][]byte {
			return append([][]byte{forged, new(link.Refusal).Marshal(nil), []byte("PSTJ")}, b...)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			j := &joiner{ca: make([]byte, 500)}
			h := newHarness(t, 8500).hub(Config{Joiner: j})
			p := newProxy(t, h.LocalAddr(), tt.meddle)
			conf, err := tunnel.Join(within(t, 25*time.Second), tunnel.JoinConfig{
				Server: p.front.LocalAddr().String(), Activation: labActivation, Code: labCode,
			})
			if err != nil {
				t.Fatal(err)
			}
			if conf.Grant.Interface != "eni-vpc-1-10.0.1.20" || len(conf.Grant.CA) != 500 {
				t.Errorf("Grant = %+v", conf.Grant)
			}
		})
	}
}

// What the admission answers to one datagram, seen without a socket.
func TestAdmission(t *testing.T) {
	now := time.Unix(1_790_000_000, 0)
	j := new(joiner)
	h := newHarness(t, 8500).hub(Config{Joiner: j, Now: func() time.Time { return now }})
	key := link.DeriveJoinKey(labActivation, labCode)
	from := datagram.Path{Remote: netip.MustParseAddrPort("192.0.2.1:5000")}
	request := func(change func(*link.JoinRequest)) *link.JoinRequest {
		r := &link.JoinRequest{
			Activation: labActivation, PublicKey: link.PublicKey{7}, Time: now,
			Nonce: [link.NonceSize]byte{byte(len(j.asked())), 1},
		}
		if change != nil {
			change(r)
		}
		return r
	}
	ask := func(message []byte) []byte { return h.admission.answer(t.Context(), pending{message, from}) }

	first := request(nil).Marshal(key)
	if reply, _, err := link.ParseJoinAnswer(ask(first), key); err != nil || reply == nil {
		t.Fatalf("the first request: %v", err)
	}
	if b := ask(first); b != nil {
		t.Error("a replayed request is answered")
	}
	for _, tt := range []struct {
		name   string
		change func(*link.JoinRequest)
		late   bool
	}{
		{"just in time, early", func(r *link.JoinRequest) { r.Time = now.Add(link.JoinWindow) }, false},
		{"just in time, late", func(r *link.JoinRequest) { r.Time = now.Add(-link.JoinWindow) }, false},
		{"too early", func(r *link.JoinRequest) { r.Time = now.Add(link.JoinWindow + time.Second) }, true},
		{"too late", func(r *link.JoinRequest) { r.Time = now.Add(-link.JoinWindow - time.Second) }, true},
	} {
		reply, refusal, err := link.ParseJoinAnswer(ask(request(tt.change).Marshal(key)), key)
		if err != nil || (refusal != nil) != tt.late || (reply != nil) == tt.late {
			t.Errorf("%s: reply %t, refusal %v, error %v", tt.name, reply != nil, refusal, err)
		}
	}
	calls := len(j.asked())
	wrong := ask(request(nil).Marshal(link.DeriveJoinKey(labActivation, "wrong")))
	unknown := ask(request(func(r *link.JoinRequest) { r.Activation = "unknown" }).Marshal(key))
	zero := ask(request(func(r *link.JoinRequest) { r.Activation = "unknown" }).Marshal(nobody))
	if !bytes.Equal(wrong, unknown) || !bytes.Equal(wrong, zero) {
		t.Errorf("a wrong code (%x) and an unknown activation (%x, %x) can be told apart", wrong, unknown, zero)
	}
	if b := ask(bytes.Repeat([]byte{1}, link.JoinSize)); b != nil {
		t.Error("garbage is answered")
	}
	if len(j.asked()) != calls {
		t.Error("the joiner was asked about a stranger")
	}
}

func TestLimiter(t *testing.T) {
	now := time.Unix(1_790_000_000, 0)
	var l limiter
	count := func(addr string, n int) int {
		allowed := 0
		for range n {
			if l.allow(netip.MustParseAddr(addr), now) {
				allowed++
			}
		}
		return allowed
	}
	for _, tt := range []struct {
		addr  string
		after time.Duration
		want  int
	}{
		{"192.0.2.1", 0, limitBurst},
		{"192.0.2.1", time.Second, limitRate},
		{"192.0.2.2", 0, limitBurst},
		{"2001:db8::1", 0, limitBurst},
		{"2001:db8::2", 0, 0}, // the same /64
		{"192.0.2.1", time.Hour, limitBurst},
	} {
		now = now.Add(tt.after)
		if got := count(tt.addr, 2*limitBurst); got != tt.want {
			t.Errorf("%s after %s: %d allowed, want %d", tt.addr, tt.after, got, tt.want)
		}
	}
	for i := range 2 * limitSources {
		count(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}).String(), 1)
	}
	if len(l.sources) > limitSources {
		t.Errorf("%d sources are kept", len(l.sources))
	}
}

func TestNonces(t *testing.T) {
	now := time.Unix(1_790_000_000, 0)
	var n nonces
	a, b := [link.NonceSize]byte{1}, [link.NonceSize]byte{2}
	for _, tt := range []struct {
		nonce [link.NonceSize]byte
		after time.Duration
		want  bool
	}{
		{a, 0, true}, {a, 0, false}, {b, 0, true}, {a, 2*link.JoinWindow + 1, false}, {b, 0, false},
		{a, 2*link.JoinWindow + 1, true},
	} {
		now = now.Add(tt.after)
		if got := n.first(tt.nonce, now); got != tt.want {
			t.Errorf("%v after %s: first %t, want %t", tt.nonce[0], tt.after, got, tt.want)
		}
	}
	for i := range 2 * noncesKept {
		n.first([link.NonceSize]byte{3, byte(i), byte(i >> 8), byte(i >> 16)}, now)
	}
	if kept := len(n.young) + len(n.old); kept > noncesKept {
		t.Errorf("%d nonces are kept", kept)
	}
}

func TestIndexTable(t *testing.T) {
	now := time.Unix(1_790_000_000, 0)
	var table indexTable
	one, two := new(bind), new(bind)
	for _, tt := range []struct {
		owner *bind
		after time.Duration
		want  bool
	}{
		{one, 0, true}, {one, 0, true}, {two, 0, false}, {two, indexLife + 1, false}, {two, indexLife + 1, true},
		{one, 0, false},
	} {
		now = now.Add(tt.after)
		if got := table.give(7, tt.owner, now); got != tt.want {
			t.Errorf("give after %s: %t, want %t", tt.after, got, tt.want)
		}
	}
	if table.find(7) != two || table.find(8) != nil {
		t.Error("find does not know who was given what")
	}
	table.forget(two)
	if table.find(7) != nil {
		t.Error("forgotten and found")
	}
}

func TestGauge(t *testing.T) {
	now := time.Unix(1_790_000_000, 0)
	var g gauge
	for _, tt := range []struct {
		after    time.Duration
		in, left int
		want     bool
	}{
		{0, gaugeLimit, 0, true},
		{0, 1, 0, true}, // at the limit, not beyond it
		{0, 1, 0, false},
		{0, 1, 100, true}, // some came out
		{0, 64, 0, true},
		{gaugeTick + 1, gaugeLimit, 0, true}, // half is forgotten
		{0, 1, 0, false},
	} {
		now = now.Add(tt.after)
		g.leave(tt.left)
		if got := g.admit(tt.in, now); got != tt.want {
			t.Errorf(
				"admit %d after %s with %d out: %t, want %t (%d inside)", tt.in, tt.after, tt.left, got, tt.want, g.inside.Load(),
			)
		}
	}
	if g.Refused.Load() != 2 {
		t.Errorf("%d refused", g.Refused.Load())
	}
}

// mistaken is a joiner that panics at the first request.
type mistaken struct {
	*joiner
	panicked atomic.Bool
}

func (m *mistaken) JoinKey(ctx context.Context, activation string) ([]byte, error) {
	if !m.panicked.Swap(true) {
		panic("nil map")
	}
	return m.joiner.JoinKey(ctx, activation)
}

// A join that the program cannot cope with is not answered; who asks asks again.
func TestAdmissionOutlivesAPanic(t *testing.T) {
	l := newHarness(t, 8500)
	m := &mistaken{joiner: &joiner{}}
	h := l.hub(Config{Joiner: m})
	_, err := tunnel.Join(t.Context(), tunnel.JoinConfig{
		Server: h.LocalAddr().String(), Activation: labActivation, Code: labCode, Hostname: "a",
	})
	if err != nil || !m.panicked.Load() {
		t.Errorf("%v, panicked: %v", err, m.panicked.Load())
	}
}
