package terraform

import "testing"

// TestResources applies what else of a VPC people write: DHCP options, several ranges, more interfaces and addresses,
// what a VPC is made with, peering options, the default VPC. Then it changes some of it, forgets some and imports that
// again.
func TestResources(t *testing.T) {
	have := findTools(t)
	t.Parallel()
	w := newWorkspace(t, have, serve(t), "resources")
	w.apply()
	w.settled()
	changed := []string{"addresses=3", "domain=other.example"}
	w.apply(changed...)
	w.settled(changed...)
	var seen map[string]bool
	w.output("seen", &seen)
	for what, ok := range seen {
		if !ok {
			t.Errorf("%s is not as it was asked for", what)
		}
	}
	var ids map[string]string
	w.output("ids", &ids)
	w.reimport(changed, ids)
	w.destroy(changed...)
}
