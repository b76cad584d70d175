package fabric

import (
	"fmt"

	"postern/network/fabric/internal/packet"
	"postern/network/vpc"
)

// Drop is why a packet went no further. Counters, flow logs and journeys share the names.
type Drop uint8

// The reasons that are the fabric's own. Above them come what is wrong with the packet itself and the judge's reasons.
const (
	Carried          Drop = iota
	NoNetwork             // no snapshot has been applied yet
	OutOfState            // it belongs to no conversation and may not begin one
	Unrelated             // an ICMP error or answer about nothing that was sent
	FlowAllowance         // the sender has as many flows as one interface may begin
	ServiceAllowance      // the link-local services, or an inbound endpoint, are asked too often
	TooLarge              // the receiver's link takes no packet of that size
	Unattached            // nobody holds the receiver's link
	NoGateway             // the fabric has no path out of the VPCs
	ServiceBusy           // the service's queue is full
	PortAllocation        // a NAT gateway has no free port for that destination

	ownDrops

	firstFault  Drop = 32
	firstReason Drop = 96
)

var ownNames = [ownDrops]string{
	"carried", "no-network", "out-of-state", "unrelated", "flow-allowance", "service-allowance", "too-large",
	"unattached", "no-gateway", "service-busy", "port-allocation",
}

func dropFault(f packet.Fault) Drop { return firstFault + Drop(f) }
func dropReason(r vpc.Reason) Drop  { return firstReason + Drop(r) }
func (d Drop) String() string {
	switch {
	case d < ownDrops:
		return ownNames[d]
	case d >= firstReason:
		return vpc.Reason(d - firstReason).String()
	case d >= firstFault && int(d-firstFault) < len(packet.Names):
		return packet.Names[d-firstFault]
	}
	return fmt.Sprintf("drop(%d)", uint8(d))
}
