package vpc

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// nic is a network interface in a VPC; the zero nic is none. What it belongs to is looked up in the VPC, so that a
// change of a group or route table leaves the interfaces as they are.
type nic struct {
	*Interface
	vpc *Compiled
}

// none reports whether there is no interface.
func (c nic) none() bool { return c.Interface == nil }

// subnet returns the interface's subnet.
func (c nic) subnet() *subnet { return c.vpc.subnets[c.Subnet] }

// group returns the group with an id that the interface lists.
func (c nic) group(id string) *group { return c.vpc.groups[id] }

// endpoint returns the VPC endpoint that the interface belongs to, nil where it is none's. Compile sees to it that the
// endpoint lists the interface.
func (c nic) endpoint() *endpoint {
	if c.none() || c.Kind != EndpointInterface {
		return nil
	}
	return c.vpc.endpoints[c.Owner]
}

// resolver returns the Resolver endpoint that the interface belongs to, nil where it is none's.
func (c nic) resolver() *resolverEndpoint {
	if c.none() || c.Kind != ResolverInterface {
		return nil
	}
	return c.vpc.resolvers[c.Owner]
}

// nic returns the VPC's interface with the id.
func (c *Compiled) nic(id string) nic {
	i, _ := c.interfaces.get(id)
	return nic{i, c}
}

// nicAt returns the VPC's interface that has the address.
func (c *Compiled) nicAt(a netip.Addr) nic {
	i, _ := c.addresses.get(a)
	return nic{i, c}
}

// changed returns the VPC's interfaces with changes, in the order of their ids.
func (c *Compiled) changed(changes InterfaceChanges) []Interface {
	other := make(map[string]bool, len(changes.Put)+len(changes.Gone))
	for i := range changes.Put {
		other[changes.Put[i].ID] = true
	}
	for _, id := range changes.Gone {
		other[id] = true
	}
	all := make([]Interface, 0, c.interfaces.count+len(changes.Put))
	for id, i := range c.interfaces.all() {
		if !other[id] {
			all = append(all, *i)
		}
	}
	all = append(all, changes.Put...)
	slices.SortStableFunc(all, func(a, b Interface) int { return strings.Compare(a.ID, b.ID) })
	return all
}

// compileInterfaces takes over the interfaces of the VPC before where it may, and enters those that are others.
func (b *compiler) compileInterfaces() error {
	by := b.by
	if by == nil {
		by = new(edit)
	} else {
		b.interfaces, b.addresses = b.previous.interfaces, b.previous.addresses
	}
	for _, id := range b.gone {
		b.withdraw(by, id)
	}
	for i := range b.put {
		b.withdraw(by, b.put[i].ID)
	}
	for i := range b.put {
		if err := b.enter(by, &b.put[i]); err != nil {
			return err
		}
	}
	for _, id := range b.exports.ids {
		if _, there := b.interfaces.get(id); there {
			return fmt.Errorf("%s: two resources have this id", id)
		}
	}
	return nil
}

// withdraw takes out an interface with its addresses.
func (b *compiler) withdraw(by *edit, id string) {
	old, ok := b.interfaces.get(id)
	if !ok {
		return
	}
	b.interfaces.delete(by, id)
	for _, a := range old.Addresses {
		b.addresses.delete(by, a)
	}
}

// enter checks an interface and enters it with its addresses.
func (b *compiler) enter(by *edit, c *Interface) error {
	switch _, there := b.interfaces.get(c.ID); {
	case c.ID == "":
		return errNoID
	case c.VPC != b.VPC.ID:
		return fmt.Errorf("%s: is in %q, not in %s", c.ID, c.VPC, b.VPC.ID)
	case there:
		return fmt.Errorf("%s: two resources have this id", c.ID)
	}
	subnet, err := get(b, b.subnets, c.ID, c.Subnet)
	if err != nil {
		return err
	}
	for _, id := range c.Groups {
		if _, err := get(b, b.groups, c.ID, id); err != nil {
			return err
		}
	}
	switch {
	case len(c.Addresses) == 0:
		return fmt.Errorf("%s: has no address", c.ID)
	case c.Public.IsValid() && !c.Public.Is4():
		return fmt.Errorf("%s: public address %s is not IPv4", c.ID, c.Public)
	}
	b.interfaces.set(by, c.ID, c)
	for _, a := range c.Addresses {
		switch other, taken := b.addresses.get(a); {
		case taken:
			return fmt.Errorf("%s: %s has the address %s already", c.ID, other.ID, a)
		case !subnet.contains(a):
			return fmt.Errorf("%s: %s is not inside %s of %s", c.ID, a, subnet.CIDR, subnet.ID)
		case a == b.resolver:
			return fmt.Errorf("%s: %s is the resolver of %s", c.ID, a, b.VPC.ID)
		}
		b.addresses.set(by, a, c)
	}
	return nil
}

// interfaceChange is an interface as it was and as it is; one of them may be nil.
type interfaceChange struct{ old, now *Interface }

func (c interfaceChange) id() string {
	if c.old != nil {
		return c.old.ID
	}
	return c.now.ID
}

// interfaceChanges returns which interfaces differ between two VPCs, in the order of their ids. It reads only where
// they share nothing.
func interfaceChanges(old, now *Compiled) (out []interfaceChange) {
	old.interfaces.root.differ(now.interfaces.root, func(a, b *Interface) {
		if a != b {
			out = append(out, interfaceChange{a, b})
		}
	})
	slices.SortFunc(out, func(a, b interfaceChange) int { return strings.Compare(a.id(), b.id()) })
	return out
}

// public returns the interface's public address, the zero Addr where there is none.
func (c *Interface) public() netip.Addr {
	if c == nil {
		return netip.Addr{}
	}
	return c.Public
}
