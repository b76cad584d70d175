package doctor

import (
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/aws/client"
	"postern/aws/service/ec2"
	"postern/aws/service/ec2/types"
	"postern/network/vpc"
)

// each calls do with every item of every page.
func each[O, T any](r *reader, p *client.Paginator[O], items func(*O) []T, do func(*T)) error {
	for p.HasMorePages() {
		out, err := p.NextPage(r.ctx)
		if err != nil {
			return err
		}
		list := items(out)
		for i := range list {
			do(&list[i])
		}
	}
	return nil
}

// network reads the nodes' VPCs and what is peered with them.
func (r *reader) network() error {
	r.vpcs = slices.Clone(r.homes)
	for _, read := range []func() error{
		r.peerings, r.named, r.services, r.resolver, r.describeVpcs, r.subnets, r.routeTables, r.networkACLs, r.groups,
		r.endpoints, r.interfaces, r.natGateways, r.prefixLists,
	} {
		if err := read(); err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) byVPC() []types.Filter { return filter("vpc-id", r.vpcs...) }

// peerings asks for peerings only where a route leads to one: an API without any may not know the call.
func (r *reader) peerings() error {
	wanted := map[string]bool{}
	err := each(r, ec2.NewDescribeRouteTablesPaginator(r.EC2, &ec2.DescribeRouteTablesInput{Filters: r.byVPC()}),
		func(o *ec2.DescribeRouteTablesOutput) []types.RouteTable { return o.RouteTables },
		func(t *types.RouteTable) {
			for _, route := range t.Routes {
				if id := aws.ToString(route.VpcPeeringConnectionId); id != "" {
					wanted[id] = true
				}
			}
		})
	if err != nil || len(wanted) == 0 {
		return err
	}
	return each(r, ec2.NewDescribeVpcPeeringConnectionsPaginator(r.EC2, &ec2.DescribeVpcPeeringConnectionsInput{}),
		func(o *ec2.DescribeVpcPeeringConnectionsOutput) []types.VpcPeeringConnection {
			return o.VpcPeeringConnections
		},
		func(p *types.VpcPeeringConnection) {
			if wanted[aws.ToString(p.VpcPeeringConnectionId)] {
				r.peering(p)
			}
		})
}

func (r *reader) peering(p *types.VpcPeeringConnection) {
	requester, accepter := p.RequesterVpcInfo, p.AccepterVpcInfo
	if requester == nil || accepter == nil {
		return
	}
	out := vpc.Peering{
		ID:        aws.ToString(p.VpcPeeringConnectionId),
		Requester: aws.ToString(requester.VpcId),
		Accepter:  aws.ToString(accepter.VpcId),
		Active:    p.Status != nil && p.Status.Code == types.VpcPeeringConnectionStateReasonCodeActive,
	}
	if o := requester.PeeringOptions; o != nil {
		out.RequesterDNS = aws.ToBool(o.AllowDnsResolutionFromRemoteVpc)
	}
	if o := accepter.PeeringOptions; o != nil {
		out.AccepterDNS = aws.ToBool(o.AllowDnsResolutionFromRemoteVpc)
	}
	r.Network.Peerings = append(r.Network.Peerings, out)
	for _, side := range []*types.VpcPeeringConnectionVpcInfo{requester, accepter} {
		if id := aws.ToString(side.VpcId); !slices.Contains(r.vpcs, id) {
			r.vpcs = append(r.vpcs, id)
			r.Network.VPCs = append(r.Network.VPCs, vpc.VPC{ // as far as it can be seen from here
				ID: id, Account: aws.ToString(side.OwnerId), Region: aws.ToString(side.Region), CIDRs: peerRanges(side),
			})
		}
	}
}

func peerRanges(v *types.VpcPeeringConnectionVpcInfo) (ranges []netip.Prefix) {
	for _, c := range v.CidrBlockSet {
		ranges = appendRange(ranges, c.CidrBlock)
	}
	if len(ranges) == 0 {
		ranges = appendRange(ranges, v.CidrBlock)
	}
	for _, c := range v.Ipv6CidrBlockSet {
		ranges = appendRange(ranges, c.Ipv6CidrBlock)
	}
	return ranges
}

// appendRange adds a range as the API writes it; one that cannot be read is left out.
func appendRange(ranges []netip.Prefix, text *string) []netip.Prefix {
	if p := toRange(text); p.IsValid() && !slices.Contains(ranges, p) {
		return append(ranges, p)
	}
	return ranges
}

func toRange(text *string) netip.Prefix {
	p, err := netip.ParsePrefix(aws.ToString(text))
	if err != nil {
		return netip.Prefix{}
	}
	return p.Masked()
}

// endpointID is the id that an endpoint's own name begins with.
var endpointID = regexp.MustCompile(`^vpce-[0-9a-f]{8,17}`)

// named adds the VPC of the endpoint whose own name is asked for: such names are known everywhere, peered or not.
func (r *reader) named() error {
	id := endpointID.FindString(r.to)
	if id == "" {
		return nil
	}
	return each(r,
		ec2.NewDescribeVpcEndpointsPaginator(r.EC2, &ec2.DescribeVpcEndpointsInput{Filters: filter("vpc-endpoint-id", id)}),
		func(o *ec2.DescribeVpcEndpointsOutput) []types.VpcEndpoint { return o.VpcEndpoints },
		func(e *types.VpcEndpoint) {
			if id := aws.ToString(e.VpcId); !slices.Contains(r.vpcs, id) {
				r.vpcs = append(r.vpcs, id)
			}
		})
}

func (r *reader) describeVpcs() error {
	options := map[string][]string{} // the VPCs that have them
	err := each(r, ec2.NewDescribeVpcsPaginator(r.EC2, &ec2.DescribeVpcsInput{Filters: r.byVPC()}),
		func(o *ec2.DescribeVpcsOutput) []types.Vpc { return o.Vpcs },
		func(v *types.Vpc) {
			out := vpc.VPC{
				ID: aws.ToString(v.VpcId), Account: aws.ToString(v.OwnerId), Region: r.Region, CIDRs: appendRange(nil, v.CidrBlock),
			}
			for _, c := range v.CidrBlockAssociationSet {
				if c.CidrBlockState == nil || c.CidrBlockState.State == types.VpcCidrBlockStateCodeAssociated {
					out.CIDRs = appendRange(out.CIDRs, c.CidrBlock)
				}
			}
			for _, c := range v.Ipv6CidrBlockAssociationSet {
				if c.Ipv6CidrBlockState == nil || c.Ipv6CidrBlockState.State == types.VpcCidrBlockStateCodeAssociated {
					out.CIDRs = appendRange(out.CIDRs, c.Ipv6CidrBlock)
				}
			}
			if id := aws.ToString(v.DhcpOptionsId); slices.Contains(r.homes, out.ID) {
				options[id] = append(options[id], out.ID)
			}
			r.Network.VPCs = slices.DeleteFunc(r.Network.VPCs, func(seen vpc.VPC) bool { return seen.ID == out.ID })
			r.Network.VPCs = append(r.Network.VPCs, out)
		})
	if err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(options)) {
		servers := r.dnsServers(id)
		for _, of := range options[id] {
			r.servers[of] = servers
		}
	}
	return r.vpcAttributes()
}

func (r *reader) vpcAttributes() error {
	for i := range r.Network.VPCs {
		v := &r.Network.VPCs[i]
		for _, attribute := range []struct {
			name types.VpcAttributeName
			into *bool
		}{{types.VpcAttributeNameEnableDnsSupport, &v.DNSSupport},
			{types.VpcAttributeNameEnableDnsHostnames, &v.DNSHostnames}} {
			out, err := r.EC2.DescribeVpcAttribute(r.ctx,
				&ec2.DescribeVpcAttributeInput{VpcId: aws.String(v.ID), Attribute: attribute.name})
			switch {
			case err != nil && slices.Contains(r.homes, v.ID):
				return err
			case err != nil: // a peer's may be another account's
				continue
			}
			for _, given := range []*types.AttributeBooleanValue{out.EnableDnsSupport, out.EnableDnsHostnames} {
				if given != nil {
					*attribute.into = aws.ToBool(given.Value)
				}
			}
		}
	}
	return nil
}

// dnsServers returns which DNS servers DHCP options give to nodes; none where that is the VPC's resolver.
func (r *reader) dnsServers(options string) (servers []string) {
	if options == "" || options == "default" {
		return nil
	}
	out, err := r.EC2.DescribeDhcpOptions(r.ctx, &ec2.DescribeDhcpOptionsInput{DhcpOptionsIds: []string{options}})
	if err != nil {
		r.skip("the DNS servers that "+options+" gives to nodes", err)
		return nil
	}
	for _, o := range out.DhcpOptions {
		for _, c := range o.DhcpConfigurations {
			for _, v := range c.Values {
				if server := aws.ToString(v.Value); aws.ToString(c.Key) == "domain-name-servers" && server != "AmazonProvidedDNS" {
					servers = append(servers, server)
				}
			}
		}
	}
	return servers
}

func (r *reader) subnets() error {
	return each(r, ec2.NewDescribeSubnetsPaginator(r.EC2, &ec2.DescribeSubnetsInput{Filters: r.byVPC()}),
		func(o *ec2.DescribeSubnetsOutput) []types.Subnet { return o.Subnets },
		func(n *types.Subnet) {
			out := vpc.Subnet{
				ID:   aws.ToString(n.SubnetId),
				VPC:  aws.ToString(n.VpcId),
				Zone: aws.ToString(n.AvailabilityZone),
				CIDR: toRange(n.CidrBlock),
			}
			for _, c := range n.Ipv6CidrBlockAssociationSet {
				if c.Ipv6CidrBlockState == nil || c.Ipv6CidrBlockState.State == types.SubnetCidrBlockStateCodeAssociated {
					out.IPv6 = toRange(c.Ipv6CidrBlock)
				}
			}
			if out.CIDR.IsValid() { // an IPv6-only subnet has none
				r.Network.Subnets = append(r.Network.Subnets, out)
			}
		})
}

func (r *reader) routeTables() error {
	return each(r, ec2.NewDescribeRouteTablesPaginator(r.EC2, &ec2.DescribeRouteTablesInput{Filters: r.byVPC()}),
		func(o *ec2.DescribeRouteTablesOutput) []types.RouteTable { return o.RouteTables },
		func(t *types.RouteTable) {
			out := vpc.RouteTable{ID: aws.ToString(t.RouteTableId), VPC: aws.ToString(t.VpcId)}
			for _, a := range t.Associations {
				out.Main = out.Main || aws.ToBool(a.Main)
				if id := aws.ToString(a.SubnetId); id != "" && r.hasSubnet(id) {
					out.Subnets = append(out.Subnets, id)
				}
			}
			for i := range t.Routes {
				if route, ok := r.route(&t.Routes[i]); ok {
					out.Routes = append(out.Routes, route)
				}
			}
			r.Network.RouteTables = append(r.Network.RouteTables, out)
		})
}

func (r *reader) hasSubnet(id string) bool {
	return slices.ContainsFunc(r.Network.Subnets, func(n vpc.Subnet) bool { return n.ID == id })
}

// route reads a route; local ones are implied.
func (r *reader) route(in *types.Route) (out vpc.Route, ok bool) {
	out.PrefixList = aws.ToString(in.DestinationPrefixListId)
	if out.PrefixList == "" {
		if out.Destination = toRange(in.DestinationCidrBlock); !out.Destination.IsValid() {
			out.Destination = toRange(in.DestinationIpv6CidrBlock)
		}
		if !out.Destination.IsValid() {
			return out, false
		}
	}
	if aws.ToString(in.GatewayId) == "local" {
		return out, false
	}
	out.Target = r.routeTarget(in)
	if in.State == types.RouteStateBlackhole {
		out.Target.Kind = vpc.Blackhole
	}
	return out, true
}

// routeTarget reads what a route leads to. Endpoints and interfaces are looked at again when all are known.
func (r *reader) routeTarget(in *types.Route) vpc.Target {
	for _, t := range []struct {
		id   *string
		kind vpc.TargetKind
	}{
		{in.NatGatewayId, vpc.ViaNATGateway}, {in.VpcPeeringConnectionId, vpc.ViaPeering},
		{in.TransitGatewayId, vpc.ViaOther},
		{in.EgressOnlyInternetGatewayId, vpc.ViaNATGateway}, {in.CarrierGatewayId, vpc.ViaOther},
		{in.LocalGatewayId, vpc.ViaOther},
		{in.CoreNetworkArn, vpc.ViaOther}, {in.NetworkInterfaceId, vpc.ViaInterface}, {in.GatewayId, vpc.ViaOther},
	} {
		id := aws.ToString(t.id)
		switch {
		case id == "":
			continue
		case strings.HasPrefix(id, "igw-"):
			t.kind = vpc.ViaInternetGateway
		case strings.HasPrefix(id, "vpce-"):
			t.kind = vpc.ViaGatewayEndpoint
		case t.kind == vpc.ViaPeering && !slices.ContainsFunc(r.Network.Peerings,
			func(p vpc.Peering) bool { return p.ID == id }):
			t.kind = vpc.ViaOther
		}
		return vpc.Target{Kind: t.kind, ID: id}
	}
	return vpc.Target{Kind: vpc.ViaOther, ID: "an unknown target"}
}

func (r *reader) networkACLs() error {
	return each(r, ec2.NewDescribeNetworkAclsPaginator(r.EC2, &ec2.DescribeNetworkAclsInput{Filters: r.byVPC()}),
		func(o *ec2.DescribeNetworkAclsOutput) []types.NetworkAcl { return o.NetworkAcls },
		func(a *types.NetworkAcl) {
			out := vpc.ACL{ID: aws.ToString(a.NetworkAclId), VPC: aws.ToString(a.VpcId), Default: aws.ToBool(a.IsDefault)}
			for _, s := range a.Associations {
				if id := aws.ToString(s.SubnetId); r.hasSubnet(id) {
					out.Subnets = append(out.Subnets, id)
				}
			}
			for i := range a.Entries {
				if e, ok := aclEntry(&a.Entries[i]); ok {
					out.Entries = append(out.Entries, e)
				}
			}
			r.Network.ACLs = append(r.Network.ACLs, out)
		})
}

// lastEntry is the number of the entry that the API shows for "denies everything else".
const lastEntry = 32767

func aclEntry(in *types.NetworkAclEntry) (out vpc.ACLEntry, ok bool) {
	out = vpc.ACLEntry{
		Number: int(aws.ToInt32(in.RuleNumber)),
		Egress: aws.ToBool(in.Egress),
		Allow:  in.RuleAction == types.RuleActionAllow,
		CIDR:   toRange(in.CidrBlock),
	}
	if !out.CIDR.IsValid() {
		out.CIDR = toRange(in.Ipv6CidrBlock)
	}
	out.Protocol, ok = toProtocol(aws.ToString(in.Protocol))
	switch {
	case in.IcmpTypeCode != nil && (out.Protocol == vpc.ICMP || out.Protocol == vpc.ICMPv6):
		out.Ports = vpc.PortRange{From: value(in.IcmpTypeCode.Type, -1), To: value(in.IcmpTypeCode.Code, -1)}
	case in.PortRange != nil:
		out.Ports = vpc.PortRange{From: aws.ToInt32(in.PortRange.From), To: aws.ToInt32(in.PortRange.To)}
	case out.Protocol == vpc.TCP || out.Protocol == vpc.UDP:
		out.Ports = vpc.PortRange{From: 0, To: 65535}
	}
	return out, ok && out.CIDR.IsValid() && out.Number < lastEntry
}

func value(p *int32, otherwise int32) int32 {
	if p == nil {
		return otherwise
	}
	return *p
}
