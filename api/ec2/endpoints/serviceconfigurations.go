package endpoints

import (
	"context"
	"iter"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/ec2/internal/query"
	"postern/api/tags"
	"postern/aws/fault"
	sdk "postern/aws/service/ec2"
	"postern/aws/service/ec2/types"
	"postern/network"
)

// What is the same for every endpoint service of one's own.
const (
	serviceState = string(types.ServiceStateAvailable)
	ipv4         = string(types.ServiceConnectivityTypeIpv4)
)

var serviceListing = query.Listing[*network.VpcEndpointService]{
	ID:   func(v *network.VpcEndpointService) string { return v.ID },
	Tags: func(v *network.VpcEndpointService) []network.Tag { return v.Tags },
	All:  func(v *query.View) iter.Seq[*network.VpcEndpointService] { return v.VpcEndpointServices(v.Scope) },
	Get: func(v *query.View, id string) (*network.VpcEndpointService, error) {
		return v.VpcEndpointService(v.Scope, id)
	},
	Filters: map[string]query.Test[*network.VpcEndpointService]{
		"service-id":                 query.Text(func(v *network.VpcEndpointService) string { return v.ID }),
		"service-name":               query.Text(func(v *network.VpcEndpointService) string { return v.Name() }),
		"service-state":              query.Always[*network.VpcEndpointService](serviceState),
		"supported-ip-address-types": query.Always[*network.VpcEndpointService](ipv4),
	},
}

func toServiceConfiguration(v *query.View, e *network.VpcEndpointService) types.ServiceConfiguration {
	out := types.ServiceConfiguration{
		ServiceId: aws.String(e.ID), ServiceName: aws.String(e.Name()), ServiceState: types.ServiceState(serviceState),
		ServiceType:        []types.ServiceTypeDetail{{ServiceType: types.ServiceTypeInterface}},
		AcceptanceRequired: aws.Bool(e.AcceptanceRequired), ManagesVpcEndpoints: aws.Bool(false),
		NetworkLoadBalancerArns: e.TargetARNs(),
		BaseEndpointDnsNames:    []string{e.ID + "." + e.Region + ".vpce.amazonaws.com"},
		SupportedIpAddressTypes: []types.ServiceConnectivityType{types.ServiceConnectivityTypeIpv4},
		SupportedRegions: []types.SupportedRegionDetail{
			{Region: aws.String(e.Region), ServiceState: aws.String(serviceState)},
		},
		RemoteAccessEnabled: aws.Bool(false), Tags: tags.To[types.Tag](e.Tags),
	}
	out.AvailabilityZones = v.ServiceZones(e)
	for _, z := range out.AvailabilityZones {
		out.AvailabilityZoneIds = append(out.AvailabilityZoneIds, network.ZoneID(z))
	}
	if d := e.PrivateDNS; d != nil {
		out.PrivateDnsName = aws.String(d.Name)
		out.PrivateDnsNameConfiguration = &types.PrivateDnsNameConfiguration{
			Name: aws.String(d.Record), Type: aws.String("TXT"), Value: aws.String(d.Value), State: types.DnsNameState(d.State),
		}
	}
	return out
}

// onlyHere refuses what services of one's own do not have: other families than IPv4 and other regions.
func onlyHere(c *api.Call, families, regions []string) error {
	for _, f := range families {
		if f != ipv4 {
			return query.Unbuilt(c, "supportedIpAddressTypes "+f)
		}
	}
	for _, r := range regions {
		if r != c.Region {
			return query.Unbuilt(c, "supportedRegions other than "+c.Region)
		}
	}
	return nil
}

func (s *service) createServiceConfiguration(
	ctx context.Context,
	c *api.Call,
	in *sdk.CreateVpcEndpointServiceConfigurationInput,
) (*sdk.CreateVpcEndpointServiceConfigurationOutput, error) {
	if err := onlyHere(c, in.SupportedIpAddressTypes, in.SupportedRegions); err != nil {
		return nil, err
	}
	tags, err := query.TagsFor(ctx, c, "vpc-endpoint-service", in.TagSpecifications)
	if err != nil {
		return nil, err
	}
	made, err := s.network.CreateEndpointService(ctx, query.ScopeOf(c), network.CreateEndpointServiceInput{
		AcceptanceRequired: in.AcceptanceRequired == nil || *in.AcceptanceRequired, // the EC2 API's default
		Targets:            in.NetworkLoadBalancerArns, PrivateName: aws.ToString(in.PrivateDnsName), Tags: tags,
		Token: aws.ToString(in.ClientToken),
	})
	if err != nil {
		return nil, err
	}
	out := toServiceConfiguration(s.view(c), made)
	return &sdk.CreateVpcEndpointServiceConfigurationOutput{ServiceConfiguration: &out, ClientToken: in.ClientToken}, nil
}

func (s *service) describeServiceConfigurations(
	_ context.Context,
	c *api.Call,
	in *sdk.DescribeVpcEndpointServiceConfigurationsInput,
) (*sdk.DescribeVpcEndpointServiceConfigurationsOutput, error) {
	v := s.view(c)
	found, next, err := query.Describe(v, in, serviceListing, in.ServiceIds, in.Filters)
	return &sdk.DescribeVpcEndpointServiceConfigurationsOutput{
		ServiceConfigurations: query.Show(v, found, toServiceConfiguration),
		NextToken:             next,
	}, err
}

func (s *service) modifyServiceConfiguration(
	ctx context.Context,
	c *api.Call,
	in *sdk.ModifyVpcEndpointServiceConfigurationInput,
) (*sdk.ModifyVpcEndpointServiceConfigurationOutput, error) {
	if err := onlyHere(c, in.AddSupportedIpAddressTypes, in.AddSupportedRegions); err != nil {
		return nil, err
	}
	err := s.network.ModifyEndpointService(
		ctx,
		query.ScopeOf(c),
		aws.ToString(in.ServiceId),
		network.EndpointServiceChange{
			AcceptanceRequired: in.AcceptanceRequired, AddTargets: in.AddNetworkLoadBalancerArns,
			RemoveTargets: in.RemoveNetworkLoadBalancerArns,
			PrivateName:   in.PrivateDnsName, RemovePrivateName: aws.ToBool(in.RemovePrivateDnsName),
		},
	)
	return &sdk.ModifyVpcEndpointServiceConfigurationOutput{Return: aws.Bool(true)}, err
}

func (s *service) deleteServiceConfigurations(
	ctx context.Context,
	c *api.Call,
	in *sdk.DeleteVpcEndpointServiceConfigurationsInput,
) (*sdk.DeleteVpcEndpointServiceConfigurationsOutput, error) {
	failed, err := s.network.DeleteEndpointServices(ctx, query.ScopeOf(c), in.ServiceIds)
	for id, e := range failed {
		// Other calls answer with this code; this one has another.
		if f := fault.Of(e); f.Code == "InvalidVpcEndpointServiceId.NotFound" {
			failed[id] = f.WithCode("InvalidVpcEndpointService.NotFound")
		}
	}
	return &sdk.DeleteVpcEndpointServiceConfigurationsOutput{Unsuccessful: query.Unsuccessful(in.ServiceIds, failed)}, err
}

func (s *service) startServiceVerification(
	ctx context.Context,
	c *api.Call,
	in *sdk.StartVpcEndpointServicePrivateDnsVerificationInput,
) (*sdk.StartVpcEndpointServicePrivateDnsVerificationOutput, error) {
	err := s.network.VerifyServiceName(ctx, query.ScopeOf(c), aws.ToString(in.ServiceId))
	return &sdk.StartVpcEndpointServicePrivateDnsVerificationOutput{ReturnValue: aws.Bool(true)}, err
}
