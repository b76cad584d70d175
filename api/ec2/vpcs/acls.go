package vpcs

import (
	"context"
	"iter"
	"net/netip"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/ec2/internal/query"
	"postern/api/tags"
	sdk "postern/aws/service/ec2"
	"postern/aws/service/ec2/types"
	"postern/network"
	"postern/network/vpc"
)

var aclListing = query.Listing[*network.NetworkACL]{
	ID:   func(a *network.NetworkACL) string { return a.ID },
	Tags: func(a *network.NetworkACL) []network.Tag { return a.Tags },
	All:  func(v *query.View) iter.Seq[*network.NetworkACL] { return v.NetworkACLs(v.Scope) },
	Get:  func(v *query.View, id string) (*network.NetworkACL, error) { return v.NetworkACL(v.Scope, id) },
	Filters: map[string]query.Test[*network.NetworkACL]{
		"association.association-id": served(func(a network.Association) string { return a.ID }),
		"association.network-acl-id": func(_ *query.View, a *network.NetworkACL, want query.Values) bool {
			return len(a.Associations) > 0 && want.Is(a.ID)
		},
		"association.subnet-id": served(func(a network.Association) string { return a.Subnet }),
		"default":               query.Flag(func(a *network.NetworkACL) bool { return a.Default }),
		"entry.cidr":            entered(func(e types.NetworkAclEntry) string { return aws.ToString(e.CidrBlock) }),
		"entry.icmp.code": entered(func(e types.NetworkAclEntry) string {
			return icmp(e, func(i *types.IcmpTypeCode) *int32 { return i.Code })
		}),
		"entry.icmp.type": entered(func(e types.NetworkAclEntry) string {
			return icmp(e, func(i *types.IcmpTypeCode) *int32 { return i.Type })
		}),
		"entry.ipv6-cidr": entered(func(e types.NetworkAclEntry) string { return aws.ToString(e.Ipv6CidrBlock) }),
		"entry.port-range.from": entered(func(e types.NetworkAclEntry) string {
			return port(e, func(p *types.PortRange) *int32 { return p.From })
		}),
		"entry.port-range.to": entered(
			func(e types.NetworkAclEntry) string { return port(e, func(p *types.PortRange) *int32 { return p.To }) },
		),
		"entry.protocol":    entered(func(e types.NetworkAclEntry) string { return aws.ToString(e.Protocol) }),
		"entry.rule-action": entered(func(e types.NetworkAclEntry) string { return string(e.RuleAction) }),
		"entry.egress": entered(
			func(e types.NetworkAclEntry) string { return strconv.FormatBool(aws.ToBool(e.Egress)) },
		),
		"entry.rule-number": entered(
			func(e types.NetworkAclEntry) string { return strconv.Itoa(int(aws.ToInt32(e.RuleNumber))) },
		),
		"network-acl-id": query.Text(func(a *network.NetworkACL) string { return a.ID }),
		"owner-id":       query.Text(func(a *network.NetworkACL) string { return a.Account }),
		"vpc-id":         query.Text(func(a *network.NetworkACL) string { return a.VPC }),
	},
}

func served(of func(network.Association) string) query.Test[*network.NetworkACL] {
	return func(_ *query.View, a *network.NetworkACL, want query.Values) bool {
		return want.Any(query.Convert(a.Associations, of))
	}
}

func entered(of func(types.NetworkAclEntry) string) query.Test[*network.NetworkACL] {
	return func(_ *query.View, a *network.NetworkACL, want query.Values) bool {
		return want.Any(query.Convert(entries(a), of))
	}
}

func icmp(e types.NetworkAclEntry, of func(*types.IcmpTypeCode) *int32) string {
	if e.IcmpTypeCode == nil {
		return ""
	}
	return strconv.Itoa(int(aws.ToInt32(of(e.IcmpTypeCode))))
}

func port(e types.NetworkAclEntry, of func(*types.PortRange) *int32) string {
	if e.PortRange == nil {
		return ""
	}
	return strconv.Itoa(int(aws.ToInt32(of(e.PortRange))))
}

// entries are an ACL's entries with the last one, that denies, in each direction.
func entries(a *network.NetworkACL) []types.NetworkAclEntry {
	all := slices.Clone(a.Entries)
	for _, egress := range []bool{true, false} {
		all = append(all, network.ACLEntry{
			Number: network.LastACLEntry, Egress: egress, Protocol: vpc.AllProtocols,
			CIDR: netip.PrefixFrom(netip.IPv4Unspecified(), 0),
		})
	}
	return query.Convert(all, toEntry)
}

func toEntry(e network.ACLEntry) types.NetworkAclEntry {
	out := types.NetworkAclEntry{
		Egress: aws.Bool(e.Egress), Protocol: aws.String(strconv.Itoa(int(e.Protocol))),
		RuleAction: types.RuleActionDeny, RuleNumber: aws.Int32(int32(e.Number)),
	}
	if e.CIDR.Addr().Is4() {
		out.CidrBlock = query.String(e.CIDR)
	} else {
		out.Ipv6CidrBlock = query.String(e.CIDR)
	}
	if e.Allow {
		out.RuleAction = types.RuleActionAllow
	}
	switch e.Protocol {
	case vpc.TCP, vpc.UDP:
		out.PortRange = &types.PortRange{From: aws.Int32(e.Ports.From), To: aws.Int32(e.Ports.To)}
	case vpc.ICMP, vpc.ICMPv6:
		out.IcmpTypeCode = &types.IcmpTypeCode{Type: aws.Int32(e.Ports.From), Code: aws.Int32(e.Ports.To)}
	}
	return out
}

func toACL(a *network.NetworkACL) types.NetworkAcl {
	return types.NetworkAcl{
		NetworkAclId: aws.String(a.ID), VpcId: aws.String(a.VPC), OwnerId: aws.String(a.Account),
		IsDefault: aws.Bool(a.Default), Tags: tags.To[types.Tag](a.Tags), Entries: entries(a),
		Associations: query.Convert(a.Associations, func(x network.Association) types.NetworkAclAssociation {
			return types.NetworkAclAssociation{
				NetworkAclAssociationId: aws.String(x.ID), NetworkAclId: aws.String(a.ID), SubnetId: aws.String(x.Subnet),
			}
		}),
	}
}

func (s *service) describeNetworkAcls(
	_ context.Context,
	c *api.Call,
	in *sdk.DescribeNetworkAclsInput,
) (*sdk.DescribeNetworkAclsOutput, error) {
	found, next, err := query.Describe(s.view(c), in, aclListing, in.NetworkAclIds, in.Filters)
	return &sdk.DescribeNetworkAclsOutput{NetworkAcls: query.Convert(found, toACL), NextToken: next}, err
}

// replacedACL names the network ACL of an association and the subnet that is under it.
func (s *service) replacedACL(c *api.Call, in *sdk.ReplaceNetworkAclAssociationInput) []string {
	v := s.view(c)
	for acl := range v.NetworkACLs(v.Scope) {
		for _, x := range acl.Associations {
			if x.ID == aws.ToString(in.AssociationId) {
				return []string{"network-acl/" + acl.ID, "subnet/" + x.Subnet}
			}
		}
	}
	return nil
}
