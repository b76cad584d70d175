package vpc

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Explain judges a new flow as Decide does and says of every step what came of it and why, and what would mend the one
// that refused. Where the flow is allowed it explains what comes back as well.
func (s *Snapshot) Explain(f Flow) Explanation {
	e, t := s.explain(f)
	e.Behind = s.behind(t)
	return e
}

func (s *Snapshot) explain(f Flow) (Explanation, *trace) {
	t := &trace{flow: f}
	s.judge(t)
	e := s.explanation(t, f)
	if back, ok := t.reply(); ok {
		r := s.ExplainTracked(back)
		e.Reply = &r
	}
	return e, t
}

// ExplainTracked explains DecideTracked.
func (s *Snapshot) ExplainTracked(f Flow) Explanation {
	t := trace{flow: f, tracked: true}
	s.judge(&t)
	return s.explanation(&t, f)
}

// reply is the packet that answers the flow, where one comes back from an interface or a gateway.
func (t *trace) reply() (Flow, bool) {
	f := t.flow
	f.From, f.Source, f.Destination = t.verdict.To, f.Destination, f.Source
	switch {
	case !t.verdict.Allow || t.verdict.To == "" || t.verdict.Kind == ToResolver:
		return f, false
	case !t.to.none() && !slices.Contains(t.to.Addresses, f.Source.Addr()):
		return f, false // an interface in the middle forwards it
	case f.Protocol == ICMP && f.ICMPType == 8:
		f.ICMPType = 0
	case f.Protocol == ICMPv6 && f.ICMPType == 128:
		f.ICMPType = 129
	case f.Protocol == ICMP || f.Protocol == ICMPv6:
		return f, false
	}
	return f, true
}

func (s *Snapshot) explanation(t *trace, asked Flow) Explanation {
	e := Explanation{Flow: asked, Verdict: t.verdict, Steps: make([]StepReport, 0, len(stepNames))}
	for step := StepSource; step <= StepIngress; step++ {
		var r StepReport
		switch {
		case !t.verdict.Allow && step > t.verdict.Step:
			r = StepReport{Outcome: NotReached, Why: "refused before"}
		case !t.verdict.Allow && step == t.verdict.Step:
			r = s.refusal(t)
		default:
			r = t.passed(step)
		}
		r.Step = step
		e.Steps = append(e.Steps, r)
	}
	return e
}

func passed(resource, format string, args ...any) StepReport {
	return StepReport{Outcome: Passed, Resource: resource, Why: fmt.Sprintf(format, args...)}
}

func notApplicable(format string, args ...any) StepReport {
	return StepReport{Outcome: NotApplicable, Why: fmt.Sprintf(format, args...)}
}

// passed explains a step that did not refuse.
func (t *trace) passed(step Step) StepReport {
	if step > StepService && t.verdict.Step == StepService {
		return notApplicable("groups, ACLs and routes do not filter the link-local services")
	}
	switch step {
	case StepSource:
		return t.passedSource()
	case StepService:
		return t.passedService()
	case StepEgress:
		return t.passedGroup(t.egress, t.from, "outbound")
	case StepACLOut:
		if t.from.none() {
			return notApplicable("it comes in through %s", t.flow.From)
		}
		return t.passedACL(t.aclOut, t.from.subnet(), "outbound")
	case StepRoute:
		return t.passedRoute()
	case StepPeering:
		if t.hop == nil || t.hop.Target.Kind != ViaPeering {
			return notApplicable("no peering is on the way")
		}
		return passed(t.hop.Target.ID, "%s is active and joins %s and %s",
			t.hop.Target.ID, t.by.Requester, t.by.Accepter)
	case StepNAT:
		return t.passedNAT()
	case StepTarget:
		return t.passedTarget()
	case StepACLIn:
		if t.to.none() {
			return notApplicable("it leaves the VPC through %s", t.verdict.To)
		}
		return t.passedACL(t.aclIn, t.to.subnet(), "inbound")
	default:
		return t.passedGroup(t.ingress, t.to, "inbound")
	}
}

func (t *trace) passedSource() StepReport {
	f := &t.flow
	if t.from.none() {
		return passed(f.From, "it comes back through %s", f.From)
	}
	if !slices.Contains(t.from.Addresses, f.Source.Addr()) {
		return passed(f.From, "%s may send from any address", t.from.title())
	}
	return passed(f.From, "%s is an address of %s", f.Source.Addr(), t.from.title())
}

func (t *trace) passedService() StepReport {
	switch t.verdict.Kind {
	case ToResolver:
		return passed(t.verdict.Resource, "%s is the resolver of %s", t.flow.Destination.Addr(), t.verdict.Resource)
	case ToMetadata:
		return passed(t.verdict.Resource, "%s is the instance metadata service", t.flow.Destination.Addr())
	}
	return notApplicable("%s is not a link-local service of the sender's VPC", t.flow.Destination.Addr())
}

func (t *trace) passedGroup(r ruleRef, c nic, way string) StepReport {
	switch {
	case t.tracked:
		return notApplicable("security groups are stateful: they let an allowed conversation pass both ways")
	case !c.none() && c.Kind == ServiceInterface:
		return notApplicable("%s, the service's own side, has no security groups", c.ID)
	case c.none():
		return notApplicable("it leaves the VPC through %s", t.verdict.To)
	}
	return passed(r.id(), "%s of %s allows %s %s", r.title(), r.group.title(), way, r.rule)
}

func (t *trace) passedACL(r aclRef, n *subnet, way string) StepReport {
	switch {
	case !t.crosses:
		return notApplicable("both ends are in %s", n.ID)
	case r.acl == nil:
		return notApplicable("no network ACL serves %s", n.ID)
	}
	return passed(
		r.acl.ID, "entry %d of %s allows %s %s of %s", r.entry.Number, r.acl.ID, way, r.entry.span(), r.entry.CIDR,
	)
}

func (t *trace) passedRoute() StepReport {
	switch {
	case t.from.none():
		return passed(t.entry.VPC.ID, "%s is in %s", t.flow.Destination.Addr(), t.entry.VPC.ID)
	case t.hop.Target.Kind == Local:
		return passed(t.tableID(), "%s is inside %s", t.prefix, t.from.VPC)
	}
	if t.hop.PrefixList != "" {
		return passed(t.tableID(), "%s sends %s of %s to %s", t.tableID(), t.prefix, t.hop.PrefixList, t.hop.Target.ID)
	}
	return passed(t.tableID(), "%s sends %s to %s", t.tableID(), t.prefix, t.hop.Target.ID)
}

func (t *trace) passedTarget() StepReport {
	switch t.verdict.Kind {
	case ToGateway:
		return passed(t.verdict.To, "gateway endpoint %s takes it for %s", t.verdict.To, t.hop.gateway.Service)
	case ToInternet:
		if t.verdict.Public.IsValid() {
			return passed(t.verdict.To, "%s takes it to the Internet, from %s", t.verdict.To, t.verdict.Public)
		}
		return passed(t.verdict.To, "%s takes it to the Internet", t.verdict.To)
	}
	destination := t.flow.Destination.Addr()
	if !slices.Contains(t.to.Addresses, destination) {
		return passed(t.to.ID, "%s takes it and sends on what is not its own: it checks no destinations", t.to.title())
	}
	return passed(t.to.ID, "%s is %s", destination, t.to.title())
}

// title names an interface with what it belongs to.
func (c nic) title() string {
	switch {
	case c.endpoint() != nil:
		return fmt.Sprintf("%s of endpoint %s (%s)", c.ID, c.endpoint().ID, c.endpoint().Service)
	case c.resolver() != nil:
		return fmt.Sprintf("%s of %s", c.ID, c.resolver().title())
	case c.Owner != "":
		return fmt.Sprintf("%s of %s", c.ID, c.Owner)
	}
	return c.ID
}

func (c nic) groupTitles() string {
	names := make([]string, len(c.Groups))
	for i, id := range c.Groups {
		names[i] = c.group(id).title()
	}
	return strings.Join(names, ", ")
}

func (g *group) title() string {
	if g.Name == "" {
		return g.ID
	}
	return g.ID + " (" + g.Name + ")"
}

func (r ruleRef) title() string {
	if r.rule.ID == "" {
		return "a rule"
	}
	return "rule " + r.rule.ID
}

// String is the rule in words: "tcp 443 from sg-1", "all to 0.0.0.0/0".
func (r Rule) String() string {
	way, peer := "from", r.Group+r.PrefixList
	if r.Egress {
		way = "to"
	}
	if peer == "" {
		peer = r.CIDR.String()
	}
	return fmt.Sprintf("%s %s %s", describePorts(r.Protocol, r.Ports), way, peer)
}

func (e *ACLEntry) span() string { return describePorts(e.Protocol, e.Ports) }

func describePorts(p Protocol, ports PortRange) string {
	switch {
	case p == TCP || p == UDP:
		if ports.From == ports.To {
			return fmt.Sprintf("%s %d", p, ports.From)
		}
		return fmt.Sprintf("%s %d-%d", p, ports.From, ports.To)
	case (p == ICMP || p == ICMPv6) && ports.From >= 0 && ports.To >= 0:
		return fmt.Sprintf("%s type %d code %d", p, ports.From, ports.To)
	case (p == ICMP || p == ICMPv6) && ports.From >= 0:
		return fmt.Sprintf("%s type %d", p, ports.From)
	}
	return p.String()
}

// describe is the flow's protocol and port in words, as a rule that allows it would say it.
func (f *Flow) describe() string {
	ports := PortRange{int32(f.Destination.Port()), int32(f.Destination.Port())}
	if f.Protocol == ICMP || f.Protocol == ICMPv6 {
		ports = PortRange{int32(f.ICMPType), int32(f.ICMPCode)}
	}
	return describePorts(f.Protocol, ports)
}

// host is the range of one address.
func host(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }
