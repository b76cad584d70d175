package vpc

import (
	"fmt"
	"net/netip"
	"strings"
)

// resolvePublic says what a public name means: a service's address, or of an interface's public host name the private
// address inside its own VPC and the public one elsewhere.
func (s *Snapshot) resolvePublic(r *Compiled, name string, qtype uint16) Answer {
	if s.internet != nil {
		if service := s.internet.named(name); service != nil {
			return publicAnswer(name, qtype, service.Address, true)
		}
	}
	if a, ok := parsePublicHost(name); ok {
		if c := s.public(a); !c.none() && c.vpc.DNSHostnames && canonical(PublicHostName(c.vpc.Region, a)) == name {
			if c.vpc == r {
				return publicAnswer(name, qtype, c.Addresses[0], false)
			}
			return publicAnswer(name, qtype, a, true)
		}
	}
	return Answer{}
}

// public returns the network interface that has the public address, or nil.
func (s *Snapshot) public(a netip.Addr) nic {
	if h, ok := s.publics.get(a); ok {
		return s.slots.at(h.slot).nic(h.nic)
	}
	return nic{}
}

func publicAnswer(name string, qtype uint16, a netip.Addr, public bool) Answer {
	answer := Answer{Status: NameNoData, Zone: parent(name), Public: public}
	answer.setAddresses(qtype, []netip.Addr{a}, nil)
	return answer
}

// PublicHostName is the public host name of an address in a region.
func PublicHostName(region string, a netip.Addr) string {
	b := a.As4()
	label := fmt.Sprintf("ec2-%d-%d-%d-%d", b[0], b[1], b[2], b[3])
	if region == "us-east-1" {
		return label + ".compute-1.amazonaws.com"
	}
	return label + "." + region + ".compute.amazonaws.com"
}

// parsePublicHost is the address that a public host name is made of.
func parsePublicHost(name string) (netip.Addr, bool) {
	label, _, _ := strings.Cut(name, ".")
	rest, ok := strings.CutPrefix(label, "ec2-")
	if !ok || !under(name, "amazonaws.com") {
		return netip.Addr{}, false
	}
	return parseOctets(rest, '-', false)
}
