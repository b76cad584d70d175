package vpcs

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/ec2/internal/query"
	sdk "postern/aws/service/ec2"
	"postern/aws/service/ec2/types"
	"postern/network"
	"postern/network/vpc"
)

func (s *service) createNetworkAcl(
	ctx context.Context,
	c *api.Call,
	in *sdk.CreateNetworkAclInput,
) (*sdk.CreateNetworkAclOutput, error) {
	tags, err := query.TagsFor(ctx, c, "network-acl", in.TagSpecifications)
	if err != nil {
		return nil, err
	}
	a, err := s.network.CreateNetworkACL(ctx, query.ScopeOf(c), network.CreateNetworkACLInput{
		VPC: aws.ToString(in.VpcId), Tags: tags, Token: aws.ToString(in.ClientToken),
	})
	if err != nil {
		return nil, err
	}
	out := toACL(a)
	return &sdk.CreateNetworkAclOutput{NetworkAcl: &out, ClientToken: in.ClientToken}, nil
}

func (s *service) deleteNetworkAcl(
	ctx context.Context,
	c *api.Call,
	in *sdk.DeleteNetworkAclInput,
) (*sdk.DeleteNetworkAclOutput, error) {
	return nil, s.network.DeleteNetworkACL(ctx, query.ScopeOf(c), aws.ToString(in.NetworkAclId))
}

// entryInput holds the members that CreateNetworkAclEntry and ReplaceNetworkAclEntry share.
type entryInput struct {
	number               *int32
	egress               *bool
	action               types.RuleAction
	protocol, cidr, ipv6 *string
	ports                *types.PortRange
	icmp                 *types.IcmpTypeCode
}

func (in entryInput) entry() (network.ACLEntry, error) {
	e := network.ACLEntry{
		Number: int(aws.ToInt32(in.number)), Egress: aws.ToBool(in.egress), Allow: in.action == types.RuleActionAllow,
	}
	switch {
	case in.number == nil:
		return e, query.Required("ruleNumber")
	case in.action == "":
		return e, query.Required("ruleAction")
	case in.action != types.RuleActionAllow && in.action != types.RuleActionDeny:
		return e, query.Invalid("Value (%s) for parameter ruleAction is invalid. It is allow or deny.", in.action)
	case in.cidr != nil && in.ipv6 != nil:
		return e, query.Combination("An entry has one range: cidrBlock or ipv6CidrBlock")
	}
	var err error
	if in.ipv6 != nil {
		e.CIDR, err = block(in.ipv6, false)
	} else if e.CIDR, err = query.Prefix("cidrBlock", in.cidr); err == nil && !e.CIDR.Addr().Is4() {
		err = query.Invalid("Value (%s) for parameter cidrBlock is invalid. This is not a valid IPv4 CIDR block.", e.CIDR)
	}
	if err != nil {
		return e, err
	}
	if e.Protocol, err = protocol(in.protocol); err != nil {
		return e, err
	}
	var from, to *int32
	switch {
	case (e.Protocol == vpc.ICMP || e.Protocol == vpc.ICMPv6) && in.icmp == nil:
		return e, query.Required("icmpTypeCode")
	case e.Protocol == vpc.ICMP || e.Protocol == vpc.ICMPv6:
		from, to = in.icmp.Type, in.icmp.Code
	case in.ports != nil:
		from, to = in.ports.From, in.ports.To
	}
	e.Ports, err = ports(e.Protocol, from, to)
	return e, err
}

func (s *service) createNetworkAclEntry(
	ctx context.Context,
	c *api.Call,
	in *sdk.CreateNetworkAclEntryInput,
) (*sdk.CreateNetworkAclEntryOutput, error) {
	e, err := entryInput{
		in.RuleNumber,
		in.Egress,
		in.RuleAction,
		in.Protocol,
		in.CidrBlock,
		in.Ipv6CidrBlock,
		in.PortRange,
		in.IcmpTypeCode,
	}.entry()
	if err != nil {
		return nil, err
	}
	return nil, s.network.CreateACLEntry(ctx, query.ScopeOf(c), aws.ToString(in.NetworkAclId), e)
}

func (s *service) replaceNetworkAclEntry(
	ctx context.Context,
	c *api.Call,
	in *sdk.ReplaceNetworkAclEntryInput,
) (*sdk.ReplaceNetworkAclEntryOutput, error) {
	e, err := entryInput{
		in.RuleNumber,
		in.Egress,
		in.RuleAction,
		in.Protocol,
		in.CidrBlock,
		in.Ipv6CidrBlock,
		in.PortRange,
		in.IcmpTypeCode,
	}.entry()
	if err != nil {
		return nil, err
	}
	return nil, s.network.ReplaceACLEntry(ctx, query.ScopeOf(c), aws.ToString(in.NetworkAclId), e)
}

func (s *service) deleteNetworkAclEntry(
	ctx context.Context,
	c *api.Call,
	in *sdk.DeleteNetworkAclEntryInput,
) (*sdk.DeleteNetworkAclEntryOutput, error) {
	if in.RuleNumber == nil {
		return nil, query.Required("ruleNumber")
	}
	return nil, s.network.DeleteACLEntry(
		ctx,
		query.ScopeOf(c),
		aws.ToString(in.NetworkAclId),
		aws.ToBool(in.Egress),
		int(*in.RuleNumber),
	)
}

func (s *service) replaceNetworkAclAssociation(
	ctx context.Context,
	c *api.Call,
	in *sdk.ReplaceNetworkAclAssociationInput,
) (*sdk.ReplaceNetworkAclAssociationOutput, error) {
	a, err := s.network.ReplaceACLAssociation(
		ctx,
		query.ScopeOf(c),
		aws.ToString(in.AssociationId),
		aws.ToString(in.NetworkAclId),
	)
	if err != nil {
		return nil, err
	}
	return &sdk.ReplaceNetworkAclAssociationOutput{NewAssociationId: aws.String(a.ID)}, nil
}
