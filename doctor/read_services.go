package doctor

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/aws/arn"
	"postern/aws/service/ec2"
	"postern/aws/service/ec2/types"
	"postern/network/vpc"
)

// sideDescription begins the description of an endpoint service's own interfaces.
const sideDescription = "VPC Endpoint Service "

// services reads the endpoint services of somebody's own that endpoints of the VPCs so far lead to, and adds the VPCs
// of their targets. What stands behind another account's, or behind a load balancer, cannot be seen.
func (r *reader) services() error {
	var names []string
	err := each(r, ec2.NewDescribeVpcEndpointsPaginator(r.EC2, &ec2.DescribeVpcEndpointsInput{Filters: r.byVPC()}),
		func(o *ec2.DescribeVpcEndpointsOutput) []types.VpcEndpoint { return o.VpcEndpoints },
		func(e *types.VpcEndpoint) {
			if name := aws.ToString(e.ServiceName); vpc.OwnService(name) && !slices.Contains(names, name) {
				names = append(names, name)
			}
		})
	if err != nil || len(names) == 0 {
		return err
	}
	seen := map[string]types.ServiceConfiguration{}
	err = each(r, ec2.NewDescribeVpcEndpointServiceConfigurationsPaginator(r.EC2,
		&ec2.DescribeVpcEndpointServiceConfigurationsInput{Filters: filter("service-name", names...)}),
		func(o *ec2.DescribeVpcEndpointServiceConfigurationsOutput) []types.ServiceConfiguration {
			return o.ServiceConfigurations
		},
		func(c *types.ServiceConfiguration) { seen[aws.ToString(c.ServiceName)] = *c })
	if err != nil {
		r.skip("what stands behind endpoint services", err)
	}
	for _, name := range names {
		c, ok := seen[name]
		out := vpc.EndpointService{ID: name[strings.LastIndexByte(name, '.')+1:], Name: name, Opaque: !ok}
		for _, text := range c.NetworkLoadBalancerArns {
			t, ok := serviceTarget(text)
			if !ok { // a load balancer
				out.Opaque, out.Targets = true, nil
				break
			}
			out.Targets = append(out.Targets, t)
		}
		r.Network.EndpointServices = append(r.Network.EndpointServices, out)
	}
	return r.targetVPCs()
}

// serviceTarget reads the ARN of a target of Postern's own: "…:target/PORT/network-interface/eni-…/PORT" or
// "…:target/PORT/host/ADDRESS/PORT", with "/proxy-protocol-v2" or without.
func serviceTarget(text string) (t vpc.ServiceTarget, ok bool) {
	if name, err := arn.Parse(text); err != nil || name.Service != "postern" {
		return t, false
	}
	parts := strings.Split(text[strings.LastIndex(text, ":target/")+1:], "/")
	if len(parts) < 5 {
		return t, false
	}
	from, err := strconv.ParseUint(parts[1], 10, 16)
	to, err2 := strconv.ParseUint(parts[4], 10, 16)
	t.Port, t.TargetPort = uint16(from), uint16(to)
	if parts[2] == "host" {
		t.Host, _ = netip.ParseAddr(parts[3])
		return t, err == nil && err2 == nil && t.Host.IsValid()
	}
	t.Interface = parts[3]
	return t, err == nil && err2 == nil
}

// targetVPCs adds the VPCs of the targets, where the services have interfaces, to those that are read.
func (r *reader) targetVPCs() error {
	var sides []string
	for _, v := range r.Network.EndpointServices {
		if slices.ContainsFunc(v.Targets, func(t vpc.ServiceTarget) bool { return t.Interface != "" }) {
			sides = append(sides, sideDescription+v.ID)
		}
	}
	if len(sides) == 0 {
		return nil
	}
	return each(r, ec2.NewDescribeNetworkInterfacesPaginator(r.EC2,
		&ec2.DescribeNetworkInterfacesInput{Filters: filter("description", sides...)}),
		func(o *ec2.DescribeNetworkInterfacesOutput) []types.NetworkInterface { return o.NetworkInterfaces },
		func(n *types.NetworkInterface) {
			if id := aws.ToString(n.VpcId); !slices.Contains(r.vpcs, id) {
				r.vpcs = append(r.vpcs, id)
			}
		})
}

// sides gives the targets of services the service's own interface in their subnet, or any of the service's where the
// target is gone. A service none of whose interfaces can be seen is not judged.
func (r *reader) sides() {
	for i := range r.Network.EndpointServices {
		v := &r.Network.EndpointServices[i]
		for j := range v.Targets {
			if t := &v.Targets[j]; t.Interface != "" {
				t.From = r.side(v.ID, t.Interface)
				v.Opaque = v.Opaque || t.From == ""
			}
		}
		if v.Opaque {
			v.Targets = nil
			r.Unchecked = append(r.Unchecked, "what stands behind "+v.Name)
		}
	}
}

func (r *reader) side(service, target string) (side string) {
	subnet := ""
	for _, c := range r.Network.Interfaces {
		if c.ID == target {
			subnet = c.Subnet
		}
	}
	for _, c := range r.Network.Interfaces {
		if c.Kind == vpc.ServiceInterface && c.Owner == service && (side == "" || c.Subnet == subnet) {
			side = c.ID
		}
	}
	return side
}

// acceptance explains why an endpoint is not available, where its service's owner decides about that.
func acceptance(state types.State) vpc.Acceptance {
	switch {
	case strings.EqualFold(string(state), string(types.StatePendingAcceptance)):
		return vpc.AwaitsAcceptance
	case strings.EqualFold(string(state), string(types.StateRejected)):
		return vpc.AcceptanceRejected
	}
	return vpc.Accepted
}
