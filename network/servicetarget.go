package network

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"postern/aws/arn"
	"postern/aws/scope"
	"postern/network/vpc"
)

// The ARN of a target stands where the EC2 API has the ARN of a load balancer (docs/decisions/0005):
//
//	arn:aws:postern:REGION:ACCOUNT:target/PORT/network-interface/eni-…/PORT[/proxy-protocol-v2]
//	arn:aws:postern:REGION:ACCOUNT:target/PORT/host/ADDRESS/PORT[/proxy-protocol-v2]
//
// The first port is what the service's endpoints take, the second where it goes.
const (
	targetService   = "postern"
	targetType      = "target"
	targetInterface = "network-interface"
	targetHost      = "host"
	targetProxy     = "proxy-protocol-v2"
	targetForm      = "target/PORT/network-interface/eni-…/PORT, or …:target/PORT/host/ADDRESS/PORT, with " +
		"/proxy-protocol-v2 after it where the target wants that header"
)

// ServiceTarget is where connections to one port of an endpoint service end.
type ServiceTarget struct {
	// Port is taken by the endpoints, and leads to TargetPort.
	Port, TargetPort uint16
	// Interface is the target, at its primary address; From is the service's own interface in its subnet.
	Interface string `json:",omitempty"`
	From      string `json:",omitempty"`
	// Host is an address of the server's host, where Interface is empty.
	Host netip.Addr `json:",omitzero"`
	// ProxyProtocol says that connections begin with a PROXY protocol header, version 2.
	ProxyProtocol bool `json:",omitempty"`
}

// ARN names the target among those of its owner.
func (t *ServiceTarget) ARN(c scope.Scope) string {
	to := targetInterface + "/" + t.Interface
	if t.Interface == "" {
		to = targetHost + "/" + t.Host.String()
	}
	resource := fmt.Sprintf("%s/%d/%s/%d", targetType, t.Port, to, t.TargetPort)
	if t.ProxyProtocol {
		resource += "/" + targetProxy
	}
	return arn.New(targetService, c.Region, c.Account, resource).String()
}

// parseTarget reads the ARN of a target of the scope. Each target has one form only.
func parseTarget(c scope.Scope, text string) (ServiceTarget, error) {
	var t ServiceTarget
	a, err := arn.Parse(text)
	parts := strings.Split(a.Resource, "/")
	if err == nil && len(parts) == 6 && parts[5] == targetProxy {
		t.ProxyProtocol, parts = true, parts[:5]
	}
	if err != nil || len(parts) != 5 || parts[0] != targetType {
		return t, notTarget(c, text)
	}
	t.Port, t.TargetPort = targetPort(parts[1]), targetPort(parts[4])
	switch parts[2] {
	case targetInterface:
		t.Interface = parts[3]
	case targetHost:
		t.Host, _ = netip.ParseAddr(parts[3]) // what is none gives another ARN
	}
	if t.Port == 0 || t.TargetPort == 0 || t.ARN(c) != text {
		return t, notTarget(c, text)
	}
	return t, nil
}

// targetPort is a port from 1 to 65535, or 0 for what is none.
func targetPort(text string) uint16 {
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return 0
	}
	return uint16(n)
}

func notTarget(c scope.Scope, text string) error {
	return invalidParameter("'%s' is no target of an endpoint service. There are no load balancers here; write %s", text,
		arn.New(targetService, c.Region, c.Account, targetForm))
}

// addTarget gives the service, not yet put, one more target.
func (p *plan) addTarget(v *VpcEndpointService, text string) error {
	t, err := parseTarget(p.scope, text)
	if err != nil {
		return err
	}
	for i := range v.Targets {
		if v.Targets[i].ARN(p.scope) == text {
			return invalidParameter("The service %s has the target %s already.", v.ID, text)
		}
	}
	if len(v.Targets) >= p.limits.TargetsPerService {
		return overLimit("LoadBalancerLimitExceeded", "The maximum number of targets of an endpoint service is %d",
			p.limits.TargetsPerService)
	}
	if t.Interface == "" {
		if p.hostTarget == nil || !p.hostTarget(netip.AddrPortFrom(t.Host, t.TargetPort)) {
			return refuseOperation("The server's configuration does not allow %s:%d of its host as a target", t.Host,
				t.TargetPort)
		}
		v.Targets = append(v.Targets, t)
		return nil
	}
	n, err := p.Interface(p.scope, t.Interface)
	if err != nil {
		return err
	}
	if n.Kind != vpc.InstanceInterface && n.Kind != vpc.AttachedInterface {
		return invalidParameter("The interface %s belongs to %s and cannot be a target.", n.ID, n.Owner())
	}
	if t.From, err = p.serviceSide(v, n.Subnet); err != nil {
		return err
	}
	v.Targets = append(v.Targets, t)
	return nil
}

// serviceSide is the service's own interface in a subnet, made if there is none.
func (p *plan) serviceSide(v *VpcEndpointService, subnet string) (string, error) {
	for _, t := range v.Targets {
		if n, ok := interfaceKind.Get(p.Tables, t.From); ok && n.Subnet == subnet {
			return n.ID, nil
		}
	}
	in, err := p.Subnet(p.scope, subnet)
	if err != nil {
		return "", err
	}
	n := p.newInterface(in, vpc.ServiceInterface)
	n.Description = "VPC Endpoint Service " + v.ID
	if n.Addresses, err = p.addressesFor(in, nil, 0); err != nil {
		return "", err
	}
	n.Attachment = p.attachment(v.ID, false)
	n.Attachment.ID = newID("ela-attach")
	p.put(n)
	return n.ID, nil
}

// removeTarget takes a target from the service, not yet put, and its own interface where no other target needs it.
func (p *plan) removeTarget(v *VpcEndpointService, text string) error {
	for i := range v.Targets {
		if v.Targets[i].ARN(p.scope) != text {
			continue
		}
		from := v.Targets[i].From
		v.Targets = append(v.Targets[:i:i], v.Targets[i+1:]...)
		p.releaseSide(v, from)
		return nil
	}
	return invalidParameter("The service %s has no target %s.", v.ID, text)
}

// releaseSide removes an interface of the service's own unless a target needs it.
func (p *plan) releaseSide(v *VpcEndpointService, from string) {
	for _, t := range v.Targets {
		if t.From == from {
			return
		}
	}
	if n, ok := interfaceKind.Get(p.Tables, from); ok {
		p.remove(n)
	}
}
