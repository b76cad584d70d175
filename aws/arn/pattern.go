package arn

import (
	"strings"
	"unicode/utf8"
)

// The two runes that no text can hold, and that stand for the wildcards in a Pattern.
const (
	anyRun = rune(-1) // *: any number of characters, none too
	anyOne = rune(-2) // ?: exactly one character
)

// Pattern is a text with wildcards, compiled. The zero Pattern matches only the empty text.
type Pattern struct {
	literal string // what must be equal, or the whole prefix where rest is a single *
	rest    []rune // from the first wildcard on
	fold    bool   // ASCII letters match in either case; literal and rest are in lower case
}

// Compile reads * as any number of characters and ? as exactly one.
func Compile(s string) Pattern {
	var b Builder
	b.Wildcards(s)
	return b.Pattern()
}

// CompileFold is Compile for texts where upper and lower case (of ASCII) are the same, such as action names.
func CompileFold(s string) Pattern {
	p := Compile(asciiLower(s))
	p.fold = true
	return p
}

// Builder puts a Pattern together from parts with and without wildcards. The zero Builder is ready.
type Builder struct {
	runes []rune
	meta  bool
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

// Pattern is what was added so far.
func (b *Builder) Pattern() Pattern {
	if !b.meta {
		return Pattern{literal: string(b.runes)}
	}
	i := 0
	for b.runes[i] >= 0 {
		i++
	}
	return Pattern{literal: string(b.runes[:i]), rest: append([]rune(nil), b.runes[i:]...)}
}

// IsLiteral reports whether the pattern has no wildcard and so matches one text only.
func (p Pattern) IsLiteral() bool { return len(p.rest) == 0 }

// MatchesAll reports whether the pattern is a single *.
func (p Pattern) MatchesAll() bool { return p.literal == "" && len(p.rest) == 1 && p.rest[0] == anyRun }

// Match reports whether the whole of s fits the pattern. It allocates nothing.
func (p Pattern) Match(s string) bool {
	if len(s) < len(p.literal) {
		return false
	}
	head := s[:len(p.literal)]
	if head != p.literal && !(p.fold && equalFold(p.literal, head)) {
		return false
	}
	switch {
	case len(p.rest) == 0:
		return len(s) == len(p.literal)
	case len(p.rest) == 1 && p.rest[0] == anyRun:
		return true
	}
	return p.glob(s[len(p.literal):])
}

// glob matches rest against s. Only the last * seen is ever tried again: what an earlier one could take in addition, the
// last one can take as well.
func (p Pattern) glob(s string) bool {
	i, star, mark := 0, -1, 0 // next of rest; last * seen and where in s its text ends
	for pos := 0; pos < len(s); {
		r, size := utf8.DecodeRuneInString(s[pos:])
		if i < len(p.rest) && p.rest[i] == anyRun {
			star, mark = i, pos
			i++
			continue
		}
		if i < len(p.rest) && (p.rest[i] == anyOne || p.rest[i] == r || p.fold && p.rest[i] == lower(r)) {
			i++
			pos += size
			continue
		}
		if star < 0 {
			return false
		}
		_, size = utf8.DecodeRuneInString(s[mark:])
		mark += size
		i, pos = star+1, mark
	}
	for i < len(p.rest) && p.rest[i] == anyRun {
		i++
	}
	return i == len(p.rest)
}

func (p Pattern) String() string {
	var b strings.Builder
	b.WriteString(p.literal)
	for _, r := range p.rest {
		switch r {
		case anyRun:
			r = '*'
		case anyOne:
			r = '?'
		}
		b.WriteRune(r)
	}
	return b.String()
}

// Like compares an ARN with a pattern segment by segment, so that no wildcard reaches across one of the first five
// colons. This is the rule of the conditions ArnEquals and ArnLike (IAM User Guide, "IAM JSON policy elements: Condition
// operators"); Resource elements are compared as whole texts.
type Like struct{ segments [Segments]Pattern }

// CompileLike compiles an ARN pattern; false means that it has fewer than six segments or does not begin with "arn".
func CompileLike(s string) (Like, bool) {
	parts, ok := Split(s)
	if !ok {
		return Like{}, false
	}
	var l Like
	for i, part := range parts {
		l.segments[i] = Compile(part)
	}
	return l, true
}

// Match reports whether s is an ARN that fits the pattern in each segment.
func (l Like) Match(s string) bool {
	parts, ok := Split(s)
	if !ok {
		return false
	}
	for i := range parts {
		if !l.segments[i].Match(parts[i]) {
			return false
		}
	}
	return true
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
