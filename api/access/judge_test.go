package access_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdkiam "github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	sdksts "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"postern/api/access/accesstest"
	"postern/api/apitest"
	"postern/aws/sigv4"
	"postern/network/vpc"
	"postern/services/identity"
)

const (
	mayAll    = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`
	trustHere = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"` + accesstest.Account +
		`"},"Action":["sts:AssumeRole","sts:TagSession"]}}`
	trustEC2 = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},` +
		`"Action":"sts:AssumeRole"}}`
	allowListed = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},%s]}`
)

func may(statement string) string { return fmt.Sprintf(allowListed, statement) }

// role makes a role with an inline policy and returns its ARN.
func role(t *testing.T, r *accesstest.Rig, name, trust, policy string, tags ...identity.Tag) string {
	t.Helper()
	made, err := r.Identities.CreateRole(
		t.Context(), identity.NewRole{Account: accesstest.Account, Name: name, Trust: trust, Tags: tags},
	)
	if err != nil {
		t.Fatal(err)
	}
	h := identity.Holder{Account: accesstest.Account, Kind: identity.OfRole, Name: name}
	if err := r.Identities.PutInline(t.Context(), h, identity.Document{Name: "own", Text: policy}); err != nil {
		t.Fatal(err)
	}
	return made.ARN()
}

// assume starts a session of a role.
func assume(t *testing.T, r *accesstest.Rig, as aws.Config, roleARN string, tags ...types.Tag) aws.Config {
	t.Helper()
	out, err := sdksts.NewFromConfig(as).AssumeRole(t.Context(), &sdksts.AssumeRoleInput{
		RoleArn: &roleARN, RoleSessionName: aws.String("work"), Tags: tags,
	})
	if err != nil {
		t.Fatal(err)
	}
	return r.As(*out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken)
}

func listRoles(t *testing.T, cfg aws.Config) error {
	t.Helper()
	_, err := sdkiam.NewFromConfig(cfg).ListRoles(t.Context(), nil)
	return err
}

// TestSessionTagOverrides the role's, whatever the case of their letters, each time.
func TestSessionTagOverrides(t *testing.T) {
	r := accesstest.New(t)
	blueOnly := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:ListRoles","Resource":"*",` +
		`"Condition":{"StringEquals":{"aws:PrincipalTag/Team":"blue"}}}}`
	arn := role(t, r, "tagged", trustHere, blueOnly, identity.Tag{Key: "Team", Value: "red"})
	bob := r.User(t, "bob", mayAll)
	for range 20 {
		if err := listRoles(
			t, assume(t, r, bob, arn, types.Tag{Key: aws.String("team"), Value: aws.String("blue")}),
		); err != nil {
			t.Fatalf("the session's tag: %v", err)
		}
	}
	if err := listRoles(t, assume(t, r, bob, arn)); code(err) != "AccessDenied" {
		t.Errorf("the role's tag: %v", err)
	}
}

// TestTagsThatDifferInCase: policies cannot tell them apart, so a statement about either allows nothing, each time.
func TestTagsThatDifferInCase(t *testing.T) {
	r := accesstest.New(t)
	bob := r.User(
		t, "bob",
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:*","Resource":"*",`+
			`"Condition":{"StringEquals":{"aws:RequestTag/Team":"blue"}}}}`,
	)
	create := func(name string, tags ...string) error {
		in := &sdkiam.CreateUserInput{UserName: &name}
		for i := 0; i < len(tags); i += 2 {
			in.Tags = append(in.Tags, iamtypes.Tag{Key: &tags[i], Value: &tags[i+1]})
		}
		_, err := sdkiam.NewFromConfig(bob).CreateUser(t.Context(), in)
		return err
	}
	if err := create("one", "TEAM", "blue"); err != nil {
		t.Error(err)
	}
	for range 20 {
		err := create("two", "Team", "blue", "team", "red")
		if code(err) != "AccessDenied" || !strings.Contains(r.Why(), "condition key aws:requesttag/team cannot be judged") {
			t.Fatalf("both: %v: %s", err, r.Why())
		}
	}
}

// TestTemporaryCredentialsHaveNoMFA, which the usual Deny asks for, and long-term keys do not say.
func TestTemporaryCredentialsHaveNoMFA(t *testing.T) {
	r := accesstest.New(t)
	policy := may(
		`{"Effect":"Deny","Action":"iam:*","Resource":"*","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"false"}}}`,
	)
	bob := r.User(t, "bob", policy)
	if err := listRoles(t, bob); err != nil {
		t.Errorf("a long-term key: %v", err)
	}
	err := listRoles(t, assume(t, r, bob, role(t, r, "strict", trustHere, policy)))
	if code(err) != "AccessDenied" || !strings.Contains(err.Error(), "explicit deny") {
		t.Errorf("a session: %v", err)
	}
}

// TestSameVPC is the data perimeter for instances' credentials as the IAM User Guide describes it: a call has to come
// from the VPC, and the address, of the instance that the credentials were given to.
func TestSameVPC(t *testing.T) {
	r := accesstest.New(t)
	role(t, r, "node", trustEC2, may(`{"Effect":"Deny","Action":"*","Resource":"*","Condition":{
		"StringNotEquals":{"aws:SourceVpc":"${aws:Ec2InstanceSourceVpc}"},"Null":{"ec2:SourceInstanceARN":"false"},
		"BoolIfExists":{"aws:ViaAWSService":"false"}}},
		{"Effect":"Deny","Action":"*","Resource":"*","Condition":{
		"StringNotEquals":{"aws:VpcSourceIp":"${aws:Ec2InstanceSourcePrivateIPv4}"},"Null":{"ec2:SourceInstanceARN":"false"},
		"BoolIfExists":{"aws:ViaAWSService":"false"}}}`))
	ctx, account := t.Context(), accesstest.Account
	if _, err := r.Identities.CreateInstanceProfile(
		ctx, identity.NewInstanceProfile{Account: account, Name: "node"},
	); err != nil {
		t.Fatal(err)
	}
	if err := r.Identities.AddRole(ctx, account, "node", "node"); err != nil {
		t.Fatal(err)
	}
	given, err := r.Identities.AssumeForInstance(ctx, identity.Instance{
		Account: account, Region: "us-east-1", ID: "i-0123456789abcdef0", VPC: "vpc-home", Address: "10.0.1.20",
	}, "node")
	if err != nil {
		t.Fatal(err)
	}
	r.Endpoints["vpce-1"] = nil
	for _, tt := range []struct {
		vpc, from string // vpc empty: from outside
		code      string
	}{
		{"vpc-home", "10.0.1.20:4000", ""},
		{"vpc-home", "10.0.1.21:4000", "AccessDenied"},
		{"vpc-other", "10.0.1.20:4000", "AccessDenied"},
		{"", "", "AccessDenied"},
	} {
		r.Origin.Store(nil)
		if tt.vpc != "" {
			r.Origin.Store(&vpc.Origin{
				Endpoint: "vpce-1", EndpointVPC: tt.vpc, VPC: tt.vpc, Service: "com.amazonaws.us-east-1.iam", Region: "us-east-1",
				Account: account, Source: netip.MustParseAddrPort(tt.from),
			})
		}
		r.Disconnect()
		if err := listRoles(t, r.As(given.AccessKey, given.Secret, given.Token)); code(err) != tt.code {
			t.Errorf("from %s in %q: %v", tt.from, tt.vpc, err)
		}
	}
}

// TestLongNamesAreNotJudged: the judge is given names as long as Amazon's are, and no longer.
func TestLongNamesAreNotJudged(t *testing.T) {
	r := accesstest.New(t)
	bob := sdkiam.NewFromConfig(
		r.User(
			t, "bob",
			`{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"iam:*","Resource":"arn:aws:iam::*:user/*`+
				strings.Repeat("a", 500)+`?b*"}}`,
		),
	)
	for n, want := range map[int]string{100: "AccessDenied", 900_000: "ValidationError"} {
		if _, err := bob.GetUser(
			t.Context(), &sdkiam.GetUserInput{UserName: aws.String(strings.Repeat("a", n))},
		); code(err) != want {
			t.Errorf("a name of %d characters: %.300v, want %s", n, err, want)
		}
	}
	_, err := bob.TagUser(t.Context(), &sdkiam.TagUserInput{
		UserName: aws.String("bob"),
		Tags:     []iamtypes.Tag{{Key: aws.String("k"), Value: aws.String(strings.Repeat("v", 900_000))}},
	})
	if code(err) != "ValidationError" {
		t.Errorf("a value of 900,000 characters: %.300v", err)
	}
}

// TestVariableThatCannotBeJudged is named in the record of the request.
func TestVariableThatCannotBeJudged(t *testing.T) {
	r := accesstest.New(t)
	bob := r.User(
		t, "bob",
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:*",`+
			`"Resource":"arn:aws:iam::*:role/${aws:SourceOrgUnit}*"}}`,
	)
	err := listRoles(t, bob)
	if code(err) != "AccessDenied" || !strings.Contains(r.Why(), "condition key aws:sourceorgunit cannot be judged") {
		t.Errorf("%v: %s", err, r.Why())
	}
}

// TestClientWhoLeft: nothing is judged for a client that is gone.
func TestClientWhoLeft(t *testing.T) {
	r := accesstest.New(t)
	c, err := r.User(t, "bob", mayAll).Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for left, want := range map[bool]int{false: http.StatusOK, true: http.StatusServiceUnavailable} {
		ctx, leave := context.WithCancel(t.Context())
		if left {
			leave()
		}
		text := []byte("Action=ListRoles&Version=2010-05-08")
		request := httptest.NewRequestWithContext(ctx, http.MethodPost, "https://iam.amazonaws.com/", bytes.NewReader(text))
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		key := sigv4.Credentials{AccessKey: c.AccessKeyID, Secret: c.SecretAccessKey}
		if err := sigv4.Sign(
			request, text, key, sigv4.Target{Region: "us-east-1", Service: "iam", Time: time.Now()},
		); err != nil {
			t.Fatal(err)
		}
		if status, answer := apitest.Do(r.Handler, request); status != want {
			t.Errorf("left %v: %d %s", left, status, answer)
		}
		leave()
	}
}
