package vpc

import (
	"fmt"
	"maps"
	"slices"
)

// NewSnapshot checks n and indexes it. It keeps n's slices, which must not change any more. The error names the
// resource that is wrong: an id that nothing has, an id or address that two have, a range with host bits set or outside
// its VPC.
func NewSnapshot(version uint64, n Network) (*Snapshot, error) {
	contents, err := split(&n)
	if err != nil {
		return nil, fmt.Errorf("network version %d: %w", version, err)
	}
	return new(Snapshot).Next(version, Update{VPCs: contents, Shared: Shared{
		PrefixLists: n.PrefixLists, EndpointServices: n.EndpointServices, Peerings: n.Peerings,
		ResolverRules: n.ResolverRules, Internet: n.Internet,
	}})
}

// Next returns the snapshot that follows s. It compiles the changed VPCs only. Beyond what Compile and With check, it
// refuses references between what has changed and what is not there. After an error s is what it was.
func (s *Snapshot) Next(version uint64, u Update) (*Snapshot, error) {
	next, err := s.next(version, &u)
	if err != nil {
		return nil, fmt.Errorf("network version %d: %w", version, err)
	}
	return next, nil
}

func (s *Snapshot) next(version uint64, u *Update) (*Snapshot, error) {
	compiled := make([]*Compiled, len(u.VPCs))
	for i := range u.VPCs {
		var err error
		if compiled[i], err = Compile(u.VPCs[i], s.Compiled(u.VPCs[i].VPC.ID)); err != nil {
			return nil, err
		}
	}
	if err := u.Shared.check(); err != nil {
		return nil, err
	}
	next, err := s.With(version, compiled, u.Shared)
	if err != nil {
		return nil, err
	}
	return next, (&checker{s, next}).check(u, compiled)
}

// checker checks what refers from one part of a snapshot to another, where the parts differ from the one before.
type checker struct{ before, after *Snapshot }

func (k *checker) check(u *Update, compiled []*Compiled) error {
	for _, c := range compiled {
		if err := k.vpc(c); err != nil {
			return err
		}
		if err := k.left(c.VPC.ID); err != nil {
			return err
		}
	}
	for i := range u.Peerings {
		if err := k.peering(&u.Peerings[i]); err != nil {
			return err
		}
	}
	for i := range u.EndpointServices {
		if err := k.service(&u.EndpointServices[i]); err != nil {
			return err
		}
	}
	for i := range u.ResolverRules {
		if err := k.rule(&u.ResolverRules[i]); err != nil {
			return err
		}
	}
	return k.gone(u.Gone)
}

func missingReference(owner, id string) error {
	return fmt.Errorf("%s: refers to %q, which does not exist", owner, id)
}

// check finds what is wrong with the shared values themselves.
func (s *Shared) check() error {
	seen := map[string]bool{}
	unique := func(id string) error {
		if seen[id] {
			return fmt.Errorf("%s: two resources have this id", id)
		}
		seen[id] = true
		return nil
	}
	for _, l := range s.PrefixLists {
		if err := unique(l.ID); err != nil {
			return err
		}
		for _, c := range l.CIDRs {
			if err := checkRange(l.ID, c); err != nil {
				return err
			}
		}
	}
	for _, p := range s.Peerings {
		if err := unique(p.ID); err != nil {
			return err
		}
	}
	for i := range s.EndpointServices {
		if err := s.EndpointServices[i].check(unique); err != nil {
			return err
		}
	}
	for _, r := range s.ResolverRules {
		if r.Domain != canonical(r.Domain) {
			return fmt.Errorf("%s: %q is not in lower case without its last dot", r.ID, r.Domain)
		}
		if err := unique(r.ID); err != nil {
			return err
		}
	}
	return s.Internet.check(unique)
}

// vpc checks what a VPC refers to outside it.
func (k *checker) vpc(c *Compiled) error {
	for _, t := range c.content.RouteTables {
		for _, r := range t.Routes {
			if err := k.route(c, &t, &r); err != nil {
				return err
			}
		}
	}
	for _, g := range c.content.SecurityGroups {
		for _, r := range g.Rules {
			if _, ok := k.after.lists.get(r.PrefixList); !ok && r.PrefixList != "" {
				return missingReference(g.ID+" "+r.ID, r.PrefixList)
			}
		}
	}
	for _, p := range k.after.bound(c.VPC.ID).peerings {
		if err := k.peering(p); err != nil {
			return err
		}
	}
	return nil
}

func (k *checker) route(c *Compiled, t *RouteTable, r *Route) error {
	if _, ok := k.after.lists.get(r.PrefixList); !ok && r.PrefixList != "" {
		return missingReference(t.ID, r.PrefixList)
	}
	id := r.Target.ID
	switch r.Target.Kind {
	case ViaPeering:
		switch p, ok := k.after.peerings.get(id); {
		case !ok:
			return missingReference(t.ID, id)
		case p.Requester != c.VPC.ID && p.Accepter != c.VPC.ID:
			return fmt.Errorf("%s: %s does not join %s", t.ID, id, t.VPC)
		}
	case ViaInternetGateway, ViaNATGateway:
		switch n := k.after.nat(id); {
		case n != nil && n.vpc != c:
			return fmt.Errorf("%s: %s is not in %s", t.ID, id, t.VPC)
		case k.after.gatewayOf(id) != c:
			return fmt.Errorf("%s: gateway %s is not of %s", t.ID, id, t.VPC)
		}
		return k.held(c, t, id)
	}
	return nil
}

// held refuses a gateway that another VPC's routes lead to.
func (k *checker) held(c *Compiled, t *RouteTable, id string) error {
	holder := k.before.gatewayOf(id)
	if holder == nil || holder.VPC.ID == c.VPC.ID {
		return nil
	}
	if now := k.after.Compiled(holder.VPC.ID); now != nil && slices.Contains(now.exports.gateways, id) {
		return fmt.Errorf("%s: gateway %s is not of %s", t.ID, id, t.VPC)
	}
	return nil
}

func (k *checker) peering(p *Peering) error {
	requester, accepter := k.after.Compiled(p.Requester), k.after.Compiled(p.Accepter)
	switch {
	case requester == nil:
		return missingReference(p.ID, p.Requester)
	case accepter == nil:
		return missingReference(p.ID, p.Accepter)
	case requester == accepter:
		return fmt.Errorf("%s: joins %s to itself", p.ID, p.Requester)
	case !p.Active:
		return nil
	}
	for _, x := range requester.CIDRs {
		for _, y := range accepter.CIDRs {
			if x.Overlaps(y) {
				return fmt.Errorf("%s: %s of %s overlaps %s of %s", p.ID, x, p.Requester, y, p.Accepter)
			}
		}
	}
	return nil
}

// check finds what is wrong with the service itself.
func (v *EndpointService) check(unique func(string) error) error {
	if err := unique(v.Name); err != nil {
		return err
	}
	for _, t := range v.Targets {
		switch {
		case t.Port == 0 || t.TargetPort == 0:
			return fmt.Errorf("%s: a target has no port", v.ID)
		case (t.Interface == "") == !t.Host.IsValid():
			return fmt.Errorf("%s: a target has exactly one of interface and host address", v.ID)
		}
	}
	return nil
}

// service does not ask that a target's interface exists: its instance may have been terminated.
func (k *checker) service(v *EndpointService) error {
	if holder, _ := k.after.serviceNames.get(v.Name); holder.ID != v.ID {
		return fmt.Errorf("%s: two resources have this id", v.Name)
	}
	for _, t := range v.Targets {
		if t.Interface == "" {
			continue
		}
		switch from := k.after.nic(t.From); {
		case from.none():
			return missingReference(v.ID, t.From)
		case from.Kind != ServiceInterface || from.Owner != v.ID:
			return fmt.Errorf("%s: %s is not an interface of this service", v.ID, t.From)
		}
	}
	return nil
}

func (k *checker) rule(r *ResolverRule) error {
	for _, id := range r.VPCs {
		if k.after.Compiled(id) == nil {
			return missingReference(r.ID, id)
		}
		for _, b := range [2]binding{k.before.bound(id), k.after.bound(id)} {
			other := b.rules[r.Domain]
			if other == nil || other.ID == r.ID {
				continue
			}
			if now, ok := k.after.rules.get(other.ID); ok && now.Domain == r.Domain && slices.Contains(now.VPCs, id) {
				return fmt.Errorf("%s: %s has the rule %s for %q already", r.ID, id, other.ID, r.Domain)
			}
		}
	}
	return nil
}

// left checks the endpoint services whose own interfaces stood in the VPC.
func (k *checker) left(vpcID string) error {
	old := k.before.Compiled(vpcID)
	if old == nil {
		return nil
	}
	for _, n := range old.changed(InterfaceChanges{}) {
		if v, ok := k.after.services.get(n.Owner); ok && n.Kind == ServiceInterface {
			if err := k.service(v); err != nil {
				return err
			}
		}
	}
	return nil
}

// gone checks that nothing refers to what is gone.
func (k *checker) gone(ids []string) error {
	for _, id := range ids {
		if k.before.Compiled(id) != nil && k.after.Compiled(id) == nil {
			if err := k.goneVPC(id); err != nil {
				return err
			}
			continue
		}
		_, list := k.after.lists.get(id)
		_, peering := k.after.peerings.get(id)
		if list || peering {
			continue // it has taken its own place
		}
		users, _ := k.after.users.get(id)
		for v := range users.all() {
			if err := k.vpc(k.after.Compiled(v)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (k *checker) goneVPC(id string) error {
	b := k.after.bound(id)
	if len(b.peerings) > 0 {
		return missingReference(b.peerings[0].ID, id)
	}
	if domains := slices.Sorted(maps.Keys(b.rules)); len(domains) > 0 {
		return missingReference(b.rules[domains[0]].ID, id)
	}
	return k.left(id)
}
