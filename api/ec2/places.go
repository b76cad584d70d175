package ec2

import (
	"context"
	"iter"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/ec2/internal/query"
	sdk "postern/aws/service/ec2"
	"postern/aws/service/ec2/types"
	"postern/network"
	"postern/services/compute"
)

const notRequired = "opt-in-not-required"

var regionListing = query.Listing[network.Region]{
	ID: func(r network.Region) string { return r.Name },
	All: func(v *query.View) iter.Seq[network.Region] {
		return slices.Values(network.RegionsBeside(v.Scope.Region))
	},
	Get: func(_ *query.View, name string) (network.Region, error) {
		r, ok := network.RegionByName(name)
		if !ok {
			return r, query.Invalid("Invalid region provided: %s", name)
		}
		return r, nil
	},
	Filters: map[string]query.Test[network.Region]{
		"endpoint":      query.Text(regionEndpoint),
		"opt-in-status": query.Always[network.Region](notRequired),
		"region-name":   query.Text(func(r network.Region) string { return r.Name }),
	},
}

func regionEndpoint(r network.Region) string { return "ec2." + r.Name + ".amazonaws.com" }

func (s *service) describeRegions(
	_ context.Context,
	c *api.Call,
	in *sdk.DescribeRegionsInput,
) (*sdk.DescribeRegionsOutput, error) {
	found, _, err := query.Describe(s.view(c), in, regionListing, in.RegionNames, in.Filters)
	return &sdk.DescribeRegionsOutput{Regions: query.Convert(found, func(r network.Region) types.Region {
		return types.Region{
			RegionName: aws.String(r.Name), Endpoint: aws.String(regionEndpoint(r)), OptInStatus: aws.String(notRequired),
		}
	})}, err
}

var zoneListing = query.Listing[network.Zone]{
	ID: func(z network.Zone) string { return z.Name },
	All: func(v *query.View) iter.Seq[network.Zone] {
		r, _ := network.RegionByName(v.Scope.Region)
		return slices.Values(r.Zones())
	},
	Get: func(v *query.View, name string) (network.Zone, error) {
		r, _ := network.RegionByName(v.Scope.Region)
		z, ok := r.ZoneByName(name)
		if !ok {
			return z, query.Invalid("Invalid availability zone: [%s]", name)
		}
		return z, nil
	},
	Filters: map[string]query.Test[network.Zone]{
		"group-long-name":  query.Text(func(z network.Zone) string { return z.Region }),
		"group-name":       query.Text(zoneGroup),
		"message":          query.None[network.Zone],
		"opt-in-status":    query.Always[network.Zone](notRequired),
		"parent-zone-id":   query.None[network.Zone],
		"parent-zone-name": query.None[network.Zone],
		"region-name":      query.Text(func(z network.Zone) string { return z.Region }),
		"state":            query.Always[network.Zone]("available"),
		"zone-id":          query.Text(func(z network.Zone) string { return z.ID }),
		"zone-name":        query.Text(func(z network.Zone) string { return z.Name }),
		"zone-type":        query.Always[network.Zone]("availability-zone"),
	},
}

// zoneGroup is the group of a region's ordinary zones: "us-east-1-zg-1".
func zoneGroup(z network.Zone) string { return z.Region + "-zg-1" }

func (s *service) describeAvailabilityZones(
	_ context.Context,
	c *api.Call,
	in *sdk.DescribeAvailabilityZonesInput,
) (*sdk.DescribeAvailabilityZonesOutput, error) {
	found, _, err := query.Describe(s.view(c), in, zoneListing, slices.Concat(in.ZoneNames, in.ZoneIds), in.Filters)
	return &sdk.DescribeAvailabilityZonesOutput{
		AvailabilityZones: query.Convert(found, func(z network.Zone) types.AvailabilityZone {
			return types.AvailabilityZone{
				ZoneName: aws.String(
					z.Name,
				), ZoneId: aws.String(z.ID), RegionName: aws.String(z.Region), ZoneType: aws.String("availability-zone"),
				State: types.AvailabilityZoneStateAvailable, OptInStatus: types.AvailabilityZoneOptInStatusOptInNotRequired,
				GroupName: aws.String(zoneGroup(z)), GroupLongName: aws.String(z.Region), NetworkBorderGroup: aws.String(z.Region),
			}
		}),
	}, err
}

// accountAttributes returns the attributes of DescribeAccountAttributes, in this order. How many instances run at once
// is not bounded here; the attribute for it, which Amazon fills for old clients only, has what one request may ask for.
func (s *service) accountAttributes(c *api.Call) []types.AccountAttribute {
	attribute := func(name, value string) types.AccountAttribute {
		return types.AccountAttribute{
			AttributeName: aws.String(name), AttributeValues: []types.AccountAttributeValue{{AttributeValue: aws.String(value)}},
		}
	}
	of, limits := "none", s.network.Limits()
	if v, ok := s.network.State().DefaultVPC(query.ScopeOf(c)); ok {
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

func (s *service) describeAccountAttributes(
	_ context.Context,
	c *api.Call,
	in *sdk.DescribeAccountAttributesInput,
) (*sdk.DescribeAccountAttributesOutput, error) {
	all := s.accountAttributes(c)
	for _, name := range in.AttributeNames {
		if !slices.ContainsFunc(all, func(a types.AccountAttribute) bool { return *a.AttributeName == string(name) }) {
			return nil, query.Invalid("Value (%s) for parameter attributeName is invalid. Unknown attribute.", name)
		}
	}
	return &sdk.DescribeAccountAttributesOutput{
		AccountAttributes: slices.DeleteFunc(all, func(a types.AccountAttribute) bool {
			return len(in.AttributeNames) > 0 &&
				!slices.Contains(in.AttributeNames, types.AccountAttributeName(*a.AttributeName))
		}),
	}, nil
}
