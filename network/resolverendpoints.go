package network

import (
	"context"
	"errors"
	"iter"
	"net/netip"
	"slices"
	"strings"
	"time"

	"postern/aws/fault"
	"postern/aws/scope"
	"postern/network/vpc"
	"postern/record"
)

// Bounds of Route 53 Resolver, far above Amazon's (4 endpoints, 6 addresses each, 1,000 rules of 6 targets), and the
// groups that the API takes at the most.
const (
	maxResolverEndpoints = 1_000
	maxResolverAddresses = 20
	minResolverAddresses = 2
	maxResolverRules     = 10_000
	maxResolverTargets   = 20
	maxResolverGroups    = 10
)

// Resolver states, as the Route 53 Resolver API spells them.
const (
	ResolverCreating    = "CREATING"
	ResolverOperational = "OPERATIONAL"
	ResolverUpdating    = "UPDATING"
	ResolverDeleting    = "DELETING"
	ResolverComplete    = "COMPLETE"
)

// ResolverEndpoint is a Route 53 Resolver endpoint.
type ResolverEndpoint struct {
	Meta
	Name      string `json:",omitempty"`
	Direction vpc.ResolverDirection
	VPC       string
	Groups    []string
	Addresses []ResolverAddress
	// State is ResolverCreating or ResolverOperational.
	State    string
	Modified time.Time
	// CreatorRequest is the caller's own id of the request that made it, Request a digest of that request.
	CreatorRequest, Request string
}

var (
	// resolversByRequest has Resolver endpoints by their scope and who asked for them.
	resolversByRequest = &record.Index[ResolverEndpoint]{Grouped: true, Terms: func(e *ResolverEndpoint) []record.Term {
		return []record.Term{{Value: e.scope().String(), Sort: e.CreatorRequest}}
	}}
	// resolversCreating has the Resolver endpoints that wait to work.
	resolversCreating = &record.Index[ResolverEndpoint]{Terms: func(e *ResolverEndpoint) []record.Term {
		if e.State != ResolverCreating {
			return nil
		}
		return []record.Term{{Value: ResolverCreating}}
	}}
)

var resolverEndpointKind = declare(&kind[ResolverEndpoint]{
	Kind: record.Kind[ResolverEndpoint]{
		Name:    "resolver-endpoint",
		Indexes: []*record.Index[ResolverEndpoint]{resolversByRequest, resolversCreating},
		Views:   inVPC(func(e *ResolverEndpoint) string { return e.VPC }),
	},
	resourceType: resourceType{
		prefix: "rslvr-in", second: "rslvr-out", service: "route53resolver", name: "resolver-endpoint",
	},
	inside: func(e *ResolverEndpoint) []string { return []string{e.VPC} },
	refs: func(e *ResolverEndpoint) []string {
		out := append([]string(nil), e.Groups...)
		for _, a := range e.Addresses {
			out = append(out, a.Subnet, a.Interface)
		}
		return out
	},
	limit: &limit{
		of: func(*Limits) int { return maxResolverEndpoints }, code: "LimitExceededException",
		message: "The maximum number of Resolver endpoints has been reached: LIMIT",
	},
	content: func(_ *State, e *ResolverEndpoint, c *vpc.Content) {
		c.ResolverEndpoints = append(c.ResolverEndpoints, e.value())
	},
})

func (*ResolverEndpoint) kind() declared { return resolverEndpointKind }

// ResolverAddress is one address of a Resolver endpoint: a network interface's.
type ResolverAddress struct {
	// ID is "rni-…".
	ID        string
	Subnet    string
	Interface string
	Address   netip.Addr
	Created   time.Time
}

// ResolverSubnet is a subnet that a Resolver endpoint gets an address in, with the address that it must be or none.
type ResolverSubnet struct {
	ID      string
	Address netip.Addr
}

// CreateResolverEndpointInput is a Resolver endpoint to be made.
type CreateResolverEndpointInput struct {
	Name      string
	Direction vpc.ResolverDirection
	// Addresses are two at the least, in subnets of one VPC.
	Addresses []ResolverSubnet
	Groups    []string
	Tags      []Tag
	// CreatorRequest makes the request idempotent, for as long as the endpoint is there.
	CreatorRequest string `json:"-"`
}

// Verbs of Route 53 Resolver return the codes of its API. resolverFault gives them to what the network itself refuses.
func resolverFault(err error) error {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Code == "" || strings.HasSuffix(f.Code, "Exception") {
		return err
	}
	code := "InvalidRequestException"
	switch {
	case strings.HasPrefix(f.Code, "InvalidIPAddress"):
		code = "ResourceExistsException"
	case strings.HasPrefix(f.Code, "TagLimit"), f.Kind == fault.Limit:
		code = "LimitExceededException"
	case f.Kind == fault.NotFound:
		code = "ResourceNotFoundException"
	case strings.HasSuffix(f.Code, ".Malformed"):
		code = "InvalidParameterException"
	}
	return fault.New(f.Kind, f.Op, "%s", f.Message).WithCode(code)
}

func invalidResolver(format string, args ...any) error {
	return refuse(fault.Invalid, "InvalidParameterException", format, args...)
}

func resolverRefuses(format string, args ...any) error {
	return refuse(fault.Conflict, "InvalidRequestException", format, args...)
}

func noResolver(what, id string) error {
	return refuse(fault.NotFound, "ResourceNotFoundException", "%s with ID '%s' does not exist", what, id)
}

func resolverTags(l *Limits, tags []Tag) ([]Tag, error) {
	clean, err := l.cleanTags(tags)
	if err != nil && !strings.HasPrefix(fault.Of(err).Code, "TagLimit") {
		return nil, refuse(fault.Invalid, "InvalidTagException", "%s", fault.Of(err).Message)
	}
	return clean, resolverFault(err)
}

// checkResolverName takes the names that the API's model does.
func checkResolverName(name string) error {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_' "
	switch {
	case name == "":
		return nil
	case len(name) > 64 || strings.Trim(name, letters) != "":
		return invalidResolver("The name '%s' is not valid: it has at most 64 letters, digits, -, _, ' and spaces", name)
	case strings.Trim(name, "0123456789") == "":
		return invalidResolver("The name '%s' is not valid: it cannot consist of digits only", name)
	}
	return nil
}

// creatorRequest checks the caller's own id of a request.
func creatorRequest(id string) error {
	if id == "" || len(id) > 255 {
		return invalidResolver("CreatorRequestId has 1 to 255 characters")
	}
	return nil
}

// doResolver is do with the codes of the Route 53 Resolver API.
func (s *Service) doResolver(ctx context.Context, c scope.Scope, verb func(*plan) error) error {
	return resolverFault(s.do(ctx, c, verb))
}

// CreateResolverEndpoint makes a Resolver endpoint with a network interface for each address. It is returned as being
// created; when CreateResolverEndpoint returns, it works.
func (s *Service) CreateResolverEndpoint(
	ctx context.Context, c scope.Scope, in CreateResolverEndpointInput,
) (*ResolverEndpoint, error) {
	var made *ResolverEndpoint
	err := s.doResolver(ctx, c, func(p *plan) error {
		if err := creatorRequest(in.CreatorRequest); err != nil {
			return err
		}
		if e, ok := resolversByRequest.At(p.Tables, record.Term{Value: c.String(), Sort: in.CreatorRequest}); ok {
			if e.Request != digest(in) {
				return refuse(fault.Exists, "ResourceExistsException",
					"Resolver endpoint with creator request ID '%s' already exists", in.CreatorRequest)
			}
			made = e
			return nil
		}
		var err error
		made, err = p.createResolverEndpoint(in)
		return err
	})
	if err != nil {
		return nil, err
	}
	return made, s.settle(ctx, made.ID)
}

func (p *plan) createResolverEndpoint(in CreateResolverEndpointInput) (*ResolverEndpoint, error) {
	tags, err := resolverTags(p.limits, in.Tags)
	if err != nil {
		return nil, err
	}
	if err := checkResolverName(in.Name); err != nil {
		return nil, err
	}
	switch {
	case len(in.Addresses) < minResolverAddresses:
		return nil, resolverRefuses("Resolver endpoint needs to have at least %d IP addresses", minResolverAddresses)
	case len(in.Groups) == 0 || len(in.Groups) > maxResolverGroups:
		return nil, invalidResolver("A Resolver endpoint has 1 to %d security groups", maxResolverGroups)
	}
	if err := resolverEndpointKind.room(p, p.scope.String(), 1); err != nil {
		return nil, err
	}
	first, err := p.resolverSubnet(in.Addresses[0].ID)
	if err != nil {
		return nil, err
	}
	prefix := "rslvr-in"
	if in.Direction == vpc.Outbound {
		prefix = "rslvr-out"
	}
	e := &ResolverEndpoint{
		Meta: p.meta(prefix, tags), Name: in.Name, Direction: in.Direction, VPC: first.VPC, State: ResolverCreating,
		Modified: p.now, CreatorRequest: in.CreatorRequest, Request: digest(in),
	}
	if e.Groups, err = p.groupsFor(e.VPC, in.Groups); err != nil {
		return nil, err
	}
	for _, a := range in.Addresses {
		if err := p.addResolverAddress(e, a); err != nil {
			return nil, err
		}
	}
	p.put(e)
	return e, nil
}

func (p *plan) resolverSubnet(id string) (*Subnet, error) {
	subnet, err := p.Subnet(p.scope, id)
	if err != nil {
		return nil, invalidResolver("The subnet ID '%s' does not exist", id)
	}
	return subnet, nil
}

// addResolverAddress gives the endpoint, not yet put, a network interface in a subnet.
func (p *plan) addResolverAddress(e *ResolverEndpoint, in ResolverSubnet) error {
	if len(e.Addresses) >= maxResolverAddresses {
		return overLimit("LimitExceededException", "A Resolver endpoint has at most %d IP addresses", maxResolverAddresses)
	}
	subnet, err := p.resolverSubnet(in.ID)
	if err != nil {
		return err
	}
	if subnet.VPC != e.VPC {
		return resolverRefuses("The subnet '%s' is not in the VPC '%s' of the other IP addresses", in.ID, e.VPC)
	}
	var wanted []netip.Addr
	if in.Address.IsValid() {
		wanted = append(wanted, in.Address)
	}
	n := p.newInterface(subnet, vpc.ResolverInterface)
	if n.Addresses, err = p.addressesFor(subnet, wanted, 0); err != nil {
		return err
	}
	a := ResolverAddress{ID: newID("rni"), Subnet: subnet.ID, Interface: n.ID, Address: n.Addresses[0], Created: p.now}
	n.Groups, n.Description = e.Groups, "Route 53 Resolver: "+e.ID+":"+a.ID
	n.Attachment = p.attachment(e.ID, false)
	p.put(n)
	e.Addresses = append(e.Addresses, a)
	return nil
}

// ResolverEndpoint finds a Resolver endpoint.
func (s *State) ResolverEndpoint(c scope.Scope, id string) (*ResolverEndpoint, error) {
	if e, ok := resolverEndpointKind.Get(s.Tables, id); ok && e.scope() == c {
		return e, nil
	}
	return nil, noResolver("Resolver endpoint", id)
}

// ResolverEndpoints are the scope's Resolver endpoints.
func (s *State) ResolverEndpoints(c scope.Scope) iter.Seq[*ResolverEndpoint] {
	return resolverEndpointKind.scoped(s, c)
}

// RenameResolverEndpoint changes the name of a Resolver endpoint.
func (s *Service) RenameResolverEndpoint(
	ctx context.Context, c scope.Scope, id, name string,
) (*ResolverEndpoint, error) {
	return s.changeResolverEndpoint(ctx, c, id, func(_ *plan, e *ResolverEndpoint) error {
		e.Name = name
		return checkResolverName(name)
	})
}

// AddResolverAddress gives a Resolver endpoint one more address.
func (s *Service) AddResolverAddress(
	ctx context.Context, c scope.Scope, id string, in ResolverSubnet,
) (*ResolverEndpoint, error) {
	return s.changeResolverEndpoint(ctx, c, id, func(p *plan, e *ResolverEndpoint) error {
		return p.addResolverAddress(e, in)
	})
}

// ResolverAddressName says which address is meant: by its id, or by its subnet and what it is.
type ResolverAddressName struct {
	ID string
	ResolverSubnet
}

// RemoveResolverAddress takes an address from a Resolver endpoint, which keeps two at the least.
func (s *Service) RemoveResolverAddress(
	ctx context.Context, c scope.Scope, id string, name ResolverAddressName,
) (*ResolverEndpoint, error) {
	return s.changeResolverEndpoint(ctx, c, id, func(p *plan, e *ResolverEndpoint) error {
		i := slices.IndexFunc(e.Addresses, func(a ResolverAddress) bool {
			if name.ID != "" {
				return a.ID == name.ID
			}
			return a.Subnet == name.ResolverSubnet.ID && a.Address == name.Address
		})
		switch {
		case i < 0:
			return refuse(fault.NotFound, "ResourceNotFoundException", "Resolver endpoint '%s' has no such IP address", id)
		case len(e.Addresses) <= minResolverAddresses:
			return resolverRefuses("Resolver endpoint needs to have at least %d IP addresses", minResolverAddresses)
		}
		if n, ok := interfaceKind.Get(p.Tables, e.Addresses[i].Interface); ok {
			p.remove(n)
		}
		e.Addresses = slices.Delete(e.Addresses, i, i+1)
		return nil
	})
}

func (s *Service) changeResolverEndpoint(
	ctx context.Context, c scope.Scope, id string, change func(*plan, *ResolverEndpoint) error,
) (*ResolverEndpoint, error) {
	var e ResolverEndpoint
	err := s.doResolver(ctx, c, func(p *plan) error {
		old, err := p.ResolverEndpoint(c, id)
		if err != nil {
			return err
		}
		e = *old
		e.Addresses, e.Modified = slices.Clone(old.Addresses), p.now
		if err := change(p, &e); err != nil {
			return err
		}
		p.put(&e)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &e, nil
}

// DeleteResolverEndpoint deletes a Resolver endpoint with its interfaces. Rules that go out by it hold it back.
func (s *Service) DeleteResolverEndpoint(ctx context.Context, c scope.Scope, id string) (*ResolverEndpoint, error) {
	var gone *ResolverEndpoint
	err := s.doResolver(ctx, c, func(p *plan) error {
		e, err := p.ResolverEndpoint(c, id)
		if err != nil {
			return err
		}
		if r, ok := rulesUsing.At(p.Tables, record.Term{Value: c.String(), Sort: id}); ok {
			return resolverRefuses("Cannot delete Resolver endpoint unless its related Resolver rules are deleted. "+
				"The rule '%s' still exists for it", r.ID)
		}
		for _, a := range e.Addresses {
			if n, ok := interfaceKind.Get(p.Tables, a.Interface); ok {
				p.remove(n)
			}
		}
		gone = e
		p.remove(e)
		return nil
	})
	return gone, err
}

// operate brings an endpoint that was created into service.
func (p *plan) operate(e *ResolverEndpoint) {
	now := *e
	now.State = ResolverOperational
	p.put(&now)
}

func (e *ResolverEndpoint) value() vpc.ResolverEndpoint {
	out := vpc.ResolverEndpoint{ID: e.ID, VPC: e.VPC, Direction: e.Direction, Available: e.State == ResolverOperational}
	for _, a := range e.Addresses {
		out.Interfaces = append(out.Interfaces, a.Interface)
	}
	return out
}
