package vpcs

import (
	"context"
	"iter"
	"net/netip"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/ec2/internal/query"
	"postern/api/tags"
	"postern/aws/fault"
	sdk "postern/aws/service/ec2"
	"postern/aws/service/ec2/types"
	"postern/network"
	"postern/network/vpc"
)

// endpointRequester is the requester that Amazon shows at interfaces of VPC endpoints and at others that it manages.
const endpointRequester = "amazon-aws"

var Interfaces = query.Listing[*network.Interface]{
	ID:         func(n *network.Interface) string { return n.ID },
	Tags:       func(n *network.Interface) []network.Tag { return n.Tags },
	All:        func(v *query.View) iter.Seq[*network.Interface] { return v.Interfaces(v.Scope) },
	Get:        func(v *query.View, id string) (*network.Interface, error) { return v.Interface(v.Scope, id) },
	IDsOrPages: true,
	Filters: map[string]query.Test[*network.Interface]{
		"association.allocation-id": associatedBy(
			func(a *types.NetworkInterfaceAssociation) *string { return a.AllocationId },
		),
		"association.association-id": associatedBy(
			func(a *types.NetworkInterfaceAssociation) *string { return a.AssociationId },
		),
		"addresses.association.owner-id": associatedBy(
			func(a *types.NetworkInterfaceAssociation) *string { return a.IpOwnerId },
		),
		"addresses.association.public-ip": associatedBy(
			func(a *types.NetworkInterfaceAssociation) *string { return a.PublicIp },
		),
		"association.ip-owner-id": associatedBy(
			func(a *types.NetworkInterfaceAssociation) *string { return a.IpOwnerId },
		),
		"association.public-ip": associatedBy(
			func(a *types.NetworkInterfaceAssociation) *string { return a.PublicIp },
		),
		"association.public-dns-name": associatedBy(
			func(a *types.NetworkInterfaceAssociation) *string { return a.PublicDnsName },
		),
		"ipv6-addresses.ipv6-address": query.None[*network.Interface],
		"operator.managed":            query.Always[*network.Interface]("false"),
		"operator.principal":          query.None[*network.Interface],
		"addresses.primary": func(_ *query.View, n *network.Interface, want query.Values) bool {
			return want.Is("true") || len(n.Addresses) > 1 && want.Is("false")
		},
		"addresses.private-ip-address": func(_ *query.View, n *network.Interface, want query.Values) bool {
			for _, a := range n.Addresses {
				if want.Is(a.String()) {
					return true
				}
			}
			return false
		},
		"attachment.attach-time": attached(
			func(n *network.Interface) string { return n.Attachment.Since.Format(time.RFC3339) },
		),
		"attachment.attachment-id": func(_ *query.View, n *network.Interface, want query.Values) bool {
			return n.Attachment != nil && want.Is(n.Attachment.ID) || formerly(n, want)
		},
		"attachment.delete-on-termination": attached(
			func(n *network.Interface) string { return strconv.FormatBool(n.Attachment.DeleteOnTermination) },
		),
		"attachment.device-index": attached(
			func(n *network.Interface) string { return strconv.Itoa(deviceIndex(n)) },
		),
		"attachment.instance-id": attached(func(n *network.Interface) string {
			if n.Managed() {
				return ""
			}
			return n.Owner()
		}),
		"attachment.instance-owner-id": attached(attachmentOwner),
		"attachment.status":            attached(func(*network.Interface) string { return "attached" }),
		"availability-zone":            query.Text(func(n *network.Interface) string { return n.Zone }),
		"availability-zone-id":         query.Text(func(n *network.Interface) string { return network.ZoneID(n.Zone) }),
		"description":                  query.Text(func(n *network.Interface) string { return n.Description }),
		"group-id": func(_ *query.View, n *network.Interface, want query.Values) bool {
			return want.Any(n.Groups)
		},
		"group-name": func(v *query.View, n *network.Interface, want query.Values) bool {
			for _, id := range n.Groups {
				if g, err := v.SecurityGroup(v.Scope, id); err == nil && want.Is(g.Name) {
					return true
				}
			}
			return false
		},
		"interface-type":       query.Text(func(n *network.Interface) string { return string(interfaceType(n)) }),
		"mac-address":          query.Text(func(n *network.Interface) string { return n.MAC }),
		"network-interface-id": query.Text(func(n *network.Interface) string { return n.ID }),
		"owner-id":             query.Text(func(n *network.Interface) string { return n.Account }),
		"private-dns-name":     query.Text(privateName),
		"private-ip-address":   query.Text(func(n *network.Interface) string { return n.Addresses[0].String() }),
		"requester-id": func(_ *query.View, n *network.Interface, want query.Values) bool {
			return n.Managed() && want.Is(endpointRequester)
		},
		"requester-managed": query.Flag(func(n *network.Interface) bool { return n.Managed() }),
		"source-dest-check": query.Flag(func(n *network.Interface) bool { return !n.AnySource }),
		"status":            query.Text(func(n *network.Interface) string { return string(interfaceStatus(n)) }),
		"subnet-id":         query.Text(func(n *network.Interface) string { return n.Subnet }),
		"vpc-id":            query.Text(func(n *network.Interface) string { return n.VPC }),
	},
}

// formerly reports whether an interface that belongs to nothing had one of the attachments last.
func formerly(n *network.Interface, want query.Values) bool {
	return n.Attachment == nil && n.Detached != nil && want.Is(n.Detached.ID)
}

func attached(of func(*network.Interface) string) query.Test[*network.Interface] {
	return func(_ *query.View, n *network.Interface, want query.Values) bool {
		return n.Attachment != nil && want.Is(of(n))
	}
}

func interfaceType(n *network.Interface) types.NetworkInterfaceType {
	switch n.Kind {
	case vpc.EndpointInterface:
		return types.NetworkInterfaceTypeVpcEndpoint
	case vpc.ServiceInterface:
		return types.NetworkInterfaceTypeNetworkLoadBalancer // what AWS has in this place
	}
	if n.Kind == vpc.GatewayInterface {
		return "nat_gateway" // as the EC2 API writes it, whatever its enumeration says
	}
	return types.NetworkInterfaceTypeInterface
}

func interfaceStatus(n *network.Interface) types.NetworkInterfaceStatus {
	if n.Attachment == nil {
		return types.NetworkInterfaceStatusAvailable
	}
	return types.NetworkInterfaceStatusInUse
}

func deviceIndex(n *network.Interface) int {
	if n.Managed() {
		return 1
	}
	return n.Attachment.Index
}

func attachmentOwner(n *network.Interface) string {
	if n.Managed() {
		return endpointRequester
	}
	return n.Account
}

func privateName(n *network.Interface) string { return hostName(n.Region, n.Addresses[0]) }

func hostName(region string, a netip.Addr) string {
	return network.HostName(a) + "." + network.HostDomain(region)
}

func GroupNames(v *query.View, ids []string) []types.GroupIdentifier {
	return query.Convert(ids, func(id string) types.GroupIdentifier {
		out := types.GroupIdentifier{GroupId: aws.String(id)}
		if g, err := v.SecurityGroup(v.Scope, id); err == nil {
			out.GroupName = aws.String(g.Name)
		}
		return out
	})
}

func Interface(v *query.View, n *network.Interface) types.NetworkInterface {
	return types.NetworkInterface{
		NetworkInterfaceId: aws.String(n.ID), VpcId: aws.String(n.VPC), SubnetId: aws.String(n.Subnet),
		AvailabilityZone: aws.String(n.Zone), AvailabilityZoneId: aws.String(network.ZoneID(n.Zone)),
		OwnerId: aws.String(n.Account), Description: aws.String(n.Description), MacAddress: aws.String(n.MAC),
		Status: interfaceStatus(n), InterfaceType: interfaceType(n), SourceDestCheck: aws.Bool(!n.AnySource),
		RequesterManaged: aws.Bool(n.Managed()), RequesterId: requester(n),
		Groups: GroupNames(v, n.Groups), TagSet: tags.To[types.Tag](n.Tags), Attachment: toAttachment(n),
		PrivateIpAddress: query.String(n.Addresses[0]), PrivateDnsName: aws.String(privateName(n)),
		PrivateIpAddresses: toInterfaceAddresses(
			v,
			n,
		), Association: toAssociation(v, n), Operator: &types.OperatorResponse{Managed: aws.Bool(false)},
	}
}

func toInterfaceAddresses(v *query.View, n *network.Interface) []types.NetworkInterfacePrivateIpAddress {
	out := make([]types.NetworkInterfacePrivateIpAddress, len(n.Addresses))
	for i, a := range n.Addresses {
		out[i] = types.NetworkInterfacePrivateIpAddress{
			PrivateIpAddress: query.String(a), Primary: aws.Bool(i == 0), PrivateDnsName: aws.String(hostName(n.Region, a)),
		}
	}
	out[0].Association = toAssociation(v, n)
	return out
}

func requester(n *network.Interface) *string {
	if n.Managed() {
		return aws.String(endpointRequester)
	}
	return nil
}

func toAttachment(n *network.Interface) *types.NetworkInterfaceAttachment {
	if n.Attachment == nil {
		return nil
	}
	out := &types.NetworkInterfaceAttachment{
		AttachmentId: aws.String(n.Attachment.ID), AttachTime: aws.Time(n.Attachment.Since),
		DeleteOnTermination: aws.Bool(n.Attachment.DeleteOnTermination), DeviceIndex: aws.Int32(int32(deviceIndex(n))),
		NetworkCardIndex: aws.Int32(
			0,
		), Status: types.AttachmentStatusAttached, InstanceOwnerId: aws.String(attachmentOwner(n)),
	}
	if !n.Managed() {
		out.InstanceId = aws.String(n.Owner())
	}
	return out
}

func (s *service) createNetworkInterface(
	ctx context.Context,
	c *api.Call,
	in *sdk.CreateNetworkInterfaceInput,
) (*sdk.CreateNetworkInterfaceOutput, error) {
	if in.InterfaceType != "" && string(in.InterfaceType) != string(types.NetworkInterfaceTypeInterface) {
		return nil, query.Unbuilt(c, "an interface of type "+string(in.InterfaceType))
	}
	wanted, err := Addresses(in.PrivateIpAddress, in.PrivateIpAddresses)
	if err != nil {
		return nil, err
	}
	tags, err := query.TagsFor(ctx, c, "network-interface", in.TagSpecifications)
	if err != nil {
		return nil, err
	}
	n, err := s.network.CreateInterface(ctx, query.ScopeOf(c), network.CreateInterfaceInput{
		Subnet: aws.ToString(in.SubnetId), Groups: in.Groups, Addresses: wanted,
		Secondary: int(aws.ToInt32(in.SecondaryPrivateIpAddressCount)), Description: aws.ToString(in.Description),
		Tags: tags, Token: aws.ToString(in.ClientToken),
	})
	if err != nil {
		return nil, err
	}
	out := Interface(s.view(c), n)
	out.Status = "pending" // as the EC2 API writes it, whatever its enumeration says
	return &sdk.CreateNetworkInterfaceOutput{NetworkInterface: &out, ClientToken: in.ClientToken}, nil
}

// Addresses are the addresses a request asks for, the primary one first.
func Addresses(primary *string, more []types.PrivateIpAddressSpecification) ([]netip.Addr, error) {
	var first, others []netip.Addr
	if primary != nil {
		a, err := query.Address("privateIpAddress", *primary)
		if err != nil {
			return nil, err
		}
		first = append(first, a)
	}
	for _, x := range more {
		a, err := query.Address("privateIpAddresses", aws.ToString(x.PrivateIpAddress))
		if err != nil {
			return nil, err
		}
		if aws.ToBool(x.Primary) {
			first = append(first, a)
			continue
		}
		others = append(others, a)
	}
	if len(first) > 1 {
		return nil, query.Combination("More than one private IP address is marked as primary")
	}
	if len(first) == 0 && len(others) > 0 {
		return nil, query.Combination("One of the private IP addresses must be marked as primary")
	}
	return append(first, others...), nil
}

func (s *service) describeNetworkInterfaces(
	_ context.Context,
	c *api.Call,
	in *sdk.DescribeNetworkInterfacesInput,
) (*sdk.DescribeNetworkInterfacesOutput, error) {
	v := s.view(c)
	found, next, err := query.Describe(v, in, Interfaces, in.NetworkInterfaceIds, in.Filters)
	out := query.Show(v, found, Interface)
	for _, f := range in.Filters {
		for i, n := range found {
			// Whoever asks for an attachment that is no more, as Terraform does until it is detached, is told so.
			if aws.ToString(f.Name) == "attachment.attachment-id" && formerly(n, f.Values) {
				former := *n
				former.Attachment = n.Detached
				out[i].Attachment = toAttachment(&former)
				out[i].Attachment.Status = types.AttachmentStatusDetached
			}
		}
	}
	return &sdk.DescribeNetworkInterfacesOutput{NetworkInterfaces: out, NextToken: next}, err
}

func (s *service) deleteNetworkInterface(
	ctx context.Context,
	c *api.Call,
	in *sdk.DeleteNetworkInterfaceInput,
) (*sdk.DeleteNetworkInterfaceOutput, error) {
	return nil, s.network.DeleteInterface(ctx, query.ScopeOf(c), aws.ToString(in.NetworkInterfaceId))
}

func (s *service) modifyNetworkInterface(
	ctx context.Context,
	c *api.Call,
	in *sdk.ModifyNetworkInterfaceAttributeInput,
) (*sdk.ModifyNetworkInterfaceAttributeOutput, error) {
	change := network.InterfaceChange{Groups: in.Groups}
	if in.Description != nil {
		change.Description = aws.String(aws.ToString(in.Description.Value))
	}
	if in.SourceDestCheck != nil {
		change.AnySource = aws.Bool(!aws.ToBool(in.SourceDestCheck.Value))
	}
	if a := in.Attachment; a != nil {
		if a.EnaQueueCount != nil || a.DefaultEnaQueueCount != nil {
			return nil, query.Unbuilt(c, "attachment.enaQueueCount")
		}
		n, err := s.network.State().Interface(query.ScopeOf(c), aws.ToString(in.NetworkInterfaceId))
		if err != nil {
			return nil, err
		}
		if n.Attachment == nil || n.Attachment.ID != aws.ToString(a.AttachmentId) {
			return nil, noAttachment(aws.ToString(a.AttachmentId))
		}
		change.DeleteOnTermination = a.DeleteOnTermination
	}
	return nil, s.network.ModifyInterface(ctx, query.ScopeOf(c), aws.ToString(in.NetworkInterfaceId), change)
}

func noAttachment(id string) error {
	return fault.New(fault.NotFound, "ec2", "The attachment ID '%s' does not exist", id).
		WithCode("InvalidAttachmentID.NotFound")
}

func (s *service) describeNetworkInterfaceAttribute(
	_ context.Context,
	c *api.Call,
	in *sdk.DescribeNetworkInterfaceAttributeInput,
) (*sdk.DescribeNetworkInterfaceAttributeOutput, error) {
	v := s.view(c)
	n, err := v.Interface(v.Scope, aws.ToString(in.NetworkInterfaceId))
	if err != nil {
		return nil, err
	}
	out := &sdk.DescribeNetworkInterfaceAttributeOutput{NetworkInterfaceId: in.NetworkInterfaceId}
	switch in.Attribute {
	case types.NetworkInterfaceAttributeDescription:
		out.Description = &types.AttributeValue{Value: aws.String(n.Description)}
	case types.NetworkInterfaceAttributeGroupSet:
		out.Groups = GroupNames(v, n.Groups)
	case types.NetworkInterfaceAttributeSourceDestCheck:
		out.SourceDestCheck = query.Boolean(!n.AnySource)
	case types.NetworkInterfaceAttributeAttachment:
		out.Attachment = toAttachment(n)
	case types.NetworkInterfaceAttributeAssociatePublicIpAddress:
		out.AssociatePublicIpAddress = aws.Bool(n.Public != nil && n.Public.Allocation == "")
	default:
		return nil, query.Invalid(
			"Value (%s) for parameter attribute is invalid. Unknown network interface attribute.",
			in.Attribute,
		)
	}
	return out, nil
}

func (s *service) groupsOfNewInterface(c *api.Call, in *sdk.CreateNetworkInterfaceInput) []string {
	return s.view(c).GroupsIn(aws.ToString(in.SubnetId), in.Groups)
}

// instanceOfInterface names the instance that an interface is attached to where its attachment is to be changed.
func (s *service) instanceOfInterface(c *api.Call, in *sdk.ModifyNetworkInterfaceAttributeInput) []string {
	v := s.view(c)
	n, err := v.Interface(v.Scope, aws.ToString(in.NetworkInterfaceId))
	if err != nil || in.Attachment == nil {
		return nil
	}
	return v.InstanceOf(n)
}
