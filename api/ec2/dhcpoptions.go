package ec2

import (
	"context"
	"iter"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	sdk "postern/aws/service/ec2"
	"postern/aws/service/ec2/types"
	"postern/network"
)

func (s *service) dhcpOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateDhcpOptions", on(func(*sdk.CreateDhcpOptionsInput) []string { return []string{"dhcp-options/*"} }), s.createDhcpOptions,
			api.Takes("DhcpConfigurations", "TagSpecifications")),
		api.Op("DescribeDhcpOptions", api.Everything, s.describeDhcpOptions, pages, api.Takes("DhcpOptionsIds")),
		api.Op("AssociateDhcpOptions", on(func(in *sdk.AssociateDhcpOptionsInput) []string {
			return []string{"dhcp-options/" + aws.ToString(in.DhcpOptionsId), "vpc/" + aws.ToString(in.VpcId)}
		}), s.associateDhcpOptions, api.Takes("DhcpOptionsId", "VpcId"),
			api.Beside("nothing of the set that the VPC leaves is changed", "dhcp-options")),
		api.Op("DeleteDhcpOptions", one("dhcp-options", func(in *sdk.DeleteDhcpOptionsInput) *string { return in.DhcpOptionsId }), s.deleteDhcpOptions,
			api.Takes("DhcpOptionsId")),
	}
}

var dhcpListing = listing[*network.DhcpOptions]{
	id:   func(d *network.DhcpOptions) string { return d.ID },
	tags: func(d *network.DhcpOptions) []network.Tag { return d.Tags },
	all:  func(v *view) iter.Seq[*network.DhcpOptions] { return v.AllDhcpOptions(v.scope) },
	get:  func(v *view, id string) (*network.DhcpOptions, error) { return v.DhcpOptions(v.scope, id) },
	filters: map[string]test[*network.DhcpOptions]{
		"dhcp-options-id": text(func(d *network.DhcpOptions) string { return d.ID }),
		"owner-id":        text(func(d *network.DhcpOptions) string { return d.Account }),
		"key": func(_ *view, d *network.DhcpOptions, want values) bool {
			return want.any(convert(d.Options, func(o network.DhcpOption) string { return o.Key }))
		},
		"value": func(_ *view, d *network.DhcpOptions, want values) bool {
			for _, o := range d.Options {
				if want.any(o.Values) {
					return true
				}
			}
			return false
		},
	},
}

func toDhcpOptions(d *network.DhcpOptions) types.DhcpOptions {
	return types.DhcpOptions{
		DhcpOptionsId: aws.String(d.ID), OwnerId: aws.String(d.Account), Tags: toTags(d.Tags),
		DhcpConfigurations: convert(d.Options, func(o network.DhcpOption) types.DhcpConfiguration {
			return types.DhcpConfiguration{Key: aws.String(o.Key), Values: convert(o.Values, func(v string) types.AttributeValue {
				return types.AttributeValue{Value: aws.String(v)}
			})}
		}),
	}
}

func (s *service) createDhcpOptions(ctx context.Context, c *api.Call, in *sdk.CreateDhcpOptionsInput) (*sdk.CreateDhcpOptionsOutput, error) {
	tags, err := tagsFor(ctx, c, "dhcp-options", in.TagSpecifications)
	if err != nil {
		return nil, err
	}
	d, err := s.network.CreateDhcpOptions(ctx, scopeOf(c), convert(in.DhcpConfigurations, func(o types.NewDhcpConfiguration) network.DhcpOption {
		return network.DhcpOption{Key: aws.ToString(o.Key), Values: o.Values}
	}), tags)
	if err != nil {
		return nil, err
	}
	out := toDhcpOptions(d)
	return &sdk.CreateDhcpOptionsOutput{DhcpOptions: &out}, nil
}

func (s *service) describeDhcpOptions(_ context.Context, c *api.Call, in *sdk.DescribeDhcpOptionsInput) (*sdk.DescribeDhcpOptionsOutput, error) {
	found, next, err := describe(s.view(c), dhcpListing, query{in.DhcpOptionsIds, in.Filters, in.MaxResults, in.NextToken})
	return &sdk.DescribeDhcpOptionsOutput{DhcpOptions: convert(found, toDhcpOptions), NextToken: next}, err
}

func (s *service) associateDhcpOptions(ctx context.Context, c *api.Call, in *sdk.AssociateDhcpOptionsInput) (*sdk.AssociateDhcpOptionsOutput, error) {
	if aws.ToString(in.DhcpOptionsId) == "" {
		return nil, required("dhcpOptionsId")
	}
	return nil, s.network.AssociateDhcpOptions(ctx, scopeOf(c), *in.DhcpOptionsId, aws.ToString(in.VpcId))
}

func (s *service) deleteDhcpOptions(ctx context.Context, c *api.Call, in *sdk.DeleteDhcpOptionsInput) (*sdk.DeleteDhcpOptionsOutput, error) {
	return nil, s.network.DeleteDhcpOptions(ctx, scopeOf(c), aws.ToString(in.DhcpOptionsId))
}
