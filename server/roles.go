package server

import (
	"context"

	"postern/ssm/node"
	"postern/support/identity"
)

// ssmService is who assumes the roles of managed nodes.
const ssmService = "ssm.amazonaws.com"

// roles issues nodes' credentials.
type roles struct{ identity *identity.Service }

var _ node.Roles = roles{}

// CheckRole implements node.Roles.
func (r roles) CheckRole(_ context.Context, account, role string) error {
	return r.identity.CheckServiceRole(identity.ServiceSession{Account: account, Role: role, Service: ssmService})
}

// NodeSession implements node.Roles.
func (r roles) NodeSession(ctx context.Context, s node.Session) (node.Credentials, error) {
	assumed, err := r.identity.AssumeForService(ctx, identity.ServiceSession{
		Account: s.Account, Role: s.Role, Service: ssmService, IssuedTo: s.Node, Duration: s.Duration,
	})
	if err != nil {
		return node.Credentials{}, err
	}
	return node.Credentials{
		AccessKeyID: assumed.AccessKey, SecretAccessKey: assumed.Secret, SessionToken: assumed.Token, Expires: assumed.Expires,
	}, nil
}
