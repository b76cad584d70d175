package network_test

import (
	"net/netip"
	"strings"
	"testing"

	"postern/network"
	"postern/network/vpc"
)

func TestRefusePrefixList(t *testing.T) {
	l := newHarness(t, network.Limits{EntriesPerList: 5})
	make := func(name string, size int, cidrs ...string) func() error {
		in := network.CreatePrefixListInput{Name: name, MaxEntries: size}
		for _, c := range cidrs {
			in.Entries = append(in.Entries, network.PrefixListEntry{CIDR: cidr(c)})
		}
		return func() error { return second(l.CreatePrefixList(l.ctx, here, in)) }
	}
	list := must(l.CreatePrefixList(l.ctx, here, network.CreatePrefixListInput{Name: "office", MaxEntries: 2}))(t).ID
	version := func(v int64) *int64 { return &v }
	change := func(id string, c network.PrefixListChange) func() error {
		return func() error { return second(l.ModifyPrefixList(l.ctx, here, id, c)) }
	}
	add := func(v *int64, cidrs ...string) func() error {
		c := network.PrefixListChange{Version: v}
		for _, s := range cidrs {
			c.Add = append(c.Add, network.PrefixListEntry{CIDR: cidr(s), Description: "d"})
		}
		return change(list, c)
	}
	remove := func(id string) func() error {
		return func() error { return second(l.DeletePrefixList(l.ctx, here, id)) }
	}
	size := func(n int) *int { return &n }
	check(t, []row{
		{"no name", make("", 1), "MissingParameter"},
		{"Amazon's name", make("com.amazonaws.us-east-1.s3", 1), "InvalidParameterValue"},
		{"long name", make(strings.Repeat("x", 256), 1), "InvalidParameterValue"},
		{"no size", make("x", 0), "InvalidParameterValue"},
		{"too large", make("x", 6), "InvalidParameterValue"},
		{"too many entries", make("x", 1, "10.0.0.0/8", "11.0.0.0/8"), "PrefixListMaxEntriesExceeded"},
		{"IPv6", make("x", 1, "fd00::/8"), "InvalidParameterValue"},
		{"twice", make("x", 2, "10.0.0.0/8", "10.0.0.1/8"), "InvalidParameterValue"},
		{"change without a version", add(nil, "10.0.0.0/8"), "MissingParameter"},
		{"change of another version", add(version(7), "10.0.0.0/8"), "PrefixListVersionMismatch"},
		{"change", add(version(1), "192.0.2.0/24"), ""},
		{"its description", add(version(2), "192.0.2.0/24"), ""},
		{"more than fit", add(version(3), "10.0.0.0/8", "11.0.0.0/8"), "PrefixListMaxEntriesExceeded"},
		{
			"remove what is not",
			change(list, network.PrefixListChange{Version: version(3), Remove: []netip.Prefix{cidr("10.0.0.0/8")}}),
			"InvalidParameterValue",
		},
		{
			"size and entries",
			change(list, network.PrefixListChange{
				MaxEntries: size(3), Version: version(3), Remove: []netip.Prefix{cidr("192.0.2.0/24")},
			}),
			"InvalidParameterValue",
		},
		{"smaller than it is", change(list, network.PrefixListChange{MaxEntries: size(0)}), "InvalidParameterValue"},
		{"larger", change(list, network.PrefixListChange{MaxEntries: size(3)}), ""},
		{"Amazon's own", change("pl-63a5400a", network.PrefixListChange{MaxEntries: size(3)}), "OperationNotPermitted"},
		{"nothing", change("pl"+noSuch, network.PrefixListChange{}), "InvalidPrefixListID.NotFound"},
		{"delete Amazon's", remove("pl-63a5400a"), "OperationNotPermitted"},
		{"a rule with it", func() error {
			r := network.SecurityGroupRule{Protocol: vpc.TCP, Ports: vpc.PortRange{From: 443, To: 443}, PrefixList: list}
			return second(l.Authorize(l.ctx, here, l.nodes, false, []network.SecurityGroupRule{r}, nil))
		}, ""},
		{"in use", remove(list), "DependencyViolation"},
	})
}

// TestPrefixListInForce sees a rule follow the entries of the list that it names.
func TestPrefixListInForce(t *testing.T) {
	l := newHarness(t, network.Limits{})
	list := must(l.CreatePrefixList(l.ctx, here, network.CreatePrefixListInput{Name: "a", MaxEntries: 9}))(t)
	rule := network.SecurityGroupRule{Protocol: vpc.TCP, Ports: vpc.PortRange{From: 443, To: 443}, PrefixList: list.ID}
	must(l.Authorize(l.ctx, here, l.nodes, false, []network.SecurityGroupRule{rule}, nil))(t)
	from, to := l.node("i-1"), l.node("i-2")
	want := func(allow bool) {
		t.Helper()
		if v := l.Snapshot().Decide(https(from, to.Addresses[0])); v.Allow != allow {
			t.Errorf("%+v", v)
		}
	}
	want(false)
	in := []network.PrefixListEntry{{CIDR: cidr("10.0.1.0/24")}}
	list = must(l.ModifyPrefixList(l.ctx, here, list.ID, network.PrefixListChange{Version: &list.Version, Add: in}))(t)
	want(true)
	must(l.ModifyPrefixList(l.ctx, here, list.ID, network.PrefixListChange{
		Version: &list.Version, Remove: []netip.Prefix{in[0].CIDR},
	}))(t)
	want(false)
}
