package network

import (
	"net/netip"

	"postern/aws/fault"
	"postern/record"
)

// publicAddress says that a public address is taken: by an Elastic IP address, or by a network interface that it was
// assigned with. Two who take one at the same time conflict over it, in whatever scopes they are.
type publicAddress struct {
	// Address is its own id.
	Address string
	// Holder is the id of what has it.
	Holder string
}

var publicAddressKind = declare(&kind[publicAddress]{Kind: record.Kind[publicAddress]{Name: "public-address"}})

func (*publicAddress) kind() declared { return publicAddressKind }
func (a *publicAddress) key() string  { return a.Address }

// takePublic takes a public address that nothing has: the next free one from a random place on.
func (p *plan) takePublic(from netip.Prefix, holder string) (netip.Addr, error) {
	size := 1 << (32 - from.Bits())
	start := randomNumber(size)
	for i := range size {
		a := at(from, (start+i)%size)
		if last := a.As4()[3]; last == 0 || last == 255 {
			continue
		}
		if _, taken := publicAddressKind.Get(p.Tables, a.String()); !taken {
			p.note(&publicAddress{a.String(), holder})
			return a, nil
		}
	}
	return netip.Addr{}, refuse(fault.Limit, "InsufficientAddressCapacity", "There is no free public address in %s", from)
}

// freePublic gives a public address back.
func (p *plan) freePublic(a netip.Addr) { p.forget(&publicAddress{Address: a.String()}) }

// completePublicAddresses notes the public addresses that were taken before notes were kept.
func completePublicAddresses(p *record.Plan) {
	note := func(a netip.Addr, holder string) {
		if _, ok := publicAddressKind.Get(p.Tables, a.String()); !ok {
			publicAddressKind.Put(p, &publicAddress{a.String(), holder}, true)
		}
	}
	for e := range elasticIPKind.All(p.Tables) {
		note(e.Address, e.ID)
	}
	for n := range interfaceKind.All(p.Tables) {
		if n.Public != nil && n.Public.Allocation == "" {
			note(n.Public.Address, n.ID)
		}
	}
}
