package iam_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/aws/iam"
)

func TestExplain(t *testing.T) {
	const onlyBlue = `{'Sid':'Blue','Effect':'Allow','Action':'ssm:*','Resource':'*',` +
		`'Condition':{'StringEquals':{'aws:PrincipalTag/team':'red'},'StringLike':{'ssm:resourceTag/env':'prod'}}}`
	r := &iam.Request{
		Principal: bob, Action: "ssm:GetParameter", Resource: "arn:aws:ssm:us-east-1:111111111111:parameter/a",
		Judged: func(key string) bool { return !strings.HasPrefix(key, "ssm:") },
	}
	e := iam.Explain(r, &iam.Policies{
		Identity: []*iam.Policy{
			parse(t, iam.Identity, "ops", `{'Effect':'Allow','Action':'ec2:*','Resource':'*'}`, onlyBlue),
			parse(t, iam.Identity, "other", `{'Effect':'Allow','Action':'*','Resource':'arn:aws:s3:::${aws:username}'}`),
		},
		Control:  []*iam.Policy{parse(t, iam.ServiceControl, "guard", all)},
		Endpoint: parse(t, iam.Endpoint, "vpce-1", toAll(other)),
	})
	want := []iam.ReadPolicy{
		{Kind: iam.Identity, Name: "ops", Total: 2, Statements: []iam.ReadStatement{
			{Index: 1, Sid: "Blue", Why: "StringEquals aws:PrincipalTag/team"},
		}},
		{Kind: iam.Identity, Name: "other", Total: 1, Statements: []iam.ReadStatement{{Why: "resource"}}},
		{Kind: iam.ServiceControl, Name: "guard", Total: 1, Statements: []iam.ReadStatement{
			{Applies: true, Text: strings.ReplaceAll(all, "'", `"`)},
		}},
		{Kind: iam.Endpoint, Name: "vpce-1", Total: 1, Statements: []iam.ReadStatement{{Why: "principal"}}},
	}
	if diff := cmp.Diff(want, e.Policies); diff != "" {
		t.Error(diff)
	}
	keys := []iam.KeyValues{
		{Key: "aws:principaltag/team", Values: []string{"blue"}}, {Key: "aws:username", Values: []string{"bob"}},
		{Key: "ssm:resourcetag/env", Unknown: true},
	}
	if diff := cmp.Diff(keys, e.Keys); diff != "" {
		t.Error(diff)
	}
	if e.Decision.Reason != iam.EndpointSilent {
		t.Errorf("%v", e.Decision)
	}
}

// TestExplainIsBounded: whatever is asked, little is kept of it.
func TestExplainIsBounded(t *testing.T) {
	var statements []string
	for i := range 300 {
		statements = append(statements, fmt.Sprintf(
			`{'Effect':'Allow','Action':'*','Resource':'*','Condition':{'StringEquals':{'aws:RequestTag/%d':'x'}}}`, i))
	}
	r := &iam.Request{
		Principal: bob, Action: "s:Get", Resource: "*",
		Keys: func(string) []string { return []string{strings.Repeat("v", 4096)} },
	}
	e := iam.Explain(r, &iam.Policies{Identity: []*iam.Policy{parse(t, iam.Identity, "p", statements...)}})
	size := 0
	for _, k := range e.Keys {
		size += len(k.Key) + len(k.Values[0])
	}
	if len(e.Policies[0].Statements) != 100 || e.Left != 200 || len(e.Keys) != 100 || size > 64<<10 {
		t.Errorf("%d statements and %d keys of %d bytes, %d left", len(e.Policies[0].Statements), len(e.Keys), size, e.Left)
	}
}

// TestExplainIsBoundedInOneStatement: of a statement with many keys, long values and a long text some of each is told.
func TestExplainIsBoundedInOneStatement(t *testing.T) {
	var keys []string
	for i := range 130 {
		keys = append(keys, fmt.Sprintf(`'k:%03d':'another'`, i))
	}
	p := parse(t, iam.Identity, "p",
		`{'Effect':'Allow','Action':'*','Resource':'*','Condition':{'StringNotEquals':{`+strings.Join(keys, ",")+`}}}`)
	r := &iam.Request{Principal: bob, Action: "s:Get", Resource: "*", Keys: func(string) []string {
		return strings.Split(strings.Repeat(strings.Repeat("w", 600)+" ", 24)+"w", " ")
	}}
	e := iam.Explain(r, &iam.Policies{Identity: []*iam.Policy{p}})
	told := e.Policies[0].Statements[0]
	if !told.Applies || len(told.Text) != 2048 || len(e.Keys) != 100 || e.Left != 30 {
		t.Errorf("%d bytes of text, %d keys, %d left", len(told.Text), len(e.Keys), e.Left)
	}
	for i, k := range e.Keys {
		if k.Key != fmt.Sprintf("k:%03d", i) || len(k.Values) != 20 || len(k.Values[0]) != 512 || k.Unknown {
			t.Fatalf("key %d: %s with %d values", i, k.Key, len(k.Values))
		}
	}
}
