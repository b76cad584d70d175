package ec2_test

import (
	"context"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// keyed is a condition key that a call has, with its value.
type keyed struct {
	key, value string
	call       func(context.Context, *sdk.Client) error // a dry run
}

// TestConditionKeys: each key lets its call pass under the condition on its value and on no other, and under a denial
// keeps it out, as signed calls see it.
func TestConditionKeys(t *testing.T) {
	f := newEverything(t)
	f.booted()
	for i, row := range f.keyed(t) {
		condition := func(operator, value string) string {
			return `"Action":"*","Resource":"*","Condition":{"` + operator + `":{"` + row.key + `":"` + value + `"}}}`
		}
		for j, tt := range []struct{ what, policy, code string }{
			{"allowed with it", `{"Effect":"Allow",` + condition("StringEqualsIfExists", row.value), "DryRunOperation"},
			{
				"allowed with another", `{"Effect":"Allow",` + condition("StringEqualsIfExists", row.value+"x"),
				"UnauthorizedOperation",
			},
			{
				"denied with it", `{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny",` +
					condition("StringEquals", row.value), "UnauthorizedOperation",
			},
			{
				"denied with another", `{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny",` +
					condition("StringEquals", row.value+"x"), "DryRunOperation",
			},
		} {
			u := f.user("AKIAKEYED"+string(rune('A'+i))+string(rune('A'+j)),
				`{"Version":"2012-10-17","Statement":[`+tt.policy+`]}`)
			if err := row.call(f.ctx, u); code(err) != tt.code {
				t.Errorf("%s %s: %s: %v, want %s", row.key, row.value, tt.what, err, tt.code)
			}
		}
	}
}

// keyed lists keys of the network, of endpoints and of instances, with calls that have them.
func (f *everything) keyed(t *testing.T) []keyed {
	t.Helper()
	must(f.CreateTags(f.ctx, &sdk.CreateTagsInput{
		Resources: []string{f.listeners, f.endpoint}, Tags: []types.Tag{{Key: aws.String("Stage"), Value: aws.String("lab")}},
	}))(t)
	name := func(kind, id string) string { return "arn:aws:ec2:" + region + ":" + account + ":" + kind + "/" + id }
	service := *must(f.DescribeVpcEndpoints(f.ctx, &sdk.DescribeVpcEndpointsInput{
		VpcEndpointIds: []string{f.endpoint},
	}))(t).VpcEndpoints[0].ServiceName
	dry := aws.Bool(true)
	subnet := func(ctx context.Context, c *sdk.Client) error {
		return second(c.CreateSubnet(ctx, &sdk.CreateSubnetInput{
			VpcId: &f.vpc, CidrBlock: aws.String("10.0.77.0/24"), DryRun: dry,
		}))
	}
	group := func(ctx context.Context, c *sdk.Client) error {
		return second(c.DeleteSecurityGroup(ctx, &sdk.DeleteSecurityGroupInput{GroupId: &f.listeners, DryRun: dry}))
	}
	nic := func(ctx context.Context, c *sdk.Client) error {
		return second(c.DeleteNetworkInterface(ctx, &sdk.DeleteNetworkInterfaceInput{
			NetworkInterfaceId: &f.eniFree, DryRun: dry,
		}))
	}
	endpoint := func(ctx context.Context, c *sdk.Client) error {
		return second(c.DeleteVpcEndpoints(ctx, &sdk.DeleteVpcEndpointsInput{
			VpcEndpointIds: []string{f.endpoint}, DryRun: dry,
		}))
	}
	newEndpoint := func(ctx context.Context, c *sdk.Client) error {
		return second(c.CreateVpcEndpoint(ctx, &sdk.CreateVpcEndpointInput{
			VpcId: &f.empty, ServiceName: &service, VpcEndpointType: types.VpcEndpointTypeInterface, DryRun: dry,
		}))
	}
	stop := func(ctx context.Context, c *sdk.Client) error {
		return second(c.StopInstances(ctx, &sdk.StopInstancesInput{InstanceIds: []string{f.instance}, DryRun: dry}))
	}
	modify := func(ctx context.Context, c *sdk.Client) error {
		return second(c.ModifyInstanceAttribute(ctx, &sdk.ModifyInstanceAttributeInput{
			InstanceId: &f.instance, DisableApiTermination: &types.AttributeBooleanValue{Value: aws.Bool(true)}, DryRun: dry,
		}))
	}
	peering := func(ctx context.Context, c *sdk.Client) error {
		return second(c.AcceptVpcPeeringConnection(ctx, &sdk.AcceptVpcPeeringConnectionInput{
			VpcPeeringConnectionId: &f.asked, DryRun: dry,
		}))
	}
	return append([]keyed{
		{"ec2:VpcID", f.vpc, subnet},
		{"ec2:Vpc", name("vpc", f.vpc), group},
		{"ec2:ResourceTag/Stage", "lab", group},
		{"aws:ResourceTag/Stage", "lab", group},
		{"ec2:SecurityGroupID", f.listeners, group},
		{"ec2:Region", region, group},
		{"ec2:Vpc", name("vpc", f.vpc), nic},
		{"ec2:Subnet", name("subnet", f.a), nic},
		{"ec2:AvailabilityZone", "us-east-1a", nic},
		{"ec2:NetworkInterfaceID", f.eniFree, nic},
		{"ec2:VpceServiceName", service, endpoint},
		{"ec2:VpceServiceRegion", region, endpoint},
		{"ec2:ResourceTag/Stage", "lab", endpoint},
		{"ec2:VpceServiceName", service, newEndpoint},
		{"ec2:VpceServiceRegion", region, newEndpoint},
		{"ec2:VpceServiceOwner", "amazon", newEndpoint},
		{"ec2:VpcID", f.empty, newEndpoint},
		{"ec2:RequesterVpc", name("vpc", f.empty), peering},
		{"ec2:AccepterVpc", name("vpc", f.peer), peering},
		{"ec2:Attribute/DisableApiTermination", "true", modify},
		{"ec2:InstanceID", f.instance, stop},
	}, f.instanceKeyed(t, stop)...)
}

// instanceKeyed lists the keys that an instance tells of itself.
func (f *everything) instanceKeyed(t *testing.T, stop func(context.Context, *sdk.Client) error) (all []keyed) {
	t.Helper()
	i := must(f.DescribeInstances(f.ctx, &sdk.DescribeInstancesInput{
		InstanceIds: []string{f.instance},
	}))(t).Reservations[0].Instances[0]
	for key, value := range map[string]string{
		"ec2:InstanceType": string(i.InstanceType), "ec2:AvailabilityZone": *i.Placement.AvailabilityZone,
		"ec2:MetadataHttpTokens": string(i.MetadataOptions.HttpTokens),
	} {
		all = append(all, keyed{key, value, stop})
	}
	return all
}

// TestKeysThatNoRequestHas: the interface permissions of other accounts are not built, and so nobody is held by them.
func TestKeysThatNoRequestHas(t *testing.T) {
	f := newEverything(t)
	for i, row := range []struct{ policy, code string }{
		{`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{
			"ec2:AuthorizedService":"codebuild.amazonaws.com"}}}`, "UnauthorizedOperation"},
		{`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Null":{"ec2:AuthorizedService":"true"}}}`,
			"DryRunOperation"},
	} {
		u := f.user("AKIAABSENT"+string(rune('A'+i)), `{"Version":"2012-10-17","Statement":[`+row.policy+`]}`)
		_, err := u.CreateNetworkInterface(f.ctx, &sdk.CreateNetworkInterfaceInput{SubnetId: &f.a, DryRun: aws.Bool(true)})
		wantCode(t, strings.TrimSpace(row.policy), err, row.code)
	}
}

// TestTagOnCreate: tags that a request gives to what it makes need ec2:CreateTags for that very request.
func TestTagOnCreate(t *testing.T) {
	f := newEverything(t)
	const may = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ec2:CreateSecurityGroup","Resource":"*"}`
	tagging := func(condition string) string {
		return may + `,{"Effect":"Allow","Action":"ec2:CreateTags","Resource":"*","Condition":` + condition + `}]}`
	}
	for i, row := range []struct{ policy, untagged, tagged string }{
		{may + "]}", "", "UnauthorizedOperation"},
		{tagging(`{"StringEquals":{"ec2:CreateAction":"CreateSecurityGroup"}}`), "", ""},
		{tagging(`{"StringEquals":{"ec2:CreateAction":"RunInstances"}}`), "", "UnauthorizedOperation"},
		{tagging(`{"StringEquals":{"aws:RequestTag/Name":"x"}}`), "", ""},
		{tagging(`{"StringEquals":{"aws:RequestTag/Name":"y"}}`), "", "UnauthorizedOperation"},
		{tagging(`{"ForAllValues:StringEquals":{"aws:TagKeys":["Name"]}}`), "", ""},
		{tagging(`{"ForAllValues:StringEquals":{"aws:TagKeys":["Stage"]}}`), "", "UnauthorizedOperation"},
	} {
		name := "tagger" + string(rune('a'+i))
		u := f.user("AKIA"+strings.ToUpper(name), row.policy)
		in := &sdk.CreateSecurityGroupInput{GroupName: &name, Description: &name, VpcId: &f.vpc}
		wantCode(t, row.policy+" untagged", second(u.CreateSecurityGroup(f.ctx, in)), row.untagged)
		in.GroupName = aws.String(name + "-tagged")
		in.TagSpecifications = nameTag("security-group", "x")
		wantCode(t, row.policy+" tagged", second(u.CreateSecurityGroup(f.ctx, in)), row.tagged)
	}
}

// TestWhatARoleIsPassedFor: at a launch the role of an instance profile is passed for any instance, later for one.
func TestWhatARoleIsPassedFor(t *testing.T) {
	f := newEverything(t)
	f.booted()
	association := must(f.DescribeIamInstanceProfileAssociations(f.ctx,
		&sdk.DescribeIamInstanceProfileAssociationsInput{}))(t).IamInstanceProfileAssociations[0].AssociationId
	nodes := &types.IamInstanceProfileSpecification{Name: aws.String("nodes")}
	launch := func(c *sdk.Client) error {
		return second(c.RunInstances(f.ctx, &sdk.RunInstancesInput{
			MinCount: aws.Int32(1), MaxCount: aws.Int32(1), SubnetId: &f.a, IamInstanceProfile: nodes,
		}))
	}
	replace := func(c *sdk.Client) error {
		return second(c.ReplaceIamInstanceProfileAssociation(f.ctx, &sdk.ReplaceIamInstanceProfileAssociationInput{
			AssociationId: association, IamInstanceProfile: nodes,
		}))
	}
	instances := "arn:aws:ec2:" + region + ":" + account + ":instance/"
	for i, row := range []struct {
		call                func(*sdk.Client) error
		service, associated string
		code                string
	}{
		{launch, "ec2.amazonaws.com", instances + "*", ""},
		{launch, "ec2.amazonaws.com", instances + f.instance, "UnauthorizedOperation"},
		{launch, "ssm.amazonaws.com", instances + "*", "UnauthorizedOperation"},
		{replace, "ec2.amazonaws.com", instances + f.instance, ""},
		{replace, "ec2.amazonaws.com", instances + "i-0123456789abcdef0", "UnauthorizedOperation"},
	} {
		u := f.user("AKIAPASSING"+string(rune('A'+i)), `{"Version":"2012-10-17","Statement":[
			{"Effect":"Allow","Action":"ec2:*","Resource":"*"},
			{"Effect":"Allow","Action":"iam:PassRole","Resource":"*","Condition":{"StringEquals":{
				"iam:PassedToService":"`+row.service+`"},"ArnEquals":{"iam:AssociatedResourceArn":"`+row.associated+`"}}}]}`)
		wantCode(t, row.service+" "+row.associated, row.call(u), row.code)
	}
}
