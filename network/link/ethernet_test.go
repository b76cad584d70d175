package link

import (
	"bytes"
	"net/netip"
	"testing"
)

var (
	ownMAC  = MAC{0x0a, 1, 2, 3, 4, 5}
	ownNet  = netip.MustParsePrefix("10.9.0.20/24")
	station = newEthernet(ownMAC, ownNet)
)

// request is an ARP message of 28 bytes that asks who has an address.
func request(from MAC, sender, target string) []byte {
	b := []byte{0, 1, 8, 0, 6, 4, 0, 1}
	b = append(b, from[:]...)
	b = append(b, netip.MustParseAddr(sender).AsSlice()...)
	b = append(b, make([]byte, 6)...)
	return append(b, netip.MustParseAddr(target).AsSlice()...)
}

func TestARP(t *testing.T) {
	other := MAC{0x0a, 9, 9, 9, 9, 9}
	for _, tt := range []struct {
		what   string
		m      []byte
		answer bool
	}{
		{"the router", request(ownMAC, "10.9.0.20", "10.9.0.1"), true},
		{"any address of the subnet", request(ownMAC, "10.9.0.20", "10.9.0.77"), true},
		{"the metadata service", request(ownMAC, "10.9.0.20", "169.254.169.254"), true},
		{"another link-local address", request(ownMAC, "10.9.0.20", "169.254.1.1"), false},
		{"an address of another subnet", request(ownMAC, "10.9.0.20", "10.9.1.1"), false},
		{"the subnet itself", request(ownMAC, "10.9.0.20", "10.9.0.0"), false},
		{"its broadcast address", request(ownMAC, "10.9.0.20", "10.9.0.255"), false},
		{"a probe for an address", request(ownMAC, "0.0.0.0", "10.9.0.20"), false},
		{"an announcement of one's own", request(ownMAC, "10.9.0.20", "10.9.0.20"), false},
		{"in another's name", request(other, "10.9.0.20", "10.9.0.1"), false},
		{"cut", request(ownMAC, "10.9.0.20", "10.9.0.1")[:27], false},
		{"a reply", func() []byte { m := request(ownMAC, "10.9.0.20", "10.9.0.1"); m[7] = 2; return m }(), false},
		{"not about Ethernet", func() []byte { m := request(ownMAC, "10.9.0.20", "10.9.0.1"); m[1] = 6; return m }(), false},
	} {
		asked := bytes.Clone(tt.m)
		if got := station.answer(tt.m); got != tt.answer {
			t.Errorf("%s: answered %t, want %t", tt.what, got, tt.answer)
			continue
		}
		router := RouterMAC(ownNet)
		if tt.answer && (tt.m[7] != 2 || MAC(tt.m[8:14]) != router || !bytes.Equal(tt.m[14:18], asked[24:28]) ||
			!bytes.Equal(tt.m[18:28], asked[8:18])) {
			t.Errorf("%s: the answer is % x", tt.what, tt.m)
		}
	}
}

func TestFrames(t *testing.T) {
	router, other := RouterMAC(ownNet), MAC{0x0a, 9, 9, 9, 9, 9}
	frame := func(to, from MAC, kind uint16) []byte {
		return append(append(append([]byte{}, to[:]...), from[:]...), byte(kind>>8), byte(kind))
	}
	v4, v6 := []byte{0x45}, []byte{0x60}
	for _, tt := range []struct {
		what           string
		frame, content []byte
		want           FrameFault
	}{
		{"IPv4 to the router", frame(router, ownMAC, typeIPv4), v4, FrameGood},
		{"IPv6 to the router", frame(router, ownMAC, typeIPv6), v6, FrameGood},
		{"ARP to everybody", frame(MAC{255, 255, 255, 255, 255, 255}, ownMAC, typeARP), nil, FrameGood},
		{"another's source", frame(router, other, typeIPv4), v4, FrameSource},
		{"the router's own source", frame(router, router, typeARP), v4, FrameSource},
		{"to another station", frame(other, ownMAC, typeIPv4), v4, FrameDestination},
		{"broadcast", frame(MAC{255, 255, 255, 255, 255, 255}, ownMAC, typeIPv4), v4, FrameDestination},
		{"multicast", frame(MAC{1, 0, 0x5e, 0, 0, 1}, ownMAC, typeIPv4), v4, FrameDestination},
		{"a VLAN", frame(router, ownMAC, 0x8100), v4, FrameType},
		{"a length instead of a type", frame(router, ownMAC, 46), v4, FrameType},
		{"IPv6 that says it is IPv4", frame(router, ownMAC, typeIPv4), v6, FrameType},
		{"nothing", frame(router, ownMAC, typeIPv4), nil, FrameType},
	} {
		if got := station.fault(tt.frame, tt.content); got != tt.want {
			t.Errorf("%s: fault %d, want %d", tt.what, got, tt.want)
		}
	}
}

// FuzzFrame holds that nothing an interface's owner sends makes the link fail, and that whatever passes as a packet is
// from the interface's own address.
func FuzzFrame(f *testing.F) {
	f.Add(append([]byte{0x06, 0, 10, 9, 0, 1, 0x0a, 1, 2, 3, 4, 5, 8, 0}, 0x45), []byte{})
	f.Add([]byte{255, 255, 255, 255, 255, 255, 0x0a, 1, 2, 3, 4, 5, 8, 6}, request(ownMAC, "10.9.0.20", "10.9.0.1"))
	f.Fuzz(func(t *testing.T, frame, content []byte) {
		if len(frame) < ethernetSize {
			return
		}
		if station.fault(frame, content) == FrameGood && MAC(frame[6:12]) != ownMAC {
			t.Error("a frame of another's passes")
		}
		station.answer(content)
	})
}
