package sts

import (
	"strings"

	"postern/api"
	"postern/aws/iam"
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
		KnownUnsigned:    []string{"AssumeRoleWithSAML", "AssumeRoleWithWebIdentity"},
		ResourceTypes:    map[string]api.ResourceType{"federated-user": {NoRegion: true}},
		ConditionKeys:    conditionKeys,
		ResourcePolicies: s,
		Operations:       s.operations(),
	}
}

// ResourcePolicy implements api.ResourcePolicies: a role's trust policy decides who may assume it.
func (s *service) ResourcePolicy(resource string) (policy *iam.Policy, owner string, decides bool) {
	if !strings.Contains(resource, ":role/") {
		return nil, "", false
	}
	return s.identities.TrustPolicy(resource), "", true
}

// conditionKeys are the keys of policies that belong to STS.
var conditionKeys = map[string]func(api.Question) string{
	"sts:ExternalId":        nil,
	"sts:RoleSessionName":   nil,
	"sts:SourceIdentity":    nil,
	"sts:TransitiveTagKeys": nil,
}
