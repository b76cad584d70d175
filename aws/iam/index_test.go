package iam_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"postern/aws/iam"
)

// TestManyStatementsAgreeWithALook: a policy of up to 200 statements, whose actions and resources begin with each
// other, is decided by the same statement as when each is looked at in turn.
func TestManyStatementsAgreeWithALook(t *testing.T) {
	verbs := []string{"", "g", "ge", "Get", "GetObject", "GetObjectAcl", "get?bject", "GetOb*", "*", "*Acl", "?et*"}
	places := []string{
		"", "a", "a/", "a/b", "a/b/", "a/b/c", "a/b*", "*", "*/c", "a/?", "a/${aws:username}", "*/${aws:username}",
		"${aws:username}/*", "é", "é/*", "~", "\U0010ffff*",
	}
	rapid.Check(t, func(t *rapid.T) {
		rules := make([]rule, rapid.IntRange(1, 200).Draw(t, "statements"))
		for i := range rules {
			r := &rules[i]
			r.deny = rapid.IntRange(0, 9).Draw(t, "deny") == 0
			r.notAction = rapid.IntRange(0, 9).Draw(t, "notAction") == 0
			r.notResource = rapid.IntRange(0, 9).Draw(t, "notResource") == 0
			for range rapid.IntRange(1, 3).Draw(t, "actions") {
				r.actions = append(r.actions, rapid.SampledFrom([]string{"s:", "S:", "st:"}).Draw(t, "service")+
					rapid.SampledFrom(verbs[1:]).Draw(t, "verb"))
			}
			for range rapid.IntRange(1, 3).Draw(t, "resources") {
				r.resources = append(r.resources, "arn:aws:s:::x"+rapid.SampledFrom(places).Draw(t, "place"))
			}
		}
		request := &iam.Request{
			Principal: bob,
			Action: rapid.SampledFrom([]string{"s:", "S:", "st:", "t:"}).Draw(t, "service") +
				rapid.SampledFrom([]string{"g", "Get", "getobject", "GetObjectAcl", "PutAcl"}).Draw(t, "verb"),
			Resource: "arn:aws:s:::x" + rapid.SampledFrom([]string{
				"", "a", "a/", "a/b", "a/b/c", "a/bob", "bob/c", "q/bob", "é", "é/é", "~", "\U0010ffff", "\xff",
			}).Draw(t, "place"),
		}
		p, err := iam.Parse(iam.Identity, "p", document(rules))
		if err != nil {
			t.Fatal(err)
		}
		d := iam.Evaluate(request, &iam.Policies{Identity: []*iam.Policy{p}})
		if want := firstOf(rules, request); d.Statement != want {
			t.Fatalf("%s on %q: %v, and looked at in turn statement %d", request.Action, request.Resource, d, want+1)
		}
		e := iam.Explain(request, &iam.Policies{Identity: []*iam.Policy{p}})
		for _, s := range e.Policies[0].Statements {
			if s.Applies != isAbout(rules[s.Index], request) {
				t.Fatalf("statement %d is explained as %+v", s.Index+1, s)
			}
		}
	})
}

// firstOf is the first statement that denies, else the first that allows, else -1.
func firstOf(rules []rule, r *iam.Request) int {
	for _, deny := range []bool{true, false} {
		if i := slices.IndexFunc(rules, func(one rule) bool { return one.deny == deny && isAbout(one, r) }); i >= 0 {
			return i
		}
	}
	return -1
}

// isAbout compares the texts of bob's request, character by character.
func isAbout(one rule, r *iam.Request) bool {
	action := slices.ContainsFunc(one.actions, func(a string) bool { return glob(a, r.Action, true) })
	resource := slices.ContainsFunc(one.resources, func(text string) bool {
		return glob(strings.ReplaceAll(text, "${aws:username}", "bob"), r.Resource, false)
	})
	return action != one.notAction && resource != one.notResource
}

// TestMostStatements: a document of the greatest length with as many statements as it can hold.
func TestMostStatements(t *testing.T) {
	for _, tt := range []struct {
		one, last string
		decides   func(n int) int
	}{
		{`{"Effect":"Deny","Action":"*","Resource":"*"}`, `{"Effect":"Deny","Action":"*","Resource":"*"}`,
			func(int) int { return 0 }},
		{`{"Effect":"Deny","Action":"a:C","Resource":"*"}`, `{"Effect":"Deny","Action":"a:B","Resource":"*"}`,
			func(n int) int { return n }},
		{`{"Effect":"Deny","Action":"*","Resource":"arn:a:b:::c"}`, `{"Effect":"Allow","Action":"*","Resource":"*"}`,
			func(n int) int { return n }},
	} {
		const head, tail = `{"Statement":[`, `]}`
		n := (128<<10 - len(head) - len(tail) - len(tt.last)) / (len(tt.one) + 1)
		p, err := iam.Parse(iam.Identity, "p", head+strings.Repeat(tt.one+",", n)+tt.last+tail)
		if err != nil {
			t.Fatal(err)
		}
		r := &iam.Request{Principal: bob, Action: "a:B", Resource: "*"}
		if d := iam.Evaluate(r, &iam.Policies{Identity: []*iam.Policy{p}}); d.Statement != tt.decides(n) {
			t.Errorf("%s: %v", tt.one, d)
		}
	}
}

// TestLongTextsAreBoundedInTime: the patterns for which naive matchers need the square or the power of the text's
// length, against a text of a mebibyte. None of them needs more than a few passes over it.
func TestLongTextsAreBoundedInTime(t *testing.T) {
	const long = 1 << 20
	text := strings.Repeat("a", long)
	bulky := *bob
	bulky.Name = strings.Repeat("a", 4096) // the longest value that the pipeline gives
	for _, pattern := range []string{
		strings.Repeat("*a", 1000) + "*b", "*" + strings.Repeat("a", 5000) + "b*", "*" + strings.Repeat("a?", 500) + "b*",
		"*${aws:username}b*", "*a${aws:username}*b", strings.Repeat("*a", 1000) + "${aws:username}*b?",
		"*?${aws:username}b*", "*a*${aws:username}b*",
	} {
		for _, condition := range []string{
			fmt.Sprintf(`'StringLike':{'k:v':'%s'}`, pattern),
			fmt.Sprintf(`'ArnLike':{'k:v':'arn:aws:s3:::%s'}`, pattern),
		} {
			p := parse(t, iam.Identity, "p", `{'Effect':'Allow','Action':'*','Resource':'*','Condition':{`+condition+`}}`)
			r := &iam.Request{Principal: &bulky, Action: "a:B", Resource: "*", Keys: func(string) []string {
				return []string{text, "arn:aws:s3:::" + text}
			}}
			if d := iam.Evaluate(r, &iam.Policies{Identity: []*iam.Policy{p}}); d.Allow {
				t.Errorf("%.60s: %v", condition, d)
			}
			r.Keys = func(string) []string { return []string{text + "bc", "arn:aws:s3:::" + text + "bc"} }
			want := pattern[len(pattern)-1] == '*' || strings.HasSuffix(pattern, "b?")
			if d := iam.Evaluate(r, &iam.Policies{Identity: []*iam.Policy{p}}); d.Allow != want {
				t.Errorf("%.60s with a b: %v", condition, d)
			}
		}
	}
}
