package sts

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
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
	for _, t := range in.Tags {
		keys["aws:RequestTag/"+aws.ToString(t.Key)] = []string{aws.ToString(t.Value)}
		keys["aws:TagKeys"] = append(keys["aws:TagKeys"], aws.ToString(t.Key))
	}
	return keys
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
	for _, t := range in.Tags {
		a.Tags = append(a.Tags, identity.Tag{Key: aws.ToString(t.Key), Value: aws.ToString(t.Value)})
	}
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
