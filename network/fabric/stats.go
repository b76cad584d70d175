package fabric

import (
	"sync/atomic"

	"postern/network/link"
)

type counters struct {
	packets, bytes atomic.Uint64
	rejudged       atomic.Uint64
	dropped        [256]atomic.Uint64
}

func (c *counters) drop(d Drop) { c.dropped[d].Add(1) }

func (c *counters) carry(batch []link.Packet) {
	bytes := 0
	for i := range batch {
		bytes += batch[i].Len()
	}
	c.packets.Add(uint64(len(batch)))
	c.bytes.Add(uint64(bytes))
}

// Stats counts what the fabric has done since it was made.
type Stats struct {
	// Packets and Bytes were delivered; a super-segment counts as one packet.
	Packets, Bytes uint64
	// Dropped are the packets that were not, by the name of the reason.
	Dropped map[string]uint64
	// Flows are in the connection table now; Evicted made room for others while they were alive.
	Flows   int
	Evicted uint64
	// Rejudged counts how often one direction of a flow was judged again because rules had changed.
	Rejudged uint64
	// LostRecords are the flow log records of refused flows that found no room.
	LostRecords uint64
}

// Stats returns the counters.
func (f *Fabric) Stats() Stats {
	s := Stats{
		Packets: f.counts.packets.Load(), Bytes: f.counts.bytes.Load(), Dropped: map[string]uint64{},
		Flows: f.flows.Len(), Evicted: f.flows.Evicted(), Rejudged: f.counts.rejudged.Load(), LostRecords: f.log.lost.Load(),
	}
	for d := range f.counts.dropped {
		if n := f.counts.dropped[d].Load(); n > 0 {
			s.Dropped[Drop(d).String()] += n
		}
	}
	return s
}
