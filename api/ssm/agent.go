package ssm

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/page"
	"postern/aws/fault"
	"postern/aws/service/ssm"
	"postern/aws/service/ssm/types"
	"postern/ssm/node"
)

// The shapes of what agents call and no public model has; they are the public agent's own.

type updateInstanceInformationInput struct {
	InstanceId           *string `wire:"required"`
	AgentName            *string
	AgentStatus          *string
	AgentVersion         *string
	AvailabilityZone     *string
	AvailabilityZoneId   *string
	ComputerName         *string
	IPAddress            *string
	PlatformName         *string
	PlatformType         *string
	PlatformVersion      *string
	SSMConnectionChannel *string
}

type registerManagedInstanceInput struct {
	ActivationCode *string
	ActivationId   *string
	Fingerprint    *string `wire:"required"`
	IamRole        *string
	PublicKey      *string `wire:"required"`
	PublicKeyType  *string
	Tags           []types.Tag
}

type registerManagedInstanceOutput struct{ InstanceId string }

type requestManagedInstanceRoleTokenInput struct {
	Fingerprint *string `wire:"required"`
}

type requestManagedInstanceRoleTokenOutput struct {
	AccessKeyId         string
	SecretAccessKey     string
	SessionToken        string
	TokenExpirationDate time.Time
	UpdateKeyPair       bool
}

type updateManagedInstancePublicKeyInput struct {
	NewPublicKey     *string `wire:"required"`
	NewPublicKeyType *string `wire:"required"`
}

type listInstanceAssociationsInput struct {
	InstanceId *string `wire:"required"`
	MaxResults *int32
	NextToken  *string
}

type instanceAssociation struct{ AssociationId string }

type listInstanceAssociationsOutput struct {
	Associations []instanceAssociation
	NextToken    *string
}

type empty struct{}

// itself refuses a caller that speaks for another node: its credentials must have been issued to the node it names.
func itself(c *api.Call, id string) error {
	if c.Caller.IssuedTo != id {
		return fault.New(fault.Denied, "ssm.itself",
			"User: %s is not authorized to perform: %s on behalf of %s, to which its credentials were not issued",
			c.Caller.Principal, c.Operation.Action, id)
	}
	return nil
}

func (s *service) updateInstanceInformation(
	ctx context.Context, c *api.Call, in *updateInstanceInformationInput,
) (*empty, error) {
	id := aws.ToString(in.InstanceId)
	if err := itself(c, id); err != nil {
		return nil, err
	}
	return nil, s.nodes.Ping(ctx, scopeOf(c), id, node.Information{
		AgentName: short(in.AgentName), AgentStatus: short(in.AgentStatus), AgentVersion: short(in.AgentVersion),
		AvailabilityZone: short(in.AvailabilityZone), AvailabilityZoneID: short(in.AvailabilityZoneId),
		ComputerName: short(in.ComputerName), IPAddress: short(in.IPAddress), PlatformName: short(in.PlatformName),
		PlatformType: short(in.PlatformType), PlatformVersion: short(in.PlatformVersion),
		ConnectionChannel: short(in.SSMConnectionChannel),
	}, c.Time)
}

// short bounds what an agent can have us keep of one text.
func short(s *string) string {
	text := aws.ToString(s)
	return strings.ToValidUTF8(text[:min(len(text), 255)], "")
}

func (s *service) registerManagedInstance(
	ctx context.Context, c *api.Call, in *registerManagedInstanceInput,
) (*registerManagedInstanceOutput, error) {
	r := node.Registration{
		Activation: aws.ToString(in.ActivationId), Code: aws.ToString(in.ActivationCode), Region: c.Region,
		PublicKey: aws.ToString(in.PublicKey), PublicKeyType: aws.ToString(in.PublicKeyType),
		Fingerprint: aws.ToString(in.Fingerprint),
	}
	if in.ActivationId == nil && !c.Caller.Anonymous() {
		return s.registerInstance(ctx, c, in, r)
	}
	id, err := s.nodes.Register(ctx, r, c.Time)
	if err == nil && s.registered != nil {
		err = s.registered(ctx, c.Origin, id)
	}
	return &registerManagedInstanceOutput{InstanceId: id}, err
}

// registerInstance takes an instance's key. Its signature proves that it is the instance.
func (s *service) registerInstance(
	ctx context.Context, c *api.Call, in *registerManagedInstanceInput, r node.Registration,
) (*registerManagedInstanceOutput, error) {
	if in.IamRole != nil || len(in.Tags) > 0 {
		return nil, fault.New(
			fault.NotImplemented, "ssm.registerManagedInstance",
			"Postern does not implement registration by IamRole; use an activation",
		)
	}
	id := c.Caller.IssuedTo
	if !node.IsInstance(id) {
		return nil, fault.New(
			fault.Denied, "ssm.registerManagedInstance", "only an instance may register without an activation, and %s is none",
			c.Caller.Principal,
		)
	}
	return &registerManagedInstanceOutput{InstanceId: id}, s.nodes.RegisterInstance(ctx, scopeOf(c), id, r, c.Time)
}

func proof(c *api.Call) node.Proof { return node.Proof{Node: c.Caller.Node, Key: c.Caller.NodeKey} }

func (s *service) requestManagedInstanceRoleToken(
	ctx context.Context, c *api.Call, in *requestManagedInstanceRoleTokenInput,
) (*requestManagedInstanceRoleTokenOutput, error) {
	t, err := s.nodes.RoleToken(ctx, proof(c), aws.ToString(in.Fingerprint), c.Time)
	if err != nil {
		return nil, err
	}
	return &requestManagedInstanceRoleTokenOutput{
		AccessKeyId: t.AccessKeyID, SecretAccessKey: t.SecretAccessKey, SessionToken: t.SessionToken,
		TokenExpirationDate: t.Expires, UpdateKeyPair: t.UpdateKeyPair,
	}, nil
}

func (s *service) updateManagedInstancePublicKey(
	ctx context.Context, c *api.Call, in *updateManagedInstancePublicKeyInput,
) (*empty, error) {
	return nil, s.nodes.ChangeKey(ctx, proof(c), aws.ToString(in.NewPublicKey), aws.ToString(in.NewPublicKeyType), c.Time)
}

// listInstanceAssociations lists none: Postern has no operation that makes an association.
func (s *service) listInstanceAssociations(
	_ context.Context, c *api.Call, in *listInstanceAssociationsInput,
) (*listInstanceAssociationsOutput, error) {
	if err := itself(c, aws.ToString(in.InstanceId)); err != nil {
		return nil, err
	}
	none, next, err := page.Of(
		c, in, pageSize, []instanceAssociation{}, func(a instanceAssociation) string { return a.AssociationId },
	)
	return &listInstanceAssociationsOutput{Associations: none, NextToken: next}, err
}

func (*service) listAssociations(
	_ context.Context, c *api.Call, in *ssm.ListAssociationsInput,
) (*ssm.ListAssociationsOutput, error) {
	none, next, err := page.Of(c, in, pageSize, []types.Association{}, func(types.Association) string { return "" })
	return &ssm.ListAssociationsOutput{Associations: none, NextToken: next}, err
}

func (s *service) describeAssociation(
	context.Context, *api.Call, *ssm.DescribeAssociationInput,
) (*ssm.DescribeAssociationOutput, error) {
	return nil, fault.New(
		fault.NotFound, "ssm.describeAssociation", "there is no association",
	).WithCode("AssociationDoesNotExist")
}
