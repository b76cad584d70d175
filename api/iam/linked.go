package iam

import (
	"cmp"
	"context"
	"path"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	sdk "postern/aws/service/iam"
	"postern/aws/service/iam/types"
	"postern/services/identity"
)

// newLinkedRole is the role that is made for a service; of a service that has none here, whichever it would be.
func newLinkedRole(c *api.Call, in *sdk.CreateServiceLinkedRoleInput) []string {
	service := aws.ToString(in.AWSServiceName)
	return []string{named(c, "role/aws-service-role/"+service+"/"+cmp.Or(identity.ServiceLinkedRole(service), "*"))}
}

func linkedRoleKeys(_ *api.Call, in *sdk.CreateServiceLinkedRoleInput) map[string][]string {
	return map[string][]string{"iam:AWSServiceName": {aws.ToString(in.AWSServiceName)}}
}

func (s *service) createServiceLinkedRole(
	ctx context.Context, c *api.Call, in *sdk.CreateServiceLinkedRoleInput,
) (*sdk.CreateServiceLinkedRoleOutput, error) {
	r, err := s.identities.CreateServiceLinkedRole(ctx, c.Account, *in.AWSServiceName, aws.ToString(in.Description))
	if err != nil {
		return nil, err
	}
	return &sdk.CreateServiceLinkedRoleOutput{Role: wholeRole(r)}, nil
}

func (s *service) deleteServiceLinkedRole(
	ctx context.Context, c *api.Call, in *sdk.DeleteServiceLinkedRoleInput,
) (*sdk.DeleteServiceLinkedRoleOutput, error) {
	id, err := s.identities.DeleteServiceLinkedRole(ctx, c.Account, *in.RoleName)
	if err != nil {
		return nil, err
	}
	return &sdk.DeleteServiceLinkedRoleOutput{DeletionTaskId: aws.String(id)}, nil
}

// deletedLinkedRole is the role that a deletion was of: task/aws-service-role/SERVICE/ROLE/UUID.
func deletedLinkedRole(c *api.Call, in *sdk.GetServiceLinkedRoleDeletionStatusInput) []string {
	role, found := strings.CutPrefix(path.Dir(aws.ToString(in.DeletionTaskId)), "task/")
	if !found {
		role = "*"
	}
	return []string{named(c, "role/"+role)}
}

func (s *service) getServiceLinkedRoleDeletionStatus(
	_ context.Context, c *api.Call, in *sdk.GetServiceLinkedRoleDeletionStatusInput,
) (*sdk.GetServiceLinkedRoleDeletionStatusOutput, error) {
	if err := s.identities.DeletedServiceLinkedRole(c.Account, *in.DeletionTaskId); err != nil {
		return nil, err
	}
	return &sdk.GetServiceLinkedRoleDeletionStatusOutput{Status: types.DeletionTaskStatusTypeSucceeded}, nil
}
