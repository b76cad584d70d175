package world_test

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"testing"

	"gvisor.dev/gvisor/pkg/tcpip/checksum"

	"postern/test/world"
)

// TCP flags.
const (
	syn = 0x02
	rst = 0x04
)

// segment is a TCP segment without payload, as a machine would put it on its wire.
func segment(from, to netip.AddrPort, flags byte) []byte {
	b := make([]byte, 40)
	b[0], b[8], b[9] = 0x45, 64, 6
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	copy(b[12:], from.Addr().AsSlice())
	copy(b[16:], to.Addr().AsSlice())
	binary.BigEndian.PutUint16(b[10:], ^checksum.Checksum(b[:20], 0))
	tcp := b[20:]
	binary.BigEndian.PutUint16(tcp, from.Port())
	binary.BigEndian.PutUint16(tcp[2:], to.Port())
	tcp[3+1] = 1 // the sequence number
	tcp[12], tcp[13], tcp[14] = 5<<4, flags, 0xff
	sum := checksum.Combine(checksum.Checksum(b[12:20], 6), uint16(len(tcp)))
	binary.BigEndian.PutUint16(tcp[16:], ^checksum.Checksum(tcp, sum))
	return b
}

// TestHostilePackets puts a bare wire in the place of a node and sends what no machine should, as fast as it goes,
// while a neighbour works. Nothing of it arrives anywhere, the neighbour's connections stay, and so does the server.
func TestHostilePackets(t *testing.T) {
	t.Parallel()
	var seen witness
	w := world.New(t, world.Nodes(1), world.Audit(seen.audit))
	victim := w.Node(0)
	found, err := w.Bare().Lookup(t.Context(), "ssmmessages.us-east-1.amazonaws.com")
	if err != nil {
		t.Fatal(err)
	}
	seen.forget()
	bad := w.Bare()
	wire := bad.Wire()
	endpoint := func(n int) netip.AddrPort { return netip.AddrPortFrom(found[n%len(found)], 443) }
	random := rand.New(rand.NewPCG(1, 2))
	for n := range 20_000 {
		spoofed := segment(netip.AddrPortFrom(victim.Address, uint16(1024+n)), endpoint(n), rst)
		fragment := segment(netip.AddrPortFrom(bad.Address, 1), endpoint(n), syn)
		fragment[6] = 0x20
		binary.BigEndian.PutUint16(fragment[10:], 0)
		binary.BigEndian.PutUint16(fragment[10:], ^checksum.Checksum(fragment[:20], 0))
		garbage := make([]byte, random.IntN(80))
		for i := range garbage {
			garbage[i] = byte(random.Uint32())
		}
		wire.PutBytes(spoofed)
		wire.PutBytes(fragment)
		wire.PutBytes(garbage)
		wire.PutBytes(segment(netip.AddrPortFrom(bad.Address, uint16(1024+n)), netip.AddrPortFrom(victim.Address, 22), syn))
	}
	wire.PutBytes(append(segment(netip.AddrPortFrom(bad.Address, 7), endpoint(0), syn), make([]byte, 60_000)...))
	for _, reason := range []string{"spoofed", "fragment", "no-rule"} {
		if bad.Drops()[reason] < 20_000 {
			t.Errorf("dropped as %s: %d", reason, bad.Drops()[reason])
		}
	}
	if got := wire.Take(); len(got) > 0 {
		t.Errorf("%d answers to packets that lead nowhere", len(got))
	}
	if got := victim.Says("echo undisturbed"); got != "undisturbed\n" {
		t.Errorf("the neighbour says %q", got)
	}
	if seen.saw(operation("OpenControlChannel", victim.ID)) > 0 {
		t.Error("the neighbour had to open its channel again")
	}
	// The port itself is not what was refused: a good packet passes and is answered.
	wire.PutBytes(segment(netip.AddrPortFrom(bad.Address, 40_000), endpoint(0), syn))
	if answer := wire.Wait(); len(answer) == 0 {
		t.Error("no answer to a good packet")
	}
}
