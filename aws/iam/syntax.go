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

// A node is a JSON value and where it stands. Members of objects have a name as well.
type node struct {
	kind   nodeKind
	offset int32
	end    int32  // behind its last byte
	first  int32  // of lists and objects, where their children stand among the reader's nodes
	count  int32  // of lists and objects, how many there are
	self   int32  // where it stands among the reader's nodes itself, unless it is the document
	nameAt int32  // the offset of the name
	name   string // of members of an object
	text   string // of strings, numbers and Booleans
}

// reader makes nodes of a document, in one pass. The children of a list or an object stand side by side in nodes, once
// it is read; those of what is not read to its end yet are open.
type reader struct {
	document string
	at       int // where it reads
	nodes    []node
	open     []node
}

// children returns what a list or an object holds.
func (r *reader) children(n *node) []node { return r.nodes[n.first : n.first+n.count] }

// list returns the items of a list, and one that is no list as the only one.
func (r *reader) list(n *node) []node {
	if n.kind == listNode {
		return r.children(n)
	}
	return r.nodes[n.self : n.self+1]
}

// fail returns the error at a place in the document.
func (r *reader) fail(offset int32, element, format string, args ...any) *ParseError {
	before := r.document[:min(max(int(offset), 0), len(r.document))]
	return &ParseError{
		Line:    1 + strings.Count(before, "\n"),
		Column:  len(before) - strings.LastIndexByte(before, '\n'),
		Element: element,
		Why:     fmt.Sprintf(format, args...),
	}
}

// read reads the whole document as one JSON value.
func (r *reader) read() (root node, err *ParseError) {
	switch {
	case len(r.document) > maxDocument:
		return root, r.fail(0, "", "the policy is longer than %d bytes", maxDocument)
	case !utf8.ValidString(r.document):
		return root, r.fail(0, "", "the policy is not UTF-8 text")
	}
	r.nodes, r.open = make([]node, 0, len(r.document)/bytesPerNode), make([]node, 0, openNodes)
	root, err = r.value(0)
	if err == nil && r.space() != end {
		err = r.invalid()
	}
	return root, err
}

// What a reader makes room for at first: policies have a value for every 14 bytes or more, and a list that is not
// longer than a few dozen.
const (
	bytesPerNode = 14
	openNodes    = 64
)

// refuse returns the error at a place, of a document that is JSON. What is wrong with one that is not, comes first.
func (r *reader) refuse(offset int, format string, args ...any) *ParseError {
	if !json.Valid([]byte(r.document)) {
		return r.invalid()
	}
	return r.fail(int32(offset), "", format, args...)
}

// invalid says where a document is not JSON, in the words of encoding/json.
func (r *reader) invalid() *ParseError {
	var syntax *json.SyntaxError
	if !errors.As(json.Unmarshal([]byte(r.document), new(json.RawMessage)), &syntax) {
		return r.fail(int32(r.at), "", "not valid JSON")
	}
	switch at, why := int32(syntax.Offset)-1, syntax.Error(); {
	case strings.Contains(why, "unexpected end"):
		return r.fail(int32(len(r.document)), "", "not valid JSON: the document ends too early")
	case strings.Contains(why, "after top-level value"):
		return r.fail(at, "", "something follows the policy")
	default:
		return r.fail(at, "", "not valid JSON: %s", why)
	}
}

// end stands behind the document, for peek and space. No document has this byte.
const end = 0

// peek returns the byte to be read next.
func (r *reader) peek() byte {
	if r.at < len(r.document) {
		return r.document[r.at]
	}
	return end
}

// space moves over white space, and returns the byte behind it.
func (r *reader) space() byte {
	for r.at < len(r.document) {
		switch c := r.document[r.at]; c {
		case ' ', '\t', '\r', '\n':
			r.at++
		case end: // not a byte that JSON has here
			return 1
		default:
			return c
		}
	}
	return end
}

// value reads the value that begins behind white space.
func (r *reader) value(depth int) (n node, err *ParseError) {
	c := r.space()
	n.offset = int32(r.at)
	var ok bool
	switch c {
	case '"':
		n.kind = textNode
		n.text, ok = r.text()
	case '[', '{':
		if depth == maxDepth {
			return n, r.refuse(r.at, "more than %d levels deep", maxDepth)
		}
		if n.kind = listNode; c == '{' {
			n.kind = objectNode
		}
		ok, err = r.inside(&n, depth)
	case 'n':
		ok = r.word("null")
	case 't':
		n.kind, n.text, ok = boolNode, "true", r.word("true")
	case 'f':
		n.kind, n.text, ok = boolNode, "false", r.word("false")
	default:
		n.kind = numberNode
		n.text, ok = r.number()
	}
	if n.end = int32(r.at); err == nil && !ok {
		err = r.invalid()
	}
	return n, err
}

// word reads one of JSON's three words.
func (r *reader) word(w string) bool {
	if !strings.HasPrefix(r.document[r.at:], w) {
		return false
	}
	r.at += len(w)
	return true
}

// number returns a number as it is written.
func (r *reader) number() (text string, ok bool) {
	from := r.at
	if r.peek() == '-' {
		r.at++
	}
	if r.peek() == '0' {
		r.at++
	} else if !r.digits() {
		return "", false
	}
	if r.peek() == '.' {
		if r.at++; !r.digits() {
			return "", false
		}
	}
	if c := r.peek(); c == 'e' || c == 'E' {
		r.at++
		if c := r.peek(); c == '+' || c == '-' {
			r.at++
		}
		if !r.digits() {
			return "", false
		}
	}
	return r.document[from:r.at], true
}

// digits moves over digits, and reports whether there is one.
func (r *reader) digits() bool {
	from := r.at
	for c := r.peek(); '0' <= c && c <= '9'; c = r.peek() {
		r.at++
	}
	return r.at > from
}

// text returns a string's value: a part of the document where nothing is escaped in it.
func (r *reader) text() (text string, ok bool) {
	from, escaped := r.at, false
	for r.at++; r.at < len(r.document); r.at++ {
		switch c := r.document[r.at]; {
		case c == '"':
			r.at++
			if !escaped {
				return r.document[from+1 : r.at-1], true
			}
			return unescape(r.document[from:r.at])
		case c == '\\':
			escaped = true
			r.at++
		case c < ' ':
			return "", false
		}
	}
	return "", false
}

// unescape returns the value of a string that is written with its quotation marks.
func unescape(written string) (text string, ok bool) {
	err := json.Unmarshal([]byte(written), &text)
	return text, err == nil
}

// inside reads a list or an object from its opening bracket to the closing one; ok reports whether it is JSON.
func (r *reader) inside(n *node, depth int) (ok bool, err *ParseError) {
	closing, from := byte(']'), len(r.open)
	if n.kind == objectNode {
		closing = '}'
	}
	r.at++
	for c := r.space(); c != closing; {
		var child, named node
		if n.kind == objectNode {
			if ok, err = r.name(&named, from); !ok || err != nil {
				return ok, err
			}
		}
		if child, err = r.value(depth + 1); err != nil {
			return false, err
		}
		child.name, child.nameAt = named.name, named.nameAt
		r.open = append(r.open, child)
		if c = r.space(); c != ',' && c != closing {
			return false, nil
		}
		if c == ',' {
			if r.at++; r.space() == closing {
				return false, nil
			}
		}
	}
	r.at++
	n.first, n.count = int32(len(r.nodes)), int32(len(r.open)-from)
	for i := from; i < len(r.open); i++ {
		r.open[i].self = int32(len(r.nodes) + i - from)
	}
	r.nodes = append(r.nodes, r.open[from:]...)
	r.open = r.open[:from]
	if n.kind == objectNode {
		err = r.twice(r.children(n))
	}
	return true, err
}

// fewMembers is how many members of an object are compared one by one.
const fewMembers = 16

// name reads the name of a member and the colon behind it. The object's members stand among the open nodes, from an
// index on.
func (r *reader) name(into *node, from int) (ok bool, err *ParseError) {
	if into.nameAt = int32(r.at); r.peek() != '"' {
		return false, nil
	}
	if into.name, ok = r.text(); !ok {
		return false, nil
	}
	if members := r.open[from:]; len(members) <= fewMembers {
		for i := range members {
			if members[i].name == into.name {
				return true, r.refuse(int(into.nameAt), "%q stands twice in one object", into.name)
			}
		}
	}
	if r.space() != ':' {
		return false, nil
	}
	r.at++
	return true, nil
}

// twice refuses a name that stands twice among many.
func (r *reader) twice(members []node) *ParseError {
	if len(members) <= fewMembers {
		return nil
	}
	seen := make(map[string]bool, len(members))
	for i := range members {
		m := &members[i]
		if seen[m.name] {
			return r.refuse(int(m.nameAt), "%q stands twice in one object", m.name)
		}
		seen[m.name] = true
	}
	return nil
}
