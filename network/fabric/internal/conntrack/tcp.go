package conntrack

// The TCP flags (RFC 9293, 3.1).
const (
	FIN = 1 << iota
	SYN
	RST
	PSH
	ACK
	URG
)

// state says how far a conversation has come.
type state uint8

const (
	// opening: the first packet was seen, no answer yet.
	opening state = iota
	// answered: TCP's SYN-ACK was seen; for other protocols, an answer.
	answered
	// established: TCP's handshake is complete; for other protocols, more than one exchange was seen.
	established
	// closing: a FIN or RST was seen. Packets still pass, for a while.
	closing
)

// step says what a TCP segment does to its conversation.
type step uint8

const (
	stay  step = iota // it belongs to it
	move              // it takes it to the next state
	begin             // it would begin a new one with the same addresses
	wrong             // it cannot belong to it
)

// validFlags reports whether a segment may carry these flags together. SYN with FIN or RST, and no flag of SYN, RST and
// ACK at all, are the marks of scanners.
func validFlags(flags uint8) bool {
	switch flags & (SYN | RST | FIN) {
	case SYN, 0, RST, FIN:
		return flags&(SYN|RST|ACK) != 0
	}
	return false
}

// Begins reports whether a segment with these flags may begin a conversation.
func Begins(flags uint8) bool { return flags&(SYN|ACK|RST|FIN) == SYN }

// advance tells what a TCP segment from one side (0 began the conversation) does in a state, and which state follows.
// Sequence numbers are not checked: inside the fabric nobody can send from another's address.
//
//	opening ─SYN-ACK→ answered ─ACK→ established ─FIN→ closing; RST leads to closing from everywhere
func advance(s state, side int, flags uint8) (step, state) {
	switch {
	case !validFlags(flags):
		return wrong, s
	case Begins(flags):
		if s == opening && side == 0 {
			return stay, s // sent again
		}
		return begin, s
	case flags&RST != 0:
		return move, closing
	case flags&SYN != 0: // with ACK
		switch {
		case side == 0:
			return wrong, s
		case s == opening:
			return move, answered
		case s == closing:
			return wrong, s
		}
		return stay, s
	}
	switch s {
	case opening:
		// A lone ACK from the other side answers a SYN that reached a connection it still holds (RFC 9293,
		// 3.10.7.4); the first side's reset follows. Nothing else can come before the handshake.
		if side == 1 && flags&FIN == 0 {
			return stay, s
		}
		return wrong, s
	case answered:
		if side == 0 {
			return move, afterHandshake(flags)
		}
		return wrong, s
	case established:
		if flags&FIN != 0 {
			return move, closing
		}
	}
	return stay, s
}

func afterHandshake(flags uint8) state {
	if flags&FIN != 0 {
		return closing
	}
	return established
}
