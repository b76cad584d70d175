package ec2_test

import (
	"encoding/base64"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"postern/network"
	"postern/services/compute"
)

// profileOf moves an instance profile from two to one.
func (l *harness) profileOf(one, two string) {
	l.t.Helper()
	spec := &types.IamInstanceProfileSpecification{Arn: aws.String("arn:aws:iam::" + account + ":instance-profile/nodes")}
	has := must(
		l.DescribeIamInstanceProfileAssociations(l.ctx, &sdk.DescribeIamInstanceProfileAssociationsInput{}),
	)(l.t).IamInstanceProfileAssociations
	if len(has) != 1 || *has[0].InstanceId != two || has[0].State != "associated" {
		l.t.Errorf("associations %+v", has)
	}
	_, err := l.AssociateIamInstanceProfile(l.ctx, &sdk.AssociateIamInstanceProfileInput{
		InstanceId: &two, IamInstanceProfile: spec,
	})
	wantCode(l.t, "a second profile", err, "IncorrectState")
	must(l.ReplaceIamInstanceProfileAssociation(l.ctx, &sdk.ReplaceIamInstanceProfileAssociationInput{
		AssociationId: has[0].AssociationId, IamInstanceProfile: spec,
	}))(l.t)
	must(l.DisassociateIamInstanceProfile(l.ctx, &sdk.DisassociateIamInstanceProfileInput{
		AssociationId: has[0].AssociationId,
	}))(l.t)
	_, err = l.DisassociateIamInstanceProfile(l.ctx, &sdk.DisassociateIamInstanceProfileInput{
		AssociationId: has[0].AssociationId,
	})
	wantCode(l.t, "an association that is no more", err, "InvalidAssociationID.NotFound")
	must(l.AssociateIamInstanceProfile(l.ctx, &sdk.AssociateIamInstanceProfileInput{
		InstanceId: &one, IamInstanceProfile: spec,
	}))(l.t)
	if i := l.instance(one); i.IamInstanceProfile == nil || *i.IamInstanceProfile.Id != "AIPANODES" {
		l.t.Errorf("%s has %+v", one, i.IamInstanceProfile)
	}
}

func TestAttributes(t *testing.T) {
	l := newHarness(t)
	p := l.places()
	id := *l.run(sdk.RunInstancesInput{
		SubnetId: &p.a, UserData: aws.String("eA=="), InstanceInitiatedShutdownBehavior: "terminate",
	}).Instances[0].InstanceId
	l.reaches(id, "running")
	for name, ok := range map[types.InstanceAttributeName]func(*sdk.DescribeInstanceAttributeOutput) bool{
		"instanceType": func(o *sdk.DescribeInstanceAttributeOutput) bool {
			return *o.InstanceType.Value == "t3.micro"
		},
		"userData":              func(o *sdk.DescribeInstanceAttributeOutput) bool { return *o.UserData.Value == "eA==" },
		"disableApiTermination": func(o *sdk.DescribeInstanceAttributeOutput) bool { return !*o.DisableApiTermination.Value },
		"disableApiStop":        func(o *sdk.DescribeInstanceAttributeOutput) bool { return !*o.DisableApiStop.Value },
		"instanceInitiatedShutdownBehavior": func(o *sdk.DescribeInstanceAttributeOutput) bool {
			return *o.InstanceInitiatedShutdownBehavior.Value == "terminate"
		},
		"rootDeviceName": func(o *sdk.DescribeInstanceAttributeOutput) bool {
			return *o.RootDeviceName.Value == "/dev/xvda"
		},
		"sourceDestCheck": func(o *sdk.DescribeInstanceAttributeOutput) bool { return *o.SourceDestCheck.Value },
		"groupSet":        func(o *sdk.DescribeInstanceAttributeOutput) bool { return *o.Groups[0].GroupName == "default" },
	} {
		out := must(l.DescribeInstanceAttribute(l.ctx, &sdk.DescribeInstanceAttributeInput{
			InstanceId: &id, Attribute: name,
		}))(t)
		if !ok(out) {
			t.Errorf("%s: %+v", name, out)
		}
	}
	opts := must(l.ModifyInstanceMetadataOptions(l.ctx, &sdk.ModifyInstanceMetadataOptionsInput{
		InstanceId: &id, HttpTokens: "optional", HttpPutResponseHopLimit: aws.Int32(3),
	}))(t)
	if o := opts.InstanceMetadataOptions; o.HttpTokens != "optional" || *o.HttpPutResponseHopLimit != 3 ||
		o.HttpEndpoint != "enabled" {
		t.Errorf("metadata options %+v", o)
	}
	put := []types.Tag{{Key: aws.String("a"), Value: aws.String("1")}, {Key: aws.String("b"), Value: aws.String("2")}}
	volume := "vol-" + id[2:]
	must(l.CreateTags(l.ctx, &sdk.CreateTagsInput{Resources: []string{id, p.a, volume}, Tags: put}))(t)
	must(l.DeleteTags(l.ctx, &sdk.DeleteTagsInput{Resources: []string{
		id, p.a, volume,
	}, Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("9")}, {Key: aws.String("b")}}}))(t)
	tags := must(l.DescribeTags(l.ctx, &sdk.DescribeTagsInput{
		Filters: []types.Filter{filter("resource-id", id, p.a)},
	}))(t).Tags
	if len(tags) != 2 || tags[0].ResourceType != "instance" || *tags[0].Key != "a" || tags[1].ResourceType != "subnet" {
		t.Errorf("tags %+v", tags)
	}
	v := must(l.DescribeVolumes(l.ctx, &sdk.DescribeVolumesInput{
		Filters: []types.Filter{filter("attachment.instance-id", id), filter("tag:a", "1")},
	}))(t).Volumes
	if len(v) != 1 || len(v[0].Tags) != 1 || *v[0].Attachments[0].InstanceId != id || v[0].State != "in-use" {
		t.Errorf("volumes %+v", v)
	}
	credits := must(l.DescribeInstanceCreditSpecifications(l.ctx, &sdk.DescribeInstanceCreditSpecificationsInput{
		InstanceIds: []string{id},
	}))(t).InstanceCreditSpecifications
	if len(credits) != 1 || *credits[0].CpuCredits != "unlimited" {
		t.Errorf("credits %+v", credits)
	}
}

func TestImages(t *testing.T) {
	l := newHarness(t)
	all := must(l.DescribeImages(l.ctx, &sdk.DescribeImagesInput{Owners: []string{"amazon"}, Filters: []types.Filter{
		filter("root-device-type", "ebs"), filter("virtualization-type", "hvm"),
	}}))(t).Images
	if len(all) != 1 || *all[0].ImageId != compute.HostImage(region) {
		t.Fatalf("images %+v", all)
	}
	dir := filepath.Join(t.TempDir(), "root")
	for _, d := range []string{"bin", "etc", "usr/bin"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	shell := must(os.ReadFile("/bin/sh"))(t)
	if err := os.WriteFile(filepath.Join(dir, "bin/sh"), shell, 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := l.as(reader).RegisterImage(l.ctx, &sdk.RegisterImageInput{Name: aws.String("my image"), ImageLocation: &dir})
	wantCode(t, "a reader registers", err, "UnauthorizedOperation")
	made := must(l.RegisterImage(l.ctx, &sdk.RegisterImageInput{Name: aws.String("my image"), ImageLocation: &dir}))(t)
	own := must(l.DescribeImages(l.ctx, &sdk.DescribeImagesInput{Owners: []string{"self"}}))(t).Images
	if len(own) != 1 || *own[0].ImageId != *made.ImageId || *own[0].Name != "my image" || *own[0].OwnerId != account {
		t.Errorf("own images %+v", own)
	}
	p := l.places()
	id := *l.run(sdk.RunInstancesInput{SubnetId: &p.a, ImageId: made.ImageId}).Instances[0].InstanceId
	_, err = l.DeregisterImage(l.ctx, &sdk.DeregisterImageInput{ImageId: made.ImageId})
	wantCode(t, "deregister in use", err, "DependencyViolation")
	l.reaches(id, "running")
	must(l.TerminateInstances(l.ctx, &sdk.TerminateInstancesInput{InstanceIds: []string{id}}))(t)
	l.reaches(id, "terminated")
	must(l.DeregisterImage(l.ctx, &sdk.DeregisterImageInput{ImageId: made.ImageId}))(t)
}

func TestPlaces(t *testing.T) {
	l := newHarness(t)
	regions := must(l.DescribeRegions(l.ctx, &sdk.DescribeRegionsInput{}))(t).Regions
	if len(regions) != len(network.RegionsBeside(region)) || *regions[0].Endpoint != "ec2.af-south-1.amazonaws.com" {
		t.Errorf("%d regions, the first %+v", len(regions), regions[0])
	}
	zones := must(l.DescribeAvailabilityZones(l.ctx, &sdk.DescribeAvailabilityZonesInput{
		Filters: []types.Filter{filter("zone-id", "use1-az*")},
	}))(t).AvailabilityZones
	if len(zones) != 6 || *zones[5].ZoneName != "us-east-1f" || zones[5].State != "available" {
		t.Errorf("zones %+v", zones)
	}
	services := must(l.DescribeVpcEndpointServices(l.ctx, &sdk.DescribeVpcEndpointServicesInput{
		Filters: []types.Filter{filter("service-type", "Interface")},
	}))(t)
	if len(services.ServiceNames) != 9 || *services.ServiceDetails[0].PrivateDnsName != "ec2.us-east-1.amazonaws.com" {
		t.Errorf("services %v", services.ServiceNames)
	}
	s3 := must(l.DescribeVpcEndpointServices(l.ctx, &sdk.DescribeVpcEndpointServicesInput{
		ServiceNames: []string{"com.amazonaws.us-east-1.s3"},
	}))(t)
	if len(s3.ServiceNames) != 1 || len(s3.ServiceDetails) != 2 {
		t.Errorf("s3 is %+v", s3)
	}
	lists := must(l.DescribePrefixLists(l.ctx, &sdk.DescribePrefixListsInput{
		Filters: []types.Filter{filter("prefix-list-name", "com.amazonaws.us-east-1.s3")},
	}))(t).PrefixLists
	if len(lists) != 1 || *lists[0].PrefixListId != "pl-63a5400a" {
		t.Errorf("prefix lists %+v", lists)
	}
	entries := must(l.GetManagedPrefixListEntries(l.ctx, &sdk.GetManagedPrefixListEntriesInput{
		PrefixListId: lists[0].PrefixListId,
	}))(t).Entries
	if len(entries) != len(lists[0].Cidrs) {
		t.Errorf("entries %+v", entries)
	}
	types := must(l.DescribeInstanceTypes(l.ctx, &sdk.DescribeInstanceTypesInput{}))(t).InstanceTypes
	if len(types) == 0 || *types[0].VCpuInfo.DefaultVCpus < 1 {
		t.Errorf("types %+v", types)
	}
	attributes := must(l.DescribeAccountAttributes(l.ctx, &sdk.DescribeAccountAttributesInput{}))(t).AccountAttributes
	got := map[string]string{}
	for _, a := range attributes {
		got[*a.AttributeName] = *a.AttributeValues[0].AttributeValue
	}
	limits := l.network.Limits()
	want := map[string]string{
		"supported-platforms": "VPC", "default-vpc": "none", "max-instances": strconv.Itoa(compute.MaxAtOnce),
		"vpc-max-security-groups-per-interface": strconv.Itoa(limits.GroupsPerNIC),
		"max-elastic-ips":                       strconv.Itoa(limits.ElasticIPs),
		"vpc-max-elastic-ips":                   strconv.Itoa(limits.ElasticIPs),
	}
	if !maps.Equal(got, want) {
		t.Errorf("attributes %v, want %v", got, want)
	}
}

// TestUserDataRefused: what of cloud-init's language is not built is refused by its name before anything is made.
func TestUserDataRefused(t *testing.T) {
	l := newHarness(t)
	p := l.places()
	run := func(text string) error {
		return second(l.RunInstances(l.ctx, &sdk.RunInstancesInput{
			MinCount: aws.Int32(1), MaxCount: aws.Int32(1), SubnetId: &p.a,
			UserData: aws.String(base64.StdEncoding.EncodeToString([]byte(text))),
		}))
	}
	err := run("#cloud-config\npackages: [nginx]\n")
	wantCode(t, "packages", err, "UnsupportedOperation")
	if err == nil || !strings.Contains(err.Error(), "packages") {
		t.Errorf("it does not name the key: %v", err)
	}
	wantCode(t, "no YAML", run("#cloud-config\n{"), "InvalidParameterValue")
	wantCode(t, "what is built", run("#cloud-config\nruncmd: [uptime]\n"), "")
	if nics := must(
		l.DescribeNetworkInterfaces(l.ctx, &sdk.DescribeNetworkInterfacesInput{}),
	)(t).NetworkInterfaces; len(nics) != 1 {
		t.Errorf("%d interfaces are there", len(nics))
	}
}
