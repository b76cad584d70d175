package world_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"postern/doctor"
	"postern/test/world"
)

// hub is a VPC with an endpoint to ssm that the world's VPC reaches over a peering connection.
type hub struct {
	t *testing.T
	w *world.World

	vpc, subnet, group, endpoint, peering string
	// name is the endpoint's own.
	name string
	// here and there are the main route tables of the two sides.
	here, there string
}

const hubRange, worldRange = "10.1.0.0/16", "10.0.0.0/16"

func newHub(t *testing.T, w *world.World) *hub {
	t.Helper()
	ctx := t.Context()
	h := &hub{t: t, w: w}
	h.vpc = *ok[*ec2.CreateVpcOutput](t)(w.EC2.CreateVpc(ctx, &ec2.CreateVpcInput{
		CidrBlock: aws.String(hubRange),
	})).Vpc.VpcId
	h.subnet = *ok[*ec2.CreateSubnetOutput](t)(w.EC2.CreateSubnet(ctx, &ec2.CreateSubnetInput{
		VpcId: &h.vpc, CidrBlock: aws.String("10.1.1.0/24"),
	})).Subnet.SubnetId
	h.group = *ok[*ec2.CreateSecurityGroupOutput](t)(w.EC2.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{
		VpcId: &h.vpc, GroupName: aws.String("hub"), Description: aws.String("hub"),
	})).GroupId
	h.authorize()
	e := ok[*ec2.CreateVpcEndpointOutput](t)(w.EC2.CreateVpcEndpoint(ctx, &ec2.CreateVpcEndpointInput{
		VpcId: &h.vpc, VpcEndpointType: ec2types.VpcEndpointTypeInterface,
		ServiceName: aws.String("com.amazonaws.us-east-1.ssm"),
		SubnetIds:   []string{h.subnet}, SecurityGroupIds: []string{h.group}, PrivateDnsEnabled: aws.Bool(false),
	})).VpcEndpoint
	h.endpoint, h.name = *e.VpcEndpointId, *e.DnsEntries[0].DnsName
	h.here, h.there = mainTable(t, w, w.VPC), mainTable(t, w, h.vpc)
	h.peer()
	return h
}

func (h *hub) authorize() {
	h.t.Helper()
	ok[*ec2.AuthorizeSecurityGroupIngressOutput](h.t)(h.w.EC2.AuthorizeSecurityGroupIngress(h.t.Context(),
		&ec2.AuthorizeSecurityGroupIngressInput{GroupId: &h.group, IpPermissions: permission(443, worldRange)}))
}

// mainTable is the id of a VPC's main route table.
func mainTable(t *testing.T, w *world.World, vpc string) string {
	t.Helper()
	return *ok[*ec2.DescribeRouteTablesOutput](t)(w.EC2.DescribeRouteTables(t.Context(), &ec2.DescribeRouteTablesInput{
		Filters: []ec2types.Filter{
			{Name: aws.String("vpc-id"), Values: []string{vpc}},
			{Name: aws.String("association.main"), Values: []string{"true"}},
		},
	})).RouteTables[0].RouteTableId
}

// peer makes the peering connection and its routes.
func (h *hub) peer() {
	h.t.Helper()
	ctx := h.t.Context()
	in := &ec2.CreateVpcPeeringConnectionInput{VpcId: &h.w.VPC, PeerVpcId: &h.vpc}
	made := ok[*ec2.CreateVpcPeeringConnectionOutput](h.t)(h.w.EC2.CreateVpcPeeringConnection(ctx, in))
	h.peering = *made.VpcPeeringConnection.VpcPeeringConnectionId
	ok[*ec2.AcceptVpcPeeringConnectionOutput](h.t)(
		h.w.EC2.AcceptVpcPeeringConnection(ctx, &ec2.AcceptVpcPeeringConnectionInput{VpcPeeringConnectionId: &h.peering}),
	)
	h.route(h.here, hubRange)
	h.route(h.there, worldRange)
}

func (h *hub) route(table, cidr string) {
	h.t.Helper()
	ok[*ec2.CreateRouteOutput](h.t)(h.w.EC2.CreateRoute(h.t.Context(), &ec2.CreateRouteInput{
		RouteTableId: &table, DestinationCidrBlock: &cidr, VpcPeeringConnectionId: &h.peering,
	}))
}

func (h *hub) unroute(table, cidr string) {
	h.t.Helper()
	ok[*ec2.DeleteRouteOutput](h.t)(
		h.w.EC2.DeleteRoute(h.t.Context(), &ec2.DeleteRouteInput{RouteTableId: &table, DestinationCidrBlock: &cidr}),
	)
}

// TestHub breaks the path to an endpoint in another VPC, each time in another way. The node times out, is told why, and
// connects when it is mended.
func TestHub(t *testing.T) {
	t.Parallel()
	w := world.New(t, world.Nodes(1))
	h, n := newHub(t, w), w.Node(0)
	reached := func() {
		t.Helper()
		if got := try(t, n, h.name+":443", connects); got != connects {
			t.Fatalf("mended, the node %s", got)
		}
		if r := explain(t, w, n.ID, h.name); !r.Works {
			t.Errorf("it works, and explain says %+v", r.Findings)
		}
	}
	reached()
	for _, c := range []struct {
		name     string
		breaks   func() (mend func())
		finding  doctor.ID
		resource *string
	}{
		{"the nodes' side has no route", func() func() {
			h.unroute(h.here, hubRange)
			return func() { h.route(h.here, hubRange) }
		}, "route/missing", &h.here},
		{"the endpoints' side has no route back", func() func() {
			h.unroute(h.there, worldRange)
			return func() { h.route(h.there, worldRange) }
		}, "route/missing", &h.there},
		{"the endpoints' group does not know the other range", func() func() {
			ok[*ec2.RevokeSecurityGroupIngressOutput](t)(w.EC2.RevokeSecurityGroupIngress(t.Context(),
				&ec2.RevokeSecurityGroupIngressInput{GroupId: &h.group, IpPermissions: permission(443, worldRange)}))
			return h.authorize
		}, "ingress/no-rule", &h.group},
		{"the peering is deleted", func() func() {
			ok[*ec2.DeleteVpcPeeringConnectionOutput](t)(w.EC2.DeleteVpcPeeringConnection(t.Context(),
				&ec2.DeleteVpcPeeringConnectionInput{VpcPeeringConnectionId: &h.peering}))
			return func() {
				h.unroute(h.here, hubRange)
				h.unroute(h.there, worldRange)
				h.peer()
			}
		}, "route/blackhole", &h.here},
	} {
		t.Run(c.name, func(t *testing.T) {
			mend := c.breaks()
			if got := try(t, n, h.name+":443", timesOut); got != timesOut {
				t.Errorf("the node %s", got)
			}
			explained(t, explain(t, w, n.ID, h.name), c.finding, *c.resource)
			mend()
			reached()
		})
	}
}

// TestOneZone: where the other zone is shut off, its endpoint's address times out and the node goes on with its own.
func TestOneZone(t *testing.T) {
	t.Parallel()
	w := world.New(t, world.Nodes(1))
	n := w.Node(0)
	restore, _ := aclFor(t, w, w.Subnets[1])
	addresses, err := n.Lookup(t.Context(), "ssm.us-east-1.amazonaws.com")
	if err != nil || len(addresses) != 2 {
		t.Fatal(addresses, err)
	}
	seen := map[attempt]int{}
	for _, a := range addresses {
		want := timesOut
		if a.As4()[2] == 1 {
			want = connects
		}
		seen[try(t, n, a.String()+":443", want)]++
	}
	if seen[connects] != 1 || seen[timesOut] != 1 {
		t.Errorf("of the two addresses: %v", seen)
	}
	n.Reboot()
	n.Await(world.Online)
	r := explain(t, w, n.ID, "ssm")
	if !r.Works || len(r.Findings) == 0 {
		t.Errorf("explain says nothing of the other zone: %+v", r.Findings)
	}
	restore()
	n.Await(world.Online)
	if r := explain(t, w, n.ID, "ssm"); !r.Works || len(r.Findings) > 0 {
		t.Errorf("restored, and still: %+v", r.Findings)
	}
}
