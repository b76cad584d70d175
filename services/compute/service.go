package compute

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
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
	"postern/services/compute/guest"
)

// forgetAfter is how long a terminated instance is still shown.
const forgetAfter = time.Hour

// Store keeps the records.
type Store interface {
	// Load returns all records, in any order.
	Load(ctx context.Context) (Records, error)
	// Commit does all of the changes or none; they are durable when it returns nil.
	Commit(ctx context.Context, c Changes) error
}

// Records are all that a Store keeps.
type Records struct {
	Instances []Instance
	Images    []Image
	KeyPairs  []KeyPair
}

// Changes are records to put, each in the place of the one with its id, and ids of records to delete.
type Changes struct {
	Instances []Instance
	Images    []Image
	KeyPairs  []KeyPair
	// Forget, ForgetImages and ForgetKeyPairs name records to delete; one that is not there is no error.
	Forget, ForgetImages, ForgetKeyPairs []string
}

// Network is what an instance needs of the private network.
type Network interface {
	// Attach makes tap carry the packets of a network interface until detach is called. Detach returns when tap is no
	// longer used; the caller closes it.
	Attach(interfaceID string, tap *os.File) (detach func(), err error)
	// Lease is what an instance is told of names, and its network interfaces.
	Lease(i Instance) (Lease, error)
	// Terminated tells that an instance is gone for good, and its interface free. It may be told twice.
	Terminated(ctx context.Context, i Instance) error
}

// Lease is what the network tells an instance when it boots.
type Lease struct {
	// Servers are the DNS servers, in the order in which they are asked.
	Servers []netip.Addr
	// Search is the list of domains in which short names are looked for; the first is the instance's own. It may be empty.
	Search []string
	// Cards are its network interfaces, the primary one among them.
	Cards []Card
}

// primaryMAC is the hardware address of the primary network interface.
func (l *Lease) primaryMAC() string {
	for _, c := range l.Cards {
		if c.Index == 0 {
			return c.MAC
		}
	}
	return ""
}

// Launcher starts guests; *guest.Launcher does.
type Launcher interface {
	Start(ctx context.Context, b guest.Boot) (guest.Machine, error)
}

// Config is what a Service is made of.
type Config struct {
	Store    Store
	Network  Network
	Launcher Launcher
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

	ctx    context.Context // ends when the service closes
	cancel context.CancelFunc
	wg     sync.WaitGroup // every goroutine of the service

	launching sync.Mutex // one Launch at a time; taken before writing
	writing   sync.Mutex // one commit at a time

	// copyEtc makes the /etc of guests of the host's image, at the first boot that needs it: it takes a tenth of a
	// second, which no start of the server should wait for.
	copyEtc func() error

	mu       sync.RWMutex
	machines map[string]*machine
	images   map[string]Image
	keyPairs map[string]KeyPair
}

// InitMain must be the first thing that main calls in a program with a Service: see guest.InitMain.
func InitMain() { guest.InitMain() }

// Open loads the records, removes what a killed server left behind, and boots the instances that are to run.
func Open(ctx context.Context, c Config) (*Service, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	s := &Service{Config: c, machines: map[string]*machine{}, images: map[string]Image{}, keyPairs: map[string]KeyPair{}}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, err
	}
	records, err := c.Store.Load(ctx)
	if err != nil {
		return nil, fmt.Errorf("load instances: %w", err)
	}
	for _, i := range records.Images {
		s.images[i.ID] = i
	}
	for _, k := range records.KeyPairs {
		s.keyPairs[k.ID] = k
	}
	for _, i := range records.Instances {
		s.machines[i.ID] = newMachine(i, s.instanceDir(i.ID))
	}
	if err := s.sweep(); err != nil {
		return nil, err
	}
	s.copyEtc = sync.OnceValue(func() error { return guest.CopyHostEtc(s.hostEtc()) })
	s.ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	s.resume()
	return s, nil
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
	wanted := func(kind, id string) bool {
		if kind == "images" {
			_, ok := s.images[id]
			return ok
		}
		m, ok := s.machines[id]
		return ok && m.record.State != Terminated
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
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.machines {
		switch m.record.State {
		case Pending, Running:
			m.record.State = Pending // until it has booted; the store keeps what it had
			s.goContained(func() { s.boot(m) })
		case Stopping, ShuttingDown:
			s.goContained(func() { s.finish(m) })
		}
	}
}

// Instances returns the instances of a scope by id, terminated ones for an hour.
func (s *Service) Instances(c scope.Scope) []Instance {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var out []Instance
	for _, m := range s.machines {
		if m.record.Scope == c && !s.forgotten(&m.record) {
			out = append(out, m.record)
		}
	}
	slices.SortFunc(out, func(a, b Instance) int { return strings.Compare(a.ID, b.ID) })
	return out
}

func (s *Service) forgotten(i *Instance) bool {
	return i.State == Terminated && s.Now().Sub(i.Ended) > forgetAfter
}

// Instance returns one instance: InvalidInstanceID.NotFound if the scope has none of that id.
func (s *Service) Instance(c scope.Scope, id string) (Instance, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	m, err := s.findLocked(c, id)
	if err != nil {
		return Instance{}, err
	}
	return m.record, nil
}

// ByInterface returns the instance that owns a network interface, in any scope.
func (s *Service) ByInterface(eni string) (Instance, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, m := range s.machines {
		if m.record.Interface == eni && m.record.State != Terminated {
			return m.record, true
		}
	}
	return Instance{}, false
}

// ByID returns an instance of any scope that has not been terminated.
func (s *Service) ByID(id string) (Instance, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if m, ok := s.machines[id]; ok && m.record.State != Terminated {
		return m.record, nil
	}
	return Instance{}, notFound(id)
}

// ByToken returns what a Launch with this client token made in the scope, none for an unknown token.
func (s *Service) ByToken(c scope.Scope, token string) []Instance {
	if token == "" {
		return nil
	}
	return slices.DeleteFunc(s.Instances(c), func(i Instance) bool { return i.Token != token })
}

func (s *Service) findLocked(c scope.Scope, id string) (*machine, error) {
	digits, ok := strings.CutPrefix(id, "i-")
	if !ok || len(digits) != 8 && len(digits) != 17 || strings.Trim(digits, "0123456789abcdef") != "" {
		return nil, fault.New(fault.Invalid, "compute", "Invalid id: \"%s\"", id).WithCode("InvalidInstanceID.Malformed")
	}
	m, ok := s.machines[id]
	if !ok || m.record.Scope != c || s.forgotten(&m.record) {
		return nil, notFound(id)
	}
	return m, nil
}

// change commits edited copies of some instances and then shows them. The edit must not keep the pointer, and may be called
// more than once.
func (s *Service) change(ctx context.Context, machines []*machine, edit func(n int, i *Instance) error) error {
	return consent.Retry(ctx, func() error { return s.tryChange(ctx, machines, edit) })
}

func (s *Service) tryChange(ctx context.Context, machines []*machine, edit func(n int, i *Instance) error) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	changed := make([]Instance, len(machines))
	for n, m := range machines {
		s.mu.RLock()
		changed[n] = m.record
		s.mu.RUnlock()
		if err := edit(n, &changed[n]); err != nil {
			return err
		}
	}
	if err := consent.Check(ctx, func() []consent.Touch { return s.touched(changed) }); err != nil {
		return err
	}
	c := Changes{Instances: changed}
	s.mu.RLock()
	for id, m := range s.machines {
		if s.forgotten(&m.record) {
			c.Forget = append(c.Forget, id)
		}
	}
	s.mu.RUnlock()
	if err := s.Store.Commit(ctx, c); err != nil {
		return fmt.Errorf("keep instances: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for n, m := range machines {
		m.record = changed[n]
		s.machines[m.record.ID] = m
	}
	for _, id := range c.Forget {
		delete(s.machines, id)
	}
	return nil
}

// touched names the instances for policies.
func (s *Service) touched(changed []Instance) []consent.Touch {
	s.mu.RLock()
	defer s.mu.RUnlock()
	out := make([]consent.Touch, len(changed))
	for n, i := range changed {
		_, there := s.machines[i.ID]
		out[n] = consent.Touch{Resource: arn.New("ec2", i.Region, i.Account, "instance/"+i.ID).String(), Made: !there}
	}
	return out
}

// newID makes an id of Amazon's form: the prefix and 17 hexadecimal digits, the first of them 0.
func newID(prefix string) string {
	var b [8]byte
	rand.Read(b[:]) // never fails: it ends the program instead
	return prefix + "-0" + hex.EncodeToString(b[:])
}
