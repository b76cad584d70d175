package vpcs

import (
	"cmp"
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/ec2/internal/query"
	sdk "postern/aws/service/ec2"
	"postern/aws/service/ec2/types"
)

func (s *service) createDefaultVpc(
	ctx context.Context,
	c *api.Call,
	_ *sdk.CreateDefaultVpcInput,
) (*sdk.CreateDefaultVpcOutput, error) {
	v, err := s.network.CreateDefaultVpc(ctx, query.ScopeOf(c))
	if err != nil {
		return nil, err
	}
	out := toVpc(v)
	out.State = types.VpcStatePending
	return &sdk.CreateDefaultVpcOutput{Vpc: &out}, nil
}

func (s *service) createDefaultSubnet(
	ctx context.Context,
	c *api.Call,
	in *sdk.CreateDefaultSubnetInput,
) (*sdk.CreateDefaultSubnetOutput, error) {
	if aws.ToBool(in.Ipv6Native) {
		return nil, query.Unbuilt(c, "an IPv6-only subnet")
	}
	if in.AvailabilityZone != nil && in.AvailabilityZoneId != nil {
		return nil, query.Combination("availabilityZone and availabilityZoneId may not be specified together")
	}
	n, err := s.network.CreateDefaultSubnet(
		ctx,
		query.ScopeOf(c),
		cmp.Or(aws.ToString(in.AvailabilityZone), aws.ToString(in.AvailabilityZoneId)),
	)
	if err != nil {
		return nil, err
	}
	out := toSubnet(s.view(c), n)
	return &sdk.CreateDefaultSubnetOutput{Subnet: &out}, nil
}

// GroupID is the id of a security group that a request names by its id or, in the default VPC, by its name.
func GroupID(v *query.View, id, name *string) (string, error) {
	if aws.ToString(id) != "" {
		return *id, nil
	}
	g, err := v.DefaultGroupNamed(v.Scope, aws.ToString(name))
	if err != nil {
		return "", err
	}
	return g.ID, nil
}

// named turns the names of groups in a change into their ids.
func (s *service) named(c *api.Call, x change) (change, error) {
	id, err := GroupID(s.view(c), x.group, x.name)
	if err != nil {
		return x, err
	}
	x.group = &id
	x.permissions = slices.Clone(x.permissions)
	if x.source != nil {
		if len(x.permissions) > 0 || x.cidr != nil {
			return x, query.Combination("sourceSecurityGroupName may not be used together with other permissions")
		}
		x.permissions = []types.IpPermission{{
			IpProtocol: aws.String(cmp.Or(aws.ToString(x.protocol), "-1")), FromPort: x.from, ToPort: x.to,
			UserIdGroupPairs: []types.UserIdGroupPair{{GroupName: x.source}},
		}}
		x.protocol = nil
	}
	for i, p := range x.permissions {
		pairs := slices.Clone(p.UserIdGroupPairs)
		for j := range pairs {
			if aws.ToString(pairs[j].GroupId) != "" || aws.ToString(pairs[j].GroupName) == "" {
				continue
			}
			source, err := GroupID(s.view(c), nil, pairs[j].GroupName)
			if err != nil {
				return x, err
			}
			pairs[j].GroupId = &source
		}
		x.permissions[i].UserIdGroupPairs = pairs
	}
	return x, nil
}
