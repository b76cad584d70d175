package terraform

import "testing"

// TestGateways applies the alternative road: Internet and NAT gateways, Elastic IP addresses, flow logs. The nodes are
// Online without any endpoint. Then it changes some of it, forgets some and imports that again.
func TestGateways(t *testing.T) {
	have := findTools(t)
	t.Parallel()
	s := serve(t)
	w := newWorkspace(t, have, s, "gateways")
	w.apply()
	w.settled()
	var seen map[string]bool
	w.output("seen", &seen)
	for what, ok := range seen {
		if !ok {
			t.Errorf("%s is seen differently by its data source", what)
		}
	}
	var instances []string
	w.output("instances", &instances)
	c := connect(t, s)
	for _, id := range instances {
		c.online(id)
	}
	changed := []string{"interval=600", "nodes_out=nowhere"}
	w.apply(changed...)
	w.settled(changed...)
	var ids map[string]string
	w.output("ids", &ids)
	w.reimport(changed, ids)
	w.destroy(changed...)
	c.empty()
}
