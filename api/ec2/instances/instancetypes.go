package instances

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/ec2/internal/query"
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

var typeListing = query.Listing[instancetype.Type]{
	ID: typeName,
	Filters: map[string]query.Test[instancetype.Type]{
		"auto-recovery-supported":                   query.Always[instancetype.Type]("false"),
		"bare-metal":                                query.Flag(func(t instancetype.Type) bool { return t.BareMetal }),
		"burstable-performance-supported":           query.Flag(instancetype.Type.Burstable),
		"current-generation":                        query.Flag(func(t instancetype.Type) bool { return !t.Previous }),
		"dedicated-hosts-supported":                 query.Always[instancetype.Type]("false"),
		"ebs-info.ebs-optimized-support":            query.Always[instancetype.Type]("unsupported"),
		"ebs-info.encryption-support":               query.Always[instancetype.Type]("unsupported"),
		"ebs-info.nvme-support":                     query.Always[instancetype.Type]("unsupported"),
		"free-tier-eligible":                        query.Always[instancetype.Type]("false"),
		"hibernation-supported":                     query.Always[instancetype.Type]("false"),
		"hypervisor":                                query.Text(func(t instancetype.Type) string { return t.Hypervisor }),
		"instance-storage-supported":                query.Always[instancetype.Type]("false"),
		"instance-type":                             query.Text(typeName),
		"memory-info.size-in-mib":                   query.Number(func(t instancetype.Type) int { return t.Memory }),
		"network-info.efa-supported":                query.Always[instancetype.Type]("false"),
		"network-info.ipv4-addresses-per-interface": query.Number(func(t instancetype.Type) int { return t.Addresses }),
		"network-info.ipv6-supported":               query.Always[instancetype.Type]("false"),
		"network-info.maximum-network-cards":        query.Number(func(t instancetype.Type) int { return t.Cards }),
		"network-info.maximum-network-interfaces":   query.Number(func(t instancetype.Type) int { return t.Interfaces }),
		"processor-info.supported-architecture": func(_ *query.View, t instancetype.Type, want query.Values) bool {
			return want.Any(t.Architectures)
		},
		"supported-root-device-type":    query.Always[instancetype.Type]("ebs"),
		"supported-usage-class":         query.Always[instancetype.Type]("on-demand"),
		"supported-virtualization-type": query.Always[instancetype.Type]("hvm"),
		"vcpu-info.default-vcpus":       query.Number(func(t instancetype.Type) int { return t.VCPUs }),
	},
	Unbuilt: []string{
		"ebs-info.attachment-limit-type", "ebs-info.ebs-optimized-info.baseline-bandwidth-in-mbps",
		"ebs-info.ebs-optimized-info.baseline-iops",
		"ebs-info.ebs-optimized-info.baseline-throughput-in-mbps", "ebs-info.ebs-optimized-info.maximum-bandwidth-in-mbps",
		"ebs-info.ebs-optimized-info.maximum-iops", "ebs-info.ebs-optimized-info.maximum-throughput-in-mbps",
		"ebs-info.maximum-ebs-attachments", "instance-storage-info.disk.count",
		"instance-storage-info.disk.size-in-gb", "instance-storage-info.disk.type",
		"instance-storage-info.encryption-support",
		"instance-storage-info.nvme-support", "instance-storage-info.total-size-in-gb", "network-info.bandwidth-weightings",
		"network-info.efa-info.maximum-efa-interfaces", "network-info.ena-support",
		"network-info.encryption-in-transit-supported",
		"network-info.flexible-ena-queues-support", "network-info.ipv6-addresses-per-interface",
		"network-info.network-performance",
		"nitro-enclaves-support", "nitro-tpm-info.supported-versions", "nitro-tpm-support",
		"processor-info.supported-features",
		"processor-info.sustained-clock-speed-in-ghz", "reboot-migration-support", "supported-boot-mode",
		"vcpu-info.default-cores",
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
		ProcessorInfo: &types.ProcessorInfo{
			SupportedArchitectures: query.Convert(t.Architectures, func(a string) types.ArchitectureType {
				return types.ArchitectureType(a)
			}),
		},
		NetworkInfo: &types.NetworkInfo{
			MaximumNetworkInterfaces: aws.Int32(int32(t.Interfaces)), Ipv4AddressesPerInterface: aws.Int32(int32(t.Addresses)),
			MaximumNetworkCards: aws.Int32(int32(t.Cards)), Ipv6Supported: aws.Bool(false), EfaSupported: aws.Bool(false),
		},
		InstanceStorageSupported: aws.Bool(
			false,
		), HibernationSupported: aws.Bool(false), DedicatedHostsSupported: aws.Bool(false),
		BurstablePerformanceSupported: aws.Bool(
			t.Burstable(),
		), AutoRecoverySupported: aws.Bool(false), FreeTierEligible: aws.Bool(false),
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

// cpuCredits is the credit option of every instance of a burstable type: nothing here holds one back.
const cpuCredits = "unlimited"

func burstable(instanceType string) bool {
	t, ok := instancetype.Find(instanceType)
	return ok && t.Burstable()
}

var creditListing = query.Listing[compute.Instance]{
	ID: func(i compute.Instance) string { return i.ID },
	Filters: map[string]query.Test[compute.Instance]{
		"instance-id": query.Text(func(i compute.Instance) string { return i.ID }),
	},
}

func (s *service) describeInstanceCredits(
	_ context.Context, c *api.Call, in *sdk.DescribeInstanceCreditSpecificationsInput,
) (*sdk.DescribeInstanceCreditSpecificationsOutput, error) {
	list := creditListing
	list.All = func(*query.View) iter.Seq[compute.Instance] {
		all := slices.DeleteFunc(
			s.compute.Instances(query.ScopeOf(c)),
			func(i compute.Instance) bool { return !burstable(i.Type) },
		)
		slices.SortFunc(all, func(a, b compute.Instance) int { return strings.Compare(a.ID, b.ID) })
		return slices.Values(all)
	}
	list.Get = func(_ *query.View, id string) (compute.Instance, error) { return s.instance(c, id) }
	found, next, err := query.Describe(s.view(c), in, list, in.InstanceIds, in.Filters)
	return &sdk.DescribeInstanceCreditSpecificationsOutput{
		NextToken: next,
		InstanceCreditSpecifications: query.Convert(found, func(i compute.Instance) types.InstanceCreditSpecification {
			return types.InstanceCreditSpecification{InstanceId: aws.String(i.ID), CpuCredits: aws.String(cpuCredits)}
		}),
	}, err
}

func (s *service) describeInstanceTypes(
	_ context.Context, c *api.Call, in *sdk.DescribeInstanceTypesInput,
) (*sdk.DescribeInstanceTypesOutput, error) {
	list := typeListing
	list.All = func(*query.View) iter.Seq[instancetype.Type] {
		if aws.ToBool(in.IncludeUnsupportedInRegion) {
			return slices.Values(instancetype.All())
		}
		return offered()
	}
	list.Get = func(_ *query.View, name string) (instancetype.Type, error) {
		t, ok := instancetype.Find(name)
		if !ok || !t.Runs(architecture) && !aws.ToBool(in.IncludeUnsupportedInRegion) {
			return t, fault.New(fault.NotFound, "ec2", "The following supplied instance types do not exist: [%s]", name).
				WithCode("InvalidInstanceType")
		}
		return t, nil
	}
	ids := query.Convert(in.InstanceTypes, func(t types.InstanceType) string { return string(t) })
	found, next, err := query.Describe(s.view(c), in, list, ids, in.Filters)
	return &sdk.DescribeInstanceTypesOutput{InstanceTypes: query.Convert(found, toType), NextToken: next}, err
}

// offering is a type at a place: the Region or one of its zones.
type offering struct{ name, place string }

var offeringListing = query.Listing[offering]{
	ID: func(o offering) string { return o.name + " " + o.place },
	Filters: map[string]query.Test[offering]{
		"instance-type": query.Text(func(o offering) string { return o.name }),
		"location":      query.Text(func(o offering) string { return o.place }),
	},
}

func (s *service) describeInstanceTypeOfferings(
	_ context.Context, c *api.Call, in *sdk.DescribeInstanceTypeOfferingsInput,
) (*sdk.DescribeInstanceTypeOfferingsOutput, error) {
	kind := cmp.Or(in.LocationType, types.LocationTypeRegion)
	list := offeringListing
	list.All = func(v *query.View) iter.Seq[offering] {
		return func(yield func(offering) bool) {
			at := placesOf(v.Scope.Region, kind)
			for t := range offered() {
				for _, p := range at {
					if !yield(offering{t.Name, p}) {
						return
					}
				}
			}
		}
	}
	found, next, err := query.Describe(s.view(c), in, list, nil, in.Filters)
	return &sdk.DescribeInstanceTypeOfferingsOutput{
		NextToken: next, InstanceTypeOfferings: query.Convert(found, func(o offering) types.InstanceTypeOffering {
			return types.InstanceTypeOffering{
				InstanceType: types.InstanceType(o.name),
				Location:     aws.String(o.place),
				LocationType: kind,
			}
		}),
	}, err
}

// placesOf are the locations of a kind in a Region; there is no Outpost.
func placesOf(region string, kind types.LocationType) []string {
	r, _ := network.RegionByName(region)
	switch kind {
	case types.LocationTypeAvailabilityZone:
		return query.Convert(r.Zones(), func(z network.Zone) string { return z.Name })
	case types.LocationTypeAvailabilityZoneId:
		return query.Convert(r.Zones(), func(z network.Zone) string { return z.ID })
	case types.LocationTypeOutpost:
		return nil
	}
	return []string{region}
}
