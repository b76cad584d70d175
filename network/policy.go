package network

import "postern/aws/iam"

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
	e.compiled, e.policyErr = iam.Parse(iam.Endpoint, e.ID, e.Policy)
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
