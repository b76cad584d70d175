package main

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// member holds the names of one Go field on the wire. Empty names mean that no (de)serializer mentions the field.
type member struct {
	in, out  string
	item     string // the element of an output list
	required bool
	// place says where the member stands in an HTTP message, and times in which format, where it is not the place's own.
	place, times string
	// flat lists have no element of their own; an attribute belongs to the element around, and so does a text.
	flat, attribute, text bool
}

// table is one service: Go type → Go field → names.
type table struct {
	operations []string
	// results are the operations of the query protocol whose answer has a result element, even an empty one.
	results []string
	// patterns are the methods and paths of operations in the REST protocols.
	patterns map[string]string
	// capitals are the errors of JSON services whose text is "Message" and not "message".
	capitals []string
	types    map[string]map[string]*member
	rest     *rest // of a service of the REST-XML protocol
	same     bool  // output names are the Go names by default, as in JSON and AWS query; in EC2 they begin lower case
}

func newTable() *table { return &table{types: map[string]map[string]*member{}} }

func (t *table) member(typ, field string) *member {
	fields := t.types[typ]
	if fields == nil {
		fields = map[string]*member{}
		t.types[typ] = fields
	}
	if fields[field] == nil {
		fields[field] = &member{}
	}
	return fields[field]
}

// write prints one line a type with the members that the default rule does not give: see aws/wire's names.go, which
// reads it.
func (t *table) write(b *bytes.Buffer) {
	list(b, "operations", t.operations)
	list(b, "results", t.results)
	list(b, "capitals", t.capitals)
	for _, operation := range slices.Sorted(maps.Keys(t.patterns)) {
		fmt.Fprintf(b, "path.%s %s\n", operation, t.patterns[operation])
	}
	for _, typ := range slices.Sorted(maps.Keys(t.types)) {
		var tokens []string
		fields := t.types[typ]
		for _, field := range slices.Sorted(maps.Keys(fields)) {
			if token := t.token(field, fields[field]); token != "" {
				tokens = append(tokens, token)
			}
		}
		if len(tokens) > 0 {
			fmt.Fprintf(b, "%s %s\n", typ, strings.Join(tokens, " "))
		}
	}
}

func list(b *bytes.Buffer, word string, names []string) {
	if len(names) > 0 {
		slices.Sort(names)
		fmt.Fprintf(b, "%s %s\n", word, strings.Join(names, " "))
	}
}

// token is Field[!][~][^][$][@place[,times]][:in[:out[>item]]], or nothing where the default rule holds.
func (t *table) token(field string, m *member) string {
	in, out, item := m.in, strings.ReplaceAll(m.out, ":", "%"), m.item // a colon ends a name: "xsi%type"
	if in == field {
		in = ""
	}
	if t.same && out == field || !t.same && out == lowerFirst(field) {
		out = ""
	}
	if t.same && item == "member" || !t.same && item == "item" {
		item = ""
	}
	token := field
	for mark, said := range m.marks() {
		if said {
			token += mark
		}
	}
	if m.place != "" {
		token += "@" + strings.TrimSuffix(m.place, "="+field)
	}
	if m.times != "" {
		token += "," + m.times
	}
	if in != "" || out != "" || item != "" {
		token += ":" + in
	}
	if out != "" || item != "" {
		token += ":" + out
	}
	if item != "" {
		token += ">" + item
	}
	if token == field {
		return ""
	}
	return token
}

// marks are the signs behind a field's name, in their order.
func (m *member) marks() func(func(string, bool) bool) {
	return func(yield func(string, bool) bool) {
		_ = yield("!", m.required) && yield("~", m.flat) && yield("^", m.attribute) && yield("$", m.text)
	}
}

func lowerFirst(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToLower(r)) + s[n:]
}
