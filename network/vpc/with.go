package vpc

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// With returns the snapshot that follows s: with the compiled VPCs in place of those with their ids, and with what is
// shared. It takes time by what it is given, not by what else is there, and can be called under a lock.
//
// References to what stands outside a VPC are looked up when a flow is judged, so that changes of different VPCs may
// come into force in another order than they were made in: a route by a peering that is not there is a black hole, a
// prefix list that is not there has no ranges, a Resolver rule waits for its VPC. Of two VPCs with a route to the same
// gateway, or with the same public address, the one that came last has it. An id that two VPCs have is an error.
func (s *Snapshot) With(version uint64, compiled []*Compiled, shared Shared) (*Snapshot, error) {
	next := *s
	next.version = version
	e := &editor{Snapshot: &next, by: new(edit), touched: map[string]bool{}}
	next.slots = slices.Clone(s.slots)
	for _, id := range shared.Gone {
		e.remove(id)
	}
	if err := e.install(compiled); err != nil {
		return nil, err
	}
	e.share(&shared)
	next.history = follow(s.history, &Changed{
		All:  shared.Internet != nil || s.version == 0 && s.where.count == 0,
		VPCs: slices.Sorted(maps.Keys(e.touched)),
	})
	return &next, nil
}

// follow returns the latest of the history with what changed last.
func follow(history []*Changed, last *Changed) []*Changed {
	from := max(len(history)-maxHistory, 0)
	return append(append(make([]*Changed, 0, len(history)-from+1), history[from:]...), last)
}

// editor makes a snapshot of a copy of the one before.
type editor struct {
	*Snapshot
	by *edit
	// touched holds the ids of the VPCs in which decisions may be others.
	touched map[string]bool
}

// install puts the VPCs in the place of those with their ids. It takes away first and adds then, so that what moves
// from one to another is not there twice.
func (e *editor) install(compiled []*Compiled) error {
	slots := make([]int32, len(compiled))
	for i, c := range compiled {
		e.touched[c.VPC.ID] = true
		slot, there := e.where.get(c.VPC.ID)
		if !there {
			slot = e.newSlot()
		}
		slots[i] = slot
		if old := e.slots.at(slot); old != nil {
			e.withdraw(slot, old, c)
		}
	}
	for i, c := range compiled {
		old := e.slots.at(slots[i])
		if old == nil {
			old = new(Compiled)
		}
		e.slots.set(slots[i], c)
		if err := e.enter(slots[i], old, c); err != nil {
			return err
		}
	}
	return nil
}

// withdraw takes out of the indexes what the VPC at the slot exported and does not export any more.
func (e *editor) withdraw(slot int32, before, after *Compiled) {
	vpcID, old, now := before.VPC.ID, &before.exports, &after.exports
	for id := range missing(old.ids, now.ids) {
		e.where.delete(e.by, id)
	}
	for id := range missing(old.gateways, now.gateways) {
		if holder, _ := e.gateways.get(id); holder == slot {
			e.gateways.delete(e.by, id)
		}
	}
	for to := range missing(old.references, now.references) {
		users, _ := e.users.get(to)
		users.delete(e.by, vpcID)
		if users.count == 0 {
			e.users.delete(e.by, to)
		} else {
			e.users.set(e.by, to, users)
		}
	}
	for name := range missing(old.owned, now.owned) {
		if holder, _ := e.owned.get(name); holder == slot {
			e.owned.delete(e.by, name)
		}
	}
	for name := range missing(old.inner, now.inner) {
		if count, _ := e.inner.get(name); count > 1 {
			e.inner.set(e.by, name, count-1)
		} else {
			e.inner.delete(e.by, name)
		}
	}
	for name := range missing(old.zones, now.zones) {
		e.countZone(name, -1)
	}
	for _, c := range interfaceChanges(before, after) {
		if c.now == nil {
			e.where.delete(e.by, c.id())
		}
		if a := c.old.public(); a.IsValid() && a != c.now.public() {
			if holder, _ := e.publics.get(a); holder == (publicHolder{slot, c.id()}) {
				e.publics.delete(e.by, a)
			}
		}
	}
}

// enter adds to the indexes what the VPC at the slot exports and did not export before.
func (e *editor) enter(slot int32, before, after *Compiled) error {
	vpcID, old, now := after.VPC.ID, &before.exports, &after.exports
	for id := range missing(now.ids, old.ids) {
		if _, there := e.where.get(id); there {
			return fmt.Errorf("%s: two resources have this id", id)
		}
		e.where.set(e.by, id, slot)
	}
	for id := range missing(now.gateways, old.gateways) {
		e.gateways.set(e.by, id, slot)
	}
	for to := range missing(now.references, old.references) {
		users, _ := e.users.get(to)
		users.set(e.by, vpcID, struct{}{})
		e.users.set(e.by, to, users)
	}
	for name := range missing(now.owned, old.owned) {
		e.owned.set(e.by, name, slot)
	}
	for name := range missing(now.inner, old.inner) {
		count, _ := e.inner.get(name)
		e.inner.set(e.by, name, count+1)
	}
	for name := range missing(now.zones, old.zones) {
		e.countZone(name, 1)
	}
	for _, c := range interfaceChanges(before, after) {
		if c.old == nil {
			if _, there := e.where.get(c.id()); there {
				return fmt.Errorf("%s: two resources have this id", c.id())
			}
			e.where.set(e.by, c.id(), slot)
		}
		if a := c.now.public(); a.IsValid() && a != c.old.public() {
			e.publics.set(e.by, a, publicHolder{slot, c.id()})
		}
	}
	return nil
}

// missing yields what a has and b does not. Both are in order.
func missing(a, b []string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		if len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0]) {
			return
		}
		j := 0
		for _, x := range a {
			for j < len(b) && b[j] < x {
				j++
			}
			if (j == len(b) || b[j] != x) && !yield(x) {
				return
			}
		}
	}
}

func (e *editor) countZone(name string, by int) {
	e.zones = slices.Clone(e.zones)
	i, found := slices.BinarySearchFunc(e.zones, name, func(z zone, name string) int {
		return strings.Compare(z.name, name)
	})
	if !found {
		e.zones = slices.Insert(e.zones, i, zone{name: name})
	}
	if e.zones[i].count += by; e.zones[i].count == 0 {
		e.zones = slices.Delete(e.zones, i, i+1)
	}
}

// remove takes out whatever has the id: a VPC, or what is shared.
func (e *editor) remove(id string) {
	if slot, ok := e.where.get(id); ok && e.slots.at(slot).VPC.ID == id {
		e.touched[id] = true
		e.withdraw(slot, e.slots.at(slot), new(Compiled))
		e.slots.set(slot, nil)
		e.free = append(slices.Clip(e.free), slot)
	}
	e.removeList(id)
	e.removeService(id)
	e.removePeering(id)
	e.removeRule(id)
}

// newSlot returns a slot that no VPC has.
func (e *editor) newSlot() int32 {
	if last := len(e.free) - 1; last >= 0 {
		slot := e.free[last]
		e.free = e.free[:last]
		return slot
	}
	e.slotCount++
	return e.slotCount - 1
}

// touchUsers notes that what the VPCs refer to by a name or id is another.
func (e *editor) touchUsers(of string) {
	users, _ := e.users.get(of)
	for id := range users.all() {
		e.touched[id] = true
	}
}

// share puts in force what belongs to no VPC or to several.
func (e *editor) share(shared *Shared) {
	for _, l := range shared.PrefixLists {
		e.setList(l)
	}
	for i := range shared.EndpointServices {
		e.setService(&shared.EndpointServices[i])
	}
	for i := range shared.Peerings {
		e.setPeering(&shared.Peerings[i])
	}
	for i := range shared.ResolverRules {
		e.setRule(&shared.ResolverRules[i])
	}
	if shared.Internet != nil {
		e.internet = newInternet(shared.Internet)
	}
}

func (e *editor) setList(l PrefixList) {
	e.removeList(l.ID)
	made := newPrefixList(l)
	e.lists.set(e.by, l.ID, made)
	named, _ := e.named.get(l.Name)
	named = append(slices.Clip(named), made)
	slices.SortFunc(named, func(a, b *prefixList) int { return cmp.Compare(a.ID, b.ID) })
	e.named.set(e.by, l.Name, named)
	e.touchUsers(l.ID)
	e.touchUsers(l.Name)
}

func (e *editor) removeList(id string) {
	old, ok := e.lists.get(id)
	if !ok {
		return
	}
	e.lists.delete(e.by, id)
	named, _ := e.named.get(old.Name)
	named = slices.DeleteFunc(slices.Clone(named), func(l *prefixList) bool { return l == old })
	if len(named) == 0 {
		e.named.delete(e.by, old.Name)
	} else {
		e.named.set(e.by, old.Name, named)
	}
	e.touchUsers(id)
	e.touchUsers(old.Name)
}

func (e *editor) setService(v *EndpointService) {
	e.removeService(v.ID)
	e.services.set(e.by, v.ID, v)
	e.serviceNames.set(e.by, v.Name, v)
	e.touchUsers(v.Name)
}

func (e *editor) removeService(id string) {
	old, ok := e.services.get(id)
	if !ok {
		return
	}
	e.services.delete(e.by, id)
	if holder, _ := e.serviceNames.get(old.Name); holder == old {
		e.serviceNames.delete(e.by, old.Name)
	}
	e.touchUsers(old.Name)
}

func (e *editor) setPeering(p *Peering) {
	e.removePeering(p.ID)
	e.peerings.set(e.by, p.ID, p)
	for _, id := range [2]string{p.Requester, p.Accepter} {
		e.touched[id] = true
		b := e.bindingOf(id)
		i, _ := slices.BinarySearchFunc(b.peerings, p.ID, func(p *Peering, id string) int {
			return strings.Compare(p.ID, id)
		})
		b.peerings = slices.Insert(slices.Clip(b.peerings), i, p)
		e.bindings.set(e.by, id, &b)
	}
}

func (e *editor) removePeering(id string) {
	old, ok := e.peerings.get(id)
	if !ok {
		return
	}
	e.peerings.delete(e.by, id)
	for _, id := range [2]string{old.Requester, old.Accepter} {
		e.touched[id] = true
		b := e.bindingOf(id)
		b.peerings = slices.DeleteFunc(slices.Clone(b.peerings), func(p *Peering) bool { return p == old })
		e.bind(id, &b)
	}
}

func (e *editor) setRule(r *ResolverRule) {
	e.removeRule(r.ID)
	e.rules.set(e.by, r.ID, r)
	for _, id := range r.VPCs {
		b := e.bindingOf(id)
		rules := maps.Clone(b.rules)
		if rules == nil {
			rules = map[string]*ResolverRule{}
		}
		rules[r.Domain] = r
		b.rules = rules
		e.bind(id, &b)
	}
}

func (e *editor) removeRule(id string) {
	old, ok := e.rules.get(id)
	if !ok {
		return
	}
	e.rules.delete(e.by, id)
	for _, id := range old.VPCs {
		if b := e.bindingOf(id); b.rules[old.Domain] == old {
			b.rules = maps.Clone(b.rules)
			delete(b.rules, old.Domain)
			e.bind(id, &b)
		}
	}
}

// bindingOf returns a copy of what is bound to the VPC.
func (e *editor) bindingOf(vpcID string) binding {
	if b, ok := e.bindings.get(vpcID); ok {
		return *b
	}
	return binding{}
}

// bind keeps what is bound to the VPC.
func (e *editor) bind(vpcID string, b *binding) {
	if len(b.peerings) == 0 && len(b.rules) == 0 {
		e.bindings.delete(e.by, vpcID)
		return
	}
	e.bindings.set(e.by, vpcID, b)
}
