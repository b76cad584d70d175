package world_test

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/api"
	"postern/test/world"
)

// attempt says how an attempt to open a connection ends.
type attempt string

const (
	connects attempt = "connects"
	timesOut attempt = "times out"
	noName   attempt = "no such name"
	noAnswer attempt = "no answer about the name"
)

// try opens a connection from a node. What is expected to time out is given less time to do so.
func try(t *testing.T, n *world.Node, address string, want attempt) attempt {
	t.Helper()
	patience := 20 * time.Second
	if want == timesOut || want == noAnswer {
		patience = 300 * time.Millisecond
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, err := n.Dial(ctx, "tcp", address)
	dns := new(net.DNSError)
	switch {
	case err == nil:
		conn.Close()
		return connects
	case errors.As(err, &dns) && dns.IsNotFound:
		return noName
	case dns.IsTimeout:
		return noAnswer
	case errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded):
		return timesOut
	}
	return attempt(err.Error())
}

const ssmName = "ssm.us-east-1.amazonaws.com:443"

// TestFourCauses breaks the path in four ways. Each time the node sees something else, is lost once it boots again, and
// comes back by itself when the cause is mended.
func TestFourCauses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		broken  func(*world.World)
		mended  func(*world.World)
		sees    attempt
		dropped string
	}{
		{
			"the endpoints' rule", func(w *world.World) { w.Revoke() }, func(w *world.World) { w.Authorize() }, timesOut,
			"no-rule",
		},
		{
			"the endpoint", func(w *world.World) { w.DeleteEndpoint("ssm") }, func(w *world.World) { w.CreateEndpoint("ssm") },
			timesOut, "",
		},
		{
			"private DNS", func(w *world.World) { w.PrivateDNS("ssm", false) },
			func(w *world.World) { w.PrivateDNS("ssm", true) }, timesOut, "",
		},
		{
			"the role's policy", func(w *world.World) { w.DetachPolicy() }, func(w *world.World) { w.AttachPolicy() }, connects,
			"",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := world.New(t, world.Nodes(1))
			n := w.Node(0)
			if got := try(t, n, ssmName, connects); got != connects {
				t.Fatalf("before: %s", got)
			}
			c.broken(w)
			if got := try(t, n, ssmName, c.sees); got != c.sees {
				t.Errorf("broken: %s, want %s", got, c.sees)
			}
			if c.dropped != "" {
				w.Until("a packet is dropped: "+c.dropped, func() bool { return n.Drops()[c.dropped] > 0 })
			}
			if got := n.Says("echo by what was open"); got != "by what was open\n" {
				t.Errorf("it says %q", got)
			}
			n.Reboot()
			n.Await(world.ConnectionLost)
			c.mended(w)
			n.Await(world.Online)
			if got := n.Says("echo back"); got != "back\n" {
				t.Errorf("it says %q", got)
			}
		})
	}
}

// witness keeps which operations succeeded for whom, in order.
type witness struct {
	mu      sync.Mutex
	records []api.Record
}

func (w *witness) audit(r api.Record) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.records = append(w.records, r)
}

// saw counts records.
func (w *witness) saw(fits func(r *api.Record) bool) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range w.records {
		if fits(&w.records[i]) {
			n++
		}
	}
	return n
}

func (w *witness) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.records = nil
}

// operation fits good answers to an operation for a node.
func operation(name, node string) func(r *api.Record) bool {
	return func(r *api.Record) bool {
		return r.Operation == name && r.Status < 400 && strings.HasSuffix(r.Principal, node)
	}
}

// TestSecondPath takes the endpoint of ssmmessages away: commands come by ec2messages, and by the channel again when it
// is back.
func TestSecondPath(t *testing.T) {
	t.Parallel()
	var seen witness
	w := world.New(t, world.Nodes(1), world.Audit(seen.audit))
	n := w.Node(0)
	n.Says("true")
	if seen.saw(operation("GetMessages", n.ID)) > 0 {
		t.Error("it polled while its channel was open")
	}
	w.DeleteEndpoint("ssmmessages")
	if got := n.Says("echo by polling"); got != "by polling\n" {
		t.Errorf("it says %q", got)
	}
	if seen.saw(operation("AcknowledgeMessage", n.ID)) == 0 || seen.saw(operation("SendReply", n.ID)) == 0 {
		t.Error("the command did not come by ec2messages")
	}
	seen.forget()
	w.CreateEndpoint("ssmmessages")
	w.Until("the channel is open again", func() bool { return seen.saw(operation("OpenControlChannel", n.ID)) > 0 })
	if got := n.Says("echo by the channel"); got != "by the channel\n" {
		t.Errorf("it says %q", got)
	}
	if seen.saw(operation("AcknowledgeMessage", n.ID)) > 0 {
		t.Error("the command came by ec2messages")
	}
}

// TestNothingElseIsReached: a node reaches its endpoints and nothing beyond.
func TestNothingElseIsReached(t *testing.T) {
	t.Parallel()
	w := world.New(t, world.Nodes(2))
	a, b := w.Node(0), w.Node(1)
	for _, c := range []struct {
		address string
		want    attempt
	}{
		{ssmName, connects},
		{"ec2messages.us-east-1.amazonaws.com:443", connects},
		{"ssm.us-east-1.amazonaws.com:80", timesOut},
		{"ssm.eu-west-1.amazonaws.com:443", timesOut},
		{"example.com:443", noName},
		{"192.0.2.1:443", timesOut},
		{"127.0.0.1:443", timesOut},
		{b.Address.String() + ":22", timesOut},
	} {
		if got := try(t, a, c.address, c.want); got != c.want {
			t.Errorf("%s: %s, want %s", c.address, got, c.want)
		}
	}
}
