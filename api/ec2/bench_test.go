package ec2_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"postern/api"
	"postern/api/apitest"
	"postern/aws/scope"
	"postern/network"
	"postern/network/vpc"
)

// BenchmarkDescribeInterfaces is one page of 1,000 of 10,000 interfaces, with filters, through the whole pipeline: the
// signature is verified and the answer written as XML.
func BenchmarkDescribeInterfaces(b *testing.B) {
	l := newHarness(b)
	scope := scope.Scope{Account: account, Region: region}
	v := must(l.network.CreateVpc(l.ctx, scope, network.CreateVpcInput{CIDR: netip.MustParsePrefix("10.0.0.0/16")}))(b)
	n := must(l.network.CreateSubnet(l.ctx, scope, network.CreateSubnetInput{
		VPC: v.ID, CIDR: netip.MustParsePrefix("10.0.0.0/17"),
	}))(b)
	var in []network.CreateInterfaceInput
	for i := range 10_000 {
		in = append(in, network.CreateInterfaceInput{
			Subnet: n.ID, Owner: fmt.Sprint("mi-", i), Kind: vpc.AttachedInterface,
			Tags: []network.Tag{{Key: "Name", Value: fmt.Sprint("node-", i)}},
		})
	}
	must(l.network.CreateInterfaces(l.ctx, scope, in))(b)
	request := &sdk.DescribeNetworkInterfacesInput{MaxResults: aws.Int32(1000), Filters: []types.Filter{
		filter("vpc-id", v.ID), filter("status", "in-use"), filter("tag:Name", "node-*"), filter("group-name", "default"),
	}}
	service := l.handler.Services()[0]
	var op api.Operation
	for _, o := range service.Operations {
		if o.Name == "DescribeNetworkInterfaces" {
			op = o
		}
	}
	b.ResetTimer()
	for range b.N {
		r, body, err := apitest.Request(service, op, request)
		if err != nil {
			b.Fatal(err)
		}
		if err := apitest.Sign(r, body, service, root, time.Now()); err != nil {
			b.Fatal(err)
		}
		if status, answer := apitest.Do(l.handler, r); status != 200 {
			b.Fatal(answer)
		}
	}
}
