package compute

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"postern/aws/arn"
	"postern/aws/consent"
	"postern/aws/fault"
	"postern/aws/scope"
	"postern/record"
	"postern/services/compute/guest"
)

// forgetAfter is how long a terminated instance is still shown.
const forgetAfter = time.Hour

// kinds are the records that this package keeps.
var kinds = record.NewSet(instances, images, keyPairs)

// Network connects instances with the private network.
type Network interface {
	// Attach makes tap carry the packets of a network interface until detach is called. Detach returns when tap is no
	// longer used; the caller closes it.
	Attach(interfaceID string, tap *os.File) (detach func(), err error)
	// Lease returns what an instance is told of names, and its network interfaces.
	Lease(i Instance) (Lease, error)
	// Terminated tells that an instance is gone for good, and its interface free. It may be told twice.
	Terminated(ctx context.Context, i Instance) error
}

// Lease holds what the network tells an instance when it boots.
type Lease struct {
	// Servers are the DNS servers, in the order in which they are asked.
	Servers []netip.Addr
	// Search is the list of domains in which short names are looked for; the first is the instance's own. It may be empty.
	Search []string
	// NICs are its network interfaces, the primary one among them.
	NICs []NIC
}

// primaryMAC is the hardware address of the primary network interface.
func (l *Lease) primaryMAC() string {
	for _, n := range l.NICs {
		if n.Index == 0 {
			return n.MAC
		}
	}
	return ""
}

// Launcher starts guests; *guest.Launcher does.
type Launcher interface {
	Start(ctx context.Context, b guest.Boot) (guest.Machine, error)
}

// Config says what a Service is made of.
type Config struct {
	Store    record.Store
	Network  Network
	Launcher Launcher
	// Host tells this host from others whose services have the same Store: each runs the instances that it launched. It
	// is empty where there is one host, which runs all.
	Host string
	// Dir is where images and instances' layers are kept. The Service alone uses it.
	Dir string
	// Agent is the path of the postern-agent program.
	Agent string
	// CA is the PEM of the authority that instances trust.
	CA string
	// MTU of instances' interfaces in bytes; 0 means 9001.
	MTU int
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Log is for what happens outside a request; nil discards it.
	Log *slog.Logger
}

// Service runs the instances. Its methods may be called at once from any number of goroutines.
type Service struct {
	Config

	// opened is the creation date of the host's image, which every run of the server makes anew.
	opened time.Time

	replica *record.Replica
	ctx     context.Context // ends when the service closes
	cancel  context.CancelFunc
	wg      sync.WaitGroup // every goroutine of the service

	// copyEtc makes the /etc of guests of the host's image, at the first boot that needs it: it takes a tenth of a
	// second, which no start of the server should wait for.
	copyEtc func() error

	mu       sync.Mutex // guards what follows; nothing is read from the store or committed meanwhile
	machines map[string]*machine
	// resuming are instances that ran when the server ended, until they have booted again.
	resuming map[string]bool
	// foreign are instances of this host that somebody else wants another state of.
	foreign []string
}

// InitMain must be the first thing that main calls in a program with a Service: see guest.InitMain.
func InitMain() { guest.InitMain() }

// Open reads the records, removes what a killed server left behind, and boots the instances that are to run.
func Open(ctx context.Context, c Config) (*Service, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	s := &Service{Config: c, opened: c.Now(), machines: map[string]*machine{}, resuming: map[string]bool{}}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, err
	}
	var err error
	s.replica, err = record.Open(ctx, c.Store, kinds, record.Hooks{Loaded: s.loaded, Applied: s.applied})
	if err != nil {
		return nil, fmt.Errorf("load instances: %w", err)
	}
	if err := s.sweep(); err != nil {
		return nil, err
	}
	s.copyEtc = sync.OnceValue(func() error { return guest.CopyHostEtc(s.hostEtc()) })
	s.ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	s.resume()
	return s, nil
}

// Refresh reads what other hosts' services have changed in the store, and does to the instances of this host what they
// want of them.
func (s *Service) Refresh(ctx context.Context) error {
	if err := s.replica.Refresh(ctx); err != nil {
		return fmt.Errorf("instances: %w", err)
	}
	s.follow()
	return nil
}

// loaded shows what was running as pending until it has booted again; the store keeps what it had.
func (s *Service) loaded(p *record.Plan) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range instances.All(p.Before()) {
		if !s.runs(i) || i.State != Running {
			continue
		}
		if s.replica == nil {
			s.resuming[i.ID] = true
		}
		if s.resuming[i.ID] {
			next := *i
			next.State = Pending
			instances.Put(p, &next, false)
		}
	}
}

// applied notes what others want of the instances of this host, and forgets what is gone.
func (s *Service) applied(_, _ *record.Tables, edits []record.Edit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range edits {
		switch i, ok := e.New().(*Instance); {
		case e.Record().Kind != instances.Name:
		case !ok:
			delete(s.machines, e.Record().ID)
		case !i.own && s.runs(i):
			s.foreign = append(s.foreign, i.ID)
		}
	}
}

// runs reports whether the instance is one of this host's.
func (s *Service) runs(i *Instance) bool { return i.Host == s.Host || i.Host == "" }

// follow brings instances of this host to where somebody else wants them.
func (s *Service) follow() {
	s.mu.Lock()
	ids := s.foreign
	s.foreign = nil
	s.mu.Unlock()
	for _, id := range ids {
		i, ok := instances.Get(s.replica.Tables(), id)
		if !ok {
			continue
		}
		m := s.machine(id)
		switch i.State {
		case Pending:
			s.background(func() { s.boot(m) })
		case Stopping, ShuttingDown:
			s.background(func() { s.finish(m) })
		}
	}
}

// machine returns what runs an instance of this host.
func (s *Service) machine(id string) *machine {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.machines[id]
	if m == nil {
		m = newMachine(id, s.instanceDir(id), s.Now)
		s.machines[id] = m
	}
	return m
}

// Close stops every instance without changing what is wanted of it, and returns when nothing of the service runs.
func (s *Service) Close() error { return s.close(false) }

// Halt is Close for instances that need not end well: they are killed.
func (s *Service) Halt() error { return s.close(true) }

func (s *Service) close(force bool) error {
	s.mu.Lock()
	s.cancel() // from here on background runs nothing new
	machines := slices.Collect(maps.Values(s.machines))
	s.mu.Unlock()
	var stopping sync.WaitGroup
	for _, m := range machines {
		stopping.Go(func() { m.shutDown(force) })
	}
	stopping.Wait()
	s.wg.Wait()
	return nil
}

func (s *Service) instanceDir(id string) string { return filepath.Join(s.Dir, "instances", id) }
func (s *Service) imageDir(id string) string    { return filepath.Join(s.Dir, "images", id) }
func (s *Service) hostEtc() string              { return filepath.Join(s.Dir, "host-etc") }

// sweep removes directories that no record speaks of: an import or a termination that was cut short.
func (s *Service) sweep() error {
	tables := s.replica.Tables()
	wanted := func(kind, id string) bool {
		if kind == "images" {
			_, ok := images.Get(tables, id)
			return ok
		}
		i, ok := instances.Get(tables, id)
		return ok && i.State != Terminated
	}
	for _, kind := range []string{"instances", "images"} {
		entries, err := os.ReadDir(filepath.Join(s.Dir, kind))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		for _, e := range entries {
			if wanted(kind, e.Name()) {
				continue
			}
			if err := guest.Remove(filepath.Join(s.Dir, kind, e.Name())); err != nil {
				return fmt.Errorf("remove what was left of %s: %w", e.Name(), err)
			}
		}
	}
	return nil
}

// resume goes on where the last server was.
func (s *Service) resume() {
	for i := range instances.All(s.replica.Tables()) {
		if !s.runs(i) {
			continue
		}
		m := s.machine(i.ID)
		switch i.State {
		case Pending:
			s.background(func() { s.boot(m) })
		case Stopping, ShuttingDown:
			s.background(func() { s.finish(m) })
		}
	}
}

// Instances returns the instances of a scope by id, terminated ones for an hour.
func (s *Service) Instances(c scope.Scope) []Instance {
	return s.shown(instances.In(s.replica.Tables(), c.String()))
}

// shown returns copies of those that are not forgotten.
func (s *Service) shown(all iter.Seq[*Instance]) []Instance {
	var out []Instance
	for i := range all {
		if !s.forgotten(i) {
			out = append(out, *i)
		}
	}
	return out
}

func (s *Service) forgotten(i *Instance) bool {
	return i.State == Terminated && s.Now().Sub(i.Ended) > forgetAfter
}

// Instance returns one instance: InvalidInstanceID.NotFound if the scope has none of that id.
func (s *Service) Instance(c scope.Scope, id string) (Instance, error) {
	i, err := s.find(s.replica.Tables(), c, id)
	if err != nil {
		return Instance{}, err
	}
	return *i, nil
}

// ByInterface returns the instance that owns a network interface, in any scope.
func (s *Service) ByInterface(eni string) (Instance, bool) {
	for i := range byInterface.Find(s.replica.Tables(), eni) {
		return *i, true
	}
	return Instance{}, false
}

// ByID returns an instance of any scope that has not been terminated.
func (s *Service) ByID(id string) (Instance, error) {
	if i, ok := instances.Get(s.replica.Tables(), id); ok && i.State != Terminated {
		return *i, nil
	}
	return Instance{}, notFound(id)
}

func (s *Service) find(t *record.Tables, c scope.Scope, id string) (*Instance, error) {
	digits, ok := strings.CutPrefix(id, "i-")
	if !ok || len(digits) != 8 && len(digits) != 17 || strings.Trim(digits, "0123456789abcdef") != "" {
		return nil, fault.New(fault.Invalid, "compute", "Invalid id: \"%s\"", id).WithCode("InvalidInstanceID.Malformed")
	}
	i, ok := instances.Get(t, id)
	if !ok || i.Scope != c || s.forgotten(i) {
		return nil, notFound(id)
	}
	return i, nil
}

// change plans a change of a scope's records and commits it: anew where others have changed meanwhile what it has read.
func (s *Service) change(ctx context.Context, c scope.Scope, plan func(p *record.Plan) error) error {
	err := consent.Retry(ctx, func() error {
		_, err := s.replica.Change(ctx, c.String(), func(p *record.Plan) error {
			if err := plan(p); err != nil {
				return err
			}
			if err := consent.Check(ctx, func() []consent.Touch { return touched(p.Edits()) }); err != nil {
				return err
			}
			for i := range byEnd.Until(p.Before(), "", record.Instant(s.Now().Add(-forgetAfter))) {
				instances.Delete(p, i.ID, false)
			}
			return nil
		})
		return err
	})
	s.follow() // a commit may have brought others' changes along
	return err
}

// changeInstances commits edited copies of some instances. The edit must not keep the pointer, and may be called more
// than once.
func (s *Service) changeInstances(
	ctx context.Context, c scope.Scope, ids []string, edit func(n int, i *Instance) error,
) error {
	return s.change(ctx, c, func(p *record.Plan) error {
		for n, id := range ids {
			i, err := s.find(p.Tables, c, id)
			if err != nil {
				return err
			}
			next := *i
			next.own = true
			if err := edit(n, &next); err != nil {
				return err
			}
			instances.Put(p, &next, false)
		}
		return nil
	})
}

// touched names what is changed as policies do. Images are theirs who import them on this host.
func touched(edits []record.Edit) []consent.Touch {
	var out []consent.Touch
	for _, e := range edits {
		touch := consent.Touch{Made: e.Old() == nil}
		for _, r := range []any{e.Old(), e.New()} {
			switch r := r.(type) {
			case *Instance:
				touch.Resource = arn.New("ec2", r.Region, r.Account, "instance/"+r.ID).String()
			case *KeyPair:
				touch.Resource = arn.New("ec2", r.Region, r.Account, "key-pair/"+r.Name).String()
			}
		}
		if touch.Resource != "" {
			out = append(out, touch)
		}
	}
	return out
}

// newID makes an id of Amazon's form: the prefix and 17 hexadecimal digits, the first of them 0.
func newID(prefix string) string {
	var b [8]byte
	rand.Read(b[:]) // never fails: it ends the program instead
	return prefix + "-0" + hex.EncodeToString(b[:])
}
