package flowlog

import (
	"cmp"
	"context"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"postern/network"
	"postern/network/fabric"
)

const (
	// maxLines bounds how many different records an interval of one flow log may have; those beyond it are counted as
	// skipped.
	maxLines = 200_000
	// DefaultMaxBytes says how large all files of one flow log may become.
	DefaultMaxBytes = 256 << 20
)

// Config configures a Writer.
type Config struct {
	// Dir is the folder that stands for the bucket network.FlowLogBucket. Spool has the files that wait for another
	// bucket, which Put puts there.
	Dir, Spool string
	Put        func(context.Context, Object) error
	// State is the network in force. Service reports whether an address is a public service's; it may be nil.
	State   func() *network.State
	Service func(netip.Addr) bool
	// MaxBytes bounds the files of one flow log; 0 means DefaultMaxBytes.
	MaxBytes int64
	// Log is told of files that cannot be written; nil tells nobody.
	Log *slog.Logger
}

// Writer writes the files of all flow logs. Take and End are called by one goroutine.
type Writer struct {
	config Config

	// seen are the interfaces that were seen, those too that are gone since: records come after them.
	seen map[string]*nic
	open map[string]*interval // by flow log

	mu sync.Mutex
	// failed are the errors of the last files, undelivered those of the last deliveries, by flow log.
	failed, undelivered map[string]error
}

// nic is a network interface with how many intervals ago it was there.
type nic struct {
	*network.Interface
	absent int
}

// interval holds what one flow log has gathered since it last wrote.
type interval struct {
	began   time.Time
	lines   map[line]*counts
	skipped bool
}

// line holds what packets of one record have in common; counts are what differs.
type (
	line struct {
		eni                 string
		source, destination netip.AddrPort
		packets             [2]netip.Addr
		protocol            uint8
		accept              bool
	}
	counts struct {
		packets, bytes uint64
		flags          uint8
		start, end     time.Time
	}
)

// New makes a writer.
func New(c Config) *Writer {
	if c.MaxBytes <= 0 {
		c.MaxBytes = DefaultMaxBytes
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Writer{config: c, seen: map[string]*nic{}, open: map[string]*interval{}, failed: map[string]error{}}
}

// Delivered returns why the last file of a flow log could not be written, or put into its bucket, or nil.
func (w *Writer) Delivered(id string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return cmp.Or(w.failed[id], w.undelivered[id])
}

// Take takes records of the fabric.
func (w *Writer) Take(records []fabric.Record) {
	s := w.config.State()
	for i := range records {
		r := &records[i]
		n := w.nic(s, r.Interface)
		if n == nil {
			continue
		}
		for l := range s.AllFlowLogs() {
			if wants(l, r) && l.Covers(n) {
				w.interval(l, r.Start).add(r)
			}
		}
	}
}

// nic finds an interface, also one that has been deleted since.
func (w *Writer) nic(s *network.State, id string) *network.Interface {
	if n, ok := s.AnyInterface(id); ok {
		w.seen[id] = &nic{Interface: n}
		return n
	}
	if c := w.seen[id]; c != nil {
		return c.Interface
	}
	return nil
}

func wants(l *network.FlowLog, r *fabric.Record) bool {
	return l.Traffic == "ALL" || r.Accept == (l.Traffic == "ACCEPT")
}

func (w *Writer) interval(l *network.FlowLog, began time.Time) *interval {
	i := w.open[l.ID]
	if i == nil {
		i = &interval{began: began, lines: map[line]*counts{}}
		w.open[l.ID] = i
	}
	return i
}

func (i *interval) add(r *fabric.Record) {
	k := line{
		r.Interface, r.Source, r.Destination, [2]netip.Addr{r.PacketSource, r.PacketDestination}, uint8(r.Protocol), r.Accept,
	}
	c := i.lines[k]
	if c == nil {
		if len(i.lines) >= maxLines {
			i.skipped = true
			return
		}
		c = &counts{start: r.Start, end: r.End}
		i.lines[k] = c
	}
	c.packets, c.bytes, c.flags = c.packets+r.Packets, c.bytes+r.Bytes, c.flags|r.Flags
	if r.Start.Before(c.start) {
		c.start = r.Start
	}
	if r.End.After(c.end) {
		c.end = r.End
	}
}

// End ends an interval of the fabric: the flow logs whose own interval is over write their files. An interface without
// traffic has a record that says so.
func (w *Writer) End(began, ended time.Time) { w.end(began, ended, false) }

// Close writes what there is.
func (w *Writer) Close(now time.Time) { w.end(now, now, true) }

func (w *Writer) end(began, ended time.Time, last bool) {
	s := w.config.State()
	there := map[string]bool{}
	for l := range s.AllFlowLogs() {
		there[l.ID] = true
		i := w.interval(l, maxTime(began, l.Created))
		// It goes on gathering while the next end is not too late.
		if next := ended.Add(ended.Sub(began)); !last &&
			next.Sub(i.began) <= time.Duration(l.Interval)*time.Second+time.Second {
			continue
		}
		delete(w.open, l.ID)
		if last && len(i.lines) == 0 {
			continue
		}
		err := w.write(s, l, i, ended)
		if err != nil {
			w.config.Log.Error("a flow log's file cannot be written", "flow_log", l.ID, "error", err)
		}
		w.mu.Lock()
		w.failed[l.ID] = err
		w.mu.Unlock()
	}
	for id := range w.open {
		if !there[id] {
			delete(w.open, id)
		}
	}
	w.look(s)
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// look remembers which interfaces there are, and forgets those that have been gone for two intervals.
func (w *Writer) look(s *network.State) {
	for n := range s.AllInterfaces() {
		w.seen[n.ID] = &nic{Interface: n}
	}
	for id, c := range w.seen {
		if _, ok := s.AnyInterface(id); ok {
			continue
		}
		if c.absent++; c.absent > 2 {
			delete(w.seen, id)
		}
	}
}
