package ec2_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"postern/network"
)

// TestPublicAddresses makes the alternative road with a real client, looks at every part of it and takes it down again.
func TestPublicAddresses(t *testing.T) {
	l := newHarness(t)
	p := l.places()
	igw := *must(l.CreateInternetGateway(l.ctx, &sdk.CreateInternetGatewayInput{}))(t).InternetGateway.InternetGatewayId
	eip := must(l.AllocateAddress(l.ctx, &sdk.AllocateAddressInput{
		Domain: "vpc", TagSpecifications: nameTag("elastic-ip", "out"),
	}))(t)
	if *eip.NetworkBorderGroup != "us-east-1" || *eip.PublicIpv4Pool != "amazon" ||
		!strings.HasPrefix(*eip.PublicIp, "198.19.") {
		t.Errorf("allocated %+v", eip)
	}
	failed := must(l.CreateNatGateway(l.ctx, &sdk.CreateNatGatewayInput{
		SubnetId: &p.a, AllocationId: eip.AllocationId,
	}))(t).NatGateway
	l.wantNat(*failed.NatGatewayId, "failed", "Gateway.NotAttached")
	must(l.AttachInternetGateway(l.ctx, &sdk.AttachInternetGatewayInput{InternetGatewayId: &igw, VpcId: &p.vpc}))(t)

	nat := must(l.CreateNatGateway(l.ctx, &sdk.CreateNatGatewayInput{
		SubnetId: &p.a, AllocationId: eip.AllocationId, TagSpecifications: nameTag("natgateway", "out"),
		ClientToken: aws.String("once"),
	}))(t).NatGateway
	again := must(l.CreateNatGateway(l.ctx, &sdk.CreateNatGatewayInput{
		SubnetId: &p.a, AllocationId: eip.AllocationId, TagSpecifications: nameTag("natgateway", "out"),
		ClientToken: aws.String("once"),
	}))(t).NatGateway
	if nat.State != "pending" || *again.NatGatewayId != *nat.NatGatewayId {
		t.Errorf("made %+v, and again %s", nat, *again.NatGatewayId)
	}
	g := l.wantNat(*nat.NatGatewayId, "available", "")
	at := g.NatGatewayAddresses[0]
	if *at.PublicIp != *eip.PublicIp || *at.AllocationId != *eip.AllocationId || !*at.IsPrimary ||
		g.ConnectivityType != "public" || *g.Tags[0].Value != "out" {
		t.Errorf("the gateway is %+v", g)
	}
	nic := must(l.DescribeNetworkInterfaces(l.ctx, &sdk.DescribeNetworkInterfacesInput{
		NetworkInterfaceIds: []string{*at.NetworkInterfaceId},
	}))(t).NetworkInterfaces[0]
	if nic.InterfaceType != "nat_gateway" || !*nic.RequesterManaged || *nic.PrivateIpAddress != *at.PrivateIp ||
		*nic.Association.PublicIp != *eip.PublicIp ||
		*nic.Association.AssociationId != *at.AssociationId || nic.Attachment.InstanceId != nil {
		t.Errorf("its interface is %+v", nic)
	}
	shown := must(l.DescribeAddresses(l.ctx, &sdk.DescribeAddressesInput{
		Filters: []types.Filter{filter("association-id", *at.AssociationId)},
	}))(t).Addresses
	if len(shown) != 1 || *shown[0].NetworkInterfaceId != *at.NetworkInterfaceId ||
		*shown[0].PrivateIpAddress != *at.PrivateIp || shown[0].InstanceId != nil {
		t.Errorf("the address is %+v", shown)
	}
	table := *must(l.CreateRouteTable(l.ctx, &sdk.CreateRouteTableInput{VpcId: &p.vpc}))(t).RouteTable.RouteTableId
	everything := aws.String("0.0.0.0/0")
	must(l.CreateRoute(l.ctx, &sdk.CreateRouteInput{
		RouteTableId: &table, DestinationCidrBlock: everything, NatGatewayId: nat.NatGatewayId,
	}))(t)
	l.wantRoute(table, *nat.NatGatewayId, types.RouteStateActive)

	for _, row := range []struct {
		what string
		do   func() error
		code string
	}{
		{"release what is in use", func() error {
			return second(l.ReleaseAddress(l.ctx, &sdk.ReleaseAddressInput{AllocationId: eip.AllocationId}))
		}, "InvalidIPAddress.InUse"},
		{"free what is the gateway's", func() error {
			return second(l.DisassociateAddress(l.ctx, &sdk.DisassociateAddressInput{AssociationId: at.AssociationId}))
		}, "OperationNotPermitted"},
		{"another gateway with the address", func() error {
			made, err := l.CreateNatGateway(l.ctx, &sdk.CreateNatGatewayInput{SubnetId: &p.b, AllocationId: eip.AllocationId})
			if err == nil {
				l.wantNat(*made.NatGateway.NatGatewayId, "failed", "Resource.AlreadyAssociated")
			}
			return err
		}, ""},
		{"no such gateway", func() error {
			return second(l.DeleteNatGateway(l.ctx, &sdk.DeleteNatGatewayInput{
				NatGatewayId: aws.String("nat-0123456789abcdef0"),
			}))
		}, "NatGatewayNotFound"},
		{"a malformed id", func() error {
			return second(l.DescribeNatGateways(l.ctx, &sdk.DescribeNatGatewaysInput{NatGatewayIds: []string{"nat-x"}}))
		}, "NatGatewayMalformed"},
		{"a route to no gateway", func() error {
			return second(l.ReplaceRoute(l.ctx, &sdk.ReplaceRouteInput{
				RouteTableId: &table, DestinationCidrBlock: everything, NatGatewayId: aws.String("nat-0123456789abcdef0"),
			}))
		}, "InvalidNatGatewayID.NotFound"},
		{"no subnet", func() error {
			return second(l.CreateNatGateway(l.ctx, &sdk.CreateNatGatewayInput{SubnetId: aws.String("")}))
		}, "MissingParameter"},
		{
			"public without address",
			func() error { return second(l.CreateNatGateway(l.ctx, &sdk.CreateNatGatewayInput{SubnetId: &p.a})) },
			"MissingParameter",
		},
		{"private with address", func() error {
			return second(l.CreateNatGateway(l.ctx, &sdk.CreateNatGatewayInput{
				SubnetId: &p.a, AllocationId: eip.AllocationId, ConnectivityType: "private",
			}))
		}, "InvalidParameter"},
		{"regional", func() error {
			return second(l.CreateNatGateway(l.ctx, &sdk.CreateNatGatewayInput{SubnetId: &p.a, AvailabilityMode: "regional"}))
		}, "UnsupportedOperation"},
		{"secondary addresses", func() error {
			return second(l.CreateNatGateway(l.ctx, &sdk.CreateNatGatewayInput{
				SubnetId: &p.a, SecondaryAllocationIds: []string{*eip.AllocationId},
			}))
		}, "UnsupportedOperation"},
		{"no such address", func() error {
			return second(l.AssociateAddress(l.ctx, &sdk.AssociateAddressInput{
				AllocationId: aws.String("eipalloc-0123456789abcdef0"), NetworkInterfaceId: at.NetworkInterfaceId,
			}))
		}, "InvalidAllocationID.NotFound"},
		{"no such public address", func() error {
			return second(l.DescribeAddresses(l.ctx, &sdk.DescribeAddressesInput{PublicIps: []string{"198.19.255.254"}}))
		}, "InvalidAddress.NotFound"},
		{"no such association", func() error {
			return second(l.DisassociateAddress(l.ctx, &sdk.DisassociateAddressInput{
				AssociationId: aws.String("eipassoc-0123456789abcdef0"),
			}))
		}, "InvalidAssociationID.NotFound"},
		{"the standard domain", func() error {
			return second(l.AllocateAddress(l.ctx, &sdk.AllocateAddressInput{Domain: "standard"}))
		}, "InvalidParameterValue"},
		{"a pool of one's own", func() error {
			return second(l.AllocateAddress(l.ctx, &sdk.AllocateAddressInput{PublicIpv4Pool: aws.String("ipv4pool-ec2-1")}))
		}, "UnsupportedOperation"},
		{"detach the gateway", func() error {
			return second(l.DetachInternetGateway(l.ctx, &sdk.DetachInternetGatewayInput{
				InternetGatewayId: &igw, VpcId: &p.vpc,
			}))
		}, "DependencyViolation"},
		{
			"delete the subnet", func() error { return second(l.DeleteSubnet(l.ctx, &sdk.DeleteSubnetInput{SubnetId: &p.a})) },
			"DependencyViolation",
		},
		{"delete the gateway's interface", func() error {
			return second(l.DeleteNetworkInterface(l.ctx, &sdk.DeleteNetworkInterfaceInput{
				NetworkInterfaceId: at.NetworkInterfaceId,
			}))
		}, "OperationNotPermitted"},
	} {
		wantCode(t, row.what, row.do(), row.code)
	}

	must(l.DeleteNatGateway(l.ctx, &sdk.DeleteNatGatewayInput{NatGatewayId: nat.NatGatewayId}))(t)
	l.wantNat(*nat.NatGatewayId, "deleted", "")
	l.wantRoute(table, *nat.NatGatewayId, types.RouteStateBlackhole)
	must(l.ReleaseAddress(l.ctx, &sdk.ReleaseAddressInput{AllocationId: eip.AllocationId}))(t)
	must(l.DetachInternetGateway(l.ctx, &sdk.DetachInternetGatewayInput{InternetGatewayId: &igw, VpcId: &p.vpc}))(t)
}

// TestPublicInterfaces: Elastic IP addresses of interfaces, and those that come with a subnet or a request.
func TestPublicInterfaces(t *testing.T) {
	l := newHarness(t)
	p := l.places()
	igw := *must(l.CreateInternetGateway(l.ctx, &sdk.CreateInternetGatewayInput{}))(t).InternetGateway.InternetGatewayId
	n := *must(l.CreateNetworkInterface(l.ctx, &sdk.CreateNetworkInterfaceInput{
		SubnetId: &p.a, SecondaryPrivateIpAddressCount: aws.Int32(1),
	}))(t).NetworkInterface
	allocate := func() *string { return must(l.AllocateAddress(l.ctx, &sdk.AllocateAddressInput{}))(t).AllocationId }
	first, other := allocate(), allocate()
	associate := func(allocation *string, change func(*sdk.AssociateAddressInput)) error {
		in := &sdk.AssociateAddressInput{AllocationId: allocation, NetworkInterfaceId: n.NetworkInterfaceId}
		change(in)
		_, err := l.AssociateAddress(l.ctx, in)
		return err
	}
	as := func(*sdk.AssociateAddressInput) {}
	wantCode(t, "without Internet gateway", associate(first, as), "Gateway.NotAttached")
	must(l.AttachInternetGateway(l.ctx, &sdk.AttachInternetGatewayInput{InternetGatewayId: &igw, VpcId: &p.vpc}))(t)
	wantCode(t, "an address that it has not", associate(first, func(in *sdk.AssociateAddressInput) {
		in.PrivateIpAddress = aws.String("10.9.9.9")
	}), "InvalidParameterValue")
	wantCode(t, "a secondary address", associate(first, func(in *sdk.AssociateAddressInput) {
		in.PrivateIpAddress = n.PrivateIpAddresses[1].PrivateIpAddress
	}), "UnsupportedOperation")
	wantCode(t, "the first", associate(first, as), "")
	wantCode(t, "the same again", associate(first, func(in *sdk.AssociateAddressInput) {
		in.AllowReassociation = aws.Bool(false)
	}), "")
	wantCode(t, "the second in its place", associate(other, as), "")
	free := must(l.DescribeAddresses(l.ctx, &sdk.DescribeAddressesInput{AllocationIds: []string{*first}}))(t).Addresses[0]
	if free.AssociationId != nil {
		t.Errorf("the first is still associated: %+v", free)
	}
	elsewhere := *must(l.CreateNetworkInterface(l.ctx, &sdk.CreateNetworkInterfaceInput{
		SubnetId: &p.b,
	}))(t).NetworkInterface
	wantCode(t, "taken away without leave", associate(other, func(in *sdk.AssociateAddressInput) {
		in.NetworkInterfaceId, in.AllowReassociation = elsewhere.NetworkInterfaceId, aws.Bool(false)
	}), "Resource.AlreadyAssociated")
	must(l.DeleteNetworkInterface(l.ctx, &sdk.DeleteNetworkInterfaceInput{NetworkInterfaceId: n.NetworkInterfaceId}))(t)
	for _, id := range []*string{first, other} {
		must(l.ReleaseAddress(l.ctx, &sdk.ReleaseAddressInput{AllocationId: id}))(t)
	}
	if got := must(l.DescribeAddressesAttribute(l.ctx, &sdk.DescribeAddressesAttributeInput{
		Attribute: "domain-name",
	}))(t); len(got.Addresses) > 0 {
		t.Errorf("addresses have names: %+v", got.Addresses)
	}
}

// TestFlowLogs makes flow logs, looks at them and deletes them; what a destination is that does not exist is said.
func TestFlowLogs(t *testing.T) {
	l := newHarness(t)
	p := l.places()
	ask := func(change func(*sdk.CreateFlowLogsInput)) (*sdk.CreateFlowLogsOutput, error) {
		in := &sdk.CreateFlowLogsInput{
			ResourceIds: []string{p.vpc}, ResourceType: "VPC", TrafficType: "ALL", LogDestinationType: "s3",
			LogDestination: aws.String(network.FlowLogBucket("us-east-1") + "/harness"), MaxAggregationInterval: aws.Int32(60),
		}
		change(in)
		return l.CreateFlowLogs(l.ctx, in)
	}
	made := must(ask(func(in *sdk.CreateFlowLogsInput) {
		in.TagSpecifications, in.ClientToken = nameTag("vpc-flow-log", "all"), aws.String("once")
	}))(t)
	again := must(ask(func(in *sdk.CreateFlowLogsInput) {
		in.TagSpecifications, in.ClientToken = nameTag("vpc-flow-log", "all"), aws.String("once")
	}))(t)
	if len(made.FlowLogIds) != 1 || again.FlowLogIds[0] != made.FlowLogIds[0] {
		t.Fatalf("made %+v, and again %+v", made, again)
	}
	got := must(l.DescribeFlowLogs(l.ctx, &sdk.DescribeFlowLogsInput{
		Filter: []types.Filter{filter("resource-id", p.vpc), filter("tag:Name", "all")},
	}))(t).FlowLogs
	if len(got) != 1 || *got[0].FlowLogStatus != "ACTIVE" || *got[0].LogFormat != network.DefaultFlowLogFormat ||
		*got[0].MaxAggregationInterval != 60 {
		t.Errorf("shown as %+v", got)
	}
	for _, c := range []struct {
		what   string
		change func(*sdk.CreateFlowLogsInput)
		code   string
	}{
		{"the same", func(*sdk.CreateFlowLogsInput) {}, "FlowLogAlreadyExists"},
		{
			"CloudWatch Logs", func(in *sdk.CreateFlowLogsInput) { in.LogDestinationType = "cloud-watch-logs" },
			"UnsupportedOperation",
		},
		{"the default, which is CloudWatch Logs", func(in *sdk.CreateFlowLogsInput) {
			in.LogDestinationType, in.LogDestination, in.LogGroupName = "", nil, aws.String("group")
			in.DeliverLogsPermissionArn = aws.String("arn:aws:iam::000000000000:role/logs")
		}, "UnsupportedOperation"},
		{"a role for S3", func(in *sdk.CreateFlowLogsInput) {
			in.DeliverLogsPermissionArn = aws.String("arn:aws:iam::000000000000:role/logs")
		}, "InvalidParameter"},
		{
			"another bucket", func(in *sdk.CreateFlowLogsInput) { in.LogDestination = aws.String("arn:aws:s3:::mine") },
			"InvalidParameter",
		},
		{"a bucket that begins so", func(in *sdk.CreateFlowLogsInput) {
			in.LogDestination = aws.String(network.FlowLogBucket("us-east-1") + "-2")
		}, "InvalidParameter"},
		{"out of the folder", func(in *sdk.CreateFlowLogsInput) {
			in.LogDestination = aws.String(network.FlowLogBucket("us-east-1") + "/../../x")
		}, "InvalidParameter"},
		{
			"unknown field", func(in *sdk.CreateFlowLogsInput) { in.LogFormat = aws.String("${version} ${ecs-cluster-arn}") },
			"InvalidParameter",
		},
		{"no field", func(in *sdk.CreateFlowLogsInput) { in.LogFormat = aws.String("version") }, "InvalidParameter"},
		{"interval", func(in *sdk.CreateFlowLogsInput) { in.MaxAggregationInterval = aws.Int32(61) }, "InvalidParameter"},
		{"traffic", func(in *sdk.CreateFlowLogsInput) { in.TrafficType = "" }, "InvalidParameterValue"},
		{"nothing", func(in *sdk.CreateFlowLogsInput) { in.ResourceIds = []string{} }, "MissingParameter"},
		{
			"no such VPC", func(in *sdk.CreateFlowLogsInput) { in.ResourceIds = []string{"vpc-0123456789abcdef0"} },
			"InvalidVpcID.NotFound",
		},
		{"transit gateway", func(in *sdk.CreateFlowLogsInput) { in.ResourceType = "TransitGateway" }, "UnsupportedOperation"},
		{"parquet", func(in *sdk.CreateFlowLogsInput) {
			in.DestinationOptions = &types.DestinationOptionsRequest{
				FileFormat: "parquet", HiveCompatiblePartitions: aws.Bool(false), PerHourPartition: aws.Bool(false),
			}
		}, "UnsupportedOperation"},
		{"a subnet's", func(in *sdk.CreateFlowLogsInput) {
			in.ResourceType, in.ResourceIds, in.LogFormat = "Subnet", []string{p.a, p.b}, aws.String(
				"${version} ${vpc-id} ${tcp-flags}",
			)
		}, ""},
	} {
		_, err := ask(c.change)
		wantCode(t, c.what, err, c.code)
	}
	gone := must(l.DeleteFlowLogs(l.ctx, &sdk.DeleteFlowLogsInput{
		FlowLogIds: []string{made.FlowLogIds[0], "fl-0123456789abcdef0"},
	}))(t)
	if len(gone.Unsuccessful) != 1 || *gone.Unsuccessful[0].Error.Code != "InvalidFlowLogId.NotFound" {
		t.Errorf("deleting: %+v", gone.Unsuccessful)
	}
}

func (l *harness) wantNat(id, state, code string) types.NatGateway {
	l.t.Helper()
	g := must(l.DescribeNatGateways(l.ctx, &sdk.DescribeNatGatewaysInput{NatGatewayIds: []string{id}}))(l.t).NatGateways[0]
	if string(g.State) != state || aws.ToString(g.FailureCode) != code {
		l.t.Errorf("%s is %s (%s), want %s (%s)", id, g.State, aws.ToString(g.FailureCode), state, code)
	}
	return g
}

func (l *harness) wantRoute(table, target string, state types.RouteState) {
	l.t.Helper()
	found := must(l.DescribeRouteTables(l.ctx, &sdk.DescribeRouteTablesInput{
		Filters: []types.Filter{filter("route.nat-gateway-id", target)},
	}))(l.t).RouteTables
	if len(found) != 1 || *found[0].RouteTableId != table || found[0].Routes[1].State != state {
		l.t.Errorf("the tables with a route to %s are %+v, want it %s in %s", target, found, state, table)
	}
}
