package sts_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdkiam "github.com/aws/aws-sdk-go-v2/service/iam"
	sdk "github.com/aws/aws-sdk-go-v2/service/sts"

	"postern/api/access/accesstest"
	"postern/services/identity"
)

const foreign = "111122223333"

// session starts a session of a role.
func session(t *testing.T, r *accesstest.Rig, as aws.Config, role *string, external ...string) (aws.Config, error) {
	t.Helper()
	in := &sdk.AssumeRoleInput{RoleArn: role, RoleSessionName: aws.String("work")}
	if len(external) > 0 {
		in.ExternalId = &external[0]
	}
	out, err := sdk.NewFromConfig(as).AssumeRole(t.Context(), in)
	if err != nil {
		return aws.Config{}, err
	}
	c := out.Credentials
	return r.As(*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken), nil
}

// reader makes a role that may read IAM, and returns its ARN and its holder.
func reader(t *testing.T, r *accesstest.Rig, trust string) (*string, identity.Holder) {
	t.Helper()
	arn := role(t, r, "Reader", trust)
	h := identity.Holder{Account: account, Kind: identity.OfRole, Name: "Reader"}
	document := identity.Document{Name: "p", Text: `{"Version":"2012-10-17","Statement":{"Effect":"Allow",` +
		`"Action":["iam:List*","sts:AssumeRole"],"Resource":"*"}}`}
	if err := r.Identities.PutInline(t.Context(), h, document); err != nil {
		t.Fatal(err)
	}
	return arn, h
}

func list(t *testing.T, as aws.Config) string {
	t.Helper()
	_, err := sdkiam.NewFromConfig(as).ListRoles(t.Context(), nil)
	return code(err)
}

// TestSessionsAreRevoked: a session loses access at its next request, by the policy that AWS's console attaches to
// revoke sessions or by the end of its role; a later session is not held by the policy.
func TestSessionsAreRevoked(t *testing.T) {
	r := accesstest.New(t)
	arn, h := reader(t, r, trustHere)
	alice := r.User(t, "alice", allowAssume)
	first, err := session(t, r, alice, arn)
	if err != nil || list(t, first) != "" {
		t.Fatalf("%v, %s", err, list(t, first))
	}
	revoke := func(before time.Time) {
		t.Helper()
		document := identity.Document{Name: "AWSRevokeOlderSessions", Text: `{"Version":"2012-10-17","Statement":[` +
			`{"Effect":"Deny","Action":["*"],"Resource":["*"],"Condition":{"DateLessThan":{"aws:TokenIssueTime":"` +
			before.UTC().Format(time.RFC3339) + `"}}}]}`}
		if err := r.Identities.PutInline(t.Context(), h, document); err != nil {
			t.Fatal(err)
		}
	}
	revoke(time.Now().Add(-time.Hour))
	if got := list(t, first); got != "" {
		t.Errorf("a session that began later: %s", got)
	}
	revoke(time.Now().Add(time.Hour))
	if got := list(t, first); got != "AccessDenied" {
		t.Errorf("revoked: %q", got)
	}
	for _, name := range []string{"p", "AWSRevokeOlderSessions"} {
		if err := r.Identities.DeleteInline(t.Context(), h, name); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Identities.DeleteRole(t.Context(), account, "Reader"); err != nil {
		t.Fatal(err)
	}
	if got := list(t, first); got != "InvalidClientTokenId" {
		t.Errorf("of a role that is gone: %q", got)
	}
	again, _ := reader(t, r, trustHere) // one of the same name is another role
	if got := list(t, first); got != "InvalidClientTokenId" {
		t.Errorf("of a role that was made anew: %q", got)
	}
	if second, err := session(t, r, alice, again); err != nil || list(t, second) != "" {
		t.Errorf("a new session: %v", err)
	}
}

// TestRoleThatTrustsItself: a session may begin the next one of the same role, as long as somebody wants; two roles
// that trust each other are no different.
func TestRoleThatTrustsItself(t *testing.T) {
	r := accesstest.New(t)
	arn, _ := reader(t, r, `{"Effect":"Allow","Principal":{"AWS":["`+account+
		`","arn:aws:iam::`+account+`:role/Reader"]},"Action":"sts:AssumeRole"}`)
	as := r.User(t, "alice", allowAssume)
	for range 20 {
		next, err := session(t, r, as, arn)
		if err != nil {
			t.Fatal(err)
		}
		if got := list(t, next); got != "" {
			t.Fatal(got)
		}
		as = next
	}
}

// foreigner is a user of the other account with a policy.
func foreigner(t *testing.T, r *accesstest.Rig, name, policy string) aws.Config {
	t.Helper()
	if _, err := r.Identities.CreateUser(t.Context(), identity.NewUser{Account: foreign, Name: name}); err != nil {
		t.Fatal(err)
	}
	h := identity.Holder{Account: foreign, Name: name}
	if err := r.Identities.PutInline(t.Context(), h, identity.Document{Name: "own", Text: policy}); err != nil {
		t.Fatal(err)
	}
	key, err := r.Identities.CreateAccessKey(t.Context(), foreign, name)
	if err != nil {
		t.Fatal(err)
	}
	return r.As(key.ID, key.Secret, "")
}

// TestRoleOfAnotherAccount: both sides have to agree, and where the trust policy wants an external id it has to fit.
func TestRoleOfAnotherAccount(t *testing.T) {
	r := accesstest.New(t)
	if _, _, err := r.Identities.CreateAccount(t.Context(), foreign, ""); err != nil {
		t.Fatal(err)
	}
	bob, eve := foreigner(t, r, "bob", allowAssume), foreigner(t, r, "eve", denyAll)
	arn, _ := reader(t, r, `{"Effect":"Allow","Principal":{"AWS":"`+foreign+`"},"Action":"sts:AssumeRole",`+
		`"Condition":{"StringEquals":{"sts:ExternalId":"agreed"}}}`)
	for _, tt := range []struct {
		who      aws.Config
		external []string
		want     string
	}{
		{bob, nil, "AccessDenied"},
		{bob, []string{"guessed"}, "AccessDenied"},
		{bob, []string{"agreed"}, ""},
		{eve, []string{"agreed"}, "AccessDenied"}, // whose own account has not agreed
	} {
		s, err := session(t, r, tt.who, arn, tt.external...)
		if code(err) != tt.want {
			t.Errorf("%v: %v, want %q", tt.external, err, tt.want)
		}
		if err != nil {
			continue
		}
		out, err := sdk.NewFromConfig(s).GetCallerIdentity(t.Context(), nil)
		if err != nil || *out.Account != account || list(t, s) != "" {
			t.Errorf("%+v, %v", out, err)
		}
	}
	if _, err := r.Identities.CreateRole(t.Context(), identity.NewRole{
		Account: account, Name: "Nobody", Trust: `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{` +
			`"AWS":"arn:aws:iam::` + foreign + `:user/nobody"},"Action":"sts:AssumeRole"}}`,
	}); err == nil {
		t.Error("a principal that does not exist is trusted")
	}
}

func TestGetAccessKeyInfo(t *testing.T) {
	r := accesstest.New(t)
	_, key, err := r.Identities.CreateAccount(t.Context(), foreign, "")
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]string{key.ID: foreign, "AKIANOBODY": "", "AKIAIOSFODNN7EXAMPLE": "581039954779"} {
		out, err := sdk.NewFromConfig(r.Root()).GetAccessKeyInfo(t.Context(), &sdk.GetAccessKeyInfoInput{AccessKeyId: &id})
		switch {
		case want == "" && code(err) != "ValidationError":
			t.Errorf("%s: %v", id, err)
		case want != "" && (err != nil || *out.Account != want):
			t.Errorf("%s: %+v, %v, want %s", id, out, err, want)
		}
	}
}
