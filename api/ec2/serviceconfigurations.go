package ec2

import (
	"context"
	"iter"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
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

var serviceListing = listing[*network.VpcEndpointService]{
	id:   func(v *network.VpcEndpointService) string { return v.ID },
	tags: func(v *network.VpcEndpointService) []network.Tag { return v.Tags },
	all:  func(v *view) iter.Seq[*network.VpcEndpointService] { return v.VpcEndpointServices(v.scope) },
	get: func(v *view, id string) (*network.VpcEndpointService, error) {
		return v.VpcEndpointService(v.scope, id)
	},
	filters: map[string]test[*network.VpcEndpointService]{
		"service-id":                 text(func(v *network.VpcEndpointService) string { return v.ID }),
		"service-name":               text(func(v *network.VpcEndpointService) string { return v.Name() }),
		"service-state":              always[*network.VpcEndpointService](serviceState),
		"supported-ip-address-types": always[*network.VpcEndpointService](ipv4),
	},
}

func (v *view) serviceConfiguration(e *network.VpcEndpointService) types.ServiceConfiguration {
	out := types.ServiceConfiguration{
		ServiceId: aws.String(e.ID), ServiceName: aws.String(e.Name()), ServiceState: types.ServiceState(serviceState),
		ServiceType:        []types.ServiceTypeDetail{{ServiceType: types.ServiceTypeInterface}},
		AcceptanceRequired: aws.Bool(e.AcceptanceRequired), ManagesVpcEndpoints: aws.Bool(false),
		NetworkLoadBalancerArns: e.TargetARNs(), BaseEndpointDnsNames: []string{e.ID + "." + e.Region + ".vpce.amazonaws.com"},
		SupportedIpAddressTypes: []types.ServiceConnectivityType{types.ServiceConnectivityTypeIpv4},
		SupportedRegions:        []types.SupportedRegionDetail{{Region: aws.String(e.Region), ServiceState: aws.String(serviceState)}},
		RemoteAccessEnabled:     aws.Bool(false), Tags: toTags(e.Tags),
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
			return unbuilt(c, "supportedIpAddressTypes "+f)
		}
	}
	for _, r := range regions {
		if r != c.Region {
			return unbuilt(c, "supportedRegions other than "+c.Region)
		}
	}
	return nil
}

func (s *service) createServiceConfiguration(ctx context.Context, c *api.Call, in *sdk.CreateVpcEndpointServiceConfigurationInput) (*sdk.CreateVpcEndpointServiceConfigurationOutput, error) {
	if err := onlyHere(c, in.SupportedIpAddressTypes, in.SupportedRegions); err != nil {
		return nil, err
	}
	tags, err := tagsFor(ctx, c, "vpc-endpoint-service", in.TagSpecifications)
	if err != nil {
		return nil, err
	}
	made, err := s.network.CreateEndpointService(ctx, scopeOf(c), network.CreateEndpointServiceInput{
		AcceptanceRequired: in.AcceptanceRequired == nil || *in.AcceptanceRequired, // the EC2 API's default
		Targets:            in.NetworkLoadBalancerArns, PrivateName: aws.ToString(in.PrivateDnsName), Tags: tags, Token: aws.ToString(in.ClientToken),
	})
	if err != nil {
		return nil, err
	}
	out := s.view(c).serviceConfiguration(made)
	return &sdk.CreateVpcEndpointServiceConfigurationOutput{ServiceConfiguration: &out, ClientToken: in.ClientToken}, nil
}

func (s *service) describeServiceConfigurations(_ context.Context, c *api.Call, in *sdk.DescribeVpcEndpointServiceConfigurationsInput) (*sdk.DescribeVpcEndpointServiceConfigurationsOutput, error) {
	v := s.view(c)
	found, next, err := describe(v, serviceListing, query{in.ServiceIds, in.Filters, in.MaxResults, in.NextToken})
	return &sdk.DescribeVpcEndpointServiceConfigurationsOutput{ServiceConfigurations: convert(found, v.serviceConfiguration), NextToken: next}, err
}

func (s *service) modifyServiceConfiguration(ctx context.Context, c *api.Call, in *sdk.ModifyVpcEndpointServiceConfigurationInput) (*sdk.ModifyVpcEndpointServiceConfigurationOutput, error) {
	if err := onlyHere(c, in.AddSupportedIpAddressTypes, in.AddSupportedRegions); err != nil {
		return nil, err
	}
	err := s.network.ModifyEndpointService(ctx, scopeOf(c), aws.ToString(in.ServiceId), network.EndpointServiceChange{
		AcceptanceRequired: in.AcceptanceRequired, AddTargets: in.AddNetworkLoadBalancerArns, RemoveTargets: in.RemoveNetworkLoadBalancerArns,
		PrivateName: in.PrivateDnsName, RemovePrivateName: aws.ToBool(in.RemovePrivateDnsName),
	})
	return &sdk.ModifyVpcEndpointServiceConfigurationOutput{Return: aws.Bool(true)}, err
}

func (s *service) deleteServiceConfigurations(ctx context.Context, c *api.Call, in *sdk.DeleteVpcEndpointServiceConfigurationsInput) (*sdk.DeleteVpcEndpointServiceConfigurationsOutput, error) {
	failed, err := s.network.DeleteEndpointServices(ctx, scopeOf(c), in.ServiceIds)
	for id, e := range failed {
		if f := fault.Of(e); f.Code == "InvalidVpcEndpointServiceId.NotFound" { // so other calls say; this one says it otherwise
			failed[id] = f.WithCode("InvalidVpcEndpointService.NotFound")
		}
	}
	return &sdk.DeleteVpcEndpointServiceConfigurationsOutput{Unsuccessful: unsuccessful(in.ServiceIds, failed)}, err
}

// unsuccessful says of each of the ids why nothing was done with it.
func unsuccessful(ids []string, failed map[string]error) []types.UnsuccessfulItem {
	var out []types.UnsuccessfulItem
	for _, id := range ids {
		if f := fault.Of(failed[id]); f != nil {
			out = append(out, types.UnsuccessfulItem{
				ResourceId: aws.String(id), Error: &types.UnsuccessfulItemError{Code: aws.String(f.Code), Message: aws.String(f.Message)},
			})
		}
	}
	return out
}

func (s *service) startServiceVerification(ctx context.Context, c *api.Call, in *sdk.StartVpcEndpointServicePrivateDnsVerificationInput) (*sdk.StartVpcEndpointServicePrivateDnsVerificationOutput, error) {
	err := s.network.VerifyServiceName(ctx, scopeOf(c), aws.ToString(in.ServiceId))
	return &sdk.StartVpcEndpointServicePrivateDnsVerificationOutput{ReturnValue: aws.Bool(true)}, err
}
