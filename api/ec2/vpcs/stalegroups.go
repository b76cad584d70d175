package vpcs

import (
	"context"
	"iter"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/ec2/internal/query"
	sdk "postern/aws/service/ec2"
	"postern/aws/service/ec2/types"
	"postern/network"
)

func (s *service) describeStaleSecurityGroups(
	_ context.Context,
	c *api.Call,
	in *sdk.DescribeStaleSecurityGroupsInput,
) (*sdk.DescribeStaleSecurityGroupsOutput, error) {
	v := s.view(c)
	owner, err := v.VPC(v.Scope, aws.ToString(in.VpcId))
	if err != nil {
		return nil, err
	}
	stale := groupListing
	stale.All = func(v *query.View) iter.Seq[*network.SecurityGroup] { return v.StaleGroups(v.Scope, owner.ID) }
	found, next, err := query.Describe(v, in, stale, nil, nil)
	return &sdk.DescribeStaleSecurityGroupsOutput{
		StaleSecurityGroupSet: query.Show(v, found, toStaleGroup),
		NextToken:             next,
	}, err
}

// staleGroup shows a group with those of its rules that are stale.
func toStaleGroup(v *query.View, g *network.SecurityGroup) types.StaleSecurityGroup {
	stale := func(egress bool) []types.StaleIpPermission {
		return query.Convert(permissionsOf(v, g, func(r *network.SecurityGroupRule) bool {
			x, ok := v.Reference(g, r)
			return ok && x.Stale && r.Egress == egress
		}), func(p types.IpPermission) types.StaleIpPermission {
			return types.StaleIpPermission{
				IpProtocol: p.IpProtocol, FromPort: p.FromPort, ToPort: p.ToPort, UserIdGroupPairs: p.UserIdGroupPairs,
			}
		})
	}
	return types.StaleSecurityGroup{
		GroupId: aws.String(
			g.ID,
		), GroupName: aws.String(g.Name), Description: aws.String(g.Description), VpcId: aws.String(g.VPC),
		StaleIpPermissions: stale(false), StaleIpPermissionsEgress: stale(true),
	}
}

func (s *service) describeSecurityGroupReferences(
	_ context.Context,
	c *api.Call,
	in *sdk.DescribeSecurityGroupReferencesInput,
) (*sdk.DescribeSecurityGroupReferencesOutput, error) {
	v := s.view(c)
	if len(in.GroupId) == 0 {
		return nil, query.Required("groupId")
	}
	if _, err := query.Named(v, groupListing, in.GroupId); err != nil {
		return nil, err
	}
	return &sdk.DescribeSecurityGroupReferencesOutput{
		SecurityGroupReferenceSet: query.Convert(
			v.References(in.GroupId),
			func(r network.GroupReference) types.SecurityGroupReference {
				return types.SecurityGroupReference{
					GroupId: aws.String(r.Group), ReferencingVpcId: aws.String(r.VPC), VpcPeeringConnectionId: aws.String(r.Peering),
				}
			},
		),
	}, nil
}
