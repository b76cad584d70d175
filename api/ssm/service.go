package ssm

import (
	"context"
	"slices"

	"postern/api"
	"postern/aws/arn"
	"postern/aws/fault"
	"postern/aws/scope"
	"postern/aws/wire"
	"postern/network/vpc"
	"postern/services/identity"
	"postern/ssm/command"
	"postern/ssm/document/library"
	"postern/ssm/node"
	"postern/ssm/parameter"
)

// Channels knows which nodes have a control channel; mailbox.Mailbox does.
type Channels interface {
	Connected(node string) bool
}

// Roles finds a role by any of its names; the identity service is one.
type Roles interface {
	RoleNamed(account, name string) (identity.Role, error)
}

// Config names the services behind the Systems Manager API.
type Config struct {
	Commands  *command.Service
	Nodes     *node.Service
	Documents *library.Service
	// Parameters are Parameter Store.
	Parameters *parameter.Service
	Channels   Channels
	// Roles finds the roles that activations and settings name; nil takes what they say for a role's name.
	Roles Roles
	// Places finds where activations let machines into the private network; nil lets none in.
	Places Places
	// Registered is told which node a machine has become, and where its request came from; nil tells nobody.
	Registered func(ctx context.Context, from vpc.Origin, node string) error
}

// Places finds where an activation with these tags lets machines in: nil where nothing says it.
type Places interface {
	Place(scope scope.Scope, tags map[string]string) (*node.Place, error)
}

type service struct {
	places    Places
	commands  *command.Service
	nodes     *node.Service
	documents *library.Service
	channels  Channels
	roles     Roles

	parameters *parameter.Service

	registered func(ctx context.Context, from vpc.Origin, node string) error
}

// private are the operations that agents call and that no public model has.
var private = []string{
	"GetManifest", "ListInstanceAssociations", "PutConfigurePackageResult", "RegisterManagedInstance",
	"RequestManagedInstanceRoleToken", "UpdateInstanceAssociationStatus", "UpdateInstanceInformation",
	"UpdateManagedInstancePublicKey",
}

// New makes the Systems Manager API's service with its table of operations.
func New(c Config) api.Service {
	s := &service{
		commands: c.Commands, nodes: c.Nodes, documents: c.Documents, channels: c.Channels, roles: c.Roles, places: c.Places,
		registered: c.Registered,
		parameters: c.Parameters,
	}
	return api.Service{
		Name: "ssm", Protocol: wire.JSON, TargetPrefix: "AmazonSSM",
		Known:         slices.Concat(wire.Operations("ssm"), private),
		TokenCode:     "InvalidNextToken",
		ResourceTypes: s.resourceTypes(),
		AnyResource:   func(c *api.Call) string { return arn.New("ssm", c.Region, c.Account, "*").String() },
		ConditionKeys: conditionKeys,
		AbsentKeys:    absentKeys,
		TagFamily:     "ssm:resourceTag/",
		Operations:    s.operations(),
	}
}

// pageSize is how many rows a page has where the request does not say: the most that the model allows.
const pageSize = 50

func scopeOf(c *api.Call) scope.Scope { return scope.Scope{Account: c.Account, Region: c.Region} }

func invalid(code, format string, args ...any) error {
	return fault.New(fault.Invalid, "ssm", format, args...).WithCode(code)
}

// text is a pointer to s, and nil for an empty one.
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
