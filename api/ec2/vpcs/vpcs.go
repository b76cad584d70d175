package vpcs

import (
	"context"
	"iter"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/ec2/internal/query"
	"postern/api/tags"
	sdk "postern/aws/service/ec2"
	"postern/aws/service/ec2/types"
	"postern/network"
)

var VPCs = query.Listing[*network.VPC]{
	ID:   func(v *network.VPC) string { return v.ID },
	Tags: func(v *network.VPC) []network.Tag { return v.Tags },
	All:  func(v *query.View) iter.Seq[*network.VPC] { return v.VPCs(v.Scope) },
	Get:  func(v *query.View, id string) (*network.VPC, error) { return v.VPC(v.Scope, id) },
	Filters: map[string]query.Test[*network.VPC]{
		"cidr":       query.Text(func(v *network.VPC) string { return v.CIDR().String() }),
		"cidr-block": query.Text(func(v *network.VPC) string { return v.CIDR().String() }),
		"cidrBlock":  query.Text(func(v *network.VPC) string { return v.CIDR().String() }),
		"cidr-block-association.cidr-block": func(_ *query.View, v *network.VPC, want query.Values) bool {
			return want.Any(query.Convert(v.Blocks, func(b network.Block) string { return b.CIDR.String() }))
		},
		"cidr-block-association.association-id": func(_ *query.View, v *network.VPC, want query.Values) bool {
			return want.Any(query.Convert(v.Blocks, func(b network.Block) string { return b.ID }))
		},
		"cidr-block-association.state":                query.Always[*network.VPC]("associated"),
		"ipv6-cidr-block-association.ipv6-cidr-block": query.None[*network.VPC],
		"ipv6-cidr-block-association.ipv6-pool":       query.None[*network.VPC],
		"ipv6-cidr-block-association.association-id":  query.None[*network.VPC],
		"ipv6-cidr-block-association.state":           query.None[*network.VPC],
		"dhcp-options-id":                             query.Text((*network.VPC).DhcpOptionsID),
		"is-default":                                  query.Flag(func(v *network.VPC) bool { return v.Default }),
		"isDefault":                                   query.Flag(func(v *network.VPC) bool { return v.Default }),
		"owner-id":                                    query.Text(func(v *network.VPC) string { return v.Account }),
		"state":                                       query.Always[*network.VPC]("available"),
		"vpc-id":                                      query.Text(func(v *network.VPC) string { return v.ID }),
	},
}

func toVpc(v *network.VPC) types.Vpc {
	return types.Vpc{
		VpcId: aws.String(v.ID), OwnerId: aws.String(v.Account), CidrBlock: query.String(v.CIDR()),
		State: types.VpcStateAvailable, InstanceTenancy: types.TenancyDefault, DhcpOptionsId: aws.String(v.DhcpOptionsID()),
		IsDefault: aws.Bool(
			v.Default,
		), Tags: tags.To[types.Tag](v.Tags), CidrBlockAssociationSet: query.Convert(v.Blocks, toBlock),
	}
}

func toBlock(b network.Block) types.VpcCidrBlockAssociation {
	return types.VpcCidrBlockAssociation{
		AssociationId: aws.String(b.ID), CidrBlock: query.String(b.CIDR),
		CidrBlockState: &types.VpcCidrBlockState{State: types.VpcCidrBlockStateCodeAssociated},
	}
}

func (s *service) createVpc(ctx context.Context, c *api.Call, in *sdk.CreateVpcInput) (*sdk.CreateVpcOutput, error) {
	cidr, err := query.Prefix("cidrBlock", in.CidrBlock)
	if err != nil {
		return nil, err
	}
	if in.InstanceTenancy != "" && in.InstanceTenancy != types.TenancyDefault {
		return nil, query.Unbuilt(c, "instance tenancy "+string(in.InstanceTenancy))
	}
	if aws.ToBool(in.AmazonProvidedIpv6CidrBlock) {
		return nil, query.Unbuilt(c, "an IPv6 CIDR block")
	}
	tags, err := query.TagsFor(ctx, c, "vpc", in.TagSpecifications)
	if err != nil {
		return nil, err
	}
	v, err := s.network.CreateVpc(ctx, query.ScopeOf(c), network.CreateVpcInput{CIDR: cidr, Tags: tags})
	if err != nil {
		return nil, err
	}
	out := toVpc(v)
	out.State = types.VpcStatePending
	return &sdk.CreateVpcOutput{Vpc: &out}, nil
}

func (s *service) describeVpcs(
	_ context.Context,
	c *api.Call,
	in *sdk.DescribeVpcsInput,
) (*sdk.DescribeVpcsOutput, error) {
	found, next, err := query.Describe(s.view(c), in, VPCs, in.VpcIds, in.Filters)
	return &sdk.DescribeVpcsOutput{Vpcs: query.Convert(found, toVpc), NextToken: next}, err
}

func (s *service) deleteVpc(ctx context.Context, c *api.Call, in *sdk.DeleteVpcInput) (*sdk.DeleteVpcOutput, error) {
	return nil, s.network.DeleteVpc(ctx, query.ScopeOf(c), aws.ToString(in.VpcId))
}

func (s *service) modifyVpcAttribute(
	ctx context.Context,
	c *api.Call,
	in *sdk.ModifyVpcAttributeInput,
) (*sdk.ModifyVpcAttributeOutput, error) {
	id := aws.ToString(in.VpcId)
	changed := 0
	for _, a := range []struct {
		attribute network.VpcAttribute
		value     *types.AttributeBooleanValue
	}{
		{network.EnableDNSSupport, in.EnableDnsSupport},
		{network.EnableDNSHostnames, in.EnableDnsHostnames},
		{network.EnableUsageMetrics, in.EnableNetworkAddressUsageMetrics},
	} {
		if a.value == nil {
			continue
		}
		if changed++; changed > 1 {
			return nil, query.Combination("Fields for multiple attribute types specified")
		}
		on := aws.ToBool(a.value.Value)
		if err := s.network.ModifyVpcAttribute(ctx, query.ScopeOf(c), id, a.attribute, on); err != nil {
			return nil, err
		}
	}
	if changed == 0 {
		return nil, query.Combination("No attributes specified")
	}
	return nil, nil
}

func (s *service) describeVpcAttribute(
	_ context.Context,
	c *api.Call,
	in *sdk.DescribeVpcAttributeInput,
) (*sdk.DescribeVpcAttributeOutput, error) {
	v, err := s.network.State().VPC(query.ScopeOf(c), aws.ToString(in.VpcId))
	if err != nil {
		return nil, err
	}
	out := &sdk.DescribeVpcAttributeOutput{VpcId: in.VpcId}
	switch in.Attribute {
	case types.VpcAttributeNameEnableDnsSupport:
		out.EnableDnsSupport = query.Boolean(v.DNSSupport)
	case types.VpcAttributeNameEnableDnsHostnames:
		out.EnableDnsHostnames = query.Boolean(v.DNSHostnames)
	case types.VpcAttributeNameEnableNetworkAddressUsageMetrics:
		out.EnableNetworkAddressUsageMetrics = query.Boolean(v.UsageMetrics)
	default:
		return nil, query.Invalid("Value (%s) for parameter attribute is invalid. Unknown attribute.", in.Attribute)
	}
	return out, nil
}

func (s *service) associateVpcCidrBlock(
	ctx context.Context,
	c *api.Call,
	in *sdk.AssociateVpcCidrBlockInput,
) (*sdk.AssociateVpcCidrBlockOutput, error) {
	cidr, err := query.Prefix("cidrBlock", in.CidrBlock)
	if err != nil {
		return nil, err
	}
	b, err := s.network.AssociateCidrBlock(ctx, query.ScopeOf(c), aws.ToString(in.VpcId), cidr)
	if err != nil {
		return nil, err
	}
	out := toBlock(b)
	out.CidrBlockState.State = types.VpcCidrBlockStateCodeAssociating
	return &sdk.AssociateVpcCidrBlockOutput{VpcId: in.VpcId, CidrBlockAssociation: &out}, nil
}

func (s *service) disassociateVpcCidrBlock(
	ctx context.Context,
	c *api.Call,
	in *sdk.DisassociateVpcCidrBlockInput,
) (*sdk.DisassociateVpcCidrBlockOutput, error) {
	v, b, err := s.network.DisassociateCidrBlock(ctx, query.ScopeOf(c), aws.ToString(in.AssociationId))
	if err != nil {
		return nil, err
	}
	out := toBlock(b)
	out.CidrBlockState.State = types.VpcCidrBlockStateCodeDisassociating
	return &sdk.DisassociateVpcCidrBlockOutput{VpcId: aws.String(v.ID), CidrBlockAssociation: &out}, nil
}

// vpcOfBlock names the VPC that a further range of addresses belongs to.
func (s *service) vpcOfBlock(c *api.Call, in *sdk.DisassociateVpcCidrBlockInput) []string {
	all := s.view(c)
	for v := range all.VPCs(all.Scope) {
		for _, b := range v.Blocks {
			if b.ID == aws.ToString(in.AssociationId) {
				return query.Names("vpc", v.ID)
			}
		}
	}
	return nil
}
