package command_test

import (
	"fmt"
	"testing"
	"time"

	"postern/ssm/command"
	"postern/ssm/mailbox"
)

// BenchmarkTenThousandNodes sends one command to 10,000 nodes whose agents answer at once, with everything in memory:
// to all at once, and to 50 at a time.
func BenchmarkTenThousandNodes(b *testing.B) {
	const n = 10_000
	w := newWorld(b, n)
	defer func() { w.stop() }()
	for i := range n {
		w.connect(i, func(a *agent, job mailbox.Item) { obey(a, job) })
	}
	for _, concurrency := range []string{"100%", "50"} {
		b.Run(concurrency, func(b *testing.B) {
			for b.Loop() {
				before := w.store.Updates()
				w.complete(b, nodeIDs(n), concurrency)
				b.ReportMetric(float64(w.store.Updates()-before), "commits")
			}
		})
	}
}

// BenchmarkOneAmongMany sends a command to one node and takes its replies, where the store has 100,000 invocations.
func BenchmarkOneAmongMany(b *testing.B) {
	w := newWorld(b, 1)
	defer func() { w.stop() }()
	w.connect(0, func(a *agent, job mailbox.Item) { obey(a, job) })
	for c := range 10 {
		row := command.CommandRow{ID: fmt.Sprint("c", c), Scope: here, Requested: time.Now().UTC(), Body: []byte("{}")}
		rows := make([]command.Row, 10_000)
		for i := range rows {
			rows[i] = command.Row{
				CommandID: row.ID, Node: nodeID(i), Scope: here, Requested: row.Requested, Order: i,
				Stage: command.Ended, Details: command.Success, Body: []byte("{}"),
			}
		}
		if err := w.store.Create(b.Context(), row, rows); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		w.complete(b, nodeIDs(1), "1")
	}
}

// complete sends a command and returns when every node has ended it.
func (w *world) complete(b *testing.B, nodes []string, concurrency string) {
	b.Helper()
	c := w.send(command.Request{
		Document: "AWS-RunShellScript", Nodes: nodes, MaxConcurrency: concurrency,
		Parameters: map[string][]string{"commands": {"id"}},
	})
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for !w.commandEnded(b, c) {
		<-look.C
	}
}

func (w *world) commandEnded(b *testing.B, c *command.Command) bool {
	b.Helper()
	l, err := w.commands.Describe(b.Context(), here, c.ID)
	if err != nil {
		b.Fatal(err)
	}
	return l.Completed == l.TargetCount
}
