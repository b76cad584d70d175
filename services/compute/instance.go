package compute

import (
	"fmt"
	"net/netip"
	"time"

	"postern/aws/fault"
	"postern/aws/scope"
	"postern/record"
)

// State is an instance's state, with Amazon's numbers.
type State int

// The states.
const (
	Pending      State = 0
	Running      State = 16
	ShuttingDown State = 32
	Terminated   State = 48
	Stopping     State = 64
	Stopped      State = 80
)

var stateNames = map[State]string{
	Pending: "pending", Running: "running", ShuttingDown: "shutting-down", Terminated: "terminated", Stopping: "stopping",
	Stopped: "stopped",
}

func (s State) String() string {
	if name, ok := stateNames[s]; ok {
		return name
	}
	return fmt.Sprintf("state(%d)", int(s))
}

// Reason says why an instance came into its state.
type Reason struct {
	// Code is one of Amazon's, such as "Client.UserInitiatedShutdown".
	Code    string
	Message string
}

// The reasons.
var (
	reasonPending  = Reason{"pending", "pending"}
	reasonUser     = Reason{"Client.UserInitiatedShutdown", "Client.UserInitiatedShutdown: User initiated shutdown"}
	reasonInstance = Reason{
		"Client.InstanceInitiatedShutdown",
		"Client.InstanceInitiatedShutdown: Instance initiated shutdown",
	}
	reasonNotStarted = func(err error) Reason {
		return Reason{"Server.InternalError", "Server.InternalError: " + err.Error()}
	}
)

// Placement is where an instance stands in the private network. It never changes.
type Placement struct {
	// Interface is the id of the instance's network interface, "eni-…".
	Interface, VPC, Subnet, Zone string
	// Address is the interface's primary private address, with its subnet's length.
	Address netip.Prefix
	// Gateway is the subnet's router, Resolver the VPC's own DNS server.
	Gateway, Resolver netip.Addr
	// Hostname is the private host name without Domain, such as "ip-10-0-1-20" and "ec2.internal".
	Hostname, Domain string
}

// Volume says what was asked of a root volume: its size in GiB and its type, 0 and empty for the usual. Both are
// nominal.
type Volume struct {
	Size int32
	Type string
}

// Profile is an instance profile.
type Profile struct{ ARN, ID, Name string }

// MetadataOptions are how the instance may use the metadata service.
type MetadataOptions struct {
	// TokensRequired is IMDSv2 only.
	TokensRequired bool
	// HopLimit is how many hops a token's answer may make, 1–64.
	HopLimit int
	// Disabled turns the service off for this instance; TagsEnabled shows tags in it.
	Disabled, TagsEnabled bool
}

// Instance is the record of one instance.
type Instance struct {
	ID string
	scope.Scope
	// Reservation groups what one Launch made, Index numbers it from 0.
	Reservation string
	Index       int
	// Token is the caller's client token, empty for none.
	Token string

	Placement
	Image, Type, KeyName string
	// PublicKey is the public half of the key pair KeyName at launch, a line for authorized_keys.
	PublicKey string `json:",omitempty"`
	Profile   Profile
	UserData  []byte
	Metadata  MetadataOptions
	// TerminateOnShutdown has a shutdown from inside terminate the instance; otherwise it stops.
	TerminateOnShutdown bool
	// ProtectTermination and ProtectStop refuse Terminate and Stop.
	ProtectTermination, ProtectStop bool
	Tags                            map[string]string
	// VolumeTags are the tags of its root volume, Volume the attributes that were asked of it.
	VolumeTags map[string]string
	Volume     Volume

	// Launched is when the instance was last started, Created when it first was.
	Launched, Created time.Time
	State             State
	Reason            Reason
	// Transition is Amazon's StateTransitionReason, such as "User initiated (2026-11-21 17:02:37 GMT)".
	Transition string
	// Booted says that it has run at least once, so that its layer may hold something of worth.
	Booted bool
	// Ended is when it was terminated.
	Ended time.Time
	// Host is the Config.Host of the service that runs it.
	Host string `json:",omitempty"`

	// own says that this service has written the record, and does what follows from it.
	own bool
}

var (
	byInterface = &record.Index[Instance]{Terms: func(i *Instance) []record.Term {
		if i.State == Terminated {
			return nil
		}
		return []record.Term{{Value: i.Interface}}
	}}
	byImage = &record.Index[Instance]{Terms: func(i *Instance) []record.Term {
		if i.State == Terminated {
			return nil
		}
		return []record.Term{{Value: i.Image}}
	}}
	byEnd = &record.Index[Instance]{Terms: func(i *Instance) []record.Term {
		if i.State != Terminated {
			return nil
		}
		return []record.Term{{Sort: record.Instant(i.Ended)}}
	}}
	instances = &record.Kind[Instance]{
		Name: "instance",
		Key:  func(i *Instance) string { return i.ID },
		Groups: func(i *Instance) []string {
			return []string{i.Scope.String()}
		},
		Indexes: []*record.Index[Instance]{byInterface, byImage, byEnd},
	}
)

// Change tells what a verb did to one instance.
type Change struct {
	ID      string
	Was, Is State
}

// verb is an action that callers may ask of instances.
type verb struct {
	name string // past participle, as Amazon's messages have it
	from map[State]State
	// same are the states in which nothing is to do.
	same []State
}

// The verbs: from which state to which. Anything else is IncorrectInstanceState.
var (
	verbStart     = verb{"started", map[State]State{Stopped: Pending}, []State{Pending, Running}}
	verbStop      = verb{"stopped", map[State]State{Running: Stopping}, []State{Stopping, Stopped}}
	verbReboot    = verb{"rebooted", map[State]State{Running: Running}, nil}
	verbTerminate = verb{
		"terminated",
		map[State]State{Pending: ShuttingDown, Running: ShuttingDown, Stopping: ShuttingDown, Stopped: ShuttingDown},
		[]State{ShuttingDown, Terminated},
	}
)

// next returns the state that the verb leads to, and whether anything is to do.
func (v verb) next(i *Instance) (State, bool, error) {
	if to, ok := v.from[i.State]; ok {
		return to, true, nil
	}
	for _, s := range v.same {
		if i.State == s {
			return s, false, nil
		}
	}
	return 0, false, fault.New(fault.Conflict, "compute",
		"The instance '%s' is not in a state from which it can be %s.", i.ID, v.name).WithCode("IncorrectInstanceState")
}

func userInitiated(now time.Time) string {
	return "User initiated (" + now.UTC().Format("2006-01-02 15:04:05") + " GMT)"
}

func notFound(id string) error {
	return fault.New(fault.NotFound, "compute", "The instance ID '%s' does not exist", id).
		WithCode("InvalidInstanceID.NotFound")
}
