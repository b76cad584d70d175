package sts

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/aws/fault"
	sdk "postern/aws/service/sts"
)

func (s *service) getCallerIdentity(
	_ context.Context, c *api.Call, _ *sdk.GetCallerIdentityInput,
) (*sdk.GetCallerIdentityOutput, error) {
	return &sdk.GetCallerIdentityOutput{
		Account: aws.String(c.Caller.Account), Arn: aws.String(c.Caller.Principal), UserId: aws.String(c.Caller.UserID),
	}, nil
}

func (s *service) decodeAuthorizationMessage(
	_ context.Context, c *api.Call, in *sdk.DecodeAuthorizationMessageInput,
) (*sdk.DecodeAuthorizationMessageOutput, error) {
	message, err := s.identities.DecodeDenial(c.Account, *in.EncodedMessage)
	if err != nil {
		return nil, err
	}
	return &sdk.DecodeAuthorizationMessageOutput{DecodedMessage: &message}, nil
}

func (s *service) getAccessKeyInfo(
	_ context.Context, _ *api.Call, in *sdk.GetAccessKeyInfoInput,
) (*sdk.GetAccessKeyInfoOutput, error) {
	account, ok := s.identities.KeyAccount(*in.AccessKeyId)
	if !ok {
		return nil, fault.New(
			fault.Invalid, "sts.GetAccessKeyInfo", "The access key %.128s is not valid", *in.AccessKeyId,
		).WithCode("ValidationError")
	}
	return &sdk.GetAccessKeyInfoOutput{Account: aws.String(account)}, nil
}
