package ec2_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"

	"postern/aws/scope"
)

func filter(name string, values ...string) types.Filter {
	return types.Filter{Name: aws.String(name), Values: values}
}

func nameTag(kind types.ResourceType, name string) []types.TagSpecification {
	return []types.TagSpecification{{ResourceType: kind, Tags: []types.Tag{{Key: aws.String("Name"), Value: &name}}}}
}

// TestPrivateNetwork makes the network of the first story with a real client and looks at every part of it.
func TestPrivateNetwork(t *testing.T) {
	l := newHarness(t)
	p := l.places()
	on := &types.AttributeBooleanValue{Value: aws.Bool(true)}
	must(l.ModifyVpcAttribute(l.ctx, &sdk.ModifyVpcAttributeInput{VpcId: &p.vpc, EnableDnsHostnames: on}))(t)
	for name, want := range map[types.VpcAttributeName]bool{
		types.VpcAttributeNameEnableDnsSupport: true, types.VpcAttributeNameEnableDnsHostnames: true,
		types.VpcAttributeNameEnableNetworkAddressUsageMetrics: false,
	} {
		got := must(l.DescribeVpcAttribute(l.ctx, &sdk.DescribeVpcAttributeInput{VpcId: &p.vpc, Attribute: name}))(t)
		for _, v := range []*types.AttributeBooleanValue{
			got.EnableDnsSupport, got.EnableDnsHostnames, got.EnableNetworkAddressUsageMetrics,
		} {
			if v != nil && *v.Value != want {
				t.Errorf("%s is %v", name, *v.Value)
			}
		}
	}
	rule := must(l.AuthorizeSecurityGroupIngress(l.ctx, &sdk.AuthorizeSecurityGroupIngressInput{
		GroupId: &p.listeners, IpPermissions: []types.IpPermission{{
			IpProtocol: aws.String("tcp"), FromPort: aws.Int32(443), ToPort: aws.Int32(443),
			UserIdGroupPairs: []types.UserIdGroupPair{{GroupId: &p.nodes, Description: aws.String("nodes")}},
		}}, TagSpecifications: nameTag("security-group-rule", "https"),
	}))(t).SecurityGroupRules[0]
	if *rule.FromPort != 443 || *rule.ReferencedGroupInfo.GroupId != p.nodes || *rule.IsEgress ||
		*rule.Tags[0].Value != "https" {
		t.Errorf("the rule is %+v", rule)
	}
	made := must(l.CreateVpcEndpoint(l.ctx, &sdk.CreateVpcEndpointInput{
		VpcId: &p.vpc, ServiceName: aws.String("com.amazonaws.us-east-1.ssm"),
		VpcEndpointType: types.VpcEndpointTypeInterface,
		SubnetIds:       []string{p.a, p.b}, SecurityGroupIds: []string{p.listeners},
		TagSpecifications: nameTag("vpc-endpoint", "ssm"),
	}))(t).VpcEndpoint
	if made.State != "pending" || *made.DnsEntries[3].HostedZoneId != "ZONEIDPENDING" {
		t.Errorf("the new endpoint is %+v", made)
	}
	e := must(l.DescribeVpcEndpoints(l.ctx, &sdk.DescribeVpcEndpointsInput{
		VpcEndpointIds: []string{*made.VpcEndpointId},
	}))(t).VpcEndpoints[0]
	if e.State != "available" || !*e.PrivateDnsEnabled || *e.Groups[0].GroupName != "endpoints" ||
		*e.Tags[0].Value != "ssm" {
		t.Errorf("the endpoint is %+v", e)
	}
	l.wantNames(e)
	nics := must(l.DescribeNetworkInterfaces(l.ctx, &sdk.DescribeNetworkInterfacesInput{
		Filters: []types.Filter{
			filter("description", "VPC Endpoint Interface "+*e.VpcEndpointId), filter("interface-type", "vpc_endpoint"),
		},
	}))(t).NetworkInterfaces
	if len(nics) != 2 || *nics[0].Groups[0].GroupId != p.listeners || !*nics[0].RequesterManaged ||
		nics[0].Status != "in-use" {
		t.Errorf("its interfaces are %+v", nics)
	}
	free := must(l.DescribeSubnets(l.ctx, &sdk.DescribeSubnetsInput{SubnetIds: []string{p.a}}))(t).Subnets[0]
	if *free.AvailableIpAddressCount != 250 || *free.AvailabilityZoneId != "use1-az1" {
		t.Errorf("the subnet is %+v", free)
	}
	gone := must(l.RevokeSecurityGroupIngress(l.ctx, &sdk.RevokeSecurityGroupIngressInput{
		GroupId: &p.listeners, SecurityGroupRuleIds: []string{*rule.SecurityGroupRuleId},
	}))(t).RevokedSecurityGroupRules
	if len(gone) != 1 || *gone[0].SecurityGroupRuleId != *rule.SecurityGroupRuleId {
		t.Errorf("revoked %+v", gone)
	}
	l.clear(p, *e.VpcEndpointId)
}

// wantNames checks the order of an endpoint's names.
func (l *harness) wantNames(e types.VpcEndpoint) {
	l.t.Helper()
	id := *e.VpcEndpointId
	var got []string
	for _, d := range e.DnsEntries {
		name, _ := strings.CutPrefix(*d.DnsName, id)
		if strings.HasPrefix(name, "-") {
			name = "ID-SUFFIX" + name[1+8:]
			if *d.HostedZoneId != "Z7HUB22UULQXV" {
				l.t.Errorf("%s is in %s", *d.DnsName, *d.HostedZoneId)
			}
		}
		got = append(got, name)
	}
	want := []string{
		"ID-SUFFIX.ssm.us-east-1.vpce.amazonaws.com", "ID-SUFFIX-us-east-1a.ssm.us-east-1.vpce.amazonaws.com",
		"ID-SUFFIX-us-east-1b.ssm.us-east-1.vpce.amazonaws.com", "ssm.us-east-1.amazonaws.com",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		l.t.Errorf("names (-want +got):\n%s", diff)
	}
}

// clear deletes everything and sees that nothing is left but what Amazon's own.
func (l *harness) clear(p places, endpoint string) {
	l.t.Helper()
	_, err := l.DeleteVpc(l.ctx, &sdk.DeleteVpcInput{VpcId: &p.vpc})
	wantCode(l.t, "delete a VPC in use", err, "DependencyViolation")
	out := must(l.DeleteVpcEndpoints(l.ctx, &sdk.DeleteVpcEndpointsInput{
		VpcEndpointIds: []string{endpoint, "vpce-0123456789abcdef0"},
	}))(l.t)
	if len(out.Unsuccessful) != 1 || *out.Unsuccessful[0].Error.Code != "InvalidVpcEndpointId.NotFound" {
		l.t.Errorf("unsuccessful: %+v", out.Unsuccessful)
	}
	for _, id := range []string{p.a, p.b} {
		must(l.DeleteSubnet(l.ctx, &sdk.DeleteSubnetInput{SubnetId: &id}))(l.t)
	}
	for _, id := range []string{p.listeners, p.nodes} {
		must(l.DeleteSecurityGroup(l.ctx, &sdk.DeleteSecurityGroupInput{GroupId: &id}))(l.t)
	}
	must(l.DeleteVpc(l.ctx, &sdk.DeleteVpcInput{VpcId: &p.vpc}))(l.t)
	scope := scope.Scope{Account: account, Region: region}
	for g := range l.network.State().SecurityGroups(scope) {
		l.t.Errorf("%s is left", g.ID)
	}
	for t := range l.network.State().RouteTables(scope) {
		l.t.Errorf("%s is left", t.ID)
	}
}

// TestPages walks a listing page by page, with and without filters.
func TestPages(t *testing.T) {
	l := newHarness(t)
	p := l.places()
	var made []string
	for i := range 12 {
		n := must(l.CreateNetworkInterface(l.ctx, &sdk.CreateNetworkInterfaceInput{
			SubnetId: &p.a, Description: aws.String(fmt.Sprintf("n%02d", i)),
			TagSpecifications: nameTag("network-interface", fmt.Sprint(i%2)),
		}))(t)
		made = append(made, *n.NetworkInterface.NetworkInterfaceId)
	}
	for _, tt := range []struct {
		filters []types.Filter
		want    int
	}{
		{nil, 12},
		{[]types.Filter{filter("tag:Name", "0")}, 6},
		{[]types.Filter{filter("tag-key", "N*")}, 12},
		{[]types.Filter{filter("description", "n0?")}, 10},
		{[]types.Filter{filter("description", "n01", "n11"), filter("tag:Name", "1")}, 2},
		{[]types.Filter{filter("description", `n\*`)}, 0},
		{[]types.Filter{
			filter("subnet-id", p.a), filter("vpc-id", p.vpc), filter("status", "available"), filter("group-name", "default"),
		}, 12},
		{[]types.Filter{filter("association.public-ip", "*")}, 0},
	} {
		seen := map[string]bool{}
		pages := sdk.NewDescribeNetworkInterfacesPaginator(l, &sdk.DescribeNetworkInterfacesInput{
			Filters: tt.filters, MaxResults: aws.Int32(5),
		})
		n := 0
		for pages.HasMorePages() {
			page := must(pages.NextPage(l.ctx))(t)
			n++
			for _, x := range page.NetworkInterfaces {
				if seen[*x.NetworkInterfaceId] {
					t.Errorf("%v: %s twice", tt.filters, *x.NetworkInterfaceId)
				}
				seen[*x.NetworkInterfaceId] = true
			}
		}
		if len(seen) != tt.want || n != max(1, (tt.want+4)/5) {
			t.Errorf("%d interfaces on %d pages, want %d", len(seen), n, tt.want)
		}
	}
	_, err := l.DescribeNetworkInterfaces(l.ctx, &sdk.DescribeNetworkInterfacesInput{
		NetworkInterfaceIds: made[:2], MaxResults: aws.Int32(5),
	})
	wantCode(t, "ids and a page size", err, "InvalidParameterCombination")
	two := must(l.DescribeNetworkInterfaces(l.ctx, &sdk.DescribeNetworkInterfacesInput{
		NetworkInterfaceIds: []string{made[0], made[1], made[0]},
	}))(t)
	if len(two.NetworkInterfaces) != 2 {
		t.Errorf("%d interfaces of two ids", len(two.NetworkInterfaces))
	}
}

// TestGatewayEndpoint is the gateway endpoint to S3 as a client sees it, in its route tables too.
func TestGatewayEndpoint(t *testing.T) {
	l := newHarness(t)
	p := l.places()
	table := *must(l.CreateRouteTable(l.ctx, &sdk.CreateRouteTableInput{VpcId: &p.vpc}))(t).RouteTable.RouteTableId
	routes := func() []types.Route {
		out := must(l.DescribeRouteTables(l.ctx, &sdk.DescribeRouteTablesInput{RouteTableIds: []string{table}}))(t)
		return out.RouteTables[0].Routes
	}
	made := must(l.CreateVpcEndpoint(l.ctx, &sdk.CreateVpcEndpointInput{
		VpcId: &p.vpc, ServiceName: aws.String("com.amazonaws.us-east-1.s3"), RouteTableIds: []string{table},
	}))(t).VpcEndpoint
	id := *made.VpcEndpointId
	if made.VpcEndpointType != "Gateway" || *made.PrivateDnsEnabled ||
		len(made.DnsEntries)+len(made.Groups)+len(made.SubnetIds) > 0 {
		t.Errorf("the new endpoint is %+v", made)
	}
	if r := routes(); len(r) != 2 || *r[1].GatewayId != id || *r[1].DestinationPrefixListId != "pl-63a5400a" ||
		r[1].State != "active" {
		t.Errorf("routes %+v", r)
	}
	found := must(l.DescribeRouteTables(l.ctx, &sdk.DescribeRouteTablesInput{
		Filters: []types.Filter{filter("route.gateway-id", id)},
	}))(t).RouteTables
	if len(found) != 1 || *found[0].RouteTableId != table {
		t.Errorf("tables by the route's gateway: %+v", found)
	}
	must(l.ModifyVpcEndpoint(l.ctx, &sdk.ModifyVpcEndpointInput{
		VpcEndpointId: &id, RemoveRouteTableIds: []string{table},
	}))(t)
	if r := routes(); len(r) != 1 {
		t.Errorf("routes without it %+v", r)
	}
	must(l.ModifyVpcEndpoint(l.ctx, &sdk.ModifyVpcEndpointInput{VpcEndpointId: &id, AddRouteTableIds: []string{table}}))(t)
	_, err := l.DeleteRoute(l.ctx, &sdk.DeleteRouteInput{
		RouteTableId: &table, DestinationPrefixListId: aws.String("pl-63a5400a"),
	})
	wantCode(t, "delete its route", err, "InvalidParameterValue")
	must(l.DeleteVpcEndpoints(l.ctx, &sdk.DeleteVpcEndpointsInput{VpcEndpointIds: []string{id}}))(t)
	if r := routes(); len(r) != 1 {
		t.Errorf("routes after it %+v", r)
	}
}
