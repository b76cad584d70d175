package ec2

import (
	"context"
	"iter"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	sdk "postern/aws/service/ec2"
	"postern/aws/service/ec2/types"
	"postern/network"
	"postern/services/compute"
)

const notRequired = "opt-in-not-required"

var regionListing = listing[network.Region]{
	id:  func(r network.Region) string { return r.Name },
	all: func(v *view) iter.Seq[network.Region] { return slices.Values(network.RegionsBeside(v.scope.Region)) },
	get: func(_ *view, name string) (network.Region, error) {
		r, ok := network.RegionByName(name)
		if !ok {
			return r, invalid("Invalid region provided: %s", name)
		}
		return r, nil
	},
	filters: map[string]test[network.Region]{
		"endpoint":      text(regionEndpoint),
		"opt-in-status": always[network.Region](notRequired),
		"region-name":   text(func(r network.Region) string { return r.Name }),
	},
}

func regionEndpoint(r network.Region) string { return "ec2." + r.Name + ".amazonaws.com" }

func (s *service) describeRegions(_ context.Context, c *api.Call, in *sdk.DescribeRegionsInput) (*sdk.DescribeRegionsOutput, error) {
	found, _, err := describe(s.view(c), regionListing, query{ids: in.RegionNames, filters: in.Filters})
	return &sdk.DescribeRegionsOutput{Regions: convert(found, func(r network.Region) types.Region {
		return types.Region{
			RegionName: aws.String(r.Name), Endpoint: aws.String(regionEndpoint(r)), OptInStatus: aws.String(notRequired),
		}
	})}, err
}

var zoneListing = listing[network.Zone]{
	id: func(z network.Zone) string { return z.Name },
	all: func(v *view) iter.Seq[network.Zone] {
		r, _ := network.RegionByName(v.scope.Region)
		return slices.Values(r.Zones())
	},
	get: func(v *view, name string) (network.Zone, error) {
		r, _ := network.RegionByName(v.scope.Region)
		z, ok := r.ZoneByName(name)
		if !ok {
			return z, invalid("Invalid availability zone: [%s]", name)
		}
		return z, nil
	},
	filters: map[string]test[network.Zone]{
		"group-long-name":  text(func(z network.Zone) string { return z.Region }),
		"group-name":       text(zoneGroup),
		"message":          none[network.Zone],
		"opt-in-status":    always[network.Zone](notRequired),
		"parent-zone-id":   none[network.Zone],
		"parent-zone-name": none[network.Zone],
		"region-name":      text(func(z network.Zone) string { return z.Region }),
		"state":            always[network.Zone]("available"),
		"zone-id":          text(func(z network.Zone) string { return z.ID }),
		"zone-name":        text(func(z network.Zone) string { return z.Name }),
		"zone-type":        always[network.Zone]("availability-zone"),
	},
}

// zoneGroup is the group of a region's ordinary zones: "us-east-1-zg-1".
func zoneGroup(z network.Zone) string { return z.Region + "-zg-1" }

func (s *service) describeAvailabilityZones(_ context.Context, c *api.Call, in *sdk.DescribeAvailabilityZonesInput) (*sdk.DescribeAvailabilityZonesOutput, error) {
	found, _, err := describe(s.view(c), zoneListing, query{ids: slices.Concat(in.ZoneNames, in.ZoneIds), filters: in.Filters})
	return &sdk.DescribeAvailabilityZonesOutput{AvailabilityZones: convert(found, func(z network.Zone) types.AvailabilityZone {
		return types.AvailabilityZone{
			ZoneName: aws.String(z.Name), ZoneId: aws.String(z.ID), RegionName: aws.String(z.Region), ZoneType: aws.String("availability-zone"),
			State: types.AvailabilityZoneStateAvailable, OptInStatus: types.AvailabilityZoneOptInStatusOptInNotRequired,
			GroupName: aws.String(zoneGroup(z)), GroupLongName: aws.String(z.Region), NetworkBorderGroup: aws.String(z.Region),
		}
	})}, err
}

// accountAttributes are what DescribeAccountAttributes tells, in this order. How many instances run at once is not bounded
// here; the attribute for it, which Amazon fills for old clients only, has what one request may ask for.
func (s *service) accountAttributes(c *api.Call) []types.AccountAttribute {
	attribute := func(name, value string) types.AccountAttribute {
		return types.AccountAttribute{
			AttributeName: aws.String(name), AttributeValues: []types.AccountAttributeValue{{AttributeValue: aws.String(value)}},
		}
	}
	of, limits := "none", s.network.Limits()
	if v, ok := s.network.State().DefaultVPC(scopeOf(c)); ok {
		of = v.ID
	}
	return []types.AccountAttribute{
		attribute("supported-platforms", "VPC"),
		attribute("default-vpc", of),
		attribute("max-instances", strconv.Itoa(compute.MaxAtOnce)),
		attribute("vpc-max-security-groups-per-interface", strconv.Itoa(limits.GroupsPerNIC)),
		attribute("max-elastic-ips", strconv.Itoa(limits.ElasticIPs)),
		attribute("vpc-max-elastic-ips", strconv.Itoa(limits.ElasticIPs)),
	}
}

func (s *service) describeAccountAttributes(_ context.Context, c *api.Call, in *sdk.DescribeAccountAttributesInput) (*sdk.DescribeAccountAttributesOutput, error) {
	all := s.accountAttributes(c)
	for _, name := range in.AttributeNames {
		if !slices.ContainsFunc(all, func(a types.AccountAttribute) bool { return *a.AttributeName == string(name) }) {
			return nil, invalid("Value (%s) for parameter attributeName is invalid. Unknown attribute.", name)
		}
	}
	return &sdk.DescribeAccountAttributesOutput{AccountAttributes: slices.DeleteFunc(all, func(a types.AccountAttribute) bool {
		return len(in.AttributeNames) > 0 && !slices.Contains(in.AttributeNames, types.AccountAttributeName(*a.AttributeName))
	})}, nil
}
