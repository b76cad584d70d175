package wg

import (
	"sync"
	"time"
)

// indexLife says how long an index is remembered at least. WireGuard uses a key pair for 180 s (REJECT_AFTER_TIME), and
// replaces its index with each new one.
const indexLife = 5 * time.Minute

// indexTable knows which cell gave out an index. WireGuard's devices draw them at random, each by itself, so that two
// may draw the same: the second is then not let out (see give), and its handshake is made again with another.
type indexTable struct {
	mu sync.RWMutex
	// young has what was given out since the last rotation, and old what was before; the next rotation forgets the old.
	young, old map[uint32]*bind
	rotated    time.Time
}

// find returns who gave out an index, nil if nobody did.
func (t *indexTable) find(index uint32) *bind {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if b := t.young[index]; b != nil {
		return b
	}
	return t.old[index]
}

// give notes that b gives out index. It returns false if another cell's peer has it.
func (t *indexTable) give(index uint32, b *bind, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now.Sub(t.rotated) > indexLife {
		t.old, t.young, t.rotated = t.young, make(map[uint32]*bind), now
	}
	for _, m := range []map[uint32]*bind{t.young, t.old} {
		if owner := m[index]; owner != nil && owner != b {
			return false
		}
	}
	t.young[index] = b
	return true
}

// forget drops every index of a cell that is gone.
func (t *indexTable) forget(b *bind) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, m := range []map[uint32]*bind{t.young, t.old} {
		for index, owner := range m {
			if owner == b {
				delete(m, index)
			}
		}
	}
}
