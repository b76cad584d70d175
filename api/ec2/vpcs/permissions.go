package vpcs

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api/ec2/internal/query"
	"postern/aws/fault"
	"postern/aws/service/ec2/types"
	"postern/network"
	"postern/network/vpc"
)

// A permission of the EC2 API is a protocol and port range with any number of peers; a rule has exactly one.

var protocolNames = map[string]vpc.Protocol{
	"-1": vpc.AllProtocols, "all": vpc.AllProtocols, "tcp": vpc.TCP, "udp": vpc.UDP, "icmp": vpc.ICMP,
	"icmpv6": vpc.ICMPv6,
}

// protocol reads a protocol's name, in letters of either case, or its number.
func protocol(name *string) (vpc.Protocol, error) {
	if aws.ToString(name) == "" {
		return 0, query.Required("ipProtocol")
	}
	if p, ok := protocolNames[strings.ToLower(*name)]; ok {
		return p, nil
	}
	n, err := strconv.ParseUint(*name, 10, 8)
	if err != nil {
		return 0, query.Invalid("Invalid value '%s' for IP protocol. Unknown protocol.", *name)
	}
	return vpc.Protocol(n), nil
}

// protocolName is how the EC2 API writes a protocol.
func protocolName(p vpc.Protocol) string {
	switch p {
	case vpc.AllProtocols:
		return "-1"
	case vpc.TCP, vpc.UDP, vpc.ICMP, vpc.ICMPv6:
		return p.String()
	}
	return strconv.Itoa(int(p))
}

// ports reads a port range, or a type and code of ICMP.
func ports(p vpc.Protocol, from, to *int32) (vpc.PortRange, error) {
	switch p {
	case vpc.TCP, vpc.UDP:
		if from == nil || to == nil {
			return vpc.PortRange{}, query.Invalid(
				"Invalid value for portRange. Must specify both from and to ports with TCP/UDP.",
			)
		}
		return vpc.PortRange{From: *from, To: *to}, nil
	case vpc.ICMP, vpc.ICMPv6:
		r := vpc.PortRange{From: -1, To: -1}
		if from != nil {
			r.From = *from
		}
		if to != nil {
			r.To = *to
		}
		return r, nil
	}
	return vpc.PortRange{From: -1, To: -1}, nil
}

// rules takes permissions apart.
func rules(permissions []types.IpPermission) ([]network.SecurityGroupRule, error) {
	var out []network.SecurityGroupRule
	for _, p := range permissions {
		more, err := rulesOf(p)
		if err != nil {
			return nil, err
		}
		if len(more) == 0 {
			return nil, fault.New(fault.Invalid, "ec2.rules",
				"A permission needs at least one of ipRanges, ipv6Ranges, groups and prefixListIds").
				WithCode("InvalidPermission.Malformed")
		}
		out = append(out, more...)
	}
	return out, nil
}

func rulesOf(p types.IpPermission) ([]network.SecurityGroupRule, error) {
	base := network.SecurityGroupRule{}
	var err error
	if base.Protocol, err = protocol(p.IpProtocol); err != nil {
		return nil, err
	}
	if base.Ports, err = ports(base.Protocol, p.FromPort, p.ToPort); err != nil {
		return nil, err
	}
	var out []network.SecurityGroupRule
	add := func(description *string, set func(*network.SecurityGroupRule)) {
		r := base
		r.Description = aws.ToString(description)
		set(&r)
		out = append(out, r)
	}
	for _, x := range p.IpRanges {
		cidr, err := block(x.CidrIp, true)
		if err != nil {
			return nil, err
		}
		add(x.Description, func(r *network.SecurityGroupRule) { r.CIDR = cidr })
	}
	for _, x := range p.Ipv6Ranges {
		cidr, err := block(x.CidrIpv6, false)
		if err != nil {
			return nil, err
		}
		add(x.Description, func(r *network.SecurityGroupRule) { r.CIDR = cidr })
	}
	for _, x := range p.PrefixListIds {
		add(x.Description, func(r *network.SecurityGroupRule) { r.PrefixList = aws.ToString(x.PrefixListId) })
	}
	for _, x := range p.UserIdGroupPairs {
		if aws.ToString(x.GroupId) == "" {
			return nil, query.Required("groupId")
		}
		add(x.Description, func(r *network.SecurityGroupRule) {
			r.Group = *x.GroupId
			r.Peer = &network.PeerGroup{
				VPC: aws.ToString(x.VpcId), Account: aws.ToString(x.UserId), Peering: aws.ToString(x.VpcPeeringConnectionId),
			}
		})
	}
	return out, nil
}

// block reads the range of a rule. Host bits are cleared, as Amazon does.
func block(s *string, four bool) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(aws.ToString(s))
	if err != nil || p.Addr().Is4() != four {
		return p, query.Invalid("CIDR block %s is malformed", aws.ToString(s))
	}
	return p, nil
}

// toPermissions puts rules of one direction together as the EC2 API shows them.
func toPermissions(v *query.View, g *network.SecurityGroup, egress bool) []types.IpPermission {
	return permissionsOf(v, g, func(r *network.SecurityGroupRule) bool { return r.Egress == egress })
}

func permissionsOf(
	v *query.View,
	g *network.SecurityGroup,
	chosen func(*network.SecurityGroupRule) bool,
) []types.IpPermission {
	type key struct {
		protocol vpc.Protocol
		ports    vpc.PortRange
	}
	at := map[key]int{}
	out := []types.IpPermission{}
	for i := range g.Rules {
		r := &g.Rules[i]
		if !chosen(r) {
			continue
		}
		k := key{r.Protocol, r.Ports}
		n, ok := at[k]
		if !ok {
			n = len(out)
			at[k] = n
			out = append(out, permission(r))
		}
		addPeer(v, &out[n], g, r)
	}
	return out
}

func permission(r *network.SecurityGroupRule) types.IpPermission {
	p := types.IpPermission{IpProtocol: aws.String(protocolName(r.Protocol))}
	if r.Protocol != vpc.AllProtocols {
		p.FromPort, p.ToPort = aws.Int32(r.Ports.From), aws.Int32(r.Ports.To)
	}
	return p
}

func addPeer(v *query.View, p *types.IpPermission, g *network.SecurityGroup, r *network.SecurityGroupRule) {
	description := query.Optional(r.Description)
	switch {
	case r.Group != "":
		pair := types.UserIdGroupPair{
			GroupId:     aws.String(r.Group),
			UserId:      aws.String(groupOwner(g.Account, r)),
			Description: description,
		}
		if x, ok := v.Reference(g, r); ok {
			pair.VpcId, pair.VpcPeeringConnectionId, pair.PeeringStatus = &x.VPC, query.Optional(
				x.Peering,
			), aws.String(
				string(x.Status),
			)
		}
		p.UserIdGroupPairs = append(p.UserIdGroupPairs, pair)
	case r.PrefixList != "":
		p.PrefixListIds = append(
			p.PrefixListIds,
			types.PrefixListId{PrefixListId: aws.String(r.PrefixList), Description: description},
		)
	case r.CIDR.Addr().Is6():
		p.Ipv6Ranges = append(p.Ipv6Ranges, types.Ipv6Range{CidrIpv6: query.String(r.CIDR), Description: description})
	default:
		p.IpRanges = append(p.IpRanges, types.IpRange{CidrIp: query.String(r.CIDR), Description: description})
	}
}

// groupOwner is the account of the group that a rule of the owner's names.
func groupOwner(owner string, r *network.SecurityGroupRule) string {
	if r.Peer != nil {
		return r.Peer.Account
	}
	return owner
}
