package arn

import (
	"strings"
	"unicode/utf8"
)

// A piece is what a pattern has between two *: characters, and ? for any one.
type piece struct {
	runes []rune // anyOne for ?
}

func newPiece(runes []rune) piece { return piece{append([]rune(nil), runes...)} }

func (p piece) empty() bool { return len(p.runes) == 0 }

// prefix reports whether s begins with the piece, and how many bytes that takes.
func (p piece) prefix(s string, fold bool) (n int, ok bool) {
	for _, want := range p.runes {
		r, size := utf8.DecodeRuneInString(s[n:])
		if size == 0 || !same(want, r, fold) {
			return 0, false
		}
		n += size
	}
	return n, true
}

// suffix reports whether s ends with the piece, and how many bytes that takes.
func (p piece) suffix(s string, fold bool) (n int, ok bool) {
	for i := len(p.runes) - 1; i >= 0; i-- {
		r, size := utf8.DecodeLastRuneInString(s[:len(s)-n])
		if size == 0 || !same(p.runes[i], r, fold) {
			return 0, false
		}
		n += size
	}
	return n, true
}

func same(want, r rune, fold bool) bool {
	return want == anyOne || want == r || fold && want == lower(r)
}

func (p piece) String() string {
	var b strings.Builder
	for _, r := range p.runes {
		if r == anyOne {
			r = '?'
		}
		b.WriteRune(r)
	}
	return b.String()
}

// A needle is a piece that is looked for anywhere. Without ? it is found as Knuth, Morris and Pratt do, in one pass.
// With ? no such table exists; there a word holds, for 64 places of the piece at once, whether the text read so far
// ends with what stands before them (Baeza-Yates and Gonnet, "A new approach to text searching", 1992).
type needle struct {
	piece
	back  []int32           // without ?: where to go on after so many characters, KMP's failure function
	masks map[rune][]uint64 // with ?: the places of each character
	any   []uint64          // the places of ?
}

func newNeedle(runes []rune) needle {
	n := needle{piece: newPiece(runes)}
	for _, r := range runes {
		if r == anyOne {
			n.mask()
			return n
		}
	}
	n.back = make([]int32, len(runes))
	for i, k := 1, int32(0); i < len(runes); i++ {
		for k > 0 && runes[k] != runes[i] {
			k = n.back[k-1]
		}
		if runes[k] == runes[i] {
			k++
		}
		n.back[i] = k
	}
	return n
}

// mask notes the places of each character.
func (n *needle) mask() {
	words := (len(n.runes) + 63) / 64
	n.any, n.masks = make([]uint64, words), map[rune][]uint64{}
	for i, r := range n.runes {
		into := n.any
		if r != anyOne {
			if n.masks[r] == nil {
				n.masks[r] = make([]uint64, words)
			}
			into = n.masks[r]
		}
		into[i/64] |= 1 << (i % 64)
	}
}

// find returns where the first occurrence of the needle in s ends, or -1.
func (n *needle) find(s string, fold bool) int {
	if n.masks != nil || n.any != nil {
		return n.findMasked(s, fold)
	}
	matched := int32(0)
	for at, r := range s {
		if fold {
			r = lower(r)
		}
		for matched > 0 && n.runes[matched] != r {
			matched = n.back[matched-1]
		}
		if n.runes[matched] == r {
			matched++
		}
		if int(matched) == len(n.runes) {
			_, size := utf8.DecodeRuneInString(s[at:])
			return at + size
		}
	}
	return -1
}

// stackWords is for how many words of places no memory is asked for.
const stackWords = 16

func (n *needle) findMasked(s string, fold bool) int {
	var few [stackWords]uint64
	ends := few[:]
	if len(n.any) > stackWords {
		ends = make([]uint64, len(n.any))
	}
	ends = ends[:len(n.any)]
	last := len(n.runes) - 1
	for at, r := range s {
		if fold {
			r = lower(r)
		}
		places, carry := n.masks[r], uint64(1)
		for w, have := range ends {
			allowed := n.any[w]
			if places != nil {
				allowed |= places[w]
			}
			ends[w] = (have<<1 | carry) & allowed
			carry = have >> 63
		}
		if ends[last/64]>>(last%64)&1 != 0 {
			_, size := utf8.DecodeRuneInString(s[at:])
			return at + size
		}
	}
	return -1
}
