package command_test

import (
	"testing"
	"time"

	"postern/ssm/command"
	"postern/ssm/mailbox"
)

// BenchmarkTenThousandNodes sends one command to 10,000 nodes whose agents answer at once, with everything in memory.
func BenchmarkTenThousandNodes(b *testing.B) {
	const n = 10_000
	w := newWorld(b, n)
	defer func() { w.stop() }()
	ids := make([]string, n)
	for i := range n {
		ids[i] = nodeID(i)
		w.connect(i, func(a *agent, job mailbox.Item) { obey(a, job) })
	}
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for b.Loop() {
		before := w.store.Updates()
		c := w.send(
			command.Request{
				Document:       "AWS-RunShellScript",
				Nodes:          ids,
				MaxConcurrency: "100%",
				Parameters:     map[string][]string{"commands": {"id"}},
			},
		)
		for {
			l, err := w.commands.Describe(b.Context(), here, c.ID)
			if err != nil {
				b.Fatal(err)
			}
			if l.Completed == n {
				break
			}
			<-look.C
		}
		b.ReportMetric(float64(w.store.Updates()-before), "commits")
	}
}
