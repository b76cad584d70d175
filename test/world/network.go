package world

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// Names and ranges of every world.
const (
	roleName      = "nodes"
	managedPolicy = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"
	trust         = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":["ec2.amazonaws.com",
		"ssm.amazonaws.com"]},"Action":"sts:AssumeRole"}]}`
)

var (
	subnetRanges = []struct{ zone, cidr string }{{"us-east-1a", "10.0.1.0/24"}, {"us-east-1b", "10.0.2.0/24"}}
	services     = []string{"ssm", "ssmmessages", "ec2messages"}
)

// Network is the ids of a world's private network: two private subnets in two zones, one security group for nodes and
// one for endpoints, the endpoints of Systems Manager with private DNS, and a role.
type Network struct {
	VPC           string
	Subnets       []string
	NodeGroup     string
	EndpointGroup string
	// Endpoints are the endpoints' ids by service, such as "ssm".
	Endpoints map[string]string
	// Role is the name of the role and of the instance profile.
	Role string

	w *World
}

// must ends the test if a call that nobody expects to fail has failed.
func must[T any](w *World) func(out *T, err error) *T {
	return func(out *T, err error) *T {
		w.t.Helper()
		if err != nil {
			w.t.Fatal(err)
		}
		return out
	}
}

func newNetwork(w *World) *Network {
	w.t.Helper()
	n := &Network{w: w, Endpoints: map[string]string{}, Role: roleName}
	ctx := w.t.Context()
	made := must[ec2.CreateVpcOutput](w)(w.EC2.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")}))
	n.VPC = *made.Vpc.VpcId
	must[ec2.ModifyVpcAttributeOutput](w)(w.EC2.ModifyVpcAttribute(ctx, &ec2.ModifyVpcAttributeInput{
		VpcId: &n.VPC, EnableDnsHostnames: &ec2types.AttributeBooleanValue{Value: aws.Bool(true)},
	}))
	for _, s := range subnetRanges {
		subnet := must[ec2.CreateSubnetOutput](w)(w.EC2.CreateSubnet(ctx, &ec2.CreateSubnetInput{
			VpcId: &n.VPC, CidrBlock: aws.String(s.cidr), AvailabilityZone: aws.String(s.zone),
		}))
		n.Subnets = append(n.Subnets, *subnet.Subnet.SubnetId)
	}
	n.NodeGroup, n.EndpointGroup = n.group("nodes"), n.group("endpoints")
	n.Authorize()
	for _, service := range services {
		n.CreateEndpoint(service)
	}
	n.role()
	return n
}

func (n *Network) group(name string) string {
	n.w.t.Helper()
	made := must[ec2.CreateSecurityGroupOutput](n.w)(
		n.w.EC2.CreateSecurityGroup(n.w.t.Context(), &ec2.CreateSecurityGroupInput{
			VpcId: &n.VPC, GroupName: aws.String(name), Description: aws.String(name),
		}),
	)
	return *made.GroupId
}

func (n *Network) role() {
	n.w.t.Helper()
	w, ctx, name := n.w, n.w.t.Context(), aws.String(roleName)
	must[iam.CreateRoleOutput](w)(
		w.IAM.CreateRole(ctx, &iam.CreateRoleInput{RoleName: name, AssumeRolePolicyDocument: aws.String(trust)}),
	)
	n.AttachPolicy()
	must[iam.CreateInstanceProfileOutput](w)(
		w.IAM.CreateInstanceProfile(ctx, &iam.CreateInstanceProfileInput{InstanceProfileName: name}),
	)
	must[iam.AddRoleToInstanceProfileOutput](w)(
		w.IAM.AddRoleToInstanceProfile(ctx, &iam.AddRoleToInstanceProfileInput{InstanceProfileName: name, RoleName: name}),
	)
}

// https is the one rule that endpoints need: TCP 443 from the nodes' group.
func (n *Network) https() []ec2types.IpPermission {
	return []ec2types.IpPermission{{
		IpProtocol: aws.String("tcp"), FromPort: aws.Int32(443), ToPort: aws.Int32(443),
		UserIdGroupPairs: []ec2types.UserIdGroupPair{{GroupId: &n.NodeGroup}},
	}}
}

// Authorize gives the endpoints' group its rule, as it is from the beginning.
func (n *Network) Authorize() {
	n.w.t.Helper()
	must[ec2.AuthorizeSecurityGroupIngressOutput](n.w)(n.w.EC2.AuthorizeSecurityGroupIngress(n.w.t.Context(),
		&ec2.AuthorizeSecurityGroupIngressInput{GroupId: &n.EndpointGroup, IpPermissions: n.https()}))
}

// Revoke takes the endpoints' rule away.
func (n *Network) Revoke() {
	n.w.t.Helper()
	must[ec2.RevokeSecurityGroupIngressOutput](n.w)(n.w.EC2.RevokeSecurityGroupIngress(n.w.t.Context(),
		&ec2.RevokeSecurityGroupIngressInput{GroupId: &n.EndpointGroup, IpPermissions: n.https()}))
}

// AllowDNS lets nodes ask each other for names.
func (n *Network) AllowDNS() {
	n.w.t.Helper()
	var rules []ec2types.IpPermission
	for _, protocol := range []string{"udp", "tcp"} {
		rules = append(rules, ec2types.IpPermission{
			IpProtocol: aws.String(protocol), FromPort: aws.Int32(53), ToPort: aws.Int32(53),
			UserIdGroupPairs: []ec2types.UserIdGroupPair{
				{GroupId: &n.NodeGroup},
			},
		})
	}
	must[ec2.AuthorizeSecurityGroupIngressOutput](n.w)(n.w.EC2.AuthorizeSecurityGroupIngress(n.w.t.Context(),
		&ec2.AuthorizeSecurityGroupIngressInput{GroupId: &n.NodeGroup, IpPermissions: rules}))
}

// AssociateDhcpOptions gives the VPC a DHCP options set, or with "default" none.
func (n *Network) AssociateDhcpOptions(id string) {
	n.w.t.Helper()
	must[ec2.AssociateDhcpOptionsOutput](n.w)(
		n.w.EC2.AssociateDhcpOptions(n.w.t.Context(), &ec2.AssociateDhcpOptionsInput{DhcpOptionsId: &id, VpcId: &n.VPC}),
	)
}

// CreateEndpoint makes the endpoint of a service in both subnets, with private DNS.
func (n *Network) CreateEndpoint(service string) {
	n.w.t.Helper()
	made := must[ec2.CreateVpcEndpointOutput](n.w)(n.w.EC2.CreateVpcEndpoint(n.w.t.Context(), &ec2.CreateVpcEndpointInput{
		VpcId: &n.VPC, VpcEndpointType: ec2types.VpcEndpointTypeInterface,
		ServiceName: aws.String("com.amazonaws.us-east-1." + service),
		SubnetIds:   n.Subnets, SecurityGroupIds: []string{n.EndpointGroup}, PrivateDnsEnabled: aws.Bool(true),
	}))
	n.Endpoints[service] = *made.VpcEndpoint.VpcEndpointId
	for _, eni := range made.VpcEndpoint.NetworkInterfaceIds {
		n.w.journey.name(eni, "endpoint "+service)
	}
}

// DeleteEndpoint deletes the endpoint of a service.
func (n *Network) DeleteEndpoint(service string) {
	n.w.t.Helper()
	out := must[ec2.DeleteVpcEndpointsOutput](n.w)(
		n.w.EC2.DeleteVpcEndpoints(n.w.t.Context(), &ec2.DeleteVpcEndpointsInput{
			VpcEndpointIds: []string{n.Endpoints[service]},
		}),
	)
	if len(out.Unsuccessful) > 0 {
		n.w.t.Fatalf("delete the endpoint of %s: %v", service, out.Unsuccessful)
	}
	delete(n.Endpoints, service)
}

// PrivateDNS turns the private DNS name of a service's endpoint on or off.
func (n *Network) PrivateDNS(service string, on bool) {
	n.w.t.Helper()
	must[ec2.ModifyVpcEndpointOutput](n.w)(n.w.EC2.ModifyVpcEndpoint(n.w.t.Context(), &ec2.ModifyVpcEndpointInput{
		VpcEndpointId: aws.String(n.Endpoints[service]), PrivateDnsEnabled: &on,
	}))
}

// AttachPolicy gives the role AmazonSSMManagedInstanceCore, which it has from the beginning.
func (n *Network) AttachPolicy() {
	n.w.t.Helper()
	must[iam.AttachRolePolicyOutput](n.w)(n.w.IAM.AttachRolePolicy(n.w.t.Context(),
		&iam.AttachRolePolicyInput{RoleName: aws.String(roleName), PolicyArn: aws.String(managedPolicy)}))
}

// DetachPolicy takes it away.
func (n *Network) DetachPolicy() {
	n.w.t.Helper()
	must[iam.DetachRolePolicyOutput](n.w)(n.w.IAM.DetachRolePolicy(n.w.t.Context(),
		&iam.DetachRolePolicyInput{RoleName: aws.String(roleName), PolicyArn: aws.String(managedPolicy)}))
}

// Services are the services that have an endpoint.
func (n *Network) Services() []string {
	var out []string
	for _, s := range services {
		if n.Endpoints[s] != "" {
			out = append(out, s)
		}
	}
	slices.Sort(out)
	return out
}
