package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"postern/internal/gen/bench/report"
)

var emulator = part{
	name: "emulator", longest: 2 * time.Minute, measure: (*bench).measureEmulator,
	targets: []target{{"EC2 calls of the story", "≥ 30 × its requests per second"}},
	how: "A private network (VPC, two subnets, two groups and a rule, an interface endpoint, and what describes them) made and deleted again and again by four clients of " +
		"aws-sdk-go-v2 at once, for five seconds, the median of three rounds: against `postern up --ephemeral`, and against `moto_server`, a Python emulator that keeps its state in " +
		"memory, too. The clients have the same cores.",
}

func (b *bench) measureEmulator(ctx context.Context) ([]report.Row, error) {
	program, err := exec.LookPath("moto_server")
	if err != nil {
		return nil, errors.New("moto_server is not installed")
	}
	data, err := b.directory("data")
	if err != nil {
		return nil, err
	}
	s, err := b.up(ctx, data, anywhere)
	if err != nil {
		return nil, err
	}
	defer s.stop()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	at := l.Addr().(*net.TCPAddr)
	l.Close()
	moto, err := b.start("moto", nil, nil, program, "-H", at.IP.String(), "-p", fmt.Sprint(at.Port))
	if err != nil {
		return nil, err
	}
	defer moto.stop()
	other := ec2.New(ec2.Options{
		Region: s.connection.Region, BaseEndpoint: aws.String("http://" + at.String()),
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
	if err := until(ctx, 50*time.Millisecond, func() (bool, error) {
		_, err := other.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{})
		return err == nil, errors.Join(ctx.Err(), moto.ended())
	}); err != nil {
		return nil, fmt.Errorf("moto_server: %w", err)
	}
	var ours, theirs, ratios []float64
	for range 3 {
		t, err := story(ctx, other)
		if err != nil {
			return nil, fmt.Errorf("moto_server: %w", err)
		}
		o, err := story(ctx, s.ec2)
		if err != nil {
			return nil, err
		}
		ours, theirs, ratios = append(ours, o), append(theirs, t), append(ratios, o/t)
	}
	ratio := report.Median(ratios)
	return []report.Row{{
		Figure:    report.Thousands(report.Median(ours)) + " requests/s",
		Reference: "moto_server: " + report.Thousands(report.Median(theirs)) + " requests/s",
		Ratio:     fmt.Sprintf("%.0f ×", ratio), Verdict: report.Judge(ratio >= 30), Limit: limits["emulator"],
	}}, nil
}

// story has four clients make and delete networks, and returns how many requests a second were answered well.
func story(ctx context.Context, c *ec2.Client) (float64, error) {
	const clients, lasting = 4, 5 * time.Second
	began := time.Now()
	calls, errs := make([]int, clients), make([]error, clients)
	var all sync.WaitGroup
	for i := range clients {
		all.Go(func() {
			for time.Since(began) < lasting && errs[i] == nil {
				n := &storyNetwork{ctx: ctx, Client: c}
				errs[i] = n.tell()
				calls[i] += n.calls
			}
		})
	}
	all.Wait()
	sum := 0
	for _, n := range calls {
		sum += n
	}
	return float64(sum) / time.Since(began).Seconds(), errors.Join(errs...)
}

// storyNetwork is a private network that is made and deleted.
type storyNetwork struct {
	*ec2.Client
	ctx   context.Context
	calls int

	vpc, nodes, endpoints, endpoint string
	subnets                         []string
}

// tell stops at the first call that fails.
func (n *storyNetwork) tell() error {
	for _, step := range []func() error{
		n.makeNetwork, n.makeGroups, n.makeEndpoint, n.describe, n.remove,
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// called counts a call that was answered well.
func called[T any](n *storyNetwork, out T, err error) (T, error) {
	if err == nil {
		n.calls++
	}
	return out, err
}

func (n *storyNetwork) makeNetwork() error {
	v, err := n.CreateVpc(n.ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")})
	if v, err = called(n, v, err); err != nil {
		return err
	}
	n.vpc = *v.Vpc.VpcId
	_, err = n.ModifyVpcAttribute(n.ctx, &ec2.ModifyVpcAttributeInput{VpcId: &n.vpc, EnableDnsHostnames: &ec2types.AttributeBooleanValue{Value: aws.Bool(true)}})
	if _, err = called(n, 0, err); err != nil {
		return err
	}
	for cidr, zone := range map[string]string{"10.0.1.0/24": "us-east-1a", "10.0.2.0/24": "us-east-1b"} {
		s, err := n.CreateSubnet(n.ctx, &ec2.CreateSubnetInput{VpcId: &n.vpc, CidrBlock: &cidr, AvailabilityZone: &zone})
		if s, err = called(n, s, err); err != nil {
			return err
		}
		n.subnets = append(n.subnets, *s.Subnet.SubnetId)
	}
	return nil
}

func (n *storyNetwork) makeGroups() error {
	for name, id := range map[string]*string{"nodes": &n.nodes, "endpoints": &n.endpoints} {
		g, err := n.CreateSecurityGroup(n.ctx, &ec2.CreateSecurityGroupInput{VpcId: &n.vpc, GroupName: &name, Description: &name})
		if g, err = called(n, g, err); err != nil {
			return err
		}
		*id = *g.GroupId
	}
	_, err := n.AuthorizeSecurityGroupIngress(n.ctx, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: &n.endpoints, IpPermissions: []ec2types.IpPermission{{
		IpProtocol: aws.String("tcp"), FromPort: aws.Int32(443), ToPort: aws.Int32(443), UserIdGroupPairs: []ec2types.UserIdGroupPair{{GroupId: &n.nodes}},
	}}})
	_, err = called(n, 0, err)
	return err
}

func (n *storyNetwork) makeEndpoint() error {
	e, err := n.CreateVpcEndpoint(n.ctx, &ec2.CreateVpcEndpointInput{
		VpcId: &n.vpc, VpcEndpointType: ec2types.VpcEndpointTypeInterface, ServiceName: aws.String("com.amazonaws.us-east-1.ssm"),
		SubnetIds: n.subnets, SecurityGroupIds: []string{n.endpoints}, PrivateDnsEnabled: aws.Bool(true),
	})
	if e, err = called(n, e, err); err != nil {
		return err
	}
	n.endpoint = *e.VpcEndpoint.VpcEndpointId
	return nil
}

// describe asks what is asked about each thing that was made.
func (n *storyNetwork) describe() error {
	byVPC := []ec2types.Filter{{Name: aws.String("vpc-id"), Values: []string{n.vpc}}}
	for _, call := range []func() error{
		func() error {
			_, err := n.DescribeVpcs(n.ctx, &ec2.DescribeVpcsInput{VpcIds: []string{n.vpc}})
			return err
		},
		func() error {
			_, err := n.DescribeSubnets(n.ctx, &ec2.DescribeSubnetsInput{Filters: byVPC})
			return err
		},
		func() error {
			_, err := n.DescribeRouteTables(n.ctx, &ec2.DescribeRouteTablesInput{Filters: byVPC})
			return err
		},
		func() error {
			_, err := n.DescribeSecurityGroups(n.ctx, &ec2.DescribeSecurityGroupsInput{Filters: byVPC})
			return err
		},
		func() error {
			_, err := n.DescribeVpcEndpoints(n.ctx, &ec2.DescribeVpcEndpointsInput{VpcEndpointIds: []string{n.endpoint}})
			return err
		},
		func() error {
			_, err := n.DescribeNetworkInterfaces(n.ctx, &ec2.DescribeNetworkInterfacesInput{Filters: byVPC})
			return err
		},
	} {
		if _, err := called(n, 0, call()); err != nil {
			return err
		}
	}
	return nil
}

// remove deletes everything in the order that dependencies ask for.
func (n *storyNetwork) remove() error {
	out, err := n.DeleteVpcEndpoints(n.ctx, &ec2.DeleteVpcEndpointsInput{VpcEndpointIds: []string{n.endpoint}})
	if out, err = called(n, out, err); err != nil {
		return err
	}
	if len(out.Unsuccessful) > 0 {
		return fmt.Errorf("delete %s: %s", n.endpoint, aws.ToString(out.Unsuccessful[0].Error.Message))
	}
	for _, id := range []string{n.endpoints, n.nodes} {
		_, err := n.DeleteSecurityGroup(n.ctx, &ec2.DeleteSecurityGroupInput{GroupId: &id})
		if _, err = called(n, 0, err); err != nil {
			return err
		}
	}
	for _, id := range n.subnets {
		_, err := n.DeleteSubnet(n.ctx, &ec2.DeleteSubnetInput{SubnetId: &id})
		if _, err = called(n, 0, err); err != nil {
			return err
		}
	}
	_, err = n.DeleteVpc(n.ctx, &ec2.DeleteVpcInput{VpcId: &n.vpc})
	_, err = called(n, 0, err)
	return err
}
