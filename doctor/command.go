package doctor

import (
	"fmt"
	"strings"

	"postern/network/vpc"
)

// ruleCommand returns an AWS CLI command that gives a group the rule it lacks; empty for other refusals.
func (a *assessment) ruleCommand(e *vpc.Explanation) string {
	v, f := &e.Verdict, &e.Flow
	if !lacksRule(v) || f.Protocol != vpc.TCP || !strings.HasPrefix(v.Resource, "sg-") {
		return ""
	}
	to, _ := a.snapshot.InterfaceAt(a.nic.VPC, f.Destination.Addr())
	if v.Step == vpc.StepIngress {
		return fmt.Sprintf("aws ec2 authorize-security-group-ingress --group-id %s --protocol tcp --port %d %s",
			v.Resource, f.Destination.Port(), a.from(v.Resource))
	}
	peer := fmt.Sprintf("IpRanges=[{CidrIp=%s/32}]", f.Destination.Addr())
	if len(to.Groups) > 0 {
		peer = fmt.Sprintf("UserIdGroupPairs=[{GroupId=%s}]", to.Groups[0])
	}
	return fmt.Sprintf("aws ec2 authorize-security-group-egress --group-id %s "+
		"--ip-permissions 'IpProtocol=tcp,FromPort=%d,ToPort=%d,%s'",
		v.Resource, f.Destination.Port(), f.Destination.Port(), peer)
}

// lacksRule reports whether a rule that allows is missing, or stale.
func lacksRule(v *vpc.Verdict) bool {
	return v.Reason == vpc.ReasonNoRule || v.Reason == vpc.ReasonStaleRule
}

// targetCommand returns an AWS CLI command that gives the group of an endpoint service's target the rule it lacks.
func targetCommand(e *vpc.Explanation) string {
	v, f := &e.Verdict, &e.Flow
	if !lacksRule(v) || v.Step != vpc.StepIngress || !strings.HasPrefix(v.Resource, "sg-") {
		return ""
	}
	return fmt.Sprintf("aws ec2 authorize-security-group-ingress --group-id %s --protocol tcp --port %d --cidr %s/32",
		v.Resource, f.Destination.Port(), f.Source.Addr())
}

// from names the node for a rule of the group: by its own group within the VPC, else by its subnet.
func (a *assessment) from(group string) string {
	if g, ok := a.snapshot.SecurityGroup(group); ok && g.VPC == a.nic.VPC && len(a.nic.Groups) > 0 {
		return "--source-group " + a.nic.Groups[0]
	}
	n, _ := a.snapshot.Subnet(a.nic.Subnet)
	return "--cidr " + n.CIDR.String()
}

// nameCommand returns an AWS CLI command that mends why a name is not private.
func nameCommand(f *vpc.NameFinding) string {
	switch f.Cause {
	case vpc.CauseDNSSupportOff:
		return fmt.Sprintf("aws ec2 modify-vpc-attribute --vpc-id %s --enable-dns-support", f.Resource)
	case vpc.CauseDNSHostnamesOff:
		return fmt.Sprintf("aws ec2 modify-vpc-attribute --vpc-id %s --enable-dns-hostnames", f.Resource)
	case vpc.CausePrivateDNSOff:
		return fmt.Sprintf("aws ec2 modify-vpc-endpoint --vpc-endpoint-id %s --private-dns-enabled", f.Resource)
	}
	return ""
}

// hostnames finds that the VPC's DNS hostnames are off, without which the EC2 API gives no endpoint private DNS. It
// stands before the remedy that asks for that.
func (a *assessment) hostnames(id string, severity Outcome) {
	for _, v := range a.facts.Network.VPCs {
		if v.ID != id || v.DNSHostnames {
			continue
		}
		off := vpc.NameFinding{Cause: vpc.CauseDNSHostnamesOff, Resource: id}
		a.find(Finding{
			ID: "dns/hostnames-off", Severity: severity, Resource: id,
			Wrong:   "DNS hostnames are off in it, and private DNS of an endpoint needs them",
			Remedy:  fmt.Sprintf("set enableDnsHostnames of %s to true", id),
			Command: nameCommand(&off),
		})
	}
}

// endpointGroups returns the groups of the VPC's other interface endpoints, which a new one would have too.
func (a *assessment) endpointGroups() string {
	for c := range a.snapshot.Interfaces() {
		if c.Kind == vpc.EndpointInterface && c.VPC == a.nic.VPC && len(c.Groups) > 0 {
			return " --security-group-ids " + strings.Join(c.Groups, " ")
		}
	}
	return ""
}
