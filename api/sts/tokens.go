package sts

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/tags"
	"postern/aws/fault"
	"postern/aws/iam"
	sdk "postern/aws/service/sts"
	"postern/aws/service/sts/types"
	"postern/services/identity"
)

// federateKeys are the condition keys that follow from the request.
func federateKeys(_ *api.Call, in *sdk.GetFederationTokenInput) map[string][]string {
	return tags.Conditions(map[string][]string{}, in.Tags)
}

// needLongTerm refuses callers with temporary credentials.
func needLongTerm(c *api.Call) error {
	if p := c.Caller.IAM; p.Kind != iam.User && p.Kind != iam.Root || !p.Issued.IsZero() {
		return fault.New(
			fault.Denied, "sts."+c.Operation.Name, "Cannot call %s with session credentials", c.Operation.Name,
		).WithCode("AccessDenied")
	}
	return nil
}

func (s *service) getSessionToken(
	ctx context.Context, c *api.Call, in *sdk.GetSessionTokenInput,
) (*sdk.GetSessionTokenOutput, error) {
	if err := needLongTerm(c); err != nil {
		return nil, err
	}
	made, err := s.identities.SessionToken(ctx, *c.Caller.IAM, seconds(in.DurationSeconds))
	if err != nil {
		return nil, err
	}
	out := &sdk.GetSessionTokenOutput{Credentials: toCredentials(made)}
	out.SessionTokenSize, out.SessionTokenUtilization = tokenSize(made)
	return out, nil
}

func (s *service) getFederationToken(
	ctx context.Context, c *api.Call, in *sdk.GetFederationTokenInput,
) (*sdk.GetFederationTokenOutput, error) {
	if err := needLongTerm(c); err != nil {
		return nil, err
	}
	if len(in.Tags) > 0 {
		if err := c.Allow(
			ctx, "sts:TagSession", c.ARN("federated-user", *in.Name), federateKeys(c, in),
		); err != nil {
			return nil, err
		}
	}
	made, err := s.identities.FederationToken(ctx, identity.Federate{
		Caller: *c.Caller.IAM, Name: *in.Name, Duration: seconds(in.DurationSeconds),
		Policy: aws.ToString(in.Policy), PolicyARNs: policyARNs(in.PolicyArns), Tags: tags.From[identity.Tag](in.Tags),
	})
	if err != nil {
		return nil, err
	}
	out := &sdk.GetFederationTokenOutput{
		Credentials:      toCredentials(made.Credentials),
		FederatedUser:    &types.FederatedUser{Arn: aws.String(made.ARN), FederatedUserId: aws.String(made.UserID)},
		PackedPolicySize: packed(made.Packed),
	}
	out.SessionTokenSize, out.SessionTokenUtilization = tokenSize(made.Credentials)
	return out, nil
}
