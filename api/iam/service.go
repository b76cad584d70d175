package iam

import (
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/aws/service/iam/types"
	"postern/aws/wire"
	"postern/services/identity"
)

// Config names the services behind the IAM API.
type Config struct {
	Identities *identity.Service
}

type service struct {
	identities *identity.Service
}

// New makes the IAM API's service with its table of operations.
func New(c Config) api.Service {
	s := &service{c.Identities}
	return api.Service{
		Name: "iam", Protocol: wire.Query, Global: true, Version: "2010-05-08",
		Namespace:     "https://iam.amazonaws.com/doc/2010-05-08/",
		ResourceTypes: s.resourceTypes(), ConditionKeys: conditionKeys, Keys: s.keys, AbsentKeys: absentKeys,
		TagFamily:  "iam:ResourceTag/",
		Operations: s.operations(),
	}
}

// document is how IAM shows a policy document: URL-encoded as RFC 3986 says.
func document(text string) *string {
	return aws.String(strings.ReplaceAll(url.QueryEscape(text), "+", "%20"))
}

func tagKey(t identity.Tag) string { return t.Key }

func stamp(t time.Time) *time.Time { return aws.Time(t.UTC()) }

func toBoundary(policy string) *types.AttachedPermissionsBoundary {
	if policy == "" {
		return nil
	}
	return &types.AttachedPermissionsBoundary{
		PermissionsBoundaryArn: aws.String(policy), PermissionsBoundaryType: types.PermissionsBoundaryAttachmentTypePolicy,
	}
}

func convert[From, To any](all []From, to func(From) To) []To {
	out := make([]To, len(all))
	for i, one := range all {
		out[i] = to(one)
	}
	return out
}

// pageSize is how many items a page has where the request does not say (IAM API Reference).
const pageSize = 100
