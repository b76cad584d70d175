package ssm

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/aws/arn"
	"postern/aws/fault"
	"postern/aws/scope"
	"postern/aws/service/ssm/types"
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

// Config is what the Systems Manager API speaks for.
type Config struct {
	Commands  *command.Service
	Nodes     *node.Service
	Documents *library.Service
	// Parameters are Parameter Store.
	Parameters *parameter.Service
	Channels   Channels
	// Roles is where the roles are found that activations and settings name; nil takes what they say for a role's name.
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
		commands: c.Commands, nodes: c.Nodes, documents: c.Documents, channels: c.Channels, roles: c.Roles, places: c.Places, registered: c.Registered,
		parameters: c.Parameters,
	}
	return api.Service{
		Name: "ssm", Protocol: wire.JSON, TargetPrefix: "AmazonSSM",
		Known:      slices.Concat(wire.Operations("ssm"), private),
		Operations: s.operations(),
	}
}

func scopeOf(c *api.Call) scope.Scope { return scope.Scope{Account: c.Account, Region: c.Region} }

// nodeARN names a node as policies do: instances are EC2's, the others Systems Manager's.
func nodeARN(c *api.Call, id string) string {
	if strings.HasPrefix(id, "mi-") {
		return arn.New("ssm", c.Region, c.Account, "managed-instance/"+id).String()
	}
	return arn.New("ec2", c.Region, c.Account, "instance/"+id).String()
}

// documentARN names a document as policies do, by whichever of its names a request asks for it; those of the service
// have no account. The ARN of something that is not in this account and region stays as it is.
func documentARN(c *api.Call, name string) string {
	if strings.HasPrefix(name, "arn:") {
		a, err := arn.Parse(name)
		if err != nil || a.Region != c.Region || a.Account != "" && a.Account != c.Account {
			return name
		}
		name = a.ID()
	}
	account := c.Account
	if strings.HasPrefix(name, "AWS-") || strings.HasPrefix(name, "AmazonCloudWatch-") {
		account = ""
	}
	return arn.New("ssm", c.Region, account, "document/"+name).String()
}

// aboutNode declares an operation that is about one node.
func aboutNode[In any](id func(*In) *string) api.Resources {
	return api.Lookup(func(c *api.Call, in *In) []string { return []string{nodeARN(c, aws.ToString(id(in)))} })
}

// aboutDocument declares an operation that is about one document.
func aboutDocument[In any](name func(*In) *string) api.Resources {
	return api.Lookup(func(c *api.Call, in *In) []string { return []string{documentARN(c, aws.ToString(name(in)))} })
}

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

func fromTags(tags []types.Tag) (map[string]string, error) {
	out := make(map[string]string, len(tags))
	for _, t := range tags {
		key := aws.ToString(t.Key)
		if _, twice := out[key]; twice {
			return nil, invalid("ValidationException", "tag key %q stands twice", key)
		}
		out[key] = aws.ToString(t.Value)
	}
	return out, nil
}

func toTags(tags map[string]string) []types.Tag {
	var out []types.Tag
	for k, v := range tags {
		out = append(out, types.Tag{Key: aws.String(k), Value: aws.String(v)})
	}
	slices.SortFunc(out, func(a, b types.Tag) int { return strings.Compare(*a.Key, *b.Key) })
	return out
}
