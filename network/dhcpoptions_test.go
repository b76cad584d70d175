package network_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"postern/aws/fault"
	"postern/aws/scope"
	"postern/network"
)

func option(key string, values ...string) []network.DhcpOption {
	return []network.DhcpOption{{Key: key, Values: values}}
}

func TestRefuseDhcpOptions(t *testing.T) {
	l := newHarness(t, network.Limits{DhcpOptions: 2})
	elsewhere := scope.Scope{Account: "111111111111", Region: "us-east-1"}
	var id string
	create := func(options []network.DhcpOption) func() error {
		return func() error {
			made, err := l.CreateDhcpOptions(l.ctx, here, options, nil)
			if err == nil {
				id = made.ID
			}
			return err
		}
	}
	associate := func(c scope.Scope, id *string, vpcID string) func() error {
		return func() error { return l.AssociateDhcpOptions(l.ctx, c, *id, vpcID) }
	}
	remove := func(id *string) func() error { return func() error { return l.DeleteDhcpOptions(l.ctx, here, *id) } }
	for _, o := range [][]network.DhcpOption{
		option("domain-name-servers", "fd00::2"), option("ipv6-address-preferred-lease-time", "140"),
	} {
		if err := create(o)(); !fault.Is(err, fault.NotImplemented) {
			t.Errorf("%v: %v", o, err)
		}
	}
	v := must(l.State().VPC(here, l.vpc))(t)
	own, none, no, bad := v.DhcpOptionsID(), network.NoDhcpOptions, "dopt"+noSuch, "dopt-x"
	check(t, []row{
		{"nothing", create(nil), "MissingParameter"},
		{"unknown option", create(option("router", "10.0.0.1")), "InvalidParameterValue"},
		{
			"an option twice", create(append(option("domain-name", "a.b"), option("domain-name", "c.d")...)),
			"InvalidParameterValue",
		},
		{"no value", create(option("domain-name")), "InvalidParameterValue"},
		{"an empty value", create(option("domain-name-servers", "10.0.0.2", "")), "InvalidParameterValue"},
		{"no address", create(option("domain-name-servers", "dns.example.com")), "InvalidParameterValue"},
		{
			"five servers", create(option("domain-name-servers", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6")),
			"InvalidParameterValue",
		},
		{"a multicast server", create(option("ntp-servers", "224.0.1.1")), "InvalidParameterValue"},
		{"Amazon's time", create(option("ntp-servers", "AmazonProvidedDNS")), "InvalidParameterValue"},
		{"node type", create(option("netbios-node-type", "3")), "InvalidParameterValue"},
		{"a domain with a newline", create(option("domain-name", "a.b\nnameserver 6.6.6.6")), "InvalidParameterValue"},
		{"no domain", create(option("domain-name", " ")), "InvalidParameterValue"},
		{"an empty label", create(option("domain-name", "a..b")), "InvalidParameterValue"},
		{"a long domain", create(option("domain-name", strings.Repeat("abcdefg.", 33))), "InvalidParameterValue"},
		{"two domains", create(option("domain-name", "corp.example a.b.")), ""},
		{"associate what is not", associate(here, &no, l.vpc), "InvalidDhcpOptionID.NotFound"},
		{"associate a bad id", associate(here, &bad, l.vpc), "InvalidDhcpOptionsId.Malformed"},
		{"associate with nothing", associate(here, &id, "vpc"+noSuch), "InvalidVpcID.NotFound"},
		{"another's VPC", associate(elsewhere, &none, l.vpc), "InvalidVpcID.NotFound"},
		{"associate", associate(here, &id, l.vpc), ""},
		{"delete what is used", remove(&id), "DependencyViolation"},
		{"associate none", associate(here, &none, l.vpc), ""},
		{"delete", remove(&id), ""},
		{"delete again", remove(&id), "InvalidDhcpOptionID.NotFound"},
		{"associate the region's own", associate(here, &own, l.vpc), ""},
		{"delete the region's own", remove(&own), "DependencyViolation"},
		{"one more", create(option("netbios-node-type", "2")), ""},
		{"too many", func() error {
			_ = create(option("netbios-node-type", "2"))()
			return create(option("netbios-node-type", "2"))()
		}, "DhcpOptionsLimitExceeded"},
	})
}

func TestLease(t *testing.T) {
	l := newHarness(t, network.Limits{})
	resolver, linkLocal := netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("169.254.169.253")
	own := netip.MustParseAddr("10.0.1.53")
	for _, tt := range []struct {
		name    string
		options []network.DhcpOption
		want    network.Lease
	}{
		{"the region's own", nil, network.Lease{Servers: []netip.Addr{resolver}, Search: []string{"ec2.internal"}}},
		{
			"own server, then Amazon's", option("domain-name-servers", "10.0.1.53", network.AmazonProvidedDNS),
			network.Lease{Servers: []netip.Addr{own, resolver}},
		},
		{
			"domains only", option("domain-name", "corp.example a.b"),
			network.Lease{Servers: []netip.Addr{linkLocal}, Search: []string{"corp.example", "a.b"}},
		},
		{"time", append(option("domain-name-servers", network.AmazonProvidedDNS),
			option("ntp-servers", "169.254.169.123")...),
			network.Lease{Servers: []netip.Addr{resolver}, NTP: []netip.Addr{netip.MustParseAddr("169.254.169.123")}}},
	} {
		if tt.options != nil {
			made := must(l.CreateDhcpOptions(l.ctx, here, tt.options, nil))(t)
			if err := l.AssociateDhcpOptions(l.ctx, here, made.ID, l.vpc); err != nil {
				t.Fatal(err)
			}
		}
		v := must(l.State().VPC(here, l.vpc))(t)
		if diff := cmp.Diff(tt.want, l.State().Lease(v), cmpopts.EquateComparable(netip.Addr{}),
			cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: -want +got\n%s", tt.name, diff)
		}
	}
	if err := l.AssociateDhcpOptions(l.ctx, here, network.NoDhcpOptions, l.vpc); err != nil {
		t.Fatal(err)
	}
	v := must(l.State().VPC(here, l.vpc))(t)
	if got := l.State().Lease(v); !slices.Equal(got.Servers, []netip.Addr{linkLocal}) || len(got.Search) > 0 {
		t.Errorf("without options: %v", got)
	}
}
