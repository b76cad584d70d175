package compute_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/aws/fault"
	"postern/services/compute"
)

// A guest's root can stop its first process. That is said to whoever attaches an interface, with what to do.
func TestNICOfASilentGuest(t *testing.T) {
	simulate(t, func(t *testing.T, r *rig) {
		id := r.launch(t).ID
		r.want(t, id, compute.Running, "")
		r.bench.guest(id).silent = true
		r.bench.mu.Lock()
		r.bench.nics = []compute.NIC{
			{
				Interface: "eni-2",
				Index:     1,
				Address:   netip.MustParsePrefix("10.0.2.20/24"),
				Gateway:   netip.MustParseAddr("10.0.2.1"),
			},
		}
		r.bench.mu.Unlock()
		err := r.UpdateInterfaces(t.Context(), home, id)
		if e := fault.Of(err); e.Kind != fault.Conflict || e.Code != "IncorrectState" ||
			!strings.Contains(e.Message, "reboot") {
			t.Errorf("refused with %v", err)
		}
	})
}

// TestNICs plugs a second interface into a running instance, gives it and the first one more addresses, and takes it
// out again; the next boot has what is there then.
func TestNICs(t *testing.T) {
	simulate(t, func(t *testing.T, r *rig) {
		first := compute.NIC{
			Interface: place(1).Interface,
			Address:   netip.MustParsePrefix("10.0.1.20/24"),
			Gateway:   place(1).Gateway,
		}
		second := compute.NIC{
			Interface: "eni-2",
			Index:     1,
			Address:   netip.MustParsePrefix("10.0.2.20/24"),
			Gateway:   netip.MustParseAddr("10.0.2.1"),
		}
		id := r.launch(t).ID
		r.want(t, id, compute.Running, "")
		step := func(what string, nics []compute.NIC, attached bool, want ...string) {
			t.Helper()
			r.bench.mu.Lock()
			r.bench.nics = nics
			r.bench.mu.Unlock()
			if err := r.UpdateInterfaces(t.Context(), home, id); err != nil {
				t.Errorf("%s: %v", what, err)
			}
			if diff := cmp.Diff(want, r.bench.guest(id).heard()); diff != "" {
				t.Errorf("%s: -want +got\n%s", what, diff)
			}
			r.bench.mu.Lock()
			defer r.bench.mu.Unlock()
			if r.bench.attached["eni-2"] != attached {
				t.Errorf("%s: attached %v", what, r.bench.attached)
			}
		}
		step("nothing new", []compute.NIC{first}, false)
		step("a second one", []compute.NIC{first, second}, true, "plug eth1 10.0.2.20/24 []")
		step("again", []compute.NIC{first, second}, true)
		first.Secondary = []netip.Addr{netip.MustParseAddr("10.0.1.21")}
		step("an address of the first", []compute.NIC{first, second}, true, "assign eth0 10.0.1.20/24 [10.0.1.21]")
		second.Secondary = []netip.Addr{netip.MustParseAddr("10.0.2.21")}
		step("an address of the second", []compute.NIC{first, second}, true, "assign eth1 10.0.2.20/24 [10.0.2.21]")
		step("out again", []compute.NIC{first}, false)
		step("in again", []compute.NIC{first, second}, true, "plug eth1 10.0.2.20/24 [10.0.2.21]")
		if _, err := r.Stop(t.Context(), home, []string{id}, false); err != nil {
			t.Fatal(err)
		}
		r.want(t, id, compute.Stopped, "Client.UserInitiatedShutdown")
		step("while it is stopped", []compute.NIC{first, second}, false)
		if _, err := r.Start(t.Context(), home, []string{id}); err != nil {
			t.Fatal(err)
		}
		r.want(t, id, compute.Running, "")
		step(
			"booted",
			[]compute.NIC{first, second},
			true,
			"assign eth0 10.0.1.20/24 [10.0.1.21]",
			"plug eth1 10.0.2.20/24 [10.0.2.21]",
		)
	})
}
