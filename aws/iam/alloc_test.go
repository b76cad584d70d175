package iam_test

import (
	"fmt"
	"testing"
	"time"

	"postern/aws/iam"
)

// tenPolicies are ten policies of 2 KB each with variables in them, of which the last one allows bob his home.
func tenPolicies(t testing.TB) *iam.Policies {
	p := &iam.Policies{}
	for i := range 10 {
		var statements []string
		for n, size := 0, 0; size < 1900; n++ {
			one := fmt.Sprintf(`{'Effect':'Allow','Action':'s3:Get*','Resource':`+
				`'arn:aws:s3:::bucket-%d-%d/${aws:username}/${aws:PrincipalTag/team}/*'}`, i, n)
			size += len(one)
			statements = append(statements, one)
		}
		if i == 9 {
			statements = append(statements, `{'Effect':'Allow','Action':'s3:Get*','Resource':`+
				`'arn:aws:s3:::home/${aws:username}/*'}`)
		}
		p.Identity = append(p.Identity, parse(t, iam.Identity, fmt.Sprint(i), statements...))
	}
	return p
}

// TestDecisionsAllocateNothing: what one decision needs of memory is on the stack, variables, wildcards before them and
// times included.
func TestDecisionsAllocateNothing(t *testing.T) {
	home := &iam.Request{Principal: bob, Action: "s3:GetObject", Resource: "arn:aws:s3:::home/bob/x"}
	now := &iam.Request{
		Principal: node, Action: "S3:getobject", Resource: "arn:aws:s3:::home/bob/x",
		Time: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC), Judged: func(string) bool { return false },
		Keys: iam.KeyMap(map[string][]string{"k:list": {"a", "B"}, "k:at": {"10.0.0.1"}, "k:n": {"7"}, "k:yes": {"True"}}),
	}
	full, err := iam.ParseNew(iam.Endpoint, "e", fullEndpointPolicy(open))
	if err != nil {
		t.Fatal(err)
	}
	one := func(rest string) *iam.Policies {
		return &iam.Policies{Identity: []*iam.Policy{
			parse(t, iam.Identity, "p", `{'Effect':'Allow',`+rest+`}`),
		}}
	}
	when := func(c string) *iam.Policies { return one(`'Action':'*','Resource':'*','Condition':{` + c + `}`) }
	for name, tt := range map[string]struct {
		r *iam.Request
		p *iam.Policies
	}{
		"ten policies":         {home, tenPolicies(t)},
		"full endpoint policy": {home, &iam.Policies{Identity: one(`'Action':'*','Resource':'*'`).Identity, Endpoint: full}},
		"* before a variable":  {home, one(`'Action':'s3:*','Resource':'arn:aws:s3:::*/${aws:username}/?'`)},
		"NotResource":          {home, one(`'NotAction':'ec2:*','NotResource':'arn:aws:s3:::*${aws:username}'`)},
		"several variables": {
			home, one(`'Action':'s3:*','Resource':'arn:aws:s3:::${k:h, ~home~}/${aws:username}${k:s, ~/~}${k:x, ~x~}'`),
		},
		"a folded variable": {home, when(`'StringEqualsIgnoreCase':{'aws:username':'${aws:PrincipalTag/x, ~BOB~}'}`)},
		"ARNs":              {now, when(`'ArnLike':{'aws:PrincipalArn':'arn:aws:iam::${aws:PrincipalAccount}:role/No*'}`)},
		"times": {
			now, when(`'DateGreaterThan':{'aws:CurrentTime':'2026-01-01','aws:TokenIssueTime':'2026-01-01'},` +
				`'NumericLessThan':{'aws:EpochTime':'9999999999'}`),
		},
		"lists": {
			now, when(`'ForAllValues:StringLike':{'k:list':['?']},'IpAddress':{'k:at':'10.0.0.0/8'},` +
				`'NumericEquals':{'k:n':'7'},'Bool':{'k:yes':'true'},'Null':{'k:none':'true'}`),
		},
	} {
		if name == "lists" { // whose keys are judged
			tt.r.Judged = nil
		}
		if d := iam.Evaluate(tt.r, tt.p); !d.Allow {
			t.Errorf("%s: %v", name, d)
		}
		if n := testing.AllocsPerRun(100, func() { iam.Evaluate(tt.r, tt.p) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
