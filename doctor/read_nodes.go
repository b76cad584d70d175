package doctor

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/aws/fault"
	"postern/aws/service/ec2"
	"postern/aws/service/ec2/types"
	"postern/aws/service/ssm"
	ssmtypes "postern/aws/service/ssm/types"
)

// node is a node that was found, and what leads to the facts about it.
type node struct {
	Node
	vpc string
	// profile is an instance's instance profile (an ARN), service the role of a machine's activation.
	profile, service string
}

// mostRegistered limits the ids that Systems Manager is asked about at once (DescribeInstanceInformation,
// InstanceInformationStringFilter).
const mostRegistered = 100

// find finds the nodes with the ids, in their order.
func (r *reader) find(ids []string) error {
	var instances, machines, interfaces []string
	for _, id := range ids {
		switch {
		case strings.HasPrefix(id, "i-"):
			instances = append(instances, id)
		case strings.HasPrefix(id, "mi-"):
			machines = append(machines, id)
		case strings.HasPrefix(id, "eni-"):
			interfaces = append(interfaces, id)
		default:
			return fault.New(fault.Invalid, "doctor.Read",
				"%q is no id of an instance (i-…), a managed node (mi-…) or a network interface (eni-…)", id)
		}
	}
	if err := r.instances("instance-id", instances); err != nil {
		return err
	}
	if err := r.machines(machines); err != nil {
		return err
	}
	if err := r.interfacesByID(interfaces); err != nil {
		return err
	}
	slices.SortStableFunc(r.nodes, func(a, b *node) int { return slices.Index(ids, a.ID) - slices.Index(ids, b.ID) })
	for _, id := range ids {
		if slices.ContainsFunc(r.nodes, func(n *node) bool { return n.ID == id }) {
			continue
		}
		what := "instance"
		if strings.HasPrefix(id, "eni-") {
			what = "network interface"
		}
		return fault.New(fault.NotFound, "doctor.Read", "no %s %s in %s", what, id, r.Region)
	}
	return nil
}

// add adds a node, and its VPC to those that are read.
func (r *reader) add(n *node) {
	r.nodes = append(r.nodes, n)
	if n.vpc != "" && !slices.Contains(r.homes, n.vpc) {
		r.homes = append(r.homes, n.vpc)
	}
}

// instances adds the instances that a filter finds, but for terminated ones unless they were asked for by id.
func (r *reader) instances(name string, values []string) error {
	for some := range slices.Chunk(values, filterValues) {
		err := each(r, ec2.NewDescribeInstancesPaginator(r.EC2, &ec2.DescribeInstancesInput{Filters: filter(name, some...)}),
			func(o *ec2.DescribeInstancesOutput) []types.Reservation { return o.Reservations },
			func(in *types.Reservation) {
				for i := range in.Instances {
					n := instance(&in.Instances[i])
					if name == "instance-id" || n.State != string(types.InstanceStateNameTerminated) {
						r.Account = aws.ToString(in.OwnerId)
						r.add(n)
					}
				}
			})
		if err != nil {
			return fault.New(fault.Unavailable, "doctor.Read", "describe %s: %w", strings.Join(some, ", "), err)
		}
	}
	return nil
}

func instance(in *types.Instance) *node {
	n := &node{Node: Node{ID: aws.ToString(in.InstanceId)}, vpc: aws.ToString(in.VpcId)}
	if in.State != nil {
		n.State = string(in.State.Name)
	}
	if m := in.MetadataOptions; m != nil {
		n.Metadata = &Metadata{
			Off:      m.HttpEndpoint == types.InstanceMetadataEndpointStateDisabled,
			HopLimit: int(aws.ToInt32(m.HttpPutResponseHopLimit)),
		}
	}
	for _, c := range in.NetworkInterfaces {
		if c.Attachment == nil || aws.ToInt32(c.Attachment.DeviceIndex) == 0 {
			n.Interface = aws.ToString(c.NetworkInterfaceId)
		}
	}
	if in.IamInstanceProfile != nil {
		n.profile = aws.ToString(in.IamInstanceProfile.Arn)
	}
	for _, t := range in.Tags {
		if aws.ToString(t.Key) == "Name" {
			n.Name = aws.ToString(t.Value)
		}
	}
	return n
}

// machines adds machines that are no instances, with their interfaces where they have any.
func (r *reader) machines(ids []string) error {
	first := len(r.nodes)
	for _, id := range ids {
		r.nodes = append(r.nodes, &node{Node: Node{ID: id}})
	}
	for some := range slices.Chunk(ids, filterValues) {
		err := r.describeInterfaces(filter("attachment.instance-id", some...), strings.Join(some, ", "),
			func(in *types.NetworkInterface) {
				for _, n := range r.nodes[first:] {
					if in.Attachment != nil && n.ID == aws.ToString(in.Attachment.InstanceId) {
						r.place(n, in)
					}
				}
			})
		if err != nil {
			return err
		}
	}
	return nil
}

// interfacesByID adds network interfaces, each as a node of its own.
func (r *reader) interfacesByID(ids []string) error {
	for some := range slices.Chunk(ids, filterValues) {
		err := r.describeInterfaces(filter("network-interface-id", some...), strings.Join(some, ", "),
			func(in *types.NetworkInterface) {
				n := &node{Node: Node{ID: aws.ToString(in.NetworkInterfaceId)}}
				r.nodes = append(r.nodes, n)
				r.place(n, in)
			})
		if err != nil {
			return err
		}
	}
	return nil
}

// place says which interface a node has, and adds its VPC to those that are read.
func (r *reader) place(n *node, in *types.NetworkInterface) {
	n.Interface, n.vpc = aws.ToString(in.NetworkInterfaceId), aws.ToString(in.VpcId)
	r.Account = aws.ToString(in.OwnerId)
	if n.vpc != "" && !slices.Contains(r.homes, n.vpc) {
		r.homes = append(r.homes, n.vpc)
	}
}

func (r *reader) describeInterfaces(by []types.Filter, of string, do func(*types.NetworkInterface)) error {
	err := each(r, ec2.NewDescribeNetworkInterfacesPaginator(r.EC2, &ec2.DescribeNetworkInterfacesInput{Filters: by}),
		func(o *ec2.DescribeNetworkInterfacesOutput) []types.NetworkInterface { return o.NetworkInterfaces }, do)
	if err != nil {
		return fault.New(fault.Unavailable, "doctor.Read", "describe the network interface of %s: %w", of, err)
	}
	return nil
}

// registrations asks Systems Manager what it knows of the nodes.
func (r *reader) registrations() {
	byID := map[string]*node{}
	var ids []string
	for _, n := range r.nodes {
		if !strings.HasPrefix(n.ID, "eni-") {
			byID[n.ID], ids = n, append(ids, n.ID)
		}
	}
	for some := range slices.Chunk(ids, mostRegistered) {
		err := r.registered([]ssmtypes.InstanceInformationStringFilter{{Key: aws.String("InstanceIds"), Values: some}},
			func(i *ssmtypes.InstanceInformation) {
				if n := byID[aws.ToString(i.InstanceId)]; n != nil {
					n.take(i)
				}
			})
		if err != nil {
			what := "the node's status"
			if len(r.nodes) > 1 {
				what = "the nodes' status"
			}
			r.skip(what, err)
			return
		}
	}
}

// take notes what Systems Manager says about a node.
func (n *node) take(i *ssmtypes.InstanceInformation) {
	n.Status, n.LastPing = string(i.PingStatus), aws.ToTime(i.LastPingDateTime)
	n.AgentVersion, n.service = aws.ToString(i.AgentVersion), aws.ToString(i.IamRole)
	if n.Name == "" {
		n.Name = aws.ToString(i.Name)
	}
}

func (r *reader) registered(
	by []ssmtypes.InstanceInformationStringFilter, do func(*ssmtypes.InstanceInformation),
) error {
	return each(r,
		ssm.NewDescribeInstanceInformationPaginator(r.SSM, &ssm.DescribeInstanceInformationInput{Filters: by}),
		func(o *ssm.DescribeInstanceInformationOutput) []ssmtypes.InstanceInformation {
			return o.InstanceInformationList
		},
		do)
}
