package vpc_test

import (
	"encoding/json"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"postern/network/vpc"
	"postern/network/vpc/vpctest"
)

// TestSequences: after every one of a sequence of changes the snapshot that was made of the one before says what one
// made from nothing says, and the one before still says what it said.
func TestSequences(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := vpctest.Networks().Draw(t, "network")
		s := snapshot(t, n)
		for version := range rapid.Uint64Range(1, 5).Draw(t, "steps") {
			after := vpctest.Changes(n).Draw(t, "change")
			next, err := s.Next(version+2, vpctest.Update(n, after))
			if err != nil {
				t.Fatal(err)
			}
			same(t, next, snapshot(t, after), after, n)
			same(t, s, snapshot(t, n), n, after)
			stays(t, n, s, next)
			s, n = next, after
		}
	})
}

// TestWithInAnyOrder: changes of several VPCs, and of what is shared, come into force one by one in any order, and the
// last snapshot says what one made from nothing says.
func TestWithInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := vpctest.Networks().Draw(t, "network")
		s := snapshot(t, n)
		for range rapid.IntRange(1, 3).Draw(t, "steps") {
			after := vpctest.Changes(n).Draw(t, "change")
			parts := rapid.Permutation(apart(t, s, vpctest.Update(n, after))).Draw(t, "order")
			for _, p := range parts {
				var err error
				if s, err = s.With(s.Version()+1, p.compiled, p.shared); err != nil {
					t.Fatal(err)
				}
				for range 5 {
					s.Explain(vpctest.Flows(after).Draw(t, "flow")) // whatever it says, it must say something
				}
			}
			same(t, s, snapshot(t, after), after, n)
			n = after
		}
	})
}

// compile compiles a VPC anew, or out of the one before and what differs from it.
func compile(t *rapid.T, content vpc.Content, previous *vpc.Compiled) (*vpc.Compiled, error) {
	if previous == nil || rapid.Bool().Draw(t, "anew") {
		return vpc.Compile(content, previous)
	}
	was := map[string]vpc.Interface{}
	for _, i := range previous.Content().Interfaces {
		was[i.ID] = i
	}
	var changes vpc.InterfaceChanges
	for _, i := range content.Interfaces {
		if old, ok := was[i.ID]; !ok || !reflect.DeepEqual(old, i) || rapid.Bool().Draw(t, "put again") {
			changes.Put = append(changes.Put, i)
		}
		delete(was, i.ID)
	}
	changes.Gone = slices.Sorted(maps.Keys(was))
	content.Interfaces = nil
	return previous.With(content, changes)
}

// part holds what With takes.
type part struct {
	compiled []*vpc.Compiled
	shared   vpc.Shared
}

// apart takes an update apart into the smallest changes.
func apart(t *rapid.T, s *vpc.Snapshot, u vpc.Update) (parts []part) {
	for _, content := range u.VPCs {
		c, err := compile(t, content, s.Compiled(content.VPC.ID))
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, part{compiled: []*vpc.Compiled{c}})
	}
	for _, id := range u.Gone {
		parts = append(parts, part{shared: vpc.Shared{Gone: []string{id}}})
	}
	for i := range u.PrefixLists {
		parts = append(parts, part{shared: vpc.Shared{PrefixLists: u.PrefixLists[i : i+1]}})
	}
	for i := range u.EndpointServices {
		parts = append(parts, part{shared: vpc.Shared{EndpointServices: u.EndpointServices[i : i+1]}})
	}
	for i := range u.Peerings {
		parts = append(parts, part{shared: vpc.Shared{Peerings: u.Peerings[i : i+1]}})
	}
	for i := range u.ResolverRules {
		parts = append(parts, part{shared: vpc.Shared{ResolverRules: u.ResolverRules[i : i+1]}})
	}
	if u.Internet != nil {
		parts = append(parts, part{shared: vpc.Shared{Internet: u.Internet}})
	}
	return parts
}

// same compares what two snapshots of the network n say about its flows, its names, and those of another network.
func same(t *rapid.T, got, want *vpc.Snapshot, n, other vpc.Network) {
	t.Helper()
	for range 10 {
		f := vpctest.Flows(n).Draw(t, "flow")
		a, b := got.Explain(f), want.Explain(f)
		if x, y := inWords(t, a), inWords(t, b); x != y || got.Decide(f) != a.Verdict || got.Decide(f) != want.Decide(f) {
			t.Fatalf("%v: %s\nfrom nothing: %s", f, x, y)
		}
		if x, y := got.DecideTracked(f), want.DecideTracked(f); x != y {
			t.Fatalf("%v, tracked: %v, from nothing %v", f, x, y)
		}
		if a.Verdict.To == "" {
			continue
		}
		f.From, f.Source, f.Destination = a.Verdict.To, f.Destination, f.Source
		if x, y := got.DecideTracked(f), want.DecideTracked(f); x != y {
			t.Fatalf("%v, back: %v, from nothing %v", f, x, y)
		}
		if x, y := got.Origin(a.Flow.From, f.From, f.Source), want.Origin(a.Flow.From, f.From, f.Source); x != y {
			t.Fatalf("%v: origin %v, from nothing %v", f, x, y)
		}
	}
	asked := append(names(n), names(other)...)
	for _, v := range n.VPCs {
		for _, name := range asked {
			a, b := got.Resolve(v.ID, name, vpc.TypeANY), want.Resolve(v.ID, name, vpc.TypeANY)
			if x, y := inWords(t, a), inWords(t, b); x != y {
				t.Fatalf("%s in %s: %s\nfrom nothing: %s", name, v.ID, x, y)
			}
		}
		name := rapid.SampledFrom(asked).Draw(t, "name")
		if x, y := inWords(t, got.ExplainName(v.ID, name)), inWords(t, want.ExplainName(v.ID, name)); x != y {
			t.Fatalf("%s in %s: %s\nfrom nothing: %s", name, v.ID, x, y)
		}
	}
	if diff := cmp.Diff(
		want.Network(), got.Network(), cmp.Comparer(sameAddr), cmp.Comparer(samePrefix), cmp.Comparer(samePort),
	); diff != "" {
		t.Fatalf("-from nothing +got\n%s", diff)
	}
}

func sameAddr(a, b netip.Addr) bool     { return a == b }
func samePrefix(a, b netip.Prefix) bool { return a == b }
func samePort(a, b netip.AddrPort) bool { return a == b }

func inWords(t *rapid.T, v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// names returns those that the network, or one like it, could know.
func names(n vpc.Network) []string {
	out := []string{
		"vpce.amazonaws.com", "us-east-1.vpce.amazonaws.com", "ssm.us-east-1.vpce.amazonaws.com", "ec2.internal",
		"eu-west-1.compute.internal", "s3.us-east-1.amazonaws.com", "db.corp.example", "nothing.example",
	}
	for _, e := range n.Endpoints {
		out = append(append(out, e.PrivateNames...), e.Name, "a."+e.Name)
	}
	for _, c := range n.Interfaces {
		o := c.Addresses[0].As4()
		out = append(out, netip.AddrFrom4([4]byte{o[3], o[2], o[1], o[0]}).String()+".in-addr.arpa")
		if c.Public.IsValid() {
			out = append(out, vpc.PublicHostName("us-east-1", c.Public), vpc.PublicHostName("eu-west-1", c.Public))
		}
	}
	return out
}

// stays: flows between VPCs that Changed does not name are decided as before.
func stays(t *rapid.T, n vpc.Network, before, after *vpc.Snapshot) {
	changed := after.Changed()
	in := func(id string) bool { return changed.All || slices.Contains(changed.VPCs, id) }
	for range 10 {
		f := vpctest.Flows(n).Draw(t, "flow")
		from, _ := before.Interface(f.From)
		a, b := before.Decide(f), after.Decide(f)
		to, toInterface := before.Interface(a.To)
		if a == b || in(from.VPC) || toInterface && in(to.VPC) {
			continue
		}
		if next, ok := after.Interface(b.To); ok && in(next.VPC) {
			continue
		}
		if b.Step >= vpc.StepEgress && touchesPeer(n, from.VPC, f.Destination.Addr(), in) {
			continue
		}
		t.Fatalf("%v: %v before and %v after, and only %v changed", f, a, b, changed.VPCs)
	}
}

// touchesPeer reports whether the address is one of a VPC that changed.
func touchesPeer(n vpc.Network, home string, a netip.Addr, in func(string) bool) bool {
	return slices.ContainsFunc(n.VPCs, func(v vpc.VPC) bool { return v.ID != home && in(v.ID) && contains(v.CIDRs, a) })
}
