package iam

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/page"
	"postern/api/tags"
	"postern/aws/arn"
	sdk "postern/aws/service/iam"
	"postern/aws/service/iam/types"
	"postern/services/identity"
)

// policyPathBelow reports whether a policy's path begins with prefix.
func policyPathBelow(name, prefix string) bool {
	a, err := arn.Parse(name)
	return err == nil && strings.HasPrefix(strings.TrimPrefix(a.Resource, "policy"), prefix)
}

func (s *service) toPolicy(c *api.Call) func(identity.Policy) types.Policy {
	return func(p identity.Policy) types.Policy {
		// A policy that has just been deleted is attached to nobody.
		e, _ := s.identities.PolicyEntities(c.Account, p.ARN())
		return types.Policy{
			Arn: aws.String(p.ARN()), PolicyName: aws.String(p.Name), PolicyId: aws.String(p.ID), Path: aws.String(p.Path),
			DefaultVersionId: aws.String(p.Default), CreateDate: stamp(p.Created), UpdateDate: stamp(p.Updated),
			IsAttachable:                  true,
			AttachmentCount:               aws.Int32(int32(e.Attached())),
			PermissionsBoundaryUsageCount: aws.Int32(int32(e.Bounding())),
		}
	}
}

// wholePolicy is a policy with what lists leave out.
func (s *service) wholePolicy(c *api.Call, p identity.Policy) *types.Policy {
	out := s.toPolicy(c)(p)
	out.Tags = tags.To[types.Tag](p.Tags)
	if p.Description != "" {
		out.Description = aws.String(p.Description)
	}
	return &out
}

func (s *service) createPolicy(
	ctx context.Context, c *api.Call, in *sdk.CreatePolicyInput,
) (*sdk.CreatePolicyOutput, error) {
	p, err := s.identities.CreatePolicy(ctx, identity.NewPolicy{
		Account: c.Account, Path: aws.ToString(in.Path), Name: *in.PolicyName, Description: aws.ToString(in.Description),
		Text: *in.PolicyDocument, Tags: tags.From[identity.Tag](in.Tags),
	})
	if err != nil {
		return nil, err
	}
	out := s.wholePolicy(c, p)
	out.Description = nil // only GetPolicy shows it
	return &sdk.CreatePolicyOutput{Policy: out}, nil
}

func (s *service) getPolicy(_ context.Context, c *api.Call, in *sdk.GetPolicyInput) (*sdk.GetPolicyOutput, error) {
	p, err := s.identities.Policy(c.Account, *in.PolicyArn)
	if err != nil {
		return nil, err
	}
	return &sdk.GetPolicyOutput{Policy: s.wholePolicy(c, p)}, nil
}

func (s *service) listPolicies(
	_ context.Context, c *api.Call, in *sdk.ListPoliciesInput,
) (*sdk.ListPoliciesOutput, error) {
	owner := map[types.PolicyScopeType]identity.PolicyOwner{
		types.PolicyScopeTypeAws: identity.AmazonOwned, types.PolicyScopeTypeLocal: identity.CustomerOwned,
	}[in.Scope]
	all := s.identities.ManagedPolicies(c.Account, aws.ToString(in.PathPrefix), owner)
	if in.OnlyAttached || in.PolicyUsageFilter != "" {
		all = slices.DeleteFunc(all, func(p identity.Policy) bool {
			e, _ := s.identities.PolicyEntities(c.Account, p.ARN())
			attached, bounding := e.Attached(), e.Bounding()
			return in.OnlyAttached && attached+bounding == 0 ||
				in.PolicyUsageFilter == types.PolicyUsageTypePermissionsPolicy && attached == 0 ||
				in.PolicyUsageFilter == types.PolicyUsageTypePermissionsBoundary && bounding == 0
		})
	}
	items, next, err := page.Of(c, in, pageSize, all, func(p identity.Policy) string { return p.Name + " " + p.ARN() })
	return &sdk.ListPoliciesOutput{Policies: convert(items, s.toPolicy(c)), Marker: next, IsTruncated: next != nil}, err
}

func (s *service) deletePolicy(
	ctx context.Context, c *api.Call, in *sdk.DeletePolicyInput,
) (*sdk.DeletePolicyOutput, error) {
	return nil, s.identities.DeletePolicy(ctx, c.Account, *in.PolicyArn)
}

func toVersion(p identity.Policy) func(identity.PolicyVersion) types.PolicyVersion {
	return func(v identity.PolicyVersion) types.PolicyVersion {
		return types.PolicyVersion{
			VersionId: aws.String(v.ID), CreateDate: stamp(v.Created), IsDefaultVersion: v.ID == p.Default,
		}
	}
}

func (s *service) createPolicyVersion(
	ctx context.Context, c *api.Call, in *sdk.CreatePolicyVersionInput,
) (*sdk.CreatePolicyVersionOutput, error) {
	v, err := s.identities.CreatePolicyVersion(ctx, c.Account, *in.PolicyArn, *in.PolicyDocument, in.SetAsDefault)
	if err != nil {
		return nil, err
	}
	return &sdk.CreatePolicyVersionOutput{PolicyVersion: &types.PolicyVersion{
		VersionId: aws.String(v.ID), CreateDate: stamp(v.Created), IsDefaultVersion: in.SetAsDefault,
	}}, nil
}

func (s *service) getPolicyVersion(
	_ context.Context, c *api.Call, in *sdk.GetPolicyVersionInput,
) (*sdk.GetPolicyVersionOutput, error) {
	p, err := s.identities.Policy(c.Account, *in.PolicyArn)
	if err != nil {
		return nil, err
	}
	v, err := p.NeedVersion(*in.VersionId)
	if err != nil {
		return nil, err
	}
	out := toVersion(p)(v)
	out.Document = document(v.Text)
	return &sdk.GetPolicyVersionOutput{PolicyVersion: &out}, nil
}

// newestFirst is the key of versions "v1", "v2" and so on.
func newestFirst(v identity.PolicyVersion) string {
	number, _ := strconv.ParseInt(strings.TrimPrefix(v.ID, "v"), 10, 64)
	return page.Descending(number)
}

func (s *service) listPolicyVersions(
	_ context.Context, c *api.Call, in *sdk.ListPolicyVersionsInput,
) (*sdk.ListPolicyVersionsOutput, error) {
	p, err := s.identities.Policy(c.Account, *in.PolicyArn)
	if err != nil {
		return nil, err
	}
	items, next, err := page.Of(c, in, pageSize, p.Versions, newestFirst)
	return &sdk.ListPolicyVersionsOutput{
		Versions: convert(items, toVersion(p)), Marker: next, IsTruncated: next != nil,
	}, err
}

func (s *service) deletePolicyVersion(
	ctx context.Context, c *api.Call, in *sdk.DeletePolicyVersionInput,
) (*sdk.DeletePolicyVersionOutput, error) {
	return nil, s.identities.DeletePolicyVersion(ctx, c.Account, *in.PolicyArn, *in.VersionId)
}

func (s *service) setDefaultPolicyVersion(
	ctx context.Context, c *api.Call, in *sdk.SetDefaultPolicyVersionInput,
) (*sdk.SetDefaultPolicyVersionOutput, error) {
	return nil, s.identities.SetDefaultPolicyVersion(ctx, c.Account, *in.PolicyArn, *in.VersionId)
}

func (s *service) tagPolicy(ctx context.Context, c *api.Call, in *sdk.TagPolicyInput) (*sdk.TagPolicyOutput, error) {
	return nil, s.identities.TagPolicy(ctx, c.Account, *in.PolicyArn, tags.From[identity.Tag](in.Tags))
}

func (s *service) untagPolicy(
	ctx context.Context, c *api.Call, in *sdk.UntagPolicyInput,
) (*sdk.UntagPolicyOutput, error) {
	return nil, s.identities.UntagPolicy(ctx, c.Account, *in.PolicyArn, in.TagKeys)
}

func (s *service) listPolicyTags(
	_ context.Context, c *api.Call, in *sdk.ListPolicyTagsInput,
) (*sdk.ListPolicyTagsOutput, error) {
	p, err := s.identities.Policy(c.Account, *in.PolicyArn)
	if err != nil {
		return nil, err
	}
	rows, next, err := page.Of(c, in, pageSize, p.Tags, tagKey)
	return &sdk.ListPolicyTagsOutput{Tags: tags.To[types.Tag](rows), Marker: next, IsTruncated: next != nil}, err
}
