package server

import (
	"context"

	"postern/aws/arn"
	"postern/aws/fault"
	"postern/aws/scope"
	"postern/network/link"
	"postern/services/identity"
	"postern/ssm/node"
)

// nodesModule is managed nodes and activations.
type nodesModule struct {
	config   *Config
	state    *stateModule
	identity *identityModule
	// compute is opened later: it is asked about instances when a command looks for its targets.
	compute *computeModule

	*node.Service
}

func (m *nodesModule) module() module { return module{name: "nodes", open: m.open} }

func (m *nodesModule) open(context.Context) error {
	m.Service = node.New(node.Config{
		Records:      m.state.Set("ssm"),
		Roles:        nodeRoles{m.identity.Service},
		ReturnWindow: m.config.ReturnWindow,
		Now:          m.config.Now,
		JoinKey:      func(activation, code string) ([]byte, error) { return link.DeriveJoinKey(activation, code), nil },
		InstanceTags: m.instanceTags,
	})
	return nil
}

// instanceTags are the EC2 tags of instances, by which commands find their targets.
func (m *nodesModule) instanceTags(
	_ context.Context, scope scope.Scope, instances []string,
) (map[string]map[string]string, error) {
	tags := make(map[string]map[string]string, len(instances))
	for _, id := range instances {
		// A node whose instance has just gone has no tags.
		if i, err := m.compute.Instance(scope, id); err == nil {
			tags[id] = i.Tags
		}
	}
	return tags, nil
}

// ssmService is the principal that assumes the roles of managed nodes.
const ssmService = "ssm.amazonaws.com"

// nodeRoles issues nodes' credentials.
type nodeRoles struct{ identity *identity.Service }

var _ node.Roles = nodeRoles{}

// session is a node's session of a role. Its source is what trust policies name in aws:SourceArn, as the user guide has
// them do: arn:aws:ssm:REGION:ACCOUNT:*.
func session(scope scope.Scope, role, id string) identity.ServiceSession {
	return identity.ServiceSession{
		Account: scope.Account, Role: role, Service: ssmService, IssuedTo: id,
		Source: arn.New("ssm", scope.Region, scope.Account, "managed-instance/"+id).String(),
	}
}

// CheckRole implements node.Roles.
func (r nodeRoles) CheckRole(_ context.Context, scope scope.Scope, role string) error {
	err := r.identity.CheckServiceRole(session(scope, role, "mi-00000000000000000"))
	if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Denied) {
		return fault.New(fault.Invalid, "server.CheckRole",
			"Nonexistent role or missing ssm service principal in trust policy: %s (%w)", role, err).
			WithCode("ValidationException")
	}
	return err
}

// NodeSession implements node.Roles.
func (r nodeRoles) NodeSession(ctx context.Context, s node.Session) (node.Credentials, error) {
	wanted := session(s.Scope, s.Role, s.Node)
	wanted.Duration = s.Duration
	assumed, err := r.identity.AssumeForService(ctx, wanted)
	if err != nil {
		return node.Credentials{}, err
	}
	return node.Credentials{
		AccessKeyID: assumed.AccessKey, SecretAccessKey: assumed.Secret, SessionToken: assumed.Token,
		Expires: assumed.Expires,
	}, nil
}
