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
	return tags.Conditions(keys, in.Tags)
}

func (s *service) assumeRole(ctx context.Context, c *api.Call, in *sdk.AssumeRoleInput) (*sdk.AssumeRoleOutput, error) {
	if len(in.Tags) > 0 {
		if err := c.Allow(ctx, "sts:TagSession", *in.RoleArn, assumeKeys(c, in)); err != nil {
			return nil, err
		}
	}
	if in.SourceIdentity != nil {
		if err := c.Allow(ctx, "sts:SetSourceIdentity", *in.RoleArn, assumeKeys(c, in)); err != nil {
			return nil, err
		}
	}
	a := identity.AssumeRole{
		Caller: *c.Caller.IAM, RoleARN: *in.RoleArn, SessionName: *in.RoleSessionName,
		Duration: time.Duration(aws.ToInt32(in.DurationSeconds)) * time.Second, Policy: aws.ToString(in.Policy),
		Source: aws.ToString(in.SourceIdentity),
	}
	for _, p := range in.PolicyArns {
		a.PolicyARNs = append(a.PolicyARNs, aws.ToString(p.Arn))
	}
	a.Tags = tags.From[identity.Tag](in.Tags)
	made, err := s.identities.AssumeRole(ctx, a)
	if err != nil {
		return nil, err
	}
	return &sdk.AssumeRoleOutput{
		AssumedRoleUser: &types.AssumedRoleUser{Arn: aws.String(made.ARN), AssumedRoleId: aws.String(made.UserID)},
		Credentials: &types.Credentials{
			AccessKeyId: aws.String(made.AccessKey), SecretAccessKey: aws.String(made.Secret),
			SessionToken: aws.String(made.Token), Expiration: aws.Time(made.Expires),
		},
		SourceIdentity: in.SourceIdentity,
	}, nil
}
