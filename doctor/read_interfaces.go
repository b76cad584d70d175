package doctor

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/aws/service/ec2"
	"postern/aws/service/ec2/types"
	"postern/network/vpc"
)

// toProtocol reads a protocol by name or number.
func toProtocol(text string) (vpc.Protocol, bool) {
	for p, name := range map[vpc.Protocol]string{vpc.TCP: "tcp", vpc.UDP: "udp", vpc.ICMP: "icmp", vpc.ICMPv6: "icmpv6"} {
		if text == name {
			return p, true
		}
	}
	n, err := strconv.Atoi(text)
	return vpc.Protocol(n), err == nil && -1 <= n && n <= 255
}

// filterValues limits the values of a filter (EC2 API, "Filters").
const filterValues = 200

func (r *reader) groups() error {
	at := map[string]int{}
	var ids []string
	err := each(r, ec2.NewDescribeSecurityGroupsPaginator(r.EC2, &ec2.DescribeSecurityGroupsInput{Filters: r.byVPC()}),
		func(o *ec2.DescribeSecurityGroupsOutput) []types.SecurityGroup { return o.SecurityGroups },
		func(g *types.SecurityGroup) {
			out := vpc.SecurityGroup{ID: aws.ToString(g.GroupId), VPC: aws.ToString(g.VpcId), Name: aws.ToString(g.GroupName)}
			at[out.ID] = len(r.Network.SecurityGroups)
			ids = append(ids, out.ID)
			r.Network.SecurityGroups = append(r.Network.SecurityGroups, out)
		})
	if err != nil {
		return err
	}
	for some := range slices.Chunk(ids, filterValues) {
		err := each(r, ec2.NewDescribeSecurityGroupRulesPaginator(r.EC2,
			&ec2.DescribeSecurityGroupRulesInput{Filters: filter("group-id", some...)}),
			func(o *ec2.DescribeSecurityGroupRulesOutput) []types.SecurityGroupRule { return o.SecurityGroupRules },
			func(in *types.SecurityGroupRule) {
				i, known := at[aws.ToString(in.GroupId)]
				if rule, ok := groupRule(in); known && ok {
					g := &r.Network.SecurityGroups[i]
					g.Rules = append(g.Rules, rule)
				}
			})
		if err != nil {
			return err
		}
	}
	r.unseenPeers()
	return nil
}

// unseenPeers takes from rules the VPCs whose groups cannot be read, as another account's: what is not seen is not
// gone.
func (r *reader) unseenPeers() {
	seen := map[string]bool{}
	for _, g := range r.Network.SecurityGroups {
		seen[g.VPC] = true
	}
	for _, g := range r.Network.SecurityGroups {
		for i := range g.Rules {
			if !seen[g.Rules[i].PeerVPC] {
				g.Rules[i].PeerVPC = ""
			}
		}
	}
}

func groupRule(in *types.SecurityGroupRule) (out vpc.Rule, ok bool) {
	out = vpc.Rule{
		ID: aws.ToString(in.SecurityGroupRuleId), Egress: aws.ToBool(in.IsEgress), PrefixList: aws.ToString(in.PrefixListId),
		Ports: vpc.PortRange{From: value(in.FromPort, -1), To: value(in.ToPort, -1)},
	}
	out.Protocol, ok = toProtocol(aws.ToString(in.IpProtocol))
	if out.CIDR = toRange(in.CidrIpv4); !out.CIDR.IsValid() {
		out.CIDR = toRange(in.CidrIpv6)
	}
	if in.ReferencedGroupInfo != nil {
		out.Group = aws.ToString(in.ReferencedGroupInfo.GroupId)
		if in.ReferencedGroupInfo.VpcPeeringConnectionId != nil {
			out.PeerVPC = aws.ToString(in.ReferencedGroupInfo.VpcId)
		}
	}
	return out, ok && (out.CIDR.IsValid() || out.Group != "" || out.PrefixList != "")
}

func (r *reader) endpoints() error {
	services := map[string]bool{}
	err := each(r, ec2.NewDescribeVpcEndpointsPaginator(r.EC2, &ec2.DescribeVpcEndpointsInput{Filters: r.byVPC()}),
		func(o *ec2.DescribeVpcEndpointsOutput) []types.VpcEndpoint { return o.VpcEndpoints },
		func(in *types.VpcEndpoint) {
			out := vpc.Endpoint{
				ID: aws.ToString(in.VpcEndpointId), VPC: aws.ToString(in.VpcId), Service: aws.ToString(in.ServiceName),
				Available:  strings.EqualFold(string(in.State), string(types.StateAvailable)),
				PrivateDNS: aws.ToBool(in.PrivateDnsEnabled),
				Acceptance: acceptance(in.State),
			}
			if o := in.DnsOptions; o != nil {
				out.InboundOnly = aws.ToBool(o.PrivateDnsOnlyForInboundResolverEndpoint)
			}
			switch in.VpcEndpointType {
			case types.VpcEndpointTypeInterface:
				out.Interfaces, out.Name = in.NetworkInterfaceIds, ownName(in.DnsEntries)
				services[out.Service] = true
			case types.VpcEndpointTypeGateway: // its routes are listed in the tables
				out.Kind = vpc.GatewayEndpoint
			default:
				return
			}
			r.EndpointPolicies[out.ID] = aws.ToString(in.PolicyDocument)
			r.Network.Endpoints = append(r.Network.Endpoints, out)
		})
	if err != nil {
		return err
	}
	for _, service := range slices.Sorted(maps.Keys(services)) {
		r.privateNames(service)
	}
	return nil
}

// ownName returns the endpoint's regional name: the first of its own names, in AWS's order.
func ownName(entries []types.DnsEntry) string {
	for _, e := range entries {
		name := strings.TrimSuffix(aws.ToString(e.DnsName), ".")
		if _, rest, ok := strings.Cut(strings.TrimPrefix(name, "*."), "."); ok && strings.Contains(rest, ".vpce.") {
			return name
		}
	}
	return ""
}

// privateNames gives the endpoints to a service its private names, by what the API says of the service or else by the
// form of its name.
func (r *reader) privateNames(service string) {
	var names []string
	out, err := r.EC2.DescribeVpcEndpointServices(r.ctx, &ec2.DescribeVpcEndpointServicesInput{
		ServiceNames: []string{service}, Filters: filter("service-type", "Interface"),
	})
	if err != nil {
		r.skip("the private names of "+service, err)
	} else {
		for _, d := range out.ServiceDetails {
			for _, n := range d.PrivateDnsNames {
				names = append(names, aws.ToString(n.PrivateDnsName))
			}
			if name := aws.ToString(d.PrivateDnsName); len(names) == 0 && name != "" {
				names = append(names, name)
			}
		}
	}
	if labels := strings.Split(service, "."); len(names) == 0 && len(labels) == 4 && labels[1] == "amazonaws" {
		names = []string{fmt.Sprintf("%s.%s.amazonaws.com", labels[3], labels[2])}
	}
	for i := range r.Network.Endpoints {
		if e := &r.Network.Endpoints[i]; e.Service == service && e.Kind == vpc.InterfaceEndpoint {
			e.PrivateNames = names
		}
	}
}

func (r *reader) interfaces() error {
	err := each(r,
		ec2.NewDescribeNetworkInterfacesPaginator(r.EC2, &ec2.DescribeNetworkInterfacesInput{Filters: r.byVPC()}),
		func(o *ec2.DescribeNetworkInterfacesOutput) []types.NetworkInterface { return o.NetworkInterfaces },
		func(in *types.NetworkInterface) {
			out := vpc.Interface{
				ID: aws.ToString(in.NetworkInterfaceId), VPC: aws.ToString(in.VpcId), Subnet: aws.ToString(in.SubnetId),
				AnySource: in.SourceDestCheck != nil && !*in.SourceDestCheck,
			}
			out.Kind, out.Owner = r.owner(in)
			for _, g := range in.Groups {
				out.Groups = append(out.Groups, aws.ToString(g.GroupId))
			}
			r.addresses(&out, in)
			if name, _, _ := strings.Cut(aws.ToString(in.PrivateDnsName), "."); name != "" {
				out.Name = name
			}
			if len(out.Addresses) > 0 && r.hasSubnet(out.Subnet) && r.fits(&out) {
				r.Network.Interfaces = append(r.Network.Interfaces, out)
			}
		})
	if err != nil {
		return err
	}
	r.takeResolver()
	r.settle()
	r.sides()
	return nil
}

// fits reports whether an interface's address is one of its subnet's. Emulators of the EC2 API give others.
func (r *reader) fits(c *vpc.Interface) bool {
	for _, n := range r.Network.Subnets {
		if n.ID == c.Subnet && c.Addresses[0].Is4() && !n.CIDR.Contains(c.Addresses[0]) {
			r.Unchecked = append(r.Unchecked,
				fmt.Sprintf("network interface %s, whose address %s is not in its subnet %s", c.ID, c.Addresses[0], n.CIDR))
			return false
		}
	}
	return true
}

// owner returns what an interface belongs to: an endpoint, an instance or managed node, or something of Amazon's.
func (r *reader) owner(in *types.NetworkInterface) (vpc.InterfaceKind, string) {
	id := aws.ToString(in.NetworkInterfaceId)
	for _, e := range r.Network.Endpoints {
		if slices.Contains(e.Interfaces, id) {
			return vpc.EndpointInterface, e.ID
		}
	}
	if service, ok := strings.CutPrefix(aws.ToString(in.Description), sideDescription); ok &&
		aws.ToBool(in.RequesterManaged) {
		return vpc.ServiceInterface, service
	}
	if address, err := netip.ParseAddr(aws.ToString(in.PrivateIpAddress)); err == nil {
		if owner := r.resolverOwner(aws.ToString(in.SubnetId), address); owner != "" {
			return vpc.ResolverInterface, owner
		}
	}
	owner := ""
	if in.Attachment != nil {
		owner = aws.ToString(in.Attachment.InstanceId)
	}
	switch {
	case strings.HasPrefix(owner, "mi-"):
		return vpc.AttachedInterface, owner
	case owner == "" && in.Status == types.NetworkInterfaceStatusInUse:
		owner = string(in.InterfaceType)
	}
	return vpc.InstanceInterface, owner
}

// addresses reads the interface's addresses, the primary one first, and those of its subnet's IPv6 range.
func (r *reader) addresses(out *vpc.Interface, in *types.NetworkInterface) {
	add := func(text *string) {
		a, err := netip.ParseAddr(aws.ToString(text))
		if err == nil && !slices.Contains(out.Addresses, a) {
			out.Addresses = append(out.Addresses, a)
		}
	}
	add(in.PrivateIpAddress)
	for _, a := range in.PrivateIpAddresses {
		add(a.PrivateIpAddress)
		if a.Association != nil && aws.ToBool(a.Primary) {
			out.Public, _ = netip.ParseAddr(aws.ToString(a.Association.PublicIp))
		}
	}
	i := slices.IndexFunc(r.Network.Subnets, func(n vpc.Subnet) bool { return n.ID == out.Subnet })
	if i >= 0 && r.Network.Subnets[i].IPv6.IsValid() {
		for _, a := range in.Ipv6Addresses {
			add(a.Ipv6Address)
		}
	}
}

// settle makes references whole: what a route or endpoint refers to and cannot be seen is not judged.
func (r *reader) settle() {
	seen := map[string]bool{}
	for _, c := range r.Network.Interfaces {
		seen[c.ID] = true
	}
	gateways := map[string]bool{}
	for i := range r.Network.Endpoints {
		e := &r.Network.Endpoints[i]
		e.Interfaces = slices.DeleteFunc(slices.Clone(e.Interfaces), func(id string) bool { return !seen[id] })
		if e.Kind == vpc.GatewayEndpoint {
			gateways[e.ID] = true
		}
	}
	for _, t := range r.Network.RouteTables {
		for i := range t.Routes {
			target := &t.Routes[i].Target
			if target.Kind == vpc.ViaInterface && !seen[target.ID] ||
				target.Kind == vpc.ViaGatewayEndpoint && !gateways[target.ID] {
				target.Kind = vpc.ViaOther
			}
		}
	}
}

// prefixLists reads the lists that rules and routes name, and S3's.
func (r *reader) prefixLists() error {
	wanted := map[string]bool{}
	for _, g := range r.Network.SecurityGroups {
		for _, rule := range g.Rules {
			wanted[rule.PrefixList] = true
		}
	}
	for _, t := range r.Network.RouteTables {
		for _, route := range t.Routes {
			wanted[route.PrefixList] = true
		}
	}
	delete(wanted, "")
	s3 := "com.amazonaws." + r.Region + ".s3"
	err := each(r, ec2.NewDescribeManagedPrefixListsPaginator(r.EC2, &ec2.DescribeManagedPrefixListsInput{}),
		func(o *ec2.DescribeManagedPrefixListsOutput) []types.ManagedPrefixList { return o.PrefixLists },
		func(l *types.ManagedPrefixList) {
			id, name := aws.ToString(l.PrefixListId), aws.ToString(l.PrefixListName)
			if wanted[id] || name == s3 {
				r.Network.PrefixLists = append(r.Network.PrefixLists, vpc.PrefixList{ID: id, Name: name})
				delete(wanted, id)
			}
		})
	if err != nil && len(wanted) > 0 {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(wanted)) { // another account's, not shared any more
		r.Network.PrefixLists = append(r.Network.PrefixLists, vpc.PrefixList{ID: id})
		r.Unchecked = append(r.Unchecked, "prefix list "+id+", which cannot be seen")
	}
	for i := range r.Network.PrefixLists {
		l := &r.Network.PrefixLists[i]
		err := each(r, ec2.NewGetManagedPrefixListEntriesPaginator(r.EC2,
			&ec2.GetManagedPrefixListEntriesInput{PrefixListId: aws.String(l.ID)}),
			func(o *ec2.GetManagedPrefixListEntriesOutput) []types.PrefixListEntry { return o.Entries },
			func(e *types.PrefixListEntry) { l.CIDRs = appendRange(l.CIDRs, e.Cidr) })
		if err != nil {
			r.skip("the ranges of prefix list "+l.ID, err)
		}
	}
	return nil
}
