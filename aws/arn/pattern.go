package arn

import (
	"slices"
	"strings"
)

// Pattern is a text with wildcards, compiled. The zero Pattern matches only the empty text. Match takes time in
// proportion to the text, whatever the pattern is; only a ? between two * makes it the text's length times that part's
// in machine words.
type Pattern struct {
	literal string   // what must be equal, or the whole prefix where star is set
	star    bool     // there is a wildcard after literal; the first one may be a ?
	head    piece    // what follows literal up to the first *
	middle  []needle // what stands between two *, in this order
	tail    piece    // what follows the last *
	open    bool     // there is a *
	fold    bool     // ASCII letters match in either case; the pattern is in lower case
}

// Compile reads * as any number of characters and ? as exactly one.
func Compile(s string) Pattern { return compile(s, false) }

// CompileFold is Compile for texts where upper and lower case (of ASCII) are the same, such as action names.
func CompileFold(s string) Pattern { return compile(asciiLower(s), true) }

// compile needs a Builder for what stands behind the first wildcard only, and none for a single * at the end, which is
// what most patterns are.
func compile(s string, fold bool) Pattern {
	at := strings.IndexAny(s, "*?")
	switch {
	case at < 0:
		return Pattern{literal: s, fold: fold}
	case at == len(s)-1 && s[at] == '*':
		return Pattern{literal: s[:at], star: true, open: true, fold: fold}
	}
	b := Builder{runes: make([]rune, 0, len(s)-at), fold: fold}
	b.Wildcards(s[at:])
	p := b.Pattern()
	p.literal = s[:at]
	return p
}

// The two runes that no text can hold, and that stand for the wildcards in a Builder.
const (
	anyRun = rune(-1) // *: any number of characters, none too
	anyOne = rune(-2) // ?: exactly one character
)

// Builder puts a Pattern together from parts with and without wildcards. The zero Builder is ready.
type Builder struct {
	runes []rune
	meta  bool
	fold  bool
}

// Wildcards adds a part in which * and ? are wildcards.
func (b *Builder) Wildcards(s string) {
	for _, r := range s {
		switch r {
		case '*':
			r, b.meta = anyRun, true
		case '?':
			r, b.meta = anyOne, true
		}
		if r == anyRun && len(b.runes) > 0 && b.runes[len(b.runes)-1] == anyRun {
			continue
		}
		b.runes = append(b.runes, r)
	}
}

// Literal adds a part in which * and ? stand for themselves.
func (b *Builder) Literal(s string) {
	for _, r := range s {
		b.runes = append(b.runes, r)
	}
}

// Pattern returns the pattern that was added so far.
func (b *Builder) Pattern() Pattern {
	p := Pattern{fold: b.fold}
	if !b.meta {
		p.literal = string(b.runes)
		return p
	}
	i := 0
	for b.runes[i] >= 0 {
		i++
	}
	p.literal, p.star = string(b.runes[:i]), true
	rest := b.runes[i:]
	for first := true; ; first = false {
		at := slices.Index(rest, anyRun)
		switch {
		case at < 0 && first:
			p.head = newPiece(rest)
			return p
		case at < 0:
			p.tail = newPiece(rest)
			return p
		case first:
			p.head, p.open = newPiece(rest[:at]), true
		default:
			p.middle = append(p.middle, newNeedle(rest[:at]))
		}
		rest = rest[at+1:]
	}
}

// Literal returns the text that everything the pattern matches begins with, in lower case where case does not matter.
func (p Pattern) Literal() string { return p.literal }

// IsLiteral reports whether the pattern has no wildcard and so matches one text only.
func (p Pattern) IsLiteral() bool { return !p.star }

// MatchesAll reports whether the pattern is a single *.
func (p Pattern) MatchesAll() bool {
	return p.open && p.literal == "" && p.head.empty() && len(p.middle) == 0 && p.tail.empty()
}

// Match reports whether the whole of s fits the pattern.
func (p Pattern) Match(s string) bool {
	if len(s) < len(p.literal) {
		return false
	}
	if head := s[:len(p.literal)]; head != p.literal && !(p.fold && equalFold(p.literal, head)) {
		return false
	}
	s = s[len(p.literal):]
	if !p.star {
		return s == ""
	}
	n, ok := p.head.prefix(s, p.fold)
	if !ok || !p.open {
		return ok && n == len(s)
	}
	s = s[n:]
	n, ok = p.tail.suffix(s, p.fold)
	if !ok {
		return false
	}
	s = s[:len(s)-n]
	// What an earlier * could take in addition, the next one can take as well: the first place of each is the best.
	for i := range p.middle {
		end := p.middle[i].find(s, p.fold)
		if end < 0 {
			return false
		}
		s = s[end:]
	}
	return true
}

func (p Pattern) String() string {
	if !p.star {
		return p.literal
	}
	text := p.literal + p.head.String()
	if !p.open {
		return text
	}
	text += "*"
	for _, n := range p.middle {
		text += n.String() + "*"
	}
	return text + p.tail.String()
}

func lower(r rune) rune {
	if 'A' <= r && r <= 'Z' {
		return r + 'a' - 'A'
	}
	return r
}

func asciiLower(s string) string { return strings.Map(lower, s) }

// equalFold compares want, which is in lower case already, with s of the same length.
func equalFold(want, s string) bool {
	for i := range len(want) {
		c := s[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != want[i] {
			return false
		}
	}
	return true
}
