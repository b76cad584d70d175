package vpcs

import (
	"context"
	"iter"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/ec2/internal/query"
	"postern/api/tags"
	sdk "postern/aws/service/ec2"
	"postern/aws/service/ec2/types"
	"postern/network"
)

var dhcpListing = query.Listing[*network.DhcpOptions]{
	ID:   func(d *network.DhcpOptions) string { return d.ID },
	Tags: func(d *network.DhcpOptions) []network.Tag { return d.Tags },
	All:  func(v *query.View) iter.Seq[*network.DhcpOptions] { return v.AllDhcpOptions(v.Scope) },
	Get:  func(v *query.View, id string) (*network.DhcpOptions, error) { return v.DhcpOptions(v.Scope, id) },
	Filters: map[string]query.Test[*network.DhcpOptions]{
		"dhcp-options-id": query.Text(func(d *network.DhcpOptions) string { return d.ID }),
		"owner-id":        query.Text(func(d *network.DhcpOptions) string { return d.Account }),
		"key": func(_ *query.View, d *network.DhcpOptions, want query.Values) bool {
			return want.Any(query.Convert(d.Options, func(o network.DhcpOption) string { return o.Key }))
		},
		"value": func(_ *query.View, d *network.DhcpOptions, want query.Values) bool {
			for _, o := range d.Options {
				if want.Any(o.Values) {
					return true
				}
			}
			return false
		},
	},
}

func toDhcpOptions(d *network.DhcpOptions) types.DhcpOptions {
	return types.DhcpOptions{
		DhcpOptionsId: aws.String(d.ID), OwnerId: aws.String(d.Account), Tags: tags.To[types.Tag](d.Tags),
		DhcpConfigurations: query.Convert(d.Options, func(o network.DhcpOption) types.DhcpConfiguration {
			return types.DhcpConfiguration{
				Key: aws.String(o.Key),
				Values: query.Convert(o.Values, func(v string) types.AttributeValue {
					return types.AttributeValue{Value: aws.String(v)}
				}),
			}
		}),
	}
}

func (s *service) createDhcpOptions(
	ctx context.Context,
	c *api.Call,
	in *sdk.CreateDhcpOptionsInput,
) (*sdk.CreateDhcpOptionsOutput, error) {
	tags, err := query.TagsFor(ctx, c, "dhcp-options", in.TagSpecifications)
	if err != nil {
		return nil, err
	}
	d, err := s.network.CreateDhcpOptions(
		ctx,
		query.ScopeOf(c),
		query.Convert(in.DhcpConfigurations, func(o types.NewDhcpConfiguration) network.DhcpOption {
			return network.DhcpOption{Key: aws.ToString(o.Key), Values: o.Values}
		}),
		tags,
	)
	if err != nil {
		return nil, err
	}
	out := toDhcpOptions(d)
	return &sdk.CreateDhcpOptionsOutput{DhcpOptions: &out}, nil
}

func (s *service) describeDhcpOptions(
	_ context.Context,
	c *api.Call,
	in *sdk.DescribeDhcpOptionsInput,
) (*sdk.DescribeDhcpOptionsOutput, error) {
	found, next, err := query.Describe(s.view(c), in, dhcpListing, in.DhcpOptionsIds, in.Filters)
	return &sdk.DescribeDhcpOptionsOutput{DhcpOptions: query.Convert(found, toDhcpOptions), NextToken: next}, err
}

func (s *service) associateDhcpOptions(
	ctx context.Context,
	c *api.Call,
	in *sdk.AssociateDhcpOptionsInput,
) (*sdk.AssociateDhcpOptionsOutput, error) {
	if aws.ToString(in.DhcpOptionsId) == "" {
		return nil, query.Required("dhcpOptionsId")
	}
	return nil, s.network.AssociateDhcpOptions(ctx, query.ScopeOf(c), *in.DhcpOptionsId, aws.ToString(in.VpcId))
}

func (s *service) deleteDhcpOptions(
	ctx context.Context,
	c *api.Call,
	in *sdk.DeleteDhcpOptionsInput,
) (*sdk.DeleteDhcpOptionsOutput, error) {
	return nil, s.network.DeleteDhcpOptions(ctx, query.ScopeOf(c), aws.ToString(in.DhcpOptionsId))
}
