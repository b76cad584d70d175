package api_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"postern/api"
	awsiam "postern/aws/iam"
)

// owned are resources whose ARNs name nobody; their policies and owners are the service's to tell.
type owned struct {
	policy  string
	owner   string
	decides bool
}

func (o owned) ResourcePolicy(string) (*awsiam.Policy, string, bool) {
	if o.policy == "" {
		return nil, o.owner, o.decides
	}
	p, err := awsiam.Parse(awsiam.Resource, "bucket", o.policy)
	if err != nil {
		p = &awsiam.Policy{Kind: awsiam.Resource}
	}
	return p, o.owner, o.decides
}

// TestResourcePolicies: whose a resource is, its service says, and with it whether one policy is enough.
func TestResourcePolicies(t *testing.T) {
	const other = "111122223333"
	statement := func(effect, principal string) string {
		return `{"Statement":{"Effect":"` + effect + `","Principal":` + principal + `,"Action":"*","Resource":"*"}}`
	}
	everybody, here := statement("Allow", `"*"`), statement("Allow", `{"AWS":"`+account+`"}`)
	mine := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":` +
		`{"StringEquals":{"aws:ResourceAccount":"` + other + `"}}}}`
	for _, tt := range []struct {
		name   string
		policy string // of the caller
		owned
		refused string
	}{
		{"my own, by my policy", allowAll, owned{"", account, false}, ""},
		{"my own, by its policy", "", owned{everybody, account, false}, ""},
		{"my own, its policy names my account only", "", owned{here, account, false}, "no identity-based policy"},
		{"my own, by nothing", "", owned{"", account, false}, "no identity-based policy"},
		{"my own, denied", allowAll, owned{statement("Deny", `"*"`), account, false}, "explicit deny in a resource-based"},
		{"nobody's", allowAll, owned{"", "", false}, ""},
		{"another's, by my policy", allowAll, owned{"", other, false}, "no resource-based policy"},
		{"another's, by its policy", "", owned{everybody, other, false}, "no identity-based policy"},
		{"another's, by both", allowAll, owned{here, other, false}, ""},
		{"another's by its key", mine, owned{here, other, false}, ""},
		{"not another's by its key", mine, owned{"", account, false}, "no identity-based policy"},
		{"decides, and is silent", allowAll, owned{"", account, true}, "no resource-based policy"},
		{"decides, and names my account", allowAll, owned{here, account, true}, ""},
		{"cannot be read", "", owned{"{", account, true}, "no resource-based policy"},
	} {
		r := newRig(t)
		r.policy = tt.policy
		services := r.services()
		services[0].ResourcePolicies = tt.owned
		services[0].Operations[0] = api.Op(
			"CancelCommand", api.Lookup(func(*api.Call, *ssm.CancelCommandInput) []string { return []string{"arn:aws:s3:::b"} }),
			reached[ssm.CancelCommandInput, ssm.CancelCommandOutput](r, nil), api.All,
		)
		var err error
		if r.Handler, err = api.New(api.Config{
			Services: services, Region: "us-east-1", Identities: r, Guards: r, Now: r.clock,
		}); err != nil {
			t.Fatal(err)
		}
		_, got := r.do(t, cancel)
		if tt.refused == "" && r.calls != 1 || tt.refused != "" && (!strings.Contains(got, tt.refused) || r.calls != 0) {
			t.Errorf("%s: %s, want %q", tt.name, got, tt.refused)
		}
	}
}

func TestResourcePoliciesHaveOneTeller(t *testing.T) {
	r := newRig(t)
	services := r.services()
	for _, i := range []int{0, 1} {
		services[i].ActionPrefix, services[i].ResourcePolicies = "ssm", owned{}
	}
	if _, err := api.New(api.Config{Services: services, Identities: r, Now: r.clock}); err == nil ||
		!strings.Contains(err.Error(), "two services tell of the policies of ssm's resources") {
		t.Errorf("%v", err)
	}
}
