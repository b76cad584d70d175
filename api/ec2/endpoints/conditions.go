package endpoints

import (
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/ec2/internal/query"
	sdk "postern/aws/service/ec2"
	"postern/network"
)

// ResourceTypes are the types of endpoints and endpoint services, with what tells policies about them.
func ResourceTypes(c Config) map[string]api.ResourceType {
	return map[string]api.ResourceType{
		"vpc-endpoint": {
			Tags: query.Tags(c.Network),
			Keys: query.Of(c.Network, (*network.State).VpcEndpoint, query.KeyValues[*network.VpcEndpoint]{
				serviceNameKey:   func(_ api.Resource, e *network.VpcEndpoint) string { return e.Service },
				serviceRegionKey: func(_ api.Resource, e *network.VpcEndpoint) string { return e.Region },
				multiRegionKey:   func(api.Resource, *network.VpcEndpoint) string { return strconv.FormatBool(false) },
			}),
		},
		query.EndpointServiceType: {
			Tags: query.Tags(c.Network),
			Keys: query.Of(c.Network, (*network.State).VpcEndpointService, query.KeyValues[*network.VpcEndpointService]{
				serviceRegionKey:   func(_ api.Resource, v *network.VpcEndpointService) string { return v.Region },
				supportedRegionKey: func(_ api.Resource, v *network.VpcEndpointService) string { return v.Region },
				multiRegionKey:     func(api.Resource, *network.VpcEndpointService) string { return strconv.FormatBool(false) },
			}),
		},
	}
}

// The condition keys of endpoints and endpoint services. No service is in several Regions.
const (
	serviceNameKey     = "ec2:VpceServiceName"
	serviceOwnerKey    = "ec2:VpceServiceOwner"
	serviceRegionKey   = "ec2:VpceServiceRegion"
	supportedRegionKey = "ec2:VpceSupportedRegion"
	multiRegionKey     = "ec2:VpceMultiRegion"
	privateDNSNameKey  = "ec2:VpceServicePrivateDnsName"
)

// newEndpointKeys are the condition keys of a new endpoint: the service that it is for.
func (s *service) newEndpointKeys(c *api.Call, in *sdk.CreateVpcEndpointInput) map[string][]string {
	name := aws.ToString(in.ServiceName)
	region := aws.ToString(in.ServiceRegion)
	if region == "" {
		region = c.Region
	}
	keys := map[string][]string{
		serviceNameKey: {name}, serviceRegionKey: {region}, multiRegionKey: {strconv.FormatBool(region != c.Region)},
	}
	if _, id, ok := strings.Cut(name, ".vpce-svc-"); ok {
		if v, found := s.network.State().AnyVpcEndpointService("vpce-svc-" + id); found {
			keys[serviceOwnerKey] = []string{v.Account}
		}
	} else if strings.HasPrefix(name, "com.amazonaws.") {
		keys[serviceOwnerKey] = []string{"amazon"}
	}
	return keys
}

// newServiceKeys are the condition keys of a new endpoint service.
func newServiceKeys(c *api.Call, in *sdk.CreateVpcEndpointServiceConfigurationInput) map[string][]string {
	return map[string][]string{
		privateDNSNameKey: oneOf(in.PrivateDnsName), serviceRegionKey: {c.Region},
		multiRegionKey: {strconv.FormatBool(len(in.SupportedRegions) > 1)},
	}
}

// changedServiceKeys are the condition keys of what a request makes of an endpoint service.
func changedServiceKeys(_ *api.Call, in *sdk.ModifyVpcEndpointServiceConfigurationInput) map[string][]string {
	return map[string][]string{privateDNSNameKey: oneOf(in.PrivateDnsName)}
}

func oneOf(text *string) []string {
	if text == nil {
		return nil
	}
	return []string{*text}
}
