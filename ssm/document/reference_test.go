package document_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"postern/ssm/document"
)

func TestPutStored(t *testing.T) {
	stored := map[string]document.StoredParameter{
		"a": {
			Type:  "String",
			Value: "A $1 {x}",
		}, "/p/q:prod": {Type: "String", Value: "Q"}, "list": {Type: "StringList", Value: "1,2 ,3"},
		"secret": {Type: "SecureString", Value: "?"},
	}
	for _, tt := range []struct{ in, want, fails string }{
		{`"x {{ssm:a}}{{ ssm:/p/q:prod }} y"`, `"x A $1 {x}Q y"`, ""},
		{
			`{"k":["{{ssm:list}}"," {{ ssm:list }} ","z"],"n":3,"b":true}`,
			`{"k":["1","2 ","3","1","2 ","3","z"],"n":3,"b":true}`, "",
		},
		{`["{{ssm:a}}",["{{ssm:a}}"]]`, `["A $1 {x}",["A $1 {x}"]]`, ""},
		{`"{{a}} {{ ssm: a }} {{ssm:}}"`, `"{{a}} {{ ssm: a }} {{ssm:}}"`, ""},
		{`"{{ssm:list}}"`, "", "StringList cannot be used as a String"},
		{`["x {{ssm:list}}"]`, "", "StringList cannot be used as a String"},
		{`["{{ssm:secret}}"]`, "", "SecureString cannot be used"},
		{`{"a":"{{ssm:none}}"}`, "", "no parameter none"},
	} {
		var tree, want any
		if err := json.Unmarshal([]byte(tt.in), &tree); err != nil {
			t.Fatal(err)
		}
		got, err := document.PutStored(tree, stored)
		if tt.fails != "" {
			if err == nil || !strings.Contains(err.Error(), tt.fails) {
				t.Errorf("%s: %v, want %s", tt.in, err, tt.fails)
			}
			continue
		}
		if err := json.Unmarshal([]byte(tt.want), &want); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", tt.in, err, diff)
		}
	}
}

// TestBoundsAreForTheNode where a value refers to Parameter Store.
func TestBoundsAreForTheNode(t *testing.T) {
	d := parse(
		t,
		`{"schemaVersion":"2.2",
			"parameters":{"w":{"type":"String","allowedPattern":"[a-z]+"},"l":{"type":"StringList","minItems":2}},
		"mainSteps":[{"action":"aws:runShellScript","name":"s"}]}`,
		document.JSON,
	)
	values, err := d.FromLists(map[string][]string{"w": {"{{ssm:W}}"}, "l": {"{{ssm:L}}"}})
	if err != nil || !slices.Equal(document.References(map[string]any(values)), []string{"L", "W"}) {
		t.Errorf("%v, %v", values, err)
	}
	if _, err := d.FromLists(map[string][]string{"w": {"{{ssm}}"}, "l": {"1", "2"}}); err == nil {
		t.Error("what is no reference is held against the pattern")
	}
}

// TestNothingIsLeft holds that whatever a tree refers to is put in, and that nothing else changes.
func TestNothingIsLeft(t *testing.T) {
	piece := rapid.SampledFrom([]string{"{{ssm:a}}", "{{ ssm:/b/c:1 }}", "{{x}}", "text", "{{", "}}", " "})
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOf(piece).Draw(t, "pieces"), "")
		tree := []any{text, map[string]any{"k": text}}
		stored := map[string]document.StoredParameter{}
		for _, name := range document.References(tree) {
			stored[name] = document.StoredParameter{Type: "String", Value: "[" + name + "]"}
		}
		out, err := document.PutStored(tree, stored)
		if err != nil || len(document.References(out)) > 0 {
			t.Fatalf("%q becomes %v, %v", text, out, err)
		}
		if again, err := document.PutStored(out, nil); err != nil || !cmp.Equal(out, again) {
			t.Fatalf("%v changes again: %v, %v", out, again, err)
		}
		back := strings.NewReplacer("[a]", "{{ssm:a}}", "[/b/c:1]", "{{ ssm:/b/c:1 }}").Replace(out.([]any)[0].(string))
		if back != text {
			t.Fatalf("%q becomes %q", text, back)
		}
	})
}
