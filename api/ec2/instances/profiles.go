package instances

import (
	"context"
	"iter"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/ec2/internal/query"
	"postern/aws/fault"
	sdk "postern/aws/service/ec2"
	"postern/aws/service/ec2/types"
	"postern/services/compute"
)

// An instance has one instance profile at the most, so an association's id is its instance's with another prefix.
const associationPrefix = "iip-assoc-"

func associationID(i compute.Instance) string { return associationPrefix + i.ID[len("i-"):] }

func toProfileAssociation(i compute.Instance, state types.IamInstanceProfileAssociationState) types.IamInstanceProfileAssociation {
	return types.IamInstanceProfileAssociation{
		AssociationId: aws.String(associationID(i)), InstanceId: aws.String(i.ID), State: state,
		IamInstanceProfile: &types.IamInstanceProfile{Arn: aws.String(i.Profile.ARN), Id: aws.String(i.Profile.ID)},
	}
}

// associated finds the instance of an association.
func (s *service) associated(c *api.Call, id string) (compute.Instance, error) {
	digits, ok := strings.CutPrefix(id, associationPrefix)
	if ok {
		if i, err := s.instance(c, "i-"+digits); err == nil && i.Profile.ARN != "" {
			return i, nil
		}
	}
	return compute.Instance{}, fault.New(fault.NotFound, "ec2", "An invalid association-id of '%s' was given", id).WithCode("InvalidAssociationID.NotFound")
}

func (s *service) describeProfileAssociations(_ context.Context, c *api.Call, in *sdk.DescribeIamInstanceProfileAssociationsInput) (*sdk.DescribeIamInstanceProfileAssociationsOutput, error) {
	list := query.Listing[compute.Instance]{
		ID: associationID,
		All: func(*query.View) iter.Seq[compute.Instance] {
			return slices.Values(slices.DeleteFunc(s.compute.Instances(instanceScope(c)), func(i compute.Instance) bool {
				return i.Profile.ARN == "" || i.State == compute.Terminated
			}))
		},
		Get: func(_ *query.View, id string) (compute.Instance, error) { return s.associated(c, id) },
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

func (s *service) associateProfile(ctx context.Context, c *api.Call, in *sdk.AssociateIamInstanceProfileInput) (*sdk.AssociateIamInstanceProfileOutput, error) {
	i, err := s.instance(c, aws.ToString(in.InstanceId))
	if err != nil {
		return nil, err
	}
	if i.Profile.ARN != "" {
		return nil, fault.New(fault.Conflict, "ec2", "There is an existing association for instance %s", i.ID).WithCode("IncorrectState")
	}
	if i, err = s.setProfile(ctx, c, i, in.IamInstanceProfile); err != nil {
		return nil, err
	}
	out := toProfileAssociation(i, types.IamInstanceProfileAssociationStateAssociated)
	return &sdk.AssociateIamInstanceProfileOutput{IamInstanceProfileAssociation: &out}, nil
}

func (s *service) replaceProfile(ctx context.Context, c *api.Call, in *sdk.ReplaceIamInstanceProfileAssociationInput) (*sdk.ReplaceIamInstanceProfileAssociationOutput, error) {
	i, err := s.associated(c, aws.ToString(in.AssociationId))
	if err != nil {
		return nil, err
	}
	if i, err = s.setProfile(ctx, c, i, in.IamInstanceProfile); err != nil {
		return nil, err
	}
	out := toProfileAssociation(i, types.IamInstanceProfileAssociationStateAssociated)
	return &sdk.ReplaceIamInstanceProfileAssociationOutput{IamInstanceProfileAssociation: &out}, nil
}

func (s *service) setProfile(ctx context.Context, c *api.Call, i compute.Instance, spec *types.IamInstanceProfileSpecification) (compute.Instance, error) {
	if spec == nil {
		return i, query.Required("iamInstanceProfile")
	}
	p, err := s.profile(ctx, c, aws.ToString(spec.Name), aws.ToString(spec.Arn))
	if err != nil {
		return i, err
	}
	return s.compute.Modify(ctx, instanceScope(c), i.ID, compute.Modification{Profile: &p})
}

func (s *service) disassociateProfile(ctx context.Context, c *api.Call, in *sdk.DisassociateIamInstanceProfileInput) (*sdk.DisassociateIamInstanceProfileOutput, error) {
	i, err := s.associated(c, aws.ToString(in.AssociationId))
	if err != nil {
		return nil, err
	}
	out := toProfileAssociation(i, types.IamInstanceProfileAssociationStateDisassociating)
	if _, err := s.compute.Modify(ctx, instanceScope(c), i.ID, compute.Modification{Profile: new(compute.Profile)}); err != nil {
		return nil, err
	}
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
	digits, ok := strings.CutPrefix(aws.ToString(id), associationPrefix)
	if !ok {
		return nil
	}
	return query.Names("instance", "i-"+digits)
}
