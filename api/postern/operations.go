package postern

import "postern/api"

// operations is the table of what the service does.
func (s *service) operations() []api.Operation {
	return []api.Operation{
		api.Op("PutGuard", api.About("guard/{Account}"), ours(s, s.putGuard), api.All),
		api.Op("DeleteGuard", api.About("guard/{Account}"), ours(s, s.deleteGuard), api.All),
		api.Op("ListGuards", api.Everything, ours(s, s.listGuards), api.All),
		api.Op("DescribeOrganization", api.Everything, ours(s, s.describeOrganization), api.All),
		api.Op("DescribeRequest", api.About("request/{RequestId}"), ours(s, s.describeRequest), api.All),
	}
}
