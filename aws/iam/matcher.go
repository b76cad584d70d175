package iam

import (
	"strings"
	"unicode/utf8"
)

// A matcher compares a text with a template's parts and its variables' values, without building a pattern of them. In
// the worst case, such as ${k:a}b* in a text of a, its time grows with the square of the text: work bounds it, and is
// negative once it is used up, when the answer means nothing.
type matcher struct {
	parts  []part
	values []string // of the variables, in their order
	work   int      // so many bytes more may be compared
}

// How many bytes may be compared for each byte of the text, and for all of them together.
const (
	workPerByte = 8
	leastWork   = 512
)

// match reports whether the whole of s fits.
func (m *matcher) match(s string) bool {
	first, values := m.cut()
	n, ok := m.prefix(s, first, values)
	if !ok || len(first) == len(m.parts) {
		return ok && n == len(s)
	}
	s = s[n:]
	m.skip(first, values)
	// What an earlier * could take in addition, the next one can take as well: the first place of each is the best.
	for {
		part, values := m.cut()
		if len(part) == len(m.parts) { // what follows the last *
			return m.suffix(s, part, values)
		}
		end := m.find(s, part, values)
		if end < 0 {
			return false
		}
		s = s[end:]
		m.skip(part, values)
	}
}

// cut returns the parts that stand before the first *, and the values of their variables.
func (m *matcher) cut() (parts []part, values []string) {
	i, n := 0, 0
	for ; i < len(m.parts) && m.parts[i].kind != anyRun; i++ {
		if m.parts[i].kind == variable {
			n++
		}
	}
	return m.parts[:i], m.values[:n]
}

// skip moves behind parts and the * that follows them.
func (m *matcher) skip(parts []part, values []string) {
	m.parts, m.values = m.parts[len(parts)+1:], m.values[len(values):]
}

// prefix reports whether s begins with parts that have no *, and how many bytes that takes.
func (m *matcher) prefix(s string, parts []part, values []string) (n int, ok bool) {
	for i := range parts {
		p := &parts[i]
		if p.kind == anyOne {
			_, size := utf8.DecodeRuneInString(s[n:])
			if size == 0 {
				return n, false
			}
			n += size
			continue
		}
		text := p.text
		if p.kind == variable {
			text, values = values[0], values[1:]
		}
		m.work -= min(len(text), len(s)-n)
		if !strings.HasPrefix(s[n:], text) {
			return n, false
		}
		n += len(text)
	}
	return n, true
}

// suffix reports whether s ends with parts that have no *.
func (m *matcher) suffix(s string, parts []part, values []string) bool {
	for i := len(parts) - 1; i >= 0; i-- {
		p := &parts[i]
		if p.kind == anyOne {
			_, size := utf8.DecodeLastRuneInString(s)
			if size == 0 {
				return false
			}
			s = s[:len(s)-size]
			continue
		}
		text := p.text
		if p.kind == variable {
			text, values = values[len(values)-1], values[:len(values)-1]
		}
		var ok bool
		if s, ok = strings.CutSuffix(s, text); !ok {
			return false
		}
	}
	return true
}

// find returns where the first occurrence in s of parts that have no * ends, or -1.
func (m *matcher) find(s string, parts []part, values []string) int {
	var lead string
	switch {
	case len(parts) == 0 || parts[0].kind == anyOne:
	case parts[0].kind == variable:
		lead = values[0]
	default:
		lead = parts[0].text
	}
	for at := 0; m.work >= 0; {
		next := strings.Index(s[at:], lead)
		if next < 0 {
			return -1
		}
		at += next
		n, ok := m.prefix(s[at:], parts, values)
		if ok {
			return at + n
		}
		_, size := utf8.DecodeRuneInString(s[at:])
		if size == 0 {
			return -1
		}
		at, m.work = at+size, m.work-next-size
	}
	return -1
}

// cutPrefixFold cuts a text off the beginning of s, without regard to letter case. Letters of one kind may take
// different numbers of bytes.
func cutPrefixFold(s, text string) (rest string, ok bool) {
	n := 0
	for range text {
		_, size := utf8.DecodeRuneInString(s[n:])
		if size == 0 {
			return s, false
		}
		n += size
	}
	return s[n:], strings.EqualFold(s[:n], text)
}
