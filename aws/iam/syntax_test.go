package iam

import (
	"bytes"
	"encoding/json"
	"io"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

// content makes of a node what encoding/json makes of its text.
func (r *reader) content(n *node) any {
	switch n.kind {
	case textNode:
		return n.text
	case numberNode:
		return json.Number(n.text)
	case boolNode:
		return n.text == "true"
	case listNode:
		all := []any{}
		for i := range r.children(n) {
			all = append(all, r.content(&r.children(n)[i]))
		}
		return all
	case objectNode:
		all := map[string]any{}
		for i := range r.children(n) {
			all[r.children(n)[i].name] = r.content(&r.children(n)[i])
		}
		return all
	}
	return nil
}

// simple reports whether a JSON document has no name twice in one object, and not too many levels.
func simple(document string) bool {
	d := json.NewDecoder(strings.NewReader(document))
	d.UseNumber()
	var seen []map[string]bool // of each open object; nil for a list
	name := false
	for {
		token, err := d.Token()
		if err != nil {
			return err == io.EOF
		}
		last := len(seen) - 1
		switch delim, _ := token.(json.Delim); {
		case delim == '{' || delim == '[':
			if len(seen) == maxDepth {
				return false
			}
			var names map[string]bool
			if delim == '{' {
				names = map[string]bool{}
			}
			seen, name = append(seen, names), names != nil
			continue
		case delim != 0:
			seen = seen[:last]
		case name:
			if seen[last][token.(string)] {
				return false
			}
			seen[last][token.(string)], name = true, false
			continue
		}
		name = len(seen) > 0 && seen[len(seen)-1] != nil
	}
}

var documentSeeds = []string{
	`{"a":[1,-0.5e+7,"x\n\u00e9\ud83d\ude00\ud800",true,false,null],"b":{"":{}}}`,
	` [ ] `, `"\"`, `{"a":1,"a":2}`, `[1,]`,
	`{"a":1,}`, `[,1]`, `{,}`, `{"a" 1}`, `{"a":}`, `{a:1}`, `01`, `-`, `1.`, `1e`, `.5`, `+1`, `nul`, `tru`,
	`{"a":[1}`, `[{"a":1]`, `[[1}]`, `{"a":{"b":1]}`, `[[1,]`, `{"a":{"b":1,}`,
	`"a`, `{"a`, `{"\x":1}`, "\"\t\"",
	"[\x00]",
	"\x00", `[1]x`, `[1] 2`, `{"a":1]`, `[1}`, "\xff", `[[[[[[[[1]]]]]]]]`, `[[[[[[[[[1]]]]]]]]]`, `"\x"`, `"\u12G4"`, "",
	`{"a":{"b":1,"b":2}}`, `[1 2]`, `[1:2]`, `{"a":1:2}`, `{"a","b"}`, "\ufeff{}", `"` + "\u2028" + `"`, `1E400`,
}

// FuzzReader: what is read as JSON is JSON with the same content, and all of that is read that is short, not too deep
// and has no name twice.
func FuzzReader(f *testing.F) {
	for _, m := range ManagedPolicies() {
		f.Add(m.Document)
	}
	for _, seed := range documentSeeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, document string) {
		r := &reader{document: document}
		root, err := r.read()
		if err != nil {
			if json.Valid([]byte(document)) && utf8.ValidString(document) && len(document) <= maxDocument &&
				simple(document) {
				t.Fatalf("%q is JSON: %v", document, err)
			}
			if err.Why == "not valid JSON" || err.Line < 1 || err.Column < 1 {
				t.Fatalf("%q is refused without a reason or a place: %v", document, err)
			}
			return
		}
		d := json.NewDecoder(bytes.NewReader([]byte(document)))
		d.UseNumber()
		var want any
		if err := d.Decode(&want); err != nil || !json.Valid([]byte(document)) {
			t.Fatalf("%q is no JSON: %v", document, err)
		}
		if got := r.content(&root); !reflect.DeepEqual(got, want) {
			t.Fatalf("%q is read as %v, want %v", document, got, want)
		}
		if !simple(document) {
			t.Fatalf("%q has a name twice, or is too deep", document)
		}
		if text := document[root.offset:root.end]; text != strings.Trim(document, " \t\r\n") {
			t.Fatalf("%q is told to stand at %q", document, text)
		}
	})
}
