package ec2_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"postern/network"
)

// publicly is a VPC with a way to the Internet: an Internet gateway, a NAT gateway with an Elastic IP address in its
// first subnet, and the address and interface of that.
type publicly struct {
	places
	igw string
	eip *sdk.AllocateAddressOutput
	nat *types.NatGateway
	at  types.NatGatewayAddress
}

func (l *harness) publicly() publicly {
	l.t.Helper()
	p := publicly{places: l.places()}
	p.igw = *must(l.CreateInternetGateway(l.ctx, &sdk.CreateInternetGatewayInput{}))(l.t).InternetGateway.InternetGatewayId
	p.eip = must(l.AllocateAddress(l.ctx, &sdk.AllocateAddressInput{
		Domain: "vpc", TagSpecifications: nameTag("elastic-ip", "out"),
	}))(l.t)
	must(l.AttachInternetGateway(l.ctx, &sdk.AttachInternetGatewayInput{InternetGatewayId: &p.igw, VpcId: &p.vpc}))(l.t)
	p.nat = l.natOnce(p)
	p.at = l.wantNat(*p.nat.NatGatewayId, "available", "").NatGatewayAddresses[0]
	return p
}

// natOnce asks for the NAT gateway: more than once it is the same.
func (l *harness) natOnce(p publicly) *types.NatGateway {
	l.t.Helper()
	return must(l.CreateNatGateway(l.ctx, &sdk.CreateNatGatewayInput{
		SubnetId: &p.a, AllocationId: p.eip.AllocationId, TagSpecifications: nameTag("natgateway", "out"),
		ClientToken: aws.String("once"),
	}))(l.t).NatGateway
}

func TestNatGatewayNeedsAnInternetGateway(t *testing.T) {
	l := newHarness(t)
	p := l.places()
	eip := must(l.AllocateAddress(l.ctx, &sdk.AllocateAddressInput{Domain: "vpc"}))(t)
	if *eip.NetworkBorderGroup != "us-east-1" || *eip.PublicIpv4Pool != "amazon" ||
		!strings.HasPrefix(*eip.PublicIp, "198.19.") {
		t.Errorf("allocated %+v", eip)
	}
	failed := must(l.CreateNatGateway(l.ctx, &sdk.CreateNatGatewayInput{
		SubnetId: &p.a, AllocationId: eip.AllocationId,
	}))(t).NatGateway
	l.wantNat(*failed.NatGatewayId, "failed", "Gateway.NotAttached")
}

// TestPublicAddresses makes the path to the Internet with a real client, looks at every part of it and takes it
// down again.
func TestPublicAddresses(t *testing.T) {
	l := newHarness(t)
	p := l.publicly()
	at, nat, eip := p.at, p.nat, p.eip
	if again := l.natOnce(p); nat.State != "pending" || *again.NatGatewayId != *nat.NatGatewayId {
		t.Errorf("made %+v, and again %s", nat, *again.NatGatewayId)
	}
	g := l.wantNat(*nat.NatGatewayId, "available", "")
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
	must(l.DeleteNatGateway(l.ctx, &sdk.DeleteNatGatewayInput{NatGatewayId: nat.NatGatewayId}))(t)
	l.wantNat(*nat.NatGatewayId, "deleted", "")
	l.wantRoute(table, *nat.NatGatewayId, types.RouteStateBlackhole)
	must(l.ReleaseAddress(l.ctx, &sdk.ReleaseAddressInput{AllocationId: eip.AllocationId}))(t)
	must(l.DetachInternetGateway(l.ctx, &sdk.DetachInternetGatewayInput{InternetGatewayId: &p.igw, VpcId: &p.vpc}))(t)
}

func TestNatGatewayRefusals(t *testing.T) {
	l := newHarness(t)
	p := l.publicly()
	table := *must(l.CreateRouteTable(l.ctx, &sdk.CreateRouteTableInput{VpcId: &p.vpc}))(t).RouteTable.RouteTableId
	everything := aws.String("0.0.0.0/0")
	must(l.CreateRoute(l.ctx, &sdk.CreateRouteInput{
		RouteTableId: &table, DestinationCidrBlock: everything, NatGatewayId: p.nat.NatGatewayId,
	}))(t)
	wantCodes(t, []outcome{
		{"no such gateway", second(l.DeleteNatGateway(l.ctx, &sdk.DeleteNatGatewayInput{
			NatGatewayId: aws.String("nat-0123456789abcdef0"),
		})), "NatGatewayNotFound"},
		{
			"a malformed id",
			second(l.DescribeNatGateways(l.ctx, &sdk.DescribeNatGatewaysInput{NatGatewayIds: []string{"nat-x"}})),
			"NatGatewayMalformed",
		},
		{"a route to no gateway", second(l.ReplaceRoute(l.ctx, &sdk.ReplaceRouteInput{
			RouteTableId: &table, DestinationCidrBlock: everything, NatGatewayId: aws.String("nat-0123456789abcdef0"),
		})), "InvalidNatGatewayID.NotFound"},
		{
			"no subnet", second(l.CreateNatGateway(l.ctx, &sdk.CreateNatGatewayInput{SubnetId: aws.String("")})),
			"MissingParameter",
		},
		{
			"public without address",
			second(l.CreateNatGateway(l.ctx, &sdk.CreateNatGatewayInput{SubnetId: &p.a})),
			"MissingParameter",
		},
		{"private with address", second(l.CreateNatGateway(l.ctx, &sdk.CreateNatGatewayInput{
			SubnetId: &p.a, AllocationId: p.eip.AllocationId, ConnectivityType: "private",
		})), "InvalidParameter"},
		{
			"regional",
			second(l.CreateNatGateway(l.ctx, &sdk.CreateNatGatewayInput{SubnetId: &p.a, AvailabilityMode: "regional"})),
			"UnsupportedOperation",
		},
		{"secondary addresses", second(l.CreateNatGateway(l.ctx, &sdk.CreateNatGatewayInput{
			SubnetId: &p.a, SecondaryAllocationIds: []string{*p.eip.AllocationId},
		})), "UnsupportedOperation"},
	})
}

func TestAddressRefusals(t *testing.T) {
	l := newHarness(t)
	p := l.publicly()
	wantCodes(t, []outcome{
		{"no such address", second(l.AssociateAddress(l.ctx, &sdk.AssociateAddressInput{
			AllocationId: aws.String("eipalloc-0123456789abcdef0"), NetworkInterfaceId: p.at.NetworkInterfaceId,
		})), "InvalidAllocationID.NotFound"},
		{
			"no such public address",
			second(l.DescribeAddresses(l.ctx, &sdk.DescribeAddressesInput{PublicIps: []string{"198.19.255.254"}})),
			"InvalidAddress.NotFound",
		},
		{"no such association", second(l.DisassociateAddress(l.ctx, &sdk.DisassociateAddressInput{
			AssociationId: aws.String("eipassoc-0123456789abcdef0"),
		})), "InvalidAssociationID.NotFound"},
		{
			"the standard domain", second(l.AllocateAddress(l.ctx, &sdk.AllocateAddressInput{Domain: "standard"})),
			"InvalidParameterValue",
		},
		{
			"a pool of one's own",
			second(l.AllocateAddress(l.ctx, &sdk.AllocateAddressInput{PublicIpv4Pool: aws.String("ipv4pool-ec2-1")})),
			"UnsupportedOperation",
		},
	})
}

// TestWhatANatGatewayUses is held: its address, its interface, its subnet and its way out.
func TestWhatANatGatewayUses(t *testing.T) {
	l := newHarness(t)
	p := l.publicly()
	wantCodes(t, []outcome{
		{
			"release what is in use",
			second(l.ReleaseAddress(l.ctx, &sdk.ReleaseAddressInput{AllocationId: p.eip.AllocationId})),
			"InvalidIPAddress.InUse",
		},
		{
			"free what is the gateway's",
			second(l.DisassociateAddress(l.ctx, &sdk.DisassociateAddressInput{AssociationId: p.at.AssociationId})),
			"OperationNotPermitted",
		},
		{"detach the gateway", second(l.DetachInternetGateway(l.ctx, &sdk.DetachInternetGatewayInput{
			InternetGatewayId: &p.igw, VpcId: &p.vpc,
		})), "DependencyViolation"},
		{
			"delete the subnet", second(l.DeleteSubnet(l.ctx, &sdk.DeleteSubnetInput{SubnetId: &p.a})),
			"DependencyViolation",
		},
		{"delete the gateway's interface", second(l.DeleteNetworkInterface(l.ctx, &sdk.DeleteNetworkInterfaceInput{
			NetworkInterfaceId: p.at.NetworkInterfaceId,
		})), "OperationNotPermitted"},
	})
	made := must(l.CreateNatGateway(l.ctx, &sdk.CreateNatGatewayInput{
		SubnetId: &p.b, AllocationId: p.eip.AllocationId,
	}))(t)
	l.wantNat(*made.NatGateway.NatGatewayId, "failed", "Resource.AlreadyAssociated")
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

// askFlowLog asks for the flow logs of a VPC, with a change.
func (l *harness) askFlowLog(vpc string, change func(*sdk.CreateFlowLogsInput)) (*sdk.CreateFlowLogsOutput, error) {
	in := &sdk.CreateFlowLogsInput{
		ResourceIds: []string{vpc}, ResourceType: "VPC", TrafficType: "ALL", LogDestinationType: "s3",
		LogDestination: aws.String(network.FlowLogBucket("us-east-1") + "/harness"), MaxAggregationInterval: aws.Int32(60),
	}
	change(in)
	return l.CreateFlowLogs(l.ctx, in)
}

// TestFlowLogs makes flow logs, looks at them and deletes them; what a destination is that does not exist is said.
func TestFlowLogs(t *testing.T) {
	l := newHarness(t)
	p := l.places()
	made := must(l.askFlowLog(p.vpc, func(in *sdk.CreateFlowLogsInput) {
		in.TagSpecifications, in.ClientToken = nameTag("vpc-flow-log", "all"), aws.String("once")
	}))(t)
	again := must(l.askFlowLog(p.vpc, func(in *sdk.CreateFlowLogsInput) {
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
	_, err := l.askFlowLog(p.vpc, func(*sdk.CreateFlowLogsInput) {})
	wantCode(t, "the same", err, "FlowLogAlreadyExists")
	_, err = l.askFlowLog(p.vpc, func(in *sdk.CreateFlowLogsInput) {
		in.ResourceType, in.ResourceIds = "Subnet", []string{p.a, p.b}
		in.LogFormat = aws.String("${version} ${vpc-id} ${tcp-flags}")
	})
	wantCode(t, "a subnet's", err, "")
	gone := must(l.DeleteFlowLogs(l.ctx, &sdk.DeleteFlowLogsInput{
		FlowLogIds: []string{made.FlowLogIds[0], "fl-0123456789abcdef0"},
	}))(t)
	if len(gone.Unsuccessful) != 1 || *gone.Unsuccessful[0].Error.Code != "InvalidFlowLogId.NotFound" {
		t.Errorf("deleting: %+v", gone.Unsuccessful)
	}
}

var badFlowLogs = []struct {
	what   string
	change func(*sdk.CreateFlowLogsInput)
	code   string
}{
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
		"LogDestinationNotFoundException",
	},
	{"a bucket that begins so", func(in *sdk.CreateFlowLogsInput) {
		in.LogDestination = aws.String(network.FlowLogBucket("us-east-1") + "-2")
	}, "LogDestinationNotFoundException"},
	{"no bucket", func(in *sdk.CreateFlowLogsInput) { in.LogDestination = aws.String("arn:aws:s3:::A_B") },
		"LogDestinationNotFoundException"},
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
}

func TestFlowLogRefusals(t *testing.T) {
	l := newHarness(t)
	p := l.places()
	for _, c := range badFlowLogs {
		_, err := l.askFlowLog(p.vpc, c.change)
		wantCode(t, c.what, err, c.code)
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
