package wg

import (
	"net/netip"
	"sync"
	"time"

	"postern/network/link"
)

const (
	// A source may ask limitBurst times at once and limitRate times a second after that. Many machines may stand behind
	// one address, and a bundle of certificates takes several requests.
	limitBurst = 100
	limitRate  = 20
	// hintRate bounds how many machines a second are told, all together, that their session is lost: it bounds what
	// somebody who forges sources can have sent. Ten thousand that come back after a restart are told within some seconds.
	hintRate = 2000
	// limitSources bounds how many sources are told apart; the others share what is left of one.
	limitSources = 4096
)

// limiter bounds how often one source may ask. The zero limiter is ready.
type limiter struct {
	mu      sync.Mutex
	sources map[netip.Prefix]*bucket
	swept   time.Time
	others  bucket
}

// bucket holds what a source may still ask.
type bucket struct {
	left float64
	at   time.Time
}

// allow reports whether a request of addr may be looked at.
func (l *limiter) allow(addr netip.Addr, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	source := sourcePrefix(addr)
	b := l.sources[source]
	if b == nil && !l.roomLocked(now) {
		return l.others.take(now, limitBurst, limitRate)
	}
	if b == nil {
		b = new(bucket)
		l.sources[source] = b
	}
	return b.take(now, limitBurst, limitRate)
}

// roomLocked forgets sources whose bucket is full again, if that is needed to make room.
func (l *limiter) roomLocked(now time.Time) bool {
	if l.sources == nil {
		l.sources = make(map[netip.Prefix]*bucket)
	}
	if len(l.sources) < limitSources {
		return true
	}
	if now.Sub(l.swept) < time.Second {
		return false
	}
	l.swept = now
	for source, b := range l.sources {
		if now.Sub(b.at) > limitBurst/limitRate*time.Second {
			delete(l.sources, source)
		}
	}
	return len(l.sources) < limitSources
}

// take uses up one of burst, which fill again at rate a second.
func (b *bucket) take(now time.Time, burst, rate float64) bool {
	if b.at.IsZero() {
		b.left = burst
	} else if passed := now.Sub(b.at).Seconds(); passed > 0 {
		b.left = min(burst, b.left+passed*rate)
	}
	b.at = now
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}

// sourcePrefix says what counts as one source: an IPv4 address, or the /64 that an IPv6 host chooses its address from.
func sourcePrefix(a netip.Addr) netip.Prefix {
	bits := a.BitLen()
	if bits == 128 {
		bits = 64
	}
	p, _ := a.WithZone("").Prefix(bits) // bits always fit
	return p
}

// noncesKept bounds how many nonces are kept; beyond it old ones are forgotten early. What a request repeated within
// the window could gain is an answer that its maker got already: the same key gives the same grant.
const noncesKept = 1 << 16

// nonces recognises a request that is seen again. The zero value is ready.
type nonces struct {
	mu         sync.Mutex
	young, old map[[link.NonceSize]byte]struct{}
	rotated    time.Time
}

// first reports whether a nonce was not seen within the time in which its request is valid.
func (n *nonces) first(nonce [link.NonceSize]byte, now time.Time) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.young == nil || len(n.young) >= noncesKept/2 || now.Sub(n.rotated) > 2*link.JoinWindow {
		n.old, n.young, n.rotated = n.young, make(map[[link.NonceSize]byte]struct{}), now
	}
	if _, ok := n.young[nonce]; ok {
		return false
	}
	if _, ok := n.old[nonce]; ok {
		return false
	}
	n.young[nonce] = struct{}{}
	return true
}
