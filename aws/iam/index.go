package iam

import (
	"cmp"
	"math/bits"
	"slices"
	"strings"
)

// An index finds the statements of a policy that may be about a request, without looking at the others: by what their
// actions and resources begin with.
type index struct {
	denies    set
	anyAction set // whose Action has a pattern that begins with a wildcard, or that have NotAction
	actions   prefixes
	// anyResource are the statements that have no resource, one that begins with a wildcard or a variable, or
	// NotResource.
	anyResource set
	resources   prefixes
}

// A set holds the numbers of statements, a bit each.
type set []uint64

// maxStatements is more than the statements that a document of maxDocument bytes can have: the shortest is
// {"Effect":"Deny","Action":"*","Resource":"*"} with a comma.
const (
	maxStatements = maxDocument / 46
	maxWords      = maxStatements/64 + 1
)

func newSet(n int) set { return make(set, (n+63)/64) }

func (s set) add(i int) { s[i/64] |= 1 << (i % 64) }

// newIndex makes the index of statements.
func newIndex(statements []statement) index {
	n := len(statements)
	all := make(set, 3*len(newSet(n)))
	words := len(all) / 3
	x := index{denies: all[:words], anyAction: all[words : 2*words], anyResource: all[2*words:]}
	actions, resources := make([]prefixed, 0, n), make([]prefixed, 0, n)
	for i := range statements {
		s := &statements[i]
		if s.deny {
			x.denies.add(i)
		}
		if s.notAction {
			x.anyAction.add(i)
		} else {
			for _, a := range s.actions {
				actions = append(actions, prefixed{a.Literal(), int32(i)})
			}
		}
		if s.anyResource || s.notResource {
			x.anyResource.add(i)
			continue
		}
		for j := range s.resources {
			resources = append(resources, prefixed{s.resources[j].pattern.Literal(), int32(i)})
		}
	}
	x.actions, x.resources = newPrefixes(actions, x.anyAction), newPrefixes(resources, x.anyResource)
	x.actions.fold = true
	return x
}

// find puts the statements that may be about a request into a set, using the room of another one.
func (x *index) find(a *asked) set {
	n := len(x.denies)
	found, about := set(a.found[:n]), set(a.about[:n])
	copy(found, x.anyAction)
	x.actions.find(a.Action, found)
	copy(about, x.anyResource)
	x.resources.find(a.Resource, about)
	for i := range found {
		found[i] &= about[i]
	}
	return found
}

// next returns the first number in the set from i on, of those that are in the other one, or not in it; -1 for none.
func (s set) next(i int, other set, in bool) int {
	for w := i / 64; w < len(s); w++ {
		word := s[w] & other[w]
		if !in {
			word = s[w] &^ other[w]
		}
		if w == i/64 {
			word &= ^uint64(0) << (i % 64)
		}
		if word != 0 {
			return w*64 + bits.TrailingZeros64(word)
		}
	}
	return -1
}

// prefixes are texts in their order, each with the statements that have a pattern which begins with it, or with a text
// that it begins with itself. Of the texts that s begins with, the longest is the greatest one that is not greater than
// s, or what that one begins with, and so on.
type prefixes struct {
	texts []string
	up    []int32 // the longest other one that each begins with, -1 for none
	sets  []uint64
	words int  // of a set
	fold  bool // letter case of ASCII does not matter; the texts are in lower case
}

// A prefixed is what a pattern of a statement begins with.
type prefixed struct {
	text      string
	statement int32
}

// newPrefixes sorts what patterns begin with. Statements of those that begin with nothing it adds to always.
func newPrefixes(all []prefixed, always set) prefixes {
	p := prefixes{words: len(always)}
	slices.SortFunc(all, func(a, b prefixed) int { return strings.Compare(a.text, b.text) })
	for _, one := range all {
		last := int32(len(p.texts)) - 1
		switch {
		case one.text == "":
			always.add(int(one.statement))
			continue
		case last < 0 || p.texts[last] != one.text:
			up := last
			for up >= 0 && !strings.HasPrefix(one.text, p.texts[up]) {
				up = p.up[up]
			}
			last++
			p.texts, p.up = append(p.texts, one.text), append(p.up, up)
			if up < 0 {
				p.sets = append(p.sets, make(set, p.words)...)
			} else {
				p.sets = append(p.sets, p.set(up)...)
			}
		}
		p.set(last).add(int(one.statement))
	}
	return p
}

// set returns the statements of a text.
func (p *prefixes) set(i int32) set { return p.sets[int(i)*p.words : (int(i)+1)*p.words] }

// find adds the statements of all texts that s begins with.
func (p *prefixes) find(s string, found set) {
	low, high := 0, len(p.texts) // the texts before low are not greater than s, those from high on are
	for low < high {
		middle := int(uint(low+high) / 2)
		if p.compare(p.texts[middle], s) <= 0 {
			low = middle + 1
		} else {
			high = middle
		}
	}
	i := int32(low) - 1
	for i >= 0 && !p.begins(s, p.texts[i]) {
		i = p.up[i]
	}
	if i >= 0 {
		for w, word := range p.set(i) {
			found[w] |= word
		}
	}
}

// begins reports whether s begins with a text.
func (p *prefixes) begins(s, text string) bool {
	return len(s) >= len(text) && p.compare(text, s[:len(text)]) == 0
}

// compare compares a text with another one as strings.Compare does.
func (p *prefixes) compare(text, s string) int {
	if !p.fold {
		return strings.Compare(text, s)
	}
	for i := range min(len(text), len(s)) {
		c := s[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != text[i] {
			return cmp.Compare(text[i], c)
		}
	}
	return cmp.Compare(len(text), len(s))
}
