package sts_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdkiam "github.com/aws/aws-sdk-go-v2/service/iam"
	sdk "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go"

	"postern/api/access/accesstest"
	"postern/services/identity"
)

const account = accesstest.Account

func code(err error) string {
	var e smithy.APIError
	if errors.As(err, &e) {
		return e.ErrorCode()
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// role makes a role whose trust policy has the statement.
func role(t *testing.T, r *accesstest.Rig, name, statement string) *string {
	t.Helper()
	made, err := r.Identities.CreateRole(t.Context(), identity.NewRole{
		Account: account, Name: name, Trust: `{"Version":"2012-10-17","Statement":` + statement + `}`,
	})
	if err != nil {
		t.Fatal(err)
	}
	return aws.String(made.ARN())
}

const (
	allowAssume = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:*","Resource":"*"}}`
	denyAll     = `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}`
	trustHere   = `{"Effect":"Allow","Principal":{"AWS":"` + account +
		`"},"Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]}`
)

func TestGetCallerIdentity(t *testing.T) {
	r := accesstest.New(t)
	bob := r.User(t, "bob", denyAll) // needs no permission, and cannot be denied
	for _, tt := range []struct {
		cfg aws.Config
		arn string
	}{
		{r.Root(), "arn:aws:iam::000000000000:root"},
		{bob, "arn:aws:iam::000000000000:user/bob"},
	} {
		out, err := sdk.NewFromConfig(tt.cfg).GetCallerIdentity(t.Context(), nil)
		if err != nil || *out.Arn != tt.arn || *out.Account != account || *out.UserId == "" {
			t.Errorf("%+v, %v, want %s", out, err, tt.arn)
		}
	}
	if _, err := sdk.NewFromConfig(
		r.As("AKIANOBODY", "x", ""),
	).GetCallerIdentity(t.Context(), nil); code(err) != "InvalidClientTokenId" {
		t.Errorf("an unknown key: %v", err)
	}
}

func TestAssumeRole(t *testing.T) {
	r := accesstest.New(t)
	arn := role(t, r, "Reader", trustHere)
	holder := identity.Holder{Account: account, Kind: identity.OfRole, Name: "Reader"}
	if err := r.Identities.PutInline(
		t.Context(), holder,
		identity.Document{Name: "p", Text: `{"Statement":{"Effect":"Allow","Action":"iam:*","Resource":"*"}}`},
	); err != nil {
		t.Fatal(err)
	}
	out, err := sdk.NewFromConfig(r.User(t, "bob", allowAssume)).AssumeRole(t.Context(), &sdk.AssumeRoleInput{
		RoleArn: arn, RoleSessionName: aws.String("bob@work"), DurationSeconds: aws.Int32(900),
		SourceIdentity: aws.String("bob"),
		Tags:           []types.Tag{{Key: aws.String("Cost"), Value: aws.String("7")}},
		Policy:         aws.String(`{"Statement":{"Effect":"Allow","Action":["iam:Get*","sts:*"],"Resource":"*"}}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	if *out.AssumedRoleUser.Arn != "arn:aws:sts::000000000000:assumed-role/Reader/bob@work" ||
		*out.SourceIdentity != "bob" ||
		!strings.HasPrefix(
			*out.AssumedRoleUser.AssumedRoleId, "AROA",
		) || time.Until(*out.Credentials.Expiration) > 15*time.Minute {
		t.Errorf("%+v", out.AssumedRoleUser)
	}
	c := out.Credentials
	session := r.As(*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken)
	who, err := sdk.NewFromConfig(session).GetCallerIdentity(t.Context(), nil)
	if err != nil || *who.Arn != *out.AssumedRoleUser.Arn || *who.UserId != *out.AssumedRoleUser.AssumedRoleId {
		t.Errorf("%+v, %v", who, err)
	}
	iam := sdkiam.NewFromConfig(session)
	if _, err := iam.GetRole(t.Context(), &sdkiam.GetRoleInput{RoleName: aws.String("Reader")}); err != nil {
		t.Errorf("what role and session policy allow: %v", err)
	}
	_, err = iam.ListRoles(t.Context(), nil)
	if code(err) != "AccessDenied" || !strings.Contains(
		err.Error(), "because no session policy allows the iam:ListRoles action",
	) {
		t.Errorf("what the session policy leaves out: %v", err)
	}
	for name, cfg := range map[string]aws.Config{
		"no token":      r.As(*c.AccessKeyId, *c.SecretAccessKey, ""),
		"another token": r.As(*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken+"A"),
	} {
		if _, err := sdk.NewFromConfig(cfg).GetCallerIdentity(t.Context(), nil); code(err) != "InvalidClientTokenId" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := sdk.NewFromConfig(
		r.As(*c.AccessKeyId, "wrong", *c.SessionToken),
	).GetCallerIdentity(t.Context(), nil); code(err) != "SignatureDoesNotMatch" {
		t.Errorf("wrong secret: %v", err)
	}
	info, err := sdk.NewFromConfig(session).GetAccessKeyInfo(
		t.Context(), &sdk.GetAccessKeyInfoInput{AccessKeyId: c.AccessKeyId},
	)
	if code(err) != "AccessDenied" {
		t.Errorf("the session policy allows sts:*, but the role does not: %+v, %v", info, err)
	}
	info, err = sdk.NewFromConfig(r.Root()).GetAccessKeyInfo(
		t.Context(), &sdk.GetAccessKeyInfoInput{AccessKeyId: c.AccessKeyId},
	)
	if err != nil || *info.Account != account {
		t.Errorf("%+v, %v", info, err)
	}
}

func TestAssumeRoleIsRefused(t *testing.T) {
	r := accesstest.New(t)
	trusting := func(name, principal, more string) *string {
		return role(t, r, name, `{"Effect":"Allow","Principal":{`+principal+`},"Action":"sts:AssumeRole"`+more+`}`)
	}
	bob, eve := r.User(t, "bob", allowAssume), r.User(t, "eve", "")
	here := trusting("Here", `"AWS":"`+account+`"`, "")
	named := trusting("Named", `"AWS":"arn:aws:iam::000000000000:user/eve"`, "")
	external := trusting("External", `"AWS":"`+account+`"`, `,"Condition":{"StringEquals":{"sts:ExternalId":"secret"}}`)
	ec2 := trusting("EC2", `"Service":"ec2.amazonaws.com"`, "")
	for _, tt := range []struct {
		name string
		who  aws.Config
		in   sdk.AssumeRoleInput
		code string
	}{
		{"trusted account, own policy", bob, sdk.AssumeRoleInput{RoleArn: here}, ""},
		{"trusted account, no own policy", eve, sdk.AssumeRoleInput{RoleArn: here}, "AccessDenied"},
		{"trusted by name, no own policy", eve, sdk.AssumeRoleInput{RoleArn: named}, ""},
		{"another is trusted by name", bob, sdk.AssumeRoleInput{RoleArn: named}, "AccessDenied"},
		{"a service is trusted", bob, sdk.AssumeRoleInput{RoleArn: ec2}, "AccessDenied"},
		{"no external id", bob, sdk.AssumeRoleInput{RoleArn: external}, "AccessDenied"},
		{"wrong external id", bob, sdk.AssumeRoleInput{RoleArn: external, ExternalId: aws.String("guess")}, "AccessDenied"},
		{"external id", bob, sdk.AssumeRoleInput{RoleArn: external, ExternalId: aws.String("secret")}, ""},
		{
			"tags without sts:TagSession", bob,
			sdk.AssumeRoleInput{RoleArn: here, Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}}},
			"AccessDenied",
		},
		{"no such role", bob, sdk.AssumeRoleInput{RoleArn: aws.String(*here + "x")}, "AccessDenied"},
		{"no ARN", bob, sdk.AssumeRoleInput{RoleArn: aws.String("arn-of-20-characters-or-more")}, "ValidationError"},
		{"root", r.Root(), sdk.AssumeRoleInput{RoleArn: here}, "AccessDenied"},
		{"too long", bob, sdk.AssumeRoleInput{RoleArn: here, DurationSeconds: aws.Int32(7200)}, "ValidationError"},
		{
			"a transitive tag that is not there", bob, sdk.AssumeRoleInput{RoleArn: here, TransitiveTagKeys: []string{"a"}},
			"InvalidParameterValue",
		},
	} {
		tt.in.RoleSessionName = aws.String("session")
		if _, err := sdk.NewFromConfig(tt.who).AssumeRole(t.Context(), &tt.in); code(err) != tt.code {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.code)
		}
	}
}

func TestNotBuilt(t *testing.T) {
	r := accesstest.New(t)
	c := sdk.NewFromConfig(r.Root())
	_, root := c.AssumeRoot(t.Context(), &sdk.AssumeRootInput{
		TargetPrincipal: aws.String(account),
		TaskPolicyArn: &types.PolicyDescriptorType{
			Arn: aws.String("arn:aws:iam::aws:policy/root-task/IAMAuditRootUserCredentials"),
		},
	})
	_, web := c.GetWebIdentityToken(t.Context(), &sdk.GetWebIdentityTokenInput{
		Audience: []string{"a"}, SigningAlgorithm: aws.String("RS256"),
	})
	_, delegated := c.GetDelegatedAccessToken(
		t.Context(), &sdk.GetDelegatedAccessTokenInput{TradeInToken: aws.String("token")},
	)
	for name, err := range map[string]error{
		"AssumeRoot": root, "GetWebIdentityToken": web, "GetDelegatedAccessToken": delegated,
	} {
		if code(err) != "NotImplemented" || !strings.Contains(err.Error(), "sts:"+name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestNotBuiltUnsigned: what Amazon takes without a signature says that it is not built, not that a signature is
// missing; a request with a signature that is bad is told of that.
func TestNotBuiltUnsigned(t *testing.T) {
	c := sdk.NewFromConfig(accesstest.New(t).Root(), func(o *sdk.Options) { o.Credentials = aws.AnonymousCredentials{} })
	arn := aws.String("arn:aws:iam::" + account + ":role/r")
	_, web := c.AssumeRoleWithWebIdentity(
		t.Context(),
		&sdk.AssumeRoleWithWebIdentityInput{
			RoleArn: arn, RoleSessionName: aws.String("s"), WebIdentityToken: aws.String("token"),
		},
	)
	_, saml := c.AssumeRoleWithSAML(
		t.Context(), &sdk.AssumeRoleWithSAMLInput{RoleArn: arn, PrincipalArn: arn, SAMLAssertion: aws.String("PHNhbWw+")},
	)
	for name, err := range map[string]error{"AssumeRoleWithWebIdentity": web, "AssumeRoleWithSAML": saml} {
		var response interface{ HTTPStatusCode() int }
		if !errors.As(err, &response) || response.HTTPStatusCode() != 501 || !strings.Contains(
			err.Error(), "Postern does not implement sts:"+name,
		) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := c.GetCallerIdentity(t.Context(), nil); code(err) != "MissingAuthenticationToken" {
		t.Errorf("a built one without a signature: %v", err)
	}
}
