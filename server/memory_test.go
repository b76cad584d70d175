package server

import "testing"

func TestGCPercent(t *testing.T) {
	for _, tt := range []struct {
		inUse uint64
		want  int
	}{
		{0, 100},
		{1 << 20, 100},
		{headroom, 100},
		{2 * headroom, 50},
		{3 * headroom, 33},
		{4 * headroom, 25},
		{100 * headroom, 25},
	} {
		if got := gcPercent(tt.inUse); got != tt.want {
			t.Errorf("gcPercent(%d) = %d, want %d", tt.inUse, got, tt.want)
		}
	}
	if inUse() == 0 {
		t.Error("nothing is in use")
	}
}
