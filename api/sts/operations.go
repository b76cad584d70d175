package sts

import "postern/api"

// operations is the table of what the service does.
func (s *service) operations() []api.Operation {
	return []api.Operation{
		api.Op("AssumeRole",
			api.About("{RoleArn}"),
			s.assumeRole,
			api.Keys(
				assumeKeys, "sts:RoleSessionName", "sts:ExternalId", "sts:SourceIdentity", "sts:TransitiveTagKeys",
			),
			api.Takes(
				"RoleArn", "RoleSessionName", "DurationSeconds", "ExternalId", "Policy", "PolicyArns", "SourceIdentity", "Tags",
				"TransitiveTagKeys",
			)),
		api.Op("DecodeAuthorizationMessage",
			api.Everything,
			s.decodeAuthorizationMessage,
			api.All),
		api.Op("GetAccessKeyInfo",
			api.Everything,
			s.getAccessKeyInfo,
			api.Takes("AccessKeyId")),
		api.Op("GetCallerIdentity",
			api.Everything,
			s.getCallerIdentity,
			api.With(api.Anyone),
			api.All),
		api.Op("GetFederationToken",
			api.About("federated-user/{Name}"),
			s.getFederationToken,
			api.Takes("DurationSeconds", "Name", "Policy", "PolicyArns", "Tags")),
		api.Op("GetSessionToken",
			api.Everything,
			s.getSessionToken,
			api.With(api.Anyone),
			api.Takes("DurationSeconds")),
	}
}
