package iam

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// The bounds of what is read as a policy. Services have lower limits of their own.
const (
	maxDocument = 128 << 10 // bytes
	maxDepth    = 8
)

// ParseError describes what is wrong with a policy document, and where. Services answer it as MalformedPolicyDocument.
type ParseError struct {
	Line, Column int    // from 1; the column counts bytes
	Element      string // such as "Statement[1].Condition.StringEquals"; empty for the document as a whole
	Why          string
}

func (e *ParseError) Error() string {
	if e.Element == "" {
		return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Why)
	}
	return fmt.Sprintf("line %d, column %d, %s: %s", e.Line, e.Column, e.Element, e.Why)
}

// What says what is wrong, without the place.
func (e *ParseError) What() string {
	if e.Element == "" {
		return e.Why
	}
	return e.Element + ": " + e.Why
}

// nodeKind is the sort of a JSON value.
type nodeKind uint8

const (
	nullNode nodeKind = iota
	textNode
	numberNode
	boolNode
	listNode
	objectNode
)

func (k nodeKind) String() string {
	return [...]string{"null", "a string", "a number", "a Boolean", "a list", "an object"}[k]
}

// A node is a JSON value and where it stands.
type node struct {
	kind    nodeKind
	offset  int
	end     int    // behind its last byte; of lists and objects
	text    string // of strings, numbers and Booleans
	items   []node
	members []member
}

type member struct {
	name   string
	offset int
	value  node
}

// reader makes nodes of a document.
type reader struct {
	document string
	at       int // where it reads
}

// fail returns the error at a place in the document.
func (r *reader) fail(offset int, element, format string, args ...any) *ParseError {
	before := r.document[:min(max(offset, 0), len(r.document))]
	return &ParseError{
		Line:    1 + strings.Count(before, "\n"),
		Column:  len(before) - strings.LastIndexByte(before, '\n'),
		Element: element,
		Why:     fmt.Sprintf(format, args...),
	}
}

// read reads the whole document as one JSON value.
func (r *reader) read() (node, *ParseError) {
	switch {
	case len(r.document) > maxDocument:
		return node{}, r.fail(0, "", "the policy is longer than %d bytes", maxDocument)
	case !utf8.ValidString(r.document):
		return node{}, r.fail(0, "", "the policy is not UTF-8 text")
	case !json.Valid([]byte(r.document)):
		return node{}, r.invalid()
	}
	return r.value(0)
}

// invalid says where a document is not JSON.
func (r *reader) invalid() *ParseError {
	var syntax *json.SyntaxError
	if !errors.As(json.Unmarshal([]byte(r.document), new(json.RawMessage)), &syntax) {
		return r.fail(0, "", "not valid JSON")
	}
	switch at, why := int(syntax.Offset)-1, syntax.Error(); {
	case strings.Contains(why, "unexpected end"):
		return r.fail(len(r.document), "", "not valid JSON: the document ends too early")
	case strings.Contains(why, "after top-level value"):
		return r.fail(at, "", "something follows the policy")
	default:
		return r.fail(at, "", "not valid JSON: %s", why)
	}
}

// next moves to where the next token begins, in a document that is known to be JSON.
func (r *reader) next() byte {
	for strings.IndexByte(" \t\r\n,:", r.document[r.at]) >= 0 {
		r.at++
	}
	return r.document[r.at]
}

func (r *reader) value(depth int) (n node, err *ParseError) {
	c := r.next()
	n.offset = r.at
	switch c {
	case '"':
		n.kind, n.text = textNode, r.text()
	case '[', '{':
		if depth == maxDepth {
			return node{}, r.fail(n.offset, "", "more than %d levels deep", maxDepth)
		}
		r.at++
		if c == '[' {
			n.kind = listNode
			err = r.list(&n, depth)
		} else {
			n.kind = objectNode
			err = r.object(&n, depth)
		}
	case 'n':
		r.scalar()
	case 't', 'f':
		n.kind, n.text = boolNode, r.scalar()
	default:
		n.kind, n.text = numberNode, r.scalar()
	}
	n.end = r.at
	return n, err
}

// scalar returns a number, a Boolean or null as it is written.
func (r *reader) scalar() string {
	rest := r.document[r.at:]
	if end := strings.IndexAny(rest, " \t\r\n,:]}"); end >= 0 {
		rest = rest[:end]
	}
	r.at += len(rest)
	return rest
}

// text returns a string's value: a part of the document where nothing is escaped in it.
func (r *reader) text() string {
	from, escaped := r.at, false
	for r.at++; r.document[r.at] != '"'; r.at++ {
		if r.document[r.at] == '\\' {
			escaped = true
			r.at++
		}
	}
	r.at++
	if !escaped {
		return r.document[from+1 : r.at-1]
	}
	var text string
	_ = json.Unmarshal([]byte(r.document[from:r.at]), &text) // it is valid
	return text
}

func (r *reader) list(n *node, depth int) *ParseError {
	for r.next() != ']' {
		item, err := r.value(depth + 1)
		if err != nil {
			return err
		}
		n.items = append(n.items, item)
	}
	r.at++
	return nil
}

func (r *reader) object(n *node, depth int) (err *ParseError) {
	for r.next() != '}' {
		m := member{offset: r.at}
		m.name = r.text()
		for i := range n.members {
			if len(n.members) <= fewMembers && n.members[i].name == m.name {
				return r.fail(m.offset, "", "%q stands twice in one object", m.name)
			}
		}
		if m.value, err = r.value(depth + 1); err != nil {
			return err
		}
		n.members = append(n.members, m)
	}
	r.at++
	return r.twice(n)
}

// fewMembers is how many members of an object are compared one by one.
const fewMembers = 16

// twice refuses a name that stands twice among many.
func (r *reader) twice(n *node) *ParseError {
	if len(n.members) <= fewMembers {
		return nil
	}
	seen := make(map[string]bool, len(n.members))
	for _, m := range n.members {
		if seen[m.name] {
			return r.fail(m.offset, "", "%q stands twice in one object", m.name)
		}
		seen[m.name] = true
	}
	return nil
}
