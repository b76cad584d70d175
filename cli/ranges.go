package cli

import (
	"net/netip"
	"strings"
)

// ranges is a flag that may be given several times, each time one range of addresses.
type ranges []netip.Prefix

// Set implements pflag.Value.
func (r *ranges) Set(text string) error {
	one, err := netip.ParsePrefix(text)
	if err != nil {
		return errForm("a network, such as 0.0.0.0/0 or 10.0.0.0/8")
	}
	*r = append(*r, one)
	return nil
}

// Type implements pflag.Value.
func (*ranges) Type() string { return "CIDR" }

func (r *ranges) String() string {
	words := make([]string, len(*r))
	for i, one := range *r {
		words[i] = one.String()
	}
	return strings.Join(words, ",")
}

// last returns the prefix given last, or the zero Prefix.
func (r ranges) last() netip.Prefix {
	if len(r) == 0 {
		return netip.Prefix{}
	}
	return r[len(r)-1]
}
