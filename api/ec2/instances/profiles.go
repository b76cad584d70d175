package instances

import (
	"context"
	"iter"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/ec2/internal/query"
	sdk "postern/aws/service/ec2"
	"postern/aws/service/ec2/types"
	"postern/services/compute"
	"postern/services/instances"
)

func toProfileAssociation(
	i compute.Instance,
	state types.IamInstanceProfileAssociationState,
) types.IamInstanceProfileAssociation {
	return types.IamInstanceProfileAssociation{
		AssociationId: aws.String(instances.AssociationID(i)), InstanceId: aws.String(i.ID), State: state,
		IamInstanceProfile: &types.IamInstanceProfile{Arn: aws.String(i.Profile.ARN), Id: aws.String(i.Profile.ID)},
	}
}

func (s *service) describeProfileAssociations(
	_ context.Context,
	c *api.Call,
	in *sdk.DescribeIamInstanceProfileAssociationsInput,
) (*sdk.DescribeIamInstanceProfileAssociationsOutput, error) {
	list := query.Listing[compute.Instance]{
		ID: instances.AssociationID,
		All: func(*query.View) iter.Seq[compute.Instance] {
			return slices.Values(slices.DeleteFunc(s.compute.Instances(query.ScopeOf(c)), func(i compute.Instance) bool {
				return i.Profile.ARN == "" || i.State == compute.Terminated
			}))
		},
		Get: func(v *query.View, id string) (compute.Instance, error) { return s.instances.Associated(v.Scope, id) },
		Filters: map[string]query.Test[compute.Instance]{
			"instance-id": query.Text(func(i compute.Instance) string { return i.ID }),
			"state":       query.Always[compute.Instance]("associated"),
		},
	}
	found, next, err := query.Describe(s.view(c), in, list, in.AssociationIds, in.Filters)
	return &sdk.DescribeIamInstanceProfileAssociationsOutput{
		NextToken: next,
		IamInstanceProfileAssociations: query.Convert(found, func(i compute.Instance) types.IamInstanceProfileAssociation {
			return toProfileAssociation(i, types.IamInstanceProfileAssociationStateAssociated)
		}),
	}, err
}

func (s *service) associateProfile(
	ctx context.Context, c *api.Call, in *sdk.AssociateIamInstanceProfileInput,
) (*sdk.AssociateIamInstanceProfileOutput, error) {
	if _, err := s.instance(c, aws.ToString(in.InstanceId)); err != nil {
		return nil, err
	}
	p, err := s.specifiedProfile(ctx, c, *in.InstanceId, in.IamInstanceProfile)
	if err != nil {
		return nil, err
	}
	i, err := s.instances.Associate(ctx, query.ScopeOf(c), *in.InstanceId, p)
	if err != nil {
		return nil, err
	}
	out := toProfileAssociation(i, types.IamInstanceProfileAssociationStateAssociated)
	return &sdk.AssociateIamInstanceProfileOutput{IamInstanceProfileAssociation: &out}, nil
}

func (s *service) replaceProfile(
	ctx context.Context, c *api.Call, in *sdk.ReplaceIamInstanceProfileAssociationInput,
) (*sdk.ReplaceIamInstanceProfileAssociationOutput, error) {
	association := aws.ToString(in.AssociationId)
	was, err := s.instances.Associated(query.ScopeOf(c), association)
	if err != nil {
		return nil, err
	}
	p, err := s.specifiedProfile(ctx, c, was.ID, in.IamInstanceProfile)
	if err != nil {
		return nil, err
	}
	i, err := s.instances.Replace(ctx, query.ScopeOf(c), association, p)
	if err != nil {
		return nil, err
	}
	out := toProfileAssociation(i, types.IamInstanceProfileAssociationStateAssociated)
	return &sdk.ReplaceIamInstanceProfileAssociationOutput{IamInstanceProfileAssociation: &out}, nil
}

func (s *service) specifiedProfile(
	ctx context.Context, c *api.Call, instance string, spec *types.IamInstanceProfileSpecification,
) (compute.Profile, error) {
	if spec == nil {
		return compute.Profile{}, query.Required("iamInstanceProfile")
	}
	return s.profile(ctx, c, instance, aws.ToString(spec.Name), aws.ToString(spec.Arn))
}

func (s *service) disassociateProfile(
	ctx context.Context, c *api.Call, in *sdk.DisassociateIamInstanceProfileInput,
) (*sdk.DisassociateIamInstanceProfileOutput, error) {
	i, err := s.instances.Disassociate(ctx, query.ScopeOf(c), aws.ToString(in.AssociationId))
	if err != nil {
		return nil, err
	}
	out := toProfileAssociation(i, types.IamInstanceProfileAssociationStateDisassociating)
	return &sdk.DisassociateIamInstanceProfileOutput{IamInstanceProfileAssociation: &out}, nil
}

func replacedProfile(_ *api.Call, in *sdk.ReplaceIamInstanceProfileAssociationInput) []string {
	return instanceOfAssociation(in.AssociationId)
}

func disassociatedProfile(_ *api.Call, in *sdk.DisassociateIamInstanceProfileInput) []string {
	return instanceOfAssociation(in.AssociationId)
}

// instanceOfAssociation names the instance of an association.
func instanceOfAssociation(id *string) []string {
	return query.Names("instance", instances.InstanceOfAssociation(aws.ToString(id)))
}
