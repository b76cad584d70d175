package ec2

import (
	"context"
	"iter"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	sdk "postern/aws/service/ec2"
	"postern/aws/service/ec2/types"
	"postern/network"
)

var vpcListing = listing[*network.VPC]{
	id:   func(v *network.VPC) string { return v.ID },
	tags: func(v *network.VPC) []network.Tag { return v.Tags },
	all:  func(v *view) iter.Seq[*network.VPC] { return v.VPCs(v.scope) },
	get:  func(v *view, id string) (*network.VPC, error) { return v.VPC(v.scope, id) },
	filters: map[string]test[*network.VPC]{
		"cidr":       text(func(v *network.VPC) string { return v.CIDR().String() }),
		"cidr-block": text(func(v *network.VPC) string { return v.CIDR().String() }),
		"cidrBlock":  text(func(v *network.VPC) string { return v.CIDR().String() }),
		"cidr-block-association.cidr-block": func(_ *view, v *network.VPC, want values) bool {
			return want.any(convert(v.Blocks, func(b network.Block) string { return b.CIDR.String() }))
		},
		"cidr-block-association.association-id": func(_ *view, v *network.VPC, want values) bool {
			return want.any(convert(v.Blocks, func(b network.Block) string { return b.ID }))
		},
		"cidr-block-association.state":                always[*network.VPC]("associated"),
		"ipv6-cidr-block-association.ipv6-cidr-block": none[*network.VPC],
		"ipv6-cidr-block-association.ipv6-pool":       none[*network.VPC],
		"ipv6-cidr-block-association.association-id":  none[*network.VPC],
		"ipv6-cidr-block-association.state":           none[*network.VPC],
		"dhcp-options-id":                             text((*network.VPC).DhcpOptionsID),
		"is-default":                                  flag(func(v *network.VPC) bool { return v.Default }),
		"isDefault":                                   flag(func(v *network.VPC) bool { return v.Default }),
		"owner-id":                                    text(func(v *network.VPC) string { return v.Account }),
		"state":                                       always[*network.VPC]("available"),
		"vpc-id":                                      text(func(v *network.VPC) string { return v.ID }),
	},
}

func toVpc(v *network.VPC) types.Vpc {
	return types.Vpc{
		VpcId: aws.String(v.ID), OwnerId: aws.String(v.Account), CidrBlock: str(v.CIDR()),
		State: types.VpcStateAvailable, InstanceTenancy: types.TenancyDefault, DhcpOptionsId: aws.String(v.DhcpOptionsID()),
		IsDefault: aws.Bool(v.Default), Tags: toTags(v.Tags), CidrBlockAssociationSet: convert(v.Blocks, toBlock),
	}
}

func toBlock(b network.Block) types.VpcCidrBlockAssociation {
	return types.VpcCidrBlockAssociation{
		AssociationId: aws.String(b.ID), CidrBlock: str(b.CIDR),
		CidrBlockState: &types.VpcCidrBlockState{State: types.VpcCidrBlockStateCodeAssociated},
	}
}

func (s *service) createVpc(ctx context.Context, c *api.Call, in *sdk.CreateVpcInput) (*sdk.CreateVpcOutput, error) {
	cidr, err := prefix("cidrBlock", in.CidrBlock)
	if err != nil {
		return nil, err
	}
	if in.InstanceTenancy != "" && in.InstanceTenancy != types.TenancyDefault {
		return nil, unbuilt(c, "instance tenancy "+string(in.InstanceTenancy))
	}
	if aws.ToBool(in.AmazonProvidedIpv6CidrBlock) {
		return nil, unbuilt(c, "an IPv6 CIDR block")
	}
	tags, err := tagsFor(ctx, c, "vpc", in.TagSpecifications)
	if err != nil {
		return nil, err
	}
	v, err := s.network.CreateVpc(ctx, scopeOf(c), network.CreateVpcInput{CIDR: cidr, Tags: tags})
	if err != nil {
		return nil, err
	}
	out := toVpc(v)
	out.State = types.VpcStatePending
	return &sdk.CreateVpcOutput{Vpc: &out}, nil
}

func (s *service) describeVpcs(_ context.Context, c *api.Call, in *sdk.DescribeVpcsInput) (*sdk.DescribeVpcsOutput, error) {
	found, next, err := describe(s.view(c), vpcListing, query{in.VpcIds, in.Filters, in.MaxResults, in.NextToken})
	return &sdk.DescribeVpcsOutput{Vpcs: convert(found, toVpc), NextToken: next}, err
}

func (s *service) deleteVpc(ctx context.Context, c *api.Call, in *sdk.DeleteVpcInput) (*sdk.DeleteVpcOutput, error) {
	return nil, s.network.DeleteVpc(ctx, scopeOf(c), aws.ToString(in.VpcId))
}

func (s *service) modifyVpcAttribute(ctx context.Context, c *api.Call, in *sdk.ModifyVpcAttributeInput) (*sdk.ModifyVpcAttributeOutput, error) {
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
			return nil, parameters("Fields for multiple attribute types specified")
		}
		if err := s.network.ModifyVpcAttribute(ctx, scopeOf(c), id, a.attribute, aws.ToBool(a.value.Value)); err != nil {
			return nil, err
		}
	}
	if changed == 0 {
		return nil, parameters("No attributes specified")
	}
	return nil, nil
}

func (s *service) describeVpcAttribute(_ context.Context, c *api.Call, in *sdk.DescribeVpcAttributeInput) (*sdk.DescribeVpcAttributeOutput, error) {
	v, err := s.network.State().VPC(scopeOf(c), aws.ToString(in.VpcId))
	if err != nil {
		return nil, err
	}
	out := &sdk.DescribeVpcAttributeOutput{VpcId: in.VpcId}
	switch in.Attribute {
	case types.VpcAttributeNameEnableDnsSupport:
		out.EnableDnsSupport = boolean(v.DNSSupport)
	case types.VpcAttributeNameEnableDnsHostnames:
		out.EnableDnsHostnames = boolean(v.DNSHostnames)
	case types.VpcAttributeNameEnableNetworkAddressUsageMetrics:
		out.EnableNetworkAddressUsageMetrics = boolean(v.UsageMetrics)
	default:
		return nil, invalid("Value (%s) for parameter attribute is invalid. Unknown attribute.", in.Attribute)
	}
	return out, nil
}

func boolean(b bool) *types.AttributeBooleanValue {
	return &types.AttributeBooleanValue{Value: aws.Bool(b)}
}

func (s *service) associateVpcCidrBlock(ctx context.Context, c *api.Call, in *sdk.AssociateVpcCidrBlockInput) (*sdk.AssociateVpcCidrBlockOutput, error) {
	cidr, err := prefix("cidrBlock", in.CidrBlock)
	if err != nil {
		return nil, err
	}
	b, err := s.network.AssociateCidrBlock(ctx, scopeOf(c), aws.ToString(in.VpcId), cidr)
	if err != nil {
		return nil, err
	}
	out := toBlock(b)
	out.CidrBlockState.State = types.VpcCidrBlockStateCodeAssociating
	return &sdk.AssociateVpcCidrBlockOutput{VpcId: in.VpcId, CidrBlockAssociation: &out}, nil
}

func (s *service) disassociateVpcCidrBlock(ctx context.Context, c *api.Call, in *sdk.DisassociateVpcCidrBlockInput) (*sdk.DisassociateVpcCidrBlockOutput, error) {
	v, b, err := s.network.DisassociateCidrBlock(ctx, scopeOf(c), aws.ToString(in.AssociationId))
	if err != nil {
		return nil, err
	}
	out := toBlock(b)
	out.CidrBlockState.State = types.VpcCidrBlockStateCodeDisassociating
	return &sdk.DisassociateVpcCidrBlockOutput{VpcId: aws.String(v.ID), CidrBlockAssociation: &out}, nil
}
