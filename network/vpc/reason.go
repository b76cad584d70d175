package vpc

import "fmt"

// Reason says why a flow was refused, in one word that flow logs, metrics and explanations share.
type Reason uint8

// The reasons, in the order in which they can arise.
const (
	ReasonNone                Reason = iota // not refused
	ReasonUnknownSender                     // no interface has the sender's id
	ReasonMalformed                         // the addresses are not two unicast addresses of one family
	ReasonSpoofed                           // the source address is not the sending interface's
	ReasonEndpointStarts                    // an endpoint's interface answers and never starts a conversation
	ReasonEndpointUnavailable               // the endpoint is pending, deleting or rejected
	ReasonDNSOff                            // the VPC has no DNS support
	ReasonServicePort                       // the link-local service does not listen there
	ReasonNotInstance                       // instance metadata is for instances only
	ReasonNoRule                            // no rule of the interface's groups allows it
	// the rule that would allow it is stale: its group or the peering to it is gone
	ReasonStaleRule
	ReasonACLDenied           // an entry of the network ACL denies it, or none allows it
	ReasonNoRoute             // no route leads there
	ReasonBlackhole           // the route's target is gone
	ReasonPeeringInactive     // the peering connection is not active
	ReasonNotTransitive       // a peering carries only what goes between its own two VPCs
	ReasonResolverOutside     // a VPC's resolver answers only inside its VPC
	ReasonNoInterface         // no interface has the destination address
	ReasonDetached            // the interface is attached to nothing
	ReasonEndpointPort        // an endpoint's interface takes TCP 443 only, or its service's ports
	ReasonNotForwarding       // the route's interface checks destinations, so it forwards nothing
	ReasonLoop                // the route leads back to the sender
	ReasonNoPublicAddress     // an Internet gateway carries only senders with a public address
	ReasonNotPublic           // the destination is no address of the Internet
	ReasonNotJudged           // the route leads to something that is not judged here
	ReasonServiceSide         // an endpoint service's own interface starts connections and takes none
	ReasonResolverUnavailable // the Resolver endpoint is being made or deleted
	ReasonResolverPort        // a Resolver endpoint takes questions on port 53 if it is inbound, else nothing
	ReasonNATUnavailable      // the NAT gateway is pending, failed or deleted
	ReasonNATPrivate          // a private NAT gateway does not lead to the Internet
	ReasonNATRoute            // the NAT gateway's own subnet has no route to an Internet gateway
	ReasonGatewayInterface    // a NAT gateway's interface takes and begins nothing of its own
	ReasonNothingThere        // nothing on the Internet that the server leads to has that address and port
)

var reasonNames = [...]string{
	"none", "unknown-sender", "malformed", "spoofed", "endpoint-starts", "endpoint-unavailable", "dns-off",
	"service-port", "not-instance", "no-rule", "stale-rule", "acl-denied", "no-route", "blackhole", "peering-inactive",
	"not-transitive", "resolver-outside", "no-interface", "detached", "endpoint-port", "not-forwarding", "loop",
	"no-public-address", "not-public", "not-judged", "service-side",
	"resolver-unavailable", "resolver-port", "nat-unavailable", "nat-private",
	"nat-route", "gateway-interface", "nothing-there",
}

func (r Reason) String() string {
	if int(r) >= len(reasonNames) {
		return fmt.Sprintf("reason(%d)", uint8(r))
	}
	return reasonNames[r]
}

// MarshalText gives the reason's name.
func (r Reason) MarshalText() ([]byte, error) { return []byte(r.String()), nil }
