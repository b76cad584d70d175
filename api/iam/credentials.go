package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/aws/fault"
	sdk "postern/aws/service/iam"
	"postern/aws/service/iam/types"
)

// Users have access keys and no other credentials: what would make one of another kind says that it is not built. Whoever
// deletes a user asks for them first, and is told that there are none.

// there says that a user is; without a name it is the caller.
func (s *service) there(c *api.Call, name *string) error {
	own, err := nameOrOwn(c, name)
	if err == nil && own != "" {
		_, err = s.identities.User(c.Account, own)
	}
	return err
}

func (s *service) listSSHPublicKeys(_ context.Context, c *api.Call, in *sdk.ListSSHPublicKeysInput) (*sdk.ListSSHPublicKeysOutput, error) {
	return &sdk.ListSSHPublicKeysOutput{SSHPublicKeys: []types.SSHPublicKeyMetadata{}}, s.there(c, in.UserName)
}

func (s *service) listSigningCertificates(_ context.Context, c *api.Call, in *sdk.ListSigningCertificatesInput) (*sdk.ListSigningCertificatesOutput, error) {
	return &sdk.ListSigningCertificatesOutput{Certificates: []types.SigningCertificate{}}, s.there(c, in.UserName)
}

func (s *service) listServiceSpecificCredentials(_ context.Context, c *api.Call, in *sdk.ListServiceSpecificCredentialsInput) (*sdk.ListServiceSpecificCredentialsOutput, error) {
	return &sdk.ListServiceSpecificCredentialsOutput{ServiceSpecificCredentials: []types.ServiceSpecificCredentialMetadata{}}, s.there(c, in.UserName)
}

func (s *service) listMFADevices(_ context.Context, c *api.Call, in *sdk.ListMFADevicesInput) (*sdk.ListMFADevicesOutput, error) {
	return &sdk.ListMFADevicesOutput{MFADevices: []types.MFADevice{}}, s.there(c, in.UserName)
}

func (s *service) listVirtualMFADevices(context.Context, *api.Call, *sdk.ListVirtualMFADevicesInput) (*sdk.ListVirtualMFADevicesOutput, error) {
	return &sdk.ListVirtualMFADevicesOutput{VirtualMFADevices: []types.VirtualMFADevice{}}, nil
}

func (s *service) noLoginProfile(c *api.Call, name *string) error {
	if err := s.there(c, name); err != nil {
		return err
	}
	return fault.New(fault.NotFound, "iam.LoginProfile", "Login Profile for User %s cannot be found.", aws.ToString(name))
}

func (s *service) getLoginProfile(_ context.Context, c *api.Call, in *sdk.GetLoginProfileInput) (*sdk.GetLoginProfileOutput, error) {
	return nil, s.noLoginProfile(c, in.UserName)
}

func (s *service) deleteLoginProfile(_ context.Context, c *api.Call, in *sdk.DeleteLoginProfileInput) (*sdk.DeleteLoginProfileOutput, error) {
	return nil, s.noLoginProfile(c, in.UserName)
}
