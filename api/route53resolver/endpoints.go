package route53resolver

import (
	"context"
	"maps"
	"net/netip"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/page"
	"postern/api/tags"
	"postern/aws/arn"
	sdk "postern/aws/service/route53resolver"
	"postern/aws/service/route53resolver/types"
	"postern/network"
	"postern/network/vpc"
)

var endpointFields = fields[types.ResolverEndpoint]{
	"CreatorRequestId": value(func(e types.ResolverEndpoint) *string { return e.CreatorRequestId }),
	"Direction":        func(e types.ResolverEndpoint) []string { return []string{string(e.Direction)} },
	"HostVPCId":        value(func(e types.ResolverEndpoint) *string { return e.HostVPCId }),
	"IpAddressCount":   func(e types.ResolverEndpoint) []string { return []string{strconv.Itoa(int(*e.IpAddressCount))} },
	"Name":             value(func(e types.ResolverEndpoint) *string { return e.Name }),
	"SecurityGroupIds": func(e types.ResolverEndpoint) []string { return e.SecurityGroupIds },
	"Status":           func(e types.ResolverEndpoint) []string { return []string{string(e.Status)} },
}

var endpointMessages = map[types.ResolverEndpointStatus]string{
	types.ResolverEndpointStatusCreating:    "Creating the Resolver Endpoint",
	types.ResolverEndpointStatusOperational: "This Resolver Endpoint is operational.",
	types.ResolverEndpointStatusUpdating:    "Updating the Resolver Endpoint",
	types.ResolverEndpointStatusDeleting:    "Deleting the Resolver Endpoint",
}

// endpoint is a Resolver endpoint as the API shows it; a change under way shows another status than the record's.
func endpoint(e *network.ResolverEndpoint, status string) *types.ResolverEndpoint {
	direction := types.ResolverEndpointDirectionInbound
	if e.Direction == vpc.Outbound {
		direction = types.ResolverEndpointDirectionOutbound
	}
	out := &types.ResolverEndpoint{
		Id: aws.String(e.ID), Arn: aws.String(name(e.Region, e.Account, endpointType, e.ID)), Name: text(e.Name),
		CreatorRequestId: aws.String(e.CreatorRequest),
		Direction:        direction, HostVPCId: aws.String(e.VPC), SecurityGroupIds: e.Groups,
		IpAddressCount: aws.Int32(int32(len(e.Addresses))),
		Status:         types.ResolverEndpointStatus(status), ResolverEndpointType: types.ResolverEndpointTypeIpv4,
		Protocols:    []types.Protocol{types.ProtocolDo53},
		CreationTime: moment(e.Created), ModificationTime: moment(e.Modified),
		RniEnhancedMetricsEnabled: aws.Bool(false), TargetNameServerMetricsEnabled: aws.Bool(false),
		Dns64Enabled: aws.Bool(false), Ipv6InternetAccessEnabled: aws.Bool(false),
	}
	out.StatusMessage = aws.String(endpointMessages[out.Status])
	return out
}

// options holds the members of Create and Update that ask for what Postern does not do: other protocols than plain DNS,
// other addresses than IPv4.
type options struct {
	kind      types.ResolverEndpointType
	protocols []types.Protocol
	flags     map[string]*bool
}

func (o options) check(c *api.Call) error {
	if o.kind != "" && o.kind != types.ResolverEndpointTypeIpv4 {
		if !slices.Contains(o.kind.Values(), o.kind) {
			return invalid("ResolverEndpointType '%s' is not one of IPV4, IPV6, DUALSTACK", o.kind)
		}
		return unbuilt(c, "ResolverEndpointType "+string(o.kind))
	}
	for _, p := range o.protocols {
		if !slices.Contains(p.Values(), p) {
			return invalid("Protocol '%s' is not one of Do53, DoH, DoH-FIPS", p)
		}
		if p != types.ProtocolDo53 {
			return unbuilt(c, "protocol "+string(p))
		}
	}
	for _, flag := range slices.Sorted(maps.Keys(o.flags)) {
		if aws.ToBool(o.flags[flag]) {
			return unbuilt(c, flag)
		}
	}
	return nil
}

func (s *service) createResolverEndpoint(
	ctx context.Context, c *api.Call, in *sdk.CreateResolverEndpointInput,
) (*sdk.CreateResolverEndpointOutput, error) {
	err := options{in.ResolverEndpointType, in.Protocols, map[string]*bool{
		"RniEnhancedMetricsEnabled":      in.RniEnhancedMetricsEnabled,
		"TargetNameServerMetricsEnabled": in.TargetNameServerMetricsEnabled,
		"Dns64Enabled":                   in.Dns64Enabled, "Ipv6InternetAccessEnabled": in.Ipv6InternetAccessEnabled,
	}}.check(c)
	if err != nil {
		return nil, err
	}
	made := network.CreateResolverEndpointInput{
		Name: aws.ToString(in.Name), Groups: in.SecurityGroupIds, CreatorRequest: aws.ToString(in.CreatorRequestId),
		Tags: tags.From[network.Tag](in.Tags),
	}
	switch in.Direction {
	case types.ResolverEndpointDirectionInbound:
	case types.ResolverEndpointDirectionOutbound:
		made.Direction = vpc.Outbound
	case types.ResolverEndpointDirectionInboundDelegation:
		return nil, unbuilt(c, "direction INBOUND_DELEGATION")
	default:
		return nil, invalid("Direction '%s' is not one of INBOUND, OUTBOUND, INBOUND_DELEGATION", in.Direction)
	}
	for _, a := range in.IpAddresses {
		subnet, err := place(c, a.SubnetId, a.Ip, a.Ipv6)
		if err != nil {
			return nil, err
		}
		made.Addresses = append(made.Addresses, subnet)
	}
	if err := mayPlace(ctx, c, made.Addresses, made.Groups); err != nil {
		return nil, err
	}
	e, err := s.network.CreateResolverEndpoint(ctx, scopeOf(c), made)
	if err != nil {
		return nil, err
	}
	return &sdk.CreateResolverEndpointOutput{ResolverEndpoint: endpoint(e, e.State)}, nil
}

// mayPlace asks whether the caller may make the network interfaces of an endpoint: Resolver makes them on its behalf.
func mayPlace(ctx context.Context, c *api.Call, subnets []network.ResolverSubnet, groups []string) error {
	resources := []string{"network-interface/*"}
	for _, n := range subnets {
		resources = append(resources, "subnet/"+n.ID)
	}
	for _, id := range groups {
		resources = append(resources, "security-group/"+id)
	}
	for _, r := range resources {
		if err := c.Forward(
			ctx, "route53resolver.amazonaws.com", "ec2:CreateNetworkInterface",
			arn.New("ec2", c.Region, c.Account, r).String(), nil,
		); err != nil {
			return err
		}
	}
	return nil
}

// place reads a subnet and an address in it.
func place(c *api.Call, subnet, ip, ipv6 *string) (network.ResolverSubnet, error) {
	out := network.ResolverSubnet{ID: aws.ToString(subnet)}
	if aws.ToString(ipv6) != "" {
		return out, unbuilt(c, "Ipv6")
	}
	if aws.ToString(ip) == "" {
		return out, nil
	}
	a, err := netip.ParseAddr(*ip)
	if err != nil || !a.Is4() {
		return out, invalid("'%s' is not an IPv4 address", *ip)
	}
	out.Address = a
	return out, nil
}

func (s *service) getResolverEndpoint(
	_ context.Context, c *api.Call, in *sdk.GetResolverEndpointInput,
) (*sdk.GetResolverEndpointOutput, error) {
	e, err := s.network.State().ResolverEndpoint(scopeOf(c), aws.ToString(in.ResolverEndpointId))
	if err != nil {
		return nil, err
	}
	return &sdk.GetResolverEndpointOutput{ResolverEndpoint: endpoint(e, e.State)}, nil
}

func (s *service) listResolverEndpoints(
	_ context.Context, c *api.Call, in *sdk.ListResolverEndpointsInput,
) (*sdk.ListResolverEndpointsOutput, error) {
	var all []types.ResolverEndpoint
	for e := range s.network.State().ResolverEndpoints(scopeOf(c)) {
		all = append(all, *endpoint(e, e.State))
	}
	all, err := filter(all, endpointFields, in.Filters)
	if err != nil {
		return nil, err
	}
	p, err := page.Read(c, in, maxResults)
	if err != nil {
		return nil, err
	}
	rows, next := page.Cut(p, all, func(e types.ResolverEndpoint) string { return *e.Id })
	return &sdk.ListResolverEndpointsOutput{ResolverEndpoints: rows, MaxResults: sizeOf(p), NextToken: next}, nil
}

func (s *service) updateResolverEndpoint(
	ctx context.Context, c *api.Call, in *sdk.UpdateResolverEndpointInput,
) (*sdk.UpdateResolverEndpointOutput, error) {
	err := options{in.ResolverEndpointType, in.Protocols, map[string]*bool{
		"RniEnhancedMetricsEnabled":      in.RniEnhancedMetricsEnabled,
		"TargetNameServerMetricsEnabled": in.TargetNameServerMetricsEnabled,
		"Dns64Enabled":                   in.Dns64Enabled, "Ipv6InternetAccessEnabled": in.Ipv6InternetAccessEnabled,
	}}.check(c)
	if err != nil {
		return nil, err
	}
	e, err := s.network.State().ResolverEndpoint(scopeOf(c), aws.ToString(in.ResolverEndpointId))
	if err == nil && in.Name != nil {
		e, err = s.network.RenameResolverEndpoint(ctx, scopeOf(c), e.ID, *in.Name)
	}
	if err != nil {
		return nil, err
	}
	return &sdk.UpdateResolverEndpointOutput{ResolverEndpoint: endpoint(e, e.State)}, nil
}

func (s *service) deleteResolverEndpoint(
	ctx context.Context, c *api.Call, in *sdk.DeleteResolverEndpointInput,
) (*sdk.DeleteResolverEndpointOutput, error) {
	e, err := s.network.DeleteResolverEndpoint(ctx, scopeOf(c), aws.ToString(in.ResolverEndpointId))
	if err != nil {
		return nil, err
	}
	return &sdk.DeleteResolverEndpointOutput{ResolverEndpoint: endpoint(e, network.ResolverDeleting)}, nil
}

func (s *service) associateIPAddress(
	ctx context.Context, c *api.Call, in *sdk.AssociateResolverEndpointIpAddressInput,
) (*sdk.AssociateResolverEndpointIpAddressOutput, error) {
	if in.IpAddress.IpId != nil {
		return nil, invalid("IpId names an address that the endpoint has; give a SubnetId and, if you like, an Ip")
	}
	subnet, err := place(c, in.IpAddress.SubnetId, in.IpAddress.Ip, in.IpAddress.Ipv6)
	if err != nil {
		return nil, err
	}
	var groups []string
	if e, err := s.network.State().ResolverEndpoint(scopeOf(c), aws.ToString(in.ResolverEndpointId)); err == nil {
		groups = e.Groups
	}
	if err := mayPlace(ctx, c, []network.ResolverSubnet{subnet}, groups); err != nil {
		return nil, err
	}
	e, err := s.network.AddResolverAddress(ctx, scopeOf(c), aws.ToString(in.ResolverEndpointId), subnet)
	if err != nil {
		return nil, err
	}
	return &sdk.AssociateResolverEndpointIpAddressOutput{ResolverEndpoint: endpoint(e, network.ResolverUpdating)}, nil
}

func (s *service) disassociateIPAddress(
	ctx context.Context, c *api.Call, in *sdk.DisassociateResolverEndpointIpAddressInput,
) (*sdk.DisassociateResolverEndpointIpAddressOutput, error) {
	subnet, err := place(c, in.IpAddress.SubnetId, in.IpAddress.Ip, in.IpAddress.Ipv6)
	if err != nil {
		return nil, err
	}
	which := network.ResolverAddressName{ID: aws.ToString(in.IpAddress.IpId), ResolverSubnet: subnet}
	if which.ID == "" && (subnet.ID == "" || !subnet.Address.IsValid()) {
		return nil, invalid("IpAddress needs an IpId, or a SubnetId and an Ip")
	}
	e, err := s.network.RemoveResolverAddress(ctx, scopeOf(c), aws.ToString(in.ResolverEndpointId), which)
	if err != nil {
		return nil, err
	}
	return &sdk.DisassociateResolverEndpointIpAddressOutput{ResolverEndpoint: endpoint(e, network.ResolverUpdating)}, nil
}

// oldestFirst is the key of an endpoint's addresses; those that were made at once are in the order of addresses.
func oldestFirst(a network.ResolverAddress) string {
	bytes := a.Address.As16()
	return page.Ascending(a.Created.UnixNano()) + string(bytes[:])
}

func (s *service) listIPAddresses(
	_ context.Context, c *api.Call, in *sdk.ListResolverEndpointIpAddressesInput,
) (*sdk.ListResolverEndpointIpAddressesOutput, error) {
	e, err := s.network.State().ResolverEndpoint(scopeOf(c), aws.ToString(in.ResolverEndpointId))
	if err != nil {
		return nil, err
	}
	p, err := page.Read(c, in, maxResults)
	if err != nil {
		return nil, err
	}
	rows, next := page.Cut(p, e.Addresses, oldestFirst)
	out := &sdk.ListResolverEndpointIpAddressesOutput{MaxResults: sizeOf(p), NextToken: next}
	for _, a := range rows {
		out.IpAddresses = append(out.IpAddresses, types.IpAddressResponse{
			IpId: aws.String(a.ID), SubnetId: aws.String(a.Subnet), Ip: aws.String(a.Address.String()),
			Status:        types.IpAddressStatusAttached,
			StatusMessage: aws.String("This IP address is operational."), CreationTime: moment(a.Created),
			ModificationTime: moment(a.Created),
		})
	}
	return out, nil
}
