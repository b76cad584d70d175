package ec2

import (
	"context"
	"iter"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	sdk "postern/aws/service/ec2"
	"postern/aws/service/ec2/types"
	"postern/network"
)

var permissionListing = listing[network.AllowedPrincipal]{
	id: func(a network.AllowedPrincipal) string { return a.ID },
	filters: map[string]test[network.AllowedPrincipal]{
		"principal":      text(func(a network.AllowedPrincipal) string { return a.Principal }),
		"principal-type": text(func(a network.AllowedPrincipal) string { return a.Type() }),
	},
}

func (s *service) modifyServicePermissions(ctx context.Context, c *api.Call, in *sdk.ModifyVpcEndpointServicePermissionsInput) (*sdk.ModifyVpcEndpointServicePermissionsOutput, error) {
	added, err := s.network.ModifyServicePrincipals(ctx, scopeOf(c), aws.ToString(in.ServiceId), in.AddAllowedPrincipals, in.RemoveAllowedPrincipals)
	return &sdk.ModifyVpcEndpointServicePermissionsOutput{
		ReturnValue: aws.Bool(true),
		AddedPrincipals: convert(added, func(a network.AllowedPrincipal) types.AddedPrincipal {
			return types.AddedPrincipal{
				Principal: aws.String(a.Principal), PrincipalType: types.PrincipalType(a.Type()), ServiceId: in.ServiceId, ServicePermissionId: aws.String(a.ID),
			}
		}),
	}, err
}

func (s *service) describeServicePermissions(_ context.Context, c *api.Call, in *sdk.DescribeVpcEndpointServicePermissionsInput) (*sdk.DescribeVpcEndpointServicePermissionsOutput, error) {
	v := s.view(c)
	e, err := v.VpcEndpointService(v.scope, aws.ToString(in.ServiceId))
	if err != nil {
		return nil, err
	}
	list := permissionListing
	list.all = func(*view) iter.Seq[network.AllowedPrincipal] {
		return slices.Values(slices.SortedFunc(slices.Values(e.Principals), func(a, b network.AllowedPrincipal) int { return strings.Compare(a.ID, b.ID) }))
	}
	found, next, err := describe(v, list, query{nil, in.Filters, in.MaxResults, in.NextToken})
	return &sdk.DescribeVpcEndpointServicePermissionsOutput{NextToken: next, AllowedPrincipals: convert(found, func(a network.AllowedPrincipal) types.AllowedPrincipal {
		return types.AllowedPrincipal{
			Principal: aws.String(a.Principal), PrincipalType: types.PrincipalType(a.Type()), ServiceId: in.ServiceId, ServicePermissionId: aws.String(a.ID),
		}
	})}, err
}

// principalsOf are the ARNs that a caller goes by: its own, and the role's that it is a session of.
func principalsOf(c *api.Call) []string {
	out := []string{c.Caller.Principal}
	if p := c.Caller.IAM; p != nil && p.Role != "" {
		out = append(out, p.Role)
	}
	return out
}
