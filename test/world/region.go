package world

import (
	"net/netip"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"postern/aws/postern"
	"postern/aws/sigv4"
	"postern/aws/transport"
)

// Elsewhere is one more VPC, in any region, with one subnet.
type Elsewhere struct {
	// EC2 is a client of the VPC's region.
	EC2         *ec2.Client
	Region      string
	VPC, Subnet string
	// Account is the number of the VPC's account.
	Account string
	// Table is its main route table, Group its default security group.
	Table, Group string

	w *World
}

// Elsewhere makes a VPC with a /24 subnet at its beginning.
func (w *World) Elsewhere(region string, vpc netip.Prefix) *Elsewhere {
	w.t.Helper()
	return w.ElsewhereAs(w.Root(), region, vpc)
}

// Account makes one more account and returns its root user's key.
func (w *World) Account(number string) sigv4.Credentials {
	w.t.Helper()
	access := w.Server.Access()
	made := must[postern.CreateAccountOutput](w)(postern.NewFromConfig(aws.Config{
		Region: access.Region, BaseEndpoint: &access.Endpoint, HTTPClient: transport.Client(w.public),
		Credentials: credentials.NewStaticCredentialsProvider(access.Root.ID, access.Root.Secret, ""),
	}).CreateAccount(w.t.Context(), &postern.CreateAccountInput{Id: number}))
	return sigv4.Credentials{AccessKey: made.AccessKeyId, Secret: made.SecretAccessKey}
}

// ElsewhereAs is Elsewhere in the account of a key.
func (w *World) ElsewhereAs(who sigv4.Credentials, region string, vpc netip.Prefix) *Elsewhere {
	w.t.Helper()
	access := w.Server.Access()
	e := &Elsewhere{w: w, Region: region, EC2: ec2.New(ec2.Options{
		Region: region, BaseEndpoint: &access.Endpoint, HTTPClient: transport.Client(w.public),
		Credentials: credentials.NewStaticCredentialsProvider(who.AccessKey, who.Secret, ""), Retryer: aws.NopRetryer{},
	})}
	ctx := w.t.Context()
	made := must[ec2.CreateVpcOutput](w)(e.EC2.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: aws.String(vpc.String())}))
	e.VPC, e.Account = *made.Vpc.VpcId, *made.Vpc.OwnerId
	subnet := must[ec2.CreateSubnetOutput](w)(e.EC2.CreateSubnet(ctx, &ec2.CreateSubnetInput{
		VpcId: &e.VPC, CidrBlock: aws.String(netip.PrefixFrom(vpc.Addr(), 24).String()),
	}))
	e.Subnet = *subnet.Subnet.SubnetId
	own := []ec2types.Filter{{Name: aws.String("vpc-id"), Values: []string{e.VPC}}}
	e.Table = *must[ec2.DescribeRouteTablesOutput](w)(
		e.EC2.DescribeRouteTables(ctx, &ec2.DescribeRouteTablesInput{Filters: own}),
	).RouteTables[0].RouteTableId
	e.Group = *must[ec2.DescribeSecurityGroupsOutput](w)(
		e.EC2.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{Filters: own}),
	).SecurityGroups[0].GroupId
	return e
}

// Bare makes an instance there, on which no agent runs, and waits until it is connected.
func (e *Elsewhere) Bare() *Node {
	e.w.t.Helper()
	made := must[ec2.RunInstancesOutput](e.w)(e.EC2.RunInstances(e.w.t.Context(), &ec2.RunInstancesInput{
		MinCount: aws.Int32(1), MaxCount: aws.Int32(1), SubnetId: &e.Subnet, UserData: encode(bare),
	}))
	i := made.Instances[0]
	n := &Node{
		managed:   managed{ID: *i.InstanceId, w: e.w},
		Interface: *i.NetworkInterfaces[0].NetworkInterfaceId, Address: netip.MustParseAddr(*i.PrivateIpAddress),
	}
	e.w.journey.name(n.Interface, n.ID)
	e.w.Until(n.ID+" is connected", func() bool {
		b := e.w.host.of(n.ID)
		return b != nil && b.uplink.stack.Load() != nil
	})
	return n
}

// Peer peers a VPC with another one, with a route of each to the other, and returns the peering connection.
func (e *Elsewhere) Peer(with *Elsewhere, ranges ...string) string {
	e.w.t.Helper()
	ctx := e.w.t.Context()
	made := must[ec2.CreateVpcPeeringConnectionOutput](e.w)(
		e.EC2.CreateVpcPeeringConnection(ctx, &ec2.CreateVpcPeeringConnectionInput{
			VpcId: &e.VPC, PeerVpcId: &with.VPC, PeerRegion: &with.Region, PeerOwnerId: &with.Account,
		}),
	)
	id := made.VpcPeeringConnection.VpcPeeringConnectionId
	must[ec2.AcceptVpcPeeringConnectionOutput](e.w)(
		with.EC2.AcceptVpcPeeringConnection(ctx, &ec2.AcceptVpcPeeringConnectionInput{VpcPeeringConnectionId: id}),
	)
	e.Route(*id, ranges[0])
	with.Route(*id, ranges[1])
	return *id
}

// Route leads a range from the VPC's main route table to a peering connection.
func (e *Elsewhere) Route(peering, to string) {
	e.w.t.Helper()
	must[ec2.CreateRouteOutput](e.w)(e.EC2.CreateRoute(e.w.t.Context(), &ec2.CreateRouteInput{
		RouteTableId: &e.Table, DestinationCidrBlock: &to, VpcPeeringConnectionId: &peering,
	}))
}

// Home is the world's own VPC as others see it.
func (w *World) Home() *Elsewhere {
	w.t.Helper()
	own := []ec2types.Filter{{Name: aws.String("vpc-id"), Values: []string{w.VPC}}}
	tables := must[ec2.DescribeRouteTablesOutput](w)(
		w.EC2.DescribeRouteTables(w.t.Context(), &ec2.DescribeRouteTablesInput{Filters: own}),
	)
	return &Elsewhere{
		w: w, EC2: w.EC2, Region: w.Server.Access().Region, VPC: w.VPC, Subnet: w.Subnets[0],
		Table: *tables.RouteTables[0].RouteTableId, Group: w.NodeGroup, Account: w.Server.Access().Account,
	}
}
