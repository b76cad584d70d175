package doctor

import (
	"time"

	"postern/aws/iam"
	"postern/network/vpc"
)

// Facts hold what Assess judges: what an EC2 API says about a node and the network around it.
type Facts struct {
	Account, Region string
	// At holds the time at which they were read; policies can depend on it.
	At      time.Time
	Node    Node
	Network vpc.Network
	// Roles lists the roles that the node's agent can have, in the order in which it tries them.
	Roles []Role
	// RolesUnread tells why Roles could not be read; empty where they were.
	RolesUnread string
	// EndpointPolicies are the endpoints' policy documents (JSON) by endpoint id.
	EndpointPolicies map[string]string
	// DNSServers are the DNS servers that the VPC's DHCP options give its nodes; none means the VPC's own resolver.
	DNSServers []string
	// Offers are the services that endpoints can lead to; none where that could not be read.
	Offers []Offer
	// Unchecked says, one line each, what could not be read and is not judged.
	Unchecked []string

	// compiled is Network made ready for the judge; nil where it is not yet.
	compiled *vpc.Snapshot
}

// Node is the machine that connects.
type Node struct {
	// ID is "i-…", "mi-…" or, for an interface asked about by itself, "eni-…".
	ID string
	// Name holds the Name tag, or the name that the machine registered with; it may be empty.
	Name string
	// Interface is the id of its primary network interface; empty where it has none.
	Interface string
	// State is an instance's state, such as "running"; empty for other nodes.
	State string
	// Metadata holds an instance's metadata options; nil for other nodes, and where they could not be read.
	Metadata *Metadata
	// Status holds its ping status ("Online", "ConnectionLost", "Inactive"); empty where it is not
	// registered. LastPing is when it was last heard of.
	Status       string
	LastPing     time.Time
	AgentVersion string
}

// Metadata is an instance's metadata options.
type Metadata struct {
	// Off says that the service answers nothing.
	Off bool
	// HopLimit limits the hops of an answer with a token; 0 where it could not be read.
	HopLimit int
}

// Role is an IAM role that the node's agent can have.
type Role struct {
	Name, ARN string
	// By tells how the node comes to have it, such as "instance profile nodes".
	By string
	// Service is the service principal that has to be trusted: "ec2.amazonaws.com" or "ssm.amazonaws.com".
	Service string
	// Trust is the trust policy's document (JSON).
	Trust    string
	Policies []Document
	// Boundary is the permissions boundary, if there is one.
	Boundary *Document

	// compiled gives what parse does, once for all nodes that have the role; nil where it is parsed each time.
	compiled func() (*iam.Policies, []string)
}

// Document is a policy document (JSON) with what it is called.
type Document struct{ Name, JSON string }
