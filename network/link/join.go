package link

import (
	"crypto/hkdf"
	"crypto/sha256"
	"net/netip"
	"strings"
	"time"

	"postern/aws/fault"
)

// JoinKeySize is the length of a join key, in bytes.
const JoinKeySize = 32

// DeriveJoinKey turns an activation's code into the key that authenticates both directions of the join exchange. The
// server keeps the result only; a code has at least 100 bits, so that guessing it from a recorded exchange is hopeless.
func DeriveJoinKey(activation, code string) []byte {
	key, err := hkdf.Key(sha256.New, []byte(code), []byte(activation), "postern join 1", JoinKeySize)
	if err != nil {
		panic("link: HKDF-SHA-256 refuses 32 bytes: " + err.Error())
	}
	return key
}

// JoinRequest asks to let one machine in.
type JoinRequest struct {
	// Activation is the activation's id (1–64 characters).
	Activation string
	// PublicKey is the node's; asking again with the same key is the same request and gives the same grant.
	PublicKey PublicKey
	// Time is the node's clock. The server takes requests within JoinWindow of its own.
	Time time.Time
	// Nonce is random and differs in every datagram sent.
	Nonce [NonceSize]byte
	// Subnet is the subnet wanted ("subnet-…"); empty leaves it to the activation.
	Subnet string
	// Hostname is the node's own name for itself (0–253 characters of a host name).
	Hostname string
	// CAOffset is the byte of the CA bundle from which the reply is to carry on.
	CAOffset uint32

	// Source says where the request came from; the server fills it in.
	Source netip.AddrPort
}

// JoinWindow bounds how far a node's clock may be from the server's.
const JoinWindow = 5 * time.Minute

// Grant holds what a node needs to know once it is let in.
type Grant struct {
	Account, Region string
	// VPC, Subnet and Interface are the ids of where it was put.
	VPC, Subnet, Interface string
	// Address is the interface's private address with the subnet's prefix length.
	Address netip.Prefix
	// Routes are the address ranges that lie behind the tunnel: those of the VPC and of VPCs peered with it (at most
	// MaxRoutes).
	Routes []netip.Prefix
	// Resolver is the VPC resolver's address.
	Resolver netip.Addr
	// Servers are the DNS servers that the node is to ask instead of Resolver (at most MaxServers), and Search the domains
	// in which it is to look for short names: what the VPC's DHCP options say. Both may be empty.
	Servers []netip.Addr `json:",omitempty"`
	Search  []string     `json:",omitempty"`
	// MTU is the largest packet that the tunnel takes, in bytes (576–65,535).
	MTU int
	// CA is the bundle of certificates to trust, PEM, at most MaxCA bytes.
	CA []byte
}

const (
	// MaxCA bounds the CA bundle, in bytes.
	MaxCA = 64 << 10
	// MaxRoutes bounds the routes, so that a grant fits into one datagram.
	MaxRoutes = 16
	// MaxServers bounds the DNS servers, and maxSearch the search list in characters, spaces included.
	MaxServers = 4
	maxSearch  = 256
)

// NameServers are the DNS servers that the node asks, in this order.
func (g *Grant) NameServers() []netip.Addr {
	if len(g.Servers) == 0 {
		return []netip.Addr{g.Resolver}
	}
	return g.Servers
}

// JoinReply is a Grant on the wire: its CA arrives in pieces that each fit one datagram.
type JoinReply struct {
	Grant
	// Nonce is the request's.
	Nonce [NonceSize]byte
	// ServerKey is the WireGuard public key of the server for this VPC.
	ServerKey PublicKey
	// CASize and CASum are the whole bundle's length and SHA-256; Grant.CA holds the piece at CAOffset.
	CASize, CAOffset uint32
	CASum            [sha256.Size]byte
}

// Refusal says no. One that is authenticated gives the reason, as a fault; one that is not says nothing at all, so that
// a wrong code and an unknown activation look alike.
type Refusal struct {
	Nonce [NonceSize]byte
	// Authenticated tells that the sender knows the join key.
	Authenticated bool
	// Time is the server's clock, so that a node can see that its own is wrong (authenticated only).
	Time time.Time
	Kind fault.Kind
	// Code is Amazon's error code, if there is one; Message is for people (at most 400 bytes each).
	Code, Message string
}

// Err is the refusal as an error: fault.Unauthenticated where the server did not say who it is.
func (r *Refusal) Err() error {
	if !r.Authenticated {
		return fault.New(fault.Unauthenticated, "link.Join",
			"the server refuses: there is no such activation, or the code is not the right one")
	}
	return fault.New(r.Kind, "link.Join", "the server refuses: %s", r.Message).WithCode(r.Code)
}

// Validate reports the first field that the wire cannot carry.
func (r *JoinRequest) Validate() error {
	switch {
	case r.Activation == "" || len(r.Activation) > maxID:
		return fault.New(fault.Invalid, "link.Join", "activation: 1 to %d characters, not %d", maxID, len(r.Activation))
	case !isName(r.Activation):
		return fault.New(fault.Invalid, "link.Join", "activation: letters, digits and hyphens only")
	case r.PublicKey.IsZero():
		return fault.New(fault.Missing, "link.Join", "public key: must not be zero")
	case len(r.Subnet) > maxID || !isName(r.Subnet):
		return fault.New(fault.Invalid, "link.Join", "subnet: at most %d letters, digits and hyphens", maxID)
	case len(r.Hostname) > maxHostname || !isName(r.Hostname):
		return fault.New(fault.Invalid, "link.Join",
			"host name: at most %d letters, digits, hyphens, dots and underscores", maxHostname)
	}
	return nil
}

// Validate reports the first field of g that no node could use.
func (g *Grant) Validate() error {
	bad := func(field string, value any) error {
		return fault.New(fault.Invalid, "link.Grant", "%s: %v is not usable", field, value)
	}
	switch {
	case !g.Address.IsValid():
		return bad("address", g.Address)
	case !g.Resolver.IsValid():
		return bad("resolver", g.Resolver)
	case g.MTU < minMTU || g.MTU > maxMTU:
		return fault.New(fault.Invalid, "link.Grant", "MTU: %d to %d bytes, not %d", minMTU, maxMTU, g.MTU)
	case len(g.Routes) > MaxRoutes:
		return fault.New(fault.TooLarge, "link.Grant", "routes: at most %d, not %d", MaxRoutes, len(g.Routes))
	case len(g.CA) > MaxCA:
		return fault.New(fault.TooLarge, "link.Grant", "CA: at most %d bytes, not %d", MaxCA, len(g.CA))
	}
	for _, r := range g.Routes {
		if !r.IsValid() {
			return bad("route", r)
		}
	}
	if err := g.validateNames(); err != nil {
		return err
	}
	for _, id := range []string{g.Account, g.Region, g.VPC, g.Subnet, g.Interface} {
		if len(id) > maxID {
			return fault.New(fault.Invalid, "link.Grant", "id %q: at most %d characters", id, maxID)
		}
	}
	return nil
}

func (g *Grant) validateNames() error {
	if len(g.Servers) > MaxServers {
		return fault.New(fault.TooLarge, "link.Grant", "DNS servers: at most %d, not %d", MaxServers, len(g.Servers))
	}
	for _, a := range g.Servers {
		if !a.Is4() {
			return fault.New(fault.Invalid, "link.Grant", "DNS server: %v is not usable", a)
		}
	}
	if n := len(strings.Join(g.Search, " ")); n > maxSearch {
		return fault.New(fault.TooLarge, "link.Grant", "search list: at most %d characters, not %d", maxSearch, n)
	}
	for _, name := range g.Search {
		if name == "" || !isName(name) {
			return fault.New(fault.Invalid, "link.Grant", "search list: %q is not usable", name)
		}
	}
	return nil
}

const (
	minMTU = 576 // RFC 791: what every IPv4 host must take
	maxMTU = 65535
)

// isName reports whether s holds nothing but the characters of host names and resource ids.
func isName(s string) bool {
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '.', c == '_':
		default:
			return false
		}
	}
	return true
}
