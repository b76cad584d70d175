package command_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"postern/aws/fault"
	"postern/aws/scope"
	"postern/record"
	"postern/ssm/command"
	"postern/ssm/command/commandtest"
	"postern/ssm/document"
	"postern/ssm/document/library"
	"postern/ssm/mailbox"
	"postern/ssm/mgs"
	"postern/ssm/node"
)

var here = scope.Scope{Account: "000000000000", Region: "us-east-1"}

// world is Run Command with everything it stands on, in memory.
type world struct {
	t        testing.TB
	store    *commandtest.Store
	records  *record.Memory
	library  *library.Service
	nodes    *node.Service
	box      *mailbox.Mailbox
	commands *command.Service
	stop     func()
	// over stands before the store, if it is set before start.
	over command.Store
	log  *journal
}

// journal is a log that a test reads.
type journal struct {
	mu   sync.Mutex
	text strings.Builder
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(b)
}

// has reports whether a text was logged.
func (j *journal) has(text string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Contains(j.text.String(), text)
}

func newWorld(t testing.TB, nodes int) *world {
	w := &world{t: t, store: &commandtest.Store{}, records: new(record.Memory), log: &journal{}}
	w.start()
	for i := range nodes {
		id := nodeID(i)
		if err := w.nodes.Ping(
			t.Context(), here, id, node.Information{PlatformType: "Linux", ComputerName: "host" + fmt.Sprint(i)}, time.Now(),
		); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

func nodeID(i int) string { return fmt.Sprintf("i-%017x", i) }

// start starts a server on what the store holds.
func (w *world) start() {
	w.library = library.New(w.records)
	w.nodes = node.New(node.Config{Records: w.records})
	w.box = mailbox.New(mailbox.Config{})
	w.commands = command.New(command.Config{
		Store: w.stored(), Documents: w.library, Nodes: w.nodes, Mailbox: w.box, History: 24 * time.Hour,
		Log: slog.New(slog.NewTextHandler(w.log, nil)),
	})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	commands := w.commands
	wg.Go(func() {
		if err := commands.Run(ctx); err != nil {
			w.t.Error(err)
		}
	})
	w.stop = func() {
		cancel()
		wg.Wait()
		w.box.Close()
	}
}

// restart stops the server and starts another, which remembers nothing.
func (w *world) restart() {
	w.t.Helper()
	w.stop()
	w.start()
	synctest.Wait()
}

func (w *world) stored() command.Store {
	if w.over != nil {
		return w.over
	}
	return w.store
}

// run runs a test with simulated time.
func run(t *testing.T, name string, nodes int, f func(t *testing.T, w *world)) {
	t.Run(name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, nodes)
			f(t, w)
			w.stop()
		})
	})
}

func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func (w *world) send(r command.Request) *command.Command {
	w.t.Helper()
	if r.Document == "" {
		r.Document = "AWS-RunShellScript"
		r.Parameters = map[string][]string{"commands": {"true"}}
	}
	c, err := w.commands.Send(w.t.Context(), here, r)
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// steps makes a document with steps of these names, and returns its own.
func (w *world) steps(names ...string) string {
	w.t.Helper()
	text := "schemaVersion: '2.2'\nmainSteps:\n"
	for _, n := range names {
		text += "- {action: 'aws:runShellScript', name: " + n + ", inputs: {runCommand: [id]}}\n"
	}
	v, err := w.library.Create(
		w.t.Context(),
		here,
		library.NewVersion{Name: "Steps", Format: document.YAML, Content: text},
		time.Now(),
	)
	if err != nil {
		w.t.Fatal(err)
	}
	return v.Name
}

func (w *world) sendTo(n ...int) *command.Command {
	w.t.Helper()
	r := command.Request{}
	for _, i := range n {
		r.Nodes = append(r.Nodes, nodeID(i))
	}
	return w.send(r)
}

// states is the StatusDetails of the command and then of its invocations.
func (w *world) states(c *command.Command) string {
	w.t.Helper()
	synctest.Wait()
	l, err := w.commands.Describe(w.t.Context(), here, c.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	page, _, _, err := w.commands.Invocations(w.t.Context(), here, command.ListQuery{CommandID: c.ID, Limit: 1000})
	if err != nil {
		w.t.Fatal(err)
	}
	out := []string{l.Summary.Details + ":"}
	for _, d := range page {
		out = append(out, d.Details)
	}
	return strings.Join(out, " ")
}

func (w *world) expect(c *command.Command, want string) {
	w.t.Helper()
	if got := w.states(c); got != want {
		w.t.Errorf("states %q, want %q", got, want)
	}
}

// agent is a scripted agent on the control channel: on is called for every job, and says what the agent does.
type agent struct {
	w    *world
	id   string
	on   func(a *agent, job mailbox.Item)
	mu   sync.Mutex
	jobs []string
	wg   sync.WaitGroup
}

func (a *agent) Send(i mailbox.Item) error {
	a.mu.Lock()
	kind := "run"
	if strings.HasPrefix(i.Topic, mgs.TopicCancelCommand) {
		kind = "cancel"
	}
	a.jobs = append(a.jobs, kind)
	a.mu.Unlock()
	if a.on != nil {
		a.wg.Go(func() { a.on(a, i) })
	}
	return nil
}

func (a *agent) got() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return strings.Join(a.jobs, " ")
}

// connect opens a control channel for a node.
func (w *world) connect(n int, on func(*agent, mailbox.Item)) (a *agent, leave func()) {
	w.t.Helper()
	a = &agent{w: w, id: nodeID(n), on: on}
	leave, err := w.box.Open(w.t.Context(), a.id, a)
	if err != nil {
		w.t.Fatal(err)
	}
	return a, leave
}

func (a *agent) ack(job string, code mgs.Code) {
	if err := a.w.commands.Acknowledged(context.Background(), a.id, job, code); err != nil {
		a.w.t.Error(err)
	}
}

// reply sends a report and returns what became of it.
func (a *agent) reply(job string, r mgs.ReplyContent) error {
	text, err := json.Marshal(r)
	if err != nil {
		a.w.t.Error(err)
	}
	done := make(chan error, 1)
	if err := a.w.commands.Replied(
		context.Background(), a.id, job, string(text), func(err error) { done <- err },
	); err != nil {
		return err
	}
	return <-done
}

func begun() mgs.ReplyContent { return mgs.ReplyContent{DocumentStatus: mgs.InProgress} }

// ended is the last reply of a one-step document.
func ended(s mgs.Status, code int, out string) mgs.ReplyContent {
	r := mgs.ReplyContent{DocumentStatus: s, RuntimeStatus: map[string]*mgs.StepStatus{"aws:runShellScript": {
		Status: s, Code: code, Name: "aws:runShellScript", Output: out, StandardOutput: out,
		StartDateTime: mgs.FormatTime(time.Now()), EndDateTime: mgs.FormatTime(time.Now().Add(time.Second)),
	}}}
	r.AdditionalInfo.RuntimeStatusCounts = map[mgs.Status]int{s: 1}
	return r
}

// obey is an agent that does what it is told.
func obey(a *agent, job mailbox.Item) {
	a.ack(job.ID, mgs.Accepted)
	a.finish(job.ID, mgs.Success)
}

func (a *agent) finish(job string, s mgs.Status) {
	for _, r := range []mgs.ReplyContent{begun(), ended(s, 0, "done")} {
		if err := a.reply(job, r); err != nil {
			a.w.t.Error(err)
		}
	}
}

func want(t *testing.T, what string, err error, code string) {
	t.Helper()
	switch {
	case code == "" && err != nil:
		t.Errorf("%s: %v", what, err)
	case code != "" && (err == nil || fault.Of(err).Code != code):
		t.Errorf("%s: %v, want code %s", what, err, code)
	}
}
