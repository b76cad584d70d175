package api_test

import (
	"strings"
	"testing"
)

const (
	mayNot  = "User: arn:aws:iam::000000000000:user/alice is not authorized to perform: "
	denyVPC = `{"Version":"2012-10-17","Statement":[{"Sid":"NoVpc","Effect":"Deny","Action":"ec2:CreateVpc",` +
		`"Resource":"*"},` +
		`{"Effect":"Allow","Action":"*","Resource":"*"}]}`
	silent = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"ssm:Other","Resource":"*"}}`
)

// onlyFrom returns a policy that allows everything on a condition.
func onlyFrom(condition string) string {
	return `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":` + condition +
		`}}`
}

// endpointOf makes a request come through the endpoint of a service.
func endpointOf(service string) func(*request) {
	return func(q *request) { q.origin = through(service) }
}

var (
	via         = with(cancel, endpointOf("ssm"))
	identityVia = with(identity, endpointOf("sts"))
	tokenVia    = with(register, endpointOf("ssm"))
)

// A decision is what the caller and the endpoint have for policies, a request, and what its refusal says; nothing: it
// is allowed.
type decision struct {
	name             string
	policy, endpoint string
	request
	want string
}

var identityDecisions = []decision{
	{
		"nothing allows", "", "", cancel,
		mayNot + "ssm:CancelCommand because no identity-based policy allows the ssm:CancelCommand action",
	},
	{
		"about nothing in particular", "", "", about,
		mayNot + "ssm:DeleteActivation because no identity-based policy allows the ssm:DeleteActivation " +
			"action",
	},
	{"explicit deny", denyVPC, "", create, "You are not authorized to perform this operation. " + mayNot +
		"ec2:CreateVpc on resource: arn:aws:ec2:us-east-1:000000000000:vpc/* with an explicit deny in an identity-based " +
		"policy"},
}

var endpointDecisions = []decision{
	{
		"endpoint silent", allowAll, silent, via,
		mayNot + "ssm:CancelCommand because no VPC endpoint policy allows the ssm:CancelCommand action",
	},
	{"endpoint silent for the unsigned", allowAll, silent, tokenVia,
		"User: anonymous is not authorized to perform: ssm:RegisterManagedInstance because no VPC endpoint " +
			"policy allows the ssm:RegisterManagedInstance action"},
	{"anyone", "", "", identity, ""},
	{"anyone through a silent endpoint", "", silent, identityVia,
		"User: arn:aws:iam::000000000000:user/alice is not authorized to perform: sts:GetCallerIdentity " +
			"because no VPC endpoint policy allows the sts:GetCallerIdentity action"},
}

var conditionDecisions = []decision{
	{
		"own endpoint",
		onlyFrom(
			`{"StringEquals":{"aws:SourceVpce":"vpce-1","aws:SourceVpc":"vpc-2"},` +
				`"IpAddress":{"aws:VpcSourceIp":"10.0.1.0/24"}}`,
		),
		"", via, "",
	},
	{"from outside", onlyFrom(`{"StringEquals":{"aws:SourceVpce":"vpce-1"}}`), "", cancel,
		mayNot + "ssm:CancelCommand because no identity-based policy allows the ssm:CancelCommand action"},
	{"by address", onlyFrom(`{"IpAddress":{"aws:SourceIp":"192.0.2.0/24"}}`), "", cancel, ""},
	{"by address through an endpoint", onlyFrom(`{"IpAddress":{"aws:SourceIp":"192.0.2.0/24"}}`), "", via,
		mayNot + "ssm:CancelCommand because no identity-based policy allows the ssm:CancelCommand action"},
	{"over TLS", onlyFrom(`{"Bool":{"aws:SecureTransport":"true"}}`), "", cancel, ""},
	{"region", onlyFrom(`{"StringEquals":{"aws:RequestedRegion":"us-east-1"}}`), "", cancel, ""},
}

func TestIdentityPoliciesDecide(t *testing.T) { decides(t, identityDecisions) }

func TestEndpointPoliciesDecide(t *testing.T) { decides(t, endpointDecisions) }

func TestConditionsDecide(t *testing.T) { decides(t, conditionDecisions) }

func decides(t *testing.T, cases []decision) {
	t.Helper()
	for _, row := range cases {
		r := newRig(t)
		r.policy, r.endpoint = row.policy, row.endpoint
		_, got := r.do(t, row.request)
		if row.want == "" && r.calls != 1 || row.want != "" && (!strings.Contains(got, row.want) || r.calls != 0) {
			t.Errorf("%s:\n got %s\nwant %s", row.name, got, row.want)
		}
		if len(r.records[0].Judged) == 0 {
			t.Errorf("%s: what decided is not recorded", row.name)
		}
	}
}

// The agent looks for this text to fall back to ec2messages.
func TestADeniedChannelSaysSoLiterally(t *testing.T) {
	r := newRig(t)
	r.policy = ""
	if status, got := r.do(t, channel); status != 403 || !strings.Contains(got, "<AccessDeniedException>") {
		t.Errorf("%d %s", status, got)
	}
}
