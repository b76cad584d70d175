package identity_test

import (
	"strings"
	"testing"

	"postern/aws/iam"
	"postern/services/identity"
)

// TestGuards: one of every account and one of each limit who is in it, at once, after a restart, and root too.
func TestGuards(t *testing.T) {
	w := newWorld(t)
	must(w.CreateUser(w.ctx, identity.NewUser{Account: account, Name: "Bob"}))
	key := must(w.CreateAccessKey(w.ctx, account, "Bob"))
	root := must(w.CreateAccessKey(w.ctx, account, ""))
	session := must(w.SessionToken(w.ctx, iam.Principal{Kind: iam.Root, Account: account}, 0))
	count := func(want int) {
		t.Helper()
		for _, k := range [][2]string{{key.ID, ""}, {root.ID, ""}, {session.AccessKey, session.Token}} {
			if c := must(w.Lookup(k[0], k[1])); len(c.Policies.Control) != want {
				t.Errorf("%s has %d service control policies, want %d", c.Principal.ARN, len(c.Policies.Control), want)
			}
		}
	}
	count(0)
	w.ok(w.PutGuard(w.ctx, "", allowGet))
	count(1)
	w.ok(w.PutGuard(w.ctx, account, allowGet))
	count(2)
	w.restart()
	count(2)
	if g := w.Guards(); len(g) != 2 || g[0].Account != "" || g[1].Account != account || g[1].Text != allowGet {
		t.Errorf("%+v", g)
	}
	if c := must(w.Lookup(root.ID, "")); !may(c, "ssm:GetParameter") || may(c, "ssm:PutParameter") {
		t.Error("root is not limited")
	}
	for _, tt := range []struct{ account, text, code string }{
		{"111122223333", allowGet, "NoSuchEntity"},
		{account, "{", "MalformedPolicyDocument"},
		{account, strings.Replace(allowGet, `"Effect"`, `"Principal":"*","Effect"`, 1), "MalformedPolicyDocument"},
		{account, strings.Repeat(" ", 10241), "LimitExceeded"},
	} {
		if err := w.PutGuard(w.ctx, tt.account, tt.text); code(err) != tt.code {
			t.Errorf("%.40s: %v, want %s", tt.text, err, tt.code)
		}
	}
	w.ok(w.DeleteGuard(w.ctx, account))
	w.ok(w.DeleteGuard(w.ctx, ""))
	count(0)
	if err := w.DeleteGuard(w.ctx, ""); code(err) != "NoSuchEntity" {
		t.Errorf("twice: %v", err)
	}
	if _, err := w.CreateRole(w.ctx, identity.NewRole{
		Account: account, Name: "r", Path: "/aws-service-role/x.amazonaws.com/", Trust: trustEC2,
	}); code(err) != "ValidationError" {
		t.Errorf("a role that would not be limited: %v", err)
	}
}
