package ssm

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/page"
	"postern/api/tags"
	"postern/aws/arn"
	"postern/aws/fault"
	"postern/aws/service/ssm"
	"postern/aws/service/ssm/types"
	"postern/ssm/node"
)

// principal is Systems Manager's in policies.
const principal = "ssm.amazonaws.com"

// passRole asks whether the caller may give a role to Systems Manager, for what has the ARN. A role has several names;
// policies know it by its ARN. Whether it is there at all is said after that.
func (s *service) passRole(ctx context.Context, c *api.Call, role, associated string) error {
	resource := arn.Global(c.Partition, "iam", c.Account, "role/"+role).String()
	if s.roles != nil {
		if found, err := s.roles.RoleNamed(c.Account, role); err == nil {
			resource = found.ARN()
		}
	}
	return c.PassRole(ctx, resource, principal, associated)
}

// place is where the activation's machines may join the private network. To say so is to put network interfaces there,
// and needs the permission for that. An activation that says nothing is for machines that come from elsewhere as well:
// it lets them in where only one subnet is, if the caller may, and nowhere if not.
func (s *service) place(ctx context.Context, c *api.Call, tags map[string]string) (*node.Place, error) {
	if s.places == nil {
		return nil, nil
	}
	said := tags[node.TagSubnet] != "" || tags[node.TagGroups] != ""
	place, err := s.places.Place(scopeOf(c), tags)
	if err != nil && said {
		return nil, fault.New(fault.Invalid, "ssm.place", "%w", err).WithCode("ValidationException")
	}
	if err != nil || place == nil {
		if said {
			return nil, invalid("ValidationException", "which subnet? Tag the activation %s=subnet-… beside %s",
				node.TagSubnet, node.TagGroups)
		}
		return nil, nil
	}
	resources := []string{"network-interface/*", "subnet/" + place.Subnet}
	for _, id := range place.Groups {
		resources = append(resources, "security-group/"+id)
	}
	for _, name := range resources {
		err := c.Forward(
			ctx, principal, "ec2:CreateNetworkInterface", arn.New("ec2", c.Region, c.Account, name).String(), nil,
		)
		if fault.Is(err, fault.Denied) && !said {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
	}
	return place, nil
}

func (s *service) createActivation(
	ctx context.Context, c *api.Call, in *ssm.CreateActivationInput,
) (*ssm.CreateActivationOutput, error) {
	given, err := tags.FromMap(in.Tags)
	if err != nil {
		return nil, err
	}
	place, err := s.place(ctx, c, given)
	if err != nil {
		return nil, err
	}
	machines := arn.New("ssm", c.Region, c.Account, "managed-instance/*").String()
	if err := s.passRole(ctx, c, aws.ToString(in.IamRole), machines); err != nil {
		return nil, err
	}
	if in.RegistrationLimit != nil && *in.RegistrationLimit < node.MinRegistrations {
		return nil, invalid(
			"ValidationException", "RegistrationLimit is %d; it is a number from %d to %d", *in.RegistrationLimit,
			node.MinRegistrations, node.MaxRegistrations,
		)
	}
	a, code, err := s.nodes.CreateActivation(ctx, scopeOf(c), node.NewActivation{
		Description: aws.ToString(in.Description), DefaultName: aws.ToString(in.DefaultInstanceName),
		Role:  aws.ToString(in.IamRole),
		Limit: int(aws.ToInt32(in.RegistrationLimit)), Expires: aws.ToTime(in.ExpirationDate), Tags: given, Place: place,
	}, c.Time)
	if err != nil {
		return nil, err
	}
	return &ssm.CreateActivationOutput{ActivationId: aws.String(a.ID), ActivationCode: aws.String(code)}, nil
}

func (s *service) describeActivations(
	ctx context.Context, c *api.Call, in *ssm.DescribeActivationsInput,
) (*ssm.DescribeActivationsOutput, error) {
	all, err := s.nodes.Activations(ctx, scopeOf(c))
	if err != nil {
		return nil, err
	}
	for _, f := range in.Filters {
		var field func(node.Activation) string
		switch f.FilterKey {
		case types.DescribeActivationsFilterKeysActivationIds:
			field = func(a node.Activation) string { return a.ID }
		case types.DescribeActivationsFilterKeysDefaultInstanceName:
			field = func(a node.Activation) string { return a.DefaultName }
		case types.DescribeActivationsFilterKeysIamRole:
			field = func(a node.Activation) string { return a.Role }
		default:
			return nil, invalid(
				"InvalidFilter", "filter key %q is not one of ActivationIds, DefaultInstanceName, IamRole", f.FilterKey,
			)
		}
		all = slices.DeleteFunc(all, func(a node.Activation) bool { return !slices.Contains(f.FilterValues, field(a)) })
	}
	rows, next, err := page.Of(c, in, pageSize, all, func(a node.Activation) string { return a.ID })
	if err != nil {
		return nil, err
	}
	out := &ssm.DescribeActivationsOutput{NextToken: next}
	for _, a := range rows {
		out.ActivationList = append(out.ActivationList, types.Activation{
			ActivationId: aws.String(a.ID), CreatedDate: aws.Time(a.Created), DefaultInstanceName: text(a.DefaultName),
			Description: text(a.Description), ExpirationDate: aws.Time(a.Expires), Expired: a.Expired(c.Time),
			IamRole:           aws.String(a.Role),
			RegistrationLimit: aws.Int32(int32(a.Limit)), RegistrationsCount: aws.Int32(int32(a.Count)),
			Tags: tags.ToMap[types.Tag](a.Tags),
		})
	}
	return out, nil
}

func (s *service) deleteActivation(
	ctx context.Context, c *api.Call, in *ssm.DeleteActivationInput,
) (*ssm.DeleteActivationOutput, error) {
	return nil, s.nodes.DeleteActivation(ctx, scopeOf(c), aws.ToString(in.ActivationId))
}
