package access_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdkiam "github.com/aws/aws-sdk-go-v2/service/iam"

	"postern/api/access/accesstest"
	"postern/network/vpc"
	"postern/services/identity"
)

// TestOrganizationKeys asks whether each key of organizations lets a signed call pass under the condition on its value,
// and keeps one out under the condition on another. Without an organization there is none.
func TestOrganizationKeys(t *testing.T) {
	r := accesstest.New(t)
	const id, path = "o-exampleorgid", "o-exampleorgid/r-ab12/ou-ab12-11111111/"
	origin := vpc.Origin{
		Endpoint: "vpce-1", Service: "com.amazonaws.us-east-1.iam", Region: "us-east-1", VPC: "vpc-1",
		Account: accesstest.Account, Source: netip.MustParseAddrPort("10.0.0.7:40000"),
	}
	r.Endpoints["vpce-1"] = nil
	for i, tt := range []struct {
		key, value, inside, outside string // the codes of calls through an endpoint of the account and from outside
	}{
		{"aws:PrincipalOrgID", id, "", ""},
		{"aws:PrincipalOrgPaths", path, "", ""},
		{"aws:ResourceOrgID", id, "", ""},
		{"aws:ResourceOrgPaths", path, "", ""},
		{"aws:VpceOrgID", id, "", "AccessDenied"},
		{"aws:VpceOrgPaths", path, "", "AccessDenied"},
		{"aws:VpceAccount", accesstest.Account, "", "AccessDenied"},
		{"aws:SourceOrgID", id, "AccessDenied", "AccessDenied"}, // of services' own calls
		{"aws:SourceOrgPaths", path, "AccessDenied", "AccessDenied"},
	} {
		operator := "StringEquals"
		if strings.HasSuffix(tt.key, "Paths") {
			operator = "ForAnyValue:StringEquals"
		}
		policy := func(value string) string {
			return `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:GetUser","Resource":"*",` +
				`"Condition":{"` + operator + `":{"` + tt.key + `":"` + value + `"}}}}`
		}
		name := "user" + string(rune('a'+i))
		put := func(value string) {
			t.Helper()
			h := identity.Holder{Account: accesstest.Account, Kind: identity.OfUser, Name: name}
			if err := r.Identities.PutInline(
				t.Context(), h, identity.Document{Name: "own", Text: policy(value)},
			); err != nil {
				t.Fatal(err)
			}
		}
		user := r.User(t, name, policy(tt.value))
		calls := func(what, organization, inside, outside string) {
			t.Helper()
			setOrganization(t, r, organization)
			for _, from := range []struct {
				origin *vpc.Origin
				want   string
			}{{&origin, inside}, {nil, outside}} {
				r.Origin.Store(from.origin)
				_, err := sdkiam.NewFromConfig(user).GetUser(t.Context(), &sdkiam.GetUserInput{UserName: aws.String(name)})
				r.Disconnect()
				if code(err) != from.want {
					t.Errorf("%s, %s, from %v: %v, want %q", tt.key, what, from.origin, err, from.want)
				}
			}
		}
		put(tt.value)
		calls("its value", path, tt.inside, tt.outside)
		if tt.key != "aws:VpceAccount" {
			calls("no organization", "none", "AccessDenied", "AccessDenied")
		}
		put("o-anotherorgid/r-ab12/")
		calls("another value", path, "AccessDenied", "AccessDenied")
	}
}

func setOrganization(t *testing.T, r *accesstest.Rig, text string) {
	t.Helper()
	o, err := identity.ParseOrganization(text)
	if err == nil {
		err = r.Identities.SetOrganization(t.Context(), o)
	}
	if err != nil {
		t.Fatal(err)
	}
}
