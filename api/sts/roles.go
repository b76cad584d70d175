package sts

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/tags"
	sdk "postern/aws/service/sts"
	"postern/aws/service/sts/types"
	"postern/services/identity"
)

// assumeKeys are the condition keys of trust policies that follow from the request.
func assumeKeys(_ *api.Call, in *sdk.AssumeRoleInput) map[string][]string {
	keys := map[string][]string{"sts:RoleSessionName": {aws.ToString(in.RoleSessionName)}}
	if in.ExternalId != nil {
		keys["sts:ExternalId"] = []string{*in.ExternalId}
	}
	if in.SourceIdentity != nil {
		keys["sts:SourceIdentity"] = []string{*in.SourceIdentity}
	}
	if len(in.TransitiveTagKeys) > 0 {
		keys["sts:TransitiveTagKeys"] = in.TransitiveTagKeys
	}
	return keys
}

func (s *service) assumeRole(ctx context.Context, c *api.Call, in *sdk.AssumeRoleInput) (*sdk.AssumeRoleOutput, error) {
	a := identity.AssumeRole{
		Caller: *c.Caller.IAM, RoleARN: *in.RoleArn, SessionName: *in.RoleSessionName,
		Duration: seconds(in.DurationSeconds), Policy: aws.ToString(in.Policy), PolicyARNs: policyARNs(in.PolicyArns),
		Tags: tags.From[identity.Tag](in.Tags), Transitive: in.TransitiveTagKeys, Source: aws.ToString(in.SourceIdentity),
	}
	tagged, sourced := a.Inherits()
	if tagged || len(in.Tags) > 0 {
		if err := c.Allow(ctx, "sts:TagSession", *in.RoleArn, tags.Conditions(assumeKeys(c, in), in.Tags)); err != nil {
			return nil, err
		}
	}
	if sourced || in.SourceIdentity != nil {
		keys := assumeKeys(c, in)
		if sourced && in.SourceIdentity == nil {
			keys["sts:SourceIdentity"] = []string{a.Caller.SourceIdentity}
		}
		if err := c.Allow(ctx, "sts:SetSourceIdentity", *in.RoleArn, keys); err != nil {
			return nil, err
		}
	}
	made, err := s.identities.AssumeRole(ctx, a)
	if err != nil {
		return nil, err
	}
	out := &sdk.AssumeRoleOutput{
		AssumedRoleUser: &types.AssumedRoleUser{Arn: aws.String(made.ARN), AssumedRoleId: aws.String(made.UserID)},
		Credentials:     toCredentials(made.Credentials), PackedPolicySize: packed(made.Packed),
	}
	out.SessionTokenSize, out.SessionTokenUtilization = tokenSize(made.Credentials)
	if made.Source != "" {
		out.SourceIdentity = aws.String(made.Source)
	}
	return out, nil
}

func seconds(n *int32) time.Duration { return time.Duration(aws.ToInt32(n)) * time.Second }

func policyARNs(all []types.PolicyDescriptorType) []string {
	var arns []string
	for _, p := range all {
		arns = append(arns, aws.ToString(p.Arn))
	}
	return arns
}

// packed is nil for a session without policies and tags.
func packed(percent int) *int32 {
	if percent == 0 {
		return nil
	}
	return aws.Int32(int32(percent))
}

// tokenSize returns the size of a session's token in bytes, and in percent of the largest.
func tokenSize(c identity.Credentials) (size, percent *int32) {
	n := len(c.Token)
	return aws.Int32(int32(n)), aws.Int32(int32((n*100 + identity.MaxToken - 1) / identity.MaxToken))
}

func toCredentials(c identity.Credentials) *types.Credentials {
	return &types.Credentials{
		AccessKeyId: aws.String(c.AccessKey), SecretAccessKey: aws.String(c.Secret),
		SessionToken: aws.String(c.Token), Expiration: aws.Time(c.Expires),
	}
}
