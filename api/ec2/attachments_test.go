package ec2_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// specOf says which interface an instance has at an index: one that is there, or a new one in a subnet.
func specOf(index int32, eni, subnet *string) types.InstanceNetworkInterfaceSpecification {
	return types.InstanceNetworkInterfaceSpecification{
		DeviceIndex: aws.Int32(index), NetworkInterfaceId: eni, SubnetId: subnet,
	}
}

func (l *harness) newInterface(subnet string) *string {
	l.t.Helper()
	return must(l.CreateNetworkInterface(l.ctx, &sdk.CreateNetworkInterfaceInput{
		SubnetId: &subnet,
	}))(l.t).NetworkInterface.NetworkInterfaceId
}

// twoInterfaces runs an instance that has an interface of before its launch as its second one.
func (l *harness) twoInterfaces(subnet string, before *string) types.Instance {
	l.t.Helper()
	id := *l.run(sdk.RunInstancesInput{
		NetworkInterfaces: []types.InstanceNetworkInterfaceSpecification{specOf(1, before, nil), specOf(0, nil, &subnet)},
	}).Instances[0].InstanceId
	return l.reaches(id, types.InstanceStateNameRunning)
}

func TestInterfacesOfALaunch(t *testing.T) {
	l := newHarness(t)
	p := l.places()
	spec := func(index int32) types.InstanceNetworkInterfaceSpecification { return specOf(index, nil, &p.a) }
	run := func(specs ...types.InstanceNetworkInterfaceSpecification) error {
		return second(l.RunInstances(l.ctx, &sdk.RunInstancesInput{
			MinCount: aws.Int32(1), MaxCount: aws.Int32(1), NetworkInterfaces: specs,
		}))
	}
	wantCodes(t, []outcome{
		{"without a primary interface", run(spec(1)), "InvalidParameterValue"},
		{"two primary ones", run(spec(0), spec(0)), "InvalidParameterValue"},
		{"an index that is none", run(spec(0), spec(15)), "InvalidParameterValue"},
		{"no index", run(spec(0), types.InstanceNetworkInterfaceSpecification{SubnetId: &p.a}), "MissingParameter"},
		{"another zone", run(spec(0), specOf(1, nil, &p.b)), "InvalidParameterCombination"},
	})
	before := l.newInterface(p.a)
	i := l.twoInterfaces(p.a, before)
	if len(i.NetworkInterfaces) != 2 || *i.NetworkInterfaces[1].NetworkInterfaceId != *before ||
		*i.NetworkInterfaces[1].Attachment.DeviceIndex != 1 || *i.NetworkInterfaces[1].Attachment.DeleteOnTermination {
		t.Fatalf("its interfaces: %+v", i.NetworkInterfaces)
	}
}

// TestOneInterfaceIsMeant: what names an instance for its interface needs one that has no other.
func TestOneInterfaceIsMeant(t *testing.T) {
	l := newHarness(t)
	p := l.places()
	id := *l.twoInterfaces(p.a, l.newInterface(p.a)).InstanceId
	table := *must(l.DescribeRouteTables(l.ctx, &sdk.DescribeRouteTablesInput{
		Filters: []types.Filter{filter("vpc-id", p.vpc)},
	}))(t).RouteTables[0].RouteTableId
	wantCodes(t, []outcome{
		{
			"groups of an instance with two",
			second(l.ModifyInstanceAttribute(l.ctx, &sdk.ModifyInstanceAttributeInput{
				InstanceId: &id, Groups: []string{p.nodes},
			})), "InvalidInstanceID",
		},
		{
			"a route to an instance with two",
			second(l.CreateRoute(l.ctx, &sdk.CreateRouteInput{
				RouteTableId: &table, DestinationCidrBlock: aws.String("192.0.2.0/24"), InstanceId: &id,
			})), "InvalidInstanceID",
		},
	})
}

func TestPrivateAddressesAreAssigned(t *testing.T) {
	l := newHarness(t)
	free := l.newInterface(l.places().a)
	assign := func(in sdk.AssignPrivateIpAddressesInput) error {
		in.NetworkInterfaceId = free
		return second(l.AssignPrivateIpAddresses(l.ctx, &in))
	}
	wantCodes(t, []outcome{
		{"assign nothing", assign(sdk.AssignPrivateIpAddressesInput{}), "MissingParameter"},
		{
			"assign both ways",
			assign(sdk.AssignPrivateIpAddressesInput{
				PrivateIpAddresses: []string{"10.0.1.99"}, SecondaryPrivateIpAddressCount: aws.Int32(1),
			}), "InvalidParameterCombination",
		},
		{
			"assign no address", assign(sdk.AssignPrivateIpAddressesInput{PrivateIpAddresses: []string{"x"}}),
			"InvalidParameterValue",
		},
		{"assign", assign(sdk.AssignPrivateIpAddressesInput{PrivateIpAddresses: []string{"10.0.1.99"}}), ""},
		{
			"unassign nothing",
			second(l.UnassignPrivateIpAddresses(l.ctx, &sdk.UnassignPrivateIpAddressesInput{NetworkInterfaceId: free})),
			"MissingParameter",
		},
		{
			"unassign",
			second(l.UnassignPrivateIpAddresses(l.ctx, &sdk.UnassignPrivateIpAddressesInput{
				NetworkInterfaceId: free, PrivateIpAddresses: []string{"10.0.1.99"},
			})), "",
		},
	})
}

func TestAttachAndDetach(t *testing.T) {
	l := newHarness(t)
	p := l.places()
	before, free := l.newInterface(p.a), l.newInterface(p.a)
	id := *l.twoInterfaces(p.a, before).InstanceId
	attach := func(id string, index *int32) (*sdk.AttachNetworkInterfaceOutput, error) {
		return l.AttachNetworkInterface(l.ctx, &sdk.AttachNetworkInterfaceInput{
			NetworkInterfaceId: free, InstanceId: &id, DeviceIndex: index,
		})
	}
	wantCodes(t, []outcome{
		{"attach to nothing", second(attach("i-0123456789abcdef0", aws.Int32(2))), "InvalidInstanceID.NotFound"},
		{"attach at index 1", second(attach(id, aws.Int32(1))), "InvalidParameterValue"},
	})
	made := must(attach(id, aws.Int32(2)))(t)
	filtered := must(l.DescribeInstances(l.ctx, &sdk.DescribeInstancesInput{
		Filters: []types.Filter{filter("network-interface.network-interface-id", *free)},
	}))(t)
	if len(filtered.Reservations) != 1 {
		t.Error("the instance is not found by its third interface")
	}
	must(l.ModifyNetworkInterfaceAttribute(l.ctx, &sdk.ModifyNetworkInterfaceAttributeInput{NetworkInterfaceId: free,
		Attachment: &types.NetworkInterfaceAttachmentChanges{
			AttachmentId: made.AttachmentId, DeleteOnTermination: aws.Bool(true),
		}}))(t)
	must(l.DetachNetworkInterface(l.ctx, &sdk.DetachNetworkInterfaceInput{AttachmentId: made.AttachmentId}))(t)
	former := must(l.DescribeNetworkInterfaces(l.ctx, &sdk.DescribeNetworkInterfacesInput{
		Filters: []types.Filter{filter("attachment.attachment-id", *made.AttachmentId)},
	}))(t).NetworkInterfaces
	if len(former) != 1 || former[0].Status != types.NetworkInterfaceStatusAvailable ||
		former[0].Attachment.Status != types.AttachmentStatusDetached {
		t.Errorf("by the attachment that it had: %+v", former)
	}
	again := must(attach(id, aws.Int32(3)))(t)
	_, err := l.DetachNetworkInterface(l.ctx, &sdk.DetachNetworkInterfaceInput{AttachmentId: made.AttachmentId})
	wantCode(t, "detach what is detached", err, "InvalidAttachmentID.NotFound")
	must(l.ModifyNetworkInterfaceAttribute(l.ctx, &sdk.ModifyNetworkInterfaceAttributeInput{NetworkInterfaceId: free,
		Attachment: &types.NetworkInterfaceAttachmentChanges{
			AttachmentId: again.AttachmentId, DeleteOnTermination: aws.Bool(true),
		}}))(t)
	must(l.TerminateInstances(l.ctx, &sdk.TerminateInstancesInput{InstanceIds: []string{id}}))(t)
	l.reaches(id, types.InstanceStateNameTerminated)
	left := must(l.DescribeNetworkInterfaces(l.ctx, &sdk.DescribeNetworkInterfacesInput{}))(t).NetworkInterfaces
	if len(left) != 1 || *left[0].NetworkInterfaceId != *before ||
		left[0].Status != types.NetworkInterfaceStatusAvailable {
		t.Errorf("after its end there are %+v", left)
	}
}
