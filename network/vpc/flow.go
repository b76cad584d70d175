package vpc

import (
	"fmt"
	"net/netip"
)

// Protocol is an IP protocol number (IANA), or AllProtocols in a rule.
type Protocol int16

// The protocols that rules name.
const (
	AllProtocols Protocol = -1
	ICMP         Protocol = 1
	TCP          Protocol = 6
	UDP          Protocol = 17
	ICMPv6       Protocol = 58
)

func (p Protocol) String() string {
	switch p {
	case AllProtocols:
		return "all"
	case ICMP:
		return "icmp"
	case TCP:
		return "tcp"
	case UDP:
		return "udp"
	case ICMPv6:
		return "icmpv6"
	}
	return fmt.Sprintf("protocol %d", int16(p))
}

// PortRange is an inclusive range of destination ports (0–65535). For ICMP, From is the type and To the code, with -1
// for any, as in the EC2 API.
type PortRange struct{ From, To int32 }

// Flow is the first packet of a conversation, seen where it leaves the sender.
type Flow struct {
	// From is the id of the network interface that sends it.
	From     string
	Protocol Protocol
	// Source and Destination carry ports for TCP and UDP; the ports are 0 otherwise.
	Source, Destination netip.AddrPort
	// ICMPType and ICMPCode matter for ICMP and ICMPv6 only.
	ICMPType, ICMPCode uint8
}

func (f Flow) String() string {
	if f.Protocol == ICMP || f.Protocol == ICMPv6 {
		return fmt.Sprintf("%s type %d %s → %s", f.Protocol, f.ICMPType, f.Source.Addr(), f.Destination.Addr())
	}
	return fmt.Sprintf("%s %s → %s", f.Protocol, f.Source, f.Destination)
}

// Step is one station on a flow's way. The order of the constants is the order of evaluation.
type Step uint8

// The steps.
const (
	StepSource  Step = iota // the source address belongs to the sending interface
	StepService             // link-local services (resolver, instance metadata): reached without groups and ACLs
	StepEgress              // the sender's security groups, outbound
	StepACLOut              // the sender's subnet's network ACL, outbound
	StepRoute               // the sender's subnet's route table
	StepPeering             // the peering connection is active
	StepTarget              // some interface has the destination address, and it takes flows
	StepACLIn               // the receiver's subnet's network ACL, inbound
	StepIngress             // the receiver's security groups, inbound
)

var stepNames = [...]string{
	"source", "service", "egress", "acl-out", "route", "peering", "target", "acl-in", "ingress",
}

func (s Step) String() string {
	if int(s) >= len(stepNames) {
		return fmt.Sprintf("step(%d)", uint8(s))
	}
	return stepNames[s]
}

// DestinationKind is where an allowed flow is delivered.
type DestinationKind uint8

// The destinations.
const (
	ToNowhere   DestinationKind = iota
	ToInterface                 // another interface of the fabric; Verdict.To is its id
	ToResolver                  // the VPC resolver (base+2 or 169.254.169.253)
	ToMetadata                  // the instance metadata service (169.254.169.254)
	ToInternet                  // an Internet or NAT gateway; Verdict.To is its id
	ToGateway                   // a gateway endpoint; Verdict.To is its id
)

// Verdict is the judgement on a flow, with its reason.
//
//	allow ⇔ source ∧ ( service ∨ ( egress ∧ acl-out ∧ route ∧ peering ∧ target ∧ acl-in ∧ ingress ) )
//
// acl-out and acl-in are asked only where the flow crosses a subnet's border. A denied verdict names the first step
// that refused.
type Verdict struct {
	Allow bool
	// Step decided: the one that refused, or the last one asked.
	Step Step
	// Resource is the id of what decided there: a rule ("sgr-…"), an ACL, a route table, an interface.
	Resource string
	// Kind and To say where an allowed flow goes.
	Kind DestinationKind
	To   string
}

// Origin is where a connection comes from, as the fabric saw it. The zero Origin is a connection from outside every VPC.
type Origin struct {
	Account, Region string
	VPC, Subnet     string
	// Interface is the sender's network interface and Owner what it belongs to ("i-…" or "mi-…").
	Interface, Owner string
	// Endpoint is the VPC endpoint it came through and Service that endpoint's service name.
	Endpoint, Service string
	// EndpointVPC is the VPC the endpoint stands in; it differs from VPC across a peering.
	EndpointVPC string
	Source      netip.AddrPort
}
