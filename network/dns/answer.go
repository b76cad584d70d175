package dns

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/miekg/dns"

	"postern/network/vpc"
)

const (
	// foundTTL says how long an answer may be kept, in seconds, as AWS says it for endpoints.
	foundTTL = 60
	// negativeTTL is short, so that a name whose cause is mended is there at once.
	negativeTTL = 5

	headerSize = 12
)

// query is a message with what is to be done about it. The zero query is not answered at all.
type query struct {
	// ready is the answer where the message alone decides it; otherwise it is made from message and found, or by the
	// servers elsewhere where forward is true.
	ready   []byte
	message *dns.Msg
	found   vpc.Answer
	forward bool
	// rule sends the question on, from one of the interfaces by.
	rule *vpc.ResolverRule
	by   []string
	// vpc is the one that is answered for, serial the serial number of its zones.
	vpc    string
	serial uint32
	// limit is the largest answer, in bytes.
	limit int
}

// read judges a message.
func (s *Server) read(in []byte, origin vpc.Origin, udp bool) query {
	s.counts.queries.Add(1)
	if refusal, bad := malformed(in); bad {
		s.counts.malformed.Add(1)
		return query{ready: refusal}
	}
	m := new(dns.Msg)
	// Unpack takes a message that ends after its header, whatever the header says.
	if err := m.Unpack(in); err != nil || len(m.Question) != 1 {
		s.counts.malformed.Add(1)
		return query{ready: header(in, dns.RcodeFormatError)}
	}
	snapshot := s.options.Snapshot()
	if snapshot == nil {
		return query{}
	}
	q := query{message: m, vpc: view(origin), limit: limit(m, udp), serial: uint32(snapshot.Version())}
	question := m.Question[0]
	if rcode := unanswerable(m, question); rcode != dns.RcodeSuccess {
		if v, ok := snapshot.VPC(q.vpc); ok && v.DNSSupport {
			return query{ready: s.pack(refuse(m, rcode), q.limit, nil)}
		}
		return query{}
	}
	resolve := snapshot.Resolve
	if origin.EndpointVPC != "" {
		resolve = snapshot.ResolveInbound
	}
	q.found = resolve(q.vpc, question.Name, question.Qtype)
	switch q.found.Status {
	case vpc.NameSilent:
		return query{}
	case vpc.NameForwarded:
		q.follow(snapshot, q.found.Rule)
	case vpc.NameNotOurs:
		s.counts.notOurs.Add(1)
		q.forward = len(s.options.Upstreams) > 0 && m.RecursionDesired && !special(question.Name)
	case vpc.NameFound:
		s.counts.found.Add(1)
	default:
		s.counts.negative.Add(1)
	}
	return q
}

// malformed refuses by the header alone what cannot be a question: nothing to say to an answer or a fragment, an error
// to the rest.
func malformed(in []byte) (refusal []byte, bad bool) {
	if len(in) < headerSize || in[2]&0x80 != 0 {
		return nil, true
	}
	if opcode := in[2] >> 3 & 15; opcode != dns.OpcodeQuery {
		return header(in, dns.RcodeNotImplemented), true
	}
	questions := binary.BigEndian.Uint16(in[4:])
	records := int(binary.BigEndian.Uint16(in[6:])) + int(binary.BigEndian.Uint16(in[8:]))
	if questions != 1 || records > 0 || binary.BigEndian.Uint16(in[10:]) > 2 {
		return header(in, dns.RcodeFormatError), true
	}
	return nil, false
}

// header is an answer without any section.
func header(in []byte, rcode int) []byte {
	b := make([]byte, headerSize)
	copy(b, in[:2])
	b[2] = 0x80 | in[2]&0x79 // QR; opcode and RD as asked
	b[3] = 0x80 | byte(rcode)
	return b
}

// limit is the largest answer that the asker takes.
func limit(m *dns.Msg, udp bool) int {
	if !udp {
		return maxSize
	}
	if o := m.IsEdns0(); o != nil {
		return min(max(int(o.UDPSize()), oldUDPSize), udpSize)
	}
	return oldUDPSize
}

// unanswerable is the error for a question that no resolver answers.
func unanswerable(m *dns.Msg, q dns.Question) int {
	switch o := m.IsEdns0(); {
	case o != nil && o.Version() != 0:
		return dns.RcodeBadVers
	case q.Qclass != dns.ClassINET && q.Qclass != dns.ClassANY:
		return dns.RcodeRefused
	case q.Qtype == dns.TypeAXFR, q.Qtype == dns.TypeIXFR:
		return dns.RcodeRefused
	case q.Qtype == dns.TypeOPT:
		return dns.RcodeFormatError
	}
	return dns.RcodeSuccess
}

// special are the names that no resolver sends on (RFC 6761, RFC 6762, RFC 7686).
func special(name string) bool {
	for _, zone := range []string{"localhost.", "local.", "invalid.", "onion.", "test."} {
		if dns.IsSubDomain(zone, name) {
			return true
		}
	}
	return false
}

// newReply is an empty answer to m.
func newReply(m *dns.Msg) *dns.Msg {
	r := new(dns.Msg)
	r.SetReply(m)
	r.RecursionAvailable, r.Compress = true, true
	return r
}

// refuse answers with an error.
func refuse(m *dns.Msg, rcode int) *dns.Msg {
	r := newReply(m)
	r.Rcode = rcode
	withOptions(r, m, nil)
	return r
}

// withOptions answers the asker's EDNS with ours.
func withOptions(r, m *dns.Msg, extended *dns.EDNS0_EDE) {
	asked := m.IsEdns0()
	if asked == nil {
		return
	}
	r.SetEdns0(udpSize, asked.Do())
	if extended != nil {
		o := r.Extra[len(r.Extra)-1].(*dns.OPT)
		o.Option = append(o.Option, extended)
	}
}

// answer makes the answer to a question that does not go upstream, in out where it fits; nil where there is none.
func (s *Server) answer(q query, out []byte) []byte {
	if q.ready != nil || q.message == nil {
		return q.ready
	}
	r, question := newReply(q.message), q.message.Question[0]
	var extended *dns.EDNS0_EDE
	switch q.found.Status {
	case vpc.NameFound:
		r.Answer = records(question, q.found, q.message.Id)
	case vpc.NameAbsent, vpc.NameNoData:
		negative(r, question, q)
	case vpc.NameNotOurs:
		if question.Name != "." {
			r.Rcode = dns.RcodeNameError
		}
		extended = &dns.EDNS0_EDE{
			InfoCode:  dns.ExtendedErrorCodeNotAuthoritative,
			ExtraText: fmt.Sprintf("no endpoint and no host of %s has this name, and nothing is forwarded", q.vpc),
		}
	}
	withOptions(r, q.message, extended)
	return s.pack(r, q.limit, out)
}

// negative says that the name has no such data, or the zone no such name, and for how long to believe it.
func negative(r *dns.Msg, question dns.Question, q query) {
	zone := dns.Fqdn(q.found.Zone)
	soa := &dns.SOA{
		Hdr: dns.RR_Header{Name: zone, Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: negativeTTL},
		Ns:  "ns0." + zone, Mbox: "hostmaster." + zone, Serial: q.serial,
		Refresh: 7200, Retry: 900, Expire: 1209600, Minttl: negativeTTL,
	}
	switch {
	case q.found.Apex && (question.Qtype == dns.TypeSOA || question.Qtype == dns.TypeANY):
		soa.Hdr.Name = question.Name
		r.Answer = []dns.RR{soa}
		return
	case q.found.Apex && question.Qtype == dns.TypeNS:
		hdr := dns.RR_Header{Name: question.Name, Rrtype: dns.TypeNS, Class: dns.ClassINET, Ttl: negativeTTL}
		r.Answer = []dns.RR{&dns.NS{Hdr: hdr, Ns: soa.Ns}}
		return
	case q.found.Status == vpc.NameAbsent:
		r.Rcode = dns.RcodeNameError
	}
	r.Ns = []dns.RR{soa}
}

// records are the data, beginning elsewhere for every question so that clients spread over an endpoint's zones.
func records(question dns.Question, a vpc.Answer, id uint16) []dns.RR {
	list := make([]dns.RR, 0, len(a.Addresses)+len(a.Names))
	hdr := dns.RR_Header{Name: question.Name, Class: dns.ClassINET, Ttl: foundTTL}
	for i := range a.Addresses {
		list = append(list, address(hdr, a.Addresses[(i+int(id))%len(a.Addresses)]))
	}
	for _, name := range a.Names {
		hdr.Rrtype = dns.TypePTR
		list = append(list, &dns.PTR{Hdr: hdr, Ptr: dns.Fqdn(name)})
	}
	return list
}

func address(hdr dns.RR_Header, a netip.Addr) dns.RR {
	if a.Is4() {
		hdr.Rrtype = dns.TypeA
		return &dns.A{Hdr: hdr, A: a.AsSlice()}
	}
	hdr.Rrtype = dns.TypeAAAA
	return &dns.AAAA{Hdr: hdr, AAAA: a.AsSlice()}
}

// pack writes the answer, cut to what the asker takes.
func (s *Server) pack(r *dns.Msg, limit int, out []byte) []byte {
	r.Truncate(limit)
	b, err := r.PackBuffer(out[:cap(out)])
	if err != nil {
		return nil // a name that came in cannot be written again: as good as malformed
	}
	return b
}
