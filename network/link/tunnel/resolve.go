package tunnel

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

const (
	dnsPort  = "53"
	dnsWait  = 2 * time.Second
	dnsTries = 3
	// dnsUDPSize is the largest answer over UDP (RFC 1035, 4.2.1); a longer one is fetched over TCP.
	dnsUDPSize = 512
)

// LookupHost asks the DNS servers of the VPC for a name's IPv4 addresses; an address is its own answer. A name
// without a dot is looked for in the search list first. That the name does not exist, or has no address, is a
// *net.DNSError with IsNotFound.
func (t *Tunnel) LookupHost(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a.Unmap()}, nil
	}
	var found []netip.Addr
	var err error
	for _, name := range t.c.candidates(host) {
		found, err = t.lookup(ctx, host, name)
		var e *net.DNSError
		if err == nil || !errors.As(err, &e) || !e.IsNotFound {
			break
		}
	}
	return found, err
}

// candidates are the full names that a name may stand for.
func (c *Config) candidates(host string) (names []string) {
	if !strings.Contains(host, ".") {
		for _, domain := range c.Grant.Search {
			names = append(names, host+"."+strings.TrimSuffix(domain, ".")+".")
		}
	}
	return append(names, strings.TrimSuffix(host, ".")+".")
}

func (t *Tunnel) lookup(ctx context.Context, host, full string) ([]netip.Addr, error) {
	servers := t.c.Grant.NameServers()
	fail := func(why string) error {
		return &net.DNSError{Err: why, Name: host, Server: servers[0].String()}
	}
	name, err := dnsmessage.NewName(full)
	if err != nil {
		return nil, fail("not a name that can be looked up")
	}
	question := dnsmessage.Question{Name: name, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}
	var last error
	for n := range dnsTries * len(servers) {
		server := servers[n%len(servers)]
		header, addrs, err := t.ask(ctx, server, question)
		switch {
		case err != nil && ctx.Err() != nil:
			last = ctx.Err()
		case err != nil:
			last = err
			continue
		case header.RCode == dnsmessage.RCodeNameError, header.RCode == dnsmessage.RCodeSuccess && len(addrs) == 0:
			return nil, &net.DNSError{Err: "no such host", Name: host, Server: server.String(), IsNotFound: true}
		case header.RCode != dnsmessage.RCodeSuccess:
			return nil, fail("the resolver answers " + header.RCode.String())
		default:
			return addrs, nil
		}
		break
	}
	e := &net.DNSError{UnwrapErr: last, Err: last.Error(), Name: host, Server: servers[0].String()}
	e.IsTimeout = errors.Is(last, context.DeadlineExceeded)
	return nil, e
}

// ask sends one question over UDP, and over TCP if the answer is too long for that.
func (t *Tunnel) ask(
	ctx context.Context, server netip.Addr, q dnsmessage.Question,
) (dnsmessage.Header, []netip.Addr, error) {
	ctx, cancel := context.WithTimeout(ctx, dnsWait)
	defer cancel()
	header, addrs, err := t.askOver(ctx, "udp", server, q)
	if err == nil && header.Truncated {
		return t.askOver(ctx, "tcp", server, q)
	}
	return header, addrs, err
}

func (t *Tunnel) askOver(
	ctx context.Context, network string, server netip.Addr, q dnsmessage.Question,
) (dnsmessage.Header, []netip.Addr, error) {
	var id [2]byte
	rand.Read(id[:]) // never returns an error (crypto/rand)
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: binary.BigEndian.Uint16(id[:]), RecursionDesired: true},
		Questions: []dnsmessage.Question{q},
	}
	query, err := m.Pack()
	if err != nil {
		return dnsmessage.Header{}, nil, err
	}
	c, err := t.stack.DialContext(ctx, network, net.JoinHostPort(server.String(), dnsPort))
	if err != nil {
		return dnsmessage.Header{}, nil, err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })()
	exchange := exchangeUDP
	if network == "tcp" {
		exchange = exchangeTCP
	}
	for first := true; ; first = false {
		answer, err := exchange(c, query, first)
		if ctx.Err() != nil {
			return dnsmessage.Header{}, nil, ctx.Err()
		}
		if err != nil {
			return dnsmessage.Header{}, nil, err
		}
		if header, addrs, ok := readAnswer(answer, m.ID, q); ok {
			return header, addrs, nil
		}
	}
}

// exchangeUDP returns the next datagram, after sending the query the first time.
func exchangeUDP(c net.Conn, query []byte, send bool) ([]byte, error) {
	if send {
		if _, err := c.Write(query); err != nil {
			return nil, err
		}
	}
	answer := make([]byte, dnsUDPSize)
	n, err := c.Read(answer)
	return answer[:n], err
}

// exchangeTCP returns the next message, after sending the query the first time (RFC 1035, 4.2.2).
func exchangeTCP(c net.Conn, query []byte, send bool) ([]byte, error) {
	if send {
		if _, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(query))), query...)); err != nil {
			return nil, err
		}
	}
	var length [2]byte
	if _, err := io.ReadFull(c, length[:]); err != nil {
		return nil, err
	}
	answer := make([]byte, binary.BigEndian.Uint16(length[:]))
	_, err := io.ReadFull(c, answer)
	return answer, err
}

// readAnswer takes the addresses out of a message that answers q. What does not is not looked at.
func readAnswer(message []byte, id uint16, q dnsmessage.Question) (dnsmessage.Header, []netip.Addr, bool) {
	var p dnsmessage.Parser
	header, err := p.Start(message)
	if err != nil || header.ID != id || !header.Response {
		return header, nil, false
	}
	asked, err := p.Question()
	if err != nil || asked.Type != q.Type || asked.Class != q.Class ||
		!strings.EqualFold(asked.Name.String(), q.Name.String()) || p.SkipAllQuestions() != nil {
		return header, nil, false
	}
	var addrs []netip.Addr
	for {
		h, err := p.AnswerHeader()
		if err != nil {
			return header, addrs, true
		}
		if h.Type != dnsmessage.TypeA {
			if p.SkipAnswer() != nil {
				return header, addrs, true
			}
			continue
		}
		a, err := p.AResource()
		if err != nil {
			return header, addrs, true
		}
		addrs = append(addrs, netip.AddrFrom4(a.A))
	}
}
