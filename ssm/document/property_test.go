package document_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"postern/ssm/document"
)

// trees draws what documents are made of, with and without names to replace.
func trees() *rapid.Generator[any] {
	leaf := rapid.OneOf(
		rapid.Just[any](nil),
		rapid.Map(rapid.Bool(), func(b bool) any { return b }),
		rapid.Map(rapid.StringMatching(`([ a$]|\{\{ ?[abc] ?\}\}|\{\{)*`), func(s string) any { return s }),
	)
	return rapid.Custom(func(t *rapid.T) any { return drawTree(t, leaf, 3) })
}

func drawTree(t *rapid.T, leaf *rapid.Generator[any], levels int) any {
	kind := rapid.IntRange(0, 2).Draw(t, "kind")
	if levels == 0 || kind == 0 {
		return leaf.Draw(t, "leaf")
	}
	n := rapid.IntRange(0, 3).Draw(t, "size")
	if kind == 1 {
		list := make([]any, n)
		for i := range list {
			list[i] = drawTree(t, leaf, levels-1)
		}
		return list
	}
	m := map[string]any{}
	for range n {
		m[rapid.StringMatching(`[abc]`).Draw(t, "key")] = drawTree(t, leaf, levels-1)
	}
	return m
}

func TestSubstituteProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tree := trees().Draw(t, "tree")
		before, _ := json.Marshal(tree)
		if diff := cmp.Diff(tree, document.Substitute(tree, nil)); diff != "" {
			t.Fatalf("no values change the tree:\n%s", diff)
		}
		plain := document.Values{"a": "A", "b": "B", "c": "C"}
		out := document.Substitute(tree, plain)
		after, _ := json.Marshal(tree)
		if string(before) != string(after) {
			t.Fatal("the tree itself was changed")
		}
		text, _ := json.Marshal(out)
		for _, name := range []string{"{{a}}", "{{ a }}", "{{ b}}", "{{c }}"} {
			if strings.Contains(string(text), name) {
				t.Fatalf("%s is left in %s", name, text)
			}
		}
		if diff := cmp.Diff(out, document.Substitute(out, plain)); diff != "" {
			t.Fatalf("a second time changes more:\n%s", diff)
		}
		// What a value holds is never searched: the result is the same as with an opaque value, name for name.
		opaque := document.Substitute(tree, document.Values{"a": "\x00", "b": "B", "c": "C"})
		nested := document.Substitute(tree, document.Values{"a": "{{b}}", "b": "B", "c": "C"})
		swapped, _ := json.Marshal(opaque)
		direct, _ := json.Marshal(nested)
		if got := strings.ReplaceAll(string(swapped), `\u0000`, "{{b}}"); got != string(direct) {
			t.Fatalf("a value was searched: %s, want %s", direct, got)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(twoStepsYAML))
	f.Add([]byte(allTypes))
	f.Add(
		[]byte(
			`{"schemaVersion":"1.2","runtimeConfig":{"aws:runShellScript":{"properties":[{"id":"0","runCommand":["{{ x ` +
				`}}"]}]}},"parameters":{"x":{"type":"String"}}}`,
		),
	)
	f.Add([]byte("a: &a [1]\nb: *a"))
	f.Add([]byte("{"))
	f.Fuzz(func(t *testing.T, in []byte) {
		for _, format := range []document.Format{document.JSON, document.YAML} {
			d, err := document.Parse(in, format)
			if err != nil {
				continue
			}
			back, err := document.Parse(d.Content(), document.JSON)
			if err != nil && len(d.Content()) <= document.MaxSize {
				t.Fatalf("%s: its own JSON is refused: %v\n%s", format, err, d.Content())
			}
			if err == nil && string(back.Content()) != string(d.Content()) {
				t.Fatalf("%s: its own JSON reads differently:\n%s\n%s", format, d.Content(), back.Content())
			}
			if values, err := d.FromLists(nil); err == nil {
				for _, s := range d.Steps(values) {
					s.Judge("Linux")
				}
				d.Timeout(values)
			}
			d.PlatformTypes()
		}
	})
}
