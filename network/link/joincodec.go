package link

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"net/netip"
	"strings"
	"time"

	"postern/aws/fault"
)

// A join datagram shares the UDP port with WireGuard, whose messages begin with 1, 2, 3 or 4 and three zero bytes.
//
//	"PSTJ" | version 1 | kind 1 | length of body 2 | body | padding (requests) | HMAC-SHA-256 of all before it 32
//
// Numbers are big endian; a string is its length in one byte (two for a message and for a piece of the CA) and its
// bytes. A request is always padded to JoinSize and no answer is larger, so that the exchange amplifies nothing.
const (
	joinMagic   = "PSTJ"
	joinVersion = 1

	kindRequest  = 1
	kindReply    = 2
	kindRefusal  = 3 // with a MAC
	kindRejected = 4 // without: header and nonce only
	kindLost     = 5 // header and index only

	joinHeader = 8
	macSize    = sha256.Size

	// JoinSize is the length of a request and the most that an answer may have, in bytes. It fits the smallest path
	// MTU of IPv6 (1280) with room for one more encapsulation.
	JoinSize = 1200
	// NonceSize is the length of a request's nonce, in bytes.
	NonceSize = 16

	maxID       = 64
	maxHostname = 253
	maxText     = 400
)

// Errors of the join codec. They say nothing about the content: it comes from strangers.
var (
	ErrNotJoin    = errors.New("link: not a join message")
	ErrMalformed  = errors.New("link: malformed join message")
	ErrBadMAC     = errors.New("link: join message not authenticated")
	ErrBadVersion = errors.New("link: join message of another version")
)

// MarshalLost tells a node that the server does not know the session with this index any more, because it was started
// anew, say: a hint to make another. It is not authenticated; a node that heard nothing of it would find out by itself,
// only later.
func MarshalLost(index uint32) []byte {
	w := newWriter(kindLost)
	w.u32(index)
	w.endBody()
	return w.b
}

// ParseLost returns the index of a session that the server does not know.
func ParseLost(datagram []byte) (index uint32, ok bool) {
	d, err := openMessage(datagram, kindLost)
	if err != nil {
		return 0, false
	}
	index = d.u32()
	return index, d.done()
}

// IsJoin reports whether a datagram on the shared port is a join message rather than one of WireGuard's.
func IsJoin(datagram []byte) bool {
	return len(datagram) >= joinHeader && string(datagram[:4]) == joinMagic
}

// Marshal writes r as a datagram of JoinSize bytes authenticated with key. r must be valid.
func (r *JoinRequest) Marshal(key []byte) []byte {
	w := newWriter(kindRequest)
	w.u64(uint64(r.Time.UnixNano()))
	w.bytes(r.Nonce[:])
	w.bytes(r.PublicKey[:])
	w.u32(r.CAOffset)
	w.string(r.Activation)
	w.string(r.Subnet)
	w.string(r.Hostname)
	w.endBody()
	w.b = append(w.b, make([]byte, JoinSize-macSize-len(w.b))...)
	return w.seal(key)
}

// ParseJoinRequest reads a request without authenticating it: call Authentic with the activation's join key next.
func ParseJoinRequest(datagram []byte) (*JoinRequest, error) {
	if len(datagram) != JoinSize {
		return nil, ErrMalformed
	}
	d, err := openMessage(datagram, kindRequest)
	if err != nil {
		return nil, err
	}
	r := &JoinRequest{Time: time.Unix(0, int64(d.u64()))}
	copy(r.Nonce[:], d.take(NonceSize))
	copy(r.PublicKey[:], d.take(KeySize))
	r.CAOffset = d.u32()
	r.Activation = d.string()
	r.Subnet = d.string()
	r.Hostname = d.string()
	if !d.done() || r.Validate() != nil {
		return nil, ErrMalformed
	}
	return r, nil
}

// Authentic reports, in constant time, whether a join message was made with key.
func Authentic(datagram, key []byte) bool {
	if len(datagram) < joinHeader+macSize {
		return false
	}
	body, mac := datagram[:len(datagram)-macSize], datagram[len(datagram)-macSize:]
	return hmac.Equal(mac, sum(key, body))
}

// Marshal writes r authenticated with key, with as much of ca from r.CAOffset on as the datagram holds.
func (r *JoinReply) Marshal(key, ca []byte) []byte {
	w := newWriter(kindReply)
	w.bytes(r.Nonce[:])
	w.bytes(r.ServerKey[:])
	for _, s := range []string{r.Account, r.Region, r.VPC, r.Subnet, r.Interface} {
		w.string(s)
	}
	w.prefix(r.Address)
	w.u8(byte(len(r.Routes)))
	for _, route := range r.Routes {
		w.prefix(route)
	}
	w.string(string(r.Resolver.AsSlice()))
	w.u16(uint16(r.MTU))
	w.u32(uint32(len(ca)))
	caSum := sha256.Sum256(ca)
	w.bytes(caSum[:])
	w.u32(r.CAOffset)
	piece := ca[min(int(r.CAOffset), len(ca)):]
	names := r.names()
	piece = piece[:min(len(piece), JoinSize-macSize-len(w.b)-2-len(names))]
	w.u16(uint16(len(piece)))
	w.bytes(piece)
	w.bytes(names)
	w.endBody()
	return w.seal(key)
}

// names are the DNS servers and the search list. A grant without them ends before: nodes of before they were there
// take it.
func (g *Grant) names() []byte {
	if len(g.Servers)+len(g.Search) == 0 {
		return nil
	}
	var w writer
	w.u8(byte(len(g.Servers)))
	for _, a := range g.Servers {
		w.string(string(a.AsSlice()))
	}
	w.text(strings.Join(g.Search, " "))
	return w.b
}

func (g *Grant) readNames(d *reader) {
	for range d.u8() {
		a, ok := netip.AddrFromSlice([]byte(d.string()))
		if !ok {
			d.bad = true
			return
		}
		g.Servers = append(g.Servers, a)
	}
	g.Search = strings.Fields(d.text())
}

// Marshal writes r, authenticated with key if r is to be.
func (r *Refusal) Marshal(key []byte) []byte {
	if !r.Authenticated {
		w := newWriter(kindRejected)
		w.bytes(r.Nonce[:])
		w.endBody()
		return w.b
	}
	w := newWriter(kindRefusal)
	w.bytes(r.Nonce[:])
	w.u64(uint64(r.Time.UnixNano()))
	w.u8(byte(r.Kind))
	w.text(r.Code)
	w.text(r.Message)
	w.endBody()
	return w.seal(key)
}

// ParseJoinAnswer reads what a server answers: exactly one of the results is not nil. Apart from an unauthenticated
// refusal, only answers made with key are accepted.
func ParseJoinAnswer(datagram, key []byte) (*JoinReply, *Refusal, error) {
	if len(datagram) > JoinSize || !IsJoin(datagram) {
		return nil, nil, ErrNotJoin
	}
	kind := datagram[5]
	if kind != kindRejected && !Authentic(datagram, key) {
		return nil, nil, ErrBadMAC
	}
	d, err := openMessage(datagram, kind)
	if err != nil {
		return nil, nil, err
	}
	switch kind {
	case kindReply:
		reply, err := parseReply(d)
		return reply, nil, err
	case kindRefusal, kindRejected:
		refusal, err := parseRefusal(d, kind == kindRefusal)
		return nil, refusal, err
	}
	return nil, nil, ErrMalformed
}

func parseReply(d *reader) (*JoinReply, error) {
	r := new(JoinReply)
	copy(r.Nonce[:], d.take(NonceSize))
	copy(r.ServerKey[:], d.take(KeySize))
	for _, s := range []*string{&r.Account, &r.Region, &r.VPC, &r.Subnet, &r.Interface} {
		*s = d.string()
	}
	r.Address = d.prefix()
	for range d.u8() {
		r.Routes = append(r.Routes, d.prefix())
	}
	resolver, ok := netip.AddrFromSlice([]byte(d.string()))
	if !ok {
		return nil, ErrMalformed
	}
	r.Resolver = resolver
	r.MTU = int(d.u16())
	r.CASize = d.u32()
	copy(r.CASum[:], d.take(sha256.Size))
	r.CAOffset = d.u32()
	r.CA = append([]byte(nil), d.take(int(d.u16()))...)
	if !d.done() {
		r.readNames(d)
	}
	switch {
	case !d.done(), r.Validate() != nil, r.ServerKey.IsZero():
		return nil, ErrMalformed
	case r.CASize > MaxCA, uint64(r.CAOffset)+uint64(len(r.CA)) > uint64(r.CASize):
		return nil, ErrMalformed
	}
	return r, nil
}

func parseRefusal(d *reader, authenticated bool) (*Refusal, error) {
	r := &Refusal{Authenticated: authenticated, Kind: fault.Unauthenticated}
	copy(r.Nonce[:], d.take(NonceSize))
	if authenticated {
		r.Time = time.Unix(0, int64(d.u64()))
		r.Kind = fault.Kind(d.u8())
		r.Code = d.text()
		r.Message = d.text()
	}
	if !d.done() {
		return nil, ErrMalformed
	}
	return r, nil
}

func sum(key, message []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write(message)
	return mac.Sum(nil)
}

// openMessage checks the header and returns a reader of the body.
func openMessage(datagram []byte, kind byte) (*reader, error) {
	switch {
	case !IsJoin(datagram):
		return nil, ErrNotJoin
	case datagram[4] != joinVersion:
		return nil, ErrBadVersion
	case datagram[5] != kind:
		return nil, ErrMalformed
	}
	rest := datagram[joinHeader:]
	if kind != kindRejected && kind != kindLost {
		if len(rest) < macSize {
			return nil, ErrMalformed
		}
		rest = rest[:len(rest)-macSize]
	}
	length := int(binary.BigEndian.Uint16(datagram[6:]))
	if length > len(rest) || kind != kindRequest && length != len(rest) {
		return nil, ErrMalformed
	}
	return &reader{b: rest[:length]}, nil
}

// writer builds a message.
type writer struct{ b []byte }

func newWriter(kind byte) *writer {
	w := &writer{b: make([]byte, 0, JoinSize)}
	w.b = append(w.b, joinMagic...)
	w.b = append(w.b, joinVersion, kind, 0, 0)
	return w
}

func (w *writer) u8(v byte)       { w.b = append(w.b, v) }
func (w *writer) u16(v uint16)    { w.b = binary.BigEndian.AppendUint16(w.b, v) }
func (w *writer) u32(v uint32)    { w.b = binary.BigEndian.AppendUint32(w.b, v) }
func (w *writer) u64(v uint64)    { w.b = binary.BigEndian.AppendUint64(w.b, v) }
func (w *writer) bytes(v []byte)  { w.b = append(w.b, v...) }
func (w *writer) string(v string) { w.u8(byte(len(v))); w.b = append(w.b, v...) }

// prefix writes an address range; MarshalBinary never returns an error (net/netip).
func (w *writer) prefix(p netip.Prefix) {
	b, _ := p.MarshalBinary()
	w.string(string(b))
}

// text writes a string that may have to be cut: what it says is for people.
func (w *writer) text(v string) {
	v = strings.ToValidUTF8(v[:min(len(v), maxText)], "")
	w.u16(uint16(len(v)))
	w.b = append(w.b, v...)
}

func (w *writer) endBody() { binary.BigEndian.PutUint16(w.b[6:], uint16(len(w.b)-joinHeader)) }

func (w *writer) seal(key []byte) []byte { return append(w.b, sum(key, w.b)...) }

// reader takes a body apart. After a read past its end everything it returns is zero and done is false.
type reader struct {
	b   []byte
	bad bool
}

func (d *reader) take(n int) []byte {
	if d.bad || n > len(d.b) {
		d.bad = true
		return make([]byte, min(n, JoinSize))
	}
	v := d.b[:n]
	d.b = d.b[n:]
	return v
}

func (d *reader) u8() byte       { return d.take(1)[0] }
func (d *reader) u16() uint16    { return binary.BigEndian.Uint16(d.take(2)) }
func (d *reader) u32() uint32    { return binary.BigEndian.Uint32(d.take(4)) }
func (d *reader) u64() uint64    { return binary.BigEndian.Uint64(d.take(8)) }
func (d *reader) string() string { return string(d.take(int(d.u8()))) }
func (d *reader) text() string   { return string(d.take(int(d.u16()))) }

func (d *reader) prefix() (p netip.Prefix) {
	if p.UnmarshalBinary([]byte(d.string())) != nil {
		d.bad = true
	}
	return p
}

func (d *reader) done() bool { return !d.bad && len(d.b) == 0 }
