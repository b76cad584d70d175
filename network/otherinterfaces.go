package network

import (
	"maps"
	"slices"

	"postern/network/vpc"
	"postern/record"
)

// otherInterfaces notes which network interfaces of a VPC are others than in the snapshot, so that the VPC is made anew
// out of them and of what it was.
type otherInterfaces struct {
	// of has the version of the last change of each, by VPC and id.
	of map[string]map[string]uint64
	// restarts counts how often the state was read anew. Nothing is known from then on until everything was made of it.
	restarts, made int
}

// note notes the interfaces that edits write, whether the judge has to hear of them at once or not.
func (o *otherInterfaces) note(edits []record.Edit, version uint64) {
	for _, e := range edits {
		if e.Record().Kind != interfaceKind.Name {
			continue
		}
		for _, r := range [2]any{e.Old(), e.New()} {
			n, ok := r.(*Interface)
			if !ok {
				continue
			}
			if o.of == nil {
				o.of = map[string]map[string]uint64{}
			}
			if o.of[n.VPC] == nil {
				o.of[n.VPC] = map[string]uint64{}
			}
			o.of[n.VPC][n.ID] = version
		}
	}
}

// restart notes that the state was read anew.
func (o *otherInterfaces) restart() {
	o.of = nil
	o.restarts++
}

// take takes those of each view up to a version; nil says that they are not known.
func (o *otherInterfaces) take(views []string, version uint64) []map[string]uint64 {
	out := make([]map[string]uint64, len(views))
	for i, id := range views {
		taken, later := o.of[id], map[string]uint64(nil)
		for nic, at := range taken {
			if at > version {
				if later == nil {
					later = map[string]uint64{}
				}
				later[nic] = at
			}
		}
		if later != nil {
			maps.DeleteFunc(taken, func(_ string, at uint64) bool { return at > version })
			o.of[id] = later
		} else {
			delete(o.of, id)
		}
		if taken == nil {
			taken = map[string]uint64{}
		}
		if o.restarts == o.made {
			out[i] = taken
		}
	}
	return out
}

// putBack notes again what was taken.
func (o *otherInterfaces) putBack(views []string, others []map[string]uint64) {
	for i, id := range views {
		for nic, at := range others[i] {
			if o.of == nil {
				o.of = map[string]map[string]uint64{}
			}
			if o.of[id] == nil {
				o.of[id] = map[string]uint64{}
			}
			o.of[id][nic] = max(o.of[id][nic], at)
		}
	}
}

// interfaceChanges returns what the judge sees of those interfaces of a VPC.
func (s *State) interfaceChanges(vpcID string, ids map[string]uint64) (changes vpc.InterfaceChanges) {
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		if n, ok := interfaceKind.Get(s.Tables, id); ok && n.VPC == vpcID {
			changes.Put = append(changes.Put, n.value())
		} else {
			changes.Gone = append(changes.Gone, id)
		}
	}
	return changes
}
