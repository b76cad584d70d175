package ec2

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/aws/fault"
	"postern/aws/instancetype"
	sdk "postern/aws/service/ec2"
	"postern/aws/service/ec2/types"
	"postern/network"
	"postern/services/compute"
)

// offered are the types that instances here may have: those whose images run on this host. A type limits nothing: an
// instance has all of the host's processors and memory.
func offered() iter.Seq[instancetype.Type] {
	return func(yield func(instancetype.Type) bool) {
		for _, t := range instancetype.All() {
			if t.Runs(architecture) && !yield(t) {
				return
			}
		}
	}
}

// number is a filter on a whole number.
func number[T any](of func(T) int) test[T] {
	return text(func(r T) string { return strconv.Itoa(of(r)) })
}

var typeListing = listing[instancetype.Type]{
	id: typeName,
	filters: map[string]test[instancetype.Type]{
		"auto-recovery-supported":                   always[instancetype.Type]("false"),
		"bare-metal":                                flag(func(t instancetype.Type) bool { return t.BareMetal }),
		"burstable-performance-supported":           flag(instancetype.Type.Burstable),
		"current-generation":                        flag(func(t instancetype.Type) bool { return !t.Previous }),
		"dedicated-hosts-supported":                 always[instancetype.Type]("false"),
		"ebs-info.ebs-optimized-support":            always[instancetype.Type]("unsupported"),
		"ebs-info.encryption-support":               always[instancetype.Type]("unsupported"),
		"ebs-info.nvme-support":                     always[instancetype.Type]("unsupported"),
		"free-tier-eligible":                        always[instancetype.Type]("false"),
		"hibernation-supported":                     always[instancetype.Type]("false"),
		"hypervisor":                                text(func(t instancetype.Type) string { return t.Hypervisor }),
		"instance-storage-supported":                always[instancetype.Type]("false"),
		"instance-type":                             text(typeName),
		"memory-info.size-in-mib":                   number(func(t instancetype.Type) int { return t.Memory }),
		"network-info.efa-supported":                always[instancetype.Type]("false"),
		"network-info.ipv4-addresses-per-interface": number(func(t instancetype.Type) int { return t.Addresses }),
		"network-info.ipv6-supported":               always[instancetype.Type]("false"),
		"network-info.maximum-network-cards":        number(func(t instancetype.Type) int { return t.Cards }),
		"network-info.maximum-network-interfaces":   number(func(t instancetype.Type) int { return t.Interfaces }),
		"processor-info.supported-architecture": func(_ *view, t instancetype.Type, want values) bool {
			return want.any(t.Architectures)
		},
		"supported-root-device-type":    always[instancetype.Type]("ebs"),
		"supported-usage-class":         always[instancetype.Type]("on-demand"),
		"supported-virtualization-type": always[instancetype.Type]("hvm"),
		"vcpu-info.default-vcpus":       number(func(t instancetype.Type) int { return t.VCPUs }),
	},
	unbuilt: []string{
		"ebs-info.attachment-limit-type", "ebs-info.ebs-optimized-info.baseline-bandwidth-in-mbps", "ebs-info.ebs-optimized-info.baseline-iops",
		"ebs-info.ebs-optimized-info.baseline-throughput-in-mbps", "ebs-info.ebs-optimized-info.maximum-bandwidth-in-mbps",
		"ebs-info.ebs-optimized-info.maximum-iops", "ebs-info.ebs-optimized-info.maximum-throughput-in-mbps",
		"ebs-info.maximum-ebs-attachments", "instance-storage-info.disk.count",
		"instance-storage-info.disk.size-in-gb", "instance-storage-info.disk.type", "instance-storage-info.encryption-support",
		"instance-storage-info.nvme-support", "instance-storage-info.total-size-in-gb", "network-info.bandwidth-weightings",
		"network-info.efa-info.maximum-efa-interfaces", "network-info.ena-support", "network-info.encryption-in-transit-supported",
		"network-info.flexible-ena-queues-support", "network-info.ipv6-addresses-per-interface", "network-info.network-performance",
		"nitro-enclaves-support", "nitro-tpm-info.supported-versions", "nitro-tpm-support", "processor-info.supported-features",
		"processor-info.sustained-clock-speed-in-ghz", "reboot-migration-support", "supported-boot-mode", "vcpu-info.default-cores",
		"vcpu-info.default-threads-per-core", "vcpu-info.valid-cores", "vcpu-info.valid-threads-per-core",
	},
}

func typeName(t instancetype.Type) string { return t.Name }

// maxInterfaces is how many network interfaces an instance may have and maxAddresses how many private addresses each of
// them, whatever the type: the network's limits.
const (
	maxInterfaces = 15
	maxAddresses  = 250
)

func toType(t instancetype.Type) types.InstanceTypeInfo {
	return types.InstanceTypeInfo{
		InstanceType: types.InstanceType(t.Name), CurrentGeneration: aws.Bool(!t.Previous), BareMetal: aws.Bool(t.BareMetal),
		Hypervisor: types.InstanceTypeHypervisor(t.Hypervisor),
		VCpuInfo:   &types.VCpuInfo{DefaultVCpus: aws.Int32(int32(t.VCPUs))},
		MemoryInfo: &types.MemoryInfo{SizeInMiB: aws.Int64(int64(t.Memory))},
		ProcessorInfo: &types.ProcessorInfo{SupportedArchitectures: convert(t.Architectures, func(a string) types.ArchitectureType {
			return types.ArchitectureType(a)
		})},
		NetworkInfo: &types.NetworkInfo{
			MaximumNetworkInterfaces: aws.Int32(int32(t.Interfaces)), Ipv4AddressesPerInterface: aws.Int32(int32(t.Addresses)),
			MaximumNetworkCards: aws.Int32(int32(t.Cards)), Ipv6Supported: aws.Bool(false), EfaSupported: aws.Bool(false),
		},
		InstanceStorageSupported: aws.Bool(false), HibernationSupported: aws.Bool(false), DedicatedHostsSupported: aws.Bool(false),
		BurstablePerformanceSupported: aws.Bool(t.Burstable()), AutoRecoverySupported: aws.Bool(false), FreeTierEligible: aws.Bool(false),
		SupportedRootDeviceTypes:     []types.RootDeviceType{types.RootDeviceTypeEbs},
		SupportedUsageClasses:        []types.UsageClassType{types.UsageClassTypeOnDemand},
		SupportedVirtualizationTypes: []types.VirtualizationType{types.VirtualizationTypeHvm},
		// Terraform's data source takes a type without these two for one that is not there.
		EbsInfo: &types.EbsInfo{
			EbsOptimizedSupport: types.EbsOptimizedSupportUnsupported, EncryptionSupport: types.EbsEncryptionSupportUnsupported,
			NvmeSupport: types.EbsNvmeSupportUnsupported,
		},
		PlacementGroupInfo: &types.PlacementGroupInfo{},
	}
}

// cpuCredits is what every instance of a burstable type has: nothing here holds one back.
const cpuCredits = "unlimited"

func burstable(instanceType string) bool {
	t, ok := instancetype.Find(instanceType)
	return ok && t.Burstable()
}

var creditListing = listing[compute.Instance]{
	id: func(i compute.Instance) string { return i.ID },
	filters: map[string]test[compute.Instance]{
		"instance-id": text(func(i compute.Instance) string { return i.ID }),
	},
}

func (s *service) describeInstanceCredits(
	_ context.Context, c *api.Call, in *sdk.DescribeInstanceCreditSpecificationsInput,
) (*sdk.DescribeInstanceCreditSpecificationsOutput, error) {
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

func (s *service) describeInstanceTypes(
	_ context.Context, c *api.Call, in *sdk.DescribeInstanceTypesInput,
) (*sdk.DescribeInstanceTypesOutput, error) {
	list := typeListing
	list.all = func(*view) iter.Seq[instancetype.Type] {
		if aws.ToBool(in.IncludeUnsupportedInRegion) {
			return slices.Values(instancetype.All())
		}
		return offered()
	}
	list.get = func(_ *view, name string) (instancetype.Type, error) {
		t, ok := instancetype.Find(name)
		if !ok || !t.Runs(architecture) && !aws.ToBool(in.IncludeUnsupportedInRegion) {
			return t, fault.New(fault.NotFound, "ec2", "The following supplied instance types do not exist: [%s]", name).WithCode("InvalidInstanceType")
		}
		return t, nil
	}
	ids := convert(in.InstanceTypes, func(t types.InstanceType) string { return string(t) })
	found, next, err := describe(s.view(c), list, query{ids, in.Filters, in.MaxResults, in.NextToken})
	return &sdk.DescribeInstanceTypesOutput{InstanceTypes: convert(found, toType), NextToken: next}, err
}

// offering is a type at a place: the Region or one of its zones.
type offering struct{ name, place string }

var offeringListing = listing[offering]{
	id: func(o offering) string { return o.name + " " + o.place },
	filters: map[string]test[offering]{
		"instance-type": text(func(o offering) string { return o.name }),
		"location":      text(func(o offering) string { return o.place }),
	},
}

func (s *service) describeInstanceTypeOfferings(
	_ context.Context, c *api.Call, in *sdk.DescribeInstanceTypeOfferingsInput,
) (*sdk.DescribeInstanceTypeOfferingsOutput, error) {
	kind := cmp.Or(in.LocationType, types.LocationTypeRegion)
	list := offeringListing
	list.all = func(v *view) iter.Seq[offering] {
		return func(yield func(offering) bool) {
			at := placesOf(v.scope.Region, kind)
			for t := range offered() {
				for _, p := range at {
					if !yield(offering{t.Name, p}) {
						return
					}
				}
			}
		}
	}
	found, next, err := describe(s.view(c), list, query{nil, in.Filters, in.MaxResults, in.NextToken})
	return &sdk.DescribeInstanceTypeOfferingsOutput{
		NextToken: next, InstanceTypeOfferings: convert(found, func(o offering) types.InstanceTypeOffering {
			return types.InstanceTypeOffering{InstanceType: types.InstanceType(o.name), Location: aws.String(o.place), LocationType: kind}
		}),
	}, err
}

// placesOf are the locations of a kind in a Region; there is no Outpost.
func placesOf(region string, kind types.LocationType) []string {
	r, _ := network.RegionByName(region)
	switch kind {
	case types.LocationTypeAvailabilityZone:
		return convert(r.Zones(), func(z network.Zone) string { return z.Name })
	case types.LocationTypeAvailabilityZoneId:
		return convert(r.Zones(), func(z network.Zone) string { return z.ID })
	case types.LocationTypeOutpost:
		return nil
	}
	return []string{region}
}
