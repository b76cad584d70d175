package command

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"postern/aws/fault"
	"postern/aws/scope"
	"postern/ssm/document/library"
	"postern/ssm/mailbox"
	"postern/ssm/node"
)

// Documents finds documents by name and version; library.Service is one.
type Documents interface {
	Find(ctx context.Context, scope scope.Scope, name, version string) (library.Version, error)
}

// Nodes finds the nodes of a command; node.Service is one.
type Nodes interface {
	Named(ctx context.Context, scope scope.Scope, ids []string) ([]node.Node, error)
	Targets(ctx context.Context, scope scope.Scope, targets []node.Filter, now time.Time) ([]node.Node, error)
	OnGone(f func(ctx context.Context, node string))
}

// Mailbox carries jobs to nodes; mailbox.Mailbox is one.
type Mailbox interface {
	AddSource(s mailbox.Source)
	Reachable(node string) bool
	Nodes() []string
	Post(node string, items ...mailbox.Item)
	Acknowledged(node, id string)
	Done(node, id string)
	Forget(node string)
	Later(node, id string, after time.Duration)
}

// Config configures a Service; fields without a note must be set.
type Config struct {
	Store     Store
	Documents Documents
	Nodes     Nodes
	Mailbox   Mailbox
	// History is the time for which commands are kept: 30 days.
	History time.Duration
	// Tick is the time between two looks for what is due: 1 s.
	Tick time.Duration
	// Resend bounds the time after its first sending in which a job is sent again: 15 minutes. The public agent forgets
	// after half an hour what it ran.
	Resend time.Duration
	// ReturnGrace is the time after a start of the server in which accepted work does not time out: 6 minutes, because
	// agents repeat unacknowledged results every 5 minutes.
	ReturnGrace time.Duration
	Log         *slog.Logger
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Service is Run Command. Run must be running for its methods to get anywhere.
type Service struct {
	config  Config
	started time.Time

	events  chan event
	stopped chan struct{}
	hint    chan struct{} // moved has something

	mu sync.Mutex // guards what follows
	// backlogs has the commands with held invocations, moved those of them of which something has ended since a release.
	backlogs map[string]*backlog
	moved    map[string]bool
	cached   map[string]*cachedCommand
	recent   []string
}

// cachedCommand is a command as it is needed for every one of its nodes.
type cachedCommand struct {
	*Command
	text string
	// steps are the keys under which agents report the document's steps, read when the first reply comes.
	steps func() (map[string]bool, error)
}

// New makes a Service and ties it to mailbox and nodes.
func New(c Config) *Service {
	for _, d := range []struct {
		to    *time.Duration
		value time.Duration
	}{
		{&c.History, 30 * 24 * time.Hour},
		{&c.Tick, time.Second},
		{&c.Resend, 15 * time.Minute},
		{&c.ReturnGrace, 6 * time.Minute},
	} {
		if *d.to == 0 {
			*d.to = d.value
		}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	s := &Service{
		config: c, started: c.Now(),
		events: make(chan event, maxBatch), stopped: make(chan struct{}), hint: make(chan struct{}, 1),
		backlogs: map[string]*backlog{}, moved: map[string]bool{}, cached: map[string]*cachedCommand{},
	}
	c.Mailbox.AddSource(s)
	c.Nodes.OnGone(s.nodeGone)
	return s
}

// Run does the service's work until ctx ends: it writes what is reported, releases held invocations, and applies
// time-outs. What was accepted for writing by then is written. It is called once. Its error is the store's, at the
// start.
func (s *Service) Run(ctx context.Context) error {
	if err := s.loadBacklogs(ctx); err != nil {
		close(s.stopped)
		return err
	}
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	var writer sync.WaitGroup
	writer.Go(func() { s.writeAll(work) })
	var g errgroup.Group
	g.Go(func() error { return s.releaseAll(ctx) })
	g.Go(func() error { return s.watchClock(ctx) })
	err := g.Wait()
	close(s.stopped)
	writer.Wait()
	return err
}

// get finds a command, from memory if it was needed lately.
func (s *Service) get(ctx context.Context, id string) (*cachedCommand, error) {
	s.mu.Lock()
	c := s.cached[id]
	s.mu.Unlock()
	if c != nil {
		return c, nil
	}
	rows, err := s.config.Store.Commands(ctx, id)
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, noCommand(id)
	}
	read, err := readCommand(rows[0])
	if err != nil {
		return nil, err
	}
	return s.remember(read)
}

// getAll finds several commands at once, by their ids. One that is not there is the fault that get returns.
func (s *Service) getAll(ctx context.Context, ids []string) (map[string]*cachedCommand, error) {
	found := make(map[string]*cachedCommand, len(ids))
	var missing []string
	s.mu.Lock()
	for _, id := range ids {
		c := s.cached[id]
		if _, seen := found[id]; c == nil && !seen {
			missing = append(missing, id)
		}
		found[id] = c
	}
	s.mu.Unlock()
	if len(missing) == 0 {
		return found, nil
	}
	rows, err := s.config.Store.Commands(ctx, missing...)
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		c, err := readCommand(r)
		if err != nil {
			return nil, err
		}
		if found[c.ID], err = s.remember(c); err != nil {
			return nil, err
		}
	}
	for _, id := range missing {
		if found[id] == nil {
			return nil, noCommand(id)
		}
	}
	return found, nil
}

func noCommand(id string) error {
	return fault.New(fault.NotFound, "command.Find", "no command %s", id).WithCode("InvalidCommandId")
}

// maxCached bounds the commands that are kept in memory.
const maxCached = 64

func (s *Service) remember(c *Command) (*cachedCommand, error) {
	text, err := c.content()
	if err != nil {
		return nil, err
	}
	entry := &cachedCommand{Command: c, text: text, steps: sync.OnceValues(c.steps)}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cached[c.ID] == nil {
		s.recent = append(s.recent, c.ID)
	}
	s.cached[c.ID] = entry
	if len(s.recent) > maxCached {
		delete(s.cached, s.recent[0])
		s.recent = s.recent[1:]
	}
	return entry, nil
}

// forget drops what is remembered of a command, because it changed.
func (s *Service) forget(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.cached, id)
	s.recent = slices.DeleteFunc(s.recent, func(each string) bool { return each == id })
}
