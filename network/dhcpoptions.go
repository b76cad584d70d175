package network

import (
	"context"
	"iter"
	"net/netip"
	"slices"
	"strings"

	"postern/aws/fault"
	"postern/aws/scope"
	"postern/network/vpc"
	"postern/record"
)

// DhcpOptions is a set of what DHCP tells nodes.
type DhcpOptions struct {
	Meta
	Options []DhcpOption
}

// DhcpOption is one option, such as "domain-name-servers", with its values.
type DhcpOption struct {
	Key    string
	Values []string
}

var dhcpKind = declare(&kind[DhcpOptions]{
	Kind: record.Kind[DhcpOptions]{Name: "dhcp-options"},
	resourceType: resourceType{
		prefix: "dopt", name: "dhcp-options",
		notFound: "InvalidDhcpOptionID.NotFound", malformed: "InvalidDhcpOptionsId.Malformed",
		missing: "The dhcpOption ID '%s' does not exist",
	},
	limit: &limit{
		of: func(l *Limits) int { return l.DhcpOptions }, code: "DhcpOptionsLimitExceeded",
		message: "The maximum number of DHCP options sets has been reached: LIMIT",
	},
})

func (*DhcpOptions) kind() declared { return dhcpKind }

// NoDhcpOptions stands in the place of a DHCP options set in a VPC that has none.
const NoDhcpOptions = "default"

// AmazonProvidedDNS stands, among domain name servers, for the VPC's own resolver.
const AmazonProvidedDNS = "AmazonProvidedDNS"

// Keys of DHCP options, as the EC2 API spells them (RFC 2132).
const (
	domainName         = "domain-name"
	domainNameServers  = "domain-name-servers"
	ntpServers         = "ntp-servers"
	netbiosNameServers = "netbios-name-servers"
	netbiosNodeType    = "netbios-node-type"
)

const (
	// maxDhcpServers is how many servers one option names at the most.
	maxDhcpServers = 4
	// maxDomainName is the longest search list (resolv.conf(5)).
	maxDomainName = 256
)

// regionOptions is the DHCP options set that a region has from the beginning and every new VPC uses. It follows from
// the scope and is not stored.
func regionOptions(c scope.Scope) *DhcpOptions {
	return &DhcpOptions{
		Meta: Meta{
			ID: "dopt-" + stableDigits(c.Account+"/"+c.Region, vpc.InterfaceEndpoint), Account: c.Account, Region: c.Region,
		},
		Options: []DhcpOption{
			{Key: domainName, Values: []string{HostDomain(c.Region)}}, {
				Key: domainNameServers, Values: []string{AmazonProvidedDNS},
			},
		},
	}
}

// DhcpOptions finds a DHCP options set.
func (s *State) DhcpOptions(c scope.Scope, id string) (*DhcpOptions, error) {
	if d := regionOptions(c); d.ID == id {
		return d, nil
	}
	return dhcpKind.lookup(s, c, id)
}

// AllDhcpOptions are the region's own DHCP options set and the scope's, in the order of their ids.
func (s *State) AllDhcpOptions(c scope.Scope) iter.Seq[*DhcpOptions] {
	all := append(slices.Collect(dhcpKind.scoped(s, c)), regionOptions(c))
	slices.SortFunc(all, func(a, b *DhcpOptions) int { return strings.Compare(a.ID, b.ID) })
	return slices.Values(all)
}

// DhcpOptionsID is the id of the VPC's DHCP options set, or NoDhcpOptions.
func (v *VPC) DhcpOptionsID() string {
	if v.DhcpOptions == "" {
		return regionOptions(v.scope()).ID
	}
	return v.DhcpOptions
}

// CreateDhcpOptions makes a DHCP options set. It never changes.
func (s *Service) CreateDhcpOptions(
	ctx context.Context, c scope.Scope, options []DhcpOption, tags []Tag,
) (*DhcpOptions, error) {
	var made *DhcpOptions
	err := s.do(ctx, c, func(p *plan) error {
		clean, err := p.limits.cleanTags(tags)
		if err != nil {
			return err
		}
		if err := checkDhcpOptions(options); err != nil {
			return err
		}
		if err := dhcpKind.room(p, c.String(), 1); err != nil {
			return err
		}
		made = &DhcpOptions{Meta: p.meta("dopt", clean), Options: slices.Clone(options)}
		p.note(made)
		return nil
	})
	return made, err
}

func checkDhcpOptions(options []DhcpOption) error {
	if len(options) == 0 {
		return missing("dhcpConfiguration")
	}
	for i, o := range options {
		if slices.ContainsFunc(options[:i], func(p DhcpOption) bool { return p.Key == o.Key }) {
			return invalidValue("The DHCP option %s is given twice", o.Key)
		}
		if len(o.Values) == 0 || slices.Contains(o.Values, "") {
			return invalidValue("The DHCP option %s has an empty value", o.Key)
		}
		if err := o.check(); err != nil {
			return err
		}
	}
	return nil
}

func (o DhcpOption) check() error {
	switch o.Key {
	case domainName:
		return o.checkDomain()
	case domainNameServers, ntpServers, netbiosNameServers:
		if len(o.Values) > maxDhcpServers {
			return invalidValue("The DHCP option %s has %d values, more than %d", o.Key, len(o.Values), maxDhcpServers)
		}
		for _, v := range o.Values {
			if err := o.checkServer(v); err != nil {
				return err
			}
		}
		return nil
	case netbiosNodeType:
		if len(o.Values) == 1 && slices.Contains([]string{"1", "2", "4", "8"}, o.Values[0]) {
			return nil
		}
		return invalidValue("Value (%s) for DHCP option %s is invalid. It is 1, 2, 4 or 8.", strings.Join(o.Values, ","),
			o.Key)
	case "ipv6-address-preferred-lease-time":
		return fault.New(fault.NotImplemented, "network.CreateDhcpOptions",
			"the DHCP option %s is not implemented: there is no IPv6 on the wire", o.Key)
	}
	return invalidValue("Value (%s) for parameter dhcpConfiguration.key is invalid. Unknown DHCP option.", o.Key)
}

func (o DhcpOption) checkServer(v string) error {
	if o.Key == domainNameServers && v == AmazonProvidedDNS {
		return nil
	}
	a, err := netip.ParseAddr(v)
	switch {
	case err != nil || a.Zone() != "":
		return invalidValue("Value (%s) for DHCP option %s is invalid. It is no IP address.", v, o.Key)
	case !a.Is4():
		return fault.New(fault.NotImplemented, "network.CreateDhcpOptions", "the IPv6 address %s in %s is not implemented", v,
			o.Key)
	case a.IsUnspecified() || a.IsMulticast():
		return invalidValue("Value (%s) for DHCP option %s is invalid. No server can have it.", v, o.Key)
	}
	return nil
}

// checkDomain takes one domain name, or several separated by spaces, as search lists have them.
func (o DhcpOption) checkDomain() error {
	bad := invalidValue("Value (%s) for DHCP option %s is invalid. It is no domain name.", strings.Join(o.Values, ","),
		o.Key)
	if len(o.Values) != 1 || len(o.Values[0]) > maxDomainName || len(strings.Fields(o.Values[0])) == 0 ||
		strings.ContainsAny(o.Values[0], "\t\n\v\f\r") {
		return bad
	}
	for _, name := range strings.Fields(o.Values[0]) {
		for label := range strings.SplitSeq(strings.TrimSuffix(name, "."), ".") {
			if label == "" || len(label) > 63 ||
				strings.Trim(strings.ToLower(label), "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
				return bad
			}
		}
	}
	return nil
}

// AssociateDhcpOptions gives a VPC another DHCP options set, or with NoDhcpOptions none. Nodes hear of it when they
// boot or join the next time.
func (s *Service) AssociateDhcpOptions(ctx context.Context, c scope.Scope, id, vpcID string) error {
	return s.do(ctx, c, func(p *plan) error {
		old, err := p.VPC(c, vpcID)
		if err != nil {
			return err
		}
		v := *old
		if v.DhcpOptions = id; id != NoDhcpOptions {
			if _, err := p.DhcpOptions(c, id); err != nil {
				return err
			}
		}
		if id == regionOptions(c).ID {
			v.DhcpOptions = ""
		}
		p.note(&v)
		return nil
	})
}

// DeleteDhcpOptions deletes a DHCP options set that no VPC uses.
func (s *Service) DeleteDhcpOptions(ctx context.Context, c scope.Scope, id string) error {
	return s.do(ctx, c, func(p *plan) error {
		d, err := p.DhcpOptions(c, id)
		if err != nil {
			return err
		}
		if v, ok := vpcsUsing.At(p.Tables, record.Term{Value: c.String(), Sort: id}); ok {
			return inUse("The dhcpOptions '%s' has dependencies and cannot be deleted. %s depends on it.", id, v.ID)
		}
		if id == regionOptions(c).ID {
			return refuse(fault.Conflict, "OperationNotPermitted",
				"The dhcpOptions '%s' is the region's own and cannot be deleted", id)
		}
		p.forget(d)
		return nil
	})
}

// Lease holds what DHCP tells the nodes of a VPC besides their addresses.
type Lease struct {
	// Servers are the DNS servers, in the order in which they are asked.
	Servers []netip.Addr
	// Search is the list of domains in which short names are looked for; the first is the nodes' own.
	Search []string
	// NTP are the time servers.
	NTP []netip.Addr
}

// Lease returns what DHCP tells the nodes of a VPC. Where no DHCP option names DNS servers they ask the resolver's
// link-local address, as AWS's Nitro instances do (VPC user guide, "DHCP option set concepts").
func (s *State) Lease(v *VPC) Lease {
	if v.DhcpOptions == NoDhcpOptions {
		return Lease{Servers: []netip.Addr{vpc.LinkLocalResolver}}
	}
	d, err := s.DhcpOptions(v.scope(), v.DhcpOptionsID())
	if err != nil {
		d = regionOptions(v.scope()) // only a damaged store has a VPC with options that are gone
	}
	return d.lease(v)
}

func (d *DhcpOptions) lease(v *VPC) (l Lease) {
	for _, o := range d.Options {
		switch o.Key {
		case domainName:
			l.Search = strings.Fields(o.Values[0])
		case domainNameServers:
			l.Servers = addressesOf(o.Values, v)
		case ntpServers:
			l.NTP = addressesOf(o.Values, v)
		}
	}
	if len(l.Servers) == 0 {
		l.Servers = []netip.Addr{vpc.LinkLocalResolver}
	}
	return l
}

// addressesOf are the addresses of servers; AmazonProvidedDNS is the base of the VPC's first range plus two.
func addressesOf(values []string, v *VPC) []netip.Addr {
	out := make([]netip.Addr, 0, len(values))
	for _, text := range values {
		if text == AmazonProvidedDNS {
			out = append(out, v.CIDR().Addr().Next().Next())
			continue
		}
		if a, err := netip.ParseAddr(text); err == nil {
			out = append(out, a)
		}
	}
	return out
}
