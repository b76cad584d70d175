package pid1

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"

	"postern/network/link"
)

// firstTable is the number of the routing table of the interface with the device index 0; the others follow.
const firstTable = 10000

// nic describes a network interface as whoever boots the instance wants it.
type nic struct {
	// Index is the device index; the interface's name is made of it.
	Index int
	// MAC is the hardware address.
	MAC link.MAC
	// Address is the primary address with its subnet's length, Secondary are the others.
	Address   netip.Prefix
	Secondary []netip.Addr
	Gateway   netip.Addr
	MTU       int
}

func (n *nic) name() string  { return fmt.Sprintf("eth%d", n.Index) }
func (n *nic) table() uint32 { return uint32(firstTable + n.Index) }

// nics holds the addresses that were given besides the primary ones, by interface.
type nics map[string][]netip.Addr

// command does what a message of the control socket asks and answers there.
func (n nics) command(verb string, body []byte) {
	var wanted nic
	err := json.Unmarshal(body, &wanted)
	switch {
	case err != nil:
	case verb == "plug":
		if err = n.plug(&wanted); err == nil {
			return // it has answered
		}
	default:
		err = n.assign(&wanted)
	}
	answer := "ok"
	if err != nil {
		answer = "error " + err.Error()
	}
	_, _ = unix.Write(controlFD, []byte(answer)) // the end of the socket ends this process anyway
}

// plug makes an interface and hands its other end over. Answers to what comes in by it leave by it: what is sent from
// its addresses has a routing table of its own.
func (n nics) plug(wanted *nic) error {
	tap, err := link.OpenTAP(link.Device{Name: wanted.name(), MAC: wanted.MAC, Address: wanted.Address, MTU: wanted.MTU})
	if err != nil {
		return err
	}
	defer tap.Close() // whoever it is handed to has a copy
	delete(n, wanted.name())
	if err := link.RouteTable(wanted.name(), wanted.Gateway, wanted.table()); err != nil {
		return err
	}
	if err := link.AddRule(wanted.Address.Addr(), wanted.table()); err != nil {
		return err
	}
	if err := n.assign(wanted); err != nil {
		return err
	}
	return unix.Sendmsg(controlFD, []byte("tap"), unix.UnixRights(int(tap.Fd())), nil, 0)
}

// assign gives an interface the secondary addresses that are wanted, and takes from it those that it was given before
// and that are not.
func (n nics) assign(wanted *nic) error {
	name, bits := wanted.name(), wanted.Address.Bits()
	var failed error
	for _, a := range n[name] {
		if !slices.Contains(wanted.Secondary, a) {
			failed = errors.Join(failed, link.RemoveAddress(name, netip.PrefixFrom(a, bits)), wanted.unrule(a))
		}
	}
	for _, a := range wanted.Secondary {
		failed = errors.Join(failed, link.AddAddress(name, netip.PrefixFrom(a, bits)), wanted.rule(a))
	}
	n[name] = wanted.Secondary
	return failed
}

// rule leads what is sent from an address to the interface's own table; the primary interface has the main table.
func (n *nic) rule(a netip.Addr) error {
	if n.Index == 0 {
		return nil
	}
	return link.AddRule(a, n.table())
}

func (n *nic) unrule(a netip.Addr) error {
	if n.Index == 0 {
		return nil
	}
	return link.RemoveRule(a, n.table())
}
