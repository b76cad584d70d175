package instances

import (
	"context"
	"encoding/base64"
	"iter"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/ec2/internal/query"
	"postern/api/ec2/vpcs"
	"postern/api/tags"
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
func nicOf(v *query.View, i compute.Instance) *network.Interface {
	n, err := v.Interface(v.Scope, i.Interface)
	if err != nil || n.Owner() != i.ID {
		return nil
	}
	return n
}

func (s *service) instanceListing(c *api.Call) query.Listing[compute.Instance] {
	return query.Listing[compute.Instance]{
		ID:   func(i compute.Instance) string { return i.ID },
		Tags: func(i compute.Instance) []network.Tag { return instanceTags(i.Tags) },
		All: func(*query.View) iter.Seq[compute.Instance] {
			return slices.Values(s.compute.Instances(query.ScopeOf(c)))
		},
		Get:        func(_ *query.View, id string) (compute.Instance, error) { return s.instance(c, id) },
		Filters:    instanceFilters,
		IDsOrPages: true,
	}
}

func (s *service) describeInstances(
	_ context.Context,
	c *api.Call,
	in *sdk.DescribeInstancesInput,
) (*sdk.DescribeInstancesOutput, error) {
	v := s.view(c)
	found, next, err := query.Describe(v, in, s.instanceListing(c), in.InstanceIds, in.Filters)
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
func (s *service) describeInstance(v *query.View, i compute.Instance) types.Instance {
	out := types.Instance{
		InstanceId: aws.String(i.ID), ImageId: aws.String(i.Image), InstanceType: types.InstanceType(i.Type),
		State: stateOf(i.State), StateTransitionReason: aws.String(i.Transition), LaunchTime: aws.Time(i.Launched),
		AmiLaunchIndex: aws.Int32(int32(i.Index)), ClientToken: aws.String(i.Token), KeyName: query.Optional(i.KeyName),
		Architecture: types.ArchitectureValues(architecture), Hypervisor: types.HypervisorTypeXen,
		VirtualizationType: types.VirtualizationTypeHvm, EbsOptimized: aws.Bool(false), EnaSupport: aws.Bool(false),
		RootDeviceName: aws.String(rootDevice), RootDeviceType: types.DeviceTypeEbs,
		PlatformDetails: aws.String(platformDetails), UsageOperation: aws.String(usageOperation),
		Monitoring:      &types.Monitoring{State: types.MonitoringStateDisabled},
		MetadataOptions: toMetadata(i.Metadata), Tags: tags.ToMap[types.Tag](i.Tags),
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
			out.NetworkInterfaces = append(out.NetworkInterfaces, toInstanceInterface(vpcs.Interface(v, n)))
		}
	}
	if i.State != compute.Terminated {
		out.BlockDeviceMappings = []types.InstanceBlockDeviceMapping{rootMapping(i)}
	}
	return out
}

// addInterface shows what an instance has of its primary network interface.
func addInterface(out *types.Instance, v *query.View, n *network.Interface) {
	nic := vpcs.Interface(v, n)
	out.VpcId, out.SubnetId = nic.VpcId, nic.SubnetId
	out.PrivateIpAddress, out.PrivateDnsName = nic.PrivateIpAddress, nic.PrivateDnsName
	out.PrivateDnsNameOptions = &types.PrivateDnsNameOptionsResponse{
		HostnameType: types.HostnameTypeIpName, EnableResourceNameDnsARecord: aws.Bool(false),
		EnableResourceNameDnsAAAARecord: aws.Bool(false),
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
		PrivateIpAddress: nic.PrivateIpAddress, PrivateDnsName: nic.PrivateDnsName,
		Association: toInstanceAssociation(nic.Association),
		PrivateIpAddresses: query.Convert(
			nic.PrivateIpAddresses,
			func(a types.NetworkInterfacePrivateIpAddress) types.InstancePrivateIpAddress {
				return types.InstancePrivateIpAddress{
					PrivateIpAddress: a.PrivateIpAddress, PrivateDnsName: a.PrivateDnsName, Primary: a.Primary,
					Association: toInstanceAssociation(a.Association),
				}
			},
		),
		Attachment: &types.InstanceNetworkInterfaceAttachment{
			AttachmentId: nic.Attachment.AttachmentId, AttachTime: nic.Attachment.AttachTime, Status: nic.Attachment.Status,
			DeleteOnTermination: nic.Attachment.DeleteOnTermination, DeviceIndex: nic.Attachment.DeviceIndex,
			NetworkCardIndex: aws.Int32(0),
		},
	}
}

func toInstanceAssociation(a *types.NetworkInterfaceAssociation) *types.InstanceNetworkInterfaceAssociation {
	if a == nil {
		return nil
	}
	return &types.InstanceNetworkInterfaceAssociation{
		PublicIp:      a.PublicIp,
		PublicDnsName: a.PublicDnsName,
		IpOwnerId:     a.IpOwnerId,
	}
}

func toMetadata(m compute.MetadataOptions) *types.InstanceMetadataOptionsResponse {
	out := &types.InstanceMetadataOptionsResponse{
		State: types.InstanceMetadataOptionsStateApplied, HttpTokens: types.HttpTokensStateOptional,
		HttpEndpoint:         types.InstanceMetadataEndpointStateEnabled,
		HttpProtocolIpv6:     types.InstanceMetadataProtocolStateDisabled,
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
	return types.InstanceStateChange{
		InstanceId:    aws.String(x.ID),
		PreviousState: stateOf(x.Was),
		CurrentState:  stateOf(x.Is),
	}
}

func (s *service) startInstances(
	ctx context.Context,
	c *api.Call,
	in *sdk.StartInstancesInput,
) (*sdk.StartInstancesOutput, error) {
	changes, err := s.compute.Start(ctx, query.ScopeOf(c), in.InstanceIds)
	return &sdk.StartInstancesOutput{StartingInstances: query.Convert(changes, toChange)}, err
}

func (s *service) stopInstances(
	ctx context.Context,
	c *api.Call,
	in *sdk.StopInstancesInput,
) (*sdk.StopInstancesOutput, error) {
	if aws.ToBool(in.Hibernate) {
		return nil, query.Unbuilt(c, "hibernate")
	}
	force := aws.ToBool(in.Force) || aws.ToBool(in.SkipOsShutdown)
	changes, err := s.compute.Stop(ctx, query.ScopeOf(c), in.InstanceIds, force)
	return &sdk.StopInstancesOutput{StoppingInstances: query.Convert(changes, toChange)}, err
}

func (s *service) rebootInstances(
	ctx context.Context,
	c *api.Call,
	in *sdk.RebootInstancesInput,
) (*sdk.RebootInstancesOutput, error) {
	return nil, s.compute.Reboot(ctx, query.ScopeOf(c), in.InstanceIds)
}

func (s *service) terminateInstances(
	ctx context.Context,
	c *api.Call,
	in *sdk.TerminateInstancesInput,
) (*sdk.TerminateInstancesOutput, error) {
	changes, err := s.instances.Terminate(ctx, query.ScopeOf(c), in.InstanceIds)
	return &sdk.TerminateInstancesOutput{TerminatingInstances: query.Convert(changes, toChange)}, err
}

func (s *service) getConsoleOutput(
	_ context.Context,
	c *api.Call,
	in *sdk.GetConsoleOutputInput,
) (*sdk.GetConsoleOutputOutput, error) {
	text, at, err := s.compute.Console(query.ScopeOf(c), aws.ToString(in.InstanceId))
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

var statusFilters = map[string]query.Test[compute.Instance]{
	"availability-zone":    query.Text(func(i compute.Instance) string { return i.Zone }),
	"availability-zone-id": query.Text(func(i compute.Instance) string { return network.ZoneID(i.Zone) }),
	"event.code":           query.None[compute.Instance], "event.description": query.None[compute.Instance],
	"event.instance-event-id": query.None[compute.Instance], "event.not-after": query.None[compute.Instance],
	"event.not-before": query.None[compute.Instance], "event.not-before-deadline": query.None[compute.Instance],
	"instance-state-code": query.Text(func(i compute.Instance) string { return strconv.Itoa(int(i.State)) }),
	"instance-state-name": query.Text(func(i compute.Instance) string { return i.State.String() }),
	"instance-status.reachability": query.Text(
		func(i compute.Instance) string { return string(statusOf(i).Details[0].Status) },
	),
	"instance-status.status": query.Text(func(i compute.Instance) string { return string(statusOf(i).Status) }),
	"system-status.reachability": query.Text(
		func(i compute.Instance) string { return string(statusOf(i).Details[0].Status) },
	),
	"system-status.status":       query.Text(func(i compute.Instance) string { return string(statusOf(i).Status) }),
	"operator.managed":           query.Always[compute.Instance]("false"),
	"operator.principal":         query.None[compute.Instance],
	"attached-ebs-status.status": query.None[compute.Instance],
	"application-status.status":  query.None[compute.Instance],
}

// statusOf tells the health of an instance from its state: a running one's first process runs.
func statusOf(i compute.Instance) *types.InstanceStatusSummary {
	out := &types.InstanceStatusSummary{
		Status: types.SummaryStatusNotApplicable,
		Details: []types.InstanceStatusDetails{
			{Name: types.StatusNameReachability, Status: types.StatusTypeInsufficientData},
		},
	}
	switch i.State {
	case compute.Running:
		out.Status, out.Details[0].Status = types.SummaryStatusOk, types.StatusTypePassed
	case compute.Pending:
		out.Status, out.Details[0].Status = types.SummaryStatusInitializing, types.StatusTypeInitializing
	}
	return out
}

func (s *service) describeInstanceStatus(
	_ context.Context,
	c *api.Call,
	in *sdk.DescribeInstanceStatusInput,
) (*sdk.DescribeInstanceStatusOutput, error) {
	list := s.instanceListing(c)
	list.Filters, list.Tags = statusFilters, nil
	if !aws.ToBool(in.IncludeAllInstances) {
		list.Filters = map[string]query.Test[compute.Instance]{
			"": func(_ *query.View, i compute.Instance, _ query.Values) bool { return i.State == compute.Running },
		}
		for name, t := range statusFilters {
			list.Filters[name] = t
		}
		in.Filters = append(slices.Clone(in.Filters), types.Filter{Name: aws.String(""), Values: []string{""}})
	}
	found, next, err := query.Describe(s.view(c), in, list, in.InstanceIds, in.Filters)
	return &sdk.DescribeInstanceStatusOutput{
		NextToken: next,
		InstanceStatuses: query.Convert(found, func(i compute.Instance) types.InstanceStatus {
			return types.InstanceStatus{
				InstanceId: aws.String(
					i.ID,
				), AvailabilityZone: aws.String(i.Zone), AvailabilityZoneId: aws.String(network.ZoneID(i.Zone)),
				InstanceState: stateOf(i.State), InstanceStatus: statusOf(i), SystemStatus: statusOf(i),
			}
		}),
	}, err
}

// instanceFilters know an instance's own attributes and those of its interface. Attributes that no instance here has
// match nothing.
var instanceFilters = func() map[string]query.Test[compute.Instance] {
	out := map[string]query.Test[compute.Instance]{
		"architecture":      query.Always[compute.Instance](architecture),
		"availability-zone": query.Text(func(i compute.Instance) string { return i.Zone }),
		"availability-zone-id": query.Text(
			func(i compute.Instance) string { return network.ZoneID(i.Zone) },
		),
		"block-device-mapping.delete-on-termination": rooted("true"),
		"block-device-mapping.device-name":           rooted(rootDevice),
		"block-device-mapping.status":                rooted("attached"),
		"block-device-mapping.volume-id": func(_ *query.View, i compute.Instance, want query.Values) bool {
			return i.State != compute.Terminated && want.Is(volumeID(i))
		},
		"client-token":              query.Text(func(i compute.Instance) string { return i.Token }),
		"hypervisor":                query.Always[compute.Instance]("xen"),
		"iam-instance-profile.arn":  query.Text(func(i compute.Instance) string { return i.Profile.ARN }),
		"iam-instance-profile.id":   query.Text(func(i compute.Instance) string { return i.Profile.ID }),
		"iam-instance-profile.name": query.Text(func(i compute.Instance) string { return i.Profile.Name }),
		"image-id":                  query.Text(func(i compute.Instance) string { return i.Image }),
		"instance-id":               query.Text(func(i compute.Instance) string { return i.ID }),
		"instance-state-code": query.Text(
			func(i compute.Instance) string { return strconv.Itoa(int(i.State)) },
		),
		"instance-state-name": query.Text(
			func(i compute.Instance) string { return i.State.String() },
		),
		"instance-type": query.Text(func(i compute.Instance) string { return i.Type }),
		"key-name":      query.Text(func(i compute.Instance) string { return i.KeyName }),
		"launch-index": query.Text(
			func(i compute.Instance) string { return strconv.Itoa(i.Index) },
		),
		"launch-time": query.Text(
			func(i compute.Instance) string { return i.Launched.UTC().Format("2006-01-02T15:04:05.000Z") },
		),
		"metadata-options.http-endpoint": query.Text(
			func(i compute.Instance) string { return string(toMetadata(i.Metadata).HttpEndpoint) },
		),
		"metadata-options.http-tokens": query.Text(
			func(i compute.Instance) string { return string(toMetadata(i.Metadata).HttpTokens) },
		),
		"metadata-options.instance-metadata-tags": query.Text(
			func(i compute.Instance) string { return string(toMetadata(i.Metadata).InstanceMetadataTags) },
		),
		"metadata-options.http-put-response-hop-limit": query.Text(
			func(i compute.Instance) string { return strconv.Itoa(i.Metadata.HopLimit) },
		),
		"metadata-options.state": query.Always[compute.Instance]("applied"),
		"monitoring-state":       query.Always[compute.Instance]("disabled"),
		"operator.managed":       query.Always[compute.Instance]("false"),
		"owner-id":               query.Text(func(i compute.Instance) string { return i.Account }),
		"platform-details":       query.Always[compute.Instance](platformDetails),
		"reason":                 query.Text(func(i compute.Instance) string { return i.Transition }),
		"reservation-id":         query.Text(func(i compute.Instance) string { return i.Reservation }),
		"root-device-name":       query.Always[compute.Instance](rootDevice),
		"root-device-type":       query.Always[compute.Instance]("ebs"),
		"state-reason-code":      query.Text(func(i compute.Instance) string { return i.Reason.Code }),
		"state-reason-message": query.Text(
			func(i compute.Instance) string { return i.Reason.Message },
		),
		"tenancy":             query.Always[compute.Instance]("default"),
		"usage-operation":     query.Always[compute.Instance](usageOperation),
		"virtualization-type": query.Always[compute.Instance]("hvm"),
	}
	for name, of := range map[string]string{
		"instance.group-id": "group-id", "instance.group-name": "group-name", "private-dns-name": "private-dns-name",
		"private-ip-address": "private-ip-address", "source-dest-check": "source-dest-check",
		"subnet-id": "subnet-id", "vpc-id": "vpc-id",
		"group-id": "group-id", "group-name": "group-name", "dns-name": "association.public-dns-name",
		"ip-address": "association.public-ip",
	} {
		out[name] = ofInterface(vpcs.Interfaces.Filters[of])
	}
	for name, t := range vpcs.Interfaces.Filters {
		out["network-interface."+name] = ofInterfaces(t)
	}
	for _, name := range absentAttributes {
		out[name] = query.None[compute.Instance]
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

func rooted(value string) query.Test[compute.Instance] {
	return func(_ *query.View, i compute.Instance, want query.Values) bool {
		return i.State != compute.Terminated && want.Is(value)
	}
}

func ofInterface(t query.Test[*network.Interface]) query.Test[compute.Instance] {
	return func(v *query.View, i compute.Instance, want query.Values) bool {
		n := nicOf(v, i)
		return n != nil && t(v, n, want)
	}
}

// ofInterfaces holds where it does for any of an instance's interfaces.
func ofInterfaces(t query.Test[*network.Interface]) query.Test[compute.Instance] {
	return func(v *query.View, i compute.Instance, want query.Values) bool {
		return i.State != compute.Terminated &&
			slices.ContainsFunc(v.Attached(i.ID), func(n *network.Interface) bool { return t(v, n, want) })
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
