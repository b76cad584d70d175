package server

import (
	"errors"
	"net"
	"strconv"
	"strings"
	"syscall"

	"postern/aws/fault"
)

// maxRegion is the most characters that a region may have; Amazon's longest has 15.
const maxRegion = 32

// check refuses what could not work, before anything is made: a refused start leaves no data directory behind.
func (c Config) check() error {
	if !regionForm(c.Region) {
		return fault.New(fault.Invalid, "server.Open", "--region %q: write it as us-east-1, small letters, digits and dashes with a number at the end", c.Region)
	}
	for _, a := range []struct{ flag, value, example string }{
		{"--listen", c.Listen, "127.0.0.1:4566"}, {"--wireguard", c.WireGuard, "127.0.0.1:51820"},
	} {
		host, port, err := net.SplitHostPort(a.value)
		if _, notPort := strconv.ParseUint(port, 10, 16); err != nil || notPort != nil {
			return fault.New(fault.Invalid, "server.Open", "%s %q: write it as address:port, such as %s", a.flag, a.value, a.example)
		}
		if a.flag == "--wireguard" && net.ParseIP(host) == nil {
			return fault.New(fault.Invalid, "server.Open", "%s %q: %q is no address", a.flag, a.value, host)
		}
	}
	if c.ReturnWindow < 0 {
		return fault.New(fault.Invalid, "server.Open", "--return-window %v: must not be negative", c.ReturnWindow)
	}
	if _, err := c.lookupTXT(); err != nil {
		return err
	}
	if err := c.checkAccount(); err != nil {
		return err
	}
	return c.checkTestCredentials()
}

// regionForm reports whether a text has the form of a region; api's isRegion says the same of requests.
func regionForm(s string) bool {
	dash := strings.LastIndexByte(s, '-')
	return dash > 0 && dash < len(s)-1 && len(s) <= maxRegion && strings.Trim(s[dash+1:], "0123456789") == "" &&
		strings.Trim(s[:dash], "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// listenFault says why an address cannot be listened at, and which flag chooses another.
func listenFault(protocol, address, flag string, err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fault.New(fault.Conflict, "server.Open", "%s %s is taken, perhaps by another Postern: choose another with %s (%w)", protocol, address, flag, err)
	}
	return fault.New(fault.Unavailable, "server.Open", "listen at %s %s: %w; choose another address with %s", protocol, address, err, flag)
}
