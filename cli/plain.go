package cli

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// plain makes a node's output safe for a terminal: new lines, tabs and what can be printed. Anything else, such as the
// sequences that move the cursor or hide text, is written as Go writes it in a literal.
func plain(s string) string {
	var b strings.Builder
	for _, r := range strings.ReplaceAll(s, "\r\n", "\n") {
		switch {
		case r == '\n', r == '\t', r == utf8.RuneError, unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			quoted := strconv.QuoteRune(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
	}
	return b.String()
}

// plainLine is plain for a place in a line.
func plainLine(s string) string {
	return plain(strings.Join(strings.Fields(s), " "))
}
