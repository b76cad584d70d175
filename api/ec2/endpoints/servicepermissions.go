package endpoints

import (
	"context"
	"iter"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/ec2/internal/query"
	sdk "postern/aws/service/ec2"
	"postern/aws/service/ec2/types"
	"postern/network"
)

var permissionListing = query.Listing[network.AllowedPrincipal]{
	ID: func(a network.AllowedPrincipal) string { return a.ID },
	Filters: map[string]query.Test[network.AllowedPrincipal]{
		"principal":      query.Text(func(a network.AllowedPrincipal) string { return a.Principal }),
		"principal-type": query.Text(func(a network.AllowedPrincipal) string { return a.Type() }),
	},
}

func (s *service) modifyServicePermissions(
	ctx context.Context,
	c *api.Call,
	in *sdk.ModifyVpcEndpointServicePermissionsInput,
) (*sdk.ModifyVpcEndpointServicePermissionsOutput, error) {
	added, err := s.network.ModifyServicePrincipals(
		ctx,
		query.ScopeOf(c),
		aws.ToString(in.ServiceId),
		in.AddAllowedPrincipals,
		in.RemoveAllowedPrincipals,
	)
	return &sdk.ModifyVpcEndpointServicePermissionsOutput{
		ReturnValue: aws.Bool(true),
		AddedPrincipals: query.Convert(added, func(a network.AllowedPrincipal) types.AddedPrincipal {
			return types.AddedPrincipal{
				Principal: aws.String(
					a.Principal,
				), PrincipalType: types.PrincipalType(a.Type()), ServiceId: in.ServiceId, ServicePermissionId: aws.String(a.ID),
			}
		}),
	}, err
}

func (s *service) describeServicePermissions(
	_ context.Context,
	c *api.Call,
	in *sdk.DescribeVpcEndpointServicePermissionsInput,
) (*sdk.DescribeVpcEndpointServicePermissionsOutput, error) {
	v := s.view(c)
	e, err := v.VpcEndpointService(v.Scope, aws.ToString(in.ServiceId))
	if err != nil {
		return nil, err
	}
	list := permissionListing
	list.All = func(*query.View) iter.Seq[network.AllowedPrincipal] {
		return slices.Values(
			slices.SortedFunc(
				slices.Values(e.Principals),
				func(a, b network.AllowedPrincipal) int { return strings.Compare(a.ID, b.ID) },
			),
		)
	}
	found, next, err := query.Describe(v, in, list, nil, in.Filters)
	return &sdk.DescribeVpcEndpointServicePermissionsOutput{
		NextToken: next,
		AllowedPrincipals: query.Convert(found, func(a network.AllowedPrincipal) types.AllowedPrincipal {
			return types.AllowedPrincipal{
				Principal: aws.String(
					a.Principal,
				), PrincipalType: types.PrincipalType(a.Type()), ServiceId: in.ServiceId, ServicePermissionId: aws.String(a.ID),
			}
		}),
	}, err
}

// principalsOf are the ARNs that a caller goes by: its own, and the role's that it is a session of.
func principalsOf(c *api.Call) []string {
	out := []string{c.Caller.Principal}
	if p := c.Caller.IAM; p != nil && p.Role != "" {
		out = append(out, p.Role)
	}
	return out
}
