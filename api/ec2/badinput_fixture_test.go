package ec2_test

import (
	"net/netip"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"postern/aws/scope"
	"postern/network"
)

// everything is a harness with at least one of each resource, so that every mutating call has something to be good or
// bad about.
type everything struct {
	*harness
	places
	empty, peer              string // VPCs: one with nothing in it, one to peer with
	lonely                   string // a subnet with nothing in it
	rule, egress             string
	table, tableAssoc, spare string // spare is a route table without association
	igw, loose               string // attached and not
	acl, aclAssoc, aclFree   string
	eni, eniFree, attachment string
	endpoint, gateway        string
	list                     string
	asked, peered            string // peering connections
	options                  string
	eip, eipUsed, eipAssoc   string
	nat, natEIP              string
	flowLog                  string
	service, target, waiting string
	notification             string
	instance, profile        string
	image                    string
	block                    string // the association of a VPC's second range
	foreign                  map[string]string
}

var other = scope.Scope{Account: "111111111111", Region: region}

func newEverything(t *testing.T) *everything {
	t.Helper()
	f := &everything{harness: newHarness(t)}
	f.places = f.harness.places()
	f.makeNetwork()
	f.makeInterfaces()
	f.makeEndpoints()
	f.image = *must(f.DescribeImages(f.ctx, &sdk.DescribeImagesInput{}))(t).Images[0].ImageId
	f.makeForeign()
	return f
}

func newVpc(l *harness, cidr string) string {
	return *must(l.CreateVpc(l.ctx, &sdk.CreateVpcInput{CidrBlock: &cidr}))(l.t).Vpc.VpcId
}

func (f *everything) makeNetwork() {
	t, ctx := f.t, f.ctx
	must(f.ModifyVpcAttribute(ctx, &sdk.ModifyVpcAttributeInput{
		VpcId: &f.vpc, EnableDnsHostnames: &types.AttributeBooleanValue{Value: aws.Bool(true)},
	}))(t)
	f.empty, f.peer = newVpc(f.harness, "10.7.0.0/16"), newVpc(f.harness, "10.8.0.0/16")
	f.lonely = f.subnet(f.vpc, "10.0.9.0/24", "us-east-1c")
	f.block = *must(f.AssociateVpcCidrBlock(ctx, &sdk.AssociateVpcCidrBlockInput{
		VpcId: &f.vpc, CidrBlock: aws.String("10.3.0.0/16"),
	}))(t).CidrBlockAssociation.AssociationId
	f.rule = *must(f.AuthorizeSecurityGroupIngress(ctx, &sdk.AuthorizeSecurityGroupIngressInput{
		GroupId: &f.listeners, IpPermissions: https("10.0.1.0/24"),
	}))(t).SecurityGroupRules[0].SecurityGroupRuleId
	f.egress = *must(f.AuthorizeSecurityGroupEgress(ctx, &sdk.AuthorizeSecurityGroupEgressInput{
		GroupId: &f.listeners, IpPermissions: https("10.0.1.0/24"),
	}))(t).SecurityGroupRules[0].SecurityGroupRuleId
	f.table = *must(f.CreateRouteTable(ctx, &sdk.CreateRouteTableInput{VpcId: &f.vpc}))(t).RouteTable.RouteTableId
	f.spare = *must(f.CreateRouteTable(ctx, &sdk.CreateRouteTableInput{VpcId: &f.vpc}))(t).RouteTable.RouteTableId
	f.tableAssoc = *must(f.AssociateRouteTable(ctx, &sdk.AssociateRouteTableInput{
		RouteTableId: &f.table, SubnetId: &f.b,
	}))(t).AssociationId
	f.igw = *must(f.CreateInternetGateway(ctx, &sdk.CreateInternetGatewayInput{}))(t).InternetGateway.InternetGatewayId
	f.loose = *must(f.CreateInternetGateway(ctx, &sdk.CreateInternetGatewayInput{}))(t).InternetGateway.InternetGatewayId
	must(f.AttachInternetGateway(ctx, &sdk.AttachInternetGatewayInput{InternetGatewayId: &f.igw, VpcId: &f.vpc}))(t)
	must(f.CreateRoute(ctx, &sdk.CreateRouteInput{
		RouteTableId: &f.table, DestinationCidrBlock: aws.String("0.0.0.0/0"), GatewayId: &f.igw,
	}))(t)
	f.acl = *must(f.CreateNetworkAcl(ctx, &sdk.CreateNetworkAclInput{VpcId: &f.vpc}))(t).NetworkAcl.NetworkAclId
	f.aclFree = *must(f.CreateNetworkAcl(ctx, &sdk.CreateNetworkAclInput{VpcId: &f.vpc}))(t).NetworkAcl.NetworkAclId
	must(f.CreateNetworkAclEntry(ctx, entry(f.acl, 100)))(t)
	for _, a := range must(f.DescribeNetworkAcls(ctx, &sdk.DescribeNetworkAclsInput{
		Filters: []types.Filter{filter("association.subnet-id", f.lonely)},
	}))(t).NetworkAcls[0].Associations {
		if *a.SubnetId == f.lonely {
			f.aclAssoc = *a.NetworkAclAssociationId
		}
	}
	f.list = *must(f.CreateManagedPrefixList(ctx, &sdk.CreateManagedPrefixListInput{
		PrefixListName: aws.String("l"), AddressFamily: aws.String("IPv4"), MaxEntries: aws.Int32(5),
		Entries: []types.AddPrefixListEntry{{Cidr: aws.String("10.0.1.0/24")}},
	}))(t).PrefixList.PrefixListId
	f.options = *must(f.CreateDhcpOptions(ctx, dhcp()))(t).DhcpOptions.DhcpOptionsId
	ask := func() string {
		return *must(f.CreateVpcPeeringConnection(ctx, &sdk.CreateVpcPeeringConnectionInput{
			VpcId: &f.vpc, PeerVpcId: &f.peer,
		}))(t).VpcPeeringConnection.VpcPeeringConnectionId
	}
	f.peered = ask()
	must(f.AcceptVpcPeeringConnection(ctx, &sdk.AcceptVpcPeeringConnectionInput{VpcPeeringConnectionId: &f.peered}))(t)
	f.asked = *must(f.CreateVpcPeeringConnection(ctx, &sdk.CreateVpcPeeringConnectionInput{
		VpcId: &f.empty, PeerVpcId: &f.peer,
	}))(t).VpcPeeringConnection.VpcPeeringConnectionId
}

func https(cidr string) []types.IpPermission {
	return []types.IpPermission{
		{
			IpProtocol: aws.String("tcp"), FromPort: aws.Int32(443), ToPort: aws.Int32(443),
			IpRanges: []types.IpRange{{CidrIp: &cidr}},
		},
	}
}

func entry(acl string, number int32) *sdk.CreateNetworkAclEntryInput {
	return &sdk.CreateNetworkAclEntryInput{
		NetworkAclId: &acl, RuleNumber: &number, Egress: aws.Bool(false), Protocol: aws.String("6"),
		RuleAction: types.RuleActionAllow,
		CidrBlock:  aws.String("10.0.1.0/24"), PortRange: &types.PortRange{From: aws.Int32(443), To: aws.Int32(443)},
	}
}

func dhcp() *sdk.CreateDhcpOptionsInput {
	return &sdk.CreateDhcpOptionsInput{
		DhcpConfigurations: []types.NewDhcpConfiguration{{Key: aws.String("domain-name"), Values: []string{"corp.example"}}},
	}
}

func (f *everything) makeInterfaces() {
	t, ctx := f.t, f.ctx
	nic := func() string {
		return *must(f.CreateNetworkInterface(ctx, &sdk.CreateNetworkInterfaceInput{
			SubnetId: &f.a, Groups: []string{f.nodes}, SecondaryPrivateIpAddressCount: aws.Int32(1),
		}))(t).NetworkInterface.NetworkInterfaceId
	}
	f.eni, f.eniFree = nic(), nic()
	address := func() string {
		return *must(f.AllocateAddress(ctx, &sdk.AllocateAddressInput{}))(t).AllocationId
	}
	f.eip, f.eipUsed, f.natEIP = address(), address(), address()
	f.nat = *must(f.CreateNatGateway(ctx, &sdk.CreateNatGatewayInput{
		SubnetId: &f.b, AllocationId: &f.natEIP,
	}))(t).NatGateway.NatGatewayId
	f.eipAssoc = *must(f.AssociateAddress(ctx, &sdk.AssociateAddressInput{
		AllocationId: &f.eipUsed, NetworkInterfaceId: &f.eni,
	}))(t).AssociationId
	f.flowLog = must(f.CreateFlowLogs(ctx, flowLogs(f.a)))(t).FlowLogIds[0]
}

func flowLogs(subnet string) *sdk.CreateFlowLogsInput {
	return &sdk.CreateFlowLogsInput{
		ResourceIds: []string{subnet}, ResourceType: types.FlowLogsResourceTypeSubnet, TrafficType: types.TrafficTypeAll,
		LogDestinationType: types.LogDestinationTypeS3, LogDestination: aws.String(network.FlowLogBucket("us-east-1")),
	}
}

func (f *everything) makeEndpoints() {
	t, ctx := f.t, f.ctx
	f.endpoint = *must(f.CreateVpcEndpoint(ctx, &sdk.CreateVpcEndpointInput{
		VpcId: &f.vpc, VpcEndpointType: types.VpcEndpointTypeInterface,
		ServiceName: aws.String("com.amazonaws.us-east-1.ssm"),
		SubnetIds:   []string{f.a}, SecurityGroupIds: []string{f.listeners},
	}))(t).VpcEndpoint.VpcEndpointId
	f.gateway = *must(f.CreateVpcEndpoint(ctx, &sdk.CreateVpcEndpointInput{
		VpcId: &f.vpc, ServiceName: aws.String("com.amazonaws.us-east-1.s3"), RouteTableIds: []string{f.table},
	}))(t).VpcEndpoint.VpcEndpointId
	f.target = "arn:aws:postern:us-east-1:000000000000:target/5432/network-interface/" + f.eniFree + "/8080"
	made := must(f.CreateVpcEndpointServiceConfiguration(ctx, &sdk.CreateVpcEndpointServiceConfigurationInput{
		NetworkLoadBalancerArns: []string{f.target}, PrivateDnsName: aws.String("db.example.com"),
	}))(t).ServiceConfiguration
	f.service = *made.ServiceId
	f.waiting = *must(f.CreateVpcEndpoint(ctx, &sdk.CreateVpcEndpointInput{
		VpcId: &f.vpc, VpcEndpointType: types.VpcEndpointTypeInterface, ServiceName: made.ServiceName,
		PrivateDnsEnabled: aws.Bool(false),
	}))(t).VpcEndpoint.VpcEndpointId
	f.notification = *must(f.CreateVpcEndpointConnectionNotification(ctx,
		&sdk.CreateVpcEndpointConnectionNotificationInput{
			ServiceId: &f.service, ConnectionNotificationArn: aws.String(topic), ConnectionEvents: []string{"Accept"},
		}))(t).ConnectionNotification.ConnectionNotificationId
}

const topic = "arn:aws:sns:us-east-1:000000000000:t"

// booted is the same with an instance in it, which takes longer.
func (f *everything) booted() {
	if f.instance != "" {
		return
	}
	t, ctx := f.t, f.ctx
	i := f.run(sdk.RunInstancesInput{
		SubnetId: &f.a, SecurityGroupIds: []string{f.nodes},
		IamInstanceProfile: &types.IamInstanceProfileSpecification{Name: aws.String("nodes")},
	}).Instances[0]
	f.instance = *i.InstanceId
	f.reaches(f.instance, types.InstanceStateNameRunning)
	f.profile = *must(
		f.DescribeIamInstanceProfileAssociations(ctx, &sdk.DescribeIamInstanceProfileAssociationsInput{}),
	)(t).IamInstanceProfileAssociations[0].AssociationId
	f.attachment = *must(f.AttachNetworkInterface(ctx, &sdk.AttachNetworkInterfaceInput{
		NetworkInterfaceId: &f.eni, InstanceId: &f.instance, DeviceIndex: aws.Int32(1),
	}))(t).AttachmentId
}

// makeForeign makes resources of another account, by the prefix of their ids.
func (f *everything) makeForeign() {
	t, ctx := f.t, f.ctx
	f.foreign = map[string]string{}
	v := must(f.network.CreateVpc(ctx, other, network.CreateVpcInput{CIDR: netip.MustParsePrefix("10.0.0.0/16")}))(t).ID
	n := must(f.network.CreateSubnet(ctx, other, network.CreateSubnetInput{
		VPC: v, CIDR: netip.MustParsePrefix("10.0.1.0/24"),
	}))(t).ID
	nic := must(f.network.CreateInterface(ctx, other, network.CreateInterfaceInput{Subnet: n, Owner: "i-far"}))(t).ID
	e := must(f.network.CreateVpcEndpoint(ctx, other, network.CreateVpcEndpointInput{
		VPC: v, Service: "com.amazonaws.us-east-1.ssm", PrivateDNS: aws.Bool(false),
	}))(t).ID
	s := must(f.network.CreateEndpointService(ctx, other, network.CreateEndpointServiceInput{
		Targets: []string{"arn:aws:postern:us-east-1:111111111111:target/1/network-interface/" + nic + "/1"},
	}))(t).ID
	for k, id := range map[string]string{
		"vpc": v, "subnet": n, "eni": nic, "vpce": e, "vpce-svc": s,
		"sg": must(f.network.CreateSecurityGroup(ctx, other, network.CreateSecurityGroupInput{
			VPC: v, Name: "g", Description: "g",
		}))(t).ID,
		"igw": must(f.network.CreateInternetGateway(ctx, other, nil))(t).ID,
	} {
		f.foreign[k] = id
	}
	f.foreign["pl"] = must(f.network.CreatePrefixList(ctx, other, network.CreatePrefixListInput{
		Name: "l", MaxEntries: 1,
	}))(t).ID
	f.foreign["vpce-nfn"] = must(f.network.CreateConnectionNotification(ctx, other, network.CreateNotificationInput{
		Service: s, Topic: topic, Events: []string{"Accept"},
	}))(t).ID
	f.foreign["eipalloc"] = must(f.network.AllocateAddress(ctx, other, nil))(t).ID
	f.foreign["dopt"] = must(f.network.CreateDhcpOptions(ctx, other, []network.DhcpOption{
		{Key: "domain-name", Values: []string{"x.example"}},
	}, nil))(t).ID
	second := must(f.network.CreateVpc(ctx, other, network.CreateVpcInput{
		CIDR: netip.MustParsePrefix("10.1.0.0/16"),
	}))(t).ID
	f.foreign["pcx"] = must(f.network.CreatePeering(ctx, other, network.CreatePeeringInput{
		Requester: v, Accepter: second,
	}))(t).ID
	f.foreign["nat"] = must(f.network.CreateNATGateway(ctx, other, network.CreateNATGatewayInput{
		Subnet: n, Private: true,
	}))(t).ID
	f.foreign["fl"] = must(f.network.CreateFlowLogs(ctx, other, network.CreateFlowLogsInput{
		Type: "Subnet", Resources: []string{n}, Traffic: "ALL", Destination: network.FlowLogBucket("us-east-1"),
		Interval: 600,
	}))(t)[0]
	st := f.network.State()
	f.foreign["vpc-cidr-assoc"] = must(st.VPC(other, v))(t).Blocks[0].ID
	for g := range st.SecurityGroups(other) {
		if len(g.Rules) > 0 {
			f.foreign["sgr"] = g.Rules[0].ID
		}
	}
	for rt := range st.RouteTables(other) {
		f.foreign["rtb"], f.foreign["rtbassoc"] = rt.ID, rt.Associations[0].ID
	}
	for a := range st.NetworkACLs(other) {
		if len(a.Associations) > 0 {
			f.foreign["acl"], f.foreign["aclassoc"] = a.ID, a.Associations[0].ID
		}
	}
	f.foreign["eni-attach"] = must(st.Interface(other, nic))(t).Attachment.ID
}
