package link

import "net/netip"

// Device says how a TAP device is set up in the network namespace of the calling thread.
type Device struct {
	// Name is the interface's (1–15 characters); empty lets the kernel choose.
	Name string
	// MAC is the interface's hardware address.
	MAC MAC
	// Address is the interface's, with the length of its subnet's prefix.
	Address netip.Prefix
	// MTU is in bytes (576–65535).
	MTU int
	// Routes go through the device, 0.0.0.0/0 for everything.
	Routes []netip.Prefix
	// Gateway, if valid, is named as the routes' next hop; it must lie in the subnet.
	Gateway netip.Addr
}
