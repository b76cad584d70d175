package link

import (
	"bytes"
	"errors"
	"net/netip"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// readAll reads n packets of a wire, as wireguard-go would.
func readAll(t *testing.T, w *Wire, n int) (sizes []int) {
	t.Helper()
	const offset = 16
	bufs := make([][]byte, WireBatch)
	for i := range bufs {
		bufs[i] = make([]byte, offset+MaxPacket)
	}
	got := make([]int, WireBatch)
	for len(sizes) < n {
		count, err := w.Read(bufs, got, offset)
		if err != nil {
			t.Fatal(err)
		}
		for i, size := range got[:count] {
			if err := checkPacket(bufs[i][offset : offset+size]); err != nil {
				t.Fatal(err)
			}
			sizes = append(sizes, size)
		}
	}
	return sizes
}

func super(payload int, segmentSize uint16) Packet {
	b := segment{from: alice, to: bob, flags: header.TCPFlagAck, payload: pattern(payload)}.bytes()
	return Packet{Data: b, SegmentSize: segmentSize, Checksum: ChecksumPartial}
}

func TestPortsCutToTheirOwnMTU(t *testing.T) {
	w := NewWire(1420, WireBatch, nil)
	defer w.Close()
	small, large := w.Port(1420), w.Port(8920)
	small.Send([]Packet{super(2*1380, 1380)})
	large.Send([]Packet{super(2*8880, 8880)})
	small.Send([]Packet{super(8880, 8880), super(10, 1380)}) // the first does not fit
	if diff := cmp.Diff([]int{1420, 1420, 8920, 8920, 50}, readAll(t, w, 5)); diff != "" {
		t.Error(diff)
	}
}

// A super-segment of more packets than one read takes goes on in the next.
func TestReadGoesOn(t *testing.T) {
	w := NewWire(1420, WireBatch, nil)
	defer w.Close()
	w.Port(1420).Send([]Packet{super(60000, 500), super(100, 500)})
	sizes := readAll(t, w, 121)
	if len(sizes) != 121 || sizes[119] != 540 || sizes[120] != 140 {
		t.Errorf("%d packets, the last %v", len(sizes), sizes[len(sizes)-2:])
	}
}

func TestPortDropsWhatHasNoRoom(t *testing.T) {
	w := NewWire(1420, WireBatch, nil)
	defer w.Close()
	greedy, modest := w.Port(1420), w.Port(1420)
	const each = 60000
	for range 2 * portBytes / each {
		greedy.Send([]Packet{super(each, 1380)})
	}
	modest.Send([]Packet{super(each, 1380)})
	room := uint64(portBytes / (each + 40))
	if got, want := greedy.Dropped.Load(), 2*portBytes/each-room; got != want {
		t.Errorf("%d dropped, want %d", got, want)
	}
	if modest.Dropped.Load() != 0 {
		t.Error("one sender took another's room")
	}
	readAll(t, w, int(room)*44)
	greedy.Send([]Packet{super(each, 1380)})
	if got, want := greedy.Dropped.Load(), 2*portBytes/each-room; got != want {
		t.Errorf("%d dropped after there was room again, want %d", got, want)
	}
}

func TestWireDelivers(t *testing.T) {
	var sources []netip.Addr
	var sizes []int
	w := NewWire(1420, WireBatch, func(source netip.Addr, batch []Packet) {
		for i := range batch {
			sources = append(sources, source)
			sizes = append(sizes, batch[i].Len())
			if batch[i].Checksum != ChecksumVerified {
				t.Errorf("checksum %d, want verified: the tunnel vouches for it", batch[i].Checksum)
			}
		}
		Release(batch)
	})
	defer w.Close()
	const offset = 16
	var bufs [][]byte
	for _, b := range [][]byte{
		segment{from: alice, to: bob, flags: header.TCPFlagAck, payload: pattern(100)}.bytes(),
		segment{from: alice, to: bob, seq: 100, flags: header.TCPFlagAck, payload: pattern(100)}.bytes(),
		segment{from: carol, to: dave, flags: header.TCPFlagAck, payload: pattern(7)}.bytes(),
		{0xff, 1, 2}, // no IP packet
	} {
		bufs = append(bufs, append(make([]byte, offset), b...))
	}
	if n, err := w.Write(bufs, offset); n != len(bufs) || err != nil {
		t.Errorf("Write = %d, %v", n, err)
	}
	if diff := cmp.Diff([]netip.Addr{alice.Addr(), carol.Addr()}, sources,
		cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]int{240, 67}, sizes); diff != "" {
		t.Error(diff)
	}
}

func TestClosedWire(t *testing.T) {
	w := NewWire(1420, WireBatch, nil)
	p := w.Port(1420)
	read := make(chan error)
	go func() {
		_, err := w.Read([][]byte{make([]byte, 2000)}, []int{0}, 0)
		read <- err
	}()
	if err := errors.Join(w.Close(), w.Close()); err != nil {
		t.Error(err)
	}
	if err := <-read; !errors.Is(err, os.ErrClosed) {
		t.Errorf("Read = %v, want os.ErrClosed", err)
	}
	p.Send([]Packet{{Data: bytes.Repeat([]byte{0x45}, 40)}})
	if p.Dropped.Load() != 1 {
		t.Error("a closed wire took a packet")
	}
}
