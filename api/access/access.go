// Package access is what the pipeline knows of who may do what: it finds the keys that sign requests and the policies
// that bear on them, in identities, managed nodes and VPC endpoints. It decides nothing: the judge is aws/iam.
package access

import (
	"context"
	"crypto/rsa"

	"postern/api"
	"postern/aws/fault"
	"postern/aws/iam"
	"postern/aws/scope"
	"postern/services/identity"
)

// Endpoints knows the policies of VPC endpoints; nil is full access.
type Endpoints interface {
	EndpointPolicy(id string) (*iam.Policy, error)
}

// Nodes knows the public keys of managed nodes. A node that is not there, or has no key, is a NotFound fault.
type Nodes interface {
	Keys(ctx context.Context, node string) (scope.Scope, []*rsa.PublicKey, error)
}

// Access answers api.Identities and api.Guards.
type Access struct {
	Identities *identity.Service
	Endpoints  Endpoints
	Nodes      Nodes
}

var (
	_ api.Identities = Access{}
	_ api.Guards     = Access{}

	_ api.Organizations = Access{}
)

// AccessKey implements api.Identities.
func (a Access) AccessKey(_ context.Context, id, token string) (api.Key, error) {
	c, err := a.Identities.Lookup(id, token)
	if err != nil {
		return api.Key{}, err
	}
	return api.Key{
		Secret: c.Secret, Expires: c.Expires, IssuedTo: c.IssuedTo, Principal: &c.Principal, Policies: &c.Policies,
	}, nil
}

// NodeKeys implements api.Identities.
func (a Access) NodeKeys(ctx context.Context, node string) (api.NodeKeys, error) {
	scope, keys, err := a.Nodes.Keys(ctx, node)
	return api.NodeKeys{Account: scope.Account, Region: scope.Region, Keys: keys}, err
}

// Guard implements api.Guards: it adds the endpoint's policy, and refuses what the sessions of users cannot do whatever
// policies say.
func (a Access) Guard(_ context.Context, q api.Question, p *iam.Policies) error {
	if err := checkSession(q.Call); err != nil {
		return err
	}
	if q.Via == "" {
		p.Endpoint = a.endpointPolicy(q.Call.Origin.Endpoint)
	}
	return nil
}

// Organization implements api.Organizations.
func (a Access) Organization(account string) (id, path string) {
	o := a.Identities.OrganizationOf(account)
	return o.ID, o.Path
}

// endpointPolicy is the policy of the endpoint that a request came through, nil for full access. What cannot be found
// or read lets nothing pass: the endpoint may have been deleted a moment ago.
func (a Access) endpointPolicy(id string) *iam.Policy {
	if id == "" {
		return nil
	}
	p, err := a.Endpoints.EndpointPolicy(id)
	if err != nil {
		return &iam.Policy{Name: id, Kind: iam.Endpoint}
	}
	return p
}

// checkSession refuses what the temporary credentials of a user cannot do (IAM User Guide, "Compare AWS STS
// credentials"): they call nothing of IAM, and of STS a session of GetSessionToken AssumeRole and GetCallerIdentity
// alone, one of GetFederationToken the latter.
func checkSession(c *api.Call) error {
	who := c.Caller.IAM
	if who == nil || who.Issued.IsZero() || c.Service == nil || c.Operation == nil {
		return nil
	}
	federated := who.Kind == iam.FederatedUser
	if !federated && who.Kind != iam.User && who.Kind != iam.Root {
		return nil
	}
	switch c.Service.Name {
	case "iam":
		return fault.New(fault.Unauthenticated, "access.Guard", "The security token included in the request is invalid").
			WithCode("InvalidClientTokenId")
	case "sts":
		switch name := c.Operation.Name; {
		case name == "GetCallerIdentity", name == "AssumeRole" && !federated:
		default:
			return fault.New(fault.Denied, "access.Guard", "Cannot call %s with session credentials", name).
				WithCode("AccessDenied")
		}
	}
	return nil
}
