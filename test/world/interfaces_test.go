package world_test

import (
	"context"
	"io"
	"net/netip"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"postern/test/world"
)

// reaches says whether a connection from one of a node's addresses comes about.
func reaches(t *testing.T, n *world.Node, index int, from, to netip.Addr, want bool) bool {
	t.Helper()
	patience := 20 * time.Second
	if !want {
		patience = 300 * time.Millisecond
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, err := n.DialFrom(ctx, index, from, netip.AddrPortFrom(to, 443))
	if err == nil {
		c.Close()
	}
	return err == nil
}

// asksMetadata asks for instance metadata from an address of the second interface.
func asksMetadata(t *testing.T, n *world.Node, from netip.Addr) {
	t.Helper()
	imds, err := n.DialFrom(t.Context(), 1, from, netip.MustParseAddrPort("169.254.169.254:80"))
	if err != nil {
		t.Fatalf("instance metadata from the second interface: %v", err)
	}
	defer imds.Close()
	answer := make([]byte, 12)
	if _, err := io.WriteString(imds, "PUT /latest/api/token HTTP/1.1\r\nHost: "+
		"x\r\nX-aws-ec2-metadata-token-ttl-seconds: 60\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(imds, answer); err != nil || string(answer) != "HTTP/1.1 200" {
		t.Errorf("instance metadata from the second interface: %q, %v", answer, err)
	}
}

// assign gives an interface one more address.
func assign(t *testing.T, w *world.World, id *string) netip.Addr {
	t.Helper()
	out, err := w.EC2.AssignPrivateIpAddresses(t.Context(),
		&ec2.AssignPrivateIpAddressesInput{NetworkInterfaceId: id, SecondaryPrivateIpAddressCount: aws.Int32(1)})
	if err != nil {
		t.Fatal(err)
	}
	return netip.MustParseAddr(*out.AssignedPrivateIpAddresses[0].PrivateIpAddress)
}

// setGroup puts an interface into one group.
func setGroup(t *testing.T, w *world.World, eni *string, group string) {
	t.Helper()
	if _, err := w.EC2.ModifyNetworkInterfaceAttribute(t.Context(), &ec2.ModifyNetworkInterfaceAttributeInput{
		NetworkInterfaceId: eni, Groups: []string{group},
	}); err != nil {
		t.Fatal(err)
	}
}

// TestSecondInterface attaches an interface to a running instance, gives both interfaces more addresses, changes its
// groups and takes it away again. Each time connections say what is true.
func TestSecondInterface(t *testing.T) {
	t.Parallel()
	w := world.New(t, world.Nodes(1))
	n, ctx := w.Node(0), t.Context()
	found, err := n.Lookup(ctx, "ssm.us-east-1.amazonaws.com")
	if err != nil {
		t.Fatal(err)
	}
	endpoint := found[0]
	made, err := w.EC2.CreateNetworkInterface(ctx,
		&ec2.CreateNetworkInterfaceInput{SubnetId: &w.Subnets[0], Groups: []string{w.NodeGroup}})
	if err != nil {
		t.Fatal(err)
	}
	eni, second := made.NetworkInterface.NetworkInterfaceId, netip.MustParseAddr(*made.NetworkInterface.PrivateIpAddress)
	attach := func() *string {
		t.Helper()
		out, err := w.EC2.AttachNetworkInterface(ctx,
			&ec2.AttachNetworkInterfaceInput{NetworkInterfaceId: eni, InstanceId: &n.ID, DeviceIndex: aws.Int32(1)})
		if err != nil {
			t.Fatal(err)
		}
		w.Until("the interface is plugged in", func() bool { return n.Plugged(1) })
		return out.AttachmentId
	}
	check := func(what string, index int, from netip.Addr, want bool) {
		t.Helper()
		if got := reaches(t, n, index, from, endpoint, want); got != want {
			t.Errorf("%s: connects %t, want %t", what, got, want)
		}
	}
	attachment := attach()
	check("from the second interface", 1, second, true)
	check("from the second address by the first interface", 0, second, false)
	asksMetadata(t, n, second)

	first, more := assign(t, w, &n.Interface), assign(t, w, eni)
	check("from a secondary address", 0, first, true)
	check("from the second interface's secondary address", 1, more, true)
	if _, err := w.EC2.UnassignPrivateIpAddresses(ctx, &ec2.UnassignPrivateIpAddressesInput{
		NetworkInterfaceId: &n.Interface, PrivateIpAddresses: []string{first.String()},
	}); err != nil {
		t.Fatal(err)
	}
	check("from an address that was taken away", 0, first, false)

	setGroup(t, w, eni, w.EndpointGroup)
	check("with a group that the endpoint does not know", 1, second, false)
	setGroup(t, w, eni, w.NodeGroup)
	n.Reboot()
	w.Until("the interface is plugged in again", func() bool { return n.Plugged(1) })
	check("after a boot", 1, more, true)

	if _, err := w.EC2.DetachNetworkInterface(ctx, &ec2.DetachNetworkInterfaceInput{
		AttachmentId: attachment,
	}); err != nil {
		t.Fatal(err)
	}
	check("detached", 1, second, false)
	if got := n.Says("echo still here"); got != "still here\n" {
		t.Errorf("it says %q", got)
	}
	attach()
	check("attached again", 1, second, true)
}

// TestSecondRange gives the VPC one more range: an instance there reaches the endpoints in the first one, by their
// names.
func TestSecondRange(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	ctx, home := t.Context(), w.Home()
	if _, err := w.EC2.AssociateVpcCidrBlock(ctx, &ec2.AssociateVpcCidrBlockInput{
		VpcId: &w.VPC, CidrBlock: aws.String("10.9.0.0/16"),
	}); err != nil {
		t.Fatal(err)
	}
	subnet, err := w.EC2.CreateSubnet(ctx, &ec2.CreateSubnetInput{VpcId: &w.VPC, CidrBlock: aws.String("10.9.1.0/24")})
	if err != nil {
		t.Fatal(err)
	}
	home.Subnet = *subnet.Subnet.SubnetId
	n := home.Bare()
	if got := try(t, n, ssmName, timesOut); got != timesOut || n.Drops()["no-rule"] == 0 {
		t.Errorf("with the default group: %s, dropped %v", got, n.Drops())
	}
	if _, err := w.EC2.ModifyNetworkInterfaceAttribute(ctx, &ec2.ModifyNetworkInterfaceAttributeInput{
		NetworkInterfaceId: &n.Interface, Groups: []string{w.NodeGroup},
	}); err != nil {
		t.Fatal(err)
	}
	if got := try(t, n, ssmName, connects); got != connects {
		t.Errorf("from the second range: %s", got)
	}
}

// TestRouteThroughInterface leads a range to an instance's interface: packets arrive there once its source/destination
// check is off.
func TestRouteThroughInterface(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	node, middle, ctx := w.Bare(), w.Bare(), t.Context()
	tables, err := w.EC2.DescribeRouteTables(ctx,
		&ec2.DescribeRouteTablesInput{Filters: []types.Filter{{Name: aws.String("vpc-id"), Values: []string{w.VPC}}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.EC2.CreateRoute(ctx, &ec2.CreateRouteInput{
		RouteTableId: tables.RouteTables[0].RouteTableId, DestinationCidrBlock: aws.String("198.51.100.0/24"),
		NetworkInterfaceId: &middle.Interface,
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.EC2.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{
		GroupId: &w.NodeGroup,
		IpPermissions: []types.IpPermission{
			{IpProtocol: aws.String("-1"), IpRanges: []types.IpRange{{CidrIp: aws.String("10.0.0.0/16")}}},
		},
	}); err != nil {
		t.Fatal(err)
	}
	from, to := netip.AddrPortFrom(node.Address, 40_000), netip.MustParseAddrPort("198.51.100.7:80")
	sends, arrives := node.Wire(), middle.Wire()
	sends.PutBytes(segment(from, to, syn))
	if got := arrives.Take(); len(got) > 0 || node.Drops()["not-forwarding"] != 1 {
		t.Errorf("with the check %d packets arrive; dropped: %v", len(got), node.Drops())
	}
	if _, err := w.EC2.ModifyNetworkInterfaceAttribute(ctx, &ec2.ModifyNetworkInterfaceAttributeInput{
		NetworkInterfaceId: &middle.Interface, SourceDestCheck: &types.AttributeBooleanValue{Value: aws.Bool(false)},
	}); err != nil {
		t.Fatal(err)
	}
	sends.PutBytes(segment(from, to, syn))
	got := arrives.Wait()
	b := make([]byte, got[0].Len())
	got[0].Copy(b, 0)
	if dst, _ := netip.AddrFromSlice(b[16:20]); dst != to.Addr() {
		t.Errorf("it arrives for %s", dst)
	}
	// And back: what the instance in the middle sends in the name of the other end.
	arrives.PutBytes(segment(to, from, syn|0x10))
	if len(sends.Wait()) == 0 {
		t.Error("no answer arrives")
	}
}
