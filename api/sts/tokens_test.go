package sts_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdkiam "github.com/aws/aws-sdk-go-v2/service/iam"
	sdk "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"postern/api/access/accesstest"
	"postern/services/identity"
)

const everything = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`

// as is a client's configuration with temporary credentials.
func as(r *accesstest.Rig, c *types.Credentials) aws.Config {
	return r.As(*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken)
}

// TestGetSessionToken: who may do everything is itself for a while, without IAM and most of STS.
func TestGetSessionToken(t *testing.T) {
	r := accesstest.New(t)
	for name, tt := range map[string]struct {
		cfg    aws.Config
		wanted *int32
		life   time.Duration
		arn    string
	}{
		"a user": {r.User(t, "bob", denyAll), nil, 12 * time.Hour, "arn:aws:iam::000000000000:user/bob"},
		"a user for long": {
			r.User(t, "ann", everything), aws.Int32(129600), 36 * time.Hour, "arn:aws:iam::000000000000:user/ann",
		},
		"root": {r.Root(), aws.Int32(43200), time.Hour, "arn:aws:iam::000000000000:root"},
	} {
		out, err := sdk.NewFromConfig(tt.cfg).GetSessionToken(
			t.Context(), &sdk.GetSessionTokenInput{DurationSeconds: tt.wanted},
		)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if life := time.Until(*out.Credentials.Expiration); life > tt.life || life < tt.life-time.Minute {
			t.Errorf("%s: it lasts %s, want %s", name, life, tt.life)
		}
		session := sdk.NewFromConfig(as(r, out.Credentials))
		who, err := session.GetCallerIdentity(t.Context(), nil)
		if err != nil || *who.Arn != tt.arn {
			t.Errorf("%s: %+v, %v", name, who, err)
		}
		_, err = sdkiam.NewFromConfig(as(r, out.Credentials)).ListRoles(t.Context(), nil)
		if code(err) != "InvalidClientTokenId" {
			t.Errorf("%s: IAM: %v", name, err)
		}
		_, err = session.GetSessionToken(t.Context(), nil)
		if code(err) != "AccessDenied" || !strings.Contains(err.Error(), "Cannot call GetSessionToken with session cred") {
			t.Errorf("%s: another token: %v", name, err)
		}
	}
	_, err := sdk.NewFromConfig(r.Root()).GetSessionToken(
		t.Context(), &sdk.GetSessionTokenInput{SerialNumber: aws.String("arn:aws:iam::000000000000:mfa/root")},
	)
	if code(err) != "NotImplemented" {
		t.Errorf("with MFA: %v", err)
	}
}

// TestGetFederationToken: the session may do what both its user and its policy allow, and nothing without a policy.
func TestGetFederationToken(t *testing.T) {
	r := accesstest.New(t)
	bob := r.User(t, "bob", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["sts:GetFederationToken",`+
		`"sts:TagSession"],"Resource":"arn:aws:sts::000000000000:federated-user/fred*"},`+
		`{"Effect":"Allow","Action":"notes:*","Resource":"*"}]}`)
	out, err := sdk.NewFromConfig(bob).GetFederationToken(t.Context(), &sdk.GetFederationTokenInput{
		Name: aws.String("fred"), Policy: aws.String(everything), DurationSeconds: aws.Int32(900),
		Tags: []types.Tag{{Key: aws.String("Team"), Value: aws.String("blue")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if *out.FederatedUser.Arn != "arn:aws:sts::000000000000:federated-user/fred" ||
		*out.FederatedUser.FederatedUserId != "000000000000:fred" || aws.ToInt32(out.SessionTokenUtilization) < 1 ||
		int(aws.ToInt32(out.SessionTokenSize)) != len(*out.Credentials.SessionToken) {
		t.Errorf("%+v", out.FederatedUser)
	}
	who, err := sdk.NewFromConfig(as(r, out.Credentials)).GetCallerIdentity(t.Context(), nil)
	if err != nil || *who.Arn != *out.FederatedUser.Arn || *who.UserId != *out.FederatedUser.FederatedUserId {
		t.Errorf("%+v, %v", who, err)
	}
	c, err := r.Identities.Lookup(*out.Credentials.AccessKeyId, *out.Credentials.SessionToken)
	if err != nil || c.Principal.User != "arn:aws:iam::000000000000:user/bob" || c.Principal.Tags["team"] != "blue" ||
		len(c.Policies.Identity) != 1 || len(c.Policies.Session) != 1 {
		t.Errorf("%+v, %v", c, err)
	}
	_, err = sdk.NewFromConfig(as(r, out.Credentials)).AssumeRole(t.Context(), &sdk.AssumeRoleInput{
		RoleArn: role(t, r, "Here", trustHere), RoleSessionName: aws.String("session"),
	})
	if code(err) != "AccessDenied" || !strings.Contains(err.Error(), "Cannot call AssumeRole with session credentials") {
		t.Errorf("it assumes a role: %v", err)
	}
	// Whoever the session is of goes, and it with them.
	keys, err := r.Identities.AccessKeys(account, "bob")
	if err != nil {
		t.Fatal(err)
	}
	h := identity.Holder{Account: account, Name: "bob"}
	for _, err := range []error{
		r.Identities.DeleteAccessKey(t.Context(), account, "bob", keys[0].ID),
		r.Identities.DeleteInline(t.Context(), h, "own"), r.Identities.DeleteUser(t.Context(), account, "bob"),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err = sdk.NewFromConfig(as(r, out.Credentials)).GetCallerIdentity(t.Context(), nil)
	if code(err) != "InvalidClientTokenId" {
		t.Errorf("after its user: %v", err)
	}
}

// TestGetFederationTokenIsRefused for names, times and policies that it may not have.
func TestGetFederationTokenIsRefused(t *testing.T) {
	r := accesstest.New(t)
	bob := r.User(t, "bob", strings.Replace(everything, `"Resource":"*"`,
		`"Resource":"arn:aws:sts::000000000000:federated-user/fred*"`, 1))
	fred, none := aws.String("fred"), aws.String("arn:aws:iam::000000000000:policy/None")
	type input = sdk.GetFederationTokenInput
	for name, tt := range map[string]struct {
		in   input
		code string
	}{
		"another name":   {input{Name: aws.String("george")}, "AccessDenied"},
		"a long name":    {input{Name: aws.String("fred" + strings.Repeat("d", 29))}, "ValidationError"},
		"too long":       {input{Name: fred, DurationSeconds: aws.Int32(129601)}, "ValidationError"},
		"too short":      {input{Name: fred, DurationSeconds: aws.Int32(899)}, "ValidationError"},
		"a policy of no": {input{Name: fred, Policy: aws.String("no")}, "MalformedPolicyDocument"},
		"no such policy": {input{Name: fred, PolicyArns: []types.PolicyDescriptorType{{Arn: none}}}, "NoSuchEntity"},
	} {
		if _, err := sdk.NewFromConfig(bob).GetFederationToken(t.Context(), &tt.in); code(err) != tt.code {
			t.Errorf("%s: %v, want %s", name, err, tt.code)
		}
	}
}

// TestRoleChaining: transitive tags and the source identity go on into further sessions, and nobody changes them there.
func TestRoleChaining(t *testing.T) {
	r := accesstest.New(t)
	bob := r.User(t, "bob", allowAssume)
	first, second := role(t, r, "First", trustHere), role(t, r, "Second", trustHere)
	plain := role(t, r, "Plain", strings.Replace(trustHere, `,"sts:TagSession","sts:SetSourceIdentity"`, "", 1))
	holder := identity.Holder{Account: account, Kind: identity.OfRole, Name: "First"}
	if err := r.Identities.PutInline(t.Context(), holder, identity.Document{Name: "p", Text: allowAssume}); err != nil {
		t.Fatal(err)
	}
	tag := func(key, value string) types.Tag { return types.Tag{Key: &key, Value: &value} }
	assume := func(cfg aws.Config, in sdk.AssumeRoleInput) (*sdk.AssumeRoleOutput, error) {
		in.RoleSessionName = aws.String("work")
		return sdk.NewFromConfig(cfg).AssumeRole(t.Context(), &in)
	}
	one, err := assume(bob, sdk.AssumeRoleInput{
		RoleArn: first, Tags: []types.Tag{tag("Team", "blue"), tag("Cost", "7")}, TransitiveTagKeys: []string{"team"},
		SourceIdentity: aws.String("bob"),
	})
	if err != nil {
		t.Fatal(err)
	}
	chained := as(r, one.Credentials)
	two, err := assume(chained, sdk.AssumeRoleInput{RoleArn: second, Tags: []types.Tag{tag("Stage", "dev")}})
	if err != nil {
		t.Fatal(err)
	}
	c, err := r.Identities.Lookup(*two.Credentials.AccessKeyId, *two.Credentials.SessionToken)
	if err != nil {
		t.Fatal(err)
	}
	p := c.Principal
	if p.Tags["team"] != "blue" || p.Tags["cost"] != "" || p.Tags["stage"] != "dev" || p.SourceIdentity != "bob" ||
		len(p.Transitive) != 1 || p.Transitive["Team"] != "blue" || aws.ToString(two.SourceIdentity) != "bob" {
		t.Errorf("%+v", p)
	}
	type input = sdk.AssumeRoleInput
	for name, tt := range map[string]struct {
		in   input
		code string
	}{
		"another value":           {input{RoleArn: second, Tags: []types.Tag{tag("TEAM", "red")}}, "InvalidParameterValue"},
		"another source identity": {input{RoleArn: second, SourceIdentity: aws.String("eve")}, "ValidationError"},
		"the same one":            {input{RoleArn: second, SourceIdentity: aws.String("bob")}, ""},
		"without TagSession":      {input{RoleArn: plain}, "AccessDenied"},
		"more than an hour":       {input{RoleArn: second, DurationSeconds: aws.Int32(3601)}, "ValidationError"},
	} {
		if _, err := assume(chained, tt.in); code(err) != tt.code {
			t.Errorf("%s: %v, want %q", name, err, tt.code)
		}
	}
}
