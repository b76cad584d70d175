package iam

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/page"
	sdk "postern/aws/service/iam"
	"postern/aws/service/iam/types"
	"postern/services/identity"
)

// An entity is a user, role or group that uses a policy.
type entity struct {
	kind     types.EntityType
	name, id string
	path     string
}

// entities returns who uses a policy, or whose boundary it is. Who has just been deleted uses none.
func (s *service) entities(c *api.Call, of identity.PolicyEntities, bounded bool) []entity {
	users, roles, groups := of.Users, of.Roles, of.Groups
	if bounded {
		users, roles, groups = of.BoundedUsers, of.BoundedRoles, nil
	}
	var all []entity
	for _, name := range groups {
		if g, err := s.identities.Group(c.Account, name); err == nil {
			all = append(all, entity{types.EntityTypeGroup, name, g.ID, g.Path})
		}
	}
	for _, name := range roles {
		if r, err := s.identities.Role(c.Account, name); err == nil {
			all = append(all, entity{types.EntityTypeRole, name, r.ID, r.Path})
		}
	}
	for _, name := range users {
		if u, err := s.identities.User(c.Account, name); err == nil {
			all = append(all, entity{types.EntityTypeUser, name, u.ID, u.Path})
		}
	}
	return all
}

func (s *service) listEntitiesForPolicy(
	_ context.Context, c *api.Call, in *sdk.ListEntitiesForPolicyInput,
) (*sdk.ListEntitiesForPolicyOutput, error) {
	of, err := s.identities.PolicyEntities(c.Account, *in.PolicyArn)
	if err != nil {
		return nil, err
	}
	all := s.entities(c, of, in.PolicyUsageFilter == types.PolicyUsageTypePermissionsBoundary)
	all = slices.DeleteFunc(all, func(e entity) bool {
		return in.EntityFilter != "" && e.kind != in.EntityFilter || !strings.HasPrefix(e.path, aws.ToString(in.PathPrefix))
	})
	items, next, err := page.Of(c, in, pageSize, all, func(e entity) string { return string(e.kind) + "/" + e.name })
	if err != nil {
		return nil, err
	}
	out := &sdk.ListEntitiesForPolicyOutput{Marker: next, IsTruncated: next != nil}
	for _, e := range items {
		name, id := aws.String(e.name), aws.String(e.id)
		switch e.kind {
		case types.EntityTypeGroup:
			out.PolicyGroups = append(out.PolicyGroups, types.PolicyGroup{GroupName: name, GroupId: id})
		case types.EntityTypeRole:
			out.PolicyRoles = append(out.PolicyRoles, types.PolicyRole{RoleName: name, RoleId: id})
		default:
			out.PolicyUsers = append(out.PolicyUsers, types.PolicyUser{UserName: name, UserId: id})
		}
	}
	return out, nil
}
