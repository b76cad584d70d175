package vpc

import (
	"maps"
	"strconv"
	"testing"

	"pgregory.net/rapid"
)

// TestIndex compares an index with a map over random changes, and every version of it with what it held when it was
// made.
func TestIndex(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type version struct {
			index index[string, int]
			want  map[string]int
		}
		now := version{want: map[string]int{}}
		var past []version
		keys := rapid.IntRange(0, rapid.SampledFrom([]int{20, 2000}).Draw(t, "keys"))
		for range rapid.IntRange(1, 8).Draw(t, "versions") {
			past = append(past, version{now.index, maps.Clone(now.want)})
			by := new(edit)
			for range rapid.IntRange(0, 300).Draw(t, "changes") {
				k := strconv.Itoa(keys.Draw(t, "key"))
				if rapid.IntRange(0, 2).Draw(t, "kind") == 0 {
					now.index.delete(by, k)
					delete(now.want, k)
				} else {
					v := rapid.Int().Draw(t, "value")
					now.index.set(by, k, v)
					now.want[k] = v
				}
			}
		}
		for i, v := range append(past, now) {
			if got := maps.Collect(v.index.all()); !maps.Equal(got, v.want) || v.index.count != len(v.want) {
				t.Fatalf("version %d holds %d of %v, want %v", i, v.index.count, got, v.want)
			}
			for k := range 2000 {
				got, ok := v.index.get(strconv.Itoa(k))
				if want, there := v.want[strconv.Itoa(k)]; ok != there || got != want {
					t.Fatalf("version %d has %d %v at %d, want %d %v", i, got, ok, k, want, there)
				}
			}
		}
	})
}

// TestIndexForgets: what was deleted leaves no nodes.
func TestIndexForgets(t *testing.T) {
	var x index[int, int]
	by := new(edit)
	for i := range 10_000 {
		x.set(by, i, i)
	}
	for i := range 10_000 {
		x.delete(new(edit), i)
	}
	if x.count != 0 || x.root != (child[int, int]{}) {
		t.Errorf("%d entries, and nodes: %v", x.count, x.root)
	}
}

func BenchmarkIndex(b *testing.B) {
	for _, size := range []int{1000, 100_000} {
		var x index[string, int32]
		m := map[string]int32{}
		by := new(edit)
		keys := make([]string, size)
		for i := range keys {
			keys[i] = "eni-0123456789a" + strconv.Itoa(i)
			x.set(by, keys[i], int32(i))
			m[keys[i]] = int32(i)
		}
		b.Run("get/"+strconv.Itoa(size), func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				x.get(keys[i*7919%size])
			}
		})
		b.Run("map/"+strconv.Itoa(size), func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				_ = m[keys[i*7919%size]]
			}
		})
		b.Run("set/"+strconv.Itoa(size), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				next := x
				next.set(new(edit), keys[i*7919%size], 1)
			}
		})
	}
}
