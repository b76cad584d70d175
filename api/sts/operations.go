package sts

import "postern/api"

// operations is the table of what the service does.
func (s *service) operations() []api.Operation {
	return []api.Operation{
		api.Op("AssumeRole",
			api.About("{RoleArn}"),
			s.assumeRole,
			api.Keys(assumeKeys,
				"sts:RoleSessionName", "sts:ExternalId", "sts:SourceIdentity", "aws:RequestTag/", "aws:TagKeys"),
			api.Takes(
				"RoleArn", "RoleSessionName", "DurationSeconds", "ExternalId", "Policy", "PolicyArns", "SourceIdentity", "Tags",
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
	}
}
