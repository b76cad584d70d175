package terraform

import "testing"

// TestEndpointService applies a service of one's own with an endpoint to it, changes it, imports it again and destroys
// it.
func TestEndpointService(t *testing.T) {
	have := findTools(t)
	t.Parallel()
	s := serve(t)
	w := newWorkspace(t, have, s, "endpoint_service")
	w.apply()
	w.settled()
	var state string
	if w.output("state", &state); state != "available" {
		t.Errorf("the connection is %q", state)
	}
	changed := []string{"ports=[5432,5433]", "name=db.example.com"} // a target more, and a name that nobody has proved
	w.apply(changed...)
	w.settled(changed...)
	var ids map[string]string
	w.output("ids", &ids)
	w.reimport(changed, ids)
	w.destroy(changed...)
	connect(t, s).empty()
}
