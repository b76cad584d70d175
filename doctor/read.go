package doctor

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/aws/fault"
	"postern/aws/service/ec2"
	"postern/aws/service/ec2/types"
	"postern/aws/service/ssm"
	ssmtypes "postern/aws/service/ssm/types"
	"postern/aws/service/sts"
)

// Explain reads the facts about a node ("i-…", "mi-…" or "eni-…") and assesses how it reaches a service, host
// name or address: Read and then Assess. Where to is empty it assesses all that a managed node needs.
func Explain(ctx context.Context, c Clients, region, from, to string) (Report, error) {
	f, err := Read(ctx, c, region, from, to)
	if err != nil {
		return Report{}, err
	}
	if to == "" {
		return AssessAll(f)
	}
	return Assess(f, to)
}

// Read asks the APIs for the facts about a node ("i-…", "mi-…" or "eni-…") of the region and the network around
// it: its VPC, those that are peered with it, and that of the endpoint whose own name is asked for. It fails with
// Invalid for another form of id, with NotFound where there is no such node, and with Unavailable where the network
// cannot be read; what else cannot be read is listed in Unchecked.
func Read(ctx context.Context, c Clients, region, from, to string) (Facts, error) {
	r := &reader{
		ctx:     ctx,
		Clients: c,
		to:      to,
		Facts:   Facts{Region: region, Node: Node{ID: from}, EndpointPolicies: map[string]string{}},
	}
	profile, err := r.node()
	if err != nil {
		return Facts{}, err
	}
	r.caller()
	info := r.registration()
	r.offers()
	if r.home != "" {
		if err := r.network(); err != nil {
			return Facts{}, fault.New(fault.Unavailable, "doctor.Read", "read the network of %s: %w", from, err)
		}
	}
	r.roles(profile, aws.ToString(info.IamRole))
	if c.Now == nil {
		c.Now = time.Now
	}
	r.At = c.Now()
	return r.Facts, nil
}

// reader collects facts.
type reader struct {
	ctx context.Context
	Clients
	Facts
	// to holds what is asked for, home the node's VPC and vpcs all that are read.
	to, home string
	vpcs     []string
	// asked are the addresses of Resolver endpoints.
	asked []resolverAddress
}

// skip notes what could not be read.
func (r *reader) skip(what string, err error) {
	r.Unchecked = append(r.Unchecked, fmt.Sprintf("%s (%s)", what, code(err)))
}

// filter returns an EC2 filter; it is nil without values.
func filter(name string, values ...string) []types.Filter {
	return []types.Filter{{Name: aws.String(name), Values: values}}
}

// node finds the node's interface and VPC, and an instance's state and profile (an ARN).
func (r *reader) node() (profile string, err error) {
	id := r.Node.ID
	switch {
	case strings.HasPrefix(id, "i-"):
		return r.instance(id)
	case strings.HasPrefix(id, "mi-"):
		return "", r.networkInterface(filter("attachment.instance-id", id))
	case strings.HasPrefix(id, "eni-"):
		if err := r.networkInterface(filter("network-interface-id", id)); err != nil {
			return "", err
		}
		if r.Node.Interface == "" {
			return "", fault.New(fault.NotFound, "doctor.Read", "no network interface %s in %s", id, r.Region)
		}
		return "", nil
	}
	return "", fault.New(fault.Invalid, "doctor.Read",
		"%q is no id of an instance (i-…), a managed node (mi-…) or a network interface (eni-…)", id)
}

func (r *reader) instance(id string) (profile string, err error) {
	out, err := r.EC2.DescribeInstances(r.ctx, &ec2.DescribeInstancesInput{Filters: filter("instance-id", id)})
	if err != nil {
		return "", fault.New(fault.Unavailable, "doctor.Read", "describe %s: %w", id, err)
	}
	if len(out.Reservations) == 0 || len(out.Reservations[0].Instances) == 0 {
		return "", fault.New(fault.NotFound, "doctor.Read", "no instance %s in %s", id, r.Region)
	}
	i := out.Reservations[0].Instances[0]
	r.Account, r.home = aws.ToString(out.Reservations[0].OwnerId), aws.ToString(i.VpcId)
	if i.State != nil {
		r.Node.State = string(i.State.Name)
	}
	if m := i.MetadataOptions; m != nil {
		r.Node.Metadata = &Metadata{
			Off:      m.HttpEndpoint == types.InstanceMetadataEndpointStateDisabled,
			HopLimit: int(aws.ToInt32(m.HttpPutResponseHopLimit)),
		}
	}
	for _, n := range i.NetworkInterfaces {
		if n.Attachment == nil || aws.ToInt32(n.Attachment.DeviceIndex) == 0 {
			r.Node.Interface = aws.ToString(n.NetworkInterfaceId)
		}
	}
	if i.IamInstanceProfile != nil {
		profile = aws.ToString(i.IamInstanceProfile.Arn)
	}
	return profile, nil
}

// networkInterface finds the node's interface; there may be none.
func (r *reader) networkInterface(by []types.Filter) error {
	out, err := r.EC2.DescribeNetworkInterfaces(r.ctx, &ec2.DescribeNetworkInterfacesInput{Filters: by})
	if err != nil {
		return fault.New(fault.Unavailable, "doctor.Read", "describe the network interface of %s: %w", r.Node.ID, err)
	}
	for _, n := range out.NetworkInterfaces {
		r.Node.Interface, r.home = aws.ToString(n.NetworkInterfaceId), aws.ToString(n.VpcId)
		r.Account = aws.ToString(n.OwnerId)
	}
	return nil
}

// caller takes the account from STS where nothing else has told it.
func (r *reader) caller() {
	if r.Account != "" {
		return
	}
	out, err := r.STS.GetCallerIdentity(r.ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		r.skip("the account", err)
		return
	}
	r.Account = aws.ToString(out.Account)
}

// registration asks Systems Manager what it knows of the node.
func (r *reader) registration() (found ssmtypes.InstanceInformation) {
	if strings.HasPrefix(r.Node.ID, "eni-") {
		return found
	}
	out, err := r.SSM.DescribeInstanceInformation(r.ctx, &ssm.DescribeInstanceInformationInput{
		Filters: []ssmtypes.InstanceInformationStringFilter{{Key: aws.String("InstanceIds"), Values: []string{r.Node.ID}}},
	})
	if err != nil {
		r.skip("the node's status", err)
		return found
	}
	for _, i := range out.InstanceInformationList {
		found = i
		r.Node.Status, r.Node.LastPing = string(i.PingStatus), aws.ToTime(i.LastPingDateTime)
		r.Node.AgentVersion = aws.ToString(i.AgentVersion)
	}
	return found
}
