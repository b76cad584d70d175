package instances

import (
	"context"
	"iter"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/ec2/internal/query"
	"postern/api/ec2/vpcs"
	"postern/api/tags"
	sdk "postern/aws/service/ec2"
	"postern/aws/service/ec2/types"
	"postern/network"
	"postern/services/compute"
)

// No VPC is linked to EC2-Classic, which is gone; some tools still ask each VPC whether it is.

func (s *service) describeVpcClassicLink(
	_ context.Context, c *api.Call, in *sdk.DescribeVpcClassicLinkInput,
) (*sdk.DescribeVpcClassicLinkOutput, error) {
	list := vpcs.VPCs
	list.Filters = map[string]query.Test[*network.VPC]{"is-classic-link-enabled": query.Always[*network.VPC]("false")}
	found, _, err := query.Describe(s.view(c), in, list, in.VpcIds, in.Filters)
	return &sdk.DescribeVpcClassicLinkOutput{Vpcs: query.Convert(found, func(v *network.VPC) types.VpcClassicLink {
		return types.VpcClassicLink{
			VpcId:              aws.String(v.ID),
			ClassicLinkEnabled: aws.Bool(false),
			Tags:               tags.To[types.Tag](v.Tags),
		}
	})}, err
}

func (s *service) describeVpcClassicLinkDNS(
	_ context.Context, c *api.Call, in *sdk.DescribeVpcClassicLinkDnsSupportInput,
) (*sdk.DescribeVpcClassicLinkDnsSupportOutput, error) {
	found, next, err := query.Describe(s.view(c), in, vpcs.VPCs, in.VpcIds, nil)
	links := query.Convert(found, func(v *network.VPC) types.ClassicLinkDnsSupport {
		return types.ClassicLinkDnsSupport{VpcId: aws.String(v.ID), ClassicLinkDnsSupported: aws.Bool(false)}
	})
	return &sdk.DescribeVpcClassicLinkDnsSupportOutput{NextToken: next, Vpcs: links}, err
}

// describeClassicLinkInstances finds no instance: those that are named must be there, and none of them is linked.
func (s *service) describeClassicLinkInstances(
	_ context.Context, c *api.Call, in *sdk.DescribeClassicLinkInstancesInput,
) (*sdk.DescribeClassicLinkInstancesOutput, error) {
	list := query.Listing[compute.Instance]{
		ID:   func(i compute.Instance) string { return i.ID },
		Tags: func(i compute.Instance) []network.Tag { return instanceTags(i.Tags) },
		All:  func(*query.View) iter.Seq[compute.Instance] { return slices.Values([]compute.Instance{}) },
		Get:  func(_ *query.View, id string) (compute.Instance, error) { return s.instance(c, id) },
		Filters: map[string]query.Test[compute.Instance]{
			"group-id":    query.None[compute.Instance],
			"instance-id": query.None[compute.Instance],
			"vpc-id":      query.None[compute.Instance],
		},
	}
	_, next, err := query.Describe(s.view(c), in, list, in.InstanceIds, in.Filters)
	return &sdk.DescribeClassicLinkInstancesOutput{NextToken: next}, err
}
