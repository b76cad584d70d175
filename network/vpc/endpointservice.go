package vpc

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// EndpointService is a service of one's own that interface endpoints lead to (AWS PrivateLink).
type EndpointService struct {
	// ID is "vpce-svc-…", Name "com.amazonaws.vpce.REGION.vpce-svc-…", Account the owner's.
	ID, Name, Account string
	// Targets say where its connections end. Several of one port share them.
	Targets []ServiceTarget
	// Opaque says that its targets are not known here: endpoints are then judged as if it served every port.
	Opaque bool
}

// ServiceTarget says where the connections to one port of a service's endpoints end: at a network interface, or at an
// address of the server's host.
type ServiceTarget struct {
	// Port says what the endpoints take (TCP), TargetPort where it goes.
	Port, TargetPort uint16
	// Interface is the target, at its primary address; From is the service's own interface, which connects to it.
	Interface, From string
	// Host is the target where Interface is empty.
	Host netip.Addr
	// ProxyProtocol says that the connection begins with a PROXY protocol header, version 2.
	ProxyProtocol bool
}

// Acceptance says whether the owner of a service lets an endpoint in.
type Acceptance uint8

// The states of acceptance.
const (
	Accepted           Acceptance = iota // or never asked for
	AwaitsAcceptance                     // the owner has not answered yet
	AcceptanceRejected                   // the owner has said no
)

// OwnService reports whether a service name is that of an endpoint service of somebody's own.
func OwnService(name string) bool { return strings.HasPrefix(name, "com.amazonaws.vpce.") }

// takes reports whether the endpoint's interfaces take connections to a TCP port.
func (s *Snapshot) takes(e *endpoint, port uint16) bool {
	service := s.serviceOf(e)
	if service == nil {
		return port == endpointPort
	}
	return service.Opaque || slices.ContainsFunc(service.Targets, func(t ServiceTarget) bool { return t.Port == port })
}

// serviceOf returns the service that somebody offers and the endpoint leads to, or nil where it is one of Amazon's own.
func (s *Snapshot) serviceOf(e *endpoint) *EndpointService {
	v, _ := s.serviceNames.get(e.Service)
	return v
}

// ports returns the TCP ports that an endpoint to the service takes, in words: "tcp 443". It takes a nil service.
func (v *EndpointService) ports() string {
	if v == nil {
		return "tcp 443"
	}
	var words []string
	for _, p := range v.Ports() {
		words = append(words, "tcp "+strconv.Itoa(int(p)))
	}
	if len(words) == 0 {
		return "nothing"
	}
	return strings.Join(words, ", ")
}

// Ports are the TCP ports that the service's endpoints take, each once and in order.
func (v *EndpointService) Ports() []uint16 {
	var ports []uint16
	for _, t := range v.Targets {
		ports = append(ports, t.Port)
	}
	slices.Sort(ports)
	return slices.Compact(ports)
}

// EndpointService returns the service with the name.
func (s *Snapshot) EndpointService(name string) (EndpointService, bool) {
	if v, ok := s.serviceNames.get(name); ok {
		return *v, true
	}
	return EndpointService{}, false
}

// TargetsOf returns the targets of a connection to a port of an endpoint's interface: near are those in the interface's
// own zone and those that stand in no zone, far are the others.
func (s *Snapshot) TargetsOf(eni string, port uint16) (near, far []ServiceTarget) {
	at := s.nic(eni)
	if at.endpoint() == nil {
		return nil, nil
	}
	service := s.serviceOf(at.endpoint())
	if service == nil {
		return nil, nil
	}
	for _, t := range service.Targets {
		switch from := s.nic(t.From); {
		case t.Port != port:
		case from.none() || from.subnet().Zone == at.subnet().Zone:
			near = append(near, t)
		default:
			far = append(far, t)
		}
	}
	return near, far
}

// behind explains what becomes of a connection that an endpoint of somebody's own service has taken: the path from the
// service's own interface to its target. It is nil where that is not a path of this network.
func (s *Snapshot) behind(t *trace) *Explanation {
	if !t.verdict.Allow || t.to.none() || t.to.endpoint() == nil || s.serviceOf(t.to.endpoint()) == nil {
		return nil
	}
	var first *Explanation
	near, far := s.TargetsOf(t.to.ID, t.flow.Destination.Port())
	for _, target := range slices.Concat(near, far) {
		if target.Interface == "" {
			return nil
		}
		e := s.explainTarget(t, target)
		if e.Works() {
			return &e
		}
		if first == nil {
			first = &e
		}
	}
	return first
}

func (s *Snapshot) explainTarget(t *trace, target ServiceTarget) Explanation {
	from := s.nic(target.From)
	f := Flow{From: from.ID, Protocol: TCP, Source: netip.AddrPortFrom(from.Addresses[0], t.flow.Source.Port())}
	if to := s.nic(target.Interface); !to.none() {
		f.Destination = netip.AddrPortFrom(to.Addresses[0], target.TargetPort)
		e, _ := s.explain(f)
		return e
	}
	service := s.serviceOf(t.to.endpoint())
	return Explanation{
		Flow: f, Verdict: Verdict{Step: StepTarget, Reason: ReasonNoInterface, Resource: target.Interface},
		Steps: []StepReport{{
			Step: StepTarget, Outcome: Refused, Resource: target.Interface, Reason: ReasonNoInterface,
			Why:    fmt.Sprintf("%s, where %s leads, is gone", target.Interface, service.ID),
			Remedy: fmt.Sprintf("give %s another target", service.ID),
		}},
	}
}

// unavailable says why an endpoint takes nothing, and what would mend it.
func (e *endpoint) unavailable() (why, remedy string) {
	if e == nil {
		return "the interface is left of an endpoint that is gone", "delete the interface"
	}
	switch e.Acceptance {
	case AwaitsAcceptance:
		return fmt.Sprintf("endpoint %s awaits acceptance by the owner of %s", e.ID, e.Service),
			fmt.Sprintf("let the owner accept %s (AcceptVpcEndpointConnections)", e.ID)
	case AcceptanceRejected:
		return fmt.Sprintf("endpoint %s was rejected by the owner of %s", e.ID, e.Service),
			fmt.Sprintf("let the owner accept %s (AcceptVpcEndpointConnections), or create the endpoint again", e.ID)
	}
	return fmt.Sprintf("endpoint %s is not available", e.ID),
		fmt.Sprintf("wait until %s is available, or create the endpoint again", e.ID)
}
