package wire

import (
	"cmp"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"
)

// Pattern is the method and the path of an operation in the REST protocols: "GET /{Bucket}/{Key+}?uploads". A label
// {Name} takes one segment of a path and a greedy one, {Name+}, as many as there are. What stands after the question
// mark, a request's query must have too, and the headers whose names follow the path: "PUT /{Bucket} x-amz-acl".
type Pattern struct {
	Method   string
	segments []segment
	query    []pair
	headers  []string
}

type segment struct {
	text   string // the literal, or the label's name
	label  bool
	greedy bool
}

// ParsePattern reads a pattern. At most one label is greedy.
func ParsePattern(text string) (*Pattern, error) {
	method, uri, ok := strings.Cut(text, " ")
	uri, headers, _ := strings.Cut(uri, " ")
	path, query, _ := strings.Cut(uri, "?")
	if !ok || method == "" || !strings.HasPrefix(path, "/") {
		return nil, fmt.Errorf("pattern %q is not METHOD /path", text)
	}
	p := &Pattern{Method: method, headers: strings.Fields(headers)}
	seen := map[string]bool{}
	greedy := false
	for part := range strings.SplitSeq(path[1:], "/") {
		s := segment{text: part}
		if name, opens := strings.CutPrefix(part, "{"); opens {
			name, closes := strings.CutSuffix(name, "}")
			name, s.greedy = strings.CutSuffix(name, "+")
			if !closes || name == "" || seen[name] || s.greedy && greedy {
				return nil, fmt.Errorf("pattern %q: %s is no label of its own", text, part)
			}
			s.text, s.label, seen[name], greedy = name, true, true, greedy || s.greedy
		}
		if strings.ContainsAny(s.text, "{}+") {
			return nil, fmt.Errorf("pattern %q: a label is a whole segment", text)
		}
		p.segments = append(p.segments, s)
	}
	var err error
	if p.query, err = parseQuery(query); err != nil {
		return nil, fmt.Errorf("pattern %q: %w", text, err)
	}
	return p, nil
}

// Labels are the names of the pattern's labels, in their order.
func (p *Pattern) Labels() []string {
	var names []string
	for _, s := range p.segments {
		if s.label {
			names = append(names, s.text)
		}
	}
	return names
}

// Match reports whether a request's method, path, query and headers, as they came, fit the pattern, and what its labels
// stand for. A label stands for one character at least. Where no label is greedy, a slash at the end makes no
// difference.
func (p *Pattern) Match(m *Message) (labels map[string]string, ok bool) {
	if m.Method != p.Method || !p.matchesQuery(m.Query) {
		return nil, false
	}
	for _, name := range p.headers {
		if m.Header.Get(name) == "" {
			return nil, false
		}
	}
	parts := strings.Split(strings.TrimPrefix(m.Path, "/"), "/")
	at := p.greedyAt()
	if n := len(parts); at < 0 && n == len(p.segments)+1 && parts[n-1] == "" {
		parts = parts[:n-1]
	}
	extra := len(parts) - len(p.segments)
	if extra < 0 || at < 0 && extra != 0 {
		return nil, false
	}
	labels = map[string]string{}
	for i, s := range p.segments {
		part := parts[0]
		take := 1
		if i == at {
			take += extra
			part = strings.Join(parts[:take], "/")
		}
		parts = parts[take:]
		if !s.label {
			if part != s.text {
				return nil, false
			}
			continue
		}
		value, err := url.PathUnescape(part)
		if err != nil || value == "" || !utf8.ValidString(value) {
			return nil, false
		}
		labels[s.text] = value
	}
	return labels, true
}

func (p *Pattern) greedyAt() int {
	for i, s := range p.segments {
		if s.greedy {
			return i
		}
	}
	return -1
}

// matchesQuery reports whether a query has all that the pattern's has.
func (p *Pattern) matchesQuery(raw string) bool {
	if len(p.query) == 0 {
		return true
	}
	asked, err := parseQuery(raw)
	if err != nil {
		return false
	}
	for _, want := range p.query {
		found := false
		for _, have := range asked {
			found = found || have.name == want.name && (want.value == "" || have.value == want.value)
		}
		if !found {
			return false
		}
	}
	return true
}

// Compare orders patterns so that of two that fit a request the one that says more comes first: more of the query and
// the headers, then literal segments before labels and labels before greedy ones, then longer paths.
func (p *Pattern) Compare(q *Pattern) int {
	if c := cmp.Compare(len(q.query)+len(q.headers), len(p.query)+len(p.headers)); c != 0 {
		return c
	}
	for i := range min(len(p.segments), len(q.segments)) {
		if c := cmp.Compare(p.segments[i].rank(), q.segments[i].rank()); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(q.segments), len(p.segments))
}

func (s segment) rank() int {
	switch {
	case s.greedy:
		return 2
	case s.label:
		return 1
	}
	return 0
}

// path writes the path with a value in the place of each label, and the query's literals.
func (p *Pattern) path(value func(label string) string) (path string, query []pair) {
	var b strings.Builder
	for _, s := range p.segments {
		b.WriteByte('/')
		switch {
		case s.greedy:
			parts := strings.Split(value(s.text), "/")
			for i, part := range parts {
				parts[i] = escape(part)
			}
			b.WriteString(strings.Join(parts, "/"))
		case s.label:
			b.WriteString(escape(value(s.text)))
		default:
			b.WriteString(s.text)
		}
	}
	return b.String(), p.query
}

// escape writes every byte in per cent that RFC 3986 does not call unreserved.
func escape(text string) string { return strings.ReplaceAll(url.QueryEscape(text), "+", "%20") }

// parseQuery reads a query string, in its order; names may stand more than once.
func parseQuery(raw string) ([]pair, error) {
	var pairs []pair
	for text := range strings.SplitSeq(raw, "&") {
		if text == "" {
			continue
		}
		name, value, _ := strings.Cut(text, "=")
		name, nameErr := url.QueryUnescape(name)
		value, valueErr := url.QueryUnescape(value)
		if nameErr != nil || valueErr != nil || !utf8.ValidString(name) || !utf8.ValidString(value) {
			return nil, &problem{kind: malformed, text: "the query is not a valid escape of UTF-8"}
		}
		if pairs = append(pairs, pair{name, value}); len(pairs) > MaxParameters {
			return nil, &problem{kind: excessive, text: "the query has too many parameters"}
		}
	}
	return pairs, nil
}
