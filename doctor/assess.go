package doctor

import (
	"cmp"
	"fmt"
	"net/netip"
	"strings"

	"postern/aws/buckets"
	"postern/aws/fault"
	"postern/network/vpc"
)

const (
	// sourcePort stands for the ephemeral port that the node would choose.
	sourcePort = 49152
	dnsPort    = 53
	// somewhere stands for any address of the Internet (RFC 5737).
	somewhere = "203.0.113.1"
)

// target holds what the node wants to reach.
type target struct {
	asked string
	// service is its service name and name its host name; an address alone has neither.
	service, name string
	// short says that the service was asked for by its short name.
	short     bool
	addresses []netip.Addr
	port      uint16
	// private is false where the addresses are public ones, as for a gateway endpoint.
	private bool
}

// Assess judges how the node of the facts reaches a service ("ssm" or "com.amazonaws.us-east-1.ssm"), a host name or
// an address, each with ":PORT" where it is not 443. It fails with Invalid if to is none of these, or if the network
// of the facts contradicts itself.
func Assess(f Facts, to string) (Report, error) { return assess(f, to, nil) }

// assess is Assess where Amazon's buckets are wanted for uses.
func assess(f Facts, to string, uses []buckets.Use) (Report, error) {
	s, err := f.compile()
	if err != nil {
		return Report{}, err
	}
	t, err := parseTarget(f.Region, to)
	if err == nil {
		err = t.checkOffered(&f)
	}
	if err != nil {
		return Report{}, err
	}
	a := &assessment{facts: &f, snapshot: s, target: t, uses: uses, Report: Report{
		From: f.Node.ID, To: to, Service: t.service, Findings: []Finding{}, Unchecked: f.Unchecked,
	}}
	if a.node() {
		a.lookup()
		a.connect()
	}
	a.identity()
	a.withoutPrincipal()
	a.buckets()
	a.status()
	a.Works = !a.broken()
	return a.Report, nil
}

// compile returns the network as it is judged.
func (f *Facts) compile() (*vpc.Snapshot, error) {
	if f.compiled != nil {
		return f.compiled, nil
	}
	s, err := vpc.NewSnapshot(1, f.Network)
	if err != nil {
		return nil, fault.New(fault.Invalid, "doctor.Assess", "the network cannot be judged: %w", err)
	}
	return s, nil
}

type assessment struct {
	Report
	facts    *Facts
	snapshot *vpc.Snapshot
	target   target
	// nic is the node's network interface.
	nic vpc.Interface
	// endpoint is the endpoint that the connection goes through, if any.
	endpoint string
	// view is the VPC whose resolver answers the node.
	view string
	// uses says what Amazon's buckets are wanted for.
	uses []buckets.Use
	// public is true where the node goes to public addresses by an Internet or NAT gateway.
	public bool
}

func parseTarget(region, to string) (target, error) {
	t := target{asked: to, port: 443}
	host := to
	if h, port, ok := strings.Cut(to, ":"); ok && !strings.Contains(port, ":") {
		p, err := netip.ParseAddrPort("0.0.0.0:" + port)
		if err != nil {
			return t, fault.New(fault.Invalid, "doctor.Assess", "%q: %q is no port", to, port)
		}
		host, t.port = h, p.Port()
	}
	if a, err := netip.ParseAddr(host); err == nil {
		t.addresses, t.private = []netip.Addr{a.Unmap()}, a.IsPrivate()
		return t, nil
	}
	switch labels := strings.Split(strings.TrimSuffix(host, "."), "."); {
	case host == "" || strings.ContainsAny(host, "/ @"):
		return t, fault.New(fault.Invalid, "doctor.Assess", "%q is no service, host name or address; try ssm", to)
	case len(labels) == 1:
		t.short = true
		t.service, t.name = "com.amazonaws."+region+"."+host, host+"."+region+".amazonaws.com"
	case vpc.OwnService(host):
		t.service = host
	case len(labels) == 4 && labels[0] == "com" && labels[1] == "amazonaws":
		t.service, t.name = host, labels[3]+"."+labels[2]+".amazonaws.com"
	default:
		t.name = host
	}
	return t, nil
}

// node finds the node's interface and address. Without them there is no path to judge.
func (a *assessment) node() bool {
	n := &a.facts.Node
	c, ok := a.snapshot.Interface(n.Interface)
	if !ok {
		a.check("node", Broken, "%s has no network interface in a VPC that was read", n.ID)
		a.find(Finding{
			ID: "node/no-interface", Resource: n.ID,
			Wrong:  "it has no network interface, so it is on no private network",
			Remedy: "start it, or let it join again",
		})
		return false
	}
	a.view = c.VPC
	a.nic, a.Interface, a.Address, a.Subnet = c, c.ID, c.Addresses[0].String(), c.Subnet
	a.state()
	return true
}

// state judges whether an instance runs.
func (a *assessment) state() {
	n := &a.facts.Node
	if n.State == "" || n.State == "running" {
		return
	}
	f := Finding{
		ID: "node/not-running", Resource: n.ID,
		Wrong:  "the instance is " + n.State,
		Remedy: "start it",
		Mend:   startInstance(n.ID),
	}
	if n.State == "pending" {
		f.Severity, f.Remedy = Unknown, "wait until it runs"
		f.Mend = waitForInstance(n.ID)
	}
	a.check("node", cmp.Or(f.Severity, Broken), "%s is %s", n.ID, n.State)
	a.find(f)
}

func (a *assessment) flow(protocol vpc.Protocol, to netip.Addr, port uint16) vpc.Flow {
	source := a.nic.Addresses[0]
	for _, own := range a.nic.Addresses {
		if own.Is4() == to.Is4() {
			source = own
			break
		}
	}
	return vpc.Flow{
		From: a.nic.ID, Protocol: protocol,
		Source:      netip.AddrPortFrom(source, sourcePort),
		Destination: netip.AddrPortFrom(to, port),
	}
}

// lookup asks what the node's resolver says to the name.
func (a *assessment) lookup() {
	if a.target.name == "" {
		a.ownService()
		return
	}
	if len(a.facts.DNSServers) > 0 {
		a.dnsServers()
	} else if resolver := a.snapshot.ResolverAddress(a.nic.VPC); resolver.IsValid() {
		e := a.snapshot.Explain(a.flow(vpc.UDP, resolver, 53))
		if r := e.Refusal(); r != nil {
			a.check("resolver", Broken, "%s", r.Why)
			a.find(refused(r, Broken, Mend{}))
		} else {
			a.check("resolver", Good, "%s at %s answers the node", a.nic.VPC, resolver)
		}
	}
	a.name()
}

// dnsServers judges the path to DNS servers of the VPC's DHCP options. What they answer cannot be judged: the finding
// says what they must do.
func (a *assessment) dnsServers() {
	servers := strings.Join(a.facts.DNSServers, ", ")
	a.check("resolver", Unknown, "the VPC's DHCP options give its nodes the DNS servers %s", servers)
	unjudged := false
	for _, text := range a.facts.DNSServers {
		server, err := netip.ParseAddr(text)
		if err != nil {
			unjudged = true
			continue
		}
		view := a.inbound(server)
		if unjudged = unjudged || view == ""; view != "" {
			a.view = view
		}
		e := a.snapshot.Explain(a.flow(vpc.UDP, server, dnsPort))
		if r := e.Refusal(); r != nil {
			a.check("resolver", Broken, "DNS server %s: refused at %s by %s", server, r.Step, r.Resource)
			a.find(Finding{
				ID: "dns/server-unreached", Resource: r.Resource,
				Wrong:  "its nodes ask the DNS server " + text + ", and it does not hear them: " + r.Why,
				Remedy: r.Remedy,
			})
		}
	}
	if !unjudged {
		return
	}
	a.view = a.nic.VPC
	a.find(Finding{
		ID: "dns/server-not-judged", Resource: a.nic.VPC,
		Wrong: "its nodes ask the DNS servers " + servers + ", which are not judged here",
		Remedy: fmt.Sprintf("let them forward amazonaws.com to %s, the VPC's own resolver",
			a.snapshot.ResolverAddress(a.nic.VPC)),
	})
}

// blameServers makes a cause of the DNS servers that were not judged: where the node is not online and nothing else
// stands in its way, they are the likeliest.
func (a *assessment) blameServers() bool {
	for i := range a.Findings {
		if f := &a.Findings[i]; f.ID == "dns/server-not-judged" {
			f.Severity = Broken
			f.Wrong = "its nodes ask the DNS servers " + strings.Join(a.facts.DNSServers, ", ") +
				" and are not online, though nothing that was judged is in their way: these servers, it seems, do not " +
				"forward amazonaws.com"
			return true
		}
	}
	return false
}

// ownService takes the addresses of the VPC's endpoint to an endpoint service, whose names its service name does not
// tell.
func (a *assessment) ownService() {
	if a.target.service == "" {
		return
	}
	a.Service = a.target.service
	for e := range a.snapshot.Endpoints() {
		if e.VPC != a.nic.VPC || e.Service != a.target.service {
			continue
		}
		a.endpoint, a.target.private = e.ID, true
		for _, id := range e.Interfaces {
			if c, ok := a.snapshot.Interface(id); ok {
				a.target.addresses = append(a.target.addresses, c.Addresses...)
			}
		}
	}
	if a.endpoint == "" {
		a.check("name", Broken, "no endpoint to %s stands in %s", a.target.service, a.nic.VPC)
		a.find(Finding{
			ID: "endpoint/missing", Resource: a.nic.VPC,
			Wrong:  "no endpoint to " + a.target.service + " stands in it",
			Remedy: "create one",
		})
	}
}

// name asks what the name means in the node's VPC. A name without private addresses is no harm where a gateway leads to
// the public ones.
func (a *assessment) name() {
	x := a.forwarded(a.snapshot.ExplainName(a.view, a.target.name))
	a.Name, a.endpoint = &x, x.Endpoint
	if a.Service == "" {
		a.Service = x.Service
	}
	if x.Private {
		a.target.addresses, a.target.private = x.Addresses, true
		at := ""
		if x.Endpoint != "" {
			at = " (" + x.Endpoint + ")"
		}
		a.check("name", Good, "%s is %s%s", x.Name, joined(x.Addresses), at)
		return
	}
	severity := Broken
	switch {
	case a.gateway():
		return
	case a.goesOut():
		severity, a.public = Degraded, true
	}
	if len(x.Findings) > 0 {
		a.check("name", severity, "%s", x.Findings[0].Why)
	}
	for _, f := range x.Findings {
		remedy, mend := f.Remedy, nameMend(&f)
		o, known := a.facts.offer(x.Service)
		if f.Cause == vpc.CauseNoEndpoint || f.Cause == vpc.CausePrivateDNSOff && known && !o.PrivateDNS {
			if text, line, ok := a.endpointRemedy(x.VPC, x.Service); ok {
				remedy, mend = cmp.Or(text, remedy), line
			}
		}
		if strings.Contains(mend.Command, "--private-dns-enabled") {
			a.hostnames(x.VPC, severity)
		}
		a.find(Finding{table.causes[f.Cause], severity, f.Resource, f.Why, remedy, mend})
	}
	if e, ok := a.snapshot.Endpoint(x.Endpoint); ok && e.Available && !a.public {
		for _, id := range e.Interfaces {
			if c, ok := a.snapshot.Interface(id); ok {
				a.target.addresses = append(a.target.addresses, c.Addresses...)
			}
		}
	}
}

// gateway takes an address of the service's prefix list where the VPC has a gateway endpoint to it.
func (a *assessment) gateway() bool {
	for e := range a.snapshot.Endpoints() {
		if e.VPC != a.nic.VPC || e.Kind != vpc.GatewayEndpoint || e.Service != a.Service {
			continue
		}
		for _, l := range a.facts.Network.PrefixLists {
			if l.Name == a.Service && len(l.CIDRs) > 0 {
				a.target.addresses, a.endpoint = []netip.Addr{l.CIDRs[0].Addr().Next()}, e.ID
				a.check("name", Good, "%s has public addresses of %s, which gateway endpoint %s takes",
					a.target.name, l.ID, e.ID)
				return true
			}
		}
	}
	return false
}

// goesOut reports whether the node reaches public addresses at the target's port.
func (a *assessment) goesOut() bool {
	e := a.snapshot.Explain(a.flow(vpc.TCP, netip.MustParseAddr(somewhere), a.target.port))
	if !e.Works() || e.Verdict.Kind != vpc.ToInternet {
		a.missedGateway(&e)
		return false
	}
	a.Paths = append(a.Paths, e)
	a.check("path", Degraded, "public addresses are reached through %s", e.Verdict.To)
	return true
}

// missedGateway finds what is missing where a route leads to a gateway and yet nothing comes through it.
func (a *assessment) missedGateway(e *vpc.Explanation) {
	v := e.Verdict
	if !v.Allow && v.Step != vpc.StepNAT && v.Reason != vpc.ReasonNoPublicAddress && v.Reason != vpc.ReasonBlackhole {
		return
	}
	if r := e.Refusal(); r != nil {
		a.check("path", Broken, "public addresses are not reached: %s", r.Why)
		a.find(refused(r, Broken, Mend{}))
	}
}

// connect judges the connection to every address, and what comes back. Where some work and some do not, clients connect
// now and then, or from one zone only.
func (a *assessment) connect() {
	var refusals []*vpc.Explanation
	works := 0
	for _, to := range a.target.addresses {
		e := a.snapshot.Explain(a.flow(vpc.TCP, to, a.target.port))
		a.Paths = append(a.Paths, e)
		if e.Works() {
			works++
			a.check("path", Good, "%s:%d: %s", to, a.target.port, e.Verdict)
			continue
		}
		refusals = append(refusals, &e)
	}
	severity := Broken
	if works > 0 || a.public {
		severity = Degraded
	}
	for _, e := range refusals {
		subject, mend := "path", a.ruleMend(e)
		switch {
		case e.Behind != nil && !e.Behind.Works():
			subject, mend = "target", targetMend(e.Behind)
		case e.Verdict.Allow:
			subject = "reply"
		}
		r := e.Refusal()
		a.check(subject, severity, "%s:%d: refused at %s by %s", e.Flow.Destination.Addr(), a.target.port, r.Step, r.Resource)
		a.find(refused(r, severity, mend))
	}
}

// refused returns the finding of a step that refuses.
func refused(r *vpc.StepReport, severity Outcome, mend Mend) Finding {
	return Finding{table.refusals[refusal{r.Step, r.Reason}], severity, r.Resource, r.Why, r.Remedy, mend}
}

func joined(addresses []netip.Addr) string {
	words := make([]string, len(addresses))
	for i, a := range addresses {
		words[i] = a.String()
	}
	return strings.Join(words, ", ")
}

// status checks what Systems Manager knows of the node. Where all that was judged is well and it is not online, the
// fault lies with the agent.
func (a *assessment) status() {
	n := &a.facts.Node
	if strings.HasPrefix(n.ID, "eni-") {
		return
	}
	since := ""
	if !n.LastPing.IsZero() {
		since = ", last heard of at " + n.LastPing.UTC().Format("2006-01-02 15:04:05 UTC")
	}
	switch n.Status {
	case "Online":
		a.check("status", Good, "Online%s", since)
		return
	case "":
		a.check("status", Broken, "%s is not registered with Systems Manager", n.ID)
	default:
		a.check("status", Broken, "%s%s", n.Status, since)
	}
	if !a.broken() && a.blameServers() {
		return
	}
	if !a.broken() && len(needed[shortName(a.Service)]) > 0 {
		a.find(Finding{
			ID: "node/agent-silent", Resource: n.ID,
			Wrong:  "nothing that was judged keeps it from the service, and yet it is not online",
			Remedy: "see that its agent runs, and what its log says",
		})
	}
}

// shortName returns the last label of a service name: "ssm".
func shortName(service string) string { return service[strings.LastIndexByte(service, '.')+1:] }
