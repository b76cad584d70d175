package wire

import (
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
)

// equivalents are expressions for the patterns of the models that Go's regexp cannot take: it has no look-ahead, and no
// more than 1000 repetitions. A test compiles every pattern of every table, so that a new one is seen.
var equivalents = map[string]string{
	// Not blank.
	`^(?!\s*$).+`: `.*\S.*`,
	// Not digits only.
	`(?!^[0-9]+$)([a-zA-Z0-9\-_' ']+)`: `[0-9]*[a-zA-Z\-_' ][a-zA-Z0-9\-_' ]*`,
	// As many as the bytes of a request allow; these have no operation here.
	`^.{1,100000}$`: `.+`,
	`^https:\/\/[-a-zA-Z0-9@:%._\+~#=]{1,253}\.s3(\.[a-z\d-]{9,16})?\.amazonaws\.com\/.{1,2000}`: `https://` +
		`[-a-zA-Z0-9@:%._\+~#=]{1,253}\.s3(\.[a-z\d-]{9,16})?\.amazonaws\.com/.+`,
	`^(?=.{20,2048}$)arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:[a-zA-Z0-9/_+=.@-]+`: `arn:aws[a-z-]*:` +
		`secretsmanager:[a-z0-9-]+:\d{12}:secret:[a-zA-Z0-9/_+=.@-]+`,
	// No two hyphens in a row; the length has bounds of its own.
	`^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$`: `[a-z0-9]+(?:-[a-z0-9]+)*`,
}

// expression is a pattern for Go's regexp. AWS matches the whole value, whether or not a pattern has anchors.
// Characters are written \uXXXX in Java's patterns, with four digits always.
func expression(pattern string) string {
	if e := equivalents[pattern]; e != "" {
		return `^(?:` + e + `)$`
	}
	var b strings.Builder
	for rest := pattern; ; {
		before, after, found := strings.Cut(rest, `\u`)
		b.WriteString(before)
		if !found || len(after) < 4 {
			return `^(?:` + b.String() + `)$`
		}
		b.WriteString(`\x{` + after[:4] + `}`)
		rest = after[4:]
	}
}

// compile makes what matches an expression of expression. Most patterns are one class of characters, repeated: those
// are read once from left to right, which costs a fraction of what the general matcher does.
func compile(expression string) func(string) bool {
	if e, err := syntax.Parse(expression, syntax.Perl); err == nil {
		if c, ok := classOf(e); ok {
			return c.match
		}
	}
	return regexp.MustCompile(expression).MatchString
}

// class is a class of characters that a text has between least and most of; most is -1 for any number.
type class struct {
	ranges      []rune // pairs, in order
	least, most int
}

// classOf takes an expression for the whole text apart, if it is a class.
func classOf(e *syntax.Regexp) (class, bool) {
	anchored := false
	for e.Op == syntax.OpConcat || e.Op == syntax.OpCapture {
		rest := slices.DeleteFunc(slices.Clone(e.Sub), func(part *syntax.Regexp) bool {
			return part.Op == syntax.OpBeginText || part.Op == syntax.OpEndText
		})
		anchored = anchored || len(e.Sub)-len(rest) >= 2
		if len(rest) != 1 {
			return class{}, false
		}
		e = rest[0]
	}
	c := class{least: e.Min, most: e.Max}
	switch e.Op {
	case syntax.OpStar:
		c.least, c.most = 0, -1
	case syntax.OpPlus:
		c.least, c.most = 1, -1
	case syntax.OpRepeat:
	default:
		return class{}, false
	}
	c.ranges = e.Sub[0].Rune
	return c, anchored && e.Sub[0].Op == syntax.OpCharClass
}

func (c *class) match(text string) bool {
	n := 0
	for _, r := range text {
		if n++; !c.holds(r) {
			return false
		}
	}
	return n >= c.least && (c.most < 0 || n <= c.most)
}

// holds looks a character up: classes of few ranges are walked, those of whole scripts are halved.
func (c *class) holds(r rune) bool {
	ranges := c.ranges
	for len(ranges) > 16 {
		middle := len(ranges) / 4 * 2
		if r < ranges[middle] {
			ranges = ranges[:middle]
		} else {
			ranges = ranges[middle:]
		}
	}
	for i := 0; i < len(ranges); i += 2 {
		if ranges[i] <= r && r <= ranges[i+1] {
			return true
		}
	}
	return false
}
