package iam_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/aws/iam"
)

// A simulation is what is told of bob's request for a parameter.
type simulation struct {
	name     string
	policies iam.Policies
	allow    bool
	matched  []string // policy and statement, from 1
	missing  []string
	bounded  bool
	control  bool
}

func simulations(t *testing.T) []simulation {
	one := func(kind iam.Kind, name string, statements ...string) []*iam.Policy {
		return []*iam.Policy{parse(t, kind, name, statements...)}
	}
	const (
		unmet = `{'Effect':'Allow','Action':'ssm:*','Resource':'*','Condition':{'StringEquals':{'k:Key':'x'}}}`
		named = `{'Effect':'Allow','Action':'ssm:*','Resource':'arn:aws:ssm:*:*:parameter/${aws:PrincipalTag/Dept}'}`
		ec2   = `{'Effect':'Allow','Action':'ec2:*','Resource':'*'}`

		denyAll = `{'Effect':'Deny','Action':'*','Resource':'*'}`
	)
	return []simulation{
		{"nothing", iam.Policies{}, deny, nil, nil, true, true},
		{"identity", iam.Policies{Identity: one(iam.Identity, "i", ec2, all, getOnly)}, allow, []string{"i 2", "i 3"}, nil,
			true, true},
		{"a deny", iam.Policies{Identity: one(iam.Identity, "i", all, denyGet, denyAll)}, deny, []string{"i 2", "i 3"}, nil,
			true, true},
		{"resource", iam.Policies{Resource: parse(t, iam.Resource, "r", toAll(bob.ARN))}, allow, []string{"r 1"}, nil, true,
			true},
		{"missing keys", iam.Policies{Identity: one(iam.Identity, "i", unmet, all)}, allow, []string{"i 2"},
			[]string{"k:Key"}, true, true},
		{"a missing variable is about another resource", iam.Policies{Identity: one(iam.Identity, "i", named)}, deny, nil,
			nil, true, true},
		{"keys of a boundary", iam.Policies{Boundary: parse(t, iam.Boundary, "b", unmet)}, deny, nil, []string{"k:Key"},
			false, true},
		{"keys of a session policy are not told", iam.Policies{Session: one(iam.Session, "s", unmet)}, deny, nil, nil, true,
			true},
		{"a boundary that allows", iam.Policies{Boundary: parse(t, iam.Boundary, "b", all)}, deny, nil, nil, true, true},
		{"a boundary that denies", iam.Policies{
			Identity: one(iam.Identity, "i", all), Boundary: parse(t, iam.Boundary, "b", all, denyGet),
		}, deny, nil, nil, false, true},
		{"a limit", iam.Policies{
			Identity: one(iam.Identity, "i", all), Boundary: parse(t, iam.Boundary, "b", ec2),
		}, deny, nil, nil, false, true},
		{"service control", iam.Policies{
			Identity: one(iam.Identity, "i", all),
			Control:  []*iam.Policy{parse(t, iam.ServiceControl, "c", ec2), parse(t, iam.ServiceControl, "d", all)},
		}, deny, nil, nil, true, false},
		{"service control that allows", iam.Policies{
			Identity: one(iam.Identity, "i", all), Control: one(iam.ServiceControl, "c", all),
		}, allow, []string{"i 1"}, nil, true, true},
		{"an endpoint that is silent", iam.Policies{
			Identity: one(iam.Identity, "i", all), Endpoint: parse(t, iam.Endpoint, "e", toAll(other)),
		}, deny, nil, nil, true, true},
	}
}

func TestSimulate(t *testing.T) {
	for _, tt := range simulations(t) {
		s := iam.Simulate(&iam.Request{
			Principal: bob, Action: "ssm:GetParameter", Resource: "arn:aws:ssm:us-east-1:111111111111:parameter/a",
		}, &tt.policies)
		var matched []string
		for _, m := range s.Matched {
			matched = append(matched, m.Policy.Name+" "+string(rune('1'+m.Index)))
		}
		if s.Decision.Allow != tt.allow || !slices.Equal(matched, tt.matched) || !slices.Equal(s.Missing, tt.missing) ||
			s.Bounded != tt.bounded || s.Controlled != tt.control {
			t.Errorf("%s: %v, matched %v, missing %v, bounded %v, controlled %v", tt.name, s.Decision, matched, s.Missing,
				s.Bounded, s.Controlled)
		}
	}
	r := &iam.Request{Principal: linked, Action: "ssm:GetParameter", Resource: "*"}
	control := []*iam.Policy{parse(t, iam.ServiceControl, "c", denyGet)}
	if s := iam.Simulate(r, &iam.Policies{Control: control}); !s.Controlled {
		t.Error("a service-linked role is controlled")
	}
}

// TestMatchSpan: a statement is told from its brace to the place behind the other one, in lines and bytes from 1.
func TestMatchSpan(t *testing.T) {
	text := "{\"Statement\":[\n  " + strings.ReplaceAll(all, "'", `"`) + ",\n" + strings.ReplaceAll(all, "'", `"`) + "]}"
	p, err := iam.Parse(iam.Identity, "p", text)
	if err != nil {
		t.Fatal(err)
	}
	s := iam.Simulate(&iam.Request{Principal: bob, Action: "a:B", Resource: "*"},
		&iam.Policies{Identity: []*iam.Policy{p}})
	var spans [][2]iam.Position
	for _, m := range s.Matched {
		start, end := m.Span()
		spans = append(spans, [2]iam.Position{start, end})
	}
	want := [][2]iam.Position{{{2, 3}, {2, 3 + len(all)}}, {{3, 1}, {3, 1 + len(all)}}}
	if diff := cmp.Diff(want, spans); diff != "" {
		t.Error(diff)
	}
}

// TestContextKeys: keys and variables as they are written, each once.
func TestContextKeys(t *testing.T) {
	a := parse(t, iam.Identity, "a", `{'Effect':'Allow','Action':'*',`+
		`'Resource':'arn:aws:s3:::${aws:UserName}/${k:B, ~x~}',`+
		`'Condition':{'StringLike':{'K:Zed':['${k:c}','x']},'ArnLike':{'k:d':'arn:aws:s3:::${k:E}'}}}`)
	b := parse(t, iam.Identity, "b", all,
		`{'Effect':'Deny','Action':'*','Resource':'*','Condition':{'Bool':{'k:d':'true'}}}`)
	if got := strings.Join(iam.ContextKeys(a, b), " "); got != "K:Zed aws:UserName k:B k:E k:c k:d" {
		t.Error(got)
	}
	c := parse(t, iam.Identity, "c",
		`{'Effect':'Deny','Action':'*','Resource':'*','Condition':{'Bool':{'k\u003aUp':'true'}}}`)
	if got := strings.Join(iam.ContextKeys(c), " "); got != "k:up" { // it does not stand there as it is meant
		t.Error(got)
	}
	if got := iam.ContextKeys(); len(got) != 0 {
		t.Error(got)
	}
}

// TestSupposedKeys: what a simulation supposes comes before the caller, the time and the request, also that a key has
// no value.
func TestSupposedKeys(t *testing.T) {
	supposed := map[string][]string{
		"aws:username": {"eve"}, "aws:currenttime": {"2020-01-01T00:00:00Z"}, "aws:userid": nil, "k:v": {"1"},
	}
	for condition, want := range map[string]bool{
		`'StringEquals':{'aws:username':'eve'}`:                      true,
		`'StringEquals':{'aws:username':'bob'}`:                      false,
		`'StringEquals':{'aws:PrincipalArn':'` + bob.ARN + `'}`:      true,
		`'DateEquals':{'aws:CurrentTime':'2020-01-01'}`:              true,
		`'DateGreaterThan':{'aws:CurrentTime':'2026-01-01'}`:         false,
		`'DateGreaterThan':{'aws:EpochTime':'2026-01-01'}`:           true,
		`'Null':{'aws:userid':'true'}`:                               true,
		`'StringEquals':{'k:v':'1'}`:                                 true,
		`'StringEquals':{'k:w':'2'}`:                                 true,
		`'StringLike':{'aws:PrincipalArn':'*/${aws:username}'}`:      false,
		`'StringLike':{'aws:PrincipalArn':'*/${aws:username, ~b~}'}`: false,
	} {
		p := parse(t, iam.Identity, "p", `{'Effect':'Allow','Action':'*','Resource':'*','Condition':{`+condition+`}}`)
		r := &iam.Request{
			Principal: bob, Action: "x:Y", Resource: "*", Time: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC),
			Keys: iam.KeyMap(map[string][]string{"k:v": {"2"}, "k:w": {"2"}}),
			Simulated: func(key string) ([]string, bool) {
				values, ok := supposed[key]
				return values, ok
			},
		}
		for _, judged := range []func(string) bool{nil, func(key string) bool { return strings.HasPrefix(key, "k:") }} {
			if r.Judged = judged; judged != nil && strings.Contains(condition, "userid") {
				want = false // which nobody knows then
			}
			if d := iam.Evaluate(r, &iam.Policies{Identity: []*iam.Policy{p}}); d.Allow != want {
				t.Errorf("%s: %v", condition, d)
			}
		}
	}
}

// TestDecisionTexts: what decided, in words.
func TestDecisionTexts(t *testing.T) {
	for _, tt := range []struct {
		d    iam.Decision
		want string
	}{
		{iam.Decision{Allow: true, Reason: iam.ByRoot, Statement: -1}, "allowed to the account's root user"},
		{iam.Decision{Allow: true, Reason: iam.ByResource, Kind: iam.Trust, Policy: `a"b`, Statement: 11, Sid: "S"},
			`allowed by statement 12 (S) of role trust policy "a\"b"`},
		{iam.Decision{Reason: iam.ExplicitDeny, Kind: iam.Boundary, Unjudged: "k:v"},
			"explicit deny by statement 1 of permissions boundary, where the condition key k:v cannot be judged"},
		{iam.Decision{Reason: iam.SessionSilent, Kind: iam.Session, Statement: -1, Unjudged: "k:v"},
			"no session policy allows it, where the condition key k:v cannot be judged"},
		{iam.Decision{Reason: iam.ControlSilent, Kind: iam.ServiceControl, Statement: -1},
			"no service control policy allows it"},
	} {
		if got := tt.d.String(); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
	for _, tt := range []struct {
		who      *iam.Principal
		d        iam.Decision
		on, want string
		policy   string // that Amazon's refusal names
	}{
		{nobody, iam.Decision{Reason: iam.ResourceSilent, Kind: iam.Resource}, "",
			"User: anonymous is not authorized to perform: a:B because no resource-based policy allows the a:B action", ""},
		{ec2, iam.Decision{Reason: iam.ExplicitDeny, Kind: iam.Resource, Policy: "arn:x"}, "arn:r",
			"Service: ec2.amazonaws.com is not authorized to perform: a:B on resource: arn:r with an explicit deny in a " +
				"resource-based policy", ""},
		{root, iam.Decision{Reason: iam.ExplicitDeny, Kind: iam.ServiceControl, Policy: "arn:x"}, "",
			"User: " + root.ARN + " is not authorized to perform: a:B with an explicit deny in a service control policy",
			"arn:x"},
		{bob, iam.Decision{Reason: iam.ExplicitDeny, Kind: iam.Identity, Policy: "inline"}, "",
			"User: " + bob.ARN + " is not authorized to perform: a:B with an explicit deny in an identity-based policy", ""},
		{bob, iam.Decision{Reason: iam.IdentitySilent, Kind: iam.Identity, Policy: "arn:x"}, "",
			"User: " + bob.ARN + " is not authorized to perform: a:B because no identity-based policy allows the a:B action",
			""},
	} {
		r := &iam.Request{Principal: tt.who, Action: "a:B", Resource: "arn:r"}
		if got := tt.d.Message(r, tt.on); got != tt.want || tt.d.DenyingPolicy() != tt.policy {
			t.Errorf("%q, want %q; names %q", got, tt.want, tt.d.DenyingPolicy())
		}
	}
}
