package ec2

import "postern/api"

func (s *service) placeOperations() []api.Operation {
	return []api.Operation{
		api.Op("DescribeRegions",
			api.Everything,
			s.describeRegions,
			api.Takes("RegionNames", "AllRegions", "Filters")),
		api.Op("DescribeAvailabilityZones",
			api.Everything,
			s.describeAvailabilityZones,
			api.Takes("ZoneNames", "ZoneIds", "AllAvailabilityZones", "Filters")),
		api.Op("DescribeAccountAttributes",
			api.Everything,
			s.describeAccountAttributes,
			api.Takes("AttributeNames")),
	}
}
