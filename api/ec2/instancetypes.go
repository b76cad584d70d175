package ec2

import (
	"context"
	"fmt"
	"iter"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/aws/fault"
	sdk "postern/aws/service/ec2"
	"postern/aws/service/ec2/types"
	"postern/support/compute"
)

// instanceTypes are names that people's tools expect to exist. A type limits nothing here: each instance has all of the
// host's processors and memory, and that is what is shown of it.
var instanceTypes = map[string][]string{
	"x86_64": {"c5.large", "m5.large", "t2.micro", "t3.large", "t3.medium", "t3.micro", "t3.nano", "t3.small"},
	"arm64":  {"c6g.large", "m6g.large", "t4g.large", "t4g.medium", "t4g.micro", "t4g.nano", "t4g.small"},
}

var typeListing = listing[string]{
	id:  func(name string) string { return name },
	all: func(*view) iter.Seq[string] { return slices.Values(instanceTypes[architecture]) },
	get: func(_ *view, name string) (string, error) {
		if !slices.Contains(instanceTypes[architecture], name) {
			return "", fault.New(fault.NotFound, "ec2", "The following supplied instance types do not exist: [%s]", name).WithCode("InvalidInstanceType")
		}
		return name, nil
	},
	filters: map[string]test[string]{
		"bare-metal":                              always[string]("false"),
		"current-generation":                      always[string]("true"),
		"hibernation-supported":                   always[string]("false"),
		"instance-storage-supported":              always[string]("false"),
		"instance-type":                           text(func(name string) string { return name }),
		"memory-info.size-in-mib":                 text(func(string) string { return strconv.FormatInt(hostMemory(), 10) }),
		"network-info.maximum-network-interfaces": always[string](strconv.Itoa(maxInterfaces)),
		"processor-info.supported-architecture":   always[string](architecture),
		"supported-root-device-type":              always[string]("ebs"),
		"supported-usage-class":                   always[string]("on-demand"),
		"supported-virtualization-type":           always[string]("hvm"),
		"vcpu-info.default-vcpus":                 text(func(string) string { return strconv.Itoa(runtime.NumCPU()) }),
	},
}

// maxInterfaces is how many network interfaces an instance may have and maxAddresses how many private addresses each of
// them, whatever the type: the network's limits.
const (
	maxInterfaces = 15
	maxAddresses  = 250
)

// hostMemory is the host's memory in MiB, 0 where it cannot be found out.
func hostMemory() int64 {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		var kib int64
		if n, _ := fmt.Sscanf(line, "MemTotal: %d kB", &kib); n == 1 {
			return kib / 1024
		}
	}
	return 0
}

func toType(name string) types.InstanceTypeInfo {
	return types.InstanceTypeInfo{
		InstanceType: types.InstanceType(name), CurrentGeneration: aws.Bool(true), BareMetal: aws.Bool(false),
		VCpuInfo:      &types.VCpuInfo{DefaultVCpus: aws.Int32(int32(runtime.NumCPU()))},
		MemoryInfo:    &types.MemoryInfo{SizeInMiB: aws.Int64(hostMemory())},
		ProcessorInfo: &types.ProcessorInfo{SupportedArchitectures: []types.ArchitectureType{types.ArchitectureType(architecture)}},
		NetworkInfo: &types.NetworkInfo{
			MaximumNetworkInterfaces: aws.Int32(maxInterfaces), Ipv4AddressesPerInterface: aws.Int32(maxAddresses), MaximumNetworkCards: aws.Int32(1), Ipv6Supported: aws.Bool(false),
			EnaSupport: types.EnaSupportUnsupported, EfaSupported: aws.Bool(false),
		},
		InstanceStorageSupported: aws.Bool(false), HibernationSupported: aws.Bool(false), DedicatedHostsSupported: aws.Bool(false),
		BurstablePerformanceSupported: aws.Bool(burstable(name)), AutoRecoverySupported: aws.Bool(false), FreeTierEligible: aws.Bool(false),
		SupportedRootDeviceTypes:     []types.RootDeviceType{types.RootDeviceTypeEbs},
		SupportedUsageClasses:        []types.UsageClassType{types.UsageClassTypeOnDemand},
		SupportedVirtualizationTypes: []types.VirtualizationType{types.VirtualizationTypeHvm},
	}
}

// cpuCredits is what every instance of a burstable type has: nothing here holds one back.
const cpuCredits = "unlimited"

func burstable(instanceType string) bool { return strings.HasPrefix(instanceType, "t") }

var creditListing = listing[compute.Instance]{
	id: func(i compute.Instance) string { return i.ID },
	filters: map[string]test[compute.Instance]{
		"instance-id": text(func(i compute.Instance) string { return i.ID }),
	},
}

func (s *service) describeInstanceCredits(_ context.Context, c *api.Call, in *sdk.DescribeInstanceCreditSpecificationsInput) (*sdk.DescribeInstanceCreditSpecificationsOutput, error) {
	list := creditListing
	list.all = func(*view) iter.Seq[compute.Instance] {
		all := slices.DeleteFunc(s.compute.Instances(instanceScope(c)), func(i compute.Instance) bool { return !burstable(i.Type) })
		slices.SortFunc(all, func(a, b compute.Instance) int { return strings.Compare(a.ID, b.ID) })
		return slices.Values(all)
	}
	list.get = func(_ *view, id string) (compute.Instance, error) { return s.instance(c, id) }
	found, next, err := describe(s.view(c), list, query{in.InstanceIds, in.Filters, in.MaxResults, in.NextToken})
	return &sdk.DescribeInstanceCreditSpecificationsOutput{
		NextToken: next, InstanceCreditSpecifications: convert(found, func(i compute.Instance) types.InstanceCreditSpecification {
			return types.InstanceCreditSpecification{InstanceId: aws.String(i.ID), CpuCredits: aws.String(cpuCredits)}
		}),
	}, err
}

func (s *service) describeInstanceTypes(_ context.Context, c *api.Call, in *sdk.DescribeInstanceTypesInput) (*sdk.DescribeInstanceTypesOutput, error) {
	ids := convert(in.InstanceTypes, func(t types.InstanceType) string { return string(t) })
	found, next, err := describe(s.view(c), typeListing, query{ids, in.Filters, in.MaxResults, in.NextToken})
	return &sdk.DescribeInstanceTypesOutput{InstanceTypes: convert(found, toType), NextToken: next}, err
}
