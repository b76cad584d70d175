package postern

import "postern/api"

// operations is the table of what the service does.
func (s *service) operations() []api.Operation {
	return []api.Operation{
		api.Op("PutGuard", api.About("guard/{Account}"), ours(s, s.putGuard), api.All),
		api.Op("DeleteGuard", api.About("guard/{Account}"), ours(s, s.deleteGuard), api.All),
		api.Op("ListGuards", api.Everything, ours(s, s.listGuards), api.All),
		api.Op("CreateAccount", api.About("account/{Id}"), ours(s, s.createAccount), api.All),
		api.Op("ListAccounts", api.Everything, ours(s, s.listAccounts), api.All),
		api.Op("ResetKey", api.About("account/{Account}"), ours(s, s.resetKey), api.All),
		api.Op("DescribeOrganization", api.Everything, ours(s, s.describeOrganization), api.All),
		api.Op("DescribeRequest", api.About("request/{RequestId}"), ours(s, s.describeRequest), api.All),
	}
}
