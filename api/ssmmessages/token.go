package ssmmessages

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"sync"
	"time"
)

// tokens are the open invitations: each is good once, for one node, for a short while. They are kept as hashes.
type tokens struct {
	life time.Duration

	mu     sync.Mutex // guards what follows
	grants map[[sha256.Size]byte]grant
	swept  time.Time
}

type grant struct {
	node    string
	expires time.Time
}

// tokenBytes make a token about as long as Amazon's; agents take it as it is.
const tokenBytes = 48

func (t *tokens) issue(node string, now time.Time) string {
	var b [tokenBytes]byte
	rand.Read(b[:])
	text := base64.RawURLEncoding.EncodeToString(b[:])
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.grants == nil {
		t.grants = map[[sha256.Size]byte]grant{}
	}
	if now.Sub(t.swept) > t.life {
		for k, g := range t.grants {
			if now.After(g.expires) {
				delete(t.grants, k)
			}
		}
		t.swept = now
	}
	t.grants[sha256.Sum256([]byte(text))] = grant{node, now.Add(t.life)}
	return text
}

// use reports whether a token is good for a node, and uses it up.
func (t *tokens) use(text, node string, now time.Time) bool {
	key := sha256.Sum256([]byte(text))
	t.mu.Lock()
	defer t.mu.Unlock()
	g, ok := t.grants[key]
	delete(t.grants, key)
	return ok && g.node == node && !now.After(g.expires)
}
