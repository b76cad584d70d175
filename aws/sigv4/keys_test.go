package sigv4

import (
	"fmt"
	"testing"
)

// TestKeyCache: of size keys each, two generations are kept; a key that is used moves to the younger one, and a key
// that was made from another secret is none.
func TestKeyCache(t *testing.T) {
	c := newKeyCache(2)
	put := func(n byte) { c.put(fmt.Sprint(n), "secret", [32]byte{n}) }
	has := func(n byte) bool {
		key, ok := c.get(fmt.Sprint(n), "secret")
		if ok && key != [32]byte{n} {
			t.Errorf("the key of %d is %v", n, key)
		}
		return ok
	}
	if has(1) {
		t.Error("an empty cache has a key")
	}
	put(1)
	put(2)
	put(3) // 1 and 2 are old now
	if !has(1) || !has(3) {
		t.Error("the keys of both generations are there")
	}
	// Looking for 1 has made it young, beside 3.
	put(4) // 3 and 1 are old, 2 is gone
	if has(2) {
		t.Error("what was not used is kept")
	}
	if _, ok := c.get("1", "another"); ok {
		t.Error("a key of another secret was given")
	}
	if !has(1) || !has(3) || !has(4) {
		t.Error("what was used is gone")
	}
	if key, ok := c.get("5", ""); ok || key != [32]byte{} {
		t.Errorf("no secret and no credential give %v, %v", key, ok)
	}
}
