package ec2

import (
	"context"
	"iter"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	sdk "postern/aws/service/ec2"
	"postern/aws/service/ec2/types"
	"postern/network"
)

var subnetListing = listing[*network.Subnet]{
	id:   func(n *network.Subnet) string { return n.ID },
	tags: func(n *network.Subnet) []network.Tag { return n.Tags },
	all:  func(v *view) iter.Seq[*network.Subnet] { return v.Subnets(v.scope) },
	get:  func(v *view, id string) (*network.Subnet, error) { return v.Subnet(v.scope, id) },
	filters: map[string]test[*network.Subnet]{
		"availability-zone":    text(func(n *network.Subnet) string { return n.Zone }),
		"availabilityZone":     text(func(n *network.Subnet) string { return n.Zone }),
		"availability-zone-id": text(func(n *network.Subnet) string { return network.ZoneID(n.Zone) }),
		"availabilityZoneId":   text(func(n *network.Subnet) string { return network.ZoneID(n.Zone) }),
		"available-ip-address-count": func(v *view, n *network.Subnet, want values) bool {
			return want.is(strconv.Itoa(v.AvailableAddresses(n)))
		},
		"cidr":                       text(func(n *network.Subnet) string { return n.CIDR.String() }),
		"cidr-block":                 text(func(n *network.Subnet) string { return n.CIDR.String() }),
		"cidrBlock":                  text(func(n *network.Subnet) string { return n.CIDR.String() }),
		"customer-owned-ipv4-pool":   none[*network.Subnet],
		"default-for-az":             flag(func(n *network.Subnet) bool { return n.Default }),
		"defaultForAz":               flag(func(n *network.Subnet) bool { return n.Default }),
		"enable-dns64":               always[*network.Subnet]("false"),
		"enable-lni-at-device-index": none[*network.Subnet],
		"ipv6-cidr-block-association.ipv6-cidr-block":      none[*network.Subnet],
		"ipv6-cidr-block-association.association-id":       none[*network.Subnet],
		"ipv6-cidr-block-association.state":                none[*network.Subnet],
		"ipv6-native":                                      always[*network.Subnet]("false"),
		"map-customer-owned-ip-on-launch":                  always[*network.Subnet]("false"),
		"map-public-ip-on-launch":                          flag(func(n *network.Subnet) bool { return n.PublicOnLaunch }),
		"outpost-arn":                                      none[*network.Subnet],
		"owner-id":                                         text(func(n *network.Subnet) string { return n.Account }),
		"private-dns-name-options-on-launch.hostname-type": always[*network.Subnet]("ip-name"),
		"private-dns-name-options-on-launch.enable-resource-name-dns-a-record":    always[*network.Subnet]("false"),
		"private-dns-name-options-on-launch.enable-resource-name-dns-aaaa-record": always[*network.Subnet]("false"),
		"state":      always[*network.Subnet]("available"),
		"subnet-arn": text(subnetARN),
		"subnet-id":  text(func(n *network.Subnet) string { return n.ID }),
		"vpc-id":     text(func(n *network.Subnet) string { return n.VPC }),
	},
}

func subnetARN(n *network.Subnet) string {
	return resource(&api.Call{Account: n.Account, Region: n.Region}, "subnet/"+n.ID)
}

func (v *view) subnet(n *network.Subnet) types.Subnet {
	return types.Subnet{
		SubnetId: aws.String(n.ID), SubnetArn: aws.String(subnetARN(n)), VpcId: aws.String(n.VPC),
		OwnerId: aws.String(n.Account), CidrBlock: str(n.CIDR), State: types.SubnetStateAvailable,
		AvailabilityZone: aws.String(n.Zone), AvailabilityZoneId: aws.String(network.ZoneID(n.Zone)),
		AvailableIpAddressCount: aws.Int32(int32(v.AvailableAddresses(n))),
		DefaultForAz:            aws.Bool(n.Default), MapPublicIpOnLaunch: aws.Bool(n.PublicOnLaunch),
		AssignIpv6AddressOnCreation: aws.Bool(false), MapCustomerOwnedIpOnLaunch: aws.Bool(false),
		EnableDns64: aws.Bool(false), Ipv6Native: aws.Bool(false), Tags: toTags(n.Tags),
		PrivateDnsNameOptionsOnLaunch: &types.PrivateDnsNameOptionsOnLaunch{
			HostnameType:                    types.HostnameTypeIpName,
			EnableResourceNameDnsARecord:    aws.Bool(false),
			EnableResourceNameDnsAAAARecord: aws.Bool(false),
		},
	}
}

func (s *service) createSubnet(ctx context.Context, c *api.Call, in *sdk.CreateSubnetInput) (*sdk.CreateSubnetOutput, error) {
	cidr, err := prefix("cidrBlock", in.CidrBlock)
	if err != nil {
		return nil, err
	}
	if in.AvailabilityZone != nil && in.AvailabilityZoneId != nil {
		return nil, parameters("availabilityZone and availabilityZoneId may not be specified together")
	}
	zone := aws.ToString(in.AvailabilityZone)
	if in.AvailabilityZoneId != nil {
		zone = *in.AvailabilityZoneId
	}
	tags, err := tagsFor(ctx, c, "subnet", in.TagSpecifications)
	if err != nil {
		return nil, err
	}
	n, err := s.network.CreateSubnet(ctx, scopeOf(c), network.CreateSubnetInput{
		VPC: aws.ToString(in.VpcId), CIDR: cidr, Zone: zone, Tags: tags,
	})
	if err != nil {
		return nil, err
	}
	out := s.view(c).subnet(n)
	return &sdk.CreateSubnetOutput{Subnet: &out}, nil
}

func (s *service) describeSubnets(_ context.Context, c *api.Call, in *sdk.DescribeSubnetsInput) (*sdk.DescribeSubnetsOutput, error) {
	v := s.view(c)
	found, next, err := describe(v, subnetListing, query{in.SubnetIds, in.Filters, in.MaxResults, in.NextToken})
	return &sdk.DescribeSubnetsOutput{Subnets: convert(found, v.subnet), NextToken: next}, err
}

func (s *service) deleteSubnet(ctx context.Context, c *api.Call, in *sdk.DeleteSubnetInput) (*sdk.DeleteSubnetOutput, error) {
	return nil, s.network.DeleteSubnet(ctx, scopeOf(c), aws.ToString(in.SubnetId))
}

func (s *service) modifySubnetAttribute(ctx context.Context, c *api.Call, in *sdk.ModifySubnetAttributeInput) (*sdk.ModifySubnetAttributeOutput, error) {
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
			return nil, unbuilt(c, attribute.name)
		}
	}
	if in.PrivateDnsHostnameTypeOnLaunch != "" && in.PrivateDnsHostnameTypeOnLaunch != types.HostnameTypeIpName {
		return nil, unbuilt(c, "private DNS host names of type "+string(in.PrivateDnsHostnameTypeOnLaunch))
	}
	if in.MapPublicIpOnLaunch == nil {
		_, err := s.network.State().Subnet(scopeOf(c), aws.ToString(in.SubnetId))
		return nil, err
	}
	return nil, s.network.ModifySubnet(ctx, scopeOf(c), aws.ToString(in.SubnetId), aws.ToBool(in.MapPublicIpOnLaunch.Value))
}
