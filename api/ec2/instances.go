package ec2

import (
	"context"
	"encoding/base64"
	"iter"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	sdk "postern/aws/service/ec2"
	"postern/aws/service/ec2/types"
	"postern/network"
	"postern/services/compute"
)

const (
	rootDevice      = "/dev/xvda"
	platformDetails = "Linux/UNIX"
	usageOperation  = "RunInstances"
)

// nicOf is an instance's network interface; a terminated instance has none.
func nicOf(v *view, i compute.Instance) *network.Interface {
	n, err := v.Interface(v.scope, i.Interface)
	if err != nil || n.Owner() != i.ID {
		return nil
	}
	return n
}

func (s *service) instanceListing(c *api.Call) listing[compute.Instance] {
	return listing[compute.Instance]{
		id:         func(i compute.Instance) string { return i.ID },
		tags:       func(i compute.Instance) []network.Tag { return instanceTags(i.Tags) },
		all:        func(*view) iter.Seq[compute.Instance] { return slices.Values(s.compute.Instances(instanceScope(c))) },
		get:        func(_ *view, id string) (compute.Instance, error) { return s.instance(c, id) },
		filters:    instanceFilters,
		idsOrPages: true,
	}
}

func (s *service) describeInstances(_ context.Context, c *api.Call, in *sdk.DescribeInstancesInput) (*sdk.DescribeInstancesOutput, error) {
	v := s.view(c)
	found, next, err := describe(v, s.instanceListing(c), query{in.InstanceIds, in.Filters, in.MaxResults, in.NextToken})
	if err != nil {
		return nil, err
	}
	out := &sdk.DescribeInstancesOutput{NextToken: next}
	at := map[string]int{}
	for _, i := range found {
		n, ok := at[i.Reservation]
		if !ok {
			n = len(out.Reservations)
			at[i.Reservation] = n
			out.Reservations = append(out.Reservations, types.Reservation{
				ReservationId: aws.String(i.Reservation), OwnerId: aws.String(i.Account),
			})
		}
		out.Reservations[n].Instances = append(out.Reservations[n].Instances, s.describeInstance(v, i))
	}
	return out, nil
}

// describeInstance shows an instance with its network interface as it stands.
func (s *service) describeInstance(v *view, i compute.Instance) types.Instance {
	out := types.Instance{
		InstanceId: aws.String(i.ID), ImageId: aws.String(i.Image), InstanceType: types.InstanceType(i.Type),
		State: stateOf(i.State), StateTransitionReason: aws.String(i.Transition), LaunchTime: aws.Time(i.Launched),
		AmiLaunchIndex: aws.Int32(int32(i.Index)), ClientToken: aws.String(i.Token), KeyName: optional(i.KeyName),
		Architecture: types.ArchitectureValues(architecture), Hypervisor: types.HypervisorTypeXen,
		VirtualizationType: types.VirtualizationTypeHvm, EbsOptimized: aws.Bool(false), EnaSupport: aws.Bool(false),
		RootDeviceName: aws.String(rootDevice), RootDeviceType: types.DeviceTypeEbs,
		PlatformDetails: aws.String(platformDetails), UsageOperation: aws.String(usageOperation),
		Monitoring:      &types.Monitoring{State: types.MonitoringStateDisabled},
		MetadataOptions: toMetadata(i.Metadata), Tags: toTags(instanceTags(i.Tags)),
		Placement: &types.Placement{
			AvailabilityZone: aws.String(i.Zone), AvailabilityZoneId: aws.String(network.ZoneID(i.Zone)),
			GroupName: aws.String(""), Tenancy: types.TenancyDefault,
		},
		PublicDnsName: aws.String(""), PrivateDnsName: aws.String(""),
	}
	if i.Reason.Code != "" {
		out.StateReason = &types.StateReason{Code: aws.String(i.Reason.Code), Message: aws.String(i.Reason.Message)}
	}
	if i.Profile.ARN != "" {
		out.IamInstanceProfile = &types.IamInstanceProfile{Arn: aws.String(i.Profile.ARN), Id: aws.String(i.Profile.ID)}
	}
	if n := nicOf(v, i); n != nil {
		addInterface(&out, v, n)
		for _, n := range v.Attached(i.ID) {
			out.NetworkInterfaces = append(out.NetworkInterfaces, toInstanceInterface(v.nic(n)))
		}
	}
	if i.State != compute.Terminated {
		out.BlockDeviceMappings = []types.InstanceBlockDeviceMapping{rootMapping(i)}
	}
	return out
}

// addInterface shows what an instance has of its primary network interface.
func addInterface(out *types.Instance, v *view, n *network.Interface) {
	nic := v.nic(n)
	out.VpcId, out.SubnetId = nic.VpcId, nic.SubnetId
	out.PrivateIpAddress, out.PrivateDnsName = nic.PrivateIpAddress, nic.PrivateDnsName
	out.PrivateDnsNameOptions = &types.PrivateDnsNameOptionsResponse{
		HostnameType: types.HostnameTypeIpName, EnableResourceNameDnsARecord: aws.Bool(false), EnableResourceNameDnsAAAARecord: aws.Bool(false),
	}
	out.SourceDestCheck, out.SecurityGroups = nic.SourceDestCheck, nic.Groups
	if a := nic.Association; a != nil {
		out.PublicIpAddress, out.PublicDnsName = a.PublicIp, a.PublicDnsName
	}
}

func toInstanceInterface(nic types.NetworkInterface) types.InstanceNetworkInterface {
	return types.InstanceNetworkInterface{
		NetworkInterfaceId: nic.NetworkInterfaceId, VpcId: nic.VpcId, SubnetId: nic.SubnetId, OwnerId: nic.OwnerId,
		Description: nic.Description, MacAddress: nic.MacAddress, Status: nic.Status, SourceDestCheck: nic.SourceDestCheck,
		InterfaceType: aws.String(string(nic.InterfaceType)), Groups: nic.Groups,
		PrivateIpAddress: nic.PrivateIpAddress, PrivateDnsName: nic.PrivateDnsName, Association: toInstanceAssociation(nic.Association),
		PrivateIpAddresses: convert(nic.PrivateIpAddresses, func(a types.NetworkInterfacePrivateIpAddress) types.InstancePrivateIpAddress {
			return types.InstancePrivateIpAddress{
				PrivateIpAddress: a.PrivateIpAddress, PrivateDnsName: a.PrivateDnsName, Primary: a.Primary, Association: toInstanceAssociation(a.Association),
			}
		}),
		Attachment: &types.InstanceNetworkInterfaceAttachment{
			AttachmentId: nic.Attachment.AttachmentId, AttachTime: nic.Attachment.AttachTime, Status: nic.Attachment.Status,
			DeleteOnTermination: nic.Attachment.DeleteOnTermination, DeviceIndex: nic.Attachment.DeviceIndex, NetworkCardIndex: aws.Int32(0),
		},
	}
}

func toInstanceAssociation(a *types.NetworkInterfaceAssociation) *types.InstanceNetworkInterfaceAssociation {
	if a == nil {
		return nil
	}
	return &types.InstanceNetworkInterfaceAssociation{PublicIp: a.PublicIp, PublicDnsName: a.PublicDnsName, IpOwnerId: a.IpOwnerId}
}

func toMetadata(m compute.MetadataOptions) *types.InstanceMetadataOptionsResponse {
	out := &types.InstanceMetadataOptionsResponse{
		State: types.InstanceMetadataOptionsStateApplied, HttpTokens: types.HttpTokensStateOptional,
		HttpEndpoint: types.InstanceMetadataEndpointStateEnabled, HttpProtocolIpv6: types.InstanceMetadataProtocolStateDisabled,
		InstanceMetadataTags: types.InstanceMetadataTagsStateDisabled, HttpPutResponseHopLimit: aws.Int32(int32(m.HopLimit)),
	}
	if m.TokensRequired {
		out.HttpTokens = types.HttpTokensStateRequired
	}
	if m.Disabled {
		out.HttpEndpoint = types.InstanceMetadataEndpointStateDisabled
	}
	if m.TagsEnabled {
		out.InstanceMetadataTags = types.InstanceMetadataTagsStateEnabled
	}
	return out
}

func toChange(x compute.Change) types.InstanceStateChange {
	return types.InstanceStateChange{InstanceId: aws.String(x.ID), PreviousState: stateOf(x.Was), CurrentState: stateOf(x.Is)}
}

func (s *service) startInstances(ctx context.Context, c *api.Call, in *sdk.StartInstancesInput) (*sdk.StartInstancesOutput, error) {
	changes, err := s.compute.Start(ctx, instanceScope(c), in.InstanceIds)
	return &sdk.StartInstancesOutput{StartingInstances: convert(changes, toChange)}, err
}

func (s *service) stopInstances(ctx context.Context, c *api.Call, in *sdk.StopInstancesInput) (*sdk.StopInstancesOutput, error) {
	if aws.ToBool(in.Hibernate) {
		return nil, unbuilt(c, "hibernate")
	}
	force := aws.ToBool(in.Force) || aws.ToBool(in.SkipOsShutdown)
	changes, err := s.compute.Stop(ctx, instanceScope(c), in.InstanceIds, force)
	return &sdk.StopInstancesOutput{StoppingInstances: convert(changes, toChange)}, err
}

func (s *service) rebootInstances(ctx context.Context, c *api.Call, in *sdk.RebootInstancesInput) (*sdk.RebootInstancesOutput, error) {
	return nil, s.compute.Reboot(ctx, instanceScope(c), in.InstanceIds)
}

func (s *service) terminateInstances(ctx context.Context, c *api.Call, in *sdk.TerminateInstancesInput) (*sdk.TerminateInstancesOutput, error) {
	changes, err := s.compute.Terminate(ctx, instanceScope(c), in.InstanceIds)
	return &sdk.TerminateInstancesOutput{TerminatingInstances: convert(changes, toChange)}, err
}

func (s *service) getConsoleOutput(_ context.Context, c *api.Call, in *sdk.GetConsoleOutputInput) (*sdk.GetConsoleOutputOutput, error) {
	text, at, err := s.compute.Console(instanceScope(c), aws.ToString(in.InstanceId))
	if err != nil {
		return nil, err
	}
	if at.IsZero() {
		at = c.Time
	}
	return &sdk.GetConsoleOutputOutput{
		InstanceId: in.InstanceId, Timestamp: aws.Time(at), Output: aws.String(base64.StdEncoding.EncodeToString(text)),
	}, nil
}

var statusFilters = map[string]test[compute.Instance]{
	"availability-zone":    text(func(i compute.Instance) string { return i.Zone }),
	"availability-zone-id": text(func(i compute.Instance) string { return network.ZoneID(i.Zone) }),
	"event.code":           none[compute.Instance], "event.description": none[compute.Instance],
	"event.instance-event-id": none[compute.Instance], "event.not-after": none[compute.Instance],
	"event.not-before": none[compute.Instance], "event.not-before-deadline": none[compute.Instance],
	"instance-state-code":          text(func(i compute.Instance) string { return strconv.Itoa(int(i.State)) }),
	"instance-state-name":          text(func(i compute.Instance) string { return i.State.String() }),
	"instance-status.reachability": text(func(i compute.Instance) string { return string(statusOf(i).Details[0].Status) }),
	"instance-status.status":       text(func(i compute.Instance) string { return string(statusOf(i).Status) }),
	"system-status.reachability":   text(func(i compute.Instance) string { return string(statusOf(i).Details[0].Status) }),
	"system-status.status":         text(func(i compute.Instance) string { return string(statusOf(i).Status) }),
	"operator.managed":             always[compute.Instance]("false"),
	"operator.principal":           none[compute.Instance],
	"attached-ebs-status.status":   none[compute.Instance],
	"application-status.status":    none[compute.Instance],
}

// statusOf is what the state of an instance says about its health: a running one's first process runs.
func statusOf(i compute.Instance) *types.InstanceStatusSummary {
	out := &types.InstanceStatusSummary{
		Status:  types.SummaryStatusNotApplicable,
		Details: []types.InstanceStatusDetails{{Name: types.StatusNameReachability, Status: types.StatusTypeInsufficientData}},
	}
	switch i.State {
	case compute.Running:
		out.Status, out.Details[0].Status = types.SummaryStatusOk, types.StatusTypePassed
	case compute.Pending:
		out.Status, out.Details[0].Status = types.SummaryStatusInitializing, types.StatusTypeInitializing
	}
	return out
}

func (s *service) describeInstanceStatus(_ context.Context, c *api.Call, in *sdk.DescribeInstanceStatusInput) (*sdk.DescribeInstanceStatusOutput, error) {
	list := s.instanceListing(c)
	list.filters, list.tags = statusFilters, nil
	if !aws.ToBool(in.IncludeAllInstances) {
		list.filters = map[string]test[compute.Instance]{"": func(_ *view, i compute.Instance, _ values) bool { return i.State == compute.Running }}
		for name, t := range statusFilters {
			list.filters[name] = t
		}
		in.Filters = append(slices.Clone(in.Filters), types.Filter{Name: aws.String(""), Values: []string{""}})
	}
	found, next, err := describe(s.view(c), list, query{in.InstanceIds, in.Filters, in.MaxResults, in.NextToken})
	return &sdk.DescribeInstanceStatusOutput{NextToken: next, InstanceStatuses: convert(found, func(i compute.Instance) types.InstanceStatus {
		return types.InstanceStatus{
			InstanceId: aws.String(i.ID), AvailabilityZone: aws.String(i.Zone), AvailabilityZoneId: aws.String(network.ZoneID(i.Zone)),
			InstanceState: stateOf(i.State), InstanceStatus: statusOf(i), SystemStatus: statusOf(i),
		}
	})}, err
}

// instanceFilters know an instance's own attributes and those of its interface. Attributes that no instance here has
// match nothing.
var instanceFilters = func() map[string]test[compute.Instance] {
	out := map[string]test[compute.Instance]{
		"architecture":                               always[compute.Instance](architecture),
		"availability-zone":                          text(func(i compute.Instance) string { return i.Zone }),
		"availability-zone-id":                       text(func(i compute.Instance) string { return network.ZoneID(i.Zone) }),
		"block-device-mapping.delete-on-termination": rooted("true"),
		"block-device-mapping.device-name":           rooted(rootDevice),
		"block-device-mapping.status":                rooted("attached"),
		"block-device-mapping.volume-id": func(_ *view, i compute.Instance, want values) bool {
			return i.State != compute.Terminated && want.is(volumeID(i))
		},
		"client-token":                                 text(func(i compute.Instance) string { return i.Token }),
		"hypervisor":                                   always[compute.Instance]("xen"),
		"iam-instance-profile.arn":                     text(func(i compute.Instance) string { return i.Profile.ARN }),
		"iam-instance-profile.id":                      text(func(i compute.Instance) string { return i.Profile.ID }),
		"iam-instance-profile.name":                    text(func(i compute.Instance) string { return i.Profile.Name }),
		"image-id":                                     text(func(i compute.Instance) string { return i.Image }),
		"instance-id":                                  text(func(i compute.Instance) string { return i.ID }),
		"instance-state-code":                          text(func(i compute.Instance) string { return strconv.Itoa(int(i.State)) }),
		"instance-state-name":                          text(func(i compute.Instance) string { return i.State.String() }),
		"instance-type":                                text(func(i compute.Instance) string { return i.Type }),
		"key-name":                                     text(func(i compute.Instance) string { return i.KeyName }),
		"launch-index":                                 text(func(i compute.Instance) string { return strconv.Itoa(i.Index) }),
		"launch-time":                                  text(func(i compute.Instance) string { return i.Launched.UTC().Format("2006-01-02T15:04:05.000Z") }),
		"metadata-options.http-endpoint":               text(func(i compute.Instance) string { return string(toMetadata(i.Metadata).HttpEndpoint) }),
		"metadata-options.http-tokens":                 text(func(i compute.Instance) string { return string(toMetadata(i.Metadata).HttpTokens) }),
		"metadata-options.instance-metadata-tags":      text(func(i compute.Instance) string { return string(toMetadata(i.Metadata).InstanceMetadataTags) }),
		"metadata-options.http-put-response-hop-limit": text(func(i compute.Instance) string { return strconv.Itoa(i.Metadata.HopLimit) }),
		"metadata-options.state":                       always[compute.Instance]("applied"),
		"monitoring-state":                             always[compute.Instance]("disabled"),
		"operator.managed":                             always[compute.Instance]("false"),
		"owner-id":                                     text(func(i compute.Instance) string { return i.Account }),
		"platform-details":                             always[compute.Instance](platformDetails),
		"reason":                                       text(func(i compute.Instance) string { return i.Transition }),
		"reservation-id":                               text(func(i compute.Instance) string { return i.Reservation }),
		"root-device-name":                             always[compute.Instance](rootDevice),
		"root-device-type":                             always[compute.Instance]("ebs"),
		"state-reason-code":                            text(func(i compute.Instance) string { return i.Reason.Code }),
		"state-reason-message":                         text(func(i compute.Instance) string { return i.Reason.Message }),
		"tenancy":                                      always[compute.Instance]("default"),
		"usage-operation":                              always[compute.Instance](usageOperation),
		"virtualization-type":                          always[compute.Instance]("hvm"),
	}
	for name, of := range map[string]string{
		"instance.group-id": "group-id", "instance.group-name": "group-name", "private-dns-name": "private-dns-name",
		"private-ip-address": "private-ip-address", "source-dest-check": "source-dest-check", "subnet-id": "subnet-id", "vpc-id": "vpc-id",
		"group-id": "group-id", "group-name": "group-name", "dns-name": "association.public-dns-name", "ip-address": "association.public-ip",
	} {
		out[name] = ofInterface(interfaceListing.filters[of])
	}
	for name, t := range interfaceListing.filters {
		out["network-interface."+name] = ofInterfaces(t)
	}
	for _, name := range absentAttributes {
		out[name] = none[compute.Instance]
	}
	return out
}()

// absentAttributes are filters of the EC2 API on what no instance here has.
var absentAttributes = []string{
	"affinity", "block-device-mapping.attach-time", "boot-mode", "capacity-reservation-id",
	"capacity-reservation-specification.capacity-reservation-preference",
	"capacity-reservation-specification.capacity-reservation-target.capacity-reservation-id",
	"capacity-reservation-specification.capacity-reservation-target.capacity-reservation-resource-group-arn",
	"current-instance-boot-mode", "dns-name", "ebs-optimized", "ena-support", "enclave-options.enabled",
	"hibernation-options.configured", "host-id", "instance-lifecycle", "ip-address", "ipv6-address", "kernel-id",
	"maintenance-options.auto-recovery", "metadata-options.http-protocol-ipv4", "metadata-options.http-protocol-ipv6",
	"network-interface.ipv6-addresses.ipv6-address", "network-interface.outpost-arn",
	"network-performance-options.bandwidth-weighting", "operator.principal", "outpost-arn", "placement-group-name",
	"placement-partition-number", "platform", "private-dns-name-options.enable-resource-name-dns-a-record",
	"private-dns-name-options.enable-resource-name-dns-aaaa-record", "private-dns-name-options.hostname-type",
	"product-code", "product-code.type", "ramdisk-id", "requester-id", "spot-instance-request-id", "tpm-support",
	"usage-operation-update-time",
}

func rooted(value string) test[compute.Instance] {
	return func(_ *view, i compute.Instance, want values) bool {
		return i.State != compute.Terminated && want.is(value)
	}
}

func ofInterface(t test[*network.Interface]) test[compute.Instance] {
	return func(v *view, i compute.Instance, want values) bool {
		n := nicOf(v, i)
		return n != nil && t(v, n, want)
	}
}

// ofInterfaces holds where it does for any of an instance's interfaces.
func ofInterfaces(t test[*network.Interface]) test[compute.Instance] {
	return func(v *view, i compute.Instance, want values) bool {
		return i.State != compute.Terminated && slices.ContainsFunc(v.Attached(i.ID), func(n *network.Interface) bool { return t(v, n, want) })
	}
}

// volumeID names the root volume of an instance after the instance.
func volumeID(i compute.Instance) string { return "vol-" + i.ID[len("i-"):] }

func rootMapping(i compute.Instance) types.InstanceBlockDeviceMapping {
	return types.InstanceBlockDeviceMapping{DeviceName: aws.String(rootDevice), Ebs: &types.EbsInstanceBlockDevice{
		VolumeId: aws.String(volumeID(i)), Status: types.AttachmentStatusAttached, DeleteOnTermination: aws.Bool(true),
		AttachTime: aws.Time(i.Created),
	}}
}
