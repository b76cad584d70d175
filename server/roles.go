package server

import (
	"context"

	"postern/aws/arn"
	"postern/aws/fault"
	"postern/aws/scope"
	"postern/services/identity"
	"postern/ssm/node"
)

// ssmService is who assumes the roles of managed nodes.
const ssmService = "ssm.amazonaws.com"

// roles issues nodes' credentials.
type roles struct{ identity *identity.Service }

var _ node.Roles = roles{}

// session is a node's session of a role. Its source is what trust policies name in aws:SourceArn, as the user guide has
// them do: arn:aws:ssm:REGION:ACCOUNT:*.
func session(scope scope.Scope, role, id string) identity.ServiceSession {
	return identity.ServiceSession{
		Account: scope.Account, Role: role, Service: ssmService, IssuedTo: id,
		Source: arn.New("ssm", scope.Region, scope.Account, "managed-instance/"+id).String(),
	}
}

// CheckRole implements node.Roles.
func (r roles) CheckRole(_ context.Context, scope scope.Scope, role string) error {
	err := r.identity.CheckServiceRole(session(scope, role, "mi-00000000000000000"))
	if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Denied) {
		return fault.New(fault.Invalid, "server.CheckRole", "Nonexistent role or missing ssm service principal in trust policy: %s (%w)", role, err).
			WithCode("ValidationException")
	}
	return err
}

// NodeSession implements node.Roles.
func (r roles) NodeSession(ctx context.Context, s node.Session) (node.Credentials, error) {
	wanted := session(s.Scope, s.Role, s.Node)
	wanted.Duration = s.Duration
	assumed, err := r.identity.AssumeForService(ctx, wanted)
	if err != nil {
		return node.Credentials{}, err
	}
	return node.Credentials{
		AccessKeyID: assumed.AccessKey, SecretAccessKey: assumed.Secret, SessionToken: assumed.Token, Expires: assumed.Expires,
	}, nil
}
