package guest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// arg0 is how this program knows that it is to become a guest.
const arg0 = "postern-instance"

// stopGrace is how long a guest's processes have to end by themselves. The first process in the guest gives its
// children less (agent/pid1), so that this is the time for a guest that does not answer.
const stopGrace = 8 * time.Second

// ready is set by InitMain: without it a guest's first process would be this whole program.
var ready bool

// A Launcher starts guests. All its processes are children of one thread: the kernel ends them when that thread ends,
// however this program dies.
type Launcher struct {
	forks chan *fork
	quit  chan struct{} // closed by Close
	done  chan struct{} // closed when the thread has ended
	once  sync.Once
}

var errClosed = errors.New("the launcher of guests is closed")

type fork struct {
	cmd *exec.Cmd
	err chan error
}

// NewLauncher starts the thread. Close ends it; guests that still run then are killed.
func NewLauncher() *Launcher {
	l := &Launcher{forks: make(chan *fork), quit: make(chan struct{}), done: make(chan struct{})}
	go l.run()
	return l
}

func (l *Launcher) run() {
	// Without UnlockOSThread the thread ends with this goroutine, and its children get their death signal.
	runtime.LockOSThread()
	if unix.Gettid() == os.Getpid() {
		// The runtime parks the program's first thread instead of ending it. While it is held here, another is found.
		go l.run()
		<-l.done
		runtime.UnlockOSThread()
		return
	}
	defer close(l.done)
	for {
		select {
		case f := <-l.forks:
			f.err <- f.cmd.Start()
		case <-l.quit:
			return
		}
	}
}

// Close ends every guest that still runs. A Start that comes later, or that has not got so far, is refused: boots go on
// beside a server that is reset.
func (l *Launcher) Close() {
	l.once.Do(func() { close(l.quit) })
	<-l.done
}

// Start boots a guest and returns when its first process runs. Where ctx ends earlier, the guest is killed.
func (l *Launcher) Start(ctx context.Context, b Boot) (Machine, error) {
	if err := b.check(); err != nil {
		return nil, err
	}
	if !ready {
		return nil, errors.New("guest.InitMain was not called at the start of the program")
	}
	if err := absolute(&b.Dir, &b.Image, &b.HostEtc, &b.Agent); err != nil {
		return nil, err
	}
	if err := prepare(&b); err != nil {
		return nil, fmt.Errorf("prepare %s: %w", b.ID, err)
	}
	lock, err := lockDir(ctx, b.Dir)
	if err != nil {
		return nil, fmt.Errorf("boot %s: %w", b.ID, err)
	}
	defer lock.Close() // the keeper has its own
	p, err := l.spawn(b, lock)
	if err != nil {
		return nil, err
	}
	if err := p.setUp(ctx, order{Boot: b, AllIDs: os.Geteuid() == 0}); err != nil {
		p.Kill()
		if p.tap != nil {
			p.tap.Close()
		}
		return nil, fmt.Errorf("boot %s: %w", b.ID, err)
	}
	return p, nil
}

// absolute makes paths that are not empty independent of the working directory: the guest is put together from
// another one.
func absolute(paths ...*string) error {
	for _, p := range paths {
		if *p == "" {
			continue
		}
		path, err := filepath.Abs(*p)
		if err != nil {
			return err
		}
		*p = path
	}
	return nil
}

// lockDir takes the lock that a guest's keeper holds until it is gone, and waits for one that is still dying: two
// guests over one layer would spoil it.
func lockDir(ctx context.Context, dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK})
		if err == nil {
			return f, nil
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			f.Close()
			return nil, fmt.Errorf("its last boot has not ended: %w", errors.Join(context.Cause(ctx), err))
		}
	}
}

// spawn starts a guest's keeper.
func (l *Launcher) spawn(b Boot, lock *os.File) (*process, error) {
	control, theirs, err := channelPair()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	p := &process{control: control, begun: make(chan error, 1), answers: make(chan message, 1), done: make(chan struct{})}
	p.cmd = &exec.Cmd{
		Path: "/proc/self/exe", Args: []string{keeperName}, Env: []string{"PATH=" + guestPath}, Dir: "/",
		ExtraFiles: []*os.File{theirs, lock}, SysProcAttr: keeperAttributes(),
	}
	f := &fork{p.cmd, make(chan error, 1)}
	select {
	case l.forks <- f:
	case <-l.done:
		control.close()
		return nil, errClosed
	}
	if err := <-f.err; err != nil {
		control.close()
		return nil, &Missing{"namespaces", "new namespaces are refused: " + err.Error(), namespaceRemedy()}
	}
	if b.Console == nil {
		b.Console = io.Discard
	}
	go p.follow(b.Console)
	return p, nil
}

// keeperAttributes asks for a keeper's namespaces: those of its own processes and, above the guest's, of its ids.
func keeperAttributes() *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWPID,
		Pdeathsig:  unix.SIGKILL,
		Setsid:     true,
	}
	mapIDs(a, os.Geteuid() == 0, os.Geteuid(), os.Getegid())
	return a
}

// guestAttributes asks for a guest's namespaces. They are its own user namespace's, and so is what its root may do
// there.
func guestAttributes(allIDs bool) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET |
			unix.CLONE_NEWUTS | unix.CLONE_NEWIPC,
		Setsid: true,
	}
	if _, err := os.Stat("/proc/self/ns/cgroup"); err == nil {
		a.Cloneflags |= unix.CLONE_NEWCGROUP // or its /proc/self/cgroup names the host's services
	}
	mapIDs(a, allIDs, 0, 0)
	return a
}

// mapIDs maps all ids as they are for root, and one for anybody else, who may map no more.
func mapIDs(a *syscall.SysProcAttr, all bool, uid, gid int) {
	if !all {
		a.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: uid, Size: 1}}
		a.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: gid, Size: 1}}
		return
	}
	ids := []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: maxID + 1}}
	a.UidMappings, a.GidMappings, a.GidMappingsEnableSetgroups = ids, ids, true
	a.Credential = &syscall.Credential{Groups: []uint32{}}
}

// maxID is the largest user or group id inside a guest.
const maxID = 65535

// process is a guest as this program sees it: its keeper.
type process struct {
	cmd     *exec.Cmd
	control *channel
	tap     *os.File
	begun   chan error    // how the boot went; has one value
	answers chan message  // to questions
	done    chan struct{} // closed when the guest is gone
	end     End

	mu    sync.Mutex
	asked bool // to end, by us

	talk sync.Mutex // one question at a time
}

// setUp hands the keeper what to boot and waits until the guest runs.
func (p *process) setUp(ctx context.Context, o order) error {
	text, err := json.Marshal(o)
	if err != nil {
		return err
	}
	if err := p.control.send("boot", text); err != nil {
		return fmt.Errorf("hand over configuration: %w", err)
	}
	select {
	case err := <-p.begun:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// follow owns the guest: it hears the keeper to its end, collects it and tells everybody.
func (p *process) follow(console io.Writer) {
	buf := make([]byte, maxMessage)
	end := End{Kind: Died, Err: errors.New("the process that held it ended")}
	for {
		m, err := p.control.receive(buf)
		if err != nil {
			break
		}
		switch m.verb {
		case "console":
			_, _ = console.Write(m.body) // a console takes everything
		case "ended":
			var r endReport
			if json.Unmarshal(m.body, &r) == nil {
				end = r.end()
			}
		default:
			p.hear(&m)
		}
		m.close()
	}
	_ = p.cmd.Wait() // every process of the guest is gone with it; how the guest ended was told
	p.control.close()
	p.mu.Lock()
	if p.asked {
		end = End{Kind: Stopped}
	}
	p.end = end
	p.mu.Unlock()
	select {
	case p.begun <- fmt.Errorf("the guest ended before it ran: %w", io.ErrUnexpectedEOF):
	default:
	}
	close(p.answers)
	close(p.done)
}

// hear takes a word about the boot, and then the answers to questions.
func (p *process) hear(m *message) {
	if p.tap == nil {
		err := p.booted(m)
		select {
		case p.begun <- err:
		default: // it has failed already
		}
		return
	}
	select {
	case p.answers <- *m:
		m.files = nil
	default: // nobody asked
	}
}

func (p *process) booted(m *message) (err error) {
	switch m.verb {
	case "ready":
		p.tap, err = m.take()
		return err
	case "missing":
		var missing Missing
		if err := json.Unmarshal(m.body, &missing); err != nil {
			return err
		}
		return &missing
	}
	return errors.New(string(m.body))
}

// answerTime is how long a guest's first process may take to set an interface up.
const answerTime = 10 * time.Second

// Plug implements Machine.
func (p *process) Plug(n NIC) (*os.File, error) {
	m, err := p.say("plug", n)
	if err != nil {
		return nil, err
	}
	return m.take()
}

// Assign implements Machine.
func (p *process) Assign(n NIC) error {
	m, err := p.say("assign", n)
	m.close()
	return err
}

// say asks the guest's first process for something and waits for its answer.
func (p *process) say(verb string, n NIC) (message, error) {
	body, err := json.Marshal(n)
	if err != nil {
		return message{}, err
	}
	p.talk.Lock()
	defer p.talk.Unlock()
	select {
	case late, open := <-p.answers:
		late.close()
		if !open {
			return message{}, errGone
		}
	default:
	}
	if err := p.control.send(verb, body); err != nil {
		return message{}, fmt.Errorf("tell the guest: %w", err)
	}
	timer := time.NewTimer(2 * answerTime) // the keeper waits for half of it, and answers
	defer timer.Stop()
	select {
	case m, open := <-p.answers:
		if !open {
			return message{}, errGone
		}
		switch m.verb {
		case "error":
			m.close()
			return message{}, fmt.Errorf("the guest: %s", m.body)
		case "silent":
			m.close()
			return message{}, ErrSilent
		}
		return m, nil
	case <-timer.C:
		return message{}, ErrSilent
	}
}

var errGone = errors.New("the guest has ended")

func (p *process) TAP() *os.File         { return p.tap }
func (p *process) PID() int              { return p.cmd.Process.Pid }
func (p *process) Done() <-chan struct{} { return p.done }

func (p *process) End() End {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.end
}

func (p *process) ask() {
	p.mu.Lock()
	p.asked = true
	p.mu.Unlock()
}

func (p *process) Stop() {
	p.ask()
	if err := p.control.send("stop", nil); err == nil {
		timer := time.NewTimer(stopGrace + time.Second) // the keeper ends it after stopGrace
		defer timer.Stop()
		select {
		case <-p.done:
			return
		case <-timer.C:
		}
	}
	p.Kill()
}

func (p *process) Kill() {
	p.ask()
	_ = p.cmd.Process.Kill() // an error means that it is gone already
	<-p.done
}
