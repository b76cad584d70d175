package ec2_test

import (
	"encoding/json"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// peeredGroups is a harness with two peered VPCs, each with a group whose rule names the other's.
type peeredGroups struct {
	*harness
	vpcA, vpcB, pcx, a, b string
}

func newPeeredGroups(t *testing.T) *peeredGroups {
	l := &peeredGroups{harness: newHarness(t)}
	l.vpcA = *must(l.CreateVpc(l.ctx, &sdk.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")}))(t).Vpc.VpcId
	l.vpcB = *must(l.CreateVpc(l.ctx, &sdk.CreateVpcInput{CidrBlock: aws.String("10.1.0.0/16")}))(t).Vpc.VpcId
	l.a, l.b = l.group(l.vpcA, "a"), l.group(l.vpcB, "b")
	l.pcx = l.peer()
	for _, pair := range [][2]string{{l.a, l.b}, {l.b, l.a}} {
		must(l.AuthorizeSecurityGroupIngress(l.ctx, &sdk.AuthorizeSecurityGroupIngressInput{
			GroupId: &pair[0], IpPermissions: []types.IpPermission{fromGroup(pair[1])},
		}))(t)
	}
	return l
}

func fromGroup(id string) types.IpPermission {
	return types.IpPermission{
		IpProtocol: aws.String("tcp"), FromPort: aws.Int32(443), ToPort: aws.Int32(443),
		UserIdGroupPairs: []types.UserIdGroupPair{{GroupId: &id, Description: aws.String("from the other side")}},
	}
}

func (l *peeredGroups) group(vpc, name string) string {
	return *must(l.CreateSecurityGroup(l.ctx, &sdk.CreateSecurityGroupInput{
		VpcId: &vpc, GroupName: &name, Description: &name,
	}))(l.t).GroupId
}

func (l *peeredGroups) peer() string {
	id := must(l.CreateVpcPeeringConnection(l.ctx, &sdk.CreateVpcPeeringConnectionInput{
		VpcId: &l.vpcA, PeerVpcId: &l.vpcB,
	}))(l.t).VpcPeeringConnection.VpcPeeringConnectionId
	must(l.AcceptVpcPeeringConnection(l.ctx, &sdk.AcceptVpcPeeringConnectionInput{VpcPeeringConnectionId: id}))(l.t)
	return *id
}

// pair checks what group a shows of its reference, in both forms, and returns it.
func (l *peeredGroups) pair(pcx, status string) types.UserIdGroupPair {
	l.t.Helper()
	p := l.permissions()[0].UserIdGroupPairs[0]
	if *p.GroupId != l.b || *p.UserId != account || *p.VpcId != l.vpcB || *p.VpcPeeringConnectionId != pcx ||
		*p.PeeringStatus != status {
		l.t.Errorf("want %s by %s %s, the pair is %s", l.b, pcx, status, show(p))
	}
	for _, r := range must(l.DescribeSecurityGroupRules(l.ctx, &sdk.DescribeSecurityGroupRulesInput{
		Filters: []types.Filter{filter("group-id", l.a)},
	}))(l.t).SecurityGroupRules {
		if x := r.ReferencedGroupInfo; x != nil && (*x.VpcId != l.vpcB || *x.VpcPeeringConnectionId != pcx ||
			*x.PeeringStatus != status || *x.UserId != account) {
			l.t.Errorf("want %s by %s %s, the rule names %s", l.b, pcx, status, show(x))
		}
	}
	return p
}

func (l *peeredGroups) permissions() []types.IpPermission {
	return must(l.DescribeSecurityGroups(l.ctx, &sdk.DescribeSecurityGroupsInput{
		GroupIds: []string{l.a},
	}))(l.t).SecurityGroups[0].IpPermissions
}

func (l *peeredGroups) stale(vpc string) []types.StaleSecurityGroup {
	return must(
		l.DescribeStaleSecurityGroups(l.ctx, &sdk.DescribeStaleSecurityGroupsInput{VpcId: &vpc}),
	)(l.t).StaleSecurityGroupSet
}

func (l *peeredGroups) references(groups ...string) []types.SecurityGroupReference {
	return must(l.DescribeSecurityGroupReferences(l.ctx, &sdk.DescribeSecurityGroupReferencesInput{
		GroupId: groups,
	}))(l.t).SecurityGroupReferenceSet
}

// TestStaleByPeering: the end of the peering makes the rules on both sides stale; another peering of the two VPCs heals
// them, and what is described can be revoked as it is.
func TestStaleByPeering(t *testing.T) {
	l := newPeeredGroups(t)
	l.pair(l.pcx, "active")
	if got := l.references(l.a, l.b); len(got) != 2 || *got[0].VpcPeeringConnectionId != l.pcx ||
		*got[0].GroupId > *got[1].GroupId {
		t.Errorf("references %s", show(got))
	}
	if got := l.stale(l.vpcA); len(got) != 0 {
		t.Errorf("stale from the beginning: %s", show(got))
	}
	must(l.DeleteVpcPeeringConnection(l.ctx, &sdk.DeleteVpcPeeringConnectionInput{VpcPeeringConnectionId: &l.pcx}))(t)
	l.pair(l.pcx, "deleted")
	got := l.stale(l.vpcA)
	if len(got) != 1 || *got[0].GroupId != l.a || *got[0].GroupName != "a" || len(got[0].StaleIpPermissionsEgress) != 0 ||
		len(got[0].StaleIpPermissions) != 1 ||
		*got[0].StaleIpPermissions[0].UserIdGroupPairs[0].PeeringStatus != "deleted" ||
		*got[0].StaleIpPermissions[0].FromPort != 443 {
		t.Errorf("stale by the peering: %s", show(got))
	}
	if got := l.references(l.a, l.b); len(got) != 0 {
		t.Errorf("references over no peering: %s", show(got))
	}
	again := l.peer()
	l.pair(again, "active")
	if got := l.stale(l.vpcA); len(got) != 0 {
		t.Errorf("stale after a new peering: %s", show(got))
	}
	must(l.RevokeSecurityGroupIngress(l.ctx, &sdk.RevokeSecurityGroupIngressInput{
		GroupId: &l.a, IpPermissions: l.permissions(),
	}))(t)
}

// TestStaleByGroup: a group that only rules of another VPC name can be deleted, and so can everything after it.
func TestStaleByGroup(t *testing.T) {
	l := newPeeredGroups(t)
	deleteGroup := func(id string) error {
		return second(l.DeleteSecurityGroup(l.ctx, &sdk.DeleteSecurityGroupInput{GroupId: &id}))
	}
	wantCode(t, "the referenced group", deleteGroup(l.b), "")
	l.pair(l.pcx, "active")
	if got := l.stale(l.vpcA); len(got) != 1 ||
		*got[0].StaleIpPermissions[0].UserIdGroupPairs[0].PeeringStatus != "active" {
		t.Errorf("stale by the group: %s", show(got))
	}
	if got := must(l.DescribeSecurityGroups(l.ctx, &sdk.DescribeSecurityGroupsInput{
		Filters: []types.Filter{filter("ip-permission.group-name", "b")},
	}))(t).SecurityGroups; len(got) != 1 {
		t.Errorf("by the name of the group that is gone: %s", show(got))
	}
	must(l.DeleteVpcPeeringConnection(l.ctx, &sdk.DeleteVpcPeeringConnectionInput{VpcPeeringConnectionId: &l.pcx}))(t)
	wantCode(t, "its VPC", second(l.DeleteVpc(l.ctx, &sdk.DeleteVpcInput{VpcId: &l.vpcB})), "")
	l.pair(l.pcx, "deleted")
	must(l.RevokeSecurityGroupIngress(l.ctx, &sdk.RevokeSecurityGroupIngressInput{
		GroupId: &l.a, IpPermissions: l.permissions(),
	}))(t)
	wantCode(t, "the group that was stale", deleteGroup(l.a), "")
	wantCode(t, "the other VPC", second(l.DeleteVpc(l.ctx, &sdk.DeleteVpcInput{VpcId: &l.vpcA})), "")
}

// TestReferenceHasToBeTrue: what a request says of the group that it names is not ignored.
func TestReferenceHasToBeTrue(t *testing.T) {
	l := newPeeredGroups(t)
	other := l.group(l.vpcB, "other")
	same := l.group(l.vpcA, "same")
	for _, tt := range []struct {
		what, group string
		edit        func(*types.UserIdGroupPair)
		code        string
	}{
		{
			"another account", other, func(p *types.UserIdGroupPair) { p.UserId = aws.String("999999999999") },
			"InvalidGroup.NotFound",
		},
		{"another VPC", other, func(p *types.UserIdGroupPair) { p.VpcId = &l.vpcA }, "InvalidParameter"},
		{
			"another peering", other,
			func(p *types.UserIdGroupPair) { p.VpcPeeringConnectionId = aws.String("pcx-0123456789abcdef0") },
			"InvalidParameter",
		},
		{
			"a peering to the own VPC", same, func(p *types.UserIdGroupPair) { p.VpcPeeringConnectionId = &l.pcx },
			"InvalidParameter",
		},
		{"all true", other, func(p *types.UserIdGroupPair) {
			p.UserId, p.VpcId, p.VpcPeeringConnectionId = aws.String(account), &l.vpcB, &l.pcx
		}, ""},
	} {
		permission := fromGroup(tt.group)
		tt.edit(&permission.UserIdGroupPairs[0])
		wantCode(t, tt.what, second(l.AuthorizeSecurityGroupIngress(l.ctx, &sdk.AuthorizeSecurityGroupIngressInput{
			GroupId: &l.a, IpPermissions: []types.IpPermission{permission},
		})), tt.code)
	}
	none := "sg-0123456789abcdef0"
	wantCode(t, "references of nothing", second(
		l.DescribeSecurityGroupReferences(l.ctx, &sdk.DescribeSecurityGroupReferencesInput{GroupId: []string{none}}),
	), "InvalidGroup.NotFound")
	wantCode(t, "stale groups of nothing", second(l.DescribeStaleSecurityGroups(
		l.ctx, &sdk.DescribeStaleSecurityGroupsInput{VpcId: aws.String("vpc-0123456789abcdef0")},
	)), "InvalidVpcID.NotFound")
}

// show prints an answer with what its pointers lead to.
func show(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(text)
}
