package world_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"postern/test/world"
)

// TestNetworksLeaveNothing makes VPCs with subnets and endpoints that listen, one after the other, and deletes them: no
// goroutine of their stacks stays.
func TestNetworksLeaveNothing(t *testing.T) {
	w := world.New(t)
	churn(t, w, 3) // what is made when first needed
	before := goroutines()
	churn(t, w, 60)
	w.Until(fmt.Sprintf("the goroutines are as many as before (%d)", before),
		func() bool { return goroutines() <= before })
}

// goroutines returns the stacks of all goroutines.
func goroutines() int {
	runtime.GC()
	return runtime.NumGoroutine()
}

func churn(t *testing.T, w *world.World, n int) {
	t.Helper()
	ctx := t.Context()
	for range n {
		v := ok[*ec2.CreateVpcOutput](t)(
			w.EC2.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")}),
		).Vpc.VpcId
		var subnets []string
		for i, zone := range []string{"us-east-1a", "us-east-1b"} {
			made := ok[*ec2.CreateSubnetOutput](t)(w.EC2.CreateSubnet(ctx, &ec2.CreateSubnetInput{
				VpcId: v, CidrBlock: aws.String(fmt.Sprintf("10.0.%d.0/24", i+1)), AvailabilityZone: &zone,
			}))
			subnets = append(subnets, *made.Subnet.SubnetId)
		}
		e := ok[*ec2.CreateVpcEndpointOutput](t)(w.EC2.CreateVpcEndpoint(ctx, &ec2.CreateVpcEndpointInput{
			VpcId: v, VpcEndpointType: ec2types.VpcEndpointTypeInterface, ServiceName: aws.String("com.amazonaws.us-east-1.ssm"),
			SubnetIds: subnets, PrivateDnsEnabled: aws.Bool(false),
		})).VpcEndpoint.VpcEndpointId
		ok[*ec2.DeleteVpcEndpointsOutput](t)(
			w.EC2.DeleteVpcEndpoints(ctx, &ec2.DeleteVpcEndpointsInput{VpcEndpointIds: []string{*e}}),
		)
		for _, s := range subnets {
			ok[*ec2.DeleteSubnetOutput](t)(w.EC2.DeleteSubnet(ctx, &ec2.DeleteSubnetInput{SubnetId: &s}))
		}
		ok[*ec2.DeleteVpcOutput](t)(w.EC2.DeleteVpc(ctx, &ec2.DeleteVpcInput{VpcId: v}))
	}
}
