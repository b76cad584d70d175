package cli

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/aws/arn"
	"postern/aws/service/ec2"
	ec2types "postern/aws/service/ec2/types"
	"postern/aws/service/iam"
)

// The sample's names and ranges.
const (
	sampleName    = "postern-sample"
	sampleRange   = "10.0.0.0/16"
	hostImageName = "postern-host"
	trustEC2      = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow",` +
		`"Principal":{"Service":["ec2.amazonaws.com","ssm.amazonaws.com"]},"Action":"sts:AssumeRole"}]}`
)

// sampleSubnets are the private subnets, in two zones, and sampleServices the endpoints in both of them.
var (
	sampleSubnets  = []struct{ zone, cidr string }{{"a", "10.0.1.0/24"}, {"b", "10.0.2.0/24"}}
	sampleServices = []string{"ssm", "ssmmessages", "ec2messages"}
)

// sample is the network that `demo` and `up --sample` make through the ordinary AWS APIs: private subnets without an
// Internet gateway, the endpoints of Systems Manager, and one node.
type sample struct {
	clients *clients
	region  string

	vpc           string
	subnets       []string
	nodeGroup     string
	endpointGroup string
	endpoints     map[string]string // service → id
	instance      string
}

func named(kind ec2types.ResourceType, name string) []ec2types.TagSpecification {
	return []ec2types.TagSpecification{
		{ResourceType: kind, Tags: []ec2types.Tag{{Key: aws.String("Name"), Value: aws.String(name)}}},
	}
}

func filter(name string, values ...string) ec2types.Filter {
	return ec2types.Filter{Name: aws.String(name), Values: values}
}

// ensureNetwork makes the network, or finds the one that an earlier run made whole.
func (s *sample) ensureNetwork(ctx context.Context) error {
	found, err := s.clients.ec2.DescribeVpcs(ctx,
		&ec2.DescribeVpcsInput{Filters: []ec2types.Filter{filter("tag:Name", sampleName)}})
	if err != nil {
		return err
	}
	if len(found.Vpcs) > 0 {
		s.vpc = aws.ToString(found.Vpcs[0].VpcId)
		return s.find(ctx)
	}
	for _, step := range []func(context.Context) error{s.makeVpc, s.makeSubnets, s.makeGroups, s.makeEndpoints,
		s.ensureRole} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (s *sample) makeVpc(ctx context.Context) error {
	made, err := s.clients.ec2.CreateVpc(ctx, &ec2.CreateVpcInput{
		CidrBlock: aws.String(sampleRange), TagSpecifications: named(ec2types.ResourceTypeVpc, sampleName),
	})
	if err != nil {
		return err
	}
	s.vpc = aws.ToString(made.Vpc.VpcId)
	on := &ec2types.AttributeBooleanValue{Value: aws.Bool(true)}
	// One attribute a call, as the EC2 API demands. DNS support is on from the start.
	_, err = s.clients.ec2.ModifyVpcAttribute(ctx, &ec2.ModifyVpcAttributeInput{VpcId: &s.vpc, EnableDnsHostnames: on})
	return err
}

func (s *sample) makeSubnets(ctx context.Context) error {
	for _, subnet := range sampleSubnets {
		made, err := s.clients.ec2.CreateSubnet(ctx, &ec2.CreateSubnetInput{
			VpcId: &s.vpc, CidrBlock: aws.String(subnet.cidr), AvailabilityZone: aws.String(s.region + subnet.zone),
			TagSpecifications: named(ec2types.ResourceTypeSubnet, sampleName+"-"+subnet.zone),
		})
		if err != nil {
			return err
		}
		s.subnets = append(s.subnets, aws.ToString(made.Subnet.SubnetId))
	}
	return nil
}

func (s *sample) makeGroups(ctx context.Context) error {
	for _, group := range []struct {
		id                *string
		name, description string
	}{
		{&s.nodeGroup, sampleName + "-nodes", "managed nodes"},
		{&s.endpointGroup, sampleName + "-endpoints", "interface endpoints"},
	} {
		made, err := s.clients.ec2.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{
			VpcId: &s.vpc, GroupName: aws.String(group.name), Description: aws.String(group.description),
		})
		if err != nil {
			return err
		}
		*group.id = aws.ToString(made.GroupId)
	}
	return s.authorize(ctx)
}

// httpsFromNodes returns the one rule that the endpoints need.
func (s *sample) httpsFromNodes() []ec2types.IpPermission {
	return []ec2types.IpPermission{{
		IpProtocol: aws.String("tcp"), FromPort: aws.Int32(443), ToPort: aws.Int32(443),
		UserIdGroupPairs: []ec2types.UserIdGroupPair{
			{GroupId: &s.nodeGroup, Description: aws.String("HTTPS from managed nodes")},
		},
	}}
}

func (s *sample) authorize(ctx context.Context) error {
	_, err := s.clients.ec2.AuthorizeSecurityGroupIngress(ctx,
		&ec2.AuthorizeSecurityGroupIngressInput{GroupId: &s.endpointGroup, IpPermissions: s.httpsFromNodes()})
	return err
}

func (s *sample) revoke(ctx context.Context) error {
	_, err := s.clients.ec2.RevokeSecurityGroupIngress(ctx,
		&ec2.RevokeSecurityGroupIngressInput{GroupId: &s.endpointGroup, IpPermissions: s.httpsFromNodes()})
	return err
}

func (s *sample) makeEndpoints(ctx context.Context) error {
	s.endpoints = map[string]string{}
	for _, service := range sampleServices {
		made, err := s.clients.ec2.CreateVpcEndpoint(ctx, &ec2.CreateVpcEndpointInput{
			VpcId: &s.vpc, VpcEndpointType: ec2types.VpcEndpointTypeInterface,
			ServiceName: aws.String(fmt.Sprintf("com.amazonaws.%s.%s", s.region, service)),
			SubnetIds:   s.subnets, SecurityGroupIds: []string{s.endpointGroup}, PrivateDnsEnabled: aws.Bool(true),
			TagSpecifications: named(ec2types.ResourceTypeVpcEndpoint, sampleName+"-"+service),
		})
		if err != nil {
			return err
		}
		s.endpoints[service] = aws.ToString(made.VpcEndpoint.VpcEndpointId)
	}
	return nil
}

func (s *sample) ensureRole(ctx context.Context) error {
	profile := aws.String(sampleName)
	_, err := s.clients.iam.GetInstanceProfile(ctx, &iam.GetInstanceProfileInput{InstanceProfileName: profile})
	if err == nil {
		return nil
	}
	if _, err := s.clients.iam.CreateRole(ctx,
		&iam.CreateRoleInput{RoleName: profile, AssumeRolePolicyDocument: aws.String(trustEC2)}); err != nil {
		return err
	}
	if _, err := s.clients.iam.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{
		RoleName: profile,
		PolicyArn: aws.String(arn.Global(arn.Partition(s.region), "iam", "aws",
			"policy/AmazonSSMManagedInstanceCore").String()),
	}); err != nil {
		return err
	}
	if _, err := s.clients.iam.CreateInstanceProfile(ctx,
		&iam.CreateInstanceProfileInput{InstanceProfileName: profile}); err != nil {
		return err
	}
	_, err = s.clients.iam.AddRoleToInstanceProfile(ctx,
		&iam.AddRoleToInstanceProfileInput{InstanceProfileName: profile, RoleName: profile})
	return err
}

// find looks up what an earlier run made.
func (s *sample) find(ctx context.Context) error {
	inVpc := []ec2types.Filter{filter("vpc-id", s.vpc)}
	subnets, err := s.clients.ec2.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{Filters: inVpc})
	if err != nil {
		return err
	}
	for _, subnet := range subnets.Subnets {
		s.subnets = append(s.subnets, aws.ToString(subnet.SubnetId))
	}
	groups, err := s.clients.ec2.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{Filters: inVpc})
	if err != nil {
		return err
	}
	for _, group := range groups.SecurityGroups {
		switch aws.ToString(group.GroupName) {
		case sampleName + "-nodes":
			s.nodeGroup = aws.ToString(group.GroupId)
		case sampleName + "-endpoints":
			s.endpointGroup = aws.ToString(group.GroupId)
		}
	}
	endpoints, err := s.clients.ec2.DescribeVpcEndpoints(ctx, &ec2.DescribeVpcEndpointsInput{Filters: inVpc})
	if err != nil {
		return err
	}
	s.endpoints = map[string]string{}
	for _, endpoint := range endpoints.VpcEndpoints {
		for _, service := range sampleServices {
			if aws.ToString(endpoint.ServiceName) == fmt.Sprintf("com.amazonaws.%s.%s", s.region, service) {
				s.endpoints[service] = aws.ToString(endpoint.VpcEndpointId)
			}
		}
	}
	if len(s.subnets) == 0 || s.nodeGroup == "" || s.endpointGroup == "" {
		return fmt.Errorf("%s is only part of the sample network: delete it and start again", s.vpc)
	}
	return nil
}

// ensureInstance starts the sample's node, or finds the one that an earlier run started.
func (s *sample) ensureInstance(ctx context.Context) error {
	found, err := s.clients.ec2.DescribeInstances(ctx, &ec2.DescribeInstancesInput{Filters: []ec2types.Filter{
		filter("tag:Name", sampleName), filter("instance-state-name", "pending", "running", "stopping", "stopped"),
	}})
	if err != nil {
		return err
	}
	if len(found.Reservations) > 0 && len(found.Reservations[0].Instances) > 0 {
		instance := found.Reservations[0].Instances[0]
		s.instance = aws.ToString(instance.InstanceId)
		if instance.State.Name == ec2types.InstanceStateNameStopped {
			_, err = s.clients.ec2.StartInstances(ctx, &ec2.StartInstancesInput{InstanceIds: []string{s.instance}})
		}
		return err
	}
	image, err := s.hostImage(ctx)
	if err != nil {
		return err
	}
	run, err := s.clients.ec2.RunInstances(ctx, &ec2.RunInstancesInput{
		ImageId: aws.String(image), MinCount: aws.Int32(1), MaxCount: aws.Int32(1),
		SubnetId: &s.subnets[0], SecurityGroupIds: []string{s.nodeGroup},
		IamInstanceProfile: &ec2types.IamInstanceProfileSpecification{Name: aws.String(sampleName)},
		TagSpecifications:  named(ec2types.ResourceTypeInstance, sampleName),
	})
	if err != nil {
		return err
	}
	s.instance = aws.ToString(run.Instances[0].InstanceId)
	return nil
}

// hostImage returns the image that is always there: the host's own root file system, read-only.
func (s *sample) hostImage(ctx context.Context) (string, error) {
	images, err := s.clients.ec2.DescribeImages(ctx,
		&ec2.DescribeImagesInput{Filters: []ec2types.Filter{filter("name", hostImageName)}})
	if err != nil {
		return "", err
	}
	if len(images.Images) == 0 {
		return "", fmt.Errorf("there is no image named %s", hostImageName)
	}
	return aws.ToString(images.Images[0].ImageId), nil
}
