package instances

import (
	"cmp"
	"context"
	"encoding/base64"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/ec2/internal/query"
	"postern/api/ec2/vpcs"
	sdk "postern/aws/service/ec2"
	"postern/aws/service/ec2/types"
	"postern/network"
	"postern/services/compute"
	"postern/services/compute/userdata"
	"postern/services/instances"
)

// runInstances launches instances.
func (s *service) runInstances(
	ctx context.Context, c *api.Call, in *sdk.RunInstancesInput,
) (*sdk.RunInstancesOutput, error) {
	launch, err := s.launchOf(ctx, c, in)
	if err != nil {
		return nil, err
	}
	made, err := s.instances.Launch(ctx, launch)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(made, func(a, b compute.Instance) int { return cmp.Compare(a.Index, b.Index) })
	v := s.view(c)
	return &sdk.RunInstancesOutput{
		ReservationId: aws.String(made[0].Reservation), OwnerId: aws.String(c.Account),
		Instances: query.Convert(made, func(i compute.Instance) types.Instance { return s.describeInstance(v, i) }),
	}, nil
}

// launchOf reads a request.
func (s *service) launchOf(
	ctx context.Context, c *api.Call, in *sdk.RunInstancesInput,
) (l instances.Launch, err error) {
	nics, err := s.interfacesOf(c, in)
	if err != nil {
		return l, err
	}
	if err := refuseRun(c, in); err != nil {
		return l, err
	}
	i, err := s.instanceOf(ctx, c, in)
	if err != nil {
		return l, err
	}
	tagged, err := s.launchTags(ctx, c, in.TagSpecifications)
	if err != nil {
		return l, err
	}
	i.Tags, i.VolumeTags = tagMap(tagged["instance"]), tagMap(tagged["volume"])
	l = instances.Launch{Instance: i, Count: nics.count, Zone: nics.zone}
	for _, n := range append([]spec{nics.spec}, nics.more...) {
		n.input.Tags = tagged["network-interface"]
		l.Interfaces = append(l.Interfaces, network.PlacedInterface{Create: n.input, Existing: n.existing})
	}
	return l, nil
}

// instanceOf reads everything but the network and the tags from a request.
func (s *service) instanceOf(
	ctx context.Context, c *api.Call, in *sdk.RunInstancesInput,
) (l compute.Launch, err error) {
	l = compute.Launch{
		Scope:               query.ScopeOf(c),
		Token:               aws.ToString(in.ClientToken),
		Image:               aws.ToString(in.ImageId),
		Type:                string(in.InstanceType),
		KeyName:             aws.ToString(in.KeyName),
		ProtectTermination:  aws.ToBool(in.DisableApiTermination),
		ProtectStop:         aws.ToBool(in.DisableApiStop),
		TerminateOnShutdown: in.InstanceInitiatedShutdownBehavior == types.ShutdownBehaviorTerminate,
	}
	if l.Volume, err = s.rootVolume(c, l.Image, in.BlockDeviceMappings); err != nil {
		return l, err
	}
	if l.KeyName != "" {
		if _, err = s.compute.KeyPair(l.Scope, l.KeyName); err != nil {
			return l, err
		}
	}
	if l.UserData, err = userData(in.UserData); err != nil {
		return l, err
	}
	if l.Metadata, err = metadataOf(c, defaultMetadata, in.MetadataOptions); err != nil {
		return l, err
	}
	if p := in.IamInstanceProfile; p != nil {
		l.Profile, err = s.profile(ctx, c, "*", aws.ToString(p.Name), aws.ToString(p.Arn))
	}
	return l, err
}

func (s *service) launchTags(
	ctx context.Context, c *api.Call, specs []types.TagSpecification,
) (map[string][]network.Tag, error) {
	tagged, err := query.TagsByKind(ctx, c, specs, "instance", "network-interface", "volume")
	if err != nil {
		return nil, err
	}
	for _, kind := range []string{"instance", "volume"} {
		if err := s.network.CheckTags(nil, tagged[kind]); err != nil {
			return nil, err
		}
	}
	return tagged, nil
}

// refuseRun refuses what instances here do not have.
func refuseRun(c *api.Call, in *sdk.RunInstancesInput) error {
	switch {
	case in.HibernationOptions != nil && aws.ToBool(in.HibernationOptions.Configured):
		return query.Unbuilt(c, "hibernationOptions.configured")
	case in.EnclaveOptions != nil && aws.ToBool(in.EnclaveOptions.Enabled):
		return query.Unbuilt(c, "enclaveOptions.enabled")
	case in.MaintenanceOptions != nil && in.MaintenanceOptions.AutoRecovery == types.InstanceAutoRecoveryStateDefault:
		return query.Unbuilt(c, "maintenanceOptions.autoRecovery default")
	case aws.ToBool(in.EbsOptimized):
		return query.Unbuilt(c, "ebsOptimized")
	case in.CreditSpecification != nil && aws.ToString(in.CreditSpecification.CpuCredits) != "" &&
		*in.CreditSpecification.CpuCredits != cpuCredits:
		return query.Unbuilt(
			c,
			"creditSpecification.cpuCredits "+*in.CreditSpecification.CpuCredits+", where no instance is short of credits,",
		)
	case in.Monitoring != nil && aws.ToBool(in.Monitoring.Enabled):
		return query.Unbuilt(c, "detailed monitoring")
	case in.Placement != nil && in.Placement.Tenancy != "" && in.Placement.Tenancy != types.TenancyDefault:
		return query.Unbuilt(c, "placement.tenancy "+string(in.Placement.Tenancy))
	case in.Placement != nil && (in.Placement.GroupName != nil || in.Placement.GroupId != nil ||
		in.Placement.HostId != nil || in.Placement.HostResourceGroupArn != nil || in.Placement.PartitionNumber != nil ||
		in.Placement.Affinity != nil || in.Placement.SpreadDomain != nil):
		return query.Unbuilt(c, "placement on hosts or in groups")
	}
	return nil
}

func userData(s *string) ([]byte, error) {
	if aws.ToString(s) == "" {
		return nil, nil
	}
	data, err := base64.StdEncoding.DecodeString(*s)
	if err != nil {
		return nil, query.Invalid("Invalid BASE64 encoding of user data.")
	}
	_, err = userdata.Parse(data)
	return data, err
}

// defaultMetadata are the options of instances that ask for none: tokens are required, as on AWS where an account says
// nothing else, since 2024.
var defaultMetadata = compute.MetadataOptions{TokensRequired: true, HopLimit: 2}

// metadataOf changes metadata options as a request asks.
func metadataOf(
	c *api.Call,
	now compute.MetadataOptions,
	in *types.InstanceMetadataOptionsRequest,
) (compute.MetadataOptions, error) {
	if in == nil {
		return now, nil
	}
	if in.HttpProtocolIpv6 == types.InstanceMetadataProtocolStateEnabled {
		return now, query.Unbuilt(c, "metadataOptions.httpProtocolIpv6")
	}
	if in.HttpTokens != "" {
		now.TokensRequired = in.HttpTokens == types.HttpTokensStateRequired
	}
	if in.HttpEndpoint != "" {
		now.Disabled = in.HttpEndpoint == types.InstanceMetadataEndpointStateDisabled
	}
	if in.InstanceMetadataTags != "" {
		now.TagsEnabled = in.InstanceMetadataTags == types.InstanceMetadataTagsStateEnabled
	}
	if in.HttpPutResponseHopLimit != nil {
		if now.HopLimit = int(*in.HttpPutResponseHopLimit); now.HopLimit < 1 || now.HopLimit > 64 {
			return now, query.Invalid("The HttpPutResponseHopLimit must be between 1 and 64")
		}
	}
	return now, nil
}

// interfaces are the network interfaces that a launch asks for: a primary one for each instance, and more.
type interfaces struct {
	count int
	spec
	more []spec
	zone string
}

// spec is one network interface of each instance.
type spec struct {
	input network.CreateInterfaceInput
	// existing is an interface that is there already; the count is then 1.
	existing string
}

func (s *service) interfacesOf(c *api.Call, in *sdk.RunInstancesInput) (interfaces, error) {
	least, most := int(aws.ToInt32(in.MinCount)), int(aws.ToInt32(in.MaxCount))
	if err := instances.CheckCount(least, most); err != nil {
		return interfaces{}, err
	}
	nics := interfaces{count: most, spec: spec{input: network.CreateInterfaceInput{
		Subnet: aws.ToString(in.SubnetId), Groups: in.SecurityGroupIds, DeleteOnTermination: true,
	}}}
	nics.zone = zoneOf(in)
	if len(in.SecurityGroups) > 0 && (in.SubnetId != nil || len(in.NetworkInterfaces) > 0) {
		return nics, query.Combination("The parameter groupName cannot be used with the parameter subnet")
	}
	for _, name := range in.SecurityGroups {
		id, err := vpcs.GroupID(s.view(c), nil, &name)
		if err != nil {
			return nics, err
		}
		nics.input.Groups = append(slices.Clone(nics.input.Groups), id)
	}
	var err error
	if nics.input.Addresses, err = vpcs.Addresses(in.PrivateIpAddress, nil); err != nil {
		return nics, err
	}
	if err := nics.specify(c, in); err != nil {
		return nics, err
	}
	if nics.existing == "" && nics.input.Subnet == "" {
		n, err := s.network.State().DefaultSubnet(query.ScopeOf(c), nics.zone)
		if err != nil {
			return nics, err
		}
		nics.input.Subnet = n.ID
	}
	for _, n := range append([]spec{nics.spec}, nics.more...) {
		if nics.count > 1 && (n.existing != "" || len(n.input.Addresses) > 0) {
			return nics, query.Combination("An interface or an address can be given for one instance only")
		}
	}
	return nics, nil
}

func zoneOf(in *sdk.RunInstancesInput) string {
	if in.Placement == nil {
		return ""
	}
	return aws.ToString(in.Placement.AvailabilityZone)
}

// specify reads the network interface specifications of a request; the one with the device index 0 is the primary
// interface's.
func (n *interfaces) specify(c *api.Call, in *sdk.RunInstancesInput) error {
	if len(in.NetworkInterfaces) == 0 {
		return nil
	}
	if in.SubnetId != nil || in.PrivateIpAddress != nil || len(in.SecurityGroupIds) > 0 {
		return query.Combination(
			"Network interfaces and an instance-level subnet ID, address or security groups " +
				"may not be specified on the same request",
		)
	}
	seen := map[int32]bool{}
	for i := range in.NetworkInterfaces {
		x := &in.NetworkInterfaces[i]
		if x.DeviceIndex == nil && len(in.NetworkInterfaces) > 1 {
			return query.Required("networkInterface.deviceIndex")
		}
		index := aws.ToInt32(x.DeviceIndex)
		if seen[index] || index < 0 || index >= maxInterfaces {
			return query.Invalid(
				"Value (%d) for parameter networkInterface.deviceIndex is invalid. Each is given once and is less than %d.",
				index,
				maxInterfaces,
			)
		}
		seen[index] = true
		read, err := specOf(c, x)
		if err != nil {
			return err
		}
		if read.input.Index = int(index); index == 0 {
			n.spec = read
			continue
		}
		n.more = append(n.more, read)
	}
	if !seen[0] {
		return query.Invalid("No network interface with the device index 0 is given: it is the primary one.")
	}
	return nil
}

func specOf(c *api.Call, x *types.InstanceNetworkInterfaceSpecification) (n spec, err error) {
	switch {
	case aws.ToInt32(x.NetworkCardIndex) != 0:
		return n, query.Unbuilt(c, "a second network card")
	case aws.ToBool(x.AssociateCarrierIpAddress):
		return n, query.Unbuilt(c, "a carrier IP address")
	case x.AssociatePublicIpAddress != nil && x.NetworkInterfaceId != nil:
		return n, query.Combination(
			"The associatePublicIPAddress parameter cannot be specified when launching with an existing network interface",
		)
	case x.InterfaceType != nil && *x.InterfaceType != string(types.NetworkInterfaceTypeInterface):
		return n, query.Unbuilt(c, "an interface of type "+*x.InterfaceType)
	case len(x.Ipv6Addresses) > 0 || x.Ipv6AddressCount != nil || aws.ToBool(x.PrimaryIpv6) ||
		x.Ipv6PrefixCount != nil || len(x.Ipv6Prefixes) > 0:
		return n, query.Unbuilt(c, "an IPv6 address")
	case x.Ipv4PrefixCount != nil || len(x.Ipv4Prefixes) > 0 || x.ConnectionTrackingSpecification != nil ||
		x.EnaSrdSpecification != nil || x.EnaQueueCount != nil:
		return n, query.Unbuilt(c, "this kind of network interface")
	}
	if n.existing = aws.ToString(x.NetworkInterfaceId); n.existing != "" {
		return n, nil
	}
	n.input = network.CreateInterfaceInput{
		Subnet: aws.ToString(x.SubnetId), Groups: x.Groups, Description: aws.ToString(x.Description),
		Secondary: int(
			aws.ToInt32(x.SecondaryPrivateIpAddressCount),
		), DeleteOnTermination: true, Public: x.AssociatePublicIpAddress,
	}
	if x.DeleteOnTermination != nil {
		n.input.DeleteOnTermination = *x.DeleteOnTermination
	}
	n.input.Addresses, err = vpcs.Addresses(x.PrivateIpAddress, x.PrivateIpAddresses)
	return n, err
}
