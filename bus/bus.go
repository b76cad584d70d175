// Package bus carries hints ("look again") between the parts of Postern: never the truth, which is in the store. A
// lost hint costs time, never work, because whoever is hinted also looks by the clock.
package bus

import "sync"

// Bus carries hints by topic, such as "node/i-0123456789abcdef0".
type Bus interface {
	// Publish hints every present subscriber of the topic. It never blocks.
	Publish(topic string)
	// Subscribe returns a channel that holds at most one pending hint: many hints may arrive as one. After cancel
	// no further hint is sent; the channel is not closed.
	Subscribe(topic string) (hints <-chan struct{}, cancel func())
}

// Local is the Bus inside one process. Its zero value is ready to use.
type Local struct {
	mu     sync.RWMutex
	topics map[string][]chan struct{}
}

var _ Bus = (*Local)(nil)

// Publish implements Bus.
func (l *Local) Publish(topic string) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	for _, c := range l.topics[topic] {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// Subscribe implements Bus.
func (l *Local) Subscribe(topic string) (<-chan struct{}, func()) {
	c := make(chan struct{}, 1)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.topics == nil {
		l.topics = make(map[string][]chan struct{})
	}
	l.topics[topic] = append(l.topics[topic], c)
	return c, sync.OnceFunc(func() { l.cancel(topic, c) })
}

func (l *Local) cancel(topic string, c chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	subscribers := l.topics[topic]
	for i, s := range subscribers {
		if s != c {
			continue
		}
		last := len(subscribers) - 1
		subscribers[i], subscribers[last] = subscribers[last], nil
		if last == 0 {
			delete(l.topics, topic)
		} else {
			l.topics[topic] = subscribers[:last]
		}
		return
	}
}
