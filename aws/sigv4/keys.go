package sigv4

import (
	"crypto/sha256"
	"strings"
	"sync"
)

// keyCacheSize is the number of signing keys in each of the cache's two generations: 10,000 nodes that use three
// services find room.
const keyCacheSize = 1 << 15

// keyCache keeps the signing keys of right signatures. When the young generation is full it becomes the old one, and
// what was old is forgotten; a hit in the old one makes its key young again.
type keyCache struct {
	size int

	mu         sync.RWMutex
	young, old map[string]cachedKey // by access key and scope, as they stand in the request
}

type cachedKey struct {
	secret string
	key    [sha256.Size]byte
}

func newKeyCache(size int) *keyCache { return &keyCache{size: size, young: map[string]cachedKey{}} }

// get returns the signing key if it is known and was made from this very secret.
func (c *keyCache) get(credential, secret string) (key [sha256.Size]byte, ok bool) {
	c.mu.RLock()
	k, young := c.young[credential]
	if !young {
		k, ok = c.old[credential]
	}
	c.mu.RUnlock()
	if !young && !ok || k.secret != secret {
		return key, false
	}
	if !young {
		c.put(credential, secret, k.key)
	}
	return k.key, true
}

func (c *keyCache) put(credential, secret string, key [sha256.Size]byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.young) >= c.size {
		c.old, c.young = c.young, make(map[string]cachedKey, c.size/4)
	}
	// The clone does not keep the whole header of the request in memory.
	c.young[strings.Clone(credential)] = cachedKey{secret, key}
}
