package network

import (
	"errors"
	"unicode/utf8"

	"postern/aws/fault"
	"postern/aws/iam"
	"postern/network/vpc"
)

// FullAccess is the policy that DescribeVpcEndpoints shows for an endpoint with none of its own.
const FullAccess = `{
  "Statement": [
    {
      "Action": "*",
      "Effect": "Allow",
      "Principal": "*",
      "Resource": "*"
    }
  ]
}`

// compile reads the endpoint's policy once, when its record enters a State. One that cannot be read is EndpointPolicy's
// error: the endpoint is there, and nothing passes it.
func (e *VpcEndpoint) compile() error {
	if e.Policy == "" || e.compiledFrom == e.Policy {
		return nil
	}
	e.compiled, e.policyErr = iam.Parse(policyKind(e.Kind), e.ID, e.Policy)
	e.compiledFrom = e.Policy
	return nil
}

// EndpointPolicy returns an endpoint's policy, compiled; nil is full access. An endpoint that is not there is an
// error, and so is a stored policy that cannot be read: nothing may then pass.
func (s *Service) EndpointPolicy(id string) (*iam.Policy, error) {
	e, ok := endpointKind.Get(s.State().Tables, id)
	if !ok {
		return nil, endpointKind.unknown(id)
	}
	if e.Policy == "" {
		return nil, nil
	}
	return e.compiled, e.policyErr
}

// policyKind returns the kind of the policies of endpoints: gateway endpoints read Principal in their own way.
func policyKind(k vpc.EndpointKind) iam.Kind {
	if k == vpc.GatewayEndpoint {
		return iam.GatewayEndpoint
	}
	return iam.Endpoint
}

// checkPolicy takes a policy that is empty or that the policy judge can judge. Endpoints to services of somebody's own
// have none.
func (p *plan) checkPolicy(service EndpointService, kind vpc.EndpointKind, text string) error {
	if text == "" {
		return nil
	}
	if service.Own != nil {
		return invalidParameter("The service %s does not support VPC endpoint policies.", service.Name)
	}
	if n := utf8.RuneCountInString(text); n > p.limits.PolicyCharacters {
		return overLimit("PolicyLimitExceeded", "The policy document has %d characters, more than %d", n,
			p.limits.PolicyCharacters)
	}
	_, err := iam.ParseNew(policyKind(kind), "", text)
	var at *iam.ParseError
	if errors.As(err, &at) {
		return refuse(fault.Invalid, "InvalidPolicyDocument",
			"The Policy Document is not valid. Syntax error at position (%d,%d): %s", at.Line, at.Column, at.What())
	}
	return err
}
