package dns

import (
	"context"
	"errors"
	"strings"
	"sync"

	"github.com/miekg/dns"
)

// forward asks upstream while the server goes on, and hands over the answer.
func (s *Server) forward(ctx context.Context, q query, running *sync.WaitGroup, deliver func([]byte)) {
	select {
	case s.forwards <- struct{}{}:
	default:
		s.counts.forwardFailed.Add(1)
		deliver(s.pack(refuse(q.message, dns.RcodeServerFailure), q.limit, nil))
		return
	}
	running.Go(func() {
		defer func() { <-s.forwards }()
		if b := s.ask(ctx, q); b != nil {
			deliver(b)
		}
	})
}

// ask gives the question to the upstreams, one after the other. Their failure is SERVFAIL: the name may well exist.
func (s *Server) ask(ctx context.Context, q query) []byte {
	s.counts.forwarded.Add(1)
	for _, upstream := range s.options.Upstreams {
		r, err := s.exchange(ctx, q.message, upstream)
		if err != nil {
			continue
		}
		r.Id, r.Compress = q.message.Id, true
		return s.pack(r, q.limit, nil)
	}
	s.counts.forwardFailed.Add(1)
	return s.pack(refuse(q.message, dns.RcodeServerFailure), q.limit, nil)
}

var errMismatch = errors.New("the answer is not to the question")

// exchange asks one upstream under a new id, over UDP and, where the answer is cut, over TCP.
func (s *Server) exchange(ctx context.Context, m *dns.Msg, upstream string) (*dns.Msg, error) {
	asked := m.Copy()
	asked.Id = dns.Id()
	r, err := s.exchangeOver(ctx, "udp", asked, upstream)
	if err == nil && r.Truncated {
		return s.exchangeOver(ctx, "tcp", asked, upstream)
	}
	return r, err
}

func (s *Server) exchangeOver(ctx context.Context, network string, m *dns.Msg, upstream string) (*dns.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, s.options.UpstreamTimeout)
	defer cancel()
	c, err := s.options.Dial(ctx, network, upstream)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	conn := &dns.Conn{Conn: c, UDPSize: maxSize}
	if err := conn.WriteMsg(m); err != nil {
		return nil, err
	}
	for {
		r, err := conn.ReadMsg()
		switch {
		case err != nil:
			return nil, err
		case answers(r, m):
			return r, nil
		case network == "tcp":
			return nil, errMismatch
		}
	}
}

// answers reports whether r is the answer to m and not somebody's guess.
func answers(r, m *dns.Msg) bool {
	return r.Response && r.Id == m.Id && len(r.Question) == 1 && r.Question[0].Qtype == m.Question[0].Qtype &&
		r.Question[0].Qclass == m.Question[0].Qclass && strings.EqualFold(r.Question[0].Name, m.Question[0].Name)
}
