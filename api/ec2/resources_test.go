package ec2_test

import (
	"flag"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"

	"postern/api"
)

var update = flag.Bool("update", false, "write the golden files")

const resourcesFile = "testdata/resources.golden"

// TestResources compares, for every operation, the resources about which policies are asked with the golden file: one
// line for each request, with what it names and what is asked about. Resources have the names that the fixture gives
// them.
func TestResources(t *testing.T) {
	f := newEverything(t)
	var lines []string
	asked := map[string]bool{}
	for _, make := range slices.Concat(goodInputs, moreInputs) {
		in := make(f)
		asked[nameOf(in)] = true
		lines = append(lines, f.resourcesOf(in))
	}
	for _, s := range f.handler.Services() {
		for _, op := range s.Operations {
			if !asked[op.Name] && f.hasOperation(op.Name) {
				lines = append(lines, f.resourcesOf(f.emptyInput(op.Name)))
			}
		}
	}
	slices.Sort(lines)
	got := strings.Join(lines, "\n") + "\n"
	if *update {
		if err := os.WriteFile(resourcesFile, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(resourcesFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("policies are asked about other resources (-want +got); -update writes the file\n%s", diff)
	}
}

func (f *everything) hasOperation(name string) bool {
	return reflect.ValueOf(f.Client).MethodByName(name).IsValid()
}

func (f *everything) emptyInput(name string) any {
	return reflect.New(reflect.ValueOf(f.Client).MethodByName(name).Type().In(1).Elem()).Interface()
}

// resourcesOf sends a request that is only to be judged, where the operation has DryRun, and says what was asked.
func (f *everything) resourcesOf(good any) string {
	f.t.Helper()
	in := clone(good)
	if flag := reflect.ValueOf(in).Elem().FieldByName("DryRun"); flag.IsValid() {
		flag.Set(reflect.ValueOf(aws.Bool(true)))
	}
	name := nameOf(in)
	var about []string
	f.questions.between = func(q api.Question) {
		if q.Action == "ec2:"+name {
			about = append(about, f.named(strings.TrimPrefix(q.Resource, "arn:aws:ec2:us-east-1:"+account+":")))
		}
	}
	defer func() { f.questions.between = nil }()
	_, err := f.do(in, unchecked)
	if len(about) == 0 { // the model refuses it before that
		about = append(about, "refused with "+code(err))
	}
	slices.Sort(about)
	var members []string
	for _, p := range texts(reflect.ValueOf(good), "") {
		naming := slices.Contains([]string{"KeyName", "GroupName", "SecurityGroups", "PublicIp"}, p.path)
		if text := f.named(p.at.String()); naming || text != p.at.String() && p.path != "ImageLocation" {
			members = append(members, p.path+"="+text)
		}
	}
	return fmt.Sprintf("%s(%s): %s", name, strings.Join(members, ", "), strings.Join(about, " "))
}

var anyID = regexp.MustCompile(`[a-z]+(?:-[a-z]+)*-[0-9a-f]{8,17}\b|^198\.19\.[0-9.]+$`)

// named puts the fixture's names in the place of ids. Of an id for which the fixture has no name the prefix stays.
func (f *everything) named(text string) string {
	names := map[string]string{}
	for _, v := range []reflect.Value{reflect.ValueOf(f).Elem(), reflect.ValueOf(&f.places).Elem()} {
		for i := range v.NumField() {
			if field := v.Type().Field(i); field.Type.Kind() == reflect.String && v.Field(i).String() != "" {
				names[v.Field(i).String()] = field.Name
			}
		}
	}
	return anyID.ReplaceAllStringFunc(text, func(id string) string {
		if name := names[id]; name != "" {
			return "<" + name + ">"
		}
		if i := strings.LastIndexByte(id, '-'); i >= 0 {
			return id[:i] + "-…"
		}
		return "198.19.…"
	})
}

// moreInputs are requests of operations that may be about one thing or another, beside those of goodInputs.
var moreInputs = []func(f *everything) any{
	func(f *everything) any {
		return &sdk.DescribeVpcAttributeInput{VpcId: &f.vpc, Attribute: types.VpcAttributeNameEnableDnsSupport}
	},
	func(f *everything) any {
		return &sdk.DescribeNetworkInterfaceAttributeInput{
			NetworkInterfaceId: &f.eni, Attribute: types.NetworkInterfaceAttributeDescription,
		}
	},
	func(f *everything) any {
		f.booted()
		return &sdk.DescribeInstanceAttributeInput{
			InstanceId: &f.instance, Attribute: types.InstanceAttributeNameInstanceType,
		}
	},
	func(f *everything) any { return &sdk.GetConsoleOutputInput{InstanceId: &f.instance} },
	func(f *everything) any { return &sdk.GetManagedPrefixListEntriesInput{PrefixListId: &f.list} },
	func(f *everything) any { return &sdk.DescribeVpcEndpointServicePermissionsInput{ServiceId: &f.service} },
	func(f *everything) any { return &sdk.DescribeStaleSecurityGroupsInput{VpcId: &f.vpc} },
	func(f *everything) any { return &sdk.DescribeSecurityGroupReferencesInput{GroupId: []string{f.nodes}} },

	// the default VPC stands for what is not named
	func(*everything) any {
		return &sdk.CreateSecurityGroupInput{GroupName: aws.String("g"), Description: aws.String("g")}
	},
	func(f *everything) any { return &sdk.CreateVpcPeeringConnectionInput{PeerVpcId: &f.peer} },
	func(*everything) any { return &sdk.RunInstancesInput{MinCount: aws.Int32(1), MaxCount: aws.Int32(1)} },
	func(*everything) any { return &sdk.DeleteSecurityGroupInput{GroupName: aws.String("default")} },
	func(*everything) any {
		return &sdk.AuthorizeSecurityGroupIngressInput{
			GroupName: aws.String("default"), IpPermissions: https("10.0.1.0/24"),
		}
	},

	// lists, and what is left empty
	func(f *everything) any {
		return &sdk.DeleteVpcEndpointsInput{VpcEndpointIds: []string{f.endpoint, f.gateway}}
	},
	func(f *everything) any { return &sdk.DeleteVpcEndpointsInput{} },
	func(f *everything) any { return &sdk.DeleteFlowLogsInput{} },
	func(f *everything) any { return &sdk.StopInstancesInput{} },
	func(f *everything) any { return &sdk.CreateTagsInput{Tags: someTags("a")} },
	func(f *everything) any {
		return &sdk.CreateTagsInput{
			Resources: []string{f.service, f.image, f.rule, f.eipUsed, f.flowLog, "what", "key-0123456789abcdef0"},
			Tags:      someTags("a"),
		}
	},
	func(f *everything) any {
		return &sdk.CreateFlowLogsInput{
			ResourceIds: []string{f.vpc, f.a, f.eni, "tgw-1"}, ResourceType: types.FlowLogsResourceTypeVpc,
			TrafficType: types.TrafficTypeAll,
		}
	},
	func(f *everything) any {
		return &sdk.CreateNatGatewayInput{SubnetId: &f.b, ConnectivityType: types.ConnectivityTypePrivate}
	},

	// endpoints
	func(f *everything) any {
		return &sdk.CreateVpcEndpointInput{
			VpcId: &f.vpc, VpcEndpointType: types.VpcEndpointTypeInterface,
			ServiceName: aws.String("com.amazonaws.us-east-1.kms"),
			SubnetIds:   []string{f.a}, SubnetConfigurations: []types.SubnetConfiguration{{SubnetId: &f.b}},
		}
	},
	func(f *everything) any {
		return &sdk.CreateVpcEndpointInput{
			VpcId: &f.vpc, ServiceName: aws.String("com.amazonaws.us-east-1.s3"), RouteTableIds: []string{f.table, f.spare},
		}
	},
	func(f *everything) any {
		return &sdk.ModifyVpcEndpointInput{
			VpcEndpointId: &f.endpoint, AddSubnetIds: []string{f.a}, RemoveSubnetIds: []string{f.b},
			SubnetConfigurations:   []types.SubnetConfiguration{{SubnetId: &f.lonely}},
			RemoveSecurityGroupIds: []string{f.listeners},
			AddRouteTableIds:       []string{f.table}, RemoveRouteTableIds: []string{f.spare},
		}
	},
	func(f *everything) any {
		return &sdk.CreateVpcEndpointConnectionNotificationInput{
			VpcEndpointId: &f.endpoint, ConnectionNotificationArn: aws.String(topic), ConnectionEvents: []string{"Accept"},
		}
	},
	func(f *everything) any {
		return &sdk.ModifyVpcEndpointConnectionNotificationInput{
			ConnectionNotificationId: aws.String("vpce-nfn-0123456789abcdef0"),
		}
	},

	// what is found by an association, an attachment or an address, or is not there
	func(*everything) any {
		return &sdk.DisassociateRouteTableInput{AssociationId: aws.String("rtbassoc-0123456789abcdef0")}
	},
	func(*everything) any {
		return &sdk.DisassociateVpcCidrBlockInput{AssociationId: aws.String("vpc-cidr-assoc-0123456789abcdef0")}
	},
	func(f *everything) any {
		return &sdk.ReplaceNetworkAclAssociationInput{
			AssociationId: aws.String("aclassoc-0123456789abcdef0"), NetworkAclId: &f.acl,
		}
	},
	func(f *everything) any {
		return &sdk.ReplaceRouteTableAssociationInput{
			AssociationId: aws.String("rtbassoc-0123456789abcdef0"), RouteTableId: &f.spare,
		}
	},
	func(*everything) any {
		return &sdk.AcceptVpcPeeringConnectionInput{VpcPeeringConnectionId: aws.String("pcx-0123456789abcdef0")}
	},
	func(*everything) any {
		return &sdk.DetachNetworkInterfaceInput{AttachmentId: aws.String("eni-attach-0123456789abcdef0")}
	},
	func(*everything) any {
		return &sdk.DisassociateIamInstanceProfileInput{AssociationId: aws.String("what")}
	},
	func(*everything) any {
		return &sdk.DisassociateAddressInput{AssociationId: aws.String("eipassoc-0123456789abcdef0")}
	},
	func(f *everything) any { return &sdk.DisassociateAddressInput{PublicIp: f.publicOf(f.eipUsed)} },
	func(f *everything) any { return &sdk.ReleaseAddressInput{PublicIp: f.publicOf(f.eipUsed)} },
	func(*everything) any {
		return &sdk.ReleaseAddressInput{AllocationId: aws.String("eipalloc-0123456789abcdef0")}
	},
	func(f *everything) any {
		return &sdk.AssociateAddressInput{AllocationId: &f.eip, NetworkInterfaceId: &f.eni}
	},
	func(f *everything) any {
		return &sdk.AssociateAddressInput{AllocationId: &f.eipUsed, InstanceId: &f.instance}
	},
	func(f *everything) any { return &sdk.AssociateAddressInput{PublicIp: f.publicOf(f.eip)} },
	func(*everything) any { return &sdk.DeleteKeyPairInput{KeyName: aws.String("by-name")} },
	func(*everything) any { return &sdk.DeleteKeyPairInput{KeyPairId: aws.String("key-0123456789abcdef0")} },

	// interfaces
	func(f *everything) any { return &sdk.CreateNetworkInterfaceInput{SubnetId: &f.a} },
	func(*everything) any {
		return &sdk.CreateNetworkInterfaceInput{SubnetId: aws.String("subnet-0123456789abcdef0")}
	},
	func(f *everything) any {
		return &sdk.ModifyNetworkInterfaceAttributeInput{
			NetworkInterfaceId: &f.eni, Attachment: &types.NetworkInterfaceAttachmentChanges{
				AttachmentId: &f.attachment, DeleteOnTermination: aws.Bool(true),
			},
		}
	},
	func(f *everything) any {
		all := must(f.DescribeNetworkInterfaces(f.ctx, &sdk.DescribeNetworkInterfacesInput{
			NetworkInterfaceIds: []string{f.eni},
		}))(f.t).NetworkInterfaces[0].PrivateIpAddresses
		return &sdk.AssignPrivateIpAddressesInput{
			NetworkInterfaceId: &f.eniFree, PrivateIpAddresses: []string{*all[1].PrivateIpAddress},
			AllowReassignment: aws.Bool(true),
		}
	},
	func(f *everything) any {
		return &sdk.ModifySecurityGroupRulesInput{GroupId: &f.listeners, SecurityGroupRules: []types.SecurityGroupRuleUpdate{
			{SecurityGroupRuleId: &f.rule, SecurityGroupRule: &types.SecurityGroupRuleRequest{PrefixListId: &f.list}},
			{SecurityGroupRuleId: &f.egress},
		}}
	},
	func(f *everything) any { return &sdk.ModifyInstanceAttributeInput{InstanceId: &f.instance} },

	// launches
	func(f *everything) any {
		return &sdk.RunInstancesInput{
			MinCount: aws.Int32(1), MaxCount: aws.Int32(1), ImageId: &f.image, KeyName: aws.String("k"), SubnetId: &f.a,
		}
	},
	func(f *everything) any {
		return &sdk.RunInstancesInput{
			MinCount: aws.Int32(1), MaxCount: aws.Int32(1), ImageId: &f.image, SecurityGroups: []string{"default"},
			Placement: &types.Placement{AvailabilityZone: aws.String("us-east-1b")},
		}
	},
	func(f *everything) any {
		return &sdk.RunInstancesInput{
			MinCount: aws.Int32(1), MaxCount: aws.Int32(1), ImageId: &f.image,
			NetworkInterfaces: []types.InstanceNetworkInterfaceSpecification{
				{DeviceIndex: aws.Int32(0), NetworkInterfaceId: &f.eniFree},
				{DeviceIndex: aws.Int32(1), SubnetId: &f.a, Groups: []string{f.listeners}},
				{DeviceIndex: aws.Int32(2)},
			},
		}
	},
	func(f *everything) any {
		return &sdk.RunInstancesInput{
			MinCount: aws.Int32(1), MaxCount: aws.Int32(1), ImageId: &f.image, SubnetId: &f.b,
			SecurityGroupIds:  []string{f.nodes},
			NetworkInterfaces: []types.InstanceNetworkInterfaceSpecification{{SubnetId: &f.a}},
		}
	},
}

func (f *everything) publicOf(allocation string) *string {
	return must(f.DescribeAddresses(f.ctx, &sdk.DescribeAddressesInput{
		AllocationIds: []string{allocation},
	}))(f.t).Addresses[0].PublicIp
}
