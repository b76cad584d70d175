package guest_test

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"os"
	"testing"
	"time"

	"postern/support/compute/guest"
)

// echo is an ICMP echo request, with the header that a TUN device wants before it.
func echo(from, to netip.Addr) []byte {
	const virtioHeader = 10
	b := make([]byte, virtioHeader+28)
	p := b[virtioHeader:]
	p[0], p[8], p[9] = 0x45, 64, 1
	binary.BigEndian.PutUint16(p[2:], uint16(len(p)))
	copy(p[12:], from.AsSlice())
	copy(p[16:], to.AsSlice())
	binary.BigEndian.PutUint16(p[10:], sum(p[:20]))
	p[20] = 8
	binary.BigEndian.PutUint16(p[22:], sum(p[20:]))
	return b
}

// sum is the Internet checksum (RFC 1071).
func sum(b []byte) uint16 {
	var s uint32
	for i := 0; i+1 < len(b); i += 2 {
		s += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return ^uint16(s)
}

// answered sends an echo request into a guest's interface and says whether the answer comes out of it.
func answered(t *testing.T, tun *os.File, from, to netip.Addr, wait time.Duration) bool {
	t.Helper()
	if _, err := tun.Write(echo(from, to)); err != nil {
		t.Fatal(err)
	}
	if err := tun.SetReadDeadline(time.Now().Add(wait)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 1<<16)
	for {
		n, err := tun.Read(buf)
		if err != nil {
			return false
		}
		p := buf[10:n]
		if len(p) >= 28 && p[9] == 1 && p[20] == 0 && bytes.Equal(p[12:16], to.AsSlice()) && bytes.Equal(p[16:20], from.AsSlice()) {
			return true
		}
	}
}

// TestPlug gives a running guest a second interface and more addresses. Answers leave by the interface that the question
// came by, wherever the default route leads.
func TestPlug(t *testing.T) {
	l := newLab(t)
	b, _ := l.boot(60, "")
	m := start(t, l, b)
	far, own := netip.MustParseAddr("192.0.2.9"), b.Address.Addr()
	card := guest.Card{Index: 1, Address: netip.MustParsePrefix("10.0.1.70/24"), Gateway: b.Gateway, MTU: 9001, Secondary: []netip.Addr{netip.MustParseAddr("10.0.1.71")}}
	tun, err := m.Plug(card)
	if err != nil {
		t.Fatal(err)
	}
	want := func(what string, tun *os.File, to string, want bool) {
		t.Helper()
		wait := patience
		if !want {
			wait = 200 * time.Millisecond
		}
		if got := answered(t, tun, far, netip.MustParseAddr(to), wait); got != want {
			t.Errorf("%s: answered %t, want %t", what, got, want)
		}
	}
	want("the first interface", m.TUN(), own.String(), true)
	want("the second", tun, "10.0.1.70", true)
	want("its secondary address", tun, "10.0.1.71", true)
	card.Secondary = []netip.Addr{netip.MustParseAddr("10.0.1.72")}
	if err := m.Assign(card); err != nil {
		t.Fatal(err)
	}
	want("an address that was taken away", tun, "10.0.1.71", false)
	want("a new one", tun, "10.0.1.72", true)
	first := guest.Card{Address: b.Address, Gateway: b.Gateway, Secondary: []netip.Addr{netip.MustParseAddr("10.0.1.61")}}
	if err := m.Assign(first); err != nil {
		t.Fatal(err)
	}
	want("one of the first interface", m.TUN(), "10.0.1.61", true)
	if _, err := m.Plug(card); err == nil {
		t.Error("two interfaces have the same name")
	}
	tun.Close()
	if tun, err = m.Plug(card); err != nil {
		t.Fatal(err)
	}
	want("plugged in again", tun, "10.0.1.72", true)
	tun.Close()
}
