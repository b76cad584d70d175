package access_test

import (
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdkiam "github.com/aws/aws-sdk-go-v2/service/iam"
	sdksts "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"postern/api"
	"postern/api/access"
	"postern/api/access/accesstest"
	"postern/api/apitest"
	"postern/aws/fault"
	"postern/aws/iam"
	"postern/network/vpc"
)

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

func endpointPolicy(t *testing.T, text string) *iam.Policy {
	t.Helper()
	p, err := iam.Parse(iam.Endpoint, "vpce-1", text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestEndpointPolicyIsAsked(t *testing.T) {
	const all = `{"Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}}`
	r := accesstest.New(t)
	for _, tt := range []struct {
		name     string
		endpoint string // of the origin
		policy   string // "" is full access
		role     string // what calling iam:ListRoles gives
		who      string // what calling sts:GetCallerIdentity gives
	}{
		{"from outside", "", "", "", ""},
		{"full access", "vpce-1", "", "", ""},
		{"open", "vpce-1", all, "", ""},
		{"one action", "vpce-1", strings.Replace(all, `"Action":"*"`, `"Action":"sts:*"`, 1), "AccessDenied", ""},
		{
			"another account", "vpce-1", strings.Replace(all, `"Principal":"*"`, `"Principal":{"AWS":"123456789012"}`, 1),
			"AccessDenied", "AccessDenied",
		},
		{
			"this endpoint", "vpce-1",
			strings.Replace(all, `"*"}}`, `"*","Condition":{"StringEquals":{"aws:SourceVpce":"vpce-1"}}}}`, 1), "", "",
		},
		{
			"another endpoint", "vpce-1",
			strings.Replace(all, `"*"}}`, `"*","Condition":{"StringEquals":{"aws:SourceVpce":"vpce-2"}}}}`, 1), "AccessDenied",
			"AccessDenied",
		},
		{"gone", "vpce-gone", "", "AccessDenied", "AccessDenied"},
	} {
		r.Endpoints["vpce-1"] = nil
		if tt.policy != "" {
			r.Endpoints["vpce-1"] = endpointPolicy(t, tt.policy)
		}
		ask := func(service string, call func(aws.Config) error, want string) {
			t.Helper()
			r.Origin.Store(nil)
			if tt.endpoint != "" {
				r.Origin.Store(
					&vpc.Origin{
						Endpoint: tt.endpoint, Service: "com.amazonaws.us-east-1." + service, Region: "us-east-1",
						Account: accesstest.Account,
					},
				)
			}
			cfg := r.Root()
			defer r.Disconnect()
			if err := call(cfg); code(err) != want {
				t.Errorf("%s: %s: %v, want %q", tt.name, service, err, want)
			}
		}
		ask("iam", func(cfg aws.Config) error {
			_, err := sdkiam.NewFromConfig(cfg).ListRoles(t.Context(), nil)
			return err
		}, tt.role)
		ask("sts", func(cfg aws.Config) error {
			_, err := sdksts.NewFromConfig(cfg).GetCallerIdentity(t.Context(), nil)
			return err
		}, tt.who)
	}
}

func TestGuard(t *testing.T) {
	r := accesstest.New(t)
	apitest.Guard(t, r.Handler, r.Stranger(t), time.Now())
}

func TestKeys(t *testing.T) {
	r := accesstest.New(t)
	a := access.Access{Identities: r.Identities, Endpoints: r, Nodes: r}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	r.Nodes["mi-1"] = &key.PublicKey
	found, err := a.NodeKeys(t.Context(), "mi-1")
	if err != nil || found.Account != accesstest.Account || found.Region != "us-east-1" ||
		!found.Keys[0].Equal(&key.PublicKey) {
		t.Errorf("%+v, %v", found, err)
	}
	if _, err := a.NodeKeys(t.Context(), "mi-2"); !fault.Is(err, fault.NotFound) {
		t.Errorf("a node that is not there: %v", err)
	}
	if _, err := a.AccessKey(t.Context(), "AKIANOBODY", ""); !fault.Is(err, fault.NotFound) {
		t.Errorf("a key that is not there: %v", err)
	}
	var p iam.Policies
	if err := a.Guard(
		t.Context(), api.Question{Call: &api.Call{}, Action: "ssm:SendCommand", Resource: "*"}, &p,
	); err != nil || p.Resource != nil || p.Endpoint != nil {
		t.Errorf("%+v, %v", p, err)
	}
}
