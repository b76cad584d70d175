package network

import (
	"crypto/rand"
	"encoding/hex"
	"net/netip"
	"strings"
)

// newID makes an id of Amazon's form: the prefix and 17 hexadecimal digits, the first of them 0.
func newID(prefix string) string {
	var b [8]byte
	rand.Read(b[:]) // never fails: it ends the program instead
	return prefix + "-0" + hex.EncodeToString(b[:])
}

// newSuffix makes the second part of an endpoint's own name: 8 lower-case letters and digits.
func newSuffix() string { return randomText("abcdefghijklmnopqrstuvwxyz0123456789", 8) }

// newZoneID makes the id of a private hosted zone: Z and 20 upper-case letters and digits.
func newZoneID() string { return "Z0" + randomText("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", 19) }

func randomText(alphabet string, n int) string {
	b := make([]byte, n)
	rand.Read(b)
	for i, c := range b {
		b[i] = alphabet[int(c)%len(alphabet)]
	}
	return string(b)
}

// newMAC makes a locally administered unicast hardware address.
func newMAC() string {
	var b [5]byte
	rand.Read(b[:])
	const digits = "0123456789abcdef"
	var s strings.Builder
	s.WriteString("0a")
	for _, c := range b {
		s.Write([]byte{':', digits[c>>4], digits[c&15]})
	}
	return s.String()
}

// wellFormed reports whether id is prefix, a dash and 8 (old ids) or 17 hexadecimal digits.
func wellFormed(prefix, id string) bool {
	digits, ok := strings.CutPrefix(id, prefix+"-")
	if !ok || len(digits) != 8 && len(digits) != 17 {
		return false
	}
	return strings.Trim(digits, "0123456789abcdef") == ""
}

// HostName is the private host name of an address without its domain: "ip-10-0-1-20".
func HostName(a netip.Addr) string { return "ip-" + strings.ReplaceAll(a.String(), ".", "-") }

// HostDomain is the domain of private host names in a region.
func HostDomain(region string) string {
	if region == "us-east-1" {
		return "ec2.internal"
	}
	return region + ".compute.internal"
}
