package terraform

import (
	"slices"
	"testing"
)

// TestResolver applies Resolver endpoints, rules and associations, changes each in place and with more, imports them
// again and takes them away.
func TestResolver(t *testing.T) {
	have := findTools(t)
	t.Parallel()
	s := serve(t)
	w := newWorkspace(t, have, s, "resolver")
	w.apply()
	w.settled()
	var inbound []string
	var outbound, rule bool
	w.output("inbound", &inbound)
	w.output("outbound", &outbound)
	w.output("rule", &rule)
	if !slices.Equal(inbound, []string{"10.40.1.53", "10.40.2.53"}) || !outbound || !rule {
		t.Errorf("data sources: inbound %v, outbound %v, rule %v", inbound, outbound, rule)
	}
	changed := []string{
		"name=firm", // names and tags in place
		`dns_servers=["192.0.2.53","192.0.2.54"]`,                    // a rule's targets in place
		`zones={a="10.40.1.0/24",b="10.40.2.0/24",c="10.40.3.0/24"}`, // for_each: one more
		`in_zones=["a","c"]`,                                         // addresses added and taken away
	}
	w.apply(changed...)
	w.settled(changed...)
	w.output("inbound", &inbound)
	if !slices.Equal(inbound, []string{"10.40.1.53", "10.40.3.53"}) {
		t.Errorf("after the change: %v", inbound)
	}
	var ids map[string]string
	w.output("ids", &ids)
	w.reimport(changed, ids)
	w.destroy(changed...)
	connect(t, s).empty()
}
