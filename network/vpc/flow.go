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

// MarshalText gives the protocol as String does.
func (p Protocol) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// PortRange is an inclusive range of destination ports (0–65535). For ICMP, From is the type and To the code, with -1
// for any, as in the EC2 API.
type PortRange struct{ From, To int32 }

// Flow is the first packet of a conversation, seen where it leaves the sender.
type Flow struct {
	// From is the id of the network interface that sends it. For DecideTracked it may also be the gateway or gateway
	// endpoint that the conversation went out by (Verdict.To), for what comes back through it.
	From     string   `json:"from"`
	Protocol Protocol `json:"protocol"`
	// Source and Destination carry ports for TCP and UDP; the ports are 0 otherwise.
	Source      netip.AddrPort `json:"source"`
	Destination netip.AddrPort `json:"destination"`
	// ICMPType and ICMPCode matter for ICMP and ICMPv6 only.
	ICMPType uint8 `json:"icmpType,omitempty"`
	ICMPCode uint8 `json:"icmpCode,omitempty"`
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
	// the NAT gateway on the way: its subnet's ACL, both ways, and its route to an Internet gateway
	StepNAT
	StepTarget  // some interface has the destination address, and it takes flows
	StepACLIn   // the receiver's subnet's network ACL, inbound
	StepIngress // the receiver's security groups, inbound
)

var stepNames = [...]string{
	"source", "service", "egress", "acl-out", "route", "peering", "nat", "target", "acl-in", "ingress",
}

func (s Step) String() string {
	if int(s) >= len(stepNames) {
		return fmt.Sprintf("step(%d)", uint8(s))
	}
	return stepNames[s]
}

// MarshalText gives the step's name.
func (s Step) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// DestinationKind says where an allowed flow is delivered.
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

var destinationNames = [...]string{"nowhere", "interface", "resolver", "metadata", "internet", "gateway"}

func (k DestinationKind) String() string {
	if int(k) >= len(destinationNames) {
		return fmt.Sprintf("destination(%d)", uint8(k))
	}
	return destinationNames[k]
}

// MarshalText gives the destination's name.
func (k DestinationKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// Verdict is the judgement on a flow, with its reason.
//
//	allow ⇔ source ∧ ( service ∨ ( egress ∧ acl-out ∧ route ∧ peering ∧ nat ∧ target ∧ acl-in ∧ ingress ) )
//
// acl-out and acl-in are asked only where the flow crosses a subnet's border. A denied verdict names the first step
// that refused. For a packet of a tracked conversation egress and ingress are not asked.
type Verdict struct {
	Allow bool `json:"allow"`
	// Step decided: the one that refused, or the last one asked.
	Step Step `json:"step"`
	// Reason says why a denied flow was refused.
	Reason Reason `json:"reason,omitempty"`
	// Resource is the id of what decided there: the rule that allowed ("sgr-…"), the group that has none that would,
	// an ACL, a route table, a peering, a gateway, an interface, a VPC.
	Resource string `json:"resource,omitempty"`
	// Kind and To say where an allowed flow goes.
	Kind DestinationKind `json:"kind"`
	To   string          `json:"to,omitempty"`
	// Public is the source address of an allowed flow to the Internet, behind its gateway.
	Public netip.Addr `json:"public,omitzero"`
}

// Origin says where a connection comes from, as the fabric saw it. The zero Origin is a connection from outside every
// VPC.
type Origin struct {
	// Account, Region, VPC and Subnet are the sender's.
	Account, Region string
	VPC, Subnet     string
	// Interface is the sender's network interface and Owner what it belongs to ("i-…" or "mi-…").
	Interface, Owner string
	// Endpoint is the VPC endpoint it came through and Service that endpoint's service name.
	Endpoint, Service string
	// EndpointVPC is the VPC the endpoint stands in and EndpointAccount that VPC's account; they differ from VPC and
	// Account across a peering.
	EndpointVPC, EndpointAccount string
	Source                       netip.AddrPort
}
