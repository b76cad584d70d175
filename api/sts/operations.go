package sts

import (
	"postern/api"
	"postern/aws/wire"
	"postern/services/identity"
)

// Config is what the STS API speaks for.
type Config struct {
	Identities *identity.Service
}

type service struct {
	identities *identity.Service
}

// New makes the STS API's service with its table of operations.
func New(c Config) api.Service {
	s := &service{c.Identities}
	return api.Service{
		Name: "sts", Protocol: wire.Query, Version: "2011-06-15", Namespace: "https://sts.amazonaws.com/doc/2011-06-15/",
		KnownUnsigned: []string{"AssumeRoleWithSAML", "AssumeRoleWithWebIdentity"},
		Operations: []api.Operation{
			api.Op("AssumeRole", api.About("{RoleArn}"), s.assumeRole,
				api.Takes("RoleArn", "RoleSessionName", "DurationSeconds", "Policy", "PolicyArns", "Tags", "ExternalId", "SourceIdentity"),
				api.Keys(assumeKeys)),
			api.Op("GetAccessKeyInfo", api.Everything, s.getAccessKeyInfo),
			api.Op("GetCallerIdentity", api.Everything, s.getCallerIdentity, api.With(api.Anyone)),
		},
	}
}
