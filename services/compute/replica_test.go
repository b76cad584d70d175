package compute_test

import (
	"context"
	"testing"
	"testing/synctest"

	"postern/aws/fault"
	"postern/record"
	"postern/record/recordtest"
	"postern/services/compute"
)

// hosts runs a test on two hosts whose services share a store; between tells what happens before the first one's
// commits.
func hosts(t *testing.T, test func(t *testing.T, one, two *rig, between *recordtest.Between)) {
	dirs := [2]string{t.TempDir(), t.TempDir()}
	synctest.Test(t, func(t *testing.T) {
		store := new(record.Memory)
		between := &recordtest.Between{Store: store}
		var rigs [2]*rig
		for n, s := range []record.Store{between, store} {
			r := &rig{store: store, bench: newBench(), dir: dirs[n]}
			var err error
			r.Service, err = compute.Open(t.Context(), compute.Config{
				Store: s, Network: r.bench, Launcher: r.bench, Dir: r.dir, Agent: "postern-agent",
				Host: []string{"one", "two"}[n],
			})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { r.Close() }()
			rigs[n] = r
		}
		test(t, rigs[0], rigs[1], between)
	})
}

func refresh(t *testing.T, r *rig) {
	t.Helper()
	if err := r.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
}

// TestTwoHosts: an instance runs where it was launched, and goes where the service of either host wants it.
func TestTwoHosts(t *testing.T) {
	hosts(t, func(t *testing.T, one, two *rig, _ *recordtest.Between) {
		ctx, id := t.Context(), one.launch(t).ID
		if _, err := two.Instance(home, id); fault.Of(err).Code != "InvalidInstanceID.NotFound" {
			t.Errorf("known before anybody told of it: %v", err)
		}
		refresh(t, two)
		two.want(t, id, compute.Running, "")
		if one.bench.boots[id] != 1 || two.bench.boots[id] != 0 {
			t.Errorf("%d boots on its host, %d on the other", one.bench.boots[id], two.bench.boots[id])
		}
		if _, _, err := two.Console(home, id); !fault.Is(err, fault.Unavailable) {
			t.Errorf("console from the other host: %v", err)
		}
		if err := two.Reboot(ctx, home, []string{id}); !fault.Is(err, fault.Unavailable) {
			t.Errorf("reboot from the other host: %v", err)
		}
		if err := two.UpdateInterfaces(ctx, home, id); !fault.Is(err, fault.Unavailable) {
			t.Errorf("interfaces from the other host: %v", err)
		}
		for _, step := range []struct {
			do     func() error
			before compute.State // on the other host, before its own one has acted
			after  compute.State
			reason string
			runs   bool
		}{
			{
				func() error { _, err := two.Stop(ctx, home, []string{id}, false); return err },
				compute.Stopping, compute.Stopped, "Client.UserInitiatedShutdown", false,
			},
			{
				func() error { _, err := two.Start(ctx, home, []string{id}); return err },
				compute.Pending, compute.Running, "", true,
			},
			{
				func() error { _, err := two.Terminate(ctx, home, []string{id}); return err },
				compute.ShuttingDown, compute.Terminated, "Client.UserInitiatedShutdown", false,
			},
		} {
			if err := step.do(); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if i, err := two.Instance(home, id); err != nil || i.State != step.before {
				t.Errorf("%v, %v; want %v", i.State, err, step.before)
			}
			refresh(t, one)
			one.want(t, id, step.after, step.reason)
			refresh(t, two)
			two.want(t, id, step.after, step.reason)
			if runs := len(one.bench.attached) == 1; runs != step.runs || len(two.bench.attached) != 0 {
				t.Errorf("%v: attached %v and %v", step.after, one.bench.attached, two.bench.attached)
			}
		}
	})
}

// TestOwnCommitBringsOthersWishes: what another host's service wants is done as well where an own commit tells of it.
func TestOwnCommitBringsOthersWishes(t *testing.T) {
	hosts(t, func(t *testing.T, one, two *rig, _ *recordtest.Between) {
		id := one.launch(t).ID
		refresh(t, two)
		if _, err := two.Stop(t.Context(), home, []string{id}, true); err != nil {
			t.Fatal(err)
		}
		one.launch(t)
		one.want(t, id, compute.Stopped, "Client.UserInitiatedShutdown")
	})
}

// TestStartedAgainBesideAnother: a host that starts again boots its own instances only.
func TestStartedAgainBesideAnother(t *testing.T) {
	hosts(t, func(t *testing.T, one, two *rig, _ *recordtest.Between) {
		mine, other := one.launch(t).ID, two.launch(t).ID
		one.Close()
		var err error
		one.Service, err = compute.Open(t.Context(), compute.Config{
			Store: one.store, Network: one.bench, Launcher: one.bench, Dir: one.dir, Host: "one",
		})
		if err != nil {
			t.Fatal(err)
		}
		one.want(t, mine, compute.Running, "")
		one.want(t, other, compute.Running, "")
		if one.bench.boots[mine] != 2 || one.bench.boots[other] != 0 || two.bench.boots[other] != 1 {
			t.Errorf("boots %v and %v", one.bench.boots, two.bench.boots)
		}
	})
}

func launchOn(r *rig, edit ...func(*compute.Launch)) error {
	l := compute.Launch{Scope: home, Placements: []compute.Placement{place(1)}}
	for _, e := range edit {
		e(&l)
	}
	_, err := r.Launch(context.Background(), l)
	return err
}

func sameID(l *compute.Launch) { l.IDs = []string{"i-00000000000000001"} }

func withKey(l *compute.Launch) { l.KeyName = "mine" }

func keyOn(name string) func(*rig) error {
	return func(r *rig) error {
		in := compute.NewKeyPair{Scope: home, Name: name, Type: compute.ED25519Key}
		_, _, err := r.CreateKeyPair(context.Background(), in)
		return err
	}
}

func deleteKey(r *rig) error {
	k, err := r.KeyPair(home, "mine")
	if err != nil {
		return err
	}
	return r.DeleteKeyPair(context.Background(), home, k.ID)
}

// meanwhileCases do one thing on a server while another does something else.
var meanwhileCases = []struct {
	name      string
	do        func(r *rig) error
	meanwhile func(r *rig) error
	conflicts int
	code      string
	instances int
	keys      int
}{
	{
		"two launches", func(r *rig) error { return launchOn(r) }, func(r *rig) error { return launchOn(r) },
		0, "", 2, 1,
	},
	{
		"of one id", func(r *rig) error { return launchOn(r, sameID) }, func(r *rig) error { return launchOn(r, sameID) },
		1, "", 1, 1,
	},
	{
		"with a key that goes", func(r *rig) error { return launchOn(r, withKey) }, deleteKey,
		1, "InvalidKeyPair.NotFound", 0, 0,
	},
	{"keys of two names", keyOn("a"), keyOn("b"), 0, "", 0, 3},
	{"keys of one name", keyOn("a"), keyOn("a"), 1, "InvalidKeyPair.Duplicate", 0, 2},
	{"a key and a launch", keyOn("a"), func(r *rig) error { return launchOn(r, withKey) }, 0, "", 1, 2},
}

// TestMeanwhile has the other host's service change something between the plan and the commit of the first one.
func TestMeanwhile(t *testing.T) {
	for _, tt := range meanwhileCases {
		t.Run(tt.name, func(t *testing.T) {
			hosts(t, func(t *testing.T, one, two *rig, between *recordtest.Between) {
				if err := keyOn("mine")(two); err != nil {
					t.Fatal(err)
				}
				refresh(t, one)
				between.Next = func() {
					if err := tt.meanwhile(two); err != nil {
						t.Error(err)
					}
				}
				err := tt.do(one)
				conflicts := between.Conflicts
				if got := fault.Of(err); err != nil && got.Code != tt.code || err == nil && tt.code != "" {
					t.Errorf("%v, want %q", err, tt.code)
				}
				if conflicts != tt.conflicts {
					t.Errorf("%d conflicts, want %d", conflicts, tt.conflicts)
				}
				synctest.Wait()
				for _, r := range []*rig{one, two} {
					refresh(t, r)
					if i, k := len(r.Instances(home)), len(r.KeyPairs(home)); i != tt.instances || k != tt.keys {
						t.Errorf("%d instances and %d keys, want %d and %d", i, k, tt.instances, tt.keys)
					}
				}
			})
		})
	}
}
