package ssm

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/page"
	"postern/aws/fault"
	"postern/aws/service/ssm"
	"postern/aws/service/ssm/types"
	"postern/ssm/document/library"
)

// sharable finds a document of the caller's own: nobody asks about, or shares, another's.
func (s *service) sharable(ctx context.Context, c *api.Call, name *string) error {
	v, err := s.documents.Find(ctx, scopeOf(c), aws.ToString(name), "")
	if err == nil && v.Owner == library.Amazon {
		err = invalid("InvalidDocumentOperation", "document %s belongs to the service, not to the account", v.Name)
	}
	return err
}

// describeDocumentPermission tells with whom a document is shared: nobody, because Postern shares none.
func (s *service) describeDocumentPermission(
	ctx context.Context, c *api.Call, in *ssm.DescribeDocumentPermissionInput,
) (*ssm.DescribeDocumentPermissionOutput, error) {
	if err := s.sharable(ctx, c, in.Name); err != nil {
		return nil, err
	}
	none, next, err := page.Of(
		c, in, pageSize, []types.AccountSharingInfo{}, func(types.AccountSharingInfo) string { return "" },
	)
	return &ssm.DescribeDocumentPermissionOutput{
		AccountIds: []string{}, AccountSharingInfoList: none, NextToken: next,
	}, err
}

// modifyDocumentPermission refuses to share. To end what never began is done at once.
func (s *service) modifyDocumentPermission(
	ctx context.Context, c *api.Call, in *ssm.ModifyDocumentPermissionInput,
) (*ssm.ModifyDocumentPermissionOutput, error) {
	if err := s.sharable(ctx, c, in.Name); err != nil {
		return nil, err
	}
	switch {
	case len(in.AccountIdsToAdd) > 0:
		return nil, fault.New(
			fault.NotImplemented, "ssm.modifyDocumentPermission",
			"Postern does not implement documents that are shared with other accounts",
		)
	case len(in.AccountIdsToRemove) == 0:
		return nil, invalid("ValidationException", "AccountIdsToAdd or AccountIdsToRemove must be given")
	}
	return nil, nil
}
