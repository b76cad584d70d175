package fabric

import (
	"maps"
	"slices"

	"postern/network/vpc"
)

// Apply puts a snapshot in force. Packets that are judged from now on are judged by it; conversations whose interface
// or endpoint it no longer has are ended before Apply returns. It looks at the ports of the VPCs in which something
// changed since the snapshot before, and at those of which that did not know the VPC; flows between other VPCs are not
// judged again.
func (f *Fabric) Apply(s *vpc.Snapshot) {
	f.applying.Lock()
	defer f.applying.Unlock()
	changed := f.enforce(s)
	gone := map[*port]bool{}
	var absent []*port
	for _, p := range f.affected(changed) {
		there, ends := f.reread(p, s)
		if !there {
			absent = append(absent, p)
		}
		if ends {
			gone[p] = true
		}
	}
	closing := f.strike(s, changed, absent, gone)
	f.end(gone)
	for _, p := range absent {
		if p.ours() {
			p.stack.remove(p)
		}
	}
	for _, v := range closing {
		v.close()
	}
}

// enforce has packets judged by the snapshot, and says what changed since the one before.
func (f *Fabric) enforce(s *vpc.Snapshot) vpc.Changed {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := &rules{s, 1}
	var changed vpc.Changed
	if last := f.rules.Load(); last != nil {
		now.generation = last.generation + 1
		changed = s.ChangedSince(last.Snapshot)
	} else {
		changed.All = true
	}
	for v := range f.statesLocked(changed) {
		v.changed.Store(now.generation)
	}
	f.rules.Store(now)
	return changed
}

// statesLocked yields what the fabric has of the VPCs that changed.
func (f *Fabric) statesLocked(changed vpc.Changed) func(yield func(*vpcState) bool) {
	if changed.All {
		return maps.Values(f.vpcs)
	}
	return func(yield func(*vpcState) bool) {
		for _, id := range changed.VPCs {
			if v := f.vpcs[id]; v != nil && !yield(v) {
				return
			}
		}
	}
}

// affected returns the ports about which the snapshot may say something else than the one before.
func (f *Fabric) affected(changed vpc.Changed) []*port {
	f.mu.RLock()
	defer f.mu.RUnlock()
	ports := slices.Collect(maps.Keys(f.unplaced))
	for v := range f.statesLocked(changed) {
		ports = slices.AppendSeq(ports, maps.Keys(v.ports))
	}
	return ports
}

// reread takes over what the snapshot says of the port, and reports whether it has it and whether its conversations
// end.
func (f *Fabric) reread(p *port, s *vpc.Snapshot) (there, ends bool) {
	found := p.read(s)
	if v := p.vpc.Load(); v == nil && found.vpc != "" || v != nil && v.id != found.vpc {
		f.mu.Lock()
		if f.ports[p.id] == p {
			f.placeLocked(p, found.vpc)
		}
		f.mu.Unlock()
	}
	wasDead := p.dead.Swap(!found.alive)
	return found.vpc != "", found.moved || !found.alive && !wasDead
}

// strike forgets the ports that are absent, unless links are attached, and the VPCs that the snapshot no longer has. It
// adds their services to what is gone.
func (f *Fabric) strike(
	s *vpc.Snapshot, changed vpc.Changed, absent []*port, gone map[*port]bool,
) (closing []*vpcStack) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range absent {
		if p.kind != machine || p.plug.Load() == nil {
			f.forgetLocked(p)
		}
	}
	for v := range f.statesLocked(changed) {
		if _, ok := s.VPC(v.id); ok {
			continue
		}
		delete(f.vpcs, v.id)
		if v.stack != nil {
			gone[v.stack.service] = true
			closing = append(closing, v.stack)
		}
	}
	return closing
}
