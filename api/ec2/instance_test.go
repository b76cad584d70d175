package ec2_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"postern/aws/scope"
	"postern/services/compute"
)

func (l *harness) run(in sdk.RunInstancesInput) *sdk.RunInstancesOutput {
	l.t.Helper()
	in.MinCount, in.MaxCount = aws.Int32(1), aws.Int32(max(1, aws.ToInt32(in.MaxCount)))
	return must(l.RunInstances(l.ctx, &in))(l.t)
}

func (l *harness) instance(id string) types.Instance {
	l.t.Helper()
	out := must(l.DescribeInstances(l.ctx, &sdk.DescribeInstancesInput{InstanceIds: []string{id}}))(l.t)
	return out.Reservations[0].Instances[0]
}

// reaches waits until an instance is in a state.
func (l *harness) reaches(id string, want types.InstanceStateName) types.Instance {
	l.t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	late := time.After(10 * time.Second)
	for {
		i := l.instance(id)
		if i.State.Name == want {
			return i
		}
		select {
		case <-tick.C:
		case <-late:
			l.t.Fatalf("%s is %s, want %s", id, i.State.Name, want)
		}
	}
}

func TestInstanceLife(t *testing.T) {
	l := newHarness(t)
	p := l.places()
	data := base64.StdEncoding.EncodeToString([]byte("#!/bin/sh\necho hello\n"))
	made := l.run(sdk.RunInstancesInput{
		SubnetId: &p.a, SecurityGroupIds: []string{p.nodes}, InstanceType: "t3.small", UserData: &data,
		IamInstanceProfile: &types.IamInstanceProfileSpecification{Name: aws.String("nodes")},
		TagSpecifications:  append(nameTag("instance", "node"), nameTag("network-interface", "nic")...),
	})
	i := made.Instances[0]
	id := *i.InstanceId
	if i.State.Name != "pending" || *i.SubnetId != p.a || *i.VpcId != p.vpc || *i.SecurityGroups[0].GroupId != p.nodes ||
		*i.IamInstanceProfile.Arn != "arn:aws:iam::"+account+":instance-profile/nodes" || *i.Tags[0].Value != "node" ||
		!strings.HasPrefix(*i.PrivateIpAddress, "10.0.1.") || *i.Placement.AvailabilityZone != "us-east-1a" {
		t.Errorf("made %+v", i)
	}
	i = l.reaches(id, "running")
	nic := i.NetworkInterfaces[0]
	if *nic.Attachment.DeviceIndex != 0 || !*nic.Attachment.DeleteOnTermination ||
		*i.PrivateDnsName != "ip-"+strings.ReplaceAll(*i.PrivateIpAddress, ".", "-")+".ec2.internal" {
		t.Errorf("runs with %+v", nic)
	}
	console := must(l.GetConsoleOutput(l.ctx, &sdk.GetConsoleOutputInput{InstanceId: &id}))(t)
	text := string(must(base64.StdEncoding.DecodeString(*console.Output))(t))
	if want := "boot of " + *i.PrivateDnsName + " " + *i.PrivateIpAddress + "/24 10.0.1.1 10.0.0.2\n"; text != want {
		t.Errorf("console %q, want %q", text, want)
	}
	must(l.StopInstances(l.ctx, &sdk.StopInstancesInput{InstanceIds: []string{id}}))(t)
	if again := l.reaches(id, "stopped"); *again.PrivateIpAddress != *i.PrivateIpAddress {
		t.Errorf("stopped with %s, ran with %s", *again.PrivateIpAddress, *i.PrivateIpAddress)
	}
	must(l.StartInstances(l.ctx, &sdk.StartInstancesInput{InstanceIds: []string{id}}))(t)
	l.reaches(id, "running")
	must(l.RebootInstances(l.ctx, &sdk.RebootInstancesInput{InstanceIds: []string{id}}))(t)
	change := must(l.TerminateInstances(l.ctx, &sdk.TerminateInstancesInput{
		InstanceIds: []string{id},
	}))(t).TerminatingInstances[0]
	if change.PreviousState.Name != "running" || change.CurrentState.Name != "shutting-down" {
		t.Errorf("terminating %+v", change)
	}
	if end := l.reaches(id, "terminated"); end.PrivateIpAddress != nil || len(end.NetworkInterfaces) > 0 ||
		len(end.BlockDeviceMappings) > 0 {
		t.Errorf("terminated with %+v", end)
	}
	_, err := l.DescribeNetworkInterfaces(l.ctx, &sdk.DescribeNetworkInterfacesInput{
		NetworkInterfaceIds: []string{*nic.NetworkInterfaceId},
	})
	wantCode(t, "its interface", err, "InvalidNetworkInterfaceID.NotFound")
}

// attempt is a launch into a subnet, with changes.
func (l *harness) attempt(subnet string, edit func(*sdk.RunInstancesInput)) error {
	in := &sdk.RunInstancesInput{SubnetId: &subnet, MinCount: aws.Int32(1), MaxCount: aws.Int32(1)}
	edit(in)
	return second(l.RunInstances(l.ctx, in))
}

// withInterface launches with one interface.
func withInterface(n types.InstanceNetworkInterfaceSpecification) func(*sdk.RunInstancesInput) {
	return func(x *sdk.RunInstancesInput) {
		x.SubnetId = nil
		x.NetworkInterfaces = []types.InstanceNetworkInterfaceSpecification{n}
	}
}

// protected runs an instance that may not be terminated, in the first subnet of places, and returns its id.
func (l *harness) protected(p places) string {
	l.t.Helper()
	id := *l.run(sdk.RunInstancesInput{SubnetId: &p.a, DisableApiTermination: aws.Bool(true)}).Instances[0].InstanceId
	l.reaches(id, "running")
	return id
}

// onlyTheInstances finds interfaces left behind by launches that were refused.
func (l *harness) onlyTheInstances(t *testing.T) {
	t.Helper()
	if n := len(l.network.State().Owners()); n != 1 {
		t.Errorf("interfaces belong to %v", l.network.State().Owners())
	}
	free := must(l.DescribeNetworkInterfaces(l.ctx, &sdk.DescribeNetworkInterfacesInput{}))(t).NetworkInterfaces
	if len(free) != 1 {
		t.Errorf("%d interfaces, want the running instance's", len(free))
	}
}

// TestLaunchPlaceRefusals are launches to where nothing can be.
func TestLaunchPlaceRefusals(t *testing.T) {
	l := newHarness(t)
	p := l.places()
	id := l.protected(p)
	own := *l.instance(id).NetworkInterfaces[0].NetworkInterfaceId
	type in = *sdk.RunInstancesInput
	run := func(edit func(in)) error { return l.attempt(p.a, edit) }
	wantCodes(t, []outcome{
		{"no subnet", run(func(x in) { x.SubnetId = nil }), "VPCIdNotSpecified"},
		{
			"no such subnet", run(func(x in) { x.SubnetId = aws.String("subnet-0123456789abcdef0") }),
			"InvalidSubnetID.NotFound",
		},
		{"group", run(func(x in) { x.SecurityGroupIds = []string{"sg-0123456789abcdef0"} }), "InvalidGroup.NotFound"},
		{"group by name", run(func(x in) { x.SecurityGroups = []string{"nodes"} }), "InvalidParameterCombination"},
		{
			"zone", run(func(x in) { x.Placement = &types.Placement{AvailabilityZone: aws.String("us-east-1b")} }),
			"InvalidParameterValue",
		},
		{
			"second device", run(withInterface(types.InstanceNetworkInterfaceSpecification{
				SubnetId: &p.a, DeviceIndex: aws.Int32(1),
			})),
			"InvalidParameterValue",
		},
		{"subnet and interface", run(func(x in) {
			x.NetworkInterfaces = []types.InstanceNetworkInterfaceSpecification{{SubnetId: &p.a}}
		}), "InvalidParameterCombination"},
		{
			"interface in use", run(withInterface(types.InstanceNetworkInterfaceSpecification{NetworkInterfaceId: &own})),
			"InvalidNetworkInterface.InUse",
		},
		{"address taken", run(func(x in) { x.PrivateIpAddress = l.instance(id).PrivateIpAddress }), "InvalidIPAddress.InUse"},
		{
			"one address for two", run(func(x in) { x.PrivateIpAddress, x.MaxCount = aws.String("10.0.1.9"), aws.Int32(2) }),
			"InvalidParameterCombination",
		},
	})
	l.onlyTheInstances(t)
}

// TestLaunchRefusals are launches of what is not there, or not well.
func TestLaunchRefusals(t *testing.T) {
	l := newHarness(t)
	p := l.places()
	l.protected(p)
	type in = *sdk.RunInstancesInput
	run := func(edit func(in)) error { return l.attempt(p.a, edit) }
	wantCodes(t, []outcome{
		{"no such image", run(func(x in) { x.ImageId = aws.String("ami-0123456789abcdef0") }), "InvalidAMIID.NotFound"},
		{"malformed image", run(func(x in) { x.ImageId = aws.String("debian") }), "InvalidAMIID.Malformed"},
		{"type", run(func(x in) { x.InstanceType = "huge" }), "InvalidParameterValue"},
		{"counts", run(func(x in) { x.MinCount = aws.Int32(2) }), "InvalidParameterValue"},
		{"user data", run(func(x in) { x.UserData = aws.String("%") }), "InvalidParameterValue"},
		{
			"too much user data",
			run(func(x in) { x.UserData = aws.String(base64.StdEncoding.EncodeToString(make([]byte, 17<<10))) }),
			"InvalidParameterValue",
		},
		{"key pair", run(func(x in) { x.KeyName = aws.String("k") }), "InvalidKeyPair.NotFound"},
		{
			"profile", run(func(x in) { x.IamInstanceProfile = &types.IamInstanceProfileSpecification{Name: aws.String("x")} }),
			"InvalidParameterValue",
		},
		{
			"profile's ARN",
			run(func(x in) { x.IamInstanceProfile = &types.IamInstanceProfileSpecification{Arn: aws.String("x")} }),
			"InvalidIamInstanceProfileArn.Malformed",
		},
		{"hop limit", run(func(x in) {
			x.MetadataOptions = &types.InstanceMetadataOptionsRequest{HttpPutResponseHopLimit: aws.Int32(65)}
		}), "InvalidParameterValue"},
		{
			"bad volume tags", run(func(x in) { x.TagSpecifications = nameTag("volume", strings.Repeat("x", 257)) }),
			"InvalidParameterValue",
		},
		{
			"bad tags", run(func(x in) { x.TagSpecifications = nameTag("instance", strings.Repeat("x", 257)) }),
			"InvalidParameterValue",
		},
		{"dry run", run(func(x in) { x.DryRun = aws.Bool(true) }), "DryRunOperation"},
	})
	l.onlyTheInstances(t)
}

// TestLaunchesThatAreNotBuilt say so.
func TestLaunchesThatAreNotBuilt(t *testing.T) {
	l := newHarness(t)
	p := l.places()
	l.protected(p)
	type in = *sdk.RunInstancesInput
	run := func(edit func(in)) error { return l.attempt(p.a, edit) }
	wantCodes(t, []outcome{
		{"tenancy", run(func(x in) { x.Placement = &types.Placement{Tenancy: "dedicated"} }), "UnsupportedOperation"},
		{
			"spot", run(func(x in) { x.InstanceMarketOptions = &types.InstanceMarketOptionsRequest{MarketType: "spot"} }),
			"UnsupportedOperation",
		},
		{
			"carrier address",
			run(withInterface(types.InstanceNetworkInterfaceSpecification{
				SubnetId: &p.a, AssociateCarrierIpAddress: aws.Bool(true),
			})),
			"UnsupportedOperation",
		},
		{"credits that run out", run(func(x in) {
			x.CreditSpecification = &types.CreditSpecificationRequest{CpuCredits: aws.String("standard")}
		}), "UnsupportedOperation"},
		{
			"hibernation",
			run(func(x in) { x.HibernationOptions = &types.HibernationOptionsRequest{Configured: aws.Bool(true)} }),
			"UnsupportedOperation",
		},
		{
			"enclave", run(func(x in) { x.EnclaveOptions = &types.EnclaveOptionsRequest{Enabled: aws.Bool(true)} }),
			"UnsupportedOperation",
		},
		{"recovery", run(func(x in) {
			x.MaintenanceOptions = &types.InstanceMaintenanceOptionsRequest{AutoRecovery: types.InstanceAutoRecoveryStateDefault}
		}), "UnsupportedOperation"},
	})
	l.onlyTheInstances(t)
}

func TestChangesOfAnInstanceAreRefused(t *testing.T) {
	l := newHarness(t)
	p := l.places()
	id := l.protected(p)
	modify := func(edit func(*sdk.ModifyInstanceAttributeInput)) error {
		in := &sdk.ModifyInstanceAttributeInput{InstanceId: &id}
		edit(in)
		return second(l.ModifyInstanceAttribute(l.ctx, in))
	}
	type mod = *sdk.ModifyInstanceAttributeInput
	wantCodes(t, []outcome{
		{
			"protected", second(l.TerminateInstances(l.ctx, &sdk.TerminateInstancesInput{InstanceIds: []string{id}})),
			"OperationNotPermitted",
		},
		{
			"no such instance",
			second(l.StopInstances(l.ctx, &sdk.StopInstancesInput{InstanceIds: []string{"i-0123456789abcdef0"}})),
			"InvalidInstanceID.NotFound",
		},
		{
			"malformed", second(l.StartInstances(l.ctx, &sdk.StartInstancesInput{InstanceIds: []string{"i-x"}})),
			"InvalidInstanceID.Malformed",
		},
		{
			"hibernate",
			second(l.StopInstances(l.ctx, &sdk.StopInstancesInput{InstanceIds: []string{id}, Hibernate: aws.Bool(true)})),
			"UnsupportedOperation",
		},
		{
			"type of a running one",
			modify(func(m mod) { m.InstanceType = &types.AttributeValue{Value: aws.String("t3.large")} }),
			"IncorrectInstanceState",
		},
		{"two attributes", modify(func(m mod) {
			m.DisableApiStop, m.DisableApiTermination = &types.AttributeBooleanValue{}, &types.AttributeBooleanValue{}
		}), "InvalidParameterCombination"},
		{
			"shutdown behaviour",
			modify(func(m mod) { m.Attribute, m.Value = "instanceInitiatedShutdownBehavior", aws.String("sleep") }),
			"InvalidParameterValue",
		},
		{"kernel", modify(func(m mod) { m.Attribute, m.Value = "kernel", aws.String("x") }), "UnsupportedOperation"},
		{"groups", modify(func(m mod) { m.Groups = []string{p.listeners} }), ""},
		{"protection off", modify(func(m mod) { m.Attribute, m.Value = "disableApiTermination", aws.String("false") }), ""},
	})
	if got := *l.instance(id).SecurityGroups[0].GroupId; got != p.listeners {
		t.Errorf("its group is %s", got)
	}
}

// TestWhatInstancesAreOf is asked for and refused: types, volumes, images and credits.
func TestWhatInstancesAreOf(t *testing.T) {
	l := newHarness(t)
	wantCodes(t, []outcome{
		{"tags of a volume that is not", second(l.CreateTags(l.ctx, &sdk.CreateTagsInput{
			Resources: []string{"vol-0123456789abcdef0"}, Tags: []types.Tag{{Key: aws.String("a")}},
		})), "InvalidVolume.NotFound"},
		{"credits of nothing", second(l.DescribeInstanceCreditSpecifications(l.ctx,
			&sdk.DescribeInstanceCreditSpecificationsInput{
				InstanceIds: []string{"i-0123456789abcdef0"},
			})), "InvalidInstanceID.NotFound"},
		{
			"instance type",
			second(l.DescribeInstanceTypes(l.ctx, &sdk.DescribeInstanceTypesInput{
				InstanceTypes: []types.InstanceType{"x9.tiny"},
			})), "InvalidInstanceType",
		},
		{
			"volume", second(l.DescribeVolumes(l.ctx, &sdk.DescribeVolumesInput{VolumeIds: []string{"vol-0123456789abcdef0"}})),
			"InvalidVolume.NotFound",
		},
		{
			"image by a relative path",
			second(l.RegisterImage(l.ctx, &sdk.RegisterImageInput{Name: aws.String("x-y"), ImageLocation: aws.String("etc")})),
			"InvalidParameterValue",
		},
		{
			"host's image",
			second(l.DeregisterImage(l.ctx, &sdk.DeregisterImageInput{ImageId: aws.String(compute.HostImage(region))})),
			"OperationNotPermitted",
		},
	})
}

// TestRunTwice: one client token, one instance; an instance that does not boot takes its interface with it.
func TestRunTwice(t *testing.T) {
	l := newHarness(t)
	p := l.places()
	in := sdk.RunInstancesInput{SubnetId: &p.a, ClientToken: aws.String("token"), MaxCount: aws.Int32(2)}
	first, again := l.run(in), l.run(in)
	if *first.Instances[0].InstanceId != *again.Instances[0].InstanceId || len(again.Instances) != 2 {
		t.Errorf("made %s and %s", *first.Instances[0].InstanceId, *again.Instances[0].InstanceId)
	}
	_, err := l.RunInstances(l.ctx, &sdk.RunInstancesInput{
		SubnetId: &p.a, ClientToken: aws.String("token"), MinCount: aws.Int32(1), MaxCount: aws.Int32(1),
	})
	wantCode(t, "another request with the token", err, "IdempotentParameterMismatch")
	if owners := l.network.State().Owners(); len(owners) != 2 {
		t.Errorf("interfaces belong to %v", owners)
	}
	for _, i := range first.Instances {
		l.reaches(*i.InstanceId, "running")
	}
	l.host.mu.Lock()
	l.host.refuse = errors.New("no namespaces here")
	l.host.mu.Unlock()
	made := l.run(sdk.RunInstancesInput{SubnetId: &p.a}).Instances[0]
	if end := l.reaches(
		*made.InstanceId, "terminated",
	); !strings.Contains(*end.StateReason.Message, "no namespaces here") {
		t.Errorf("it ended because of %+v", end.StateReason)
	}
	if owners := l.network.State().Owners(); len(owners) != 2 {
		t.Errorf("interfaces belong to %v", owners)
	}
}

func TestDescribeInstances(t *testing.T) {
	l := newHarness(t)
	p := l.places()
	nic := must(l.CreateNetworkInterface(l.ctx, &sdk.CreateNetworkInterfaceInput{
		SubnetId: &p.b, PrivateIpAddress: aws.String("10.0.2.20"),
	}))(t)
	one := *l.run(sdk.RunInstancesInput{
		NetworkInterfaces: []types.InstanceNetworkInterfaceSpecification{
			{NetworkInterfaceId: nic.NetworkInterface.NetworkInterfaceId},
		},
		TagSpecifications: nameTag("instance", "one"),
	}).Instances[0].InstanceId
	two := *l.run(sdk.RunInstancesInput{
		SubnetId: &p.a, IamInstanceProfile: &types.IamInstanceProfileSpecification{Name: aws.String("nodes")},
	}).Instances[0].InstanceId
	l.reaches(one, "running")
	l.reaches(two, "running")
	for _, tt := range []struct {
		filters []types.Filter
		want    string
	}{
		{[]types.Filter{filter("private-ip-address", "10.0.2.20")}, one},
		{[]types.Filter{filter("subnet-id", p.a), filter("vpc-id", p.vpc)}, two},
		{[]types.Filter{filter("tag:Name", "one"), filter("instance-state-name", "running", "pending")}, one},
		{[]types.Filter{filter("network-interface.network-interface-id", *nic.NetworkInterface.NetworkInterfaceId)}, one},
		{[]types.Filter{filter("iam-instance-profile.arn", "*:instance-profile/nodes")}, two},
		{[]types.Filter{filter("block-device-mapping.volume-id", "vol-"+two[2:])}, two},
		{[]types.Filter{filter("availability-zone", "us-east-1b"), filter("image-id", compute.HostImage(region))}, one},
	} {
		out := must(l.DescribeInstances(l.ctx, &sdk.DescribeInstancesInput{Filters: tt.filters}))(t)
		if len(out.Reservations) != 1 || *out.Reservations[0].Instances[0].InstanceId != tt.want {
			t.Errorf("%v: %+v, want %s", tt.filters, out.Reservations, tt.want)
		}
	}
	status := must(l.DescribeInstanceStatus(l.ctx, &sdk.DescribeInstanceStatusInput{}))(t).InstanceStatuses
	if len(status) != 2 || status[0].InstanceStatus.Status != "ok" {
		t.Errorf("statuses %+v", status)
	}
	must(l.StopInstances(l.ctx, &sdk.StopInstancesInput{InstanceIds: []string{one}}))(t)
	l.reaches(one, "stopped")
	if n := len(must(l.DescribeInstanceStatus(l.ctx, &sdk.DescribeInstanceStatusInput{}))(t).InstanceStatuses); n != 1 {
		t.Errorf("%d running", n)
	}
	if n := len(must(l.DescribeInstanceStatus(l.ctx, &sdk.DescribeInstanceStatusInput{
		IncludeAllInstances: aws.Bool(true),
	}))(t).InstanceStatuses); n != 2 {
		t.Errorf("%d in all", n)
	}
	l.profileOf(one, two)
	// An interface that was there before stays when its instance is gone.
	must(l.TerminateInstances(l.ctx, &sdk.TerminateInstancesInput{InstanceIds: []string{one}}))(t)
	l.reaches(one, "terminated")
	n := must(l.network.State().Interface(scope.Scope{
		Account: account, Region: region,
	}, *nic.NetworkInterface.NetworkInterfaceId))(t)
	if n.Attachment != nil {
		t.Errorf("the interface is attached to %s", n.Owner())
	}
}
