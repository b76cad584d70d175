package network

import (
	"context"
	"net/netip"
	"slices"

	"iter"
	"postern/aws/fault"
	"postern/aws/scope"
	"postern/network/link"
	"postern/network/vpc"
	"postern/record"
	"time"
)

// Interface is an elastic network interface.
type Interface struct {
	Meta
	VPC, Subnet, Zone string
	Kind              vpc.InterfaceKind
	Description       string `json:",omitempty"`
	// Addresses are its private addresses; the first is the primary one and never changes.
	Addresses []netip.Addr
	MAC       string
	Groups    []string
	// AnySource lifts the source/destination check.
	AnySource bool `json:",omitempty"`
	// Public is its public address, nil while it has none.
	Public *PublicAssociation `json:",omitempty"`
	// Attachment is nil while the interface belongs to nothing; Detached is then the last one that it had.
	Attachment *Attachment `json:",omitempty"`
	Detached   *Attachment `json:",omitempty"`

	hostName string // of the primary address; it follows from Addresses
}

// Attachment says what a network interface belongs to.
type Attachment struct {
	ID string
	// Owner is the id of the instance, endpoint or managed node.
	Owner string
	// Index is the device index at an instance; 0 is its primary interface.
	Index int `json:",omitempty"`
	Since time.Time
	// DeleteOnTermination releases the interface together with its owner.
	DeleteOnTermination bool
}

// Owner is the id of what the interface belongs to, or "".
func (n *Interface) Owner() string {
	if n.Attachment == nil {
		return ""
	}
	return n.Attachment.Owner
}

var (
	// interfacesByAddress has network interfaces by their subnet and addresses.
	interfacesByAddress = &record.Index[Interface]{
		Grouped: true, Counted: true,
		Terms: func(n *Interface) []record.Term {
			terms := make([]record.Term, len(n.Addresses))
			for i, a := range n.Addresses {
				terms[i] = addressTerm(n.Subnet, a)
			}
			return terms
		},
	}
	// interfacesByOwner has network interfaces by what they belong to.
	interfacesByOwner = &record.Index[Interface]{Terms: func(n *Interface) []record.Term {
		if n.Attachment == nil {
			return nil
		}
		return []record.Term{{Value: n.Attachment.Owner}}
	}}
	// interfacesByAttachment has network interfaces by the ids of their attachments.
	interfacesByAttachment = &record.Index[Interface]{Terms: func(n *Interface) []record.Term {
		if n.Attachment == nil {
			return nil
		}
		return []record.Term{{Value: n.Attachment.ID}}
	}}
	// interfacesUsing has network interfaces by their VPC and groups, and as public those with a public address.
	interfacesUsing = &record.Index[Interface]{Grouped: true, Terms: func(n *Interface) []record.Term {
		terms := make([]record.Term, 0, len(n.Groups)+1)
		for _, g := range n.Groups {
			terms = append(terms, record.Term{Value: n.VPC, Sort: g})
		}
		if n.Public != nil {
			terms = append(terms, record.Term{Value: n.VPC, Sort: "public"})
		}
		return terms
	}}
)

func addressTerm(subnet string, a netip.Addr) record.Term {
	return record.Term{Value: subnet, Sort: string(a.AsSlice())}
}

var interfaceKind = declare(&kind[Interface]{
	Kind: record.Kind[Interface]{
		Name:    "network-interface",
		Prepare: (*Interface).prepare,
		Indexes: []*record.Index[Interface]{
			interfacesByAddress, interfacesByOwner, interfacesByAttachment, interfacesUsing,
		},
		Views: inVPC(func(n *Interface) string { return n.VPC }),
	},
	resourceType: resourceType{
		prefix: "eni", name: "network-interface",
		notFound: "InvalidNetworkInterfaceID.NotFound", malformed: "InvalidNetworkInterfaceId.Malformed",
		missing: "The networkInterface ID '%s' does not exist",
	},
	inside: func(n *Interface) []string { return []string{n.Subnet, n.VPC} },
	refs: func(n *Interface) []string {
		out := append([]string{n.Subnet, n.Owner()}, n.Groups...)
		if n.Public != nil {
			out = append(out, n.Public.Allocation)
		}
		return out
	},
	limit: &limit{
		of: func(l *Limits) int { return l.Interfaces }, code: "NetworkInterfaceLimitExceeded",
		message: "The maximum number of network interfaces has been reached: LIMIT",
	},
	content: func(_ *State, n *Interface, c *vpc.Content) { c.Interfaces = append(c.Interfaces, n.value()) },
})

func (*Interface) kind() declared { return interfaceKind }

// prepare keeps what each snapshot of the VPC needs again.
func (n *Interface) prepare() error {
	if len(n.Addresses) == 0 {
		return fault.New(fault.Internal, "network.Interface", "%s has no address", n.ID)
	}
	n.hostName = HostName(n.Addresses[0])
	return nil
}

func (n *Interface) value() vpc.Interface {
	out := vpc.Interface{
		ID: n.ID, VPC: n.VPC, Subnet: n.Subnet, Kind: n.Kind, Owner: n.Owner(), Addresses: n.Addresses,
		Groups: n.Groups, AnySource: n.AnySource, Name: n.hostName,
	}
	if n.Public != nil {
		out.Public = n.Public.Address
	}
	return out
}

// Interface finds a network interface.
func (s *State) Interface(c scope.Scope, id string) (*Interface, error) {
	return interfaceKind.lookup(s, c, id)
}

// Interfaces are the scope's network interfaces.
func (s *State) Interfaces(c scope.Scope) iter.Seq[*Interface] { return interfaceKind.scoped(s, c) }

// CreateInterfaceInput is a network interface to be made.
type CreateInterfaceInput struct {
	Subnet string
	// Kind is InstanceInterface, or AttachedInterface for a machine that is not an instance.
	Kind vpc.InterfaceKind
	// Owner is the id of the instance or node that it is attached to; empty leaves it free.
	Owner string
	// Index is the device index at an instance.
	Index int `json:",omitempty"`
	// Groups are security groups of the subnet's VPC; none means the VPC's default group.
	Groups []string
	// Addresses are private addresses that it must have, the first being the primary one; Secondary is how many more
	// addresses are chosen. With no addresses one is chosen as the primary.
	Addresses   []netip.Addr
	Secondary   int
	Description string
	// Public gives it a public address that stays as long as the interface does; nil leaves it to the subnet where the
	// interface is made for an instance.
	Public *bool `json:",omitempty"`
	// DeleteOnTermination releases it together with its owner.
	DeleteOnTermination bool
	Tags                []Tag
	// Token makes the request idempotent.
	Token string `json:"-"`
}

// CreateInterface makes a network interface with its addresses, attached where the input names an owner.
func (s *Service) CreateInterface(ctx context.Context, c scope.Scope, in CreateInterfaceInput) (*Interface, error) {
	made, err := s.CreateInterfaces(ctx, c, []CreateInterfaceInput{in})
	if err != nil {
		return nil, err
	}
	return made[0], nil
}

// CreateInterfaces makes several network interfaces in one change: all of them or none.
func (s *Service) CreateInterfaces(
	ctx context.Context, c scope.Scope, inputs []CreateInterfaceInput,
) ([]*Interface, error) {
	var made []*Interface
	err := s.do(ctx, c, func(p *plan) error {
		made = make([]*Interface, 0, len(inputs))
		if err := interfaceKind.room(p, c.String(), len(inputs)); err != nil {
			return err
		}
		for _, in := range inputs {
			n, err := p.createInterfaceOnce(in, s.public.addresses)
			if err != nil {
				return err
			}
			made = append(made, n)
		}
		return nil
	})
	return made, err
}

func (p *plan) createInterfaceOnce(in CreateInterfaceInput, publics netip.Prefix) (*Interface, error) {
	return once(p, asked{"CreateNetworkInterface", in.Token, in}, interfaceKind, func() (*Interface, error) {
		return p.createInterface(in, publics)
	})
}

func (p *plan) createInterface(in CreateInterfaceInput, publics netip.Prefix) (*Interface, error) {
	tags, err := p.limits.cleanTags(in.Tags)
	if err != nil {
		return nil, err
	}
	subnet, err := p.Subnet(p.scope, in.Subnet)
	if err != nil {
		return nil, err
	}
	groups, err := p.groupsFor(subnet.VPC, in.Groups)
	if err != nil {
		return nil, err
	}
	if !groupText(in.Description) {
		return nil, invalidValue("Value (%s) for parameter description is invalid. %s", in.Description, groupTextRule)
	}
	n := p.newInterface(subnet, in.Kind)
	n.Tags, n.Groups, n.Description = tags, groups, in.Description
	if n.Addresses, err = p.addressesFor(subnet, in.Addresses, in.Secondary); err != nil {
		return nil, err
	}
	if in.Kind == vpc.AttachedInterface {
		n.MAC = link.AttachedMAC(n.Addresses[0]).String()
	}
	if in.Owner != "" {
		if in.Index > 0 {
			if err := p.checkSlot(in.Owner, in.Index); err != nil {
				return nil, err
			}
		}
		n.Attachment = p.attachment(in.Owner, in.DeleteOnTermination)
		n.Attachment.Index = in.Index
	}
	if in.wantsPublic(subnet) {
		a, err := p.takePublic(publics, n.ID)
		if err != nil {
			return nil, err
		}
		n.Public = &PublicAssociation{Address: a}
	}
	p.put(n)
	return n, nil
}

// wantsPublic reports whether the interface gets a public address with it.
func (in *CreateInterfaceInput) wantsPublic(subnet *Subnet) bool {
	if in.Public != nil {
		return *in.Public
	}
	return subnet.PublicOnLaunch && in.Kind == vpc.InstanceInterface && in.Owner != ""
}

func (p *plan) newInterface(subnet *Subnet, kind vpc.InterfaceKind) *Interface {
	return &Interface{
		Meta: p.meta("eni", nil), VPC: subnet.VPC, Subnet: subnet.ID, Zone: subnet.Zone, Kind: kind, MAC: newMAC(),
	}
}

func (p *plan) attachment(owner string, deleteOnTermination bool) *Attachment {
	return &Attachment{ID: newID("eni-attach"), Owner: owner, Since: p.now, DeleteOnTermination: deleteOnTermination}
}

// addressesFor reserves nothing: the addresses are taken when their interface is put.
func (p *plan) addressesFor(subnet *Subnet, wanted []netip.Addr, secondary int) ([]netip.Addr, error) {
	n := max(len(wanted), 1) + max(secondary, 0)
	if n > p.limits.AddressesPerNIC {
		return nil, overLimit("PrivateIpAddressLimitExceeded", "Number of private addresses will exceed limit: %d",
			p.limits.AddressesPerNIC)
	}
	var out []netip.Addr
	for i := range n {
		var a netip.Addr
		var err error
		if i < len(wanted) {
			a = wanted[i]
			err = p.addressFree(subnet, a, out)
		} else {
			a, err = p.chooseAddress(subnet, out, p.draw)
		}
		if err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	return out, nil
}

// InterfaceChange says what ModifyInterface changes; nil fields stay.
type InterfaceChange struct {
	Description         *string
	Groups              []string
	AnySource           *bool
	DeleteOnTermination *bool
}

// ModifyInterface changes a network interface. Only its endpoint or service changes the interface of one.
func (s *Service) ModifyInterface(ctx context.Context, c scope.Scope, id string, change InterfaceChange) error {
	return s.do(ctx, c, func(p *plan) error {
		old, err := p.Interface(c, id)
		if err != nil {
			return err
		}
		if managed(old) {
			return notYours(old)
		}
		n := *old
		if change.Description != nil {
			if !groupText(*change.Description) {
				return invalidValue("Value (%s) for parameter description is invalid. %s", *change.Description, groupTextRule)
			}
			n.Description = *change.Description
		}
		if change.Groups != nil {
			if n.Groups, err = p.groupsFor(n.VPC, change.Groups); err != nil {
				return err
			}
		}
		if change.AnySource != nil {
			n.AnySource = *change.AnySource
		}
		if change.DeleteOnTermination != nil {
			if n.Attachment == nil {
				return attachmentType.unknown("")
			}
			a := *n.Attachment
			a.DeleteOnTermination = *change.DeleteOnTermination
			n.Attachment = &a
		}
		p.put(&n)
		return nil
	})
}

// managed reports whether an interface is an endpoint's, an endpoint service's or a NAT gateway's, which alone change
// it.
func managed(n *Interface) bool {
	switch n.Kind {
	case vpc.EndpointInterface, vpc.ServiceInterface, vpc.ResolverInterface, vpc.GatewayInterface:
		return true
	}
	return false
}

// Managed reports whether the interface belongs to something of Amazon's, such as an endpoint, which alone changes it.
func (n *Interface) Managed() bool { return managed(n) }

func notYours(n *Interface) error {
	return refuse(fault.Conflict, "OperationNotPermitted", "The interface %s is managed by %s", n.ID, n.Owner())
}

// ReassignInterface makes an attached interface another owner's, at once: its conversations go on. A machine that
// joined is its own owner until it has registered as a managed node.
func (s *Service) ReassignInterface(ctx context.Context, c scope.Scope, id, owner string) error {
	return s.do(ctx, c, func(p *plan) error {
		old, err := p.Interface(c, id)
		if err != nil {
			return err
		}
		if old.Attachment == nil || old.Kind != vpc.AttachedInterface {
			return refuse(fault.Conflict, "InvalidOperation", "The interface %s is no joined machine's", id)
		}
		if old.Attachment.Owner == owner {
			return nil
		}
		n, attachment := *old, *old.Attachment
		attachment.Owner = owner
		n.Attachment = &attachment
		p.put(&n)
		return nil
	})
}

// DeleteInterface deletes an interface that is attached to nothing.
func (s *Service) DeleteInterface(ctx context.Context, c scope.Scope, id string) error {
	return s.do(ctx, c, func(p *plan) error {
		n, err := p.Interface(c, id)
		if err != nil {
			return err
		}
		if managed(n) {
			return notYours(n)
		}
		if n.Attachment != nil {
			return refuse(fault.InUse, "InvalidParameterValue", "Network interface '%s' is currently in use. It belongs to %s.",
				id, n.Owner())
		}
		p.dropInterface(n)
		return nil
	})
}

// ReleaseOwner lets go of the interfaces of an instance or node that is no more: those that were made for it are
// deleted, others become free. To release what has none is no error.
func (s *Service) ReleaseOwner(ctx context.Context, owner string) error {
	return s.do(ctx, scope.Scope{}, func(p *plan) error {
		p.release(owner)
		return nil
	})
}

// Owners are the ids of all instances and nodes that have an interface, each once and in order.
func (s *State) Owners() []string {
	var out []string
	for owner := range interfacesByOwner.Values(s.Tables) {
		if n, ok := interfacesByOwner.At(s.Tables, record.Term{Value: owner}); ok && !managed(n) {
			out = append(out, owner)
		}
	}
	return out
}

// InterfacesOf are the interfaces of an instance, node or endpoint, in the order of their ids.
func (s *State) InterfacesOf(owner string) []*Interface {
	if owner == "" {
		return slices.Collect(where(interfaceKind.All(s.Tables), func(n *Interface) bool { return n.Owner() == "" }))
	}
	return slices.Collect(interfacesByOwner.Find(s.Tables, owner))
}
