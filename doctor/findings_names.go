package doctor

import "postern/network/vpc"

// nodeKinds are about the node itself.
var nodeKinds = []Kind{
	{
		ID: "node/no-interface", Title: "The node has no network interface", Severity: Broken,
		Means: "No network interface of the node is in a VPC that could be read, so there is no path to judge.",
		Shows: "The node is ConnectionLost, or was terminated; a machine has not joined again.",
		Mend:  "Start the instance, or let the machine join again.",
		Page:  pageInterface,
	},
	{
		ID: "node/not-running", Title: "The instance is not running", Severity: Broken,
		Means: "The instance is pending, stopping, stopped or terminated; its agent runs only while it is running.",
		Shows: "The node is ConnectionLost, and commands to it stay Pending until they time out.",
		Mend:  "Start it. A terminated instance does not come back.",
		Page:  pageAvailability,
	},
	{
		ID: "node/metadata-off", Title: "The instance metadata service is off", Severity: Broken,
		Means: "The agent of an instance asks the metadata service for its instance id, region and credentials; the " +
			"instance's options turn that service off.",
		Shows: "The agent's log says that it finds no region or no credentials, and the node never registers.",
		Mend:  "Turn the service on in the instance's metadata options.",
		Page:  pageMetadata,
	},
	{
		ID: "node/agent-silent", Title: "Nothing stands in the way, and yet the node is not online", Severity: Unknown,
		Means: "The network, the names, the role and the policies allow what the agent needs. What is left is on " +
			"the machine.",
		Shows: "The node is ConnectionLost or not registered, while explain finds no other cause.",
		Mend:  "See that the agent runs, that the machine's clock is right, and what the agent's log says.",
		Page:  pageAvailability,
	},
}

// dnsKinds are about what a service's name means to the node.
var dnsKinds = []Kind{
	{
		ID: "dns/support-off", Title: "DNS support is off in the VPC", Severity: Broken,
		Means: "With enableDnsSupport false the resolver at the VPC's base address plus two, and at " +
			"169.254.169.253, answers nobody.",
		Shows: "Every look-up of a name on the node times out.",
		Mend:  "Set enableDnsSupport of the VPC to true.",
		Page:  pageDNS,
		refusals: []refusal{
			{vpc.StepService, vpc.ReasonDNSOff},
		},
		causes: []vpc.NameCause{vpc.CauseDNSSupportOff},
	},
	{
		ID: "dns/hostnames-off", Title: "DNS hostnames are off in the VPC", Severity: Broken,
		Means: "Private DNS of an interface endpoint holds only in a VPC with enableDnsHostnames true; without it " +
			"the service's name means public addresses.",
		Shows: "The service's name resolves to public addresses on the node, and connections to them time out.",
		Mend:  "Set enableDnsHostnames of the VPC to true.",
		Page:  pageDNS,
		causes: []vpc.NameCause{
			vpc.CauseDNSHostnamesOff,
		},
	},
	{
		ID: "dns/private-dns-off", Title: "Private DNS is off on the endpoint", Severity: Broken,
		Means: "There is an interface endpoint to the service, but the service's ordinary name does not lead to it, " +
			"and that name is what agents and SDKs use.",
		Shows: "The service's name resolves to public addresses on the node, and connections to them time out.",
		Mend:  "Turn private DNS on for the endpoint, or use the endpoint's own name.",
		Page:  pageEndpoint,
		causes: []vpc.NameCause{
			vpc.CausePrivateDNSOff,
		},
	},
	{
		ID: "dns/unknown-name", Title: "Nothing in the VPC has the name", Severity: Broken,
		Means: "The name is neither that of a service with an endpoint nor that of an interface which the VPC can " +
			"see.",
		Shows: "The look-up says that there is no such name, or gives a public address that is not reached.",
		Mend:  "Ask for a service by its name, or for an existing interface.",
		Page:  pageAmazonDNS,
		causes: []vpc.NameCause{
			vpc.CauseUnknownName, vpc.CauseNoVPC,
		},
	},
	{
		ID: "dns/server-unreached", Title: "The DNS server of the DHCP options is not reached", Severity: Broken,
		Means: "The VPC's DHCP options give its nodes a DNS server of one's own, and the path to it is refused.",
		Shows: "Every look-up of a name on the node times out.",
		Mend: "Do what the finding's remedy says about the path to the server, or associate the default DHCP " +
			"options.",
		Page: pageDHCP,
	},
	{
		ID: "dns/server-not-judged", Title: "What the DNS server of the DHCP options answers is not known", Severity: Unknown,
		Means: "The VPC's DHCP options give its nodes DNS servers that no EC2 API describes. Unless they forward " +
			"amazonaws.com to the VPC's resolver, the private names of endpoints do not hold. Where the node is not online " +
			"and nothing else is wrong, this is the likeliest cause, and the severity is broken.",
		Shows: "The service's name resolves to public addresses, or to nothing, on the node.",
		Mend:  "Let the servers forward amazonaws.com to the VPC's own resolver.",
		Page:  pageDHCP,
	},
	{
		ID: "dns/forward-unreached", Title: "A forwarded question does not arrive", Severity: Broken,
		Means: "A Resolver rule has the name asked of another DNS server, and none of the paths from the outbound " +
			"endpoint to its targets lets the question pass.",
		Shows: "Look-ups of names in the rule's domain time out, and all others work.",
		Mend:  "Do what the finding's remedy says about the path from the outbound endpoint.",
		Page:  pageForward,
		causes: []vpc.NameCause{
			vpc.CauseForwardRefused,
		},
	},
	{
		ID: "dns/forward-not-judged", Title: "What a forwarded question is answered is not known", Severity: Unknown,
		Means: "A Resolver rule has the name asked of a DNS server that no AWS API describes.",
		Shows: "The name resolves to whatever that server says.",
		Mend:  "Let the server know the name, or make a rule of type SYSTEM for it.",
		Page:  pageForward,
	},
	{
		ID: "dns/resolver-unavailable", Title: "The Resolver endpoint is not available", Severity: Broken,
		Means: "The Resolver endpoint is being made, deleted or has no interface; it takes and sends nothing.",
		Shows: "Look-ups that go by this endpoint time out.",
		Mend:  "Wait until it is operational, or create it again.",
		Page:  pageResolver,
		refusals: []refusal{
			{vpc.StepSource, vpc.ReasonResolverUnavailable},
			{vpc.StepTarget, vpc.ReasonResolverUnavailable},
		},
		causes: []vpc.NameCause{vpc.CauseForwardUnavailable},
	},
	{
		ID: "dns/resolver-port", Title: "The Resolver endpoint does not take this traffic", Severity: Broken,
		Means: "An inbound Resolver endpoint takes UDP and TCP port 53; an outbound one takes nothing but answers.",
		Shows: "Connections to the endpoint's addresses time out.",
		Mend:  "Ask an inbound endpoint at port 53.",
		Page:  pageResolver,
		refusals: []refusal{
			{vpc.StepTarget, vpc.ReasonResolverPort},
		},
	},
	{
		ID: "dns/resolver-outside", Title: "The resolver of another VPC does not answer", Severity: Broken,
		Means: "A VPC's resolver answers only inside its own VPC, over a peering too.",
		Shows: "Look-ups that are sent to the other VPC's base address plus two time out.",
		Mend:  "Ask a Resolver inbound endpoint in that VPC, or the node's own resolver.",
		Page:  pageResolver,
		refusals: []refusal{
			{vpc.StepTarget, vpc.ReasonResolverOutside},
		},
	},
}

// endpointKinds are about VPC endpoints.
var endpointKinds = []Kind{
	{
		ID: "endpoint/missing", Title: "No endpoint leads to the service", Severity: Broken,
		Means: "The node's VPC has no endpoint to the service. One in another VPC has private names in its own VPC " +
			"only.",
		Shows: "The service's name resolves to public addresses on the node, and connections to them time out.",
		Mend: "Create an interface endpoint with private DNS in the node's VPC, or a gateway endpoint where the " +
			"service has those.",
		Page: pageSystemsManager,
		causes: []vpc.NameCause{
			vpc.CauseNoEndpoint,
		},
	},
	{
		ID: "endpoint/unavailable", Title: "The endpoint is not available", Severity: Broken,
		Means: "The endpoint is pending, being deleted, or its service's owner has not accepted it or has rejected " +
			"it.",
		Shows: "Connections to the endpoint's addresses time out.",
		Mend:  "Wait until it is available, let the service's owner accept it, or create it again.",
		Page:  pageEndpoint,
		refusals: []refusal{
			{vpc.StepSource, vpc.ReasonEndpointUnavailable},
			{vpc.StepTarget, vpc.ReasonEndpointUnavailable},
		},
		causes: []vpc.NameCause{vpc.CauseUnavailable},
	},
	{
		ID: "endpoint/no-interface", Title: "The endpoint has no interface in any subnet", Severity: Broken,
		Means: "An interface endpoint answers at its network interfaces, one a subnet; this one has none.",
		Shows: "The service's name resolves to public addresses on the node, and connections to them time out.",
		Mend:  "Add a subnet to the endpoint.",
		Page:  pageEndpoint,
		causes: []vpc.NameCause{
			vpc.CauseNoInterface,
		},
	},
	{
		ID: "endpoint/port", Title: "The endpoint does not take this port", Severity: Broken,
		Means: "An endpoint to a service of AWS takes TCP port 443 only, one to a service of one's own the ports of " +
			"its targets.",
		Shows: "Connections to that port time out, and those to the service's own port work.",
		Mend:  "Use a port that the finding names.",
		Page:  pageEndpoint,
		refusals: []refusal{
			{vpc.StepTarget, vpc.ReasonEndpointPort},
		},
	},
	{
		ID: "endpoint/policy", Title: "The endpoint's policy does not let the node's role act", Severity: Broken,
		Means: "An endpoint policy limits what may be done through the endpoint; it can take away what the role's " +
			"policies allow.",
		Shows: "The agent's calls answer AccessDenied though its role allows them.",
		Mend:  "Let the endpoint's policy allow the actions that the finding names.",
		Page:  pageEndpointPolicy,
	},
	{
		ID: "endpoint/no-principal", Title: "The endpoint's policy wants a principal of calls that have none",
		Severity: Broken,
		Means: "A machine that is no instance registers, and gets its role, with calls that no IAM principal signs. The " +
			"endpoint's policy allows them under a condition on a key of the principal only, as a data perimeter with " +
			"aws:PrincipalOrgID does; such a key has no value then.",
		Shows: "The machine does not register, or is ConnectionLost when its credentials end, an hour later.",
		Mend:  "Let the endpoint's policy allow these two actions by a key that the calls have.",
		Page:  pageEndpointPolicy,
	},
	{
		ID: "endpoint/starts-nothing", Title: "An endpoint's interface starts no connection", Severity: Broken,
		Means: "The interfaces of VPC endpoints and of inbound Resolver endpoints answer, and never start a " +
			"connection.",
		Shows: "Nothing: no connection is tried.",
		Mend:  "Ask about the connection from the node's side.",
		Page:  pageEndpoint,
		refusals: []refusal{
			{vpc.StepSource, vpc.ReasonEndpointStarts},
		},
	},
	{
		ID: "endpoint/service-side", Title: "The service's own side takes no connection", Severity: Broken,
		Means: "An endpoint service's own interface starts the connections to its targets and takes none.",
		Shows: "Connections to its address time out.",
		Mend:  "Connect to an endpoint of the service.",
		Page:  pageEndpointService,
		refusals: []refusal{
			{vpc.StepTarget, vpc.ReasonServiceSide},
		},
	},
}
