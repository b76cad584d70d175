package vpc

import "fmt"

// passedNAT explains the NAT gateway on the way.
func (t *trace) passedNAT() StepReport {
	switch {
	case t.nat == nil:
		return notApplicable("no NAT gateway that is known is on the way")
	case t.onward.hop == nil:
		return passed(t.nat.ID, "%s translates it back in %s", t.nat.ID, t.nat.Subnet)
	}
	return passed(t.nat.ID, "%s translates it in %s, whose route table %s sends %s to %s",
		t.nat.ID, t.nat.Subnet, t.nat.subnet.tableID(), t.onward.prefix, t.onward.Target.ID)
}

func (t *trace) refusedNAT() (why, remedy string) {
	n, f := t.nat, &t.flow
	switch t.verdict.Reason {
	case ReasonNATUnavailable:
		return fmt.Sprintf("NAT gateway %s is not available", n.ID), "create a NAT gateway again and replace the route to it"
	case ReasonNATPrivate:
		return fmt.Sprintf("%s is a private NAT gateway, which has no path to the Internet", n.ID),
			"use a VPC endpoint, or a NAT gateway of connectivity type public"
	case ReasonNATRoute:
		return t.refusedOnward(), fmt.Sprintf("add a route to an Internet gateway in %s", n.subnet.tableID())
	}
	if t.natOut.acl == nil {
		why, remedy = t.refusedACL(t.natIn, "inbound", "from", f.Source.Addr(), t.from)
	} else {
		why, remedy = t.refusedACL(t.natOut, "outbound", "to", f.Destination.Addr(), nic{})
	}
	return fmt.Sprintf("at NAT gateway %s in %s: %s", n.ID, n.Subnet, why), remedy
}

func (t *trace) refusedOnward() string {
	n, destination := t.nat, t.flow.Destination.Addr()
	table := n.subnet.tableID()
	switch {
	case t.onward.hop == nil:
		return fmt.Sprintf("NAT gateway %s stands in %s, and no route of its table %s leads to %s: it has no path to the "+
			"Internet itself",
			n.ID, n.Subnet, table, destination)
	case t.onward.Target.Kind == Blackhole:
		return fmt.Sprintf(
			"NAT gateway %s stands in %s, whose table %s sends %s to %s, which is gone (blackhole)", n.ID, n.Subnet, table,
			t.onward.prefix, t.onward.Target.ID,
		)
	}
	return fmt.Sprintf(
		"NAT gateway %s stands in %s, whose table %s sends %s to %s and not to an Internet gateway", n.ID, n.Subnet, table,
		t.onward.prefix, onwardName(t.onward.hop),
	)
}

func onwardName(h *hop) string {
	if h.Target.Kind == Local {
		return "the VPC itself"
	}
	return h.Target.ID
}

// refusedPublic says who lacks a public address.
func (t *trace) refusedPublic() (why, remedy string) {
	switch {
	case t.nat != nil:
		return fmt.Sprintf("NAT gateway %s has no Elastic IP address", t.nat.ID),
			"create a NAT gateway with an Elastic IP address and replace the route to it"
	case t.from.Public.IsValid() && t.flow.Source.Addr() != t.from.Addresses[0]:
		return fmt.Sprintf("%s has no public address, so Internet gateway %s does not carry it; %s belongs to %s",
				t.flow.Source.Addr(), t.hop.Target.ID, t.from.Public, t.from.Addresses[0]),
			"send from " + t.from.Addresses[0].String()
	}
	return fmt.Sprintf(
			"%s has no public address, so Internet gateway %s does not carry it", t.from.title(), t.hop.Target.ID,
		),
		"use a VPC endpoint or a NAT gateway, or associate a public address"
}
