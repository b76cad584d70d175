package cli

import (
	"net/netip"
	"strings"
)

// addresses is a flag that may be given several times, each with an address and port.
type addresses []netip.AddrPort

// Set implements pflag.Value.
func (a *addresses) Set(text string) error {
	one, err := netip.ParseAddrPort(text)
	if err != nil {
		return errForm("an address and port, such as 127.0.0.1:8080")
	}
	*a = append(*a, one)
	return nil
}

// Type implements pflag.Value.
func (*addresses) Type() string { return "address:port" }

func (a *addresses) String() string {
	words := make([]string, len(*a))
	for i, one := range *a {
		words[i] = one.String()
	}
	return strings.Join(words, ",")
}
