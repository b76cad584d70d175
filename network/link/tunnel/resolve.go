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

// LookupHost asks the VPC's resolver for a name's IPv4 addresses; an address is its own answer. That the name does not
// exist, or has no address, is a *net.DNSError with IsNotFound.
func (t *Tunnel) LookupHost(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a.Unmap()}, nil
	}
	fail := func(why string) error {
		return &net.DNSError{Err: why, Name: host, Server: t.c.Grant.Resolver.String()}
	}
	name, err := dnsmessage.NewName(strings.TrimSuffix(host, ".") + ".")
	if err != nil {
		return nil, fail("not a name that can be looked up")
	}
	question := dnsmessage.Question{Name: name, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}
	var last error
	for range dnsTries {
		var header dnsmessage.Header
		var addrs []netip.Addr
		if header, addrs, err = t.ask(ctx, question); err != nil {
			last = err
			if ctx.Err() != nil {
				break
			}
			continue
		}
		switch {
		case header.RCode == dnsmessage.RCodeNameError, header.RCode == dnsmessage.RCodeSuccess && len(addrs) == 0:
			return nil, &net.DNSError{Err: "no such host", Name: host, Server: t.c.Grant.Resolver.String(), IsNotFound: true}
		case header.RCode != dnsmessage.RCodeSuccess:
			return nil, fail("the resolver answers " + header.RCode.String())
		}
		return addrs, nil
	}
	if ctx.Err() != nil {
		last = ctx.Err()
	}
	e := &net.DNSError{UnwrapErr: last, Err: last.Error(), Name: host, Server: t.c.Grant.Resolver.String()}
	e.IsTimeout = errors.Is(last, context.DeadlineExceeded)
	return nil, e
}

// ask sends one question over UDP, and over TCP if the answer is too long for that.
func (t *Tunnel) ask(ctx context.Context, q dnsmessage.Question) (dnsmessage.Header, []netip.Addr, error) {
	ctx, cancel := context.WithTimeout(ctx, dnsWait)
	defer cancel()
	header, addrs, err := t.askOver(ctx, "udp", q)
	if err == nil && header.Truncated {
		return t.askOver(ctx, "tcp", q)
	}
	return header, addrs, err
}

func (t *Tunnel) askOver(ctx context.Context, network string, q dnsmessage.Question) (dnsmessage.Header, []netip.Addr, error) {
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
	c, err := t.stack.DialContext(ctx, network, net.JoinHostPort(t.c.Grant.Resolver.String(), dnsPort))
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
