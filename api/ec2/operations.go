package ec2

import "postern/api"

func (s *service) placeOperations() []api.Operation {
	return []api.Operation{
		api.Op("DescribeRegions",
			api.Everything,
			s.describeRegions,
			api.Takes("RegionNames", "Filters"),
			api.Unread("no region has to be opted into", "AllRegions")),
		api.Op("DescribeAvailabilityZones",
			api.Everything,
			s.describeAvailabilityZones,
			api.Takes("ZoneNames", "ZoneIds", "Filters"),
			api.Unread("no zone has to be opted into", "AllAvailabilityZones")),
		api.Op("DescribeAccountAttributes",
			api.Everything,
			s.describeAccountAttributes,
			api.Takes("AttributeNames")),
	}
}
