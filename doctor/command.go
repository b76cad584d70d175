package doctor

import (
	"fmt"
	"net/netip"
	"strings"

	"postern/network/vpc"
)

// ruleMend gives a group the rule it lacks; it is empty for other refusals.
func (a *assessment) ruleMend(e *vpc.Explanation) Mend {
	v, f := &e.Verdict, &e.Flow
	if !lacksRule(v) || f.Protocol != vpc.TCP || !strings.HasPrefix(v.Resource, "sg-") {
		return Mend{}
	}
	if v.Step == vpc.StepIngress {
		return allowIn(v.Resource, f.Destination.Port(), a.from(v.Resource))
	}
	if to, _ := a.snapshot.InterfaceAt(a.nic.VPC, f.Destination.Addr()); len(to.Groups) > 0 {
		return allowOut(v.Resource, f.Destination.Port(), peer{group: to.Groups[0]})
	}
	return allowOut(v.Resource, f.Destination.Port(), alone(f.Destination.Addr()))
}

// alone is the range of one address.
func alone(a netip.Addr) peer { return peer{cidr: netip.PrefixFrom(a, a.BitLen())} }

// lacksRule reports whether a rule that allows is missing, or stale.
func lacksRule(v *vpc.Verdict) bool {
	return v.Reason == vpc.ReasonNoRule || v.Reason == vpc.ReasonStaleRule
}

// targetMend gives the group of an endpoint service's target the rule it lacks.
func targetMend(e *vpc.Explanation) Mend {
	v, f := &e.Verdict, &e.Flow
	if !lacksRule(v) || v.Step != vpc.StepIngress || !strings.HasPrefix(v.Resource, "sg-") {
		return Mend{}
	}
	return allowIn(v.Resource, f.Destination.Port(), alone(f.Source.Addr()))
}

// from names the node for a rule of the group: by its own group within the VPC, else by its subnet.
func (a *assessment) from(group string) peer {
	if g, ok := a.snapshot.SecurityGroup(group); ok && g.VPC == a.nic.VPC && len(a.nic.Groups) > 0 {
		return peer{group: a.nic.Groups[0]}
	}
	n, _ := a.snapshot.Subnet(a.nic.Subnet)
	return peer{cidr: n.CIDR}
}

// nameMend mends why a name is not private.
func nameMend(f *vpc.NameFinding) Mend {
	switch f.Cause {
	case vpc.CauseDNSSupportOff:
		return dnsSupport(f.Resource)
	case vpc.CauseDNSHostnamesOff:
		return dnsHostnames(f.Resource)
	case vpc.CausePrivateDNSOff:
		return privateDNS(f.Resource)
	}
	return Mend{}
}

// hostnames finds that the VPC's DNS hostnames are off, without which the EC2 API gives no endpoint private DNS. It
// stands before the remedy that asks for that.
func (a *assessment) hostnames(id string, severity Outcome) {
	for _, v := range a.facts.Network.VPCs {
		if v.ID != id || v.DNSHostnames {
			continue
		}
		a.find(Finding{
			ID: "dns/hostnames-off", Severity: severity, Resource: id,
			Wrong:  "DNS hostnames are off in it, and private DNS of an endpoint needs them",
			Remedy: fmt.Sprintf("set enableDnsHostnames of %s to true", id),
			Mend:   dnsHostnames(id),
		})
	}
}

// endpointGroups returns the groups of the VPC's other interface endpoints, which a new one would have too.
func (a *assessment) endpointGroups() []string {
	for c := range a.snapshot.Interfaces() {
		if c.Kind == vpc.EndpointInterface && c.VPC == a.nic.VPC && len(c.Groups) > 0 {
			return c.Groups
		}
	}
	return nil
}
