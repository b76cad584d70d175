package wire_test

import (
	"reflect"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"postern/aws/wire"
)

func BenchmarkDecodeSendCommand(b *testing.B) {
	body := []byte(`{"DocumentName":"AWS-RunShellScript","InstanceIds":["i-0123456789abcdef0","i-0123456789abcdef1"],` +
		`"Parameters":{"commands":["uptime","df -h"],"executionTimeout":["3600"]},"TimeoutSeconds":600,"Comment":"a ` +
		`\"check\""}`)
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if err := sendCommand.DecodeJSON(body, &ssm.SendCommandInput{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkValidateSendCommand(b *testing.B) {
	in := &ssm.SendCommandInput{
		DocumentName: aws.String("AWS-RunShellScript"), InstanceIds: []string{"i-0123456789abcdef0", "i-0123456789abcdef1"},
		Parameters:     map[string][]string{"commands": {"uptime", "df -h"}, "executionTimeout": {"3600"}},
		TimeoutSeconds: aws.Int32(600), Comment: aws.String(`a "check"`),
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := sendCommand.Validate(in); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncodeSendCommand(b *testing.B) {
	out := &ssm.SendCommandOutput{Command: &ssmtypes.Command{
		CommandId: aws.String("01234567-89ab-cdef-0123-456789abcdef"), DocumentName: aws.String("AWS-RunShellScript"),
		InstanceIds: []string{"i-0123456789abcdef0"}, Parameters: map[string][]string{"commands": {"uptime"}},
		Status: ssmtypes.CommandStatusPending, TargetCount: 1, MaxConcurrency: aws.String("50"), MaxErrors: aws.String("0"),
	}}
	encode(b, sendCommand, out)
}

func BenchmarkDecodeRunInstances(b *testing.B) {
	body := "Action=RunInstances&Version=2016-11-15&ImageId=ami-0123456789abcdef0&InstanceType=t3.micro&MinCount=1&" +
		"MaxCount=1" +
		"&SubnetId=subnet-0123456789abcdef0&SecurityGroupId.1=sg-0123456789abcdef0&IamInstanceProfile.Name=nodes" +
		"&TagSpecification.1.ResourceType=instance&TagSpecification.1.Tag.1.Key=Name&TagSpecification.1.Tag.1.Value=one"
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		form, err := wire.ParseForm(body)
		if err != nil {
			b.Fatal(err)
		}
		if err := runInstances.DecodeForm(form, &ec2.RunInstancesInput{}); err != nil {
			b.Fatal(err)
		}
	}
}

// A page of 1,000 network interfaces with about 30 members each.
func BenchmarkEncodeDescribeNetworkInterfaces(b *testing.B) {
	codec := codecOf[ec2.DescribeNetworkInterfacesInput, ec2.DescribeNetworkInterfacesOutput](
		wire.EC2, "DescribeNetworkInterfaces",
	)
	out := &ec2.DescribeNetworkInterfacesOutput{}
	for range 1000 {
		var eni types.NetworkInterface
		fill(reflect.ValueOf(&eni).Elem(), 0)
		eni.Ipv4Prefixes, eni.Ipv6Prefixes, eni.Ipv6Addresses, eni.Operator = nil, nil, nil, nil
		out.NetworkInterfaces = append(out.NetworkInterfaces, eni)
	}
	encode(b, codec, out)
}

func BenchmarkEncodeDescribeInstances(b *testing.B) {
	codec := codecOf[ec2.DescribeInstancesInput, ec2.DescribeInstancesOutput](wire.EC2, "DescribeInstances")
	out := &ec2.DescribeInstancesOutput{}
	fill(reflect.ValueOf(out).Elem(), 0)
	encode(b, codec, out)
}

// BenchmarkPrepareRunInstances measures the first use of an operation: the largest one.
func BenchmarkPrepareRunInstances(b *testing.B) {
	for b.Loop() {
		wire.ForgetShapes()
		codec := codecOf[ec2.RunInstancesInput, ec2.RunInstancesOutput](wire.EC2, "RunInstances")
		if err := codec.Prepare(); err != nil {
			b.Fatal(err)
		}
	}
}

func encode(b *testing.B, codec *wire.Codec, out any) {
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if dst, err = codec.Append(dst[:0], out, "01234567-89ab-cdef-0123-456789abcdef"); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(len(dst)))
}
