package ec2_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// TestAttachments launches an instance with two interfaces, one of which was there before, and attaches a third.
func TestAttachments(t *testing.T) {
	l := newHarness(t)
	p := l.places()
	create := func() *string {
		return must(l.CreateNetworkInterface(l.ctx, &sdk.CreateNetworkInterfaceInput{
			SubnetId: &p.a,
		}))(t).NetworkInterface.NetworkInterfaceId
	}
	before, free := create(), create()
	spec := func(index int32, eni *string) types.InstanceNetworkInterfaceSpecification {
		s := types.InstanceNetworkInterfaceSpecification{DeviceIndex: aws.Int32(index), NetworkInterfaceId: eni}
		if eni == nil {
			s.SubnetId = &p.a
		}
		return s
	}
	run := func(specs ...types.InstanceNetworkInterfaceSpecification) error {
		return second(l.RunInstances(l.ctx, &sdk.RunInstancesInput{
			MinCount: aws.Int32(1), MaxCount: aws.Int32(1), NetworkInterfaces: specs,
		}))
	}
	inB := spec(1, nil)
	inB.SubnetId = &p.b
	for _, tt := range []struct {
		what string
		err  error
		code string
	}{
		{"without a primary interface", run(spec(1, nil)), "InvalidParameterValue"},
		{"two primary ones", run(spec(0, nil), spec(0, nil)), "InvalidParameterValue"},
		{"an index that is none", run(spec(0, nil), spec(15, nil)), "InvalidParameterValue"},
		{"no index", run(spec(0, nil), types.InstanceNetworkInterfaceSpecification{SubnetId: &p.a}), "MissingParameter"},
		{"another zone", run(spec(0, nil), inB), "InvalidParameterCombination"},
	} {
		wantCode(t, tt.what, tt.err, tt.code)
	}
	id := *l.run(sdk.RunInstancesInput{
		NetworkInterfaces: []types.InstanceNetworkInterfaceSpecification{spec(1, before), spec(0, nil)},
	}).Instances[0].InstanceId
	i := l.reaches(id, types.InstanceStateNameRunning)
	if len(i.NetworkInterfaces) != 2 || *i.NetworkInterfaces[1].NetworkInterfaceId != *before ||
		*i.NetworkInterfaces[1].Attachment.DeviceIndex != 1 || *i.NetworkInterfaces[1].Attachment.DeleteOnTermination {
		t.Fatalf("its interfaces: %+v", i.NetworkInterfaces)
	}
	table := *must(l.DescribeRouteTables(l.ctx, &sdk.DescribeRouteTablesInput{
		Filters: []types.Filter{filter("vpc-id", p.vpc)},
	}))(t).RouteTables[0].RouteTableId
	attach := func(id string, index *int32) (*sdk.AttachNetworkInterfaceOutput, error) {
		return l.AttachNetworkInterface(l.ctx, &sdk.AttachNetworkInterfaceInput{
			NetworkInterfaceId: free, InstanceId: &id, DeviceIndex: index,
		})
	}
	assign := func(in sdk.AssignPrivateIpAddressesInput) error {
		in.NetworkInterfaceId = free
		return second(l.AssignPrivateIpAddresses(l.ctx, &in))
	}
	for _, tt := range []struct {
		what string
		err  error
		code string
	}{
		{"attach to nothing", second(attach("i-0123456789abcdef0", aws.Int32(2))), "InvalidInstanceID.NotFound"},
		{"attach at index 1", second(attach(id, aws.Int32(1))), "InvalidParameterValue"},
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
	} {
		wantCode(t, tt.what, tt.err, tt.code)
	}
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
