package mgs

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// Sizes of an encoded message, in bytes.
const (
	// HeaderSize is the HeaderLength that this package writes.
	HeaderSize = 116
	// PayloadOffset is the offset of the payload behind a header of HeaderSize, in bytes.
	PayloadOffset = HeaderSize + 4
	// MaxSize is the largest encoded message that Parse reads. The agent's own write buffer is 142,000 bytes and it
	// drops replies over 120,000.
	MaxSize = 1 << 20

	typeSize = 32
)

// Offsets of the header's fields.
const (
	offType     = 4
	offSchema   = offType + typeSize
	offCreated  = 40
	offSequence = 48
	offFlags    = 56
	offID       = 64
	offDigest   = 80
	offPayType  = 112
	offPayLen   = 116
)

// Flags of a stream message.
const (
	// SYN marks the first message of a stream.
	SYN uint64 = 1 << 0
	// FIN marks the last message of a stream.
	FIN uint64 = 1 << 1
)

// ErrMalformed is wrapped by every error of Parse.
var ErrMalformed = errors.New("malformed agent message")

// Message is one AgentMessage.
type Message struct {
	// Type is 1–32 bytes of ASCII without spaces at its ends, such as AgentJob.
	Type string
	// Schema is 1 in every version seen.
	Schema uint32
	// Created is milliseconds since 1970 (UTC) and never 0.
	Created uint64
	// Sequence numbers the messages of one direction of a data stream from 0; 0 on the control channel.
	Sequence int64
	Flags    uint64
	ID       UUID
	// PayloadType is one of the Payload… constants on a data channel and 0 on the control channel.
	PayloadType uint32
	// Digest is the payload's SHA-256 as it was received. AppendTo computes its own and ignores this.
	Digest  [sha256.Size]byte
	Payload []byte
}

// New makes a control message with a fresh ID.
func New(kind string, payload []byte, now time.Time) Message {
	return Message{Type: kind, Schema: 1, Created: uint64(now.UnixMilli()), ID: NewUUID(), Payload: payload}
}

// Time returns the moment at which the message was created, in UTC.
func (m *Message) Time() time.Time { return time.UnixMilli(int64(m.Created)).UTC() }

// Size returns the length of the encoded message in bytes.
func (m *Message) Size() int { return PayloadOffset + len(m.Payload) }

// Intact reports whether the digest that came with the message fits the payload. The agent does not ask; the plugin
// does unless the payload is empty.
func (m *Message) Intact() bool {
	return len(m.Payload) == 0 || sha256.Sum256(m.Payload) == m.Digest
}

// AppendTo appends the encoded message to b. It fails on a type that does not fit its field, on a zero creation date,
// and on a message over MaxSize.
func (m *Message) AppendTo(b []byte) ([]byte, error) {
	switch {
	case m.Type == "" || len(m.Type) > typeSize:
		return b, fmt.Errorf("message type %q is not 1–%d bytes long", m.Type, typeSize)
	case m.Created == 0:
		return b, fmt.Errorf("message %s has no creation date", m.Type)
	case m.Size() > MaxSize:
		return b, fmt.Errorf("message %s of %d bytes is over %d", m.Type, m.Size(), MaxSize)
	}
	start := len(b)
	b = append(b, blankHeader[:]...)
	h := b[start:]
	binary.BigEndian.PutUint32(h, HeaderSize)
	copy(h[offType:], m.Type)
	binary.BigEndian.PutUint32(h[offSchema:], m.Schema)
	binary.BigEndian.PutUint64(h[offCreated:], m.Created)
	binary.BigEndian.PutUint64(h[offSequence:], uint64(m.Sequence))
	binary.BigEndian.PutUint64(h[offFlags:], m.Flags)
	copy(h[offID:], m.ID[8:])
	copy(h[offID+8:], m.ID[:8])
	digest := sha256.Sum256(m.Payload)
	copy(h[offDigest:], digest[:])
	binary.BigEndian.PutUint32(h[offPayType:], m.PayloadType)
	binary.BigEndian.PutUint32(h[offPayLen:], uint32(len(m.Payload)))
	return append(b, m.Payload...), nil
}

// Encode returns the encoded message in a buffer of its own.
func (m *Message) Encode() ([]byte, error) { return m.AppendTo(make([]byte, 0, m.Size())) }

var blankHeader = func() (h [PayloadOffset]byte) {
	for i := offType; i < offType+typeSize; i++ {
		h[i] = ' '
	}
	return h
}()

// Parse reads one message; its Payload is a part of b. It is as lenient as the agent and the plugin are with each
// other: a longer header is skipped, padding may be spaces or NULs, a digest that does not fit is kept for Intact to
// tell, bytes beyond the payload's stated length are left out. It refuses what they would misread or crash on: short
// input, a header that runs past the input, a stated length that is not there, an empty type, a zero date.
func Parse(b []byte) (Message, error) {
	if len(b) < PayloadOffset || len(b) > MaxSize {
		return Message{}, fmt.Errorf("%w: %d bytes, not %d–%d", ErrMalformed, len(b), PayloadOffset, MaxSize)
	}
	header := uint64(binary.BigEndian.Uint32(b))
	if header < HeaderSize || header+4 > uint64(len(b)) {
		return Message{}, fmt.Errorf("%w: header of %d bytes in %d", ErrMalformed, header, len(b))
	}
	rest := b[header:]
	length := uint64(binary.BigEndian.Uint32(rest))
	if length > uint64(len(rest)-4) {
		return Message{}, fmt.Errorf("%w: payload of %d bytes in %d", ErrMalformed, length, len(rest)-4)
	}
	m := Message{
		Type:        TypeOf(b),
		Schema:      binary.BigEndian.Uint32(b[offSchema:]),
		Created:     binary.BigEndian.Uint64(b[offCreated:]),
		Sequence:    int64(binary.BigEndian.Uint64(b[offSequence:])),
		Flags:       binary.BigEndian.Uint64(b[offFlags:]),
		PayloadType: binary.BigEndian.Uint32(b[offPayType:]),
		Payload:     rest[4 : 4+length : 4+length],
	}
	copy(m.ID[8:], b[offID:])
	copy(m.ID[:8], b[offID+8:])
	copy(m.Digest[:], b[offDigest:])
	if m.Type == "" || m.Created == 0 {
		return Message{}, fmt.Errorf("%w: no type or no creation date", ErrMalformed)
	}
	return m, nil
}

// TypeOf reads only the type of an encoded message, which is all that a relay needs. It is empty where b is too short
// to hold one.
func TypeOf(b []byte) string {
	if len(b) < offType+typeSize {
		return ""
	}
	return known(bytes.Trim(b[offType:offType+typeSize], " \x00"))
}

// known spares the allocation for the types that exist.
func known(b []byte) string {
	for _, t := range types {
		if string(b) == t {
			return t
		}
	}
	return string(b)
}
