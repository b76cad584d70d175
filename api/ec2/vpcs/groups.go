package vpcs

import (
	"context"
	"iter"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/ec2/internal/query"
	"postern/api/tags"
	"postern/aws/fault"
	sdk "postern/aws/service/ec2"
	"postern/aws/service/ec2/types"
	"postern/network"
)

var groupListing = query.Listing[*network.SecurityGroup]{
	ID:      func(g *network.SecurityGroup) string { return g.ID },
	Tags:    func(g *network.SecurityGroup) []network.Tag { return g.Tags },
	All:     func(v *query.View) iter.Seq[*network.SecurityGroup] { return v.SecurityGroups(v.Scope) },
	Get:     func(v *query.View, id string) (*network.SecurityGroup, error) { return v.SecurityGroup(v.Scope, id) },
	Filters: groupFilters(),
}

func groupFilters() map[string]query.Test[*network.SecurityGroup] {
	out := map[string]query.Test[*network.SecurityGroup]{
		"description": query.Text(func(g *network.SecurityGroup) string { return g.Description }),
		"group-id":    query.Text(func(g *network.SecurityGroup) string { return g.ID }),
		"group-name":  query.Text(func(g *network.SecurityGroup) string { return g.Name }),
		"owner-id":    query.Text(func(g *network.SecurityGroup) string { return g.Account }),
		"vpc-id":      query.Text(func(g *network.SecurityGroup) string { return g.VPC }),
	}
	for name, of := range map[string]func(*query.View, *network.SecurityGroupRule) string{
		"cidr": func(_ *query.View, r *network.SecurityGroupRule) string {
			if r.CIDR.Addr().Is4() {
				return r.CIDR.String()
			}
			return ""
		},
		"ipv6-cidr": func(_ *query.View, r *network.SecurityGroupRule) string {
			if r.CIDR.Addr().Is6() {
				return r.CIDR.String()
			}
			return ""
		},
		"from-port": func(_ *query.View, r *network.SecurityGroupRule) string { return strconv.Itoa(int(r.Ports.From)) },
		"to-port":   func(_ *query.View, r *network.SecurityGroupRule) string { return strconv.Itoa(int(r.Ports.To)) },
		"protocol":  func(_ *query.View, r *network.SecurityGroupRule) string { return protocolName(r.Protocol) },
		"group-id":  func(_ *query.View, r *network.SecurityGroupRule) string { return r.Group },
		"group-name": func(v *query.View, r *network.SecurityGroupRule) string {
			if g, err := v.SecurityGroup(v.Scope, r.Group); err == nil {
				return g.Name
			}
			if r.Peer != nil {
				return r.Peer.Name
			}
			return ""
		},
		"prefix-list-id": func(_ *query.View, r *network.SecurityGroupRule) string { return r.PrefixList },
		"user-id": func(v *query.View, r *network.SecurityGroupRule) string {
			if r.Group == "" {
				return ""
			}
			return groupOwner(v.Scope.Account, r)
		},
	} {
		out["ip-permission."+name] = ruled(false, of)
		out["egress.ip-permission."+name] = ruled(true, of)
	}
	return out
}

// ruled is a filter on the rules of one direction.
func ruled(egress bool, of func(*query.View, *network.SecurityGroupRule) string) query.Test[*network.SecurityGroup] {
	return func(v *query.View, g *network.SecurityGroup, want query.Values) bool {
		for i := range g.Rules {
			if have := of(v, &g.Rules[i]); g.Rules[i].Egress == egress && have != "" && want.Is(have) {
				return true
			}
		}
		return false
	}
}

func groupARN(g *network.SecurityGroup) string {
	return query.Resource(&api.Call{Account: g.Account, Region: g.Region}, "security-group/"+g.ID)
}

func toGroup(v *query.View, g *network.SecurityGroup) types.SecurityGroup {
	return types.SecurityGroup{
		GroupId: aws.String(g.ID), GroupName: aws.String(g.Name), Description: aws.String(g.Description),
		VpcId: aws.String(
			g.VPC,
		), OwnerId: aws.String(g.Account), SecurityGroupArn: aws.String(groupARN(g)), Tags: tags.To[types.Tag](g.Tags),
		IpPermissions: toPermissions(v, g, false), IpPermissionsEgress: toPermissions(v, g, true),
	}
}

func (s *service) createSecurityGroup(
	ctx context.Context,
	c *api.Call,
	in *sdk.CreateSecurityGroupInput,
) (*sdk.CreateSecurityGroupOutput, error) {
	vpc := aws.ToString(in.VpcId)
	if vpc == "" {
		v, ok := s.network.State().DefaultVPC(query.ScopeOf(c))
		if !ok {
			return nil, noDefaultVPC()
		}
		vpc = v.ID
	}
	given, err := query.TagsFor(ctx, c, "security-group", in.TagSpecifications)
	if err != nil {
		return nil, err
	}
	g, err := s.network.CreateSecurityGroup(ctx, query.ScopeOf(c), network.CreateSecurityGroupInput{
		VPC: vpc, Name: aws.ToString(in.GroupName), Description: aws.ToString(in.Description), Tags: given,
	})
	if err != nil {
		return nil, err
	}
	return &sdk.CreateSecurityGroupOutput{
		GroupId: aws.String(g.ID), SecurityGroupArn: aws.String(groupARN(g)), Tags: tags.To[types.Tag](g.Tags),
	}, nil
}

func (s *service) describeSecurityGroups(
	_ context.Context,
	c *api.Call,
	in *sdk.DescribeSecurityGroupsInput,
) (*sdk.DescribeSecurityGroupsOutput, error) {
	v := s.view(c)
	byName, err := fault.All(
		in.GroupNames,
		func(name string) (*network.SecurityGroup, error) { return v.DefaultGroupNamed(v.Scope, name) },
	)
	if err != nil {
		return nil, err
	}
	for _, g := range byName {
		in.GroupIds = append(in.GroupIds, g.ID)
	}
	found, next, err := query.Describe(v, in, groupListing, in.GroupIds, in.Filters)
	return &sdk.DescribeSecurityGroupsOutput{SecurityGroups: query.Show(v, found, toGroup), NextToken: next}, err
}

func (s *service) deleteSecurityGroup(
	ctx context.Context,
	c *api.Call,
	in *sdk.DeleteSecurityGroupInput,
) (*sdk.DeleteSecurityGroupOutput, error) {
	id, err := GroupID(s.view(c), in.GroupId, in.GroupName)
	if err != nil {
		return nil, err
	}
	err = s.network.DeleteSecurityGroup(ctx, query.ScopeOf(c), id)
	return &sdk.DeleteSecurityGroupOutput{Return: aws.Bool(true), GroupId: &id}, err
}

func noDefaultVPC() error {
	return fault.New(fault.Missing, "ec2",
		"No default VPC for this user. Name a subnet or a VPC, or make one: aws ec2 create-default-vpc").
		WithCode("VPCIdNotSpecified")
}

func (s *service) vpcOfNewGroup(c *api.Call, in *sdk.CreateSecurityGroupInput) []string {
	return query.Names("vpc", s.view(c).VPCOr(in.VpcId))
}

func (s *service) deletedGroup(c *api.Call, in *sdk.DeleteSecurityGroupInput) []string {
	return s.group(c, in.GroupId, in.GroupName)
}

// group names the security group of an id or a name: policies are asked about the group that the name means.
func (s *service) group(c *api.Call, id, name *string) []string {
	g, err := GroupID(s.view(c), id, name)
	if err != nil {
		return nil // the handler says what is wrong
	}
	return query.Names("security-group", g)
}
