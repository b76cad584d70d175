package endpoints

import (
	"cmp"
	"context"
	"iter"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/ec2/internal/query"
	sdk "postern/aws/service/ec2"
	"postern/aws/service/ec2/types"
	"postern/network"
)

// connection is an endpoint as the owner of its service sees it.
type connection struct {
	*network.VpcEndpoint
	service *network.VpcEndpointService
}

var connectionListing = query.Listing[connection]{
	ID: func(x connection) string { return x.ID },
	All: func(v *query.View) iter.Seq[connection] {
		var rows []connection
		for service := range v.VpcEndpointServices(v.Scope) {
			for e := range v.Connections(service) {
				rows = append(rows, connection{e, service})
			}
		}
		slices.SortFunc(rows, func(a, b connection) int { return cmp.Compare(a.ID, b.ID) })
		return slices.Values(rows)
	},
	Filters: map[string]query.Test[connection]{
		"ip-address-type":     query.Always[connection](ipv4),
		"service-id":          query.Text(func(x connection) string { return x.service.ID }),
		"vpc-endpoint-id":     query.Text(func(x connection) string { return x.ID }),
		"vpc-endpoint-owner":  query.Text(func(x connection) string { return x.Account }),
		"vpc-endpoint-region": query.Text(func(x connection) string { return x.Region }),
		"vpc-endpoint-state":  query.Text(func(x connection) string { return x.State }),
	},
}

func toConnection(v *query.View, x connection) types.VpcEndpointConnection {
	return types.VpcEndpointConnection{
		ServiceId: aws.String(x.service.ID), VpcEndpointId: aws.String(x.ID), VpcEndpointOwner: aws.String(x.Account),
		VpcEndpointRegion: aws.String(
			x.Region,
		), VpcEndpointState: types.State(x.State), CreationTimestamp: aws.Time(x.Created),
		VpcEndpointConnectionId: aws.String(x.Connection), IpAddressType: types.IpAddressTypeIpv4,
		NetworkLoadBalancerArns: x.service.TargetARNs(),
		DnsEntries:              toDNSEntries(v.DNSEntries(x.VpcEndpoint, v.EndpointZones(x.VpcEndpoint))),
	}
}

func toDNSEntries(entries []network.DNSEntry) []types.DnsEntry {
	return query.Convert(entries, func(d network.DNSEntry) types.DnsEntry {
		return types.DnsEntry{DnsName: aws.String(d.Name), HostedZoneId: aws.String(d.HostedZone)}
	})
}

func (s *service) describeConnections(
	_ context.Context,
	c *api.Call,
	in *sdk.DescribeVpcEndpointConnectionsInput,
) (*sdk.DescribeVpcEndpointConnectionsOutput, error) {
	v := s.view(c)
	found, next, err := query.Describe(v, in, connectionListing, nil, in.Filters)
	return &sdk.DescribeVpcEndpointConnectionsOutput{
		VpcEndpointConnections: query.Show(v, found, toConnection),
		NextToken:              next,
	}, err
}

func (s *service) acceptConnections(
	ctx context.Context,
	c *api.Call,
	in *sdk.AcceptVpcEndpointConnectionsInput,
) (*sdk.AcceptVpcEndpointConnectionsOutput, error) {
	failed, err := s.network.AcceptConnections(ctx, query.ScopeOf(c), aws.ToString(in.ServiceId), in.VpcEndpointIds)
	return &sdk.AcceptVpcEndpointConnectionsOutput{Unsuccessful: query.Unsuccessful(in.VpcEndpointIds, failed)}, err
}

func (s *service) rejectConnections(
	ctx context.Context,
	c *api.Call,
	in *sdk.RejectVpcEndpointConnectionsInput,
) (*sdk.RejectVpcEndpointConnectionsOutput, error) {
	failed, err := s.network.RejectConnections(ctx, query.ScopeOf(c), aws.ToString(in.ServiceId), in.VpcEndpointIds)
	return &sdk.RejectVpcEndpointConnectionsOutput{Unsuccessful: query.Unsuccessful(in.VpcEndpointIds, failed)}, err
}
