package guest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
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
	done  chan struct{}
	once  sync.Once
}

type fork struct {
	cmd *exec.Cmd
	err chan error
}

// NewLauncher starts the thread. Close ends it; guests that still run then are killed.
func NewLauncher() *Launcher {
	l := &Launcher{forks: make(chan *fork), done: make(chan struct{})}
	go l.run()
	return l
}

func (l *Launcher) run() {
	// Without UnlockOSThread the thread ends with this goroutine, and its children get their death signal.
	runtime.LockOSThread()
	defer close(l.done)
	for f := range l.forks {
		f.err <- f.cmd.Start()
	}
}

// Close ends every guest that still runs. Start must not be called after it.
func (l *Launcher) Close() {
	l.once.Do(func() { close(l.forks) })
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
	config, err := json.Marshal(b)
	if err != nil {
		return nil, err
	}
	if err := prepare(&b); err != nil {
		return nil, fmt.Errorf("prepare %s: %w", b.ID, err)
	}
	lock, err := lockDir(ctx, b.Dir)
	if err != nil {
		return nil, fmt.Errorf("boot %s: %w", b.ID, err)
	}
	defer lock.Close() // the guest has its own
	p, err := l.spawn(b, lock)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = p.control.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	err = p.setUp(config, b.Probe)
	close(p.settled)
	if err != nil {
		p.Kill()
		if p.tun != nil {
			p.tun.Close()
		}
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, fmt.Errorf("boot %s: %w", b.ID, err)
	}
	return p, nil
}

// lockDir takes the lock that a guest's first process holds until it is gone, and waits for one that is still dying: two
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

func (l *Launcher) spawn(b Boot, lock *os.File) (*process, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("socket pair: %w", err)
	}
	theirs := os.NewFile(uintptr(fds[1]), "control")
	defer theirs.Close()
	ours := os.NewFile(uintptr(fds[0]), "control")
	defer ours.Close()
	conn, err := net.FileConn(ours)
	if err != nil {
		return nil, err
	}
	output, input, err := os.Pipe()
	if err != nil {
		conn.Close()
		return nil, err
	}
	defer input.Close()
	p := &process{control: conn.(*net.UnixConn), settled: make(chan struct{}), done: make(chan struct{})}
	p.cmd = &exec.Cmd{
		Path: "/proc/self/exe", Args: []string{arg0}, Env: []string{"PATH=" + guestPath}, Dir: "/",
		Stdout: input, Stderr: input, ExtraFiles: []*os.File{theirs, lock}, SysProcAttr: attributes(),
	}
	f := &fork{p.cmd, make(chan error, 1)}
	l.forks <- f
	if err := <-f.err; err != nil {
		conn.Close()
		output.Close()
		return nil, &Missing{"namespaces", "new namespaces are refused: " + err.Error(), namespaceRemedy()}
	}
	if b.Console == nil {
		b.Console = io.Discard
	}
	go p.wait(output, b.Console)
	return p, nil
}

// attributes asks for the namespaces and the id maps: all ids for root, one for anybody else, who may map no more.
func attributes() *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC,
		Pdeathsig:  unix.SIGKILL,
		Setsid:     true,
	}
	if os.Geteuid() != 0 {
		a.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
		a.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
		return a
	}
	all := []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: maxID + 1}}
	a.UidMappings, a.GidMappings, a.GidMappingsEnableSetgroups = all, all, true
	a.Credential = &syscall.Credential{Groups: []uint32{}}
	return a
}

// maxID is the largest user or group id inside a guest.
const maxID = 65535

type process struct {
	cmd     *exec.Cmd
	control *net.UnixConn
	tun     *os.File
	settled chan struct{} // closed when setUp has ended, which reads control to its end
	done    chan struct{}
	end     End

	mu    sync.Mutex
	asked bool // to end, by us

	talk sync.Mutex // one question on control at a time
}

// setUp hands the guest its configuration and follows it until it runs.
func (p *process) setUp(config []byte, probe bool) error {
	if _, err := p.control.Write(config); err != nil {
		return fmt.Errorf("hand over configuration: %w", err)
	}
	buf, rights := make([]byte, 4096), make([]byte, unix.CmsgSpace(4))
	for {
		n, rn, _, _, err := p.control.ReadMsgUnix(buf, rights)
		if err != nil || n == 0 {
			return fmt.Errorf("the guest ended before it ran: %w", errors.Join(err, io.ErrUnexpectedEOF))
		}
		kind, text, _ := strings.Cut(string(buf[:n]), " ")
		switch kind {
		case "tun":
			if p.tun, err = received(rights[:rn]); err != nil {
				return err
			}
		case "missing":
			var m Missing
			if err := json.Unmarshal([]byte(text), &m); err != nil {
				return err
			}
			return &m
		case "error":
			return errors.New(text)
		case "ready":
			if p.tun == nil && !probe {
				return errors.New("the guest sent no network interface")
			}
			return nil
		}
	}
}

// answerTime is how long a guest's first process may take to set an interface up.
const answerTime = 10 * time.Second

// Plug implements Machine.
func (p *process) Plug(c Card) (*os.File, error) { return p.say("plug", c) }

// Assign implements Machine.
func (p *process) Assign(c Card) error {
	_, err := p.say("assign", c)
	return err
}

// say asks the guest's first process for something and waits for its answer, with a file where it sends one.
func (p *process) say(verb string, c Card) (*os.File, error) {
	body, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	p.talk.Lock()
	defer p.talk.Unlock()
	if err := p.control.SetDeadline(time.Now().Add(answerTime)); err != nil {
		return nil, err
	}
	defer p.control.SetDeadline(time.Time{}) //nolint:errcheck // a socket that is closed needs none
	if _, err := p.control.Write(append([]byte(verb+" "), body...)); err != nil {
		return nil, fmt.Errorf("tell the guest: %w", err)
	}
	buf, rights := make([]byte, 4096), make([]byte, unix.CmsgSpace(4))
	n, rn, _, _, err := p.control.ReadMsgUnix(buf, rights)
	if err != nil || n == 0 {
		return nil, fmt.Errorf("the guest does not answer: %w", errors.Join(err, io.ErrUnexpectedEOF))
	}
	kind, text, _ := strings.Cut(string(buf[:n]), " ")
	switch kind {
	case "ok":
		return nil, nil
	case "tun":
		return received(rights[:rn])
	}
	return nil, fmt.Errorf("the guest: %s", text)
}

func received(rights []byte) (*os.File, error) {
	messages, err := unix.ParseSocketControlMessage(rights)
	if err != nil || len(messages) != 1 {
		return nil, fmt.Errorf("the network interface did not arrive: %d messages, %w", len(messages), errors.Join(err, io.ErrUnexpectedEOF))
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return nil, fmt.Errorf("the network interface did not arrive: %d files, %w", len(fds), errors.Join(err, io.ErrUnexpectedEOF))
	}
	unix.CloseOnExec(fds[0])
	if err := unix.SetNonblock(fds[0], true); err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fds[0]), "/dev/net/tun"), nil
}

// wait owns the guest: it copies the console, collects the process and tells everybody.
func (p *process) wait(output *os.File, console io.Writer) {
	copied := make(chan struct{})
	go func() {
		defer close(copied)
		_, _ = io.Copy(console, output) // to its end; a console takes everything
	}()
	err := p.cmd.Wait()
	<-copied // every process of the guest is gone with its first one
	output.Close()
	<-p.settled
	p.control.Close()
	p.mu.Lock()
	p.end = ended(p.asked, p.cmd.ProcessState, err)
	p.mu.Unlock()
	close(p.done)
}

// ended reads the end of a pid namespace from its first process: the kernel turns reboot(2) inside into a SIGHUP and
// poweroff into a SIGINT (pid_namespaces(7)).
func ended(asked bool, state *os.ProcessState, err error) End {
	status, _ := state.Sys().(syscall.WaitStatus)
	switch {
	case asked:
		return End{Kind: Stopped}
	case status.Signaled() && status.Signal() == unix.SIGHUP:
		return End{Kind: Restarted}
	case status.Signaled() && status.Signal() == unix.SIGINT:
		return End{Kind: PoweredOff}
	case err == nil:
		err = errors.New("its first process ended")
	}
	return End{Kind: Died, Err: err}
}

func (p *process) TUN() *os.File         { return p.tun }
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
	_ = p.control.SetWriteDeadline(time.Now().Add(time.Second))
	if _, err := p.control.Write([]byte("stop")); err == nil {
		timer := time.NewTimer(stopGrace)
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
