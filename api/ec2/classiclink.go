package ec2

import (
	"context"
	"iter"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	sdk "postern/aws/service/ec2"
	"postern/aws/service/ec2/types"
	"postern/network"
	"postern/services/compute"
)

// No VPC is linked to EC2-Classic, which is gone; some tools still ask each VPC whether it is.

func (s *service) classicLinkOperations() []api.Operation {
	return []api.Operation{
		api.Op("DescribeVpcClassicLink", api.Everything, s.describeVpcClassicLink, api.Takes("Filters", "VpcIds")),
		api.Op("DescribeVpcClassicLinkDnsSupport", api.Everything, s.describeVpcClassicLinkDNS,
			api.Takes("MaxResults", "NextToken", "VpcIds")),
		api.Op("DescribeClassicLinkInstances", api.Everything, s.describeClassicLinkInstances, pages,
			api.Takes("InstanceIds")),
	}
}

func (s *service) describeVpcClassicLink(
	_ context.Context, c *api.Call, in *sdk.DescribeVpcClassicLinkInput,
) (*sdk.DescribeVpcClassicLinkOutput, error) {
	list := vpcListing
	list.filters = map[string]test[*network.VPC]{"is-classic-link-enabled": always[*network.VPC]("false")}
	found, _, err := describe(s.view(c), list, query{ids: in.VpcIds, filters: in.Filters})
	return &sdk.DescribeVpcClassicLinkOutput{Vpcs: convert(found, func(v *network.VPC) types.VpcClassicLink {
		return types.VpcClassicLink{VpcId: aws.String(v.ID), ClassicLinkEnabled: aws.Bool(false), Tags: toTags(v.Tags)}
	})}, err
}

func (s *service) describeVpcClassicLinkDNS(
	_ context.Context, c *api.Call, in *sdk.DescribeVpcClassicLinkDnsSupportInput,
) (*sdk.DescribeVpcClassicLinkDnsSupportOutput, error) {
	found, next, err := describe(s.view(c), vpcListing, query{in.VpcIds, nil, in.MaxResults, in.NextToken})
	links := convert(found, func(v *network.VPC) types.ClassicLinkDnsSupport {
		return types.ClassicLinkDnsSupport{VpcId: aws.String(v.ID), ClassicLinkDnsSupported: aws.Bool(false)}
	})
	return &sdk.DescribeVpcClassicLinkDnsSupportOutput{NextToken: next, Vpcs: links}, err
}

// describeClassicLinkInstances finds no instance: those that are named must be there, and none of them is linked.
func (s *service) describeClassicLinkInstances(
	_ context.Context, c *api.Call, in *sdk.DescribeClassicLinkInstancesInput,
) (*sdk.DescribeClassicLinkInstancesOutput, error) {
	list := listing[compute.Instance]{
		id:   func(i compute.Instance) string { return i.ID },
		tags: func(i compute.Instance) []network.Tag { return instanceTags(i.Tags) },
		all:  func(*view) iter.Seq[compute.Instance] { return slices.Values([]compute.Instance{}) },
		get:  func(_ *view, id string) (compute.Instance, error) { return s.instance(c, id) },
		filters: map[string]test[compute.Instance]{
			"group-id": none[compute.Instance], "instance-id": none[compute.Instance], "vpc-id": none[compute.Instance],
		},
	}
	_, next, err := describe(s.view(c), list, query{in.InstanceIds, in.Filters, in.MaxResults, in.NextToken})
	return &sdk.DescribeClassicLinkInstancesOutput{NextToken: next}, err
}
