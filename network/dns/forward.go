package dns

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"

	"postern/aws/fault"
	"postern/network/vpc"
)

// forward asks elsewhere while the server goes on, and hands over the answer.
func (s *Server) forward(ctx context.Context, q query, running *sync.WaitGroup, deliver func([]byte)) {
	if !s.enterForward(q.vpc) {
		deliver(s.busy(q))
		return
	}
	running.Go(func() {
		defer s.leaveForward(q.vpc)
		fault.ContainTo(s.options.Log, "dns.forward", func() {
			if b := s.ask(ctx, q); b != nil {
				deliver(b)
			}
		})
	})
}

// wait asks elsewhere and waits for the answer.
func (s *Server) wait(ctx context.Context, q query) []byte {
	if !s.enterForward(q.vpc) {
		return s.busy(q)
	}
	defer s.leaveForward(q.vpc)
	return s.ask(ctx, q)
}

// busy answers where too many questions wait already.
func (s *Server) busy(q query) []byte {
	s.counts.forwardFailed.Add(1)
	return s.pack(refuse(q.message, dns.RcodeServerFailure), q.limit, nil)
}

// enterForward counts a question in that waits for others, if the VPC may have one more. The bound ends what would
// never: a rule whose target asks the same VPC again.
func (s *Server) enterForward(vpcID string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.forwarding >= maxForwards || s.forwards[vpcID] >= maxForwardsPerVPC {
		return false
	}
	s.forwarding++
	s.forwards[vpcID]++
	return true
}

func (s *Server) leaveForward(vpcID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forwarding--
	if s.forwards[vpcID]--; s.forwards[vpcID] == 0 {
		delete(s.forwards, vpcID)
	}
}

// A dialer connects to a server that is asked.
type dialer func(ctx context.Context, network string) (net.Conn, error)

// ask gives the question to the servers, one after the other. Their failure is SERVFAIL: the name may well exist.
func (s *Server) ask(ctx context.Context, q query) []byte {
	s.counts.forwarded.Add(1)
	dialers, patience := s.dialers(q)
	for _, to := range dialers {
		r, err := exchange(ctx, q.message, to, patience)
		if err != nil {
			continue
		}
		r.Id, r.Compress, r.Authoritative, r.RecursionAvailable = q.message.Id, true, false, true
		return s.pack(r, q.limit, nil)
	}
	s.counts.forwardFailed.Add(1)
	r := refuse(q.message, dns.RcodeServerFailure)
	if q.rule != nil {
		r = newReply(q.message)
		r.Rcode = dns.RcodeServerFailure
		withOptions(r, q.message, &dns.EDNS0_EDE{
			InfoCode: dns.ExtendedErrorCodeNoReachableAuthority, ExtraText: fmt.Sprintf("no target of %s answered", q.rule.ID),
		})
	}
	return s.pack(r, q.limit, nil)
}

// dialers returns those that a question is tried on, and how long each may take: the upstreams in their order, or the
// targets of the rule, from one after the other of the outbound endpoint's interfaces. Where a rule begins is chance,
// as on AWS; together its tries take no longer than two upstreams.
func (s *Server) dialers(q query) (dialers []dialer, patience time.Duration) {
	if q.rule == nil {
		for _, upstream := range s.options.Upstreams {
			dialers = append(dialers, func(ctx context.Context, network string) (net.Conn, error) {
				return s.options.Dial(ctx, network, upstream)
			})
		}
		return dialers, s.options.UpstreamTimeout
	}
	if len(q.by) == 0 || s.options.DialResolver == nil {
		return nil, 0
	}
	tries := min(max(len(q.rule.Targets), 2), 4)
	start := rand.IntN(len(q.rule.Targets) * len(q.by))
	for i := range tries {
		target := q.rule.Targets[(start+i)%len(q.rule.Targets)]
		from := q.by[(start+i+i/len(q.rule.Targets))%len(q.by)]
		dialers = append(dialers, func(ctx context.Context, network string) (net.Conn, error) {
			return s.options.DialResolver(ctx, from, network, target)
		})
	}
	return dialers, 2 * s.options.UpstreamTimeout / time.Duration(tries)
}

// follow finds by which interfaces the question of a rule goes out.
func (q *query) follow(snapshot *vpc.Snapshot, rule *vpc.ResolverRule) {
	q.rule, q.forward = rule, true
	if e, ok := snapshot.ResolverEndpoint(rule.Endpoint); ok && e.Available {
		q.by = e.Interfaces
	}
}

var errMismatch = errors.New("the answer is not to the question")

// exchange asks one server under a new id, over UDP and, where the answer is cut, over TCP.
func exchange(ctx context.Context, m *dns.Msg, to dialer, patience time.Duration) (*dns.Msg, error) {
	asked := m.Copy()
	asked.Id = dns.Id()
	if o := asked.IsEdns0(); o != nil {
		o.SetUDPSize(udpSize) // whatever the asker takes: a larger answer would come in fragments, which the fabric drops
	}
	r, err := exchangeOver(ctx, "udp", asked, to, patience)
	if err == nil && r.Truncated {
		return exchangeOver(ctx, "tcp", asked, to, patience)
	}
	return r, err
}

func exchangeOver(
	ctx context.Context, network string, m *dns.Msg, to dialer, patience time.Duration,
) (*dns.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	c, err := to(ctx, network)
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

// view is the VPC that a question is answered for: the asker's, or the one that the inbound endpoint stands in.
func view(o vpc.Origin) string {
	if o.EndpointVPC != "" {
		return o.EndpointVPC
	}
	return o.VPC
}

// Resolver connects from an interface of an outbound Resolver endpoint to a DNS server; the fabric does.
type Resolver func(ctx context.Context, eni, network string, to netip.AddrPort) (net.Conn, error)
