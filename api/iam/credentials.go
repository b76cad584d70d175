package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/page"
	"postern/aws/fault"
	sdk "postern/aws/service/iam"
	"postern/aws/service/iam/types"
)

// Users have access keys and no other credentials: what would make one of another kind says that it is not built.
// Whoever deletes a user asks for them first, and is told that there are none.

// there says that a user is; without a name it is the caller.
func (s *service) there(c *api.Call, name *string) error {
	own, err := nameOrOwn(c, name)
	if err == nil && own != "" {
		_, err = s.identities.User(c.Account, own)
	}
	return err
}

// noneOf is a page of what no user has.
func noneOf[T any](c *api.Call, in any) ([]T, *string, error) {
	return page.Of(c, in, pageSize, []T{}, func(T) string { return "" })
}

func (s *service) listSSHPublicKeys(
	_ context.Context, c *api.Call, in *sdk.ListSSHPublicKeysInput,
) (*sdk.ListSSHPublicKeysOutput, error) {
	if err := s.there(c, in.UserName); err != nil {
		return nil, err
	}
	none, next, err := noneOf[types.SSHPublicKeyMetadata](c, in)
	return &sdk.ListSSHPublicKeysOutput{SSHPublicKeys: none, Marker: next, IsTruncated: next != nil}, err
}

func (s *service) listSigningCertificates(
	_ context.Context, c *api.Call, in *sdk.ListSigningCertificatesInput,
) (*sdk.ListSigningCertificatesOutput, error) {
	if err := s.there(c, in.UserName); err != nil {
		return nil, err
	}
	none, next, err := noneOf[types.SigningCertificate](c, in)
	return &sdk.ListSigningCertificatesOutput{Certificates: none, Marker: next, IsTruncated: next != nil}, err
}

func (s *service) listServiceSpecificCredentials(
	_ context.Context, c *api.Call, in *sdk.ListServiceSpecificCredentialsInput,
) (*sdk.ListServiceSpecificCredentialsOutput, error) {
	if in.AllUsers == nil || !*in.AllUsers {
		if err := s.there(c, in.UserName); err != nil {
			return nil, err
		}
	}
	none, next, err := noneOf[types.ServiceSpecificCredentialMetadata](c, in)
	return &sdk.ListServiceSpecificCredentialsOutput{
		ServiceSpecificCredentials: none, Marker: next, IsTruncated: next != nil,
	}, err
}

func (s *service) listMFADevices(
	_ context.Context, c *api.Call, in *sdk.ListMFADevicesInput,
) (*sdk.ListMFADevicesOutput, error) {
	if err := s.there(c, in.UserName); err != nil {
		return nil, err
	}
	none, next, err := noneOf[types.MFADevice](c, in)
	return &sdk.ListMFADevicesOutput{MFADevices: none, Marker: next, IsTruncated: next != nil}, err
}

func (*service) listVirtualMFADevices(
	_ context.Context, c *api.Call, in *sdk.ListVirtualMFADevicesInput,
) (*sdk.ListVirtualMFADevicesOutput, error) {
	none, next, err := noneOf[types.VirtualMFADevice](c, in)
	return &sdk.ListVirtualMFADevicesOutput{VirtualMFADevices: none, Marker: next, IsTruncated: next != nil}, err
}

func (s *service) noLoginProfile(c *api.Call, name *string) error {
	if err := s.there(c, name); err != nil {
		return err
	}
	return fault.New(fault.NotFound, "iam.LoginProfile", "Login Profile for User %s cannot be found.", aws.ToString(name))
}

func (s *service) getLoginProfile(
	_ context.Context, c *api.Call, in *sdk.GetLoginProfileInput,
) (*sdk.GetLoginProfileOutput, error) {
	return nil, s.noLoginProfile(c, in.UserName)
}

func (s *service) deleteLoginProfile(
	_ context.Context, c *api.Call, in *sdk.DeleteLoginProfileInput,
) (*sdk.DeleteLoginProfileOutput, error) {
	return nil, s.noLoginProfile(c, in.UserName)
}
