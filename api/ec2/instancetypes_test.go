package ec2_test

import (
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// ofHost gives the type for this host's architecture, and one for the other.
func ofHost(x86, arm types.InstanceType) (own, other types.InstanceType) {
	if runtime.GOARCH == "arm64" {
		return arm, x86
	}
	return x86, arm
}

// TestInstanceTypes: what DescribeInstanceTypes knows is what RunInstances takes.
func TestInstanceTypes(t *testing.T) {
	l := newHarness(t)
	p := l.places()
	own, other := ofHost(types.InstanceTypeT3Xlarge, types.InstanceTypeT4gXlarge)
	one := must(l.DescribeInstanceTypes(l.ctx, &sdk.DescribeInstanceTypesInput{
		InstanceTypes: []types.InstanceType{own},
	}))(t).InstanceTypes[0]
	if *one.VCpuInfo.DefaultVCpus != 4 || *one.MemoryInfo.SizeInMiB != 16384 ||
		*one.NetworkInfo.MaximumNetworkInterfaces != 4 ||
		*one.NetworkInfo.Ipv4AddressesPerInterface != 15 || one.Hypervisor != types.InstanceTypeHypervisorNitro ||
		*one.BareMetal ||
		!*one.BurstablePerformanceSupported || !*one.CurrentGeneration {
		t.Errorf("%s is %+v", own, one)
	}
	run := func(typ types.InstanceType) (*sdk.RunInstancesOutput, error) {
		return l.RunInstances(l.ctx, &sdk.RunInstancesInput{
			MinCount: aws.Int32(1), MaxCount: aws.Int32(1), SubnetId: &p.a, InstanceType: typ,
		})
	}
	made := must(run(own))(t).Instances[0]
	if made.InstanceType != own {
		t.Errorf("the instance is a %s", made.InstanceType)
	}
	_, err := run("t9.huge")
	wantCode(t, "a type that is none", err, "InvalidParameterValue")
	if err == nil || !strings.Contains(err.Error(), "Invalid value 't9.huge' for InstanceType.") {
		t.Errorf("a type that is none: %v", err)
	}
	_, err = run(other)
	wantCode(t, "a type of another architecture", err, "InvalidParameterValue")
	if err == nil || !strings.Contains(err.Error(), "does not match the architecture") {
		t.Errorf("a type of another architecture: %v", err)
	}
	wantCode(t, "described of another architecture",
		second(l.DescribeInstanceTypes(l.ctx, &sdk.DescribeInstanceTypesInput{InstanceTypes: []types.InstanceType{other}})),
		"InvalidInstanceType")
	all := must(l.DescribeInstanceTypes(l.ctx, &sdk.DescribeInstanceTypesInput{
		InstanceTypes: []types.InstanceType{other}, IncludeUnsupportedInRegion: aws.Bool(true),
	}))(t).InstanceTypes
	if len(all) != 1 {
		t.Errorf("with those that are not offered: %+v", all)
	}
}

func TestInstanceTypeFilters(t *testing.T) {
	l := newHarness(t)
	names := func(filters ...types.Filter) (out []string) {
		pages := sdk.NewDescribeInstanceTypesPaginator(l.Client, &sdk.DescribeInstanceTypesInput{
			Filters: filters, IncludeUnsupportedInRegion: aws.Bool(true), MaxResults: aws.Int32(100),
		})
		for pages.HasMorePages() {
			for _, one := range must(pages.NextPage(l.ctx))(t).InstanceTypes {
				out = append(out, string(one.InstanceType))
			}
		}
		return out
	}
	if all := names(); len(all) < 1000 || !slices.IsSorted(all) {
		t.Errorf("%d types in all", len(all))
	}
	for _, tt := range []struct {
		filters []types.Filter
		want    string
	}{
		{[]types.Filter{filter("instance-type", "t3.*"), filter("vcpu-info.default-vcpus", "4")}, "t3.xlarge"},
		{[]types.Filter{
			filter("instance-type", "t3.*"), filter("memory-info.size-in-mib", "512", "1024"),
		}, "t3.micro t3.nano"},
		{[]types.Filter{filter("instance-type", "m5.*"), filter("bare-metal", "true")}, "m5.metal"},
		{[]types.Filter{
			filter("instance-type", "t2.*", "t3.*"), filter("hypervisor", "xen"),
			filter("processor-info.supported-architecture", "i386"),
		},
			"t2.medium t2.micro t2.nano t2.small"},
		{[]types.Filter{filter("instance-type", "a1.m*"), filter("current-generation", "false")}, "a1.medium a1.metal"},
		{[]types.Filter{filter("burstable-performance-supported", "true"),
			filter("network-info.maximum-network-interfaces", "4"),
			filter("network-info.ipv4-addresses-per-interface", "15"), filter("processor-info.supported-architecture", "arm64")},
			"t4g.2xlarge t4g.xlarge"},
	} {
		if got := strings.Join(names(tt.filters...), " "); got != tt.want {
			t.Errorf("%+v: %s, want %s", tt.filters, got, tt.want)
		}
	}
	for name, want := range map[string]string{
		"vcpu-info.default-cores": "UnsupportedOperation", "vcpus": "InvalidParameterValue",
	} {
		_, err := l.DescribeInstanceTypes(l.ctx, &sdk.DescribeInstanceTypesInput{Filters: []types.Filter{filter(name, "1")}})
		wantCode(t, name, err, want)
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s is not named: %v", name, err)
		}
	}
}

func TestInstanceTypeOfferings(t *testing.T) {
	l := newHarness(t)
	own, other := ofHost(types.InstanceTypeT3Xlarge, types.InstanceTypeT4gXlarge)
	at := func(kind types.LocationType, filters ...types.Filter) (out []string) {
		found := must(l.DescribeInstanceTypeOfferings(l.ctx, &sdk.DescribeInstanceTypeOfferingsInput{
			LocationType: kind, Filters: filters,
		}))(t)
		for _, o := range found.InstanceTypeOfferings {
			out = append(out, string(o.InstanceType)+" "+*o.Location)
		}
		return out
	}
	this := filter("instance-type", string(own), string(other))
	for _, tt := range []struct {
		kind types.LocationType
		want int
	}{{"", 1}, {types.LocationTypeRegion, 1}, {
		types.LocationTypeAvailabilityZone, 6,
	}, {types.LocationTypeAvailabilityZoneId, 6}, {types.LocationTypeOutpost, 0}} {
		if got := at(tt.kind, this); len(got) != tt.want {
			t.Errorf("%q: %v", tt.kind, got)
		}
	}
	if got := at(types.LocationTypeAvailabilityZone, this, filter("location", "us-east-1b")); len(got) != 1 ||
		got[0] != string(own)+" us-east-1b" {
		t.Errorf("in a zone: %v", got)
	}
	wantCode(t, "a location type that is none",
		second(l.DescribeInstanceTypeOfferings(l.ctx, &sdk.DescribeInstanceTypeOfferingsInput{LocationType: "moon"})),
		"InvalidParameterValue")
}
