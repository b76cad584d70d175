package endpoints

import (
	"context"
	"iter"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/ec2/internal/query"
	"postern/api/tags"
	"postern/aws/fault"
	sdk "postern/aws/service/ec2"
	"postern/aws/service/ec2/types"
	"postern/network"
)

// all is set for each request: what there is depends on the caller.
var endpointServiceListing = query.Listing[network.EndpointService]{
	ID: func(e network.EndpointService) string { return e.Name + "/" + string(endpointType(e.Kind)) },
	Tags: func(e network.EndpointService) []network.Tag {
		if e.Own == nil {
			return nil
		}
		return e.Own.Tags
	},
	Filters: map[string]query.Test[network.EndpointService]{
		"owner":          query.Text(serviceOwner),
		"service-name":   query.Text(func(e network.EndpointService) string { return e.Name }),
		"service-region": query.Text(func(e network.EndpointService) string { return e.Region }),
		"service-type": query.Text(
			func(e network.EndpointService) string { return string(endpointType(e.Kind)) },
		),
		"supported-ip-address-types": query.Always[network.EndpointService](ipv4),
	},
}

func serviceOwner(e network.EndpointService) string {
	if e.Own == nil {
		return "amazon"
	}
	return e.Own.Account
}

func toEndpointService(v *query.View, e network.EndpointService) types.ServiceDetail {
	out := types.ServiceDetail{
		ServiceId: aws.String(e.ID), ServiceName: aws.String(e.Name), ServiceRegion: aws.String(e.Region),
		Owner: aws.String(serviceOwner(e)), AcceptanceRequired: aws.Bool(false), ManagesVpcEndpoints: aws.Bool(false),
		VpcEndpointPolicySupported: aws.Bool(true), BaseEndpointDnsNames: e.BaseNames,
		ServiceType:             []types.ServiceTypeDetail{{ServiceType: types.ServiceType(endpointType(e.Kind))}},
		SupportedIpAddressTypes: []types.ServiceConnectivityType{types.ServiceConnectivityTypeIpv4},
	}
	if e.Own != nil {
		addOwnService(v, e.Own, &out)
	} else if r, ok := network.RegionByName(e.Region); ok {
		for _, z := range r.Zones() {
			out.AvailabilityZones = append(out.AvailabilityZones, z.Name)
			out.AvailabilityZoneIds = append(out.AvailabilityZoneIds, z.ID)
		}
	}
	if len(e.PrivateNames) > 0 {
		out.PrivateDnsName = aws.String(e.PrivateNames[0])
		out.PrivateDnsNameVerificationState = types.DnsNameStateVerified
		out.PrivateDnsNames = query.Convert(e.PrivateNames, func(name string) types.PrivateDnsDetails {
			return types.PrivateDnsDetails{PrivateDnsName: aws.String(name)}
		})
	}
	return out
}

// ownService completes the details of a service of somebody's own.
func addOwnService(v *query.View, e *network.VpcEndpointService, out *types.ServiceDetail) {
	out.AcceptanceRequired, out.VpcEndpointPolicySupported = aws.Bool(e.AcceptanceRequired), aws.Bool(false)
	out.AvailabilityZones, out.Tags = v.ServiceZones(e), tags.To[types.Tag](e.Tags)
	for _, z := range out.AvailabilityZones {
		out.AvailabilityZoneIds = append(out.AvailabilityZoneIds, network.ZoneID(z))
	}
	if e.PrivateDNS != nil {
		out.PrivateDnsName = aws.String(e.PrivateDNS.Name)
		out.PrivateDnsNameVerificationState = types.DnsNameState(e.PrivateDNS.State)
	}
}

// visibleServices are the services that the caller can see, without the tags of other accounts.
func visibleServices(v *query.View, c *api.Call) []network.EndpointService {
	all := v.ServicesFor(v.Scope, principalsOf(c))
	for i := range all {
		if own := all[i].Own; own != nil && own.Account != c.Account {
			bare := *own
			bare.Tags = nil
			all[i].Own = &bare
		}
	}
	return all
}

// describeVpcEndpointServices lists Amazon's own services, the caller's and those that the caller may use. A service
// name that is asked for and is not one of them is an error; the list of names holds each name once, the details one
// for each kind of endpoint.
func (s *service) describeVpcEndpointServices(
	_ context.Context,
	c *api.Call,
	in *sdk.DescribeVpcEndpointServicesInput,
) (*sdk.DescribeVpcEndpointServicesOutput, error) {
	for _, r := range in.ServiceRegions {
		if r != c.Region {
			return nil, query.Unbuilt(c, "serviceRegions other than "+c.Region)
		}
	}
	v, list := s.view(c), endpointServiceListing
	all := visibleServices(v, c)
	for _, name := range in.ServiceNames {
		if !slices.ContainsFunc(all, func(e network.EndpointService) bool { return e.Name == name }) {
			return nil, fault.New(fault.NotFound, "ec2", "The Vpc Endpoint Service '%s' does not exist", name).
				WithCode("InvalidServiceName")
		}
	}
	if len(in.ServiceNames) > 0 {
		all = slices.DeleteFunc(
			all,
			func(e network.EndpointService) bool { return !slices.Contains(in.ServiceNames, e.Name) },
		)
	}
	list.All = func(*query.View) iter.Seq[network.EndpointService] { return slices.Values(all) }
	found, next, err := query.Describe(v, in, list, nil, in.Filters)
	if err != nil {
		return nil, err
	}
	names := query.Convert(found, func(e network.EndpointService) string { return e.Name })
	return &sdk.DescribeVpcEndpointServicesOutput{
		ServiceNames: slices.Compact(names), ServiceDetails: query.Show(v, found, toEndpointService), NextToken: next,
	}, nil
}
