package ec2

import (
	"context"
	"iter"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"postern/api"
	"postern/aws/fault"
	"postern/network"
)

var endpointServiceListing = listing[network.EndpointService]{
	id:   func(e network.EndpointService) string { return e.Name + "/" + string(endpointType(e.Kind)) },
	tags: func(network.EndpointService) []network.Tag { return nil },
	all: func(v *view) iter.Seq[network.EndpointService] {
		return slices.Values(network.EndpointServices(v.scope.Region))
	},
	filters: map[string]test[network.EndpointService]{
		"owner":                      always[network.EndpointService]("amazon"),
		"service-name":               text(func(e network.EndpointService) string { return e.Name }),
		"service-region":             text(func(e network.EndpointService) string { return e.Region }),
		"service-type":               text(func(e network.EndpointService) string { return string(endpointType(e.Kind)) }),
		"supported-ip-address-types": always[network.EndpointService]("ipv4"),
	},
}

func toEndpointService(e network.EndpointService) types.ServiceDetail {
	out := types.ServiceDetail{
		ServiceId: aws.String(e.ID), ServiceName: aws.String(e.Name), ServiceRegion: aws.String(e.Region),
		Owner: aws.String("amazon"), AcceptanceRequired: aws.Bool(false), ManagesVpcEndpoints: aws.Bool(false),
		VpcEndpointPolicySupported: aws.Bool(true), BaseEndpointDnsNames: e.BaseNames,
		ServiceType:             []types.ServiceTypeDetail{{ServiceType: types.ServiceType(endpointType(e.Kind))}},
		SupportedIpAddressTypes: []types.ServiceConnectivityType{types.ServiceConnectivityTypeIpv4},
	}
	if r, ok := network.RegionByName(e.Region); ok {
		for _, z := range r.Zones() {
			out.AvailabilityZones = append(out.AvailabilityZones, z.Name)
			out.AvailabilityZoneIds = append(out.AvailabilityZoneIds, z.ID)
		}
	}
	if len(e.PrivateNames) > 0 {
		out.PrivateDnsName = aws.String(e.PrivateNames[0])
		out.PrivateDnsNameVerificationState = types.DnsNameStateVerified
		out.PrivateDnsNames = convert(e.PrivateNames, func(name string) types.PrivateDnsDetails {
			return types.PrivateDnsDetails{PrivateDnsName: aws.String(name)}
		})
	}
	return out
}

// describeVpcEndpointServices lists Amazon's own services. A service name that is asked for and is not one of them is
// an error; the list of names holds each name once, the details one for each kind of endpoint.
func (s *service) describeVpcEndpointServices(_ context.Context, c *api.Call, in *sdk.DescribeVpcEndpointServicesInput) (*sdk.DescribeVpcEndpointServicesOutput, error) {
	for _, r := range in.ServiceRegions {
		if r != c.Region {
			return nil, unbuilt(c, "serviceRegions other than "+c.Region)
		}
	}
	list := endpointServiceListing
	if len(in.ServiceNames) > 0 {
		all := network.EndpointServices(c.Region)
		for _, name := range in.ServiceNames {
			if !slices.ContainsFunc(all, func(e network.EndpointService) bool { return e.Name == name }) {
				return nil, fault.New(fault.NotFound, "ec2", "The Vpc Endpoint Service '%s' does not exist", name).WithCode("InvalidServiceName")
			}
		}
		list.all = func(*view) iter.Seq[network.EndpointService] {
			return slices.Values(slices.DeleteFunc(all, func(e network.EndpointService) bool { return !slices.Contains(in.ServiceNames, e.Name) }))
		}
	}
	found, next, err := describe(s.view(c), list, query{nil, in.Filters, in.MaxResults, in.NextToken})
	if err != nil {
		return nil, err
	}
	names := convert(found, func(e network.EndpointService) string { return e.Name })
	return &sdk.DescribeVpcEndpointServicesOutput{
		ServiceNames: slices.Compact(names), ServiceDetails: convert(found, toEndpointService), NextToken: next,
	}, nil
}
