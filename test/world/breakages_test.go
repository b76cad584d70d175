package world_test

import (
	"context"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"postern/doctor"
	"postern/test/world"
)

// breakage is one way to break the path of a node to Systems Manager, as everybody can do it by the EC2 and IAM APIs.
type breakage struct {
	name string
	// breaks returns what mends it, and the resource that has to be named.
	breaks func(t *testing.T, w *world.World) (mend func(), resource string)
	// sees says how an attempt to connect to the name of ssm ends, dropped why a packet was dropped, if one was.
	sees    attempt
	dropped string
	// finding is the id that explain names.
	finding doctor.ID
}

// breakages are the constraints of private access and the symptoms that AWS documents, one by one.
var breakages = []breakage{
	{"the endpoints' group has no rule", noEndpointRule, timesOut, "no-rule", "ingress/no-rule"},
	{"the endpoints' group allows other addresses", otherAddresses, timesOut, "no-rule", "ingress/no-rule"},
	{"the endpoints' group allows another port", otherPort, timesOut, "no-rule", "ingress/no-rule"},
	{"the endpoint is in the default group", defaultGroup, timesOut, "no-rule", "ingress/no-rule"},
	{"the nodes' group lets nothing out", noEgress, timesOut, "no-rule", "egress/no-rule"},
	{"the ACL of the nodes' subnet lets nothing out", aclOut, timesOut, "acl-denied", "acl-out/denied"},
	{"the ACL of the nodes' subnet lets no answers in", aclIn, timesOut, "", "acl-in/denied"},
	{"there is no endpoint", noEndpoint, timesOut, "", "endpoint/missing"},
	{"the endpoint has no private DNS", noPrivateDNS, timesOut, "", "dns/private-dns-off"},
	{"the VPC has no DNS support", noDNSSupport, noAnswer, "", "dns/support-off"},
	{"the VPC has no DNS hostnames", noDNSHostnames, timesOut, "", "dns/hostnames-off"},
	{"the nodes ask a DNS server that does not answer", otherDNS, noAnswer, "", "dns/server-unreached"},
	{"the role has no policy", noPolicy, connects, "", "role/not-allowed"},
	{"the instance has no profile", noProfile, connects, "", "role/missing"},
}

// TestBreakages breaks the path in every way of the table. The node sees what it would see on AWS, is lost when it
// boots again, and is told why by finding and resource. Mended, it comes back by itself.
func TestBreakages(t *testing.T) {
	t.Parallel()
	for _, c := range breakages {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := world.New(t, world.Nodes(1))
			n := w.Node(0)
			if got := try(t, n, ssmName, connects); got != connects {
				t.Fatalf("before: %s", got)
			}
			mend, resource := c.breaks(t, w)
			n.Reboot()
			if got := try(t, n, ssmName, c.sees); got != c.sees {
				t.Errorf("the node %s, and not: %s", got, c.sees)
			}
			if c.dropped != "" {
				w.Until("a packet is dropped: "+c.dropped, func() bool { return n.Drops()[c.dropped] > 0 })
			}
			n.Await(world.ConnectionLost)
			explained(t, explain(t, w, n.ID, "ssm"), c.finding, resource)
			mend()
			n.Await(world.Online)
			if got := n.Says("echo back"); got != "back\n" {
				t.Errorf("it says %q", got)
			}
			if r := explain(t, w, n.ID, "ssm"); !r.Works {
				t.Errorf("mended, and still: %+v", r.Findings)
			}
		})
	}
}

func explain(t *testing.T, w *world.World, from, to string) doctor.Report {
	t.Helper()
	r, err := doctor.Explain(t.Context(), w.Doctor, "us-east-1", from, to)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// explained wants a finding that breaks the path, by its id and the resource that has to change, with a remedy.
func explained(t *testing.T, r doctor.Report, id doctor.ID, resource string) {
	t.Helper()
	if r.Works {
		t.Error("explain says that it works")
	}
	if !slices.ContainsFunc(r.Findings, func(f doctor.Finding) bool {
		return f.Severity == doctor.Broken && f.ID == id && f.Resource == resource && f.Remedy != ""
	}) {
		t.Errorf("explain does not name %s and %s: %+v", id, resource, r.Findings)
	}
}

func ok[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func noEndpointRule(_ *testing.T, w *world.World) (func(), string) {
	w.Revoke()
	return w.Authorize, w.EndpointGroup
}

// permission is TCP to a port from a range.
func permission(port int32, cidr string) []ec2types.IpPermission {
	return []ec2types.IpPermission{{
		IpProtocol: aws.String("tcp"), FromPort: &port, ToPort: &port, IpRanges: []ec2types.IpRange{{CidrIp: &cidr}},
	}}
}

func insteadOfTheRule(t *testing.T, w *world.World, p []ec2types.IpPermission) (func(), string) {
	t.Helper()
	w.Revoke()
	ok[*ec2.AuthorizeSecurityGroupIngressOutput](t)(w.EC2.AuthorizeSecurityGroupIngress(t.Context(),
		&ec2.AuthorizeSecurityGroupIngressInput{GroupId: &w.EndpointGroup, IpPermissions: p}))
	return w.Authorize, w.EndpointGroup
}

func otherAddresses(t *testing.T, w *world.World) (func(), string) {
	return insteadOfTheRule(t, w, permission(443, "10.0.2.0/24"))
}

func otherPort(t *testing.T, w *world.World) (func(), string) {
	return insteadOfTheRule(t, w, permission(80, "10.0.0.0/16"))
}

func defaultGroup(t *testing.T, w *world.World) (func(), string) {
	in := &ec2.DescribeSecurityGroupsInput{Filters: []ec2types.Filter{
		{Name: aws.String("vpc-id"), Values: []string{w.VPC}},
		{Name: aws.String("group-name"), Values: []string{"default"}},
	}}
	found := ok[*ec2.DescribeSecurityGroupsOutput](t)(w.EC2.DescribeSecurityGroups(t.Context(), in))
	group := *found.SecurityGroups[0].GroupId
	move := func(from, to string) {
		for _, service := range w.Services() {
			ok[*ec2.ModifyVpcEndpointOutput](t)(w.EC2.ModifyVpcEndpoint(t.Context(), &ec2.ModifyVpcEndpointInput{
				VpcEndpointId: aws.String(
					w.Endpoints[service],
				), AddSecurityGroupIds: []string{to}, RemoveSecurityGroupIds: []string{from},
			}))
		}
	}
	move(w.EndpointGroup, group)
	return func() { move(group, w.EndpointGroup) }, group
}

func noEgress(t *testing.T, w *world.World) (func(), string) {
	all := []ec2types.IpPermission{
		{IpProtocol: aws.String("-1"), IpRanges: []ec2types.IpRange{{CidrIp: aws.String("0.0.0.0/0")}}},
	}
	ok[*ec2.RevokeSecurityGroupEgressOutput](t)(w.EC2.RevokeSecurityGroupEgress(t.Context(),
		&ec2.RevokeSecurityGroupEgressInput{GroupId: &w.NodeGroup, IpPermissions: all}))
	return func() {
		ok[*ec2.AuthorizeSecurityGroupEgressOutput](t)(w.EC2.AuthorizeSecurityGroupEgress(t.Context(),
			&ec2.AuthorizeSecurityGroupEgressInput{GroupId: &w.NodeGroup, IpPermissions: all}))
	}, w.NodeGroup
}

// ports is an ACL entry's range of TCP ports.
type ports struct {
	egress   bool
	from, to int32
}

// aclFor gives a subnet an ACL of its own that allows TCP within these port ranges only. It returns what gives the
// subnet its former ACL back.
func aclFor(t *testing.T, w *world.World, subnet string, allowed ...ports) (restore func(), id string) {
	t.Helper()
	ctx := t.Context()
	id = *ok[*ec2.CreateNetworkAclOutput](t)(
		w.EC2.CreateNetworkAcl(ctx, &ec2.CreateNetworkAclInput{VpcId: &w.VPC}),
	).NetworkAcl.NetworkAclId
	for i, a := range allowed {
		ok[*ec2.CreateNetworkAclEntryOutput](t)(w.EC2.CreateNetworkAclEntry(ctx, &ec2.CreateNetworkAclEntryInput{
			NetworkAclId: &id, RuleNumber: aws.Int32(int32(100 + i)), Egress: &a.egress, Protocol: aws.String("6"),
			RuleAction: ec2types.RuleActionAllow, CidrBlock: aws.String("10.0.0.0/16"),
			PortRange: &ec2types.PortRange{From: &a.from, To: &a.to},
		}))
	}
	former := replaceACL(t, w, subnet, id)
	return func() { replaceACL(t, w, subnet, former) }, id
}

// replaceACL gives a subnet another ACL, and returns the one that it had.
func replaceACL(t *testing.T, w *world.World, subnet, id string) (former string) {
	t.Helper()
	found := ok[*ec2.DescribeNetworkAclsOutput](t)(w.EC2.DescribeNetworkAcls(t.Context(), &ec2.DescribeNetworkAclsInput{
		Filters: []ec2types.Filter{{Name: aws.String("association.subnet-id"), Values: []string{subnet}}},
	})).NetworkAcls[0]
	for _, a := range found.Associations {
		if *a.SubnetId == subnet {
			ok[*ec2.ReplaceNetworkAclAssociationOutput](t)(w.EC2.ReplaceNetworkAclAssociation(t.Context(),
				&ec2.ReplaceNetworkAclAssociationInput{AssociationId: a.NetworkAclAssociationId, NetworkAclId: &id}))
		}
	}
	return *found.NetworkAclId
}

// elsewhere moves the endpoints out of the nodes' subnet, so that every packet to them crosses its border.
func elsewhere(t *testing.T, w *world.World) {
	t.Helper()
	for _, service := range w.Services() {
		ok[*ec2.ModifyVpcEndpointOutput](t)(w.EC2.ModifyVpcEndpoint(t.Context(), &ec2.ModifyVpcEndpointInput{
			VpcEndpointId: aws.String(w.Endpoints[service]), RemoveSubnetIds: w.Subnets[:1],
		}))
	}
}

func aclOut(t *testing.T, w *world.World) (func(), string) {
	elsewhere(t, w)
	return aclFor(t, w, w.Subnets[0], ports{false, 0, 65535}, ports{true, 80, 80})
}

func aclIn(t *testing.T, w *world.World) (func(), string) {
	elsewhere(t, w)
	return aclFor(t, w, w.Subnets[0], ports{true, 443, 443}, ports{false, 443, 443})
}

func noEndpoint(_ *testing.T, w *world.World) (func(), string) {
	w.DeleteEndpoint("ssm")
	return func() { w.CreateEndpoint("ssm") }, w.VPC
}

func noPrivateDNS(_ *testing.T, w *world.World) (func(), string) {
	w.PrivateDNS("ssm", false)
	return func() { w.PrivateDNS("ssm", true) }, w.Endpoints["ssm"]
}

// attribute turns one of the VPC's DNS attributes on or off.
func attribute(
	t *testing.T,
	w *world.World,
	in func(*ec2types.AttributeBooleanValue) *ec2.ModifyVpcAttributeInput,
) (func(), string) {
	t.Helper()
	set := func(on bool) {
		change := in(&ec2types.AttributeBooleanValue{Value: &on})
		change.VpcId = &w.VPC
		ok[*ec2.ModifyVpcAttributeOutput](t)(w.EC2.ModifyVpcAttribute(context.WithoutCancel(t.Context()), change))
	}
	set(false)
	return func() { set(true) }, w.VPC
}

func noDNSSupport(t *testing.T, w *world.World) (func(), string) {
	return attribute(t, w, func(v *ec2types.AttributeBooleanValue) *ec2.ModifyVpcAttributeInput {
		return &ec2.ModifyVpcAttributeInput{EnableDnsSupport: v}
	})
}

func noDNSHostnames(t *testing.T, w *world.World) (func(), string) {
	return attribute(t, w, func(v *ec2types.AttributeBooleanValue) *ec2.ModifyVpcAttributeInput {
		return &ec2.ModifyVpcAttributeInput{EnableDnsHostnames: v}
	})
}

// otherDNS has the nodes ask an address in the VPC at which nobody listens.
func otherDNS(t *testing.T, w *world.World) (func(), string) {
	ctx := t.Context()
	id := *ok[*ec2.CreateDhcpOptionsOutput](t)(w.EC2.CreateDhcpOptions(ctx, &ec2.CreateDhcpOptionsInput{
		DhcpConfigurations: []ec2types.NewDhcpConfiguration{
			{Key: aws.String("domain-name-servers"), Values: []string{"10.0.9.200"}},
		},
	})).DhcpOptions.DhcpOptionsId
	associate := func(id string) {
		ok[*ec2.AssociateDhcpOptionsOutput](t)(
			w.EC2.AssociateDhcpOptions(ctx, &ec2.AssociateDhcpOptionsInput{DhcpOptionsId: &id, VpcId: &w.VPC}),
		)
	}
	associate(id)
	return func() { associate("default"); w.Node(0).Reboot() }, w.VPC
}

func noPolicy(_ *testing.T, w *world.World) (func(), string) {
	w.DetachPolicy()
	return w.AttachPolicy, w.Role
}

func noProfile(t *testing.T, w *world.World) (func(), string) {
	ctx := t.Context()
	n := w.Node(0).ID
	in := &ec2.DescribeIamInstanceProfileAssociationsInput{
		Filters: []ec2types.Filter{{Name: aws.String("instance-id"), Values: []string{n}}},
	}
	association := ok[*ec2.DescribeIamInstanceProfileAssociationsOutput](t)(
		w.EC2.DescribeIamInstanceProfileAssociations(ctx, in)).IamInstanceProfileAssociations[0]
	ok[*ec2.DisassociateIamInstanceProfileOutput](t)(w.EC2.DisassociateIamInstanceProfile(ctx,
		&ec2.DisassociateIamInstanceProfileInput{AssociationId: association.AssociationId}))
	return func() {
		ok[*ec2.AssociateIamInstanceProfileOutput](t)(
			w.EC2.AssociateIamInstanceProfile(ctx, &ec2.AssociateIamInstanceProfileInput{
				InstanceId: &n, IamInstanceProfile: &ec2types.IamInstanceProfileSpecification{Name: &w.Role},
			}),
		)
	}, n
}
