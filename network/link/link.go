package link

// Link carries the IP packets of one network interface between the fabric and whoever owns that interface.
//
// Every link takes packets as large as they come: one whose far side cannot take a super-segment or an unfinished
// checksum splits and finishes it inside Send, and one that can gathers small segments into a large one before it
// hands them to receive. The fabric asks no link what it can do.
type Link interface {
	// Open starts the link: from now until Close returns, receive is called with packets from the far side, by one
	// goroutine or several. The packets belong to receive from then on; the slice that holds them stays the link's.
	// receive calls Send of other links and, for answers made on the way, of this one; a link calls it while holding
	// no lock that Send takes. Open is called once.
	Open(receive func(batch []Packet))
	// Send carries packets to the far side in their order. It takes the packets over and releases each when done with
	// it; the slice stays the caller's. It may be called by several goroutines at once. It never waits for the far
	// side: what does not fit into the link's queue is dropped, as a wire would, and counted by the link. After Close
	// it drops everything.
	Send(batch []Packet)
	// MTU is the largest IP packet, in bytes, that the far side takes (576–65535); each segment of a super-segment
	// counts by itself. It does not change during the link's life.
	MTU() int
	// Close ends the link and waits for its goroutines. Closing again does nothing.
	Close() error
}
