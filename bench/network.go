package main

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"postern/bench/swarming"
)

const (
	roleName  = "bench-nodes"
	roleTrust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ssm.amazonaws.com"},
		"Action":"sts:AssumeRole"}]}`
	rolePaper = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"
)

// makeRole makes the role of the nodes.
func (s *server) makeRole(ctx context.Context) error {
	_, err := s.iam.CreateRole(ctx,
		&iam.CreateRoleInput{RoleName: aws.String(roleName), AssumeRolePolicyDocument: aws.String(roleTrust)})
	if err != nil {
		return err
	}
	_, err = s.iam.AttachRolePolicy(ctx,
		&iam.AttachRolePolicyInput{RoleName: aws.String(roleName), PolicyArn: aws.String(rolePaper)})
	return err
}

// perActivation is how many nodes use one activation. It lets more in: who has registered and does not hear of it
// registers again.
const perActivation, perActivationLimit = 900, 1000

// activations let n nodes in. Tags are those of the nodes.
func (s *server) activations(ctx context.Context, n int, tags map[string]string) ([]swarming.Activation, error) {
	var all []swarming.Activation
	for ; n > 0; n -= perActivation {
		in := &ssm.CreateActivationInput{IamRole: aws.String(roleName), RegistrationLimit: aws.Int32(perActivationLimit)}
		for k, v := range tags {
			in.Tags = append(in.Tags, ssmtypes.Tag{Key: aws.String(k), Value: aws.String(v)})
		}
		made, err := s.ssm.CreateActivation(ctx, in)
		if err != nil {
			return nil, err
		}
		all = append(
			all,
			swarming.Activation{
				ID:    aws.ToString(made.ActivationId),
				Code:  aws.ToString(made.ActivationCode),
				Limit: min(n, perActivation),
			},
		)
	}
	return all, nil
}

// A private network has one subnet without a way out, and the endpoints of Systems Manager in it.
type private struct{ vpc, subnet, nodes, endpoints string }

// makeNetwork makes a private network with room for some 16,000 nodes.
func (s *server) makeNetwork(ctx context.Context) (*private, error) {
	p := new(private)
	vpc, err := s.ec2.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.64.0.0/16")})
	if err != nil {
		return nil, err
	}
	p.vpc = aws.ToString(vpc.Vpc.VpcId)
	_, err = s.ec2.ModifyVpcAttribute(ctx, &ec2.ModifyVpcAttributeInput{
		VpcId: &p.vpc, EnableDnsHostnames: &ec2types.AttributeBooleanValue{Value: aws.Bool(true)},
	})
	if err != nil {
		return nil, err
	}
	subnet, err := s.ec2.CreateSubnet(ctx, &ec2.CreateSubnetInput{VpcId: &p.vpc, CidrBlock: aws.String("10.64.0.0/18")})
	if err != nil {
		return nil, err
	}
	p.subnet = aws.ToString(subnet.Subnet.SubnetId)
	for name, id := range map[string]*string{"nodes": &p.nodes, "endpoints": &p.endpoints} {
		made, err := s.ec2.CreateSecurityGroup(ctx,
			&ec2.CreateSecurityGroupInput{VpcId: &p.vpc, GroupName: aws.String(name), Description: aws.String(name)})
		if err != nil {
			return nil, err
		}
		*id = aws.ToString(made.GroupId)
	}
	_, err = s.ec2.AuthorizeSecurityGroupIngress(
		ctx,
		&ec2.AuthorizeSecurityGroupIngressInput{GroupId: &p.endpoints, IpPermissions: []ec2types.IpPermission{{
			IpProtocol: aws.String(
				"tcp",
			), FromPort: aws.Int32(443), ToPort: aws.Int32(443), UserIdGroupPairs: []ec2types.UserIdGroupPair{
				{GroupId: &p.nodes},
			},
		}}},
	)
	if err != nil {
		return nil, err
	}
	for _, service := range []string{"ssm", "ssmmessages", "ec2messages"} {
		_, err := s.ec2.CreateVpcEndpoint(ctx, &ec2.CreateVpcEndpointInput{
			VpcId: &p.vpc, VpcEndpointType: ec2types.VpcEndpointTypeInterface, SubnetIds: []string{p.subnet},
			SecurityGroupIds: []string{p.endpoints},
			ServiceName: aws.String(
				fmt.Sprintf("com.amazonaws.%s.%s", s.connection.Region, service),
			), PrivateDnsEnabled: aws.Bool(true),
		})
		if err != nil {
			return nil, err
		}
	}
	return p, nil
}

// tags put the machines of an activation into the network.
func (p *private) tags() map[string]string {
	return map[string]string{"postern:subnet-id": p.subnet, "postern:security-group-ids": p.nodes}
}
