package link

import (
	"bytes"
	"testing"
)

func TestPacketCopy(t *testing.T) {
	p := Packet{Data: []byte("abc"), More: [][]byte{[]byte("de"), nil, []byte("fgh")}}
	for _, c := range []struct {
		offset, room int
		want         string
	}{
		{0, 8, "abcdefgh"}, {0, 4, "abcd"}, {2, 3, "cde"}, {3, 9, "defgh"}, {5, 1, "f"}, {7, 5, "h"}, {8, 5, ""},
	} {
		dst := make([]byte, c.room)
		if n := p.Copy(dst, c.offset); !bytes.Equal(dst[:n], []byte(c.want)) {
			t.Errorf("Copy from %d into %d: %q, want %q", c.offset, c.room, dst[:n], c.want)
		}
	}
	if p.Len() != 8 {
		t.Errorf("Len = %d, want 8", p.Len())
	}
}

func TestNewIsReleasedOnce(t *testing.T) {
	p := New(100)
	if len(p.Data) != 100 {
		t.Fatalf("%d bytes, want 100", len(p.Data))
	}
	p.Release()
	p.Release() // a released packet owns nothing
}
