package doctor

import (
	"fmt"
	"strings"

	"postern/aws/arn"
	"postern/aws/iam"
)

// unsigned are the calls of a machine's agent that have no principal: with the first it registers, by the second it
// gets the role that all its others are made with.
var unsigned = []string{"ssm:RegisterManagedInstance", "ssm:RequestManagedInstanceRoleToken"}

// withoutPrincipal judges whether the endpoint's policy lets a machine's agent make the calls that have no principal.
func (a *assessment) withoutPrincipal() {
	if shortName(a.Service) != "ssm" || !strings.HasPrefix(a.From, "mi-") || !a.target.private {
		return
	}
	p, _ := a.policyOfEndpoint() // that it cannot be read is said where the role is judged
	if p == nil {
		return
	}
	keys := map[string][]string{
		"aws:SecureTransport": {"true"}, "aws:RequestedRegion": {a.facts.Region}, "aws:ViaAWSService": {"false"},
	}
	a.throughEndpoint(keys)
	known := judged(keys)
	for _, action := range unsigned {
		d := iam.Evaluate(&iam.Request{
			Principal: &iam.Principal{Kind: iam.Anonymous}, Action: action, Account: a.facts.Account, Time: a.facts.At,
			Resource: arn.New("ssm", a.facts.Region, a.facts.Account, "managed-instance/*").String(),
			Keys:     iam.KeyMap(keys),
			Judged:   func(key string) bool { return known(key) || strings.HasPrefix(key, "aws:principal") }, // there is none
		}, &iam.Policies{Endpoint: p, ResourceDecides: true})
		switch {
		case d.Allow || d.Reason != iam.EndpointSilent && d.Reason != iam.ExplicitDeny:
		case d.Unjudged != "":
			a.check("policy", Unknown, "whether the policy of %s lets a machine %s hangs on the condition key %s, which is "+
				"not known here", a.endpoint, action, d.Unjudged)
			return
		default:
			a.check("policy", Broken, "the policy of %s does not let a machine %s", a.endpoint, action)
			a.find(Finding{
				ID: "endpoint/no-principal", Resource: a.endpoint,
				Wrong: fmt.Sprintf("its policy does not let a machine %s: that call has no principal, so that no key of a "+
					"principal, such as aws:PrincipalOrgID, has a value (%s)", action, d),
				Remedy: "let the endpoint's policy allow " + strings.Join(unsigned, " and ") +
					" by a key that these calls have, such as ssm:NodeOrgId or aws:SourceVpc",
			})
			return
		}
	}
}
