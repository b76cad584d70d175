package ec2_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"postern/api"
	"postern/aws/scope"
	"postern/network"
)

// policyOf writes a policy: each statement is an effect, an action and resources like "subnet/subnet-…".
func policyOf(statements ...[]string) string {
	type statement struct{ Effect, Action, Resource any }
	var all []statement
	for _, s := range statements {
		resources := []string{}
		for _, r := range s[2:] {
			if r != "*" && !strings.HasPrefix(r, "arn:") {
				r = "arn:aws:ec2:" + region + ":" + account + ":" + r
			}
			resources = append(resources, r)
		}
		all = append(all, statement{s[0], s[1], resources})
	}
	text, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": all})
	if err != nil {
		panic(err)
	}
	return string(text)
}

// victims are resources that mallory, who may do everything else, is denied; own are some that are not denied.
type victims struct {
	places
	eni, attached, attachment, instance, table, tableAssoc, ownTable, acl, aclAssoc, blockAssoc string
	allocation, public, eipAssoc, peering                                                       string
	ownSubnet, ownInterface, ownGroup, ownAllocation, ownInstance                               string
}

func (l *harness) victims() victims {
	t := l.t
	t.Helper()
	v := victims{places: l.places()}
	v.ownSubnet, v.ownGroup = v.b, v.nodes
	gw := must(l.CreateInternetGateway(l.ctx, &sdk.CreateInternetGatewayInput{}))(t).InternetGateway.InternetGatewayId
	must(l.AttachInternetGateway(l.ctx, &sdk.AttachInternetGatewayInput{InternetGatewayId: gw, VpcId: &v.vpc}))(t)
	nic := func(subnet, group string) string {
		return *must(l.CreateNetworkInterface(l.ctx, &sdk.CreateNetworkInterfaceInput{
			SubnetId: &subnet, Groups: []string{group},
		}))(t).NetworkInterface.NetworkInterfaceId
	}
	run := func(subnet, group string) string {
		return *must(l.RunInstances(l.ctx, &sdk.RunInstancesInput{
			MinCount: aws.Int32(1), MaxCount: aws.Int32(1), SubnetId: &subnet, SecurityGroupIds: []string{group},
		}))(t).Instances[0].InstanceId
	}
	v.eni, v.ownInterface, v.attached = nic(v.a, v.listeners), nic(v.b, v.nodes), nic(v.b, v.nodes)
	v.instance, v.ownInstance = run(v.b, v.nodes), run(v.b, v.nodes)
	v.attachment = *must(l.AttachNetworkInterface(l.ctx, &sdk.AttachNetworkInterfaceInput{
		NetworkInterfaceId: &v.attached, InstanceId: &v.instance, DeviceIndex: aws.Int32(1),
	}))(t).AttachmentId
	table := func() string {
		return *must(l.CreateRouteTable(l.ctx, &sdk.CreateRouteTableInput{VpcId: &v.vpc}))(t).RouteTable.RouteTableId
	}
	v.table, v.ownTable = table(), table()
	v.tableAssoc = *must(l.AssociateRouteTable(l.ctx, &sdk.AssociateRouteTableInput{
		RouteTableId: &v.table, SubnetId: &v.a,
	}))(t).AssociationId
	v.acl = *must(l.CreateNetworkAcl(l.ctx, &sdk.CreateNetworkAclInput{VpcId: &v.vpc}))(t).NetworkAcl.NetworkAclId
	for _, acl := range must(l.DescribeNetworkAcls(l.ctx, &sdk.DescribeNetworkAclsInput{}))(t).NetworkAcls {
		for _, x := range acl.Associations {
			if *x.SubnetId == v.a {
				v.aclAssoc = *x.NetworkAclAssociationId
			}
		}
	}
	v.blockAssoc = *must(l.AssociateVpcCidrBlock(l.ctx, &sdk.AssociateVpcCidrBlockInput{
		VpcId: &v.vpc, CidrBlock: aws.String("10.7.0.0/16"),
	}))(t).CidrBlockAssociation.AssociationId
	address := must(l.AllocateAddress(l.ctx, &sdk.AllocateAddressInput{}))(t)
	v.allocation, v.public = *address.AllocationId, *address.PublicIp
	v.ownAllocation = *must(l.AllocateAddress(l.ctx, &sdk.AllocateAddressInput{}))(t).AllocationId
	v.eipAssoc = *must(l.AssociateAddress(l.ctx, &sdk.AssociateAddressInput{
		AllocationId: &v.allocation, NetworkInterfaceId: &v.eni,
	}))(t).AssociationId
	other := *must(l.CreateVpc(l.ctx, &sdk.CreateVpcInput{CidrBlock: aws.String("10.9.0.0/16")}))(t).Vpc.VpcId
	v.peering = *must(l.CreateVpcPeeringConnection(l.ctx, &sdk.CreateVpcPeeringConnectionInput{
		VpcId: &other, PeerVpcId: &v.vpc,
	}))(t).VpcPeeringConnection.VpcPeeringConnectionId
	return v
}

// mallory may do everything, but to what is the victim's.
func (l *harness) mallory(v victims) *sdk.Client {
	l.t.Helper()
	return l.user("AKIAMALLORY", policyOf([]string{"Allow", "ec2:*", "*"}, []string{
		"Deny", "ec2:*", "network-interface/" + v.eni, "network-interface/" + v.attached, "instance/" + v.instance,
		"subnet/" + v.a,
		"security-group/" + v.listeners, "route-table/" + v.table, "vpc/" + v.vpc, "elastic-ip/" + v.allocation,
	}))
}

func denied(t *testing.T, calls map[string]error) {
	t.Helper()
	for what, err := range calls {
		wantCode(t, what, err, "UnauthorizedOperation")
	}
}

// TestDenyOfTheVictimHolds in every way there is to say it: by an association, an attachment, an address, or among
// others.
func TestDenyOfTheVictimHolds(t *testing.T) {
	l := newHarness(t)
	v := l.victims()
	m := l.mallory(v)
	denied(t, map[string]error{
		"ReplaceNetworkAclAssociation of the subnet": second(m.ReplaceNetworkAclAssociation(l.ctx,
			&sdk.ReplaceNetworkAclAssociationInput{
				AssociationId: &v.aclAssoc, NetworkAclId: &v.acl,
			})),
		"ReplaceRouteTableAssociation of the table": second(m.ReplaceRouteTableAssociation(l.ctx,
			&sdk.ReplaceRouteTableAssociationInput{
				AssociationId: &v.tableAssoc, RouteTableId: &v.ownTable,
			})),
		"DisassociateRouteTable of the table": second(m.DisassociateRouteTable(l.ctx, &sdk.DisassociateRouteTableInput{
			AssociationId: &v.tableAssoc,
		})),
		"DisassociateVpcCidrBlock of the VPC": second(m.DisassociateVpcCidrBlock(l.ctx, &sdk.DisassociateVpcCidrBlockInput{
			AssociationId: &v.blockAssoc,
		})),
		"AcceptVpcPeeringConnection to the VPC": second(m.AcceptVpcPeeringConnection(l.ctx,
			&sdk.AcceptVpcPeeringConnectionInput{
				VpcPeeringConnectionId: &v.peering,
			})),
		"CreateVpcEndpoint by configurations": second(m.CreateVpcEndpoint(l.ctx, &sdk.CreateVpcEndpointInput{
			VpcId: &v.vpc, ServiceName: aws.String("com.amazonaws.us-east-1.ssm"),
			VpcEndpointType:      types.VpcEndpointTypeInterface,
			SubnetConfigurations: []types.SubnetConfiguration{{SubnetId: &v.a}},
		})),
	})
	// What does not exist is asked about as any of its type, and not found.
	none := aws.String("rtbassoc-0123456789abcdef0")
	_, err := m.DisassociateRouteTable(l.ctx, &sdk.DisassociateRouteTableInput{AssociationId: none})
	wantCode(t, "DisassociateRouteTable of none", err, "InvalidAssociationID.NotFound")
	_, err = l.as(reader).DisassociateRouteTable(l.ctx, &sdk.DisassociateRouteTableInput{AssociationId: none})
	wantCode(t, "DisassociateRouteTable of none by who may not", err, "UnauthorizedOperation")
}

func TestDenyOfTheVictimHoldsForInstances(t *testing.T) {
	l := newHarness(t)
	v := l.victims()
	m := l.mallory(v)
	one := aws.Int32(1)
	nic := func(index int32, subnet string) types.InstanceNetworkInterfaceSpecification {
		return types.InstanceNetworkInterfaceSpecification{DeviceIndex: &index, SubnetId: &subnet}
	}
	denied(t, map[string]error{
		"RunInstances, primary interface in the subnet, a second one elsewhere": second(m.RunInstances(l.ctx,
			&sdk.RunInstancesInput{
				MinCount: one, MaxCount: one,
				NetworkInterfaces: []types.InstanceNetworkInterfaceSpecification{nic(0, v.a), nic(1, v.b)},
			})),
		"RunInstances, a second interface in the subnet": second(m.RunInstances(l.ctx, &sdk.RunInstancesInput{
			MinCount: one, MaxCount: one,
			NetworkInterfaces: []types.InstanceNetworkInterfaceSpecification{nic(0, v.b), nic(1, v.a)},
		})),
		"RunInstances with the interface": second(m.RunInstances(l.ctx, &sdk.RunInstancesInput{
			MinCount: one, MaxCount: one,
			NetworkInterfaces: []types.InstanceNetworkInterfaceSpecification{
				{DeviceIndex: aws.Int32(0), NetworkInterfaceId: &v.eni},
			},
		})),
		"ModifyNetworkInterfaceAttribute gives the group": second(m.ModifyNetworkInterfaceAttribute(l.ctx,
			&sdk.ModifyNetworkInterfaceAttributeInput{
				NetworkInterfaceId: &v.ownInterface, Groups: []string{v.ownGroup, v.listeners},
			})),
		"ModifyInstanceAttribute gives the group": second(m.ModifyInstanceAttribute(l.ctx, &sdk.ModifyInstanceAttributeInput{
			InstanceId: &v.ownInstance, Groups: []string{v.listeners},
		})),
	})
}

func TestDenyOfTheVictimHoldsForAddresses(t *testing.T) {
	l := newHarness(t)
	v := l.victims()
	m := l.mallory(v)
	denied(t, map[string]error{
		"DisassociateAddress by association": second(m.DisassociateAddress(l.ctx, &sdk.DisassociateAddressInput{
			AssociationId: &v.eipAssoc,
		})),
		"DisassociateAddress by address": second(m.DisassociateAddress(l.ctx, &sdk.DisassociateAddressInput{
			PublicIp: &v.public,
		})),
		"ReleaseAddress by address": second(m.ReleaseAddress(l.ctx, &sdk.ReleaseAddressInput{PublicIp: &v.public})),
		"AssociateAddress by address": second(m.AssociateAddress(l.ctx, &sdk.AssociateAddressInput{
			PublicIp: &v.public, NetworkInterfaceId: &v.ownInterface,
		})),
		"AssociateAddress with the interface": second(m.AssociateAddress(l.ctx, &sdk.AssociateAddressInput{
			AllocationId: &v.ownAllocation, NetworkInterfaceId: &v.eni,
		})),
		"DetachNetworkInterface of the interface": second(m.DetachNetworkInterface(l.ctx, &sdk.DetachNetworkInterfaceInput{
			AttachmentId: &v.attachment,
		})),
	})
	_, err := m.AssociateAddress(l.ctx, &sdk.AssociateAddressInput{
		AllocationId: &v.ownAllocation, InstanceId: &v.ownInstance,
	})
	wantCode(t, "AssociateAddress of what is not denied", err, "")
}

// TestAllowOfOneSubnet is not one of any other, nor of another VPC's default group.
func TestAllowOfOneSubnet(t *testing.T) {
	l := newHarness(t)
	p := l.places()
	m := l.user("AKIALAUNCHER", policyOf([]string{
		"Allow", "ec2:RunInstances", "arn:aws:ec2:us-east-1::image/*", "instance/*", "network-interface/*",
		"security-group/" + p.nodes, "subnet/" + p.b,
	}))
	run := func(nics ...types.InstanceNetworkInterfaceSpecification) error {
		_, err := m.RunInstances(l.ctx, &sdk.RunInstancesInput{
			MinCount: aws.Int32(1), MaxCount: aws.Int32(1), NetworkInterfaces: nics,
		})
		return err
	}
	nic := func(index int32, subnet, group string) types.InstanceNetworkInterfaceSpecification {
		n := types.InstanceNetworkInterfaceSpecification{DeviceIndex: &index, SubnetId: &subnet}
		if group != "" {
			n.Groups = []string{group}
		}
		return n
	}
	wantCode(t, "the other subnet first", run(nic(0, p.a, p.nodes), nic(1, p.b, p.nodes)), "UnauthorizedOperation")
	wantCode(t, "the other subnet second", run(nic(0, p.b, p.nodes), nic(1, p.a, p.nodes)), "UnauthorizedOperation")
	wantCode(t, "the default group", run(nic(0, p.b, "")), "UnauthorizedOperation")
	wantCode(t, "the own subnet and group", run(nic(0, p.b, p.nodes)), "")
}

// TestWhatIsDoneForOthers is nobody's request: who makes an endpoint is not asked about what the network brings to its
// end on the way, which belongs to others.
func TestWhatIsDoneForOthers(t *testing.T) {
	l := newHarness(t)
	p := l.places()
	other := must(l.CreateVpc(l.ctx, &sdk.CreateVpcInput{CidrBlock: aws.String("10.99.0.0/16")}))(t).Vpc.VpcId
	pcx := must(l.CreateVpcPeeringConnection(l.ctx, &sdk.CreateVpcPeeringConnectionInput{
		VpcId: other, PeerVpcId: &p.vpc,
	}))(t).VpcPeeringConnection.VpcPeeringConnectionId
	l.ahead.Store(int64(8 * 24 * time.Hour)) // the request for peering has expired
	m := l.user("AKIAENDPOINTS", policyOf(
		[]string{"Allow", "ec2:CreateVpcEndpoint", "vpc/" + p.vpc, "vpc-endpoint/*", "route-table/*"},
		[]string{"Deny", "ec2:*", "vpc-peering-connection/*"},
	))
	_, err := m.CreateVpcEndpoint(l.ctx, &sdk.CreateVpcEndpointInput{
		VpcId: &p.vpc, ServiceName: aws.String("com.amazonaws.us-east-1.s3"), VpcEndpointType: types.VpcEndpointTypeGateway,
	})
	wantCode(t, "an endpoint beside another's request for peering", err, "")
	got := must(l.DescribeVpcPeeringConnections(l.ctx, &sdk.DescribeVpcPeeringConnectionsInput{
		VpcPeeringConnectionIds: []string{*pcx},
	}))(t)
	if status := got.VpcPeeringConnections[0].Status.Code; status != types.VpcPeeringConnectionStateReasonCodeExpired {
		t.Errorf("the request for peering is %s", status)
	}
}

// TestWhatChangesMeanwhile is asked about again: between the question and the act an address comes to belong to the
// victim.
func TestWhatChangesMeanwhile(t *testing.T) {
	l := newHarness(t)
	v := l.victims()
	m := l.user("AKIARACER", policyOf([]string{
		"Allow", "ec2:*", "*",
	}, []string{"Deny", "ec2:*", "network-interface/" + v.eni}))
	public := *must(l.DescribeAddresses(l.ctx, &sdk.DescribeAddressesInput{
		AllocationIds: []string{v.ownAllocation},
	}))(t).Addresses[0].PublicIp
	must(l.AssociateAddress(l.ctx, &sdk.AssociateAddressInput{
		AllocationId: &v.ownAllocation, NetworkInterfaceId: &v.ownInterface,
	}))(t)
	swapped := false
	l.questions.between = func(q api.Question) {
		if swapped || q.Action != "ec2:DisassociateAddress" || !strings.HasSuffix(q.Resource, v.ownInterface) {
			return
		}
		swapped = true
		_, err := l.network.AssociateAddress(l.ctx, scope.Scope{Account: account, Region: region},
			network.AssociateAddressInput{
				Allocation: v.ownAllocation, Interface: v.eni,
			})
		if err != nil {
			t.Error(err)
		}
	}
	l.mayTouch = true // what it comes to touch meanwhile it could not declare
	_, err := m.DisassociateAddress(l.ctx, &sdk.DisassociateAddressInput{PublicIp: &public})
	wantCode(t, "DisassociateAddress of what has become the victim's", err, "UnauthorizedOperation")
	if !swapped {
		t.Error("nothing was asked about the interface")
	}
	if e, err := l.network.State().ElasticIP(scope.Scope{
		Account: account, Region: region,
	}, v.ownAllocation); err != nil || e.Interface != v.eni {
		t.Errorf("the address is %+v (%v), want it at %s", e, err, v.eni)
	}
}
