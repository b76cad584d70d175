package world

import (
	"fmt"
	"log/slog"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/network/fabric"
	"postern/network/vpc"
)

// maxHops and maxLines bound what is kept for the case of a failure; the oldest goes first.
const (
	maxHops  = 512
	maxLines = 400
)

// hop counts the packets of one kind and their fate: those of one conversation in one direction, its client's port
// aside.
type hop struct {
	from     string
	protocol vpc.Protocol
	source   netip.AddrPort
	target   netip.AddrPort
	drop     fabric.Drop
	to       string
}

type hopCount struct {
	hop
	count       int
	first, last time.Duration
}

// journey keeps what packets went where, and what was logged, until it is known whether anybody wants to read it.
type journey struct {
	began time.Time

	mu    sync.Mutex
	hops  []hopCount
	index map[hop]int
	lines []string
	names map[string]string // of interfaces
}

func newJourney() *journey {
	return &journey{began: time.Now(), index: map[hop]int{}, names: map[string]string{}}
}

// watch is a fabric's.
func (j *journey) watch(s fabric.Trace) {
	source, target := withoutClientsPort(s.Flow.Source, s.Flow.Destination)
	h := hop{s.Flow.From, s.Flow.Protocol, source, target, s.Drop, s.To}
	at := time.Since(j.began)
	j.mu.Lock()
	defer j.mu.Unlock()
	i, ok := j.index[h]
	if !ok {
		if len(j.hops) == maxHops {
			j.halveLocked()
		}
		i = len(j.hops)
		j.index[h] = i
		j.hops = append(j.hops, hopCount{hop: h, first: at})
	}
	j.hops[i].count++
	j.hops[i].last = at
}

func (j *journey) halveLocked() {
	j.hops = slices.Delete(j.hops, 0, len(j.hops)/2)
	clear(j.index)
	for i := range j.hops {
		j.index[j.hops[i].hop] = i
	}
}

// withoutClientsPort leaves out the port that means nothing, because it is another one at every connection.
func withoutClientsPort(source, target netip.AddrPort) (netip.AddrPort, netip.AddrPort) {
	if source.Port() < target.Port() {
		return source, netip.AddrPortFrom(target.Addr(), 0)
	}
	return netip.AddrPortFrom(source.Addr(), 0), target
}

// quiet matches the lines that fill the log of a test that waits for something.
var quiet = regexp.MustCompile(`operation=(DescribeInstanceInformation|GetCommandInvocation|ListCommands) status=200`)

// Write keeps a line of a log.
func (j *journey) Write(line []byte) (int, error) {
	if quiet.Match(line) {
		return len(line), nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.lines) == maxLines {
		j.lines = slices.Delete(j.lines, 0, maxLines/2)
	}
	j.lines = append(j.lines, strings.TrimSpace(string(line)))
	return len(line), nil
}

// plain leaves out of log lines what only a person who looks for a request's caller needs.
func (j *journey) plain(_ []string, a slog.Attr) slog.Attr {
	switch a.Key {
	case slog.TimeKey:
		a.Value = slog.StringValue(fmt.Sprintf("%.3fs", time.Since(j.began).Seconds()))
	case "request_id", "access_key", "account", "region", "statement", "method", "principal", "interface", "endpoint":
		return slog.Attr{}
	}
	return a
}

// name says what an interface is.
func (j *journey) name(eni, what string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.names[eni] = what
}

// dropped counts the packets of an interface that went no further, by reason.
func (j *journey) dropped(eni string) map[string]int {
	j.mu.Lock()
	defer j.mu.Unlock()
	counts := map[string]int{}
	for _, h := range j.hops {
		if h.drop != fabric.Carried && (h.from == eni || h.from == "") {
			counts[h.drop.String()] += h.count
		}
	}
	return counts
}

// print writes everything to the test's log.
func (j *journey) print(t testing.TB) {
	j.mu.Lock()
	defer j.mu.Unlock()
	var b strings.Builder
	b.WriteString("the packets' journey:\n")
	for _, h := range j.hops {
		fmt.Fprintf(&b, "  %8.3fs – %8.3fs %6d × %s\n", h.first.Seconds(), h.last.Seconds(), h.count,
			j.describeLocked(&h.hop))
	}
	b.WriteString("what was logged:\n")
	for _, line := range j.lines {
		fmt.Fprintf(&b, "  %s\n", line)
	}
	t.Log(b.String())
}

func (j *journey) describeLocked(h *hop) string {
	name := func(eni string) string {
		if what := j.names[eni]; what != "" {
			return what
		}
		return eni
	}
	way := fmt.Sprintf("%s: %s %s → %s", name(h.from), h.protocol, end(h.source), end(h.target))
	if h.drop == fabric.Carried {
		return way + ", carried to " + name(h.to)
	}
	return way + ", DROPPED: " + h.drop.String()
}

func end(a netip.AddrPort) string {
	if a.Port() == 0 {
		return a.Addr().String()
	}
	return a.String()
}
