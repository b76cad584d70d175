package iam

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/page"
	"postern/api/tags"
	sdk "postern/aws/service/iam"
	"postern/aws/service/iam/types"
	"postern/services/identity"
)

// A detail is one user, group, role or policy of an account, with all that it holds.
type detail struct {
	key string
	put func(*sdk.GetAccountAuthorizationDetailsOutput)
}

func (s *service) getAccountAuthorizationDetails(
	_ context.Context, c *api.Call, in *sdk.GetAccountAuthorizationDetailsInput,
) (*sdk.GetAccountAuthorizationDetailsOutput, error) {
	var all []detail
	for _, kind := range []struct {
		filter types.EntityType
		list   func(*api.Call) []detail
	}{
		{types.EntityTypeUser, s.userDetails},
		{types.EntityTypeGroup, s.groupDetails},
		{types.EntityTypeRole, s.roleDetails},
		{types.EntityTypeLocalManagedPolicy, s.ownPolicyDetails},
		{types.EntityTypeAWSManagedPolicy, s.amazonPolicyDetails},
	} {
		if len(in.Filter) == 0 || slices.Contains(in.Filter, kind.filter) {
			all = append(all, kind.list(c)...)
		}
	}
	items, next, err := page.Of(c, in, pageSize, all, func(d detail) string { return d.key })
	if err != nil {
		return nil, err
	}
	out := &sdk.GetAccountAuthorizationDetailsOutput{Marker: next, IsTruncated: next != nil}
	for _, d := range items {
		d.put(out)
	}
	return out, nil
}

func (s *service) userDetails(c *api.Call) []detail {
	return convert(s.identities.Users(c.Account, ""), func(u identity.User) detail {
		return detail{"user/" + u.Name, func(out *sdk.GetAccountAuthorizationDetailsOutput) {
			groups, _ := s.identities.GroupsOf(c.Account, u.Name) // who has just been deleted is in none
			out.UserDetailList = append(out.UserDetailList, types.UserDetail{
				Arn: aws.String(u.ARN()), Path: aws.String(u.Path), UserName: aws.String(u.Name), UserId: aws.String(u.ID),
				CreateDate: stamp(u.Created), GroupList: convert(groups, groupName), UserPolicyList: convert(u.Inline, toInline),
				AttachedManagedPolicies: convert(u.Attached, toAttached), PermissionsBoundary: toBoundary(u.Boundary),
				Tags: tags.To[types.Tag](u.Tags),
			})
		}}
	})
}

func (s *service) groupDetails(c *api.Call) []detail {
	return convert(s.identities.Groups(c.Account, ""), func(g identity.Group) detail {
		return detail{"group/" + g.Name, func(out *sdk.GetAccountAuthorizationDetailsOutput) {
			out.GroupDetailList = append(out.GroupDetailList, types.GroupDetail{
				Arn: aws.String(g.ARN()), Path: aws.String(g.Path), GroupName: aws.String(g.Name), GroupId: aws.String(g.ID),
				CreateDate: stamp(g.Created), GroupPolicyList: convert(g.Inline, toInline),
				AttachedManagedPolicies: convert(g.Attached, toAttached),
			})
		}}
	})
}

func (s *service) roleDetails(c *api.Call) []detail {
	return convert(s.identities.Roles(c.Account, ""), func(r identity.Role) detail {
		return detail{"role/" + r.Name, func(out *sdk.GetAccountAuthorizationDetailsOutput) {
			profiles := s.identities.InstanceProfiles(c.Account, "", r.Name)
			out.RoleDetailList = append(out.RoleDetailList, types.RoleDetail{
				Arn: aws.String(r.ARN()), Path: aws.String(r.Path), RoleName: aws.String(r.Name), RoleId: aws.String(r.ID),
				CreateDate: stamp(r.Created), AssumeRolePolicyDocument: document(r.Trust),
				InstanceProfileList:     convert(profiles, s.toProfile),
				RolePolicyList:          convert(r.Inline, toInline),
				AttachedManagedPolicies: convert(r.Attached, toAttached), PermissionsBoundary: toBoundary(r.Boundary),
				Tags: tags.To[types.Tag](r.Tags),
			})
		}}
	})
}

func (s *service) ownPolicyDetails(c *api.Call) []detail {
	return s.policyDetails(c, s.identities.ManagedPolicies(c.Account, "", identity.CustomerOwned))
}

// amazonPolicyDetails tells of Amazon's policies those that the account makes use of.
func (s *service) amazonPolicyDetails(c *api.Call) []detail {
	all := s.identities.ManagedPolicies(c.Account, "", identity.AmazonOwned)
	return s.policyDetails(c, slices.DeleteFunc(all, func(p identity.Policy) bool {
		e, _ := s.identities.PolicyEntities(c.Account, p.ARN())
		return e.Attached()+e.Bounding() == 0
	}))
}

func (s *service) policyDetails(c *api.Call, all []identity.Policy) []detail {
	return convert(all, func(p identity.Policy) detail {
		return detail{"policy/" + p.ARN(), func(out *sdk.GetAccountAuthorizationDetailsOutput) {
			policy := s.wholePolicy(c, p)
			out.Policies = append(out.Policies, types.ManagedPolicyDetail{
				Arn: policy.Arn, PolicyName: policy.PolicyName, PolicyId: policy.PolicyId, Path: policy.Path,
				DefaultVersionId: policy.DefaultVersionId, CreateDate: policy.CreateDate, UpdateDate: policy.UpdateDate,
				Description: policy.Description, IsAttachable: policy.IsAttachable, AttachmentCount: policy.AttachmentCount,
				PermissionsBoundaryUsageCount: policy.PermissionsBoundaryUsageCount,
				PolicyVersionList: convert(p.Versions, func(v identity.PolicyVersion) types.PolicyVersion {
					out := toVersion(p)(v)
					out.Document = document(v.Text)
					return out
				}),
			})
		}}
	})
}

func toInline(d identity.Document) types.PolicyDetail {
	return types.PolicyDetail{PolicyName: aws.String(d.Name), PolicyDocument: document(d.Text)}
}
