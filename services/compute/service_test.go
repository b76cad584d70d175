package compute_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/aws/fault"
	"postern/aws/scope"
	"postern/record"
	"postern/record/recordtest"
	"postern/services/compute"
	"postern/services/compute/guest"
)

var home = scope.Scope{Account: "000000000000", Region: "us-east-1"}

type rig struct {
	*compute.Service
	store *record.Memory
	bench *bench
	dir   string
}

func open(t *testing.T, r *rig) {
	t.Helper()
	s, err := compute.Open(
		t.Context(),
		compute.Config{Store: r.store, Network: r.bench, Launcher: r.bench, Dir: r.dir, Agent: "postern-agent"},
	)
	if err != nil {
		t.Fatal(err)
	}
	r.Service = s
}

// simulate runs a test on a service whose host is played by a bench, in a bubble of its own time.
func simulate(t *testing.T, test func(t *testing.T, r *rig)) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{store: new(record.Memory), bench: newBench(), dir: dir}
		open(t, r)
		defer func() { r.Close() }()
		test(t, r)
	})
}

// stored returns an instance as the store has it.
func (r *rig) stored(t *testing.T, id string) (i compute.Instance) {
	t.Helper()
	found, err := r.store.Find(t.Context(), record.Key{Kind: "instance", ID: id})
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	if err := json.Unmarshal(found[0].Body, &i); err != nil {
		t.Fatal(err)
	}
	return i
}

// put puts an instance into the store as an earlier version did, without groups.
func (r *rig) put(t *testing.T, i compute.Instance) {
	t.Helper()
	body, err := json.Marshal(i)
	if err != nil {
		t.Fatal(err)
	}
	err = r.store.Update(t.Context(), nil, func([]record.Record) ([]record.Change, error) {
		return []record.Change{recordtest.Put("instance", i.ID, string(body))}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func place(n int) compute.Placement {
	return compute.Placement{
		Interface: fmt.Sprintf("eni-%017x", n), VPC: "vpc-1", Subnet: "subnet-1", Zone: "us-east-1a",
		Address: netip.MustParsePrefix("10.0.1.20/24"), Gateway: netip.MustParseAddr("10.0.1.1"),
		Resolver: netip.MustParseAddr("10.0.0.2"),
		Hostname: "ip-10-0-1-20", Domain: "ec2.internal",
	}
}

func (r *rig) launch(t *testing.T, edit ...func(*compute.Launch)) compute.Instance {
	t.Helper()
	l := compute.Launch{Scope: home, Placements: []compute.Placement{place(1)}}
	for _, e := range edit {
		e(&l)
	}
	made, err := r.Launch(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
	return made[0]
}

func (r *rig) want(t *testing.T, id string, state compute.State, reason string) compute.Instance {
	t.Helper()
	synctest.Wait()
	i, err := r.Instance(home, id)
	if err != nil {
		t.Fatal(err)
	}
	if i.State != state || i.Reason.Code != reason {
		t.Errorf("%s is %v (%s), want %v (%s)", id, i.State, i.Reason.Code, state, reason)
	}
	return i
}

func TestLife(t *testing.T) {
	simulate(t, func(t *testing.T, r *rig) {
		ctx := t.Context()
		made := r.launch(t)
		id := made.ID
		if made.State != compute.Pending || made.Image != compute.HostImage("us-east-1") || !strings.HasPrefix(id, "i-0") ||
			len(id) != 19 {
			t.Errorf("made %+v", made)
		}
		i := r.want(t, id, compute.Running, "")
		if owner, ok := r.ByInterface(i.Interface); !ok || owner.ID != id || !r.bench.attached[i.Interface] {
			t.Errorf("interface %s belongs to %v, attached %v", i.Interface, owner.ID, r.bench.attached)
		}
		<-time.After(time.Minute)
		first := i.Launched
		changes, err := r.Stop(ctx, home, []string{id, id}, false)
		if diff := cmp.Diff([]compute.Change{{ID: id, Was: compute.Running, Is: compute.Stopping}}, changes); diff != "" ||
			err != nil {
			t.Errorf("stop: %v\n%s", err, diff)
		}
		i = r.want(t, id, compute.Stopped, "Client.UserInitiatedShutdown")
		if !strings.HasPrefix(i.Transition, "User initiated (") || len(r.bench.attached) != 0 {
			t.Errorf("transition %q, attached %v", i.Transition, r.bench.attached)
		}
		if changes, err := r.Stop(ctx, home, []string{id}, false); err != nil || changes[0].Was != compute.Stopped ||
			changes[0].Is != compute.Stopped {
			t.Errorf("stop of a stopped one: %v, %v", changes, err)
		}
		if err := r.Reboot(ctx, home, []string{id}); fault.Of(err).Code != "IncorrectInstanceState" {
			t.Errorf("reboot of a stopped one: %v", err)
		}
		if _, err := r.Start(ctx, home, []string{id}); err != nil {
			t.Fatal(err)
		}
		if i = r.want(t, id, compute.Running, ""); !i.Launched.After(first) {
			t.Errorf("launched at %v, before the stop at %v", i.Launched, first)
		}
		if err := r.Reboot(ctx, home, []string{id}); err != nil {
			t.Fatal(err)
		}
		r.want(t, id, compute.Running, "")
		if r.bench.boots[id] != 3 {
			t.Errorf("%d boots, want 3", r.bench.boots[id])
		}
		if text, _, err := r.Console(home, id); err != nil || strings.Count(string(text), "boot of") != 3 {
			t.Errorf("console %q, %v", text, err)
		}
		if _, err := r.Terminate(ctx, home, []string{id}); err != nil {
			t.Fatal(err)
		}
		r.want(t, id, compute.Terminated, "Client.UserInitiatedShutdown")
		if _, err := os.Stat(filepath.Join(r.dir, "instances", id)); !os.IsNotExist(err) ||
			!slices.Equal(r.bench.terminated, []string{id}) {
			t.Errorf("after the end: directory %v, told %v", err, r.bench.terminated)
		}
		if _, err := r.Start(ctx, home, []string{id}); fault.Of(err).Code != "IncorrectInstanceState" {
			t.Errorf("start of a terminated one: %v", err)
		}
		<-time.After(time.Hour + time.Second)
		if _, err := r.Instance(home, id); fault.Of(err).Code != "InvalidInstanceID.NotFound" {
			t.Errorf("an hour later: %v", err)
		}
		r.launch(t)
		if r.store.Len() != 1 {
			t.Errorf("the store keeps %d records", r.store.Len())
		}
	})
}

func TestEndsFromInside(t *testing.T) {
	for _, tt := range []struct {
		end       guest.EndKind
		terminate bool
		state     compute.State
		reason    string
	}{
		{guest.PoweredOff, false, compute.Stopped, "Client.InstanceInitiatedShutdown"},
		{guest.PoweredOff, true, compute.Terminated, "Client.InstanceInitiatedShutdown"},
		{guest.Restarted, false, compute.Running, ""},
		{guest.Died, true, compute.Stopped, "Server.InternalError"},
	} {
		t.Run(fmt.Sprint(tt.end, tt.terminate), func(t *testing.T) {
			simulate(t, func(t *testing.T, r *rig) {
				i := r.launch(t, func(l *compute.Launch) { l.TerminateOnShutdown = tt.terminate })
				r.bench.guest(i.ID).finish(guest.End{Kind: tt.end, Err: errors.New("why")})
				r.want(t, i.ID, tt.state, tt.reason)
			})
		})
	}
}

func TestDoesNotBoot(t *testing.T) {
	simulate(t, func(t *testing.T, r *rig) {
		old := r.launch(t)
		if _, err := r.Stop(t.Context(), home, []string{old.ID}, true); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		r.bench.refuse = errors.New("no more room")
		i := r.launch(t)
		i = r.want(t, i.ID, compute.Terminated, "Server.InternalError")
		if !strings.Contains(i.Reason.Message, "no more room") {
			t.Errorf("reason %q", i.Reason.Message)
		}
		if _, err := r.Start(t.Context(), home, []string{old.ID}); err != nil {
			t.Fatal(err)
		}
		r.want(t, old.ID, compute.Stopped, "Server.InternalError") // its layer is kept
	})
}

func TestAServerThatStartsAgain(t *testing.T) {
	simulate(t, func(t *testing.T, r *rig) {
		running, stopped, gone := r.launch(t), r.launch(t), r.launch(t)
		r.Stop(t.Context(), home, []string{stopped.ID}, false)
		r.Terminate(t.Context(), home, []string{gone.ID})
		synctest.Wait()
		half := filepath.Join(r.dir, "instances", "i-0123456789abcdef0")
		os.MkdirAll(half, 0o700)
		r.Close()
		if is := r.stored(t, running.ID).State; is != compute.Running {
			t.Errorf("closing made it %v", is)
		}
		// As if it had been killed in the middle of two verbs.
		late := r.stored(t, stopped.ID)
		late.ID, late.State = "i-00000000000000001", compute.Stopping
		r.put(t, late)
		late.ID, late.State = "i-00000000000000002", compute.ShuttingDown
		r.put(t, late)
		open(t, r)
		if i := r.want(t, running.ID, compute.Running, ""); !i.Launched.Equal(running.Launched) ||
			i.Placement != running.Placement {
			t.Errorf("it is another one: %+v", i)
		}
		r.want(t, stopped.ID, compute.Stopped, "Client.UserInitiatedShutdown")
		r.want(t, "i-00000000000000001", compute.Stopped, "Client.UserInitiatedShutdown")
		r.want(t, "i-00000000000000002", compute.Terminated, "Client.UserInitiatedShutdown")
		if _, err := os.Stat(half); !os.IsNotExist(err) {
			t.Errorf("what was left behind is still there: %v", err)
		}
	})
}

func TestFullDisk(t *testing.T) {
	simulate(t, func(t *testing.T, r *rig) {
		i := r.launch(t)
		r.store.Fail(fault.New(fault.Unavailable, "memory", "the disk is full"))
		if _, err := r.Stop(t.Context(), home, []string{i.ID}, false); !fault.Is(err, fault.Unavailable) {
			t.Errorf("stop on a full disk: %v", err)
		}
		r.want(t, i.ID, compute.Running, "")
		r.bench.guest(i.ID).finish(guest.End{Kind: guest.PoweredOff})
		synctest.Wait()
		r.store.Fail(nil)
		<-time.After(2 * time.Second)
		r.want(t, i.ID, compute.Stopped, "Client.InstanceInitiatedShutdown")
	})
}

func TestRefusals(t *testing.T) {
	simulate(t, func(t *testing.T, r *rig) {
		ctx := t.Context()
		i := r.launch(t, func(l *compute.Launch) { l.ProtectTermination, l.ProtectStop = true, true })
		other := scope.Scope{Account: "111111111111", Region: "us-east-1"}
		launch := func(edit func(*compute.Launch)) error {
			l := compute.Launch{Scope: home, Placements: []compute.Placement{place(2)}}
			edit(&l)
			_, err := r.Launch(ctx, l)
			return err
		}
		typ := "m5.large"
		for _, tt := range []struct {
			name, code string
			err        error
		}{
			{"another account's", "InvalidInstanceID.NotFound", second(r.Instance(other, i.ID))},
			{"malformed id", "InvalidInstanceID.Malformed", second(r.Instance(home, "i-XYZ"))},
			{
				"one of two unknown", "InvalidInstanceID.NotFound",
				second(r.Stop(ctx, home, []string{i.ID, "i-00000000000000009"}, false)),
			},
			{"no ids", "MissingParameter", second(r.Stop(ctx, home, nil, false))},
			{"protected stop", "OperationNotPermitted", second(r.Stop(ctx, home, []string{i.ID}, false))},
			{"protected end", "OperationNotPermitted", second(r.Terminate(ctx, home, []string{i.ID}))},
			{
				"type of a running one", "IncorrectInstanceState",
				second(r.Modify(ctx, home, i.ID, compute.Modification{Type: &typ})),
			},
			{"unknown image", "InvalidAMIID.NotFound", launch(func(l *compute.Launch) { l.Image = "ami-00000000000000009" })},
			{"malformed image", "InvalidAMIID.Malformed", launch(func(l *compute.Launch) { l.Image = "debian" })},
			{"bad type", "InvalidParameterValue", launch(func(l *compute.Launch) { l.Type = "huge" })},
			{
				"long user data", "InvalidParameterValue",
				launch(func(l *compute.Launch) { l.UserData = make([]byte, compute.MaxUserData+1) }),
			},
			{"none", "InstanceLimitExceeded", launch(func(l *compute.Launch) { l.Placements = nil })},
		} {
			if got := fault.Of(tt.err); got == nil || got.Code != tt.code {
				t.Errorf("%s: %v, want %s", tt.name, tt.err, tt.code)
			}
		}
		same := r.launch(t, func(l *compute.Launch) { l.IDs = []string{i.ID} })
		if same.ID != i.ID || len(r.Instances(home)) != 1 {
			t.Errorf("a repeated request made %s and %d instances", same.ID, len(r.Instances(home)))
		}
		r.want(t, i.ID, compute.Running, "")
		no := false
		if _, err := r.Modify(ctx, home, i.ID, compute.Modification{ProtectTermination: &no}); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Terminate(ctx, home, []string{i.ID}); err != nil {
			t.Error(err)
		}
	})
}

func second[T any](_ T, err error) error { return err }

func TestTags(t *testing.T) {
	simulate(t, func(t *testing.T, r *rig) {
		i := r.launch(t, func(l *compute.Launch) { l.Tags = map[string]string{"a": "1", "b": "2"} })
		got, err := r.Tag(t.Context(), home, i.ID, map[string]string{"c": "3"}, []string{"a"})
		if diff := cmp.Diff(map[string]string{"b": "2", "c": "3"}, got.Tags); diff != "" || err != nil {
			t.Errorf("%v\n%s", err, diff)
		}
		if len(i.Tags) != 2 {
			t.Errorf("what a reader holds changed: %v", i.Tags)
		}
	})
}

// TestVerbsFromManySides lets verbs race; the instance must end where the last one says, with nothing left running.
func TestVerbsFromManySides(t *testing.T) {
	simulate(t, func(t *testing.T, r *rig) {
		i := r.launch(t)
		var wg sync.WaitGroup
		for n := range 40 {
			wg.Go(func() {
				switch n % 4 {
				case 0:
					r.Stop(t.Context(), home, []string{i.ID}, n%8 == 0)
				case 1, 2:
					r.Start(t.Context(), home, []string{i.ID})
				case 3:
					r.Reboot(t.Context(), home, []string{i.ID})
				}
			})
		}
		wg.Wait()
		synctest.Wait()
		r.Terminate(t.Context(), home, []string{i.ID})
		r.want(t, i.ID, compute.Terminated, "Client.UserInitiatedShutdown")
		if len(r.bench.attached) != 0 {
			t.Errorf("attached: %v", r.bench.attached)
		}
	})
}
