package ssm_test

import (
	"strings"
	"testing"

	"postern/api/nodetest"
)

// A document has several names. Whichever is used, the policy that names the document has its say.
func TestOneDocumentUnderEveryName(t *testing.T) {
	l := nodetest.New(t, nodetest.Options{})
	m := l.Register(t)
	if status, body := m.Call(
		"ssm", "CreateDocument", map[string]any{"Name": "Secret", "Content": threeSteps},
	); status != 200 {
		t.Fatalf("create: %d %s", status, body)
	}
	l.Allow(t, `{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"ssm:*","Resource":[
		"arn:aws:ssm:us-east-1:000000000000:document/Secret","arn:aws:ssm:us-east-1::document/AWS-RunShellScript"]}`)
	for _, name := range []string{
		"Secret",
		"arn:aws:ssm:us-east-1:000000000000:document/Secret",
		"arn:aws:ssm:us-east-1::document/Secret",
		"arn:aws-cn:ssm:us-east-1:000000000000:document/Secret",
		"arn:aws:ssm:us-east-1:000000000000:document:Secret",
		"AWS-RunShellScript",
		"arn:aws:ssm:us-east-1::document/AWS-RunShellScript",
		"arn:aws:ssm:us-east-1:000000000000:document/AWS-RunShellScript",
	} {
		if status, body := m.Call(
			"ssm", "GetDocument", map[string]any{"Name": name},
		); status == 200 || !strings.Contains(body, "AccessDenied") {
			t.Errorf("get %s: %d %s", name, status, body)
		}
		in := map[string]any{
			"DocumentName": name, "InstanceIds": []string{m.ID}, "Parameters": map[string]any{"commands": []string{"id"}},
		}
		if status, body := m.Call("ssm", "SendCommand", in); status == 200 || !strings.Contains(body, "AccessDenied") {
			t.Errorf("send %s: %d %s", name, status, body)
		}
	}
	for name, status := range map[string]int{
		"arn:aws:ssm:eu-west-1:000000000000:document/Secret": 400, "arn:aws:ssm:us-east-1:111111111111:document/Secret": 400,
	} {
		if got, body := m.Call(
			"ssm", "GetDocument", map[string]any{"Name": name},
		); got != status || strings.Contains(body, "schemaVersion") {
			t.Errorf("get %s: %d %s", name, got, body)
		}
	}
}

// Targets are no way around a policy that keeps a caller from one node.
func TestTargetsAreAskedFor(t *testing.T) {
	l := nodetest.New(t, nodetest.Options{})
	m, kept := l.Register(t), l.Instance(t, "i-0123456789abcdef0")
	kept.Ping()
	l.Allow(t, `{"Effect":"Allow","Action":"*","Resource":"*"},
		{"Effect":"Deny","Action":"ssm:SendCommand",
			"Resource":"arn:aws:ec2:us-east-1:000000000000:instance/i-0123456789abcdef0"}`)
	for _, row := range []struct {
		ids    []string
		denied bool
	}{
		{[]string{m.ID}, false},
		{[]string{kept.ID}, true},
		{[]string{m.ID, kept.ID}, true},
	} {
		in := map[string]any{
			"DocumentName": "AWS-RunShellScript", "Parameters": map[string]any{"commands": []string{"id"}},
			"Targets": []any{map[string]any{"Key": "InstanceIds", "Values": row.ids}},
		}
		status, body := m.Call("ssm", "SendCommand", in)
		if denied := strings.Contains(
			body, "AccessDenied",
		) && strings.Contains(body, kept.ID); denied != row.denied || row.denied == (status == 200) {
			t.Errorf("%s: %d %s", row.ids, status, body)
		}
	}
	// A command that is refused for one node is sent to none.
	if _, body := m.Call("ssm", "ListCommands", map[string]any{}); strings.Count(body, `"CommandId"`) != 1 {
		t.Errorf("after one that was sent and two that were refused there are the commands %s", body)
	}
}

// A condition that Postern cannot judge allows nothing, and keeps a denial standing; the caller is not told why.
func TestConditionsThatCannotBeJudged(t *testing.T) {
	l := nodetest.New(t, nodetest.Options{})
	m := l.Register(t)
	const all = `{"Effect":"Allow","Action":"*","Resource":"*"}`
	for _, tt := range []struct {
		statements string
		overwrite  bool
		says       string // empty means that it is done
	}{
		{
			all + `,{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:Mood":"good"}}}`,
			false, "explicit deny in an identity-based policy",
		},
		{
			`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringNotEquals":{"aws:Mood":"bad"}}}`,
			false, "because no identity-based policy allows",
		},
		{
			`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringLikeIfExists":{"aws:Mood":"good"}}}`,
			false, "because no identity-based policy allows",
		},
		// the parameter has no tags, and the action no such key
		{
			all + `,{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringEquals":{"ssm:resourceTag/Stage":"prod"}}}`,
			false, "",
		},
		// another service's key
		{
			all + `,{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringEquals":{"ec2:ResourceTag/Stage":"prod"}}}`,
			false, "",
		},
		{
			all + `,{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:Mood":"good",` +
				`"aws:RequestedRegion":"eu-west-1"}}}`,
			false, "",
		},
		// there is no organization
		{
			all + `,{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringNotEquals":{"aws:PrincipalOrgID":"o-1"}}}`,
			false, "explicit deny",
		},
		{all + `,{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"Bool":{"ssm:Overwrite":"true"}}}`, false, ""},
		{
			all + `,{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"Bool":{"ssm:Overwrite":"true"}}}`, true,
			"explicit deny",
		},
		{
			`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"ForAllValues:StringEquals":{"aws:TagKeys":["team"]},` +
				`"StringEquals":{"aws:ResourceAccount":"000000000000"}}}`,
			true, "",
		},
		{
			`{"Effect":"Allow","Action":"*","Resource":"*",` +
				`"Condition":{"ArnLike":{"ssm:SourceInstanceARN":"arn:aws:ssm:*:*:managed-instance/mi-*"}}}`,
			true, "",
		},
	} {
		l.Allow(t, tt.statements)
		status, body := m.Call(
			"ssm", "PutParameter", map[string]any{"Name": "a", "Value": "v", "Type": "String", "Overwrite": tt.overwrite},
		)
		done := status == 200 || strings.Contains(body, "ParameterAlreadyExists")
		if done != (tt.says == "") || !strings.Contains(body, tt.says) {
			t.Errorf("%s: %d %s\nwant %q", tt.statements, status, body, tt.says)
		}
	}
}
