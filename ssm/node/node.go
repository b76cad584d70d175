package node

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"postern/aws/scope"
	"postern/record"
	"postern/ssm"
)

// Node is a managed node. Its fields' names stand in databases.
type Node struct {
	ID    string
	Scope scope.Scope
	// Name is the activation's DefaultInstanceName.
	Name string `json:",omitempty"`
	// Role is the IAM role whose credentials the node gets, for nodes that are not instances.
	Role string `json:",omitempty"`
	// Activation is the activation by which the node registered; empty for instances.
	Activation string `json:",omitempty"`
	Registered time.Time
	// Fingerprint is the machine's; a copy of the registration on another machine has another one.
	Fingerprint string `json:",omitempty"`
	// PublicKey is the node's key as it registered it: base64 of a DER SubjectPublicKeyInfo. FormerKey is the one
	// before, good until PublicKey is first used.
	PublicKey  string `json:",omitempty"`
	FormerKey  string `json:",omitempty"`
	KeyCreated time.Time
	// Tags are the node's own. An instance's are EC2's and are not here.
	Tags map[string]string `json:",omitempty"`
	// Information is the agent's report of itself at LastPing; a zero LastPing means never.
	Information Information
	LastPing    time.Time
}

// Information has an agent's report of itself and its machine.
type Information struct {
	AgentName          string `json:",omitempty"`
	AgentStatus        string `json:",omitempty"`
	AgentVersion       string `json:",omitempty"`
	AvailabilityZone   string `json:",omitempty"`
	AvailabilityZoneID string `json:",omitempty"`
	ComputerName       string `json:",omitempty"`
	IPAddress          string `json:",omitempty"`
	PlatformName       string `json:",omitempty"`
	PlatformType       string `json:",omitempty"`
	PlatformVersion    string `json:",omitempty"`
	// ConnectionChannel names the endpoint by which the agent takes commands: "", "ssmmessages" or "ec2messages".
	ConnectionChannel string `json:",omitempty"`
}

// merge takes over what is told. An agent's first ping tells little, and must not wipe out what it told before.
func (i *Information) merge(told Information) {
	for _, f := range []struct {
		to   *string
		from string
	}{
		{&i.AgentName, told.AgentName}, {&i.AgentStatus, told.AgentStatus}, {&i.AgentVersion, told.AgentVersion},
		{&i.AvailabilityZone, told.AvailabilityZone}, {&i.AvailabilityZoneID, told.AvailabilityZoneID},
		{&i.ComputerName, told.ComputerName}, {&i.IPAddress, told.IPAddress}, {&i.PlatformName, told.PlatformName},
		{&i.PlatformType, told.PlatformType}, {&i.PlatformVersion, told.PlatformVersion},
		{&i.ConnectionChannel, told.ConnectionChannel},
	} {
		if f.from != "" {
			*f.to = f.from
		}
	}
}

// IsInstance reports whether an id is an EC2 instance's.
func IsInstance(id string) bool { return strings.HasPrefix(id, "i-") }

// Status is a node's PingStatus.
type Status string

// The statuses.
const (
	Online         Status = "Online"
	ConnectionLost Status = "ConnectionLost"
	// Inactive nodes have registered and were never heard of.
	Inactive Status = "Inactive"
)

// Presence describes a node's connections to this server: its control channel and its polls.
type Presence struct {
	// Open says that a control channel or a poll is open now, Seen that one ever was.
	Open, Seen bool
	// Lost is the moment at which the last one closed, or may have closed unseen while the server was away.
	Lost time.Time
	// Window bounds the time in which a node may come back.
	Window time.Duration
}

// PingWindow bounds the age of a ping that shows a node to be online: three of the agent's intervals of five minutes.
const PingWindow = 15 * time.Minute

// Status derives the node's state:
//
//	Online = a connection is open
//	       ∨ pinged within PingWindow ∧ ¬(a connection was lost after that ping and none came back in its window)
//
// A node that pings but has no connection is Online, as on AWS: it is healthy, and cannot take commands.
func (n Node) Status(p Presence, now time.Time) Status {
	switch {
	case p.Open:
		return Online
	case n.LastPing.IsZero() && !p.Seen:
		return Inactive
	case now.Sub(n.LastPing) > PingWindow:
		return ConnectionLost
	case !p.Lost.IsZero() && !n.LastPing.After(p.Lost) && now.Sub(p.Lost) > p.Window:
		return ConnectionLost
	}
	return Online
}

func (n Node) record() record.Record {
	body, err := json.Marshal(n)
	if err != nil {
		panic("node: " + err.Error()) // only strings, times and maps of strings
	}
	return ssm.NewRecord(record.Key{Kind: ssm.KindNode, ID: n.ID}, n.Scope, body)
}

func read(r record.Record) (Node, error) {
	var n Node
	if err := json.Unmarshal(r.Body, &n); err != nil {
		return n, fmt.Errorf("read node %s: %w", r.ID, err)
	}
	return n, nil
}
