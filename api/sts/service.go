package sts

import (
	"context"
	"path"
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
		KnownUnsigned: []string{"AssumeRoleWithSAML", "AssumeRoleWithWebIdentity"},
		ResourceTypes: map[string]api.ResourceType{
			"role": {Service: "iam", NoRegion: true, Tags: s.roleTags}, "federated-user": {NoRegion: true},
		},
		ResourcePolicies: s,
		TagFamily:        "iam:ResourceTag/",
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

// roleTags are the tags of a role that is to be assumed.
func (s *service) roleTags(_ context.Context, r api.Resource) (map[string]string, error) {
	role, err := s.identities.Role(r.Account, path.Base(r.ID))
	if err != nil || role.ARN() != r.ARN {
		return nil, nil
	}
	return identity.TagsByKey(role.Tags), nil
}
