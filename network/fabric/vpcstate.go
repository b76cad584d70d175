package fabric

import "sync/atomic"

// vpcState holds what the fabric keeps of one VPC. The fabric's mu guards ports and stack.
type vpcState struct {
	id string
	// changed is the generation of the rules that last changed decisions about the VPC's flows.
	changed atomic.Uint64
	// ports holds the ports of its network interfaces and gateways.
	ports map[*port]struct{}
	// stack terminates connections; it is nil until it is needed.
	stack *vpcStack
}

// stateLocked returns what the fabric keeps of the VPC, and begins with it if need be. What it missed may have changed
// in the rules in force.
func (f *Fabric) stateLocked(id string) *vpcState {
	v := f.vpcs[id]
	if v == nil {
		v = &vpcState{id: id, ports: map[*port]struct{}{}}
		if r := f.rules.Load(); r != nil {
			v.changed.Store(r.generation)
		}
		f.vpcs[id] = v
	}
	return v
}

// placeLocked notes that a port is in the VPC with the id, or in none that is known.
func (f *Fabric) placeLocked(p *port, vpcID string) {
	f.unplaceLocked(p)
	if vpcID == "" {
		p.vpc.Store(nil)
		f.unplaced[p] = struct{}{}
		return
	}
	v := f.stateLocked(vpcID)
	v.ports[p] = struct{}{}
	p.vpc.Store(v)
}

func (f *Fabric) unplaceLocked(p *port) {
	delete(f.unplaced, p)
	if v := p.vpc.Load(); v != nil {
		delete(v.ports, p)
	}
}

// forgetLocked drops a port.
func (f *Fabric) forgetLocked(p *port) {
	if f.ports[p.id] == p {
		delete(f.ports, p.id)
		f.unplaceLocked(p)
	}
}

// holds reports whether what was decided under the rules of a generation still holds for flows of the port.
func (p *port) holds(generation uint64) bool {
	v := p.vpc.Load()
	return v != nil && v.changed.Load() <= generation
}
