package iam

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
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
	dec      *json.Decoder
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
	}
	r.dec = json.NewDecoder(strings.NewReader(r.document))
	r.dec.UseNumber()
	root, err := r.value(0)
	if err != nil {
		return node{}, err
	}
	if _, more := r.dec.Token(); !errors.Is(more, io.EOF) {
		return node{}, r.fail(int(r.dec.InputOffset()), "", "something follows the policy")
	}
	return root, nil
}

// next returns where the next token begins.
func (r *reader) next() int {
	i := int(r.dec.InputOffset())
	for i < len(r.document) && strings.IndexByte(" \t\r\n,:", r.document[i]) >= 0 {
		i++
	}
	return i
}

func (r *reader) token() (json.Token, int, *ParseError) {
	offset := r.next()
	t, err := r.dec.Token()
	if err == nil {
		return t, offset, nil
	}
	var syntax *json.SyntaxError
	switch {
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return nil, 0, r.fail(len(r.document), "", "not valid JSON: the document ends too early")
	case errors.As(json.Unmarshal([]byte(r.document), new(json.RawMessage)), &syntax):
		// A Decoder's own errors say where in the value that it is reading, not where in the document.
		return nil, 0, r.fail(int(syntax.Offset)-1, "", "not valid JSON: %s", syntax.Error())
	}
	return nil, 0, r.fail(offset, "", "not valid JSON")
}

func (r *reader) value(depth int) (node, *ParseError) {
	t, offset, err := r.token()
	if err != nil {
		return node{}, err
	}
	n := node{offset: offset}
	switch t := t.(type) {
	case string:
		n.kind, n.text = textNode, t
	case json.Number:
		n.kind, n.text = numberNode, t.String()
	case bool:
		n.kind, n.text = boolNode, fmt.Sprint(t)
	case json.Delim:
		if depth == maxDepth {
			return node{}, r.fail(offset, "", "more than %d levels deep", maxDepth)
		}
		if t == '[' {
			n.kind = listNode
			err = r.list(&n, depth)
		} else {
			n.kind = objectNode
			err = r.object(&n, depth)
		}
		n.end = int(r.dec.InputOffset())
		return n, err
	}
	return n, nil
}

func (r *reader) list(n *node, depth int) *ParseError {
	for r.dec.More() {
		item, err := r.value(depth + 1)
		if err != nil {
			return err
		}
		n.items = append(n.items, item)
	}
	_, _, err := r.token()
	return err
}

func (r *reader) object(n *node, depth int) *ParseError {
	seen := map[string]bool{}
	for r.dec.More() {
		name, offset, err := r.token()
		if err != nil {
			return err
		}
		m := member{offset: offset}
		m.name, _ = name.(string)
		if seen[m.name] {
			return r.fail(offset, "", "%q stands twice in one object", m.name)
		}
		seen[m.name] = true
		if m.value, err = r.value(depth + 1); err != nil {
			return err
		}
		n.members = append(n.members, m)
	}
	_, _, err := r.token()
	return err
}
