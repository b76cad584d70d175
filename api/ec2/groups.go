package ec2

import (
	"context"
	"iter"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/aws/fault"
	sdk "postern/aws/service/ec2"
	"postern/aws/service/ec2/types"
	"postern/network"
)

var groupListing = listing[*network.SecurityGroup]{
	id:      func(g *network.SecurityGroup) string { return g.ID },
	tags:    func(g *network.SecurityGroup) []network.Tag { return g.Tags },
	all:     func(v *view) iter.Seq[*network.SecurityGroup] { return v.SecurityGroups(v.scope) },
	get:     func(v *view, id string) (*network.SecurityGroup, error) { return v.SecurityGroup(v.scope, id) },
	filters: groupFilters(),
}

func groupFilters() map[string]test[*network.SecurityGroup] {
	out := map[string]test[*network.SecurityGroup]{
		"description": text(func(g *network.SecurityGroup) string { return g.Description }),
		"group-id":    text(func(g *network.SecurityGroup) string { return g.ID }),
		"group-name":  text(func(g *network.SecurityGroup) string { return g.Name }),
		"owner-id":    text(func(g *network.SecurityGroup) string { return g.Account }),
		"vpc-id":      text(func(g *network.SecurityGroup) string { return g.VPC }),
	}
	for name, of := range map[string]func(*view, *network.SecurityGroupRule) string{
		"cidr": func(_ *view, r *network.SecurityGroupRule) string {
			if r.CIDR.Addr().Is4() {
				return r.CIDR.String()
			}
			return ""
		},
		"ipv6-cidr": func(_ *view, r *network.SecurityGroupRule) string {
			if r.CIDR.Addr().Is6() {
				return r.CIDR.String()
			}
			return ""
		},
		"from-port": func(_ *view, r *network.SecurityGroupRule) string { return strconv.Itoa(int(r.Ports.From)) },
		"to-port":   func(_ *view, r *network.SecurityGroupRule) string { return strconv.Itoa(int(r.Ports.To)) },
		"protocol":  func(_ *view, r *network.SecurityGroupRule) string { return protocolName(r.Protocol) },
		"group-id":  func(_ *view, r *network.SecurityGroupRule) string { return r.Group },
		"group-name": func(v *view, r *network.SecurityGroupRule) string {
			if g, err := v.SecurityGroup(v.scope, r.Group); err == nil {
				return g.Name
			}
			if r.Peer != nil {
				return r.Peer.Name
			}
			return ""
		},
		"prefix-list-id": func(_ *view, r *network.SecurityGroupRule) string { return r.PrefixList },
		"user-id": func(v *view, r *network.SecurityGroupRule) string {
			if r.Group == "" {
				return ""
			}
			return groupOwner(v.scope.Account, r)
		},
	} {
		out["ip-permission."+name] = ruled(false, of)
		out["egress.ip-permission."+name] = ruled(true, of)
	}
	return out
}

// ruled is a filter on the rules of one direction.
func ruled(egress bool, of func(*view, *network.SecurityGroupRule) string) test[*network.SecurityGroup] {
	return func(v *view, g *network.SecurityGroup, want values) bool {
		for i := range g.Rules {
			if have := of(v, &g.Rules[i]); g.Rules[i].Egress == egress && have != "" && want.is(have) {
				return true
			}
		}
		return false
	}
}

func groupARN(g *network.SecurityGroup) string {
	return resource(&api.Call{Account: g.Account, Region: g.Region}, "security-group/"+g.ID)
}

func (v *view) group(g *network.SecurityGroup) types.SecurityGroup {
	return types.SecurityGroup{
		GroupId: aws.String(g.ID), GroupName: aws.String(g.Name), Description: aws.String(g.Description),
		VpcId: aws.String(g.VPC), OwnerId: aws.String(g.Account), SecurityGroupArn: aws.String(groupARN(g)), Tags: toTags(g.Tags),
		IpPermissions: v.permissions(g, false), IpPermissionsEgress: v.permissions(g, true),
	}
}

func (s *service) createSecurityGroup(ctx context.Context, c *api.Call, in *sdk.CreateSecurityGroupInput) (*sdk.CreateSecurityGroupOutput, error) {
	vpc := aws.ToString(in.VpcId)
	if vpc == "" {
		v, ok := s.network.State().DefaultVPC(scopeOf(c))
		if !ok {
			return nil, noDefaultVPC()
		}
		vpc = v.ID
	}
	tags, err := tagsFor(ctx, c, "security-group", in.TagSpecifications)
	if err != nil {
		return nil, err
	}
	g, err := s.network.CreateSecurityGroup(ctx, scopeOf(c), network.CreateSecurityGroupInput{
		VPC: vpc, Name: aws.ToString(in.GroupName), Description: aws.ToString(in.Description), Tags: tags,
	})
	if err != nil {
		return nil, err
	}
	return &sdk.CreateSecurityGroupOutput{
		GroupId: aws.String(g.ID), SecurityGroupArn: aws.String(groupARN(g)), Tags: toTags(g.Tags),
	}, nil
}

func (s *service) describeSecurityGroups(_ context.Context, c *api.Call, in *sdk.DescribeSecurityGroupsInput) (*sdk.DescribeSecurityGroupsOutput, error) {
	v := s.view(c)
	byName, err := fault.All(in.GroupNames, func(name string) (*network.SecurityGroup, error) { return v.DefaultGroupNamed(v.scope, name) })
	if err != nil {
		return nil, err
	}
	for _, g := range byName {
		in.GroupIds = append(in.GroupIds, g.ID)
	}
	found, next, err := describe(v, groupListing, query{in.GroupIds, in.Filters, in.MaxResults, in.NextToken})
	return &sdk.DescribeSecurityGroupsOutput{SecurityGroups: convert(found, v.group), NextToken: next}, err
}

func (s *service) deleteSecurityGroup(ctx context.Context, c *api.Call, in *sdk.DeleteSecurityGroupInput) (*sdk.DeleteSecurityGroupOutput, error) {
	id, err := s.groupID(c, in.GroupId, in.GroupName)
	if err != nil {
		return nil, err
	}
	err = s.network.DeleteSecurityGroup(ctx, scopeOf(c), id)
	return &sdk.DeleteSecurityGroupOutput{Return: aws.Bool(true), GroupId: &id}, err
}
