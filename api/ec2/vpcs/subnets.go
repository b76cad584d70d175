package vpcs

import (
	"context"
	"iter"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/ec2/internal/query"
	"postern/api/tags"
	sdk "postern/aws/service/ec2"
	"postern/aws/service/ec2/types"
	"postern/network"
)

var subnetListing = query.Listing[*network.Subnet]{
	ID:   func(n *network.Subnet) string { return n.ID },
	Tags: func(n *network.Subnet) []network.Tag { return n.Tags },
	All:  func(v *query.View) iter.Seq[*network.Subnet] { return v.Subnets(v.Scope) },
	Get:  func(v *query.View, id string) (*network.Subnet, error) { return v.Subnet(v.Scope, id) },
	Filters: map[string]query.Test[*network.Subnet]{
		"availability-zone":    query.Text(func(n *network.Subnet) string { return n.Zone }),
		"availabilityZone":     query.Text(func(n *network.Subnet) string { return n.Zone }),
		"availability-zone-id": query.Text(func(n *network.Subnet) string { return network.ZoneID(n.Zone) }),
		"availabilityZoneId":   query.Text(func(n *network.Subnet) string { return network.ZoneID(n.Zone) }),
		"available-ip-address-count": func(v *query.View, n *network.Subnet, want query.Values) bool {
			return want.Is(strconv.Itoa(v.AvailableAddresses(n)))
		},
		"cidr":                       query.Text(func(n *network.Subnet) string { return n.CIDR.String() }),
		"cidr-block":                 query.Text(func(n *network.Subnet) string { return n.CIDR.String() }),
		"cidrBlock":                  query.Text(func(n *network.Subnet) string { return n.CIDR.String() }),
		"customer-owned-ipv4-pool":   query.None[*network.Subnet],
		"default-for-az":             query.Flag(func(n *network.Subnet) bool { return n.Default }),
		"defaultForAz":               query.Flag(func(n *network.Subnet) bool { return n.Default }),
		"enable-dns64":               query.Always[*network.Subnet]("false"),
		"enable-lni-at-device-index": query.None[*network.Subnet],
		"ipv6-cidr-block-association.ipv6-cidr-block": query.None[*network.Subnet],
		"ipv6-cidr-block-association.association-id":  query.None[*network.Subnet],
		"ipv6-cidr-block-association.state":           query.None[*network.Subnet],
		"ipv6-native":                                 query.Always[*network.Subnet]("false"),
		"map-customer-owned-ip-on-launch":             query.Always[*network.Subnet]("false"),
		"map-public-ip-on-launch": query.Flag(
			func(n *network.Subnet) bool { return n.PublicOnLaunch },
		),
		"outpost-arn": query.None[*network.Subnet],
		"owner-id":    query.Text(func(n *network.Subnet) string { return n.Account }),
		"private-dns-name-options-on-launch.hostname-type":                        query.Always[*network.Subnet]("ip-name"),
		"private-dns-name-options-on-launch.enable-resource-name-dns-a-record":    query.Always[*network.Subnet]("false"),
		"private-dns-name-options-on-launch.enable-resource-name-dns-aaaa-record": query.Always[*network.Subnet]("false"),
		"state":      query.Always[*network.Subnet]("available"),
		"subnet-arn": query.Text(subnetARN),
		"subnet-id":  query.Text(func(n *network.Subnet) string { return n.ID }),
		"vpc-id":     query.Text(func(n *network.Subnet) string { return n.VPC }),
	},
}

func subnetARN(n *network.Subnet) string {
	return query.Resource(&api.Call{Account: n.Account, Region: n.Region}, "subnet/"+n.ID)
}

func toSubnet(v *query.View, n *network.Subnet) types.Subnet {
	return types.Subnet{
		SubnetId: aws.String(n.ID), SubnetArn: aws.String(subnetARN(n)), VpcId: aws.String(n.VPC),
		OwnerId: aws.String(n.Account), CidrBlock: query.String(n.CIDR), State: types.SubnetStateAvailable,
		AvailabilityZone: aws.String(n.Zone), AvailabilityZoneId: aws.String(network.ZoneID(n.Zone)),
		AvailableIpAddressCount: aws.Int32(int32(v.AvailableAddresses(n))),
		DefaultForAz:            aws.Bool(n.Default), MapPublicIpOnLaunch: aws.Bool(n.PublicOnLaunch),
		AssignIpv6AddressOnCreation: aws.Bool(false), MapCustomerOwnedIpOnLaunch: aws.Bool(false),
		EnableDns64: aws.Bool(false), Ipv6Native: aws.Bool(false), Tags: tags.To[types.Tag](n.Tags),
		PrivateDnsNameOptionsOnLaunch: &types.PrivateDnsNameOptionsOnLaunch{
			HostnameType:                    types.HostnameTypeIpName,
			EnableResourceNameDnsARecord:    aws.Bool(false),
			EnableResourceNameDnsAAAARecord: aws.Bool(false),
		},
	}
}

func (s *service) createSubnet(
	ctx context.Context,
	c *api.Call,
	in *sdk.CreateSubnetInput,
) (*sdk.CreateSubnetOutput, error) {
	cidr, err := query.Prefix("cidrBlock", in.CidrBlock)
	if err != nil {
		return nil, err
	}
	if in.AvailabilityZone != nil && in.AvailabilityZoneId != nil {
		return nil, query.Combination("availabilityZone and availabilityZoneId may not be specified together")
	}
	zone := aws.ToString(in.AvailabilityZone)
	if in.AvailabilityZoneId != nil {
		zone = *in.AvailabilityZoneId
	}
	tags, err := query.TagsFor(ctx, c, "subnet", in.TagSpecifications)
	if err != nil {
		return nil, err
	}
	n, err := s.network.CreateSubnet(ctx, query.ScopeOf(c), network.CreateSubnetInput{
		VPC: aws.ToString(in.VpcId), CIDR: cidr, Zone: zone, Tags: tags,
	})
	if err != nil {
		return nil, err
	}
	out := toSubnet(s.view(c), n)
	return &sdk.CreateSubnetOutput{Subnet: &out}, nil
}

func (s *service) describeSubnets(
	_ context.Context,
	c *api.Call,
	in *sdk.DescribeSubnetsInput,
) (*sdk.DescribeSubnetsOutput, error) {
	v := s.view(c)
	found, next, err := query.Describe(v, in, subnetListing, in.SubnetIds, in.Filters)
	return &sdk.DescribeSubnetsOutput{Subnets: query.Show(v, found, toSubnet), NextToken: next}, err
}

func (s *service) deleteSubnet(
	ctx context.Context,
	c *api.Call,
	in *sdk.DeleteSubnetInput,
) (*sdk.DeleteSubnetOutput, error) {
	return nil, s.network.DeleteSubnet(ctx, query.ScopeOf(c), aws.ToString(in.SubnetId))
}

func (s *service) modifySubnetAttribute(
	ctx context.Context,
	c *api.Call,
	in *sdk.ModifySubnetAttributeInput,
) (*sdk.ModifySubnetAttributeOutput, error) {
	for _, attribute := range []struct {
		name  string
		value *types.AttributeBooleanValue
	}{
		{"assignIpv6AddressOnCreation", in.AssignIpv6AddressOnCreation},
		{"enableDns64", in.EnableDns64},
		{"enableResourceNameDnsARecordOnLaunch", in.EnableResourceNameDnsARecordOnLaunch},
		{"enableResourceNameDnsAAAARecordOnLaunch", in.EnableResourceNameDnsAAAARecordOnLaunch},
	} {
		if v := attribute.value; v != nil && aws.ToBool(v.Value) {
			return nil, query.Unbuilt(c, attribute.name)
		}
	}
	if in.PrivateDnsHostnameTypeOnLaunch != "" && in.PrivateDnsHostnameTypeOnLaunch != types.HostnameTypeIpName {
		return nil, query.Unbuilt(c, "private DNS host names of type "+string(in.PrivateDnsHostnameTypeOnLaunch))
	}
	if in.MapPublicIpOnLaunch == nil {
		_, err := s.network.State().Subnet(query.ScopeOf(c), aws.ToString(in.SubnetId))
		return nil, err
	}
	return nil, s.network.ModifySubnet(
		ctx,
		query.ScopeOf(c),
		aws.ToString(in.SubnetId),
		aws.ToBool(in.MapPublicIpOnLaunch.Value),
	)
}
