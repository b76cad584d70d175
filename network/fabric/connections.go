package fabric

import "sync"

// connections are the connections of VPCs' stacks that a port is an end of.
type connections struct {
	mu   sync.Mutex
	open map[*Conn]struct{}
}

func (s *connections) add(c *Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		s.open = map[*Conn]struct{}{}
	}
	s.open[c] = struct{}{}
}

func (s *connections) remove(c *Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, c)
}

// abort aborts every connection.
func (s *connections) abort() {
	s.mu.Lock()
	ending := make([]*Conn, 0, len(s.open))
	for c := range s.open {
		ending = append(ending, c)
	}
	s.mu.Unlock()
	for _, c := range ending {
		c.Abort()
	}
}

// register notes a connection, so that it ends when one of its ends goes. It reports whether the connection goes on,
// given whether its flow does: end takes the flow first and then looks for connections, so that one whose flow is gone
// now has been missed.
func (c *Conn) register(flows func() bool) bool {
	c.stack.mu.Lock()
	open := !c.stack.closed
	if open {
		c.stack.conns[c] = struct{}{}
	}
	c.stack.mu.Unlock()
	if !open {
		return false
	}
	c.from.conns.add(c)
	c.at.conns.add(c)
	if !flows() {
		c.leave()
		return false
	}
	return true
}

// leave forgets a connection.
func (c *Conn) leave() {
	c.stack.mu.Lock()
	delete(c.stack.conns, c)
	c.stack.mu.Unlock()
	c.from.conns.remove(c)
	c.at.conns.remove(c)
}
