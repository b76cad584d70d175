package conntrack

import "time"

// Flow is one conversation. Its fields are guarded by its shard's lock; D is what the fabric keeps for each direction.
type Flow[D any] struct {
	// Keys are of the direction that began and of the one that answers.
	Keys  [2]Key
	Sides [2]Side[D]
	// Began and Used are when its first and last packet passed, in nanoseconds of the fabric's clock.
	Began, Used int64

	state state
	class class
	// listed says when it was last moved to the front of its list.
	listed     int64
	prev, next *Flow[D]
	// places are the flow's places in the lists of its ends.
	places [2]place[D]
}

// Side is one direction of a flow.
type Side[D any] struct {
	// To says where its packets go, as judged under the rules of the version.
	To      D
	Version uint64
	// Packets and Bytes passed since they were last taken away.
	Packets, Bytes uint64
	// Marks are the TCP flags of the packets since then that begin and end a connection; ACK is among them beside a SYN
	// only.
	Marks uint8
	// ack is the last TCP acknowledgement number that the side sent, end the sequence number behind all that it sent.
	ack, end    uint32
	acked, sent bool
}

// Expects are the TCP sequence numbers that a side may expect next: the one that it acknowledged last, and the one
// behind all that was sent to it, where that differs.
func (f *Flow[D]) Expects(side int) []uint32 {
	this, peer := &f.Sides[side], &f.Sides[1-side]
	var next []uint32
	if this.acked {
		next = append(next, this.ack)
	}
	if peer.sent && (!this.acked || peer.end != this.ack) {
		next = append(next, peer.end)
	}
	return next
}

// segment notes what a TCP segment says.
func (s *Side[D]) segment(p *Packet) {
	if p.Flags&ACK != 0 {
		s.ack, s.acked = p.Ack, true
	}
	end := p.Seq + p.Payload
	if p.Flags&(SYN|FIN|RST) != 0 {
		s.mark(p.Flags)
		if p.Flags&(SYN|FIN) != 0 {
			end++
		}
	}
	if !s.sent || int32(end-s.end) > 0 || p.Flags&SYN != 0 {
		s.end, s.sent = end, true
	}
}

func (s *Side[D]) mark(flags uint8) {
	s.Marks |= flags & (SYN | FIN | RST)
	if flags&SYN != 0 {
		s.Marks |= flags & ACK
	}
}

// Closing reports whether a FIN or RST was seen.
func (f *Flow[D]) Closing() bool { return f.state == closing }

// class groups the flows that time out alike.
type class uint8

const (
	tcpOpening class = iota
	tcpClosing
	udpSingle
	icmpEcho
	udpStream
	other
	tcpEstablished
	classes
)

// unanswered are the classes that make room first.
const unanswered = udpSingle

// Timeouts say how long a flow may idle before it is forgotten.
type Timeouts struct {
	// TCPOpening is before the handshake is complete, TCPClosing after the first FIN or RST.
	TCPOpening, TCPEstablished, TCPClosing time.Duration
	// UDPSingle is for one-way traffic and a single exchange, UDPStream for more.
	UDPSingle, UDPStream time.Duration
	ICMP                 time.Duration
	// Other is for protocols without ports.
	Other time.Duration
}

// DefaultTimeouts returns those of EC2's connection tracking (EC2 User Guide, "Security group connection tracking"),
// and Linux's where AWS names none.
func DefaultTimeouts() Timeouts {
	return Timeouts{
		TCPOpening: 60 * time.Second, TCPEstablished: 5 * 24 * time.Hour, TCPClosing: 120 * time.Second,
		UDPSingle: 30 * time.Second, UDPStream: 180 * time.Second, ICMP: 30 * time.Second, Other: 600 * time.Second,
	}
}

func (t Timeouts) byClass() [classes]int64 {
	return [classes]int64{
		tcpOpening: int64(t.TCPOpening), tcpEstablished: int64(t.TCPEstablished), tcpClosing: int64(t.TCPClosing),
		udpSingle: int64(t.UDPSingle), udpStream: int64(t.UDPStream), icmpEcho: int64(t.ICMP), other: int64(t.Other),
	}
}

// classOf is the class of a flow of the protocol in the state.
func classOf(protocol uint8, s state) class {
	switch protocol {
	case protocolTCP:
		switch s {
		case established:
			return tcpEstablished
		case closing:
			return tcpClosing
		}
		return tcpOpening
	case protocolUDP:
		if s == established {
			return udpStream
		}
		return udpSingle
	case protocolICMP:
		return icmpEcho
	}
	return other
}

// exchange tells how a packet of a protocol without handshake moves its flow.
func exchange(s state, side int) state {
	switch {
	case s == opening && side == 1:
		return answered
	case s == answered && side == 0:
		return established
	}
	return s
}
