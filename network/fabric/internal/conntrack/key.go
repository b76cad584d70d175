// Package conntrack remembers the conversations that cross the fabric: who began each, what state it is in, where its
// packets go and under which rules that was judged. It is bounded: when full, it forgets what was never answered
// before what was, and of that what has been idle longest.
package conntrack

import "math/bits"

// Key names one direction of a conversation by its sender and its packets' addresses. Two networks may use the same
// addresses; their senders differ.
type Key struct {
	// Sender is the fabric's number of the interface that sends.
	Sender              uint32
	Source, Destination [4]byte
	// SourcePort and DestinationPort are 0 for protocols without ports; for ICMP both are the echo's identifier.
	SourcePort, DestinationPort uint16
	Protocol                    uint8
	// Kind tells an ICMP echo from its reply; 0 otherwise.
	Kind uint8
}

// Reverse is the key of the other direction, whose packets receiver sends.
func (k Key) Reverse(receiver uint32) Key {
	r := Key{
		Sender: receiver, Source: k.Destination, Destination: k.Source,
		SourcePort: k.DestinationPort, DestinationPort: k.SourcePort, Protocol: k.Protocol,
	}
	if k.Protocol == protocolICMP {
		r.Kind = k.Kind ^ (echo | echoReply)
	}
	return r
}

// IP protocol numbers, and the kinds of ICMP that are conversations (RFC 792).
const (
	protocolICMP = 1
	protocolTCP  = 6
	protocolUDP  = 17

	echoReply = 0
	echo      = 8
)

// spread is the same for both directions of a conversation, whoever sends, so that they lie in one shard. The seed
// keeps a sender from aiming at one.
func (k *Key) spread(seed uint64) uint64 {
	return mix(end(k.Source, k.SourcePort), seed) + mix(end(k.Destination, k.DestinationPort), seed) + uint64(k.Protocol)
}

// hash tells the keys of a shard apart, by their senders too: many networks may use the same addresses.
func (k *Key) hash(seed uint64) uint32 {
	return uint32(mix(k.spread(seed)+uint64(k.Sender)<<8, seed))
}

func end(a [4]byte, port uint16) uint64 {
	return uint64(a[0])<<40 | uint64(a[1])<<32 | uint64(a[2])<<24 | uint64(a[3])<<16 | uint64(port)
}

// mix is one round of wyhash's multiply and fold.
func mix(v, seed uint64) uint64 {
	high, low := bits.Mul64(v^seed, 0x9e3779b97f4a7c15^seed)
	return high ^ low
}
