package compute

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"postern/aws/fault"
	"postern/aws/scope"
	"postern/services/compute/guest"
	"postern/services/compute/userdata"
)

// bootTime is the longest that a boot may take.
const bootTime = 30 * time.Second

// machine runs one instance on this host.
type machine struct {
	id      string
	dir     string
	console *console

	op      sync.Mutex // one boot, stop or reboot at a time
	running *running   // nil while it does not run
}

// running is one boot of a machine.
type running struct {
	guest guest.Machine
	// gone is closed when the guest has ended and its interface is detached.
	gone  chan struct{}
	slots slots
}

func newMachine(id, dir string, now func() time.Time) *machine {
	return &machine{id: id, dir: dir, console: openConsole(dir, now)}
}

// shutDown ends the guest if there is one, and returns when it is gone.
func (m *machine) shutDown(force bool) {
	m.op.Lock()
	defer m.op.Unlock()
	m.shutDownLocked(force)
}

func (m *machine) shutDownLocked(force bool) {
	r := m.running
	if r == nil {
		return
	}
	m.running = nil
	if force {
		r.guest.Kill()
	} else {
		r.guest.Stop()
	}
	<-r.gone
}

// background runs f in a goroutine that Close waits for; once the service closes it runs nothing.
func (s *Service) background(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() == nil {
		s.goContained(f)
	}
}

// goContained runs f in a goroutine that Close waits for.
func (s *Service) goContained(f func()) {
	s.wg.Go(func() { fault.ContainTo(s.Log, "compute", f) })
}

// persist changes a record until the store takes it: what happened to a guest has happened.
func (s *Service) persist(m *machine, edit func(i *Instance)) {
	for {
		err := s.changeInstances(s.ctx, s.state(m).Scope, []string{m.id}, func(_ int, i *Instance) error {
			edit(i)
			return nil
		})
		if err == nil || fault.Is(err, fault.NotFound) || s.ctx.Err() != nil {
			return
		}
		s.Log.Error("an instance's state is not kept", "instance", m.id, "error", err)
		s.pause(time.Second)
	}
}

func (s *Service) pause(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.ctx.Done():
	}
}

// state returns the instance as it is now; one that is forgotten has been terminated.
func (s *Service) state(m *machine) Instance {
	if i, ok := instances.Get(s.replica.Tables(), m.id); ok {
		return *i
	}
	return Instance{ID: m.id, State: Terminated}
}

// boot brings a pending instance up.
func (s *Service) boot(m *machine) {
	m.op.Lock()
	defer m.op.Unlock()
	if s.state(m).State == Pending || s.isResuming(m) {
		s.bootLocked(m)
	}
}

func (s *Service) isResuming(m *machine) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.resuming[m.id]
}

// resumed says that the attempt to boot an instance again is over.
func (s *Service) resumed(m *machine) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.resuming, m.id)
}

func (s *Service) bootLocked(m *machine) {
	if s.ctx.Err() != nil {
		return
	}
	defer s.resumed(m)
	err := s.startLocked(m)
	switch {
	case s.ctx.Err() != nil: // the record stays as it is, for the next server
		m.shutDownLocked(true)
	case err != nil:
		s.Log.Error("an instance does not boot", "instance", m.id, "error", err)
		s.persist(m, func(i *Instance) { s.notBooted(i, err) })
		s.background(func() { s.finish(m) })
	default:
		s.persist(m, func(i *Instance) {
			if i.State == Pending {
				i.State, i.Reason, i.Transition, i.Booted = Running, Reason{}, "", true
			}
		})
	}
}

// notBooted ends an instance that never ran, as Amazon does; one that has data waits to be started again.
func (s *Service) notBooted(i *Instance, err error) {
	if i.State != Pending && i.State != Running {
		return // somebody has asked for its end meanwhile
	}
	i.Reason = reasonNotStarted(err)
	i.Transition = "Server.InternalError"
	if i.Booted {
		i.State = Stopping
		return
	}
	i.State = ShuttingDown
}

func (s *Service) startLocked(m *machine) error {
	ctx, cancel := context.WithTimeout(s.ctx, bootTime)
	defer cancel()
	i := s.state(m)
	lease, err := s.Network.Lease(i)
	if err != nil {
		return err
	}
	b, err := s.bootOf(&i, m, lease)
	if err != nil {
		return err
	}
	g, err := s.Launcher.Start(ctx, b)
	if err != nil {
		return err
	}
	detach, err := s.Network.Attach(i.Interface, g.TAP())
	if err != nil {
		g.Kill()
		g.TAP().Close()
		return err
	}
	r := &running{guest: g, gone: make(chan struct{})}
	m.running = r
	s.goContained(func() { s.watch(m, r, detach) })
	if err := s.plugLocked(r, lease.NICs); err != nil {
		s.Log.Error("an instance is without some of its network interfaces", "instance", i.ID, "error", err)
	}
	return nil
}

func (s *Service) bootOf(i *Instance, m *machine, lease Lease) (guest.Boot, error) {
	image, err := s.Image(i.Scope, i.Image)
	if err != nil {
		return guest.Boot{}, err
	}
	b := guest.Boot{
		ID: i.ID, Dir: m.dir, HostEtc: s.hostEtc(), Agent: s.Agent, Hostname: i.Hostname, Search: lease.Search,
		MAC: lease.primaryMAC(), Address: i.Address, Gateway: i.Gateway, Servers: lease.Servers, MTU: s.MTU, CA: s.CA,
		UserData: i.UserData, Console: m.console,
	}
	if plan, err := userdata.Parse(i.UserData); err != nil {
		s.Log.Warn("an instance's user data is not understood", "instance", i.ID, "error", err)
	} else if len(plan.Script)+len(plan.Files) > 0 {
		b.UserData, b.Files = plan.Script, plan.Files
	}
	if image.Host {
		b.Files = append(b.Files, authorizedKeys(i.PublicKey, "/", hostLogins)...)
		return b, s.copyEtc()
	}
	b.Image = s.imageRoot(image.ID)
	b.Files = append(b.Files, authorizedKeys(i.PublicKey, b.Image, imageLogins)...)
	return b, nil
}

// watch owns one boot from the moment it runs.
func (s *Service) watch(m *machine, r *running, detach func()) {
	<-r.guest.Done()
	detach()
	r.slots.end()
	r.guest.TAP().Close()
	if err := m.console.save(); err != nil {
		s.Log.Warn("a console is not kept", "instance", m.id, "error", err)
	}
	close(r.gone)
	if end := r.guest.End(); end.Kind != guest.Stopped {
		s.endedByItself(m, r, end)
	}
}

func (s *Service) endedByItself(m *machine, r *running, end guest.End) {
	m.op.Lock()
	if m.running != r || s.ctx.Err() != nil {
		m.op.Unlock()
		return
	}
	m.running = nil
	s.Log.Info("an instance ended by itself", "instance", m.id, "kind", end.Kind, "error", end.Err)
	if end.Kind == guest.Restarted {
		s.bootLocked(m)
		m.op.Unlock()
		return
	}
	s.persist(m, func(i *Instance) {
		if i.State != Running && i.State != Pending {
			return
		}
		i.State, i.Reason, i.Transition = Stopping, reasonInstance, ""
		if end.Kind == guest.Died {
			i.Reason = reasonNotStarted(errors.New("the instance's first process ended"))
		} else if i.TerminateOnShutdown {
			i.State = ShuttingDown
		}
	})
	m.op.Unlock()
	s.finish(m)
}

// finish brings a stopping instance to its end.
func (s *Service) finish(m *machine) { s.finishBy(m, false) }

func (s *Service) finishBy(m *machine, force bool) {
	m.shutDown(force)
	i := s.state(m)
	switch i.State {
	case Stopping:
		s.persist(m, func(i *Instance) {
			if i.State == Stopping { // not terminated meanwhile
				i.State = Stopped
			}
		})
	case ShuttingDown:
		s.clear(m, i)
		s.persist(m, func(i *Instance) { i.State, i.Ended = Terminated, s.Now() })
	}
}

// clear removes everything that a terminated instance had on this host and in the network.
func (s *Service) clear(m *machine, i Instance) {
	const tries = 5
	for n := range tries {
		err := errors.Join(guest.Remove(m.dir), s.Network.Terminated(s.ctx, i))
		if err == nil || s.ctx.Err() != nil {
			return
		}
		s.Log.Error("a terminated instance leaves something behind", "instance", i.ID, "count", n+1, "error", err)
		s.pause(time.Second)
	}
}

// act takes instances through a verb: all of them, or none when one of them refuses. It returns those of this host that
// something is to be done to.
func (s *Service) act(
	ctx context.Context, c scope.Scope, ids []string, v verb, edit func(i *Instance) error,
) ([]Change, []*machine, error) {
	if len(ids) == 0 {
		return nil, nil, fault.New(fault.Missing, "compute", "The request must contain the parameter InstanceId").
			WithCode("MissingParameter")
	}
	ids, err := s.distinct(c, ids)
	if err != nil {
		return nil, nil, err
	}
	changes := make([]Change, len(ids))
	var todo []string
	err = s.changeInstances(ctx, c, ids, func(n int, i *Instance) error {
		if n == 0 {
			todo = nil
		}
		to, any, err := v.next(i)
		if err != nil {
			return err
		}
		changes[n] = Change{ID: i.ID, Was: i.State, Is: to}
		if !any {
			return nil
		}
		if s.runs(i) {
			todo = append(todo, i.ID)
		}
		i.State = to
		return edit(i)
	})
	machines := make([]*machine, len(todo))
	for n, id := range todo {
		machines[n] = s.machine(id)
	}
	return changes, machines, err
}

// distinct returns each id once. It refuses those that are of no instance.
func (s *Service) distinct(c scope.Scope, ids []string) ([]string, error) {
	tables := s.replica.Tables()
	all, err := fault.All(ids, func(id string) (string, error) {
		_, err := s.find(tables, c, id)
		return id, err
	})
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	return slices.DeleteFunc(all, func(id string) bool {
		again := seen[id]
		seen[id] = true
		return again
	}), nil
}

// Start boots stopped instances in the background.
func (s *Service) Start(ctx context.Context, c scope.Scope, ids []string) ([]Change, error) {
	changes, todo, err := s.act(ctx, c, ids, verbStart, func(i *Instance) error {
		i.Launched, i.Reason, i.Transition = s.Now(), reasonPending, ""
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, m := range todo {
		s.background(func() { s.boot(m) })
	}
	return changes, nil
}

// Stop shuts instances down in the background; force does not wait for their processes. Interface, address and layer
// stay.
func (s *Service) Stop(ctx context.Context, c scope.Scope, ids []string, force bool) ([]Change, error) {
	changes, todo, err := s.act(ctx, c, ids, verbStop, func(i *Instance) error {
		if i.ProtectStop {
			return protected(i, "stopped", "disableApiStop")
		}
		i.Reason, i.Transition = reasonUser, userInitiated(s.Now())
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, m := range todo {
		s.background(func() { s.finishBy(m, force) })
	}
	return changes, nil
}

// Terminate ends instances for good in the background; everything that they had is removed.
func (s *Service) Terminate(ctx context.Context, c scope.Scope, ids []string) ([]Change, error) {
	changes, todo, err := s.act(ctx, c, ids, verbTerminate, func(i *Instance) error {
		if i.ProtectTermination {
			return protected(i, "terminated", "disableApiTermination")
		}
		i.Reason, i.Transition = reasonUser, userInitiated(s.Now())
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, m := range todo {
		s.background(func() { s.finish(m) })
	}
	return changes, nil
}

// Reboot shuts running instances down and boots them again in the background. Their state does not change.
func (s *Service) Reboot(ctx context.Context, c scope.Scope, ids []string) error {
	_, todo, err := s.act(ctx, c, ids, verbReboot, func(i *Instance) error {
		if !s.runs(i) {
			return elsewhere(i)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, m := range todo {
		s.background(func() {
			m.op.Lock()
			defer m.op.Unlock()
			m.shutDownLocked(false)
			if s.state(m).State == Running {
				s.bootLocked(m)
			}
		})
	}
	return nil
}

func protected(i *Instance, done, attribute string) error {
	return fault.New(fault.Denied, "compute",
		"The instance '%s' may not be %s. Modify its '%s' instance attribute and try again.", i.ID, done, attribute).
		WithCode("OperationNotPermitted")
}

// elsewhere refuses what only the instance's own host can do.
func elsewhere(i *Instance) error {
	return fault.New(fault.Unavailable, "compute", "The instance '%s' runs on another host: ask the server there", i.ID)
}
