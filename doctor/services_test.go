package doctor_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/aws/scope"
	"postern/aws/service/ec2"
	"postern/aws/service/ec2/types"
	"postern/doctor"
	"postern/network"
)

// TestServiceOfOnesOwn asks why a node does not reach an endpoint service, while acceptance, groups, port and target
// are missing one after the other.
func TestServiceOfOnesOwn(t *testing.T) {
	s := newStory(t)
	ctx := t.Context()
	other := must(s.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")}))(t).Vpc.VpcId
	subnet := must(s.CreateSubnet(ctx, &ec2.CreateSubnetInput{
		VpcId: other, CidrBlock: aws.String("10.0.9.0/24"), AvailabilityZone: aws.String("us-east-1a"),
	}))(t).Subnet.SubnetId
	group := must(s.CreateSecurityGroup(ctx,
		&ec2.CreateSecurityGroupInput{VpcId: other, GroupName: aws.String("db"), Description: aws.String("db")}))(t).GroupId
	db := must(s.CreateNetworkInterface(ctx,
		&ec2.CreateNetworkInterfaceInput{SubnetId: subnet, Groups: []string{*group}}))(t).NetworkInterface.NetworkInterfaceId
	must(s.heart.AttachInterface(ctx, scope.Scope{Account: "000000000000", Region: "us-east-1"},
		network.AttachInput{Interface: *db, Owner: "mi-2"}))(t)
	made := must(s.CreateVpcEndpointServiceConfiguration(ctx, &ec2.CreateVpcEndpointServiceConfigurationInput{
		NetworkLoadBalancerArns: []string{
			"arn:aws:postern:us-east-1:000000000000:target/5432/network-interface/" + *db + "/8080/proxy-protocol-v2",
		},
	}))(t).ServiceConfiguration
	to := *made.ServiceName + ":5432"
	expect := func(step, to, want string, says ...string) {
		t.Helper()
		r := must(doctor.Explain(ctx, doctor.Clients{EC2: s.Client, STS: &cloud{}}, "us-east-1", *s.eni, to))(t)
		got := ""
		for _, f := range r.Findings {
			got += string(f.ID) + " " + f.Resource + ";"
		}
		if got != want || r.Works != (want == "") || len(r.Unchecked) > 0 {
			t.Errorf("%s: %q, want %q\n%v", step, got, want, r)
		}
		for _, word := range says {
			if !strings.Contains(r.String(), word) {
				t.Errorf("%s: it does not say %q:\n%v", step, word, r)
			}
		}
	}
	expect("no endpoint", to, "endpoint/missing "+*s.vpc+";", "no endpoint to "+*made.ServiceName)
	e := must(s.CreateVpcEndpoint(ctx, &ec2.CreateVpcEndpointInput{
		VpcId:            s.vpc,
		VpcEndpointType:  types.VpcEndpointTypeInterface,
		ServiceName:      made.ServiceName,
		SubnetIds:        []string{*s.subnet},
		SecurityGroupIds: []string{*s.endpoints},
	}))(t).VpcEndpoint.VpcEndpointId
	expect("not accepted", to, "endpoint/unavailable "+*e+";", "awaits acceptance by the owner of "+*made.ServiceName)
	must(s.RejectVpcEndpointConnections(ctx,
		&ec2.RejectVpcEndpointConnectionsInput{ServiceId: made.ServiceId, VpcEndpointIds: []string{*e}}))(t)
	expect("rejected", to, "endpoint/unavailable "+*e+";", "was rejected by the owner")
	must(s.AcceptVpcEndpointConnections(ctx,
		&ec2.AcceptVpcEndpointConnectionsInput{ServiceId: made.ServiceId, VpcEndpointIds: []string{*e}}))(t)
	expect("another port", *made.ServiceName, "endpoint/port "+*e+";", "takes tcp 5432 only, not tcp 443")
	expect("the endpoint's group", to, "ingress/no-rule "+*s.endpoints+";")
	allow := func(id *string, port int32, cidr string) {
		t.Helper()
		must(s.AuthorizeSecurityGroupIngress(ctx,
			&ec2.AuthorizeSecurityGroupIngressInput{GroupId: id, IpPermissions: []types.IpPermission{{
				IpProtocol: aws.String("tcp"), FromPort: &port, ToPort: &port, IpRanges: []types.IpRange{{CidrIp: &cidr}},
			}}}))(t)
	}
	allow(s.endpoints, 5432, "10.0.1.0/24")
	expect("the target's group", to, "ingress/no-rule "+*group+";",
		"aws ec2 authorize-security-group-ingress --group-id "+*group+" --protocol tcp --port 8080 --cidr 10.0.9.")
	allow(group, 8080, "10.0.9.0/24")
	expect("all is well", to, "")
	if err := s.heart.ReleaseOwner(ctx, "mi-2"); err != nil {
		t.Fatal(err)
	}
	expect("nothing runs there", to, "address/detached "+*db+";")
	must(s.DeleteNetworkInterface(ctx, &ec2.DeleteNetworkInterfaceInput{NetworkInterfaceId: db}))(t)
	expect("the target is gone", to, "address/unassigned "+*db+";", "is gone")
}
