package ec2_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// TestNetworkACL makes a network ACL, gives it entries and a subnet, and takes all of it back.
// newACL makes a network ACL that is named strict.
func (l *harness) newACL(vpc string) string {
	l.t.Helper()
	return *must(l.CreateNetworkAcl(l.ctx, &sdk.CreateNetworkAclInput{
		VpcId: &vpc, TagSpecifications: nameTag("network-acl", "strict"),
	}))(l.t).NetworkAcl.NetworkAclId
}

// oneACL returns the only network ACL that passes filters.
func (l *harness) oneACL(f ...types.Filter) types.NetworkAcl {
	l.t.Helper()
	out := must(l.DescribeNetworkAcls(l.ctx, &sdk.DescribeNetworkAclsInput{Filters: f}))(l.t)
	if len(out.NetworkAcls) != 1 {
		l.t.Fatalf("ACLs %+v", out.NetworkAcls)
	}
	return out.NetworkAcls[0]
}

func TestNetworkACLEntries(t *testing.T) {
	l := newHarness(t)
	id := l.newACL(l.places().vpc)
	type in = *sdk.CreateNetworkAclEntryInput
	entry := func(change func(in)) error {
		x := sdk.CreateNetworkAclEntryInput{
			NetworkAclId: &id, RuleNumber: aws.Int32(100), RuleAction: "allow", Egress: aws.Bool(false),
			Protocol:  aws.String("6"),
			CidrBlock: aws.String("10.0.0.0/16"), PortRange: &types.PortRange{From: aws.Int32(443), To: aws.Int32(443)},
		}
		change(&x)
		return second(l.CreateNetworkAclEntry(l.ctx, &x))
	}
	wantCodes(t, []outcome{
		{"number", entry(func(x in) { x.RuleNumber = aws.Int32(40000) }), "InvalidParameterValue"},
		{"action", entry(func(x in) { x.RuleAction = "maybe" }), "InvalidParameterValue"},
		{"no range", entry(func(x in) { x.CidrBlock = nil }), "MissingParameter"},
		{"two ranges", entry(func(x in) { x.Ipv6CidrBlock = aws.String("::/0") }), "InvalidParameterCombination"},
		{"IPv6 as IPv4", entry(func(x in) { x.CidrBlock = aws.String("::/0") }), "InvalidParameterValue"},
		{"no ports", entry(func(x in) { x.PortRange = nil }), "InvalidParameterValue"},
		{"no type", entry(func(x in) { x.Protocol = aws.String("1") }), "MissingParameter"},
		{"protocol", entry(func(x in) { x.Protocol = aws.String("quic") }), "InvalidParameterValue"},
		{"good", entry(func(in) {}), ""},
		{"again", entry(func(in) {}), "NetworkAclEntryAlreadyExists"},
		{"IPv6", entry(func(x in) {
			x.RuleNumber, x.CidrBlock, x.Ipv6CidrBlock = aws.Int32(110), nil, aws.String("::/0")
			x.Protocol, x.PortRange = aws.String("-1"), nil
		}), ""},
		{"ping", entry(func(x in) {
			x.RuleNumber, x.Protocol, x.PortRange = aws.Int32(120), aws.String("icmp"), nil
			x.IcmpTypeCode = &types.IcmpTypeCode{Type: aws.Int32(8), Code: aws.Int32(-1)}
		}), ""},
		{"delete what is not",
			second(l.DeleteNetworkAclEntry(l.ctx, &sdk.DeleteNetworkAclEntryInput{
				NetworkAclId: &id, RuleNumber: aws.Int32(9), Egress: aws.Bool(true),
			})),
			"InvalidNetworkAclEntry.NotFound"},
		{"replace", second(l.ReplaceNetworkAclEntry(l.ctx, &sdk.ReplaceNetworkAclEntryInput{
			NetworkAclId: &id, RuleNumber: aws.Int32(100), RuleAction: "deny", Egress: aws.Bool(false),
			Protocol: aws.String("-1"), CidrBlock: aws.String("0.0.0.0/0"),
		})), ""},
	})
	a := l.oneACL(filter("tag:Name", "strict"), filter("entry.ipv6-cidr", "::/0"), filter("entry.icmp.type", "8"))
	if len(a.Entries) != 5 || a.Entries[0].RuleAction != "deny" || *a.Entries[1].Ipv6CidrBlock != "::/0" || *a.IsDefault {
		t.Errorf("the ACL is %+v", a)
	}
	must(l.DeleteNetworkAclEntry(l.ctx, &sdk.DeleteNetworkAclEntryInput{
		NetworkAclId: &id, RuleNumber: aws.Int32(110), Egress: aws.Bool(false),
	}))(t)
	if a := l.oneACL(filter("tag:Name", "strict")); len(a.Entries) != 4 {
		t.Errorf("without the entry for IPv6 it is %+v", a)
	}
	must(l.DeleteNetworkAcl(l.ctx, &sdk.DeleteNetworkAclInput{NetworkAclId: &id}))(t)
}

func TestNetworkACLAssociation(t *testing.T) {
	l := newHarness(t)
	p := l.places()
	id := l.newACL(p.vpc)
	old := l.oneACL(filter("association.subnet-id", p.a))
	association := ""
	for _, x := range old.Associations {
		if *x.SubnetId == p.a {
			association = *x.NetworkAclAssociationId
		}
	}
	moved := *must(l.ReplaceNetworkAclAssociation(l.ctx, &sdk.ReplaceNetworkAclAssociationInput{
		AssociationId: &association, NetworkAclId: &id,
	}))(t).NewAssociationId
	if now := l.oneACL(filter("association.association-id", moved)); *now.NetworkAclId != id {
		t.Errorf("the subnet is on %s", *now.NetworkAclId)
	}
	_, err := l.DeleteNetworkAcl(l.ctx, &sdk.DeleteNetworkAclInput{NetworkAclId: &id})
	wantCode(t, "delete in use", err, "DependencyViolation")
	must(l.ReplaceNetworkAclAssociation(l.ctx, &sdk.ReplaceNetworkAclAssociationInput{
		AssociationId: &moved, NetworkAclId: old.NetworkAclId,
	}))(t)
	must(l.DeleteNetworkAcl(l.ctx, &sdk.DeleteNetworkAclInput{NetworkAclId: &id}))(t)
}
