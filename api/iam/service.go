package iam

import (
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/aws/fault"
	"postern/aws/service/iam/types"
	"postern/services/identity"
)

// Config is what the IAM API speaks for.
type Config struct {
	Identities *identity.Service
}

type service struct {
	identities *identity.Service
}

func ofRole(c *api.Call, name *string) identity.Holder {
	return identity.Holder{Account: c.Account, Role: true, Name: aws.ToString(name)}
}

func ofUser(c *api.Call, name *string) identity.Holder {
	return identity.Holder{Account: c.Account, Name: aws.ToString(name)}
}

// document is how IAM shows a policy document: URL-encoded as RFC 3986 says.
func document(text string) *string {
	return aws.String(strings.ReplaceAll(url.QueryEscape(text), "+", "%20"))
}

func stamp(t time.Time) *time.Time { return aws.Time(t.UTC()) }

// toTags makes nil of no tags: IAM leaves the member out then.
func toTags(tags []identity.Tag) []types.Tag {
	if len(tags) == 0 {
		return nil
	}
	out := make([]types.Tag, len(tags))
	for i, t := range tags {
		out[i] = types.Tag{Key: aws.String(t.Key), Value: aws.String(t.Value)}
	}
	return out
}

func fromTags(tags []types.Tag) []identity.Tag {
	out := make([]identity.Tag, len(tags))
	for i, t := range tags {
		out[i] = identity.Tag{Key: aws.ToString(t.Key), Value: aws.ToString(t.Value)}
	}
	return out
}

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

// defaultPage is how many items a page has where the request does not say (IAM API Reference).
const defaultPage = 100

// page cuts one page out of a list, and says where the next one begins. A marker names the last item of the page before,
// so that pages hold together while items come and go; name must tell items apart.
func page[T any](all []T, name func(T) string, marker *string, maxItems *int32) (items []T, next *string, err error) {
	size := defaultPage
	if maxItems != nil {
		size = int(*maxItems)
	}
	if marker != nil {
		last, err := base64.RawURLEncoding.DecodeString(*marker)
		if err != nil {
			return nil, nil, fault.New(fault.Invalid, "iam.page", "Invalid Marker: %.100s", *marker)
		}
		all = after(all, name, string(last))
	}
	if len(all) <= size {
		return all, nil, nil
	}
	return all[:size], aws.String(base64.RawURLEncoding.EncodeToString([]byte(name(all[size-1])))), nil
}

// after is what follows an item; where the item is gone, what follows its place in the order of names.
func after[T any](all []T, name func(T) string, last string) []T {
	i := slices.IndexFunc(all, func(one T) bool { return name(one) == last })
	if i < 0 {
		i = slices.IndexFunc(all, func(one T) bool { return name(one) > last }) - 1
		if i < -1 {
			return nil
		}
	}
	return all[i+1:]
}

func tagKey(t identity.Tag) string { return t.Key }

// tagPage is a page of tags.
func tagPage(tags []identity.Tag, marker *string, maxItems *int32) ([]types.Tag, *string, error) {
	items, next, err := page(tags, tagKey, marker, maxItems)
	return toTags(items), next, err
}
