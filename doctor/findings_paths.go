package doctor

import "postern/network/vpc"

// filterKinds are about security groups and network ACLs.
var filterKinds = []Kind{
	{
		ID: "egress/no-rule", Title: "The sender's security groups do not let it out", Severity: Broken,
		Means: "No outbound rule of the sending interface's security groups allows this protocol and port to this " +
			"address.",
		Shows: "Connections from the node time out; the node's flow logs say REJECT on its own interface.",
		Mend:  "Authorize the outbound rule that the finding names.",
		Page:  pageGroups,
		refusals: []refusal{
			{vpc.StepEgress, vpc.ReasonNoRule},
		},
	},
	{
		ID: "egress/stale-rule", Title: "The outbound rule that would allow it is stale", Severity: Broken,
		Means: "The rule names a security group of a peered VPC, and that group or the peering is gone, so the rule " +
			"allows nothing.",
		Shows: "Connections from the node time out since the peering or the group was deleted.",
		Mend:  "Revoke the stale rule and authorize the one that the finding names.",
		Page:  pageStaleRules,
		refusals: []refusal{
			{vpc.StepEgress, vpc.ReasonStaleRule},
		},
	},
	{
		ID: "ingress/no-rule", Title: "The receiver's security groups do not let it in", Severity: Broken,
		Means: "No inbound rule of the receiving interface's security groups allows this protocol and port from " +
			"this address or group. At an endpoint that is TCP 443 from the nodes.",
		Shows: "New connections time out; those that were established go on, because groups are stateful. The " +
			"receiver's flow logs say REJECT.",
		Mend: "Authorize the inbound rule that the finding names.",
		Page: pageGroups,
		refusals: []refusal{
			{vpc.StepIngress, vpc.ReasonNoRule},
		},
	},
	{
		ID: "ingress/stale-rule", Title: "The inbound rule that would allow it is stale", Severity: Broken,
		Means: "The rule names a security group of a peered VPC, and that group or the peering is gone, so the rule " +
			"allows nothing.",
		Shows: "Connections time out since the peering or the group was deleted.",
		Mend:  "Revoke the stale rule and authorize the one that the finding names.",
		Page:  pageStaleRules,
		refusals: []refusal{
			{vpc.StepIngress, vpc.ReasonStaleRule},
		},
	},
	{
		ID: "acl-out/denied", Title: "The network ACL does not let it out of the subnet", Severity: Broken,
		Means: "An outbound entry of the subnet's network ACL denies the packet, or none allows it. ACLs are " +
			"stateless: answers need an entry for ephemeral ports of their own.",
		Shows: "Connections time out, or are made from some subnets only.",
		Mend:  "Add the entry that the finding names, or delete the one that denies.",
		Page:  pageACLs,
		refusals: []refusal{
			{vpc.StepACLOut, vpc.ReasonACLDenied},
		},
	},
	{
		ID: "acl-in/denied", Title: "The network ACL does not let it into the subnet", Severity: Broken,
		Means: "An inbound entry of the receiving subnet's network ACL denies the packet, or none allows it. ACLs " +
			"are stateless: answers need an entry for ephemeral ports of their own.",
		Shows: "Connections time out, or are made to some zones only.",
		Mend:  "Add the entry that the finding names, or delete the one that denies.",
		Page:  pageACLs,
		refusals: []refusal{
			{vpc.StepACLIn, vpc.ReasonACLDenied},
		},
	},
}

// routeKinds are about route tables and peering connections.
var routeKinds = []Kind{
	{
		ID: "route/missing", Title: "No route leads to the address", Severity: Broken,
		Means: "The route table of the sender's subnet has no route that covers the destination.",
		Shows: "Connections time out at once or say that the network is unreachable.",
		Mend:  "Add the route that the finding names, or reach the service by a VPC endpoint.",
		Page:  pageRoutes,
		refusals: []refusal{
			{vpc.StepRoute, vpc.ReasonNoRoute},
		},
	},
	{
		ID: "route/blackhole", Title: "The route's target is gone", Severity: Broken,
		Means: "The most specific route leads to a gateway, peering or interface that was deleted.",
		Shows: "Connections time out since the target was deleted; the route's state is blackhole.",
		Mend:  "Replace the route.",
		Page:  pageRoutes,
		refusals: []refusal{
			{vpc.StepRoute, vpc.ReasonBlackhole},
		},
	},
	{
		ID: "route/not-judged", Title: "What lies behind the route is not judged here", Severity: Broken,
		Means: "The route leads to a transit gateway, a virtual private gateway or another target whose own rules " +
			"are not read, and which this network does not carry.",
		Shows: "Depends on what lies behind the target.",
		Mend:  "Look at the routes and rules behind the target.",
		Page:  pageRoutes,
		refusals: []refusal{
			{vpc.StepRoute, vpc.ReasonNotJudged},
		},
	},
	{
		ID: "route/loop", Title: "The route leads back to its own sender", Severity: Broken,
		Means: "The route's target is the very interface that sends.",
		Shows: "Connections time out.",
		Mend:  "Give the subnet of the forwarding interface a route table without that route.",
		Page:  pageRoutes,
		refusals: []refusal{
			{vpc.StepTarget, vpc.ReasonLoop},
		},
	},
	{
		ID: "route/not-forwarding", Title: "The route's interface forwards nothing", Severity: Broken,
		Means: "The route leads to a network interface whose source/destination check is on; it drops what is not " +
			"for itself.",
		Shows: "Connections that go by the forwarding instance time out.",
		Mend:  "Turn the interface's source/destination check off.",
		Page:  pageInterface,
		refusals: []refusal{
			{vpc.StepTarget, vpc.ReasonNotForwarding},
		},
	},
	{
		ID: "peering/inactive", Title: "The peering connection is not active", Severity: Broken,
		Means: "A peering connection carries nothing until its accepter accepts it, and nothing after it is deleted.",
		Shows: "Connections to the other VPC time out.",
		Mend:  "Accept the peering connection, or request a new one.",
		Page:  pagePeering,
		refusals: []refusal{
			{vpc.StepPeering, vpc.ReasonPeeringInactive},
		},
	},
	{
		ID: "peering/not-transitive", Title: "The peering connection carries only its own two VPCs", Severity: Broken,
		Means: "A peering connection carries what goes between its requester and accepter; it leads to no third " +
			"VPC, gateway or gateway endpoint behind them.",
		Shows: "Connections through the peered VPC time out.",
		Mend:  "Peer the two VPCs directly, or create the gateway endpoint in the node's own VPC.",
		Page:  pageTransitive,
		refusals: []refusal{
			{vpc.StepPeering, vpc.ReasonNotTransitive},
		},
	},
}

// internetKinds are about Internet and NAT gateways.
var internetKinds = []Kind{
	{
		ID: "nat/unavailable", Title: "The NAT gateway is not available", Severity: Broken,
		Means: "The NAT gateway is pending, failed or deleted; it carries nothing.",
		Shows: "Connections to public addresses time out.",
		Mend:  "Create a NAT gateway again and replace the route to it.",
		Page:  pageNAT,
		refusals: []refusal{
			{vpc.StepNAT, vpc.ReasonNATUnavailable},
		},
	},
	{
		ID: "nat/private", Title: "A private NAT gateway does not lead to the Internet", Severity: Broken,
		Means: "The NAT gateway's connectivity type is private: it leads to other VPCs and networks and to no " +
			"Internet gateway.",
		Shows: "Connections to public addresses time out.",
		Mend:  "Use a VPC endpoint, or a NAT gateway of connectivity type public.",
		Page:  pageNAT,
		refusals: []refusal{
			{vpc.StepNAT, vpc.ReasonNATPrivate},
		},
	},
	{
		ID: "nat/no-route", Title: "The NAT gateway's own subnet has no route to an Internet gateway", Severity: Broken,
		Means: "A public NAT gateway sends on by the route table of its own subnet, which must lead to an Internet " +
			"gateway.",
		Shows: "Connections to public addresses time out.",
		Mend:  "Add a route to an Internet gateway in the route table of the NAT gateway's subnet.",
		Page:  pageNAT,
		refusals: []refusal{
			{vpc.StepNAT, vpc.ReasonNATRoute},
		},
	},
	{
		ID: "nat/acl-denied", Title: "The network ACL of the NAT gateway's subnet does not let it pass", Severity: Broken,
		Means: "Packets cross the border of the NAT gateway's subnet on their way in and out, and its network ACL " +
			"denies one of both.",
		Shows: "Connections to public addresses time out.",
		Mend:  "Add the entry that the finding names, or delete the one that denies.",
		Page:  pageACLs,
		refusals: []refusal{
			{vpc.StepNAT, vpc.ReasonACLDenied},
		},
	},
	{
		ID: "nat/own-interface", Title: "A NAT gateway's interface is no end of a connection", Severity: Broken,
		Means: "The interface of a NAT gateway translates what comes by a route; it takes and starts no connection " +
			"of its own.",
		Shows: "Connections to its address time out.",
		Mend:  "Connect to the address that is wanted: the route leads through the NAT gateway.",
		Page:  pageNAT,
		refusals: []refusal{
			{vpc.StepSource, vpc.ReasonGatewayInterface},
			{vpc.StepTarget, vpc.ReasonGatewayInterface},
		},
	},
	{
		ID: "internet/no-public-address", Title: "The sender has no public address", Severity: Broken,
		Means: "An Internet gateway translates an interface's private address to its public IPv4 address, and " +
			"carries nothing for an interface, or a NAT gateway, that has none.",
		Shows: "Connections to public addresses time out.",
		Mend:  "Use a VPC endpoint or a NAT gateway, or associate an Elastic IP address.",
		Page:  pageInternet,
		refusals: []refusal{
			{vpc.StepTarget, vpc.ReasonNoPublicAddress},
		},
	},
	{
		ID: "internet/not-public", Title: "The destination is no address of the Internet", Severity: Broken,
		Means: "The route leads to an Internet or NAT gateway, and the address is a private one that nothing there " +
			"has.",
		Shows: "Connections time out.",
		Mend:  "Add a route to where the address is.",
		Page:  pageRoutes,
		refusals: []refusal{
			{vpc.StepTarget, vpc.ReasonNotPublic},
		},
	},
	{
		ID: "internet/nothing-there", Title: "Nothing that the gateway leads to has the address and port", Severity: Broken,
		Means: "Behind this network's gateways are the public services of its own regions, at TCP 443, and the " +
			"ranges that the server opens; the address and port are neither. EC2 APIs do not tell what the Internet holds, " +
			"so explain finds this only where the facts say so.",
		Shows: "Connections time out.",
		Mend:  "Use a public name of a service with TCP 443, or start the server with the range opened.",
		Page:  pageInternet,
		refusals: []refusal{
			{vpc.StepTarget, vpc.ReasonNothingThere},
		},
	},
}

// addressKinds are about the two ends of a connection.
var addressKinds = []Kind{
	{
		ID: "address/unassigned", Title: "No network interface has the address", Severity: Broken,
		Means: "The address is inside a VPC that the route leads to, and no interface there has it.",
		Shows: "Connections time out, as after an endpoint or instance was replaced and the old address was kept " +
			"somewhere.",
		Mend: "Use the address of an interface; an endpoint's addresses are what its names resolve to.",
		Page: pageInterface,
		refusals: []refusal{
			{vpc.StepTarget, vpc.ReasonNoInterface},
		},
	},
	{
		ID: "address/detached", Title: "The interface with the address is attached to nothing", Severity: Broken,
		Means: "A network interface keeps its address while no instance or machine has it, and then nobody answers.",
		Shows: "Connections time out.",
		Mend:  "Attach the interface, or start the instance.",
		Page:  pageInterface,
		refusals: []refusal{
			{vpc.StepTarget, vpc.ReasonDetached},
		},
	},
	{
		ID: "address/unusable", Title: "The packet's two addresses do not go together", Severity: Broken,
		Means: "A packet goes from an address of the sending interface to a unicast address of the same family; a " +
			"node without an IPv6 address reaches none.",
		Shows: "The connection fails at once: the network is unreachable.",
		Mend:  "Use an address of the node's own family, or give the node one of the other.",
		Page:  pageInterface,
		refusals: []refusal{
			{vpc.StepSource, vpc.ReasonMalformed},
			{vpc.StepSource, vpc.ReasonSpoofed},
			{vpc.StepSource, vpc.ReasonUnknownSender},
		},
	},
	{
		ID: "link-local/port", Title: "The link-local service does not take this port", Severity: Broken,
		Means: "The VPC's resolver takes UDP and TCP port 53, the instance metadata service TCP port 80, and " +
			"nothing else.",
		Shows: "Connections to that port fail, and those to the service's own port work.",
		Mend:  "Use the port that the finding names.",
		Page:  pageAmazonDNS,
		refusals: []refusal{
			{vpc.StepService, vpc.ReasonServicePort},
		},
	},
	{
		ID: "link-local/not-an-instance", Title: "Instance metadata is for instances only", Severity: Broken,
		Means: "The interface belongs to no instance, so 169.254.169.254 answers nothing there.",
		Shows: "Requests to 169.254.169.254 time out on a machine that joined by an activation.",
		Mend:  "Give the node its identity by an activation.",
		Page:  pageMetadata,
		refusals: []refusal{
			{vpc.StepService, vpc.ReasonNotInstance},
		},
	},
}
