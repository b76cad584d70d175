package postern_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	sdkiam "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/smithy-go"

	"postern/api"
	"postern/api/access/accesstest"
	"postern/api/postern"
	"postern/aws/fault"
	"postern/aws/iam"
	sdk "postern/aws/postern"
)

func code(err error) string {
	var e smithy.APIError
	switch {
	case errors.As(err, &e):
		return e.ErrorCode()
	case err != nil:
		return err.Error()
	}
	return ""
}

const (
	everything = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`
	noRoles    = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},` +
		`{"Sid":"NoRoles","Effect":"Deny","Action":["iam:ListRoles","postern:*"],"Resource":"*",` +
		`"Condition":{"StringEquals":{"aws:SecureTransport":"true"}}}]}`
)

// rig serves Postern's own API beside IAM, of the account.
func rig(t *testing.T, account string) (*accesstest.Rig, *postern.Requests) {
	requests := new(postern.Requests)
	config := postern.Config{Requests: requests, Account: account}
	r := accesstest.NewWith(t, func(r *accesstest.Rig) []api.Service {
		config.Identities = r.Identities
		return []api.Service{postern.New(config)}
	})
	r.Audit = requests.Add
	return r, requests
}

// TestGuardLimitsAllButTheOperator: at once, root too; the one who can lift it is not locked out.
func TestGuardLimitsAllButTheOperator(t *testing.T) {
	r, _ := rig(t, accesstest.Account)
	root, bob := r.Root(), r.User(t, "bob", everything)
	own := sdk.NewFromConfig(root)
	list := func(cfg aws.Config) error {
		_, err := sdkiam.NewFromConfig(cfg).ListRoles(t.Context(), nil)
		return err
	}
	if err := list(root); err != nil {
		t.Fatal(err)
	}
	for _, account := range []string{"", accesstest.Account} {
		if _, err := own.PutGuard(t.Context(), &sdk.PutGuardInput{Account: account, Policy: noRoles}); err != nil {
			t.Fatal(err)
		}
		for _, cfg := range []aws.Config{root, bob} {
			if err := list(cfg); code(err) != "AccessDenied" ||
				!strings.HasSuffix(err.Error(), "with an explicit deny in a service control policy") {
				t.Errorf("guarded: %v", err)
			}
		}
		out, err := own.ListGuards(t.Context(), &sdk.ListGuardsInput{})
		if err != nil || len(out.Guards) != 1 || out.Guards[0].Account != account || out.Guards[0].Policy != noRoles {
			t.Errorf("%+v, %v", out, err)
		}
		if _, err := own.DeleteGuard(t.Context(), &sdk.DeleteGuardInput{Account: account}); err != nil {
			t.Fatal(err)
		}
		if err := list(bob); err != nil {
			t.Errorf("no longer guarded: %v", err)
		}
	}
	for name, err := range map[string]error{
		"NoSuchEntity":            second(own.DeleteGuard(t.Context(), &sdk.DeleteGuardInput{})),
		"MalformedPolicyDocument": second(own.PutGuard(t.Context(), &sdk.PutGuardInput{Policy: "{"})),
	} {
		if code(err) != name {
			t.Errorf("%v, want %s", err, name)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// TestOnlyTheOperator: neither a user without permission nor another account, whatever its policies.
func TestOnlyTheOperator(t *testing.T) {
	for account, who := range map[string]string{accesstest.Account: "", "111122223333": everything} {
		r, _ := rig(t, account)
		own := sdk.NewFromConfig(r.User(t, "bob", who))
		for name, err := range map[string]error{
			"put":    second(own.PutGuard(t.Context(), &sdk.PutGuardInput{Policy: everything})),
			"delete": second(own.DeleteGuard(t.Context(), &sdk.DeleteGuardInput{})),
			"list":   second(own.ListGuards(t.Context(), &sdk.ListGuardsInput{})),
			"ask":    second(own.DescribeRequest(t.Context(), &sdk.DescribeRequestInput{RequestId: "x"})),
		} {
			if code(err) != "AccessDeniedException" {
				t.Errorf("%s: %s: %v", account, name, err)
			}
		}
	}
}

// TestDescribeRequest: the whole reasoning behind a refusal is read back by the id that its answer carried.
func TestDescribeRequest(t *testing.T) {
	r, _ := rig(t, accesstest.Account)
	_, err := sdkiam.NewFromConfig(r.User(t, "bob", noRoles)).ListRoles(t.Context(), nil)
	var refused *awshttp.ResponseError
	if !errors.As(err, &refused) {
		t.Fatal(err)
	}
	own := sdk.NewFromConfig(r.Root())
	out, err := own.DescribeRequest(
		t.Context(), &sdk.DescribeRequestInput{RequestId: refused.ServiceRequestID()},
	)
	if err != nil {
		t.Fatal(err)
	}
	q := out.Request
	if q.Operation != "ListRoles" || q.Status != 403 || q.Code != "AccessDenied" || q.SourceIp != "127.0.0.1" ||
		q.Principal != "arn:aws:iam::000000000000:user/bob" || len(q.Judged) != 1 {
		t.Fatalf("%+v", q)
	}
	j := q.Judged[0]
	if j.Action != "iam:ListRoles" || j.Allowed ||
		j.Decision != `explicit deny by statement 2 (NoRoles) of identity-based policy "own"` || len(j.Policies) != 1 {
		t.Fatalf("%+v", j)
	}
	p := j.Policies[0]
	if p.Kind != "identity-based policy" || p.Name != "own" || p.Total != 2 || len(p.Statements) != 2 ||
		p.Statements[1].Sid != "NoRoles" || p.Statements[1].Effect != "Deny" || !p.Statements[1].Applies ||
		!strings.Contains(p.Statements[1].Text, `"Sid":"NoRoles"`) {
		t.Errorf("%+v", p)
	}
	if len(j.Keys) != 1 || j.Keys[0].Name != "aws:securetransport" || j.Keys[0].Values[0] != "true" {
		t.Errorf("%+v", j.Keys)
	}
	_, err = own.DescribeRequest(t.Context(), &sdk.DescribeRequestInput{RequestId: "nobody's"})
	if code(err) != "ResourceNotFoundException" {
		t.Errorf("%v", err)
	}
}

// TestRequestsAreBounded: the oldest go, and before that the longest explanations of the oldest.
func TestRequestsAreBounded(t *testing.T) {
	r := new(postern.Requests)
	id := func(i int) string { return fmt.Sprint("request-", i) }
	for i := range postern.MaxRequests + 10 {
		long := &iam.Explanation{Keys: []iam.KeyValues{{Key: "k:k", Values: []string{strings.Repeat("v", 8192)}}}}
		r.Add(api.Record{
			RequestID: id(i), Judged: []api.Judgement{{Action: "a:B", Explanation: long}},
			Err: fault.New(fault.Internal, "x", "%s", strings.Repeat("e", 5000)),
		})
	}
	if _, ok := r.Find(id(9)); ok {
		t.Error("the oldest is still there")
	}
	old, ok := r.Find(id(10))
	if !ok || old.Judged[0].Action != "a:B" || old.Judged[0].Explanation != nil || len(old.Err.Error()) > 1024 {
		t.Errorf("an old one: %+v, %v", old, ok)
	}
	held := 0
	for i := range postern.MaxRequests + 10 {
		if rec, ok := r.Find(id(i)); ok && rec.Judged[0].Explanation != nil {
			held += 8192
		}
	}
	if latest, ok := r.Find(id(postern.MaxRequests + 9)); !ok || latest.Judged[0].Explanation == nil || held > 8<<20 ||
		held < 4<<20 {
		t.Errorf("the latest %v, %d bytes are held", ok, held)
	}
}
