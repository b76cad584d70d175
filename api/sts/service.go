package sts

import (
	"postern/api"
	"postern/aws/wire"
	"postern/services/identity"
)

// Config names the services behind the STS API.
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
		ConditionKeys: conditionKeys,
		Operations:    s.operations(),
	}
}

// conditionKeys are the keys of policies that belong to STS.
var conditionKeys = map[string]func(api.Question) string{
	"sts:ExternalId":        nil,
	"sts:RoleSessionName":   nil,
	"sts:SourceIdentity":    nil,
	"sts:TransitiveTagKeys": nil,
}
