package command_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"postern/aws/scope"
	"postern/ssm/command"
	"postern/ssm/mailbox"
	"postern/ssm/mgs"
)

// faulty stands before a store. It counts the calls and the rows that they read, and lets one call fail.
type faulty struct {
	command.Store
	mu    sync.Mutex
	calls []string
	rows  int
	// nth is the call that fails, counted from 1; 0 is none. corrupt has it answer what cannot be read instead.
	nth     int
	corrupt bool
	// broken is a method of which every call fails.
	broken string
	// before is called before every Update, created after every Create.
	before, created func()
}

var errStore = errors.New("the store is broken")

// arm has the nth call from now fail.
func (f *faulty) arm(nth int, corrupt bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls, f.rows, f.nth, f.corrupt = nil, 0, nth, corrupt
}

// breakDown has every call of a method fail; "" ends it.
func (f *faulty) breakDown(method string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.broken = method
}

// hit returns the name of the call that failed, "" where none has.
func (f *faulty) hit() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.nth == 0 || len(f.calls) < f.nth {
		return ""
	}
	return f.calls[f.nth-1]
}

// count returns the number of calls of a method since arm.
func (f *faulty) count(name string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, c := range f.calls {
		if c == name {
			n++
		}
	}
	return n
}

// call notes a call. It returns an error for the one that fails, or whether its answer is to be spoilt.
func (f *faulty) call(name string) (spoil bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, name)
	switch {
	case name == f.broken:
		return false, errStore
	case len(f.calls) != f.nth:
		return false, nil
	case f.corrupt:
		return true, nil
	}
	return false, errStore
}

func (f *faulty) Create(ctx context.Context, c command.CommandRow, rows []command.Row) error {
	if _, err := f.call("Create"); err != nil {
		return err
	}
	err := f.Store.Create(ctx, c, rows)
	if f.created != nil {
		f.created()
	}
	return err
}

func (f *faulty) Commands(ctx context.Context, ids ...string) ([]command.CommandRow, error) {
	spoil, err := f.call("Commands")
	if err != nil {
		return nil, err
	}
	found, err := f.Store.Commands(ctx, ids...)
	return spoilt(spoil, found), err
}

func (f *faulty) ListCommands(
	ctx context.Context, in scope.Scope, after command.Place, limit int,
) ([]command.CommandRow, error) {
	spoil, err := f.call("ListCommands")
	if err != nil {
		return nil, err
	}
	found, err := f.Store.ListCommands(ctx, in, after, limit)
	return spoilt(spoil, found), err
}

// spoilt makes what was found unreadable.
func spoilt(spoil bool, found []command.CommandRow) []command.CommandRow {
	for i := range found {
		if spoil {
			found[i].Body = []byte("{")
		}
	}
	return found
}

func (f *faulty) UpdateCommand(ctx context.Context, id string, change func([]byte) ([]byte, error)) error {
	spoil, err := f.call("UpdateCommand")
	if err != nil {
		return err
	}
	return f.Store.UpdateCommand(ctx, id, func(body []byte) ([]byte, error) {
		if spoil {
			body = []byte("{")
		}
		return change(body)
	})
}

func (f *faulty) Update(
	ctx context.Context, keys []command.Key, change func([]command.Row) ([]command.Row, error),
) error {
	spoil, err := f.call("Update")
	if err != nil {
		return err
	}
	if f.before != nil {
		f.before()
	}
	return f.Store.Update(ctx, keys, func(found []command.Row) ([]command.Row, error) {
		return change(spoiltRows(spoil, found))
	})
}

func (f *faulty) Rows(ctx context.Context, q command.Query) ([]command.Row, error) {
	spoil, err := f.call("Rows")
	if err != nil {
		return nil, err
	}
	found, err := f.Store.Rows(ctx, q)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rows += len(found)
	return spoiltRows(spoil, found), err
}

func spoiltRows(spoil bool, found []command.Row) []command.Row {
	for i := range found {
		if spoil {
			found[i].Body = []byte("{")
		}
	}
	return found
}

func (f *faulty) Tally(ctx context.Context, ids ...string) ([]command.Count, error) {
	if _, err := f.call("Tally"); err != nil {
		return nil, err
	}
	return f.Store.Tally(ctx, ids...)
}

func (f *faulty) Forget(ctx context.Context, before time.Time) error {
	if _, err := f.call("Forget"); err != nil {
		return err
	}
	return f.Store.Forget(ctx, before)
}

// faultyWorld is a world over a faulty store, with a command on two nodes: one runs it, the other was never reached.
func faultyWorld(w *world) (*faulty, *command.Command) {
	w.t.Helper()
	f := &faulty{Store: w.store}
	w.over = f
	w.restart()
	_, leave := w.connect(0, func(a *agent, job mailbox.Item) { a.ack(job.ID, mgs.Accepted) })
	c := w.sendTo(0, 1)
	synctest.Wait()
	leave()
	w.restart()
	return f, c
}

// scenario is one call that reads or writes what is stored.
type scenario struct {
	name string
	do   func(w *world, c *command.Command) error
	// logged are the calls whose fault is logged and not returned.
	logged []string
}

// scenarios are the calls of the service, each on a service that remembers nothing.
func scenarios() []scenario {
	id := nodeID(0)
	return []scenario{
		{"send", func(w *world, _ *command.Command) error {
			_, err := w.commands.Send(w.t.Context(), here, command.Request{
				Document: "AWS-RunShellScript", Nodes: []string{id}, Parameters: map[string][]string{"commands": {"id"}},
			})
			return err
		}, nil},
		{"cancel", func(w *world, c *command.Command) error {
			return w.commands.Cancel(w.t.Context(), here, c.ID, nil)
		}, nil},
		{"cancel on a node", func(w *world, c *command.Command) error {
			return w.commands.Cancel(w.t.Context(), here, c.ID, []string{id})
		}, nil},
		{"acknowledge", func(w *world, c *command.Command) error {
			return w.commands.Acknowledged(w.t.Context(), nodeID(1), mgs.JobID(c.ID, nodeID(1)), mgs.Accepted)
		}, []string{"Update"}},
		{"refuse", func(w *world, c *command.Command) error {
			return w.commands.Acknowledged(w.t.Context(), nodeID(1), mgs.JobID(c.ID, nodeID(1)), mgs.ParseError)
		}, []string{"Update"}},
		{"acknowledge a cancellation", func(w *world, c *command.Command) error {
			w.cancelRunning(c)
			return w.commands.Acknowledged(w.t.Context(), id, mgs.JobID(w.cancellation(id), id), mgs.Accepted)
		}, []string{"Update"}},
		{"reply", func(w *world, c *command.Command) error {
			a := &agent{w: w, id: id}
			return a.reply(mgs.JobID(c.ID, id), ended(mgs.Success, 0, ""))
		}, nil},
		{"describe", func(w *world, c *command.Command) error {
			_, err := w.commands.Describe(w.t.Context(), here, c.ID)
			return err
		}, nil},
		{"list", func(w *world, _ *command.Command) error { return w.list(command.ListQuery{Limit: 5}) }, nil},
		{"list a node's", func(w *world, _ *command.Command) error {
			return w.list(command.ListQuery{Limit: 5, Node: id})
		}, nil},
		{"list one", func(w *world, c *command.Command) error {
			return w.list(command.ListQuery{Limit: 5, CommandID: c.ID})
		}, nil},
		{"invocations", func(w *world, _ *command.Command) error {
			_, _, _, err := w.commands.Invocations(w.t.Context(), here, command.ListQuery{Limit: 5})
			return err
		}, nil},
		{"invocations of one", func(w *world, c *command.Command) error {
			_, _, _, err := w.commands.Invocations(w.t.Context(), here, command.ListQuery{Limit: 5, CommandID: c.ID})
			return err
		}, nil},
		{"invocation", func(w *world, c *command.Command) error {
			_, err := w.commands.Invocation(w.t.Context(), here, c.ID, id)
			return err
		}, nil},
		{"claim", func(w *world, _ *command.Command) error {
			_, err := w.commands.Claim(w.t.Context(), nodeID(1))
			return err
		}, nil},
		{"node gone", func(w *world, _ *command.Command) error { return w.nodes.Forget(w.t.Context(), id) },
			[]string{"Rows", "Update"}},
	}
}

func (w *world) list(q command.ListQuery) error {
	_, _, _, err := w.commands.List(w.t.Context(), here, q)
	return err
}

// cancelRunning cancels a command while the store is whole, and lets the server forget what it knows.
func (w *world) cancelRunning(c *command.Command) {
	w.t.Helper()
	f := w.over.(*faulty)
	nth, corrupt := f.nth, f.corrupt
	f.arm(0, false)
	if err := w.commands.Cancel(w.t.Context(), here, c.ID, nil); err != nil {
		w.t.Fatal(err)
	}
	w.restart()
	f.arm(nth, corrupt)
}

// cancellation returns the id of the cancellation that a node is to be told of.
func (w *world) cancellation(node string) string {
	w.t.Helper()
	rows, err := w.store.Rows(w.t.Context(), command.Query{Node: node, Stages: []command.Stage{command.Cancelling}})
	if err != nil || len(rows) != 1 {
		w.t.Fatalf("%d cancellations, %v", len(rows), err)
	}
	_, after, _ := strings.Cut(string(rows[0].Body), `"CancelID":"`)
	id, _, _ := strings.Cut(after, `"`)
	return id
}

// Whatever call of the store fails, or answers what cannot be read, whoever called is told of it; where nobody waits
// for the answer, the log is.
func TestEveryFaultOfTheStoreIsTold(t *testing.T) {
	for _, s := range scenarios() {
		for _, corrupt := range []bool{false, true} {
			failed := 0
			for nth := 1; ; nth++ {
				hit := ""
				run(t, fmt.Sprintf("%s, call %d, corrupt %t", s.name, nth, corrupt), 2, func(t *testing.T, w *world) {
					f, c := faultyWorld(w)
					f.arm(nth, corrupt)
					err := s.do(w, c)
					synctest.Wait()
					if hit = f.hit(); hit == "" {
						want(t, "without a fault", err, "")
						return
					}
					s.check(t, w, hit, corrupt, err)
				})
				if hit == "" {
					break
				}
				failed++
			}
			if failed == 0 {
				t.Errorf("%s: no call of the store", s.name)
			}
		}
	}
}

// unread are the calls whose answers have nothing that can be spoilt.
var unread = []string{"Create", "Tally", "Forget"}

func (s scenario) check(t *testing.T, w *world, hit string, corrupt bool, err error) {
	t.Helper()
	text := errStore.Error()
	if corrupt {
		text = "unexpected end of JSON input"
	}
	told := err != nil && strings.Contains(err.Error(), text)
	switch {
	case corrupt && slices.Contains(unread, hit):
		want(t, hit, err, "")
	case corrupt && hit == "Rows" && err == nil && slices.Contains(s.unspoilt(), s.name):
	case slices.Contains(s.logged, hit):
		if err != nil || !w.log.has(text) && !(corrupt && hit == "Rows") {
			t.Errorf("%s failed: %v, and the log does not say so", hit, err)
		}
	case !told:
		t.Errorf("%s failed: %v", hit, err)
	}
}

// unspoilt are the scenarios that need no more of rows than what stands beside their bodies.
func (scenario) unspoilt() []string {
	return []string{"cancel", "cancel on a node", "list a node's", "acknowledge", "refuse"}
}

// stubborn is an agent that repeats what the server did not take, as agents do.
func stubborn(a *agent, job mailbox.Item) {
	for a.w.commands.Acknowledged(context.Background(), a.id, job.ID, mgs.Accepted) != nil {
		<-time.After(time.Second)
	}
	for a.reply(job.ID, ended(mgs.Success, 0, "")) != nil {
		<-time.After(time.Second)
	}
}

// Whatever call of the store fails while a command runs on one node after the other, no work is lost.
func TestAFaultCostsTimeNotWork(t *testing.T) {
	for nth := 2; nth < 30; nth++ { // without the first the service does not start
		run(t, fmt.Sprint("call ", nth), 3, func(t *testing.T, w *world) {
			f := &faulty{Store: w.store}
			w.over = f
			w.restart()
			c := w.send(command.Request{Targets: all(), MaxConcurrency: "1"})
			w.stop()
			f.arm(nth, false)
			w.start()
			synctest.Wait()
			for n := range 3 {
				a := &agent{w: w, id: nodeID(n), on: stubborn}
				for {
					_, err := w.box.Open(t.Context(), a.id, a)
					if err == nil {
						break
					}
					if !errors.Is(err, errStore) {
						t.Fatal(err)
					}
				}
			}
			pass(2 * time.Minute)
			w.expect(c, "Success: Success Success Success")
			if w.log.has("panic") {
				t.Error("a fault led to a panic")
			}
		})
	}
}

// What runs by the clock logs that it failed, and does its work when it can again.
func TestFaultsByTheClockAreLogged(t *testing.T) {
	for method, logs := range map[string][]string{
		"Rows":   {"time-outs could not be applied", "what waits could not be sent"},
		"Update": {"invocations could not be written", "time-outs could not be applied"},
		"Forget": {"old commands could not be forgotten"},
	} {
		run(t, method, 1, func(t *testing.T, w *world) {
			f := &faulty{Store: w.store}
			w.over = f
			w.restart()
			c := w.send(command.Request{Nodes: []string{nodeID(0)}, TimeoutSeconds: 45})
			f.breakDown(method)
			pass(time.Hour)
			for _, text := range logs {
				if !w.log.has(`msg="`+text+`"`) || !w.log.has(`error="`+errStore.Error()+`"`) {
					t.Errorf("not logged: %s", text)
				}
			}
			f.breakDown("")
			pass(2 * time.Second)
			w.expect(c, "DeliveryTimedOut: DeliveryTimedOut")
		})
	}
}

// A release that fails is tried again with the next hint, not at once.
func TestAReleaseThatFailsWaits(t *testing.T) {
	run(t, "", 2, func(t *testing.T, w *world) {
		f := &faulty{Store: w.store}
		w.over = f
		w.restart()
		w.connect(1, obey)
		c := w.send(command.Request{Targets: all(), MaxConcurrency: "1"})
		w.endElsewhere(c.ID, nodeID(0))
		f.breakDown("Update")
		pass(31 * time.Second)
		if !w.log.has(`msg="held invocations could not be released"`) {
			t.Error("not logged")
		}
		if n := f.count("Update"); n > 10 {
			t.Errorf("tried %d times", n)
		}
		f.breakDown("")
		pass(31 * time.Second)
		w.expect(c, "Success: Success Success")
	})
}

// A service that does not know what it holds back does not start.
func TestRunNeedsTheStore(t *testing.T) {
	run(t, "", 1, func(t *testing.T, w *world) {
		f := &faulty{Store: w.store}
		f.arm(1, false)
		s := command.New(command.Config{Store: f, Documents: w.library, Nodes: w.nodes, Mailbox: w.box})
		if err := s.Run(t.Context()); !errors.Is(err, errStore) {
			t.Errorf("run: %v", err)
		}
		err := s.Failed(t.Context(), nodeID(0), mgs.JobID("c", nodeID(0)))
		if err == nil || !strings.Contains(err.Error(), "stopping") {
			t.Errorf("after it: %v", err)
		}
	})
}
