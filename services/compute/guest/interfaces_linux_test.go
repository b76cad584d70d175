package guest_test

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"os"
	"testing"
	"time"

	"postern/network/link"
	"postern/services/compute/guest"
)

// echo is an ICMP echo request.
func echo(from, to netip.Addr) link.Packet {
	p := link.New(28)
	clear(p.Data)
	b := p.Data
	b[0], b[8], b[9] = 0x45, 64, 1
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	copy(b[12:], from.AsSlice())
	copy(b[16:], to.AsSlice())
	binary.BigEndian.PutUint16(b[10:], sum(b[:20]))
	b[20] = 8
	binary.BigEndian.PutUint16(b[22:], sum(b[20:]))
	return p
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

// far is the other end of a guest's network interface.
type far struct {
	*link.TAP
	came chan []byte
}

// cable takes the other end of an interface over.
func cable(t *testing.T, file *os.File, mac string, address netip.Prefix) far {
	t.Helper()
	m, err := link.ParseMAC(mac)
	if err != nil {
		t.Fatal(err)
	}
	tap, err := link.NewTAP(file, 9001, m, address)
	if err != nil {
		t.Fatal(err)
	}
	f := far{tap, make(chan []byte, 1000)}
	tap.Open(func(batch []link.Packet) {
		for i := range batch {
			select {
			case f.came <- bytes.Clone(batch[i].Data):
			default: // nobody looks any more
			}
		}
		link.Release(batch)
	})
	t.Cleanup(func() { tap.Close() })
	return f
}

// wait returns the first packet that fits, nil after a time.
func (f far) wait(d time.Duration, fits func(p []byte) bool) []byte {
	timeout := time.NewTimer(d)
	defer timeout.Stop()
	for {
		select {
		case p := <-f.came:
			if len(p) >= 28 && p[0]>>4 == 4 && fits(p) {
				return p
			}
		case <-timeout.C:
			return nil
		}
	}
}

// answered sends an echo request into a guest's interface and says whether the answer comes out of it.
func (f far) answered(from, to netip.Addr, wait time.Duration) bool {
	f.Send([]link.Packet{echo(from, to)})
	return f.wait(wait, func(p []byte) bool {
		return p[9] == 1 && p[20] == 0 && bytes.Equal(p[12:16], to.AsSlice()) && bytes.Equal(p[16:20], from.AsSlice())
	}) != nil
}

// TestPlug gives a running guest a second interface and more addresses. Answers leave by the interface that the
// question came by, wherever the default route leads.
func TestPlug(t *testing.T) {
	l := newFixture(t)
	b, _ := l.boot(60, "")
	m := start(t, l, b)
	outside, own := netip.MustParseAddr("192.0.2.9"), b.Address.Addr()
	nic := guest.NIC{
		Index:     1,
		MAC:       "0a:00:00:00:00:70",
		Address:   netip.MustParsePrefix("10.0.1.70/24"),
		Gateway:   b.Gateway,
		MTU:       9001,
		Secondary: []netip.Addr{netip.MustParseAddr("10.0.1.71")},
	}
	tap, err := m.Plug(nic)
	if err != nil {
		t.Fatal(err)
	}
	first, second := cable(t, m.TAP(), b.MAC, b.Address), cable(t, tap, nic.MAC, nic.Address)
	want := func(what string, f far, to string, want bool) {
		t.Helper()
		wait := patience
		if !want {
			wait = 200 * time.Millisecond
		}
		if got := f.answered(outside, netip.MustParseAddr(to), wait); got != want {
			t.Errorf("%s: answered %t, want %t", what, got, want)
		}
	}
	want("the first interface", first, own.String(), true)
	want("the second", second, "10.0.1.70", true)
	want("its secondary address", second, "10.0.1.71", true)
	nic.Secondary = []netip.Addr{netip.MustParseAddr("10.0.1.72")}
	if err := m.Assign(nic); err != nil {
		t.Fatal(err)
	}
	want("an address that was taken away", second, "10.0.1.71", false)
	want("a new one", second, "10.0.1.72", true)
	primary := guest.NIC{
		MAC: b.MAC, Address: b.Address, Gateway: b.Gateway, Secondary: []netip.Addr{netip.MustParseAddr("10.0.1.61")},
	}
	if err := m.Assign(primary); err != nil {
		t.Fatal(err)
	}
	want("one of the first interface", first, "10.0.1.61", true)
	if _, err := m.Plug(nic); err == nil {
		t.Error("two interfaces have the same name")
	}
	second.Close()
	if tap, err = m.Plug(nic); err != nil {
		t.Fatal(err)
	}
	want("plugged in again", cable(t, tap, nic.MAC, nic.Address), "10.0.1.72", true)
}
