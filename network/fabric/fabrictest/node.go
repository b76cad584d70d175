package fabrictest

import (
	"net/netip"
	"testing"

	"postern/network/fabric"
	"postern/network/link/userstack"
)

// Node is a machine on a network interface of the fabric: DialTCP, DialUDP and ListenTCP are its own.
type Node struct {
	*userstack.Stack
	Address netip.Addr
	detach  func()
}

// NewNode attaches a machine with the address and MTU to the interface. It is detached when the test ends.
func NewNode(t testing.TB, f *fabric.Fabric, eni string, address netip.Addr, mtu int) *Node {
	t.Helper()
	s, err := userstack.New(mtu, address)
	if err != nil {
		t.Fatal(err)
	}
	n := &Node{Stack: s, Address: address, detach: f.Attach(eni, s)}
	t.Cleanup(n.Detach)
	return n
}

// Detach takes the machine off the network and ends it.
func (n *Node) Detach() { n.detach() }
