package guest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// keeperName is how this program knows that it is to become a keeper.
const keeperName = "postern-keeper"

// order tells a keeper what it has to do when it begins.
type order struct {
	Boot Boot
	// AllIDs maps the ids 0–65535 into the guest, and not root's alone.
	AllIDs bool
}

// A keeper is the process that holds one guest. It is the first of a pid namespace in which the guest's own lies, and
// in a user namespace above the guest's: the guest cannot name it, and its root has no power over it. When the keeper
// ends, by itself or killed, the kernel ends every process of the guest, whatever they did to each other.
//
//	server ── channel ──▶ keeper ── channel ──▶ the guest's first process
type keeper struct {
	order
	guest *channel
	cmd   *exec.Cmd

	mu      sync.Mutex
	server  *channel
	tap     *os.File
	console []*os.File // both ends of the guest's console
	ready   bool
	asked   bool         // the guest was asked to end
	failed  bool         // the guest has said why it does not boot
	pending chan message // who waits for an answer of the guest
	silent  bool         // the guest has left a question without an answer: none is asked any more
}

// keep is a keeper's life.
func keep() error {
	server, err := newChannel(os.NewFile(controlFD, "control"))
	if err != nil {
		return err
	}
	if err := hardenKeeper(); err != nil {
		return errors.Join(err, server.send("error", []byte(err.Error())))
	}
	m, err := server.receive(make([]byte, maxMessage))
	if err != nil {
		return fmt.Errorf("read configuration: %w", err)
	}
	m.close()
	k := &keeper{server: server}
	if err := json.Unmarshal(m.body, &k.order); err != nil {
		return fmt.Errorf("read configuration: %w", err)
	}
	if err := mountOwnProc(); err != nil {
		k.tell("missing", encoded(err))
		return err
	}
	if err := k.run(); err != nil {
		k.tell("missing", encoded(&Missing{"namespaces", "new namespaces are refused: " + err.Error(), namespaceRemedy()}))
		return err
	}
	return nil
}

// hardenKeeper keeps other processes out of this one, and what it was started with out of the guest: a session
// keyring is inherited whatever the namespaces (keyrings(7)), and may hold tickets and passphrases of whoever started
// the server.
func hardenKeeper() error {
	debug.SetGCPercent(25)
	unix.CloseOnExec(lockFD)
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("turn dumps off: %w", err)
	}
	return newSessionKeyring()
}

// newSessionKeyring gives this thread, and what it starts, an empty session keyring.
func newSessionKeyring() error {
	// With a name it would be whichever keyring of that name there is already.
	_, _, errno := unix.Syscall(unix.SYS_KEYCTL, unix.KEYCTL_JOIN_SESSION_KEYRING, 0, 0)
	if errno != 0 && !errors.Is(errno, unix.ENOSYS) {
		return fmt.Errorf("join a new session keyring: %w", errno)
	}
	return nil
}

// mountOwnProc shows this process its own pid namespace in /proc, where it writes the id maps of the guest.
func mountOwnProc() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	return mountProc("/proc")
}

// run boots the guest and returns when it has ended.
func (k *keeper) run() error {
	guest, theirs, err := channelPair()
	if err != nil {
		return err
	}
	defer theirs.Close()
	output, input, err := os.Pipe()
	if err != nil {
		return err
	}
	k.guest = guest
	k.cmd = &exec.Cmd{
		Path: "/proc/self/exe", Args: []string{arg0}, Env: []string{"PATH=" + guestPath}, Dir: "/",
		Stdout: input, Stderr: input, ExtraFiles: []*os.File{theirs}, SysProcAttr: guestAttributes(k.AllIDs),
	}
	if err := k.cmd.Start(); err != nil {
		return errors.Join(err, input.Close(), output.Close())
	}
	input.Close()
	theirs.Close()
	copied := make(chan struct{})
	go func() { defer close(copied); k.copyConsole(output) }()
	go k.followServer()
	if config, err := json.Marshal(k.Boot); err == nil {
		_ = guest.send("boot", config) // a guest that is gone is told of below
	}
	k.followGuest()
	err = k.cmd.Wait()
	<-copied // every process of the guest is gone with its first one
	k.tellEnd(err)
	return nil
}

// copyConsole passes on what the guest prints, or writes to its console.
func (k *keeper) copyConsole(output io.Reader) {
	buf := make([]byte, 16<<10)
	for {
		n, err := output.Read(buf)
		if n > 0 {
			k.tell("console", buf[:n])
		}
		if err != nil {
			return
		}
	}
}

// tell says something to the server. One that is gone is not told.
func (k *keeper) tell(verb string, body []byte, files ...*os.File) {
	k.mu.Lock()
	server := k.server
	k.mu.Unlock()
	_ = server.send(verb, body, files...) // the end of the channel is noticed where it is read
}

// tellEnd tells how the guest ended, unless it has said so itself.
func (k *keeper) tellEnd(err error) {
	k.mu.Lock()
	failed, e := k.failed, ended(k.asked, k.cmd.ProcessState, err)
	k.mu.Unlock()
	if !failed {
		k.tell("ended", encoded(e.report()))
	}
}

// endReport is an End as it travels.
type endReport struct {
	Kind EndKind
	Why  string
}

func (e End) report() endReport {
	r := endReport{Kind: e.Kind}
	if e.Err != nil {
		r.Why = e.Err.Error()
	}
	return r
}

func (r endReport) end() End {
	e := End{Kind: r.Kind}
	if r.Why != "" {
		e.Err = errors.New(r.Why)
	}
	return e
}

// encoded is v in JSON, an error as a Missing.
func encoded(v any) []byte {
	if err, ok := v.(error); ok {
		m := &Missing{What: "namespaces", Why: err.Error(), Remedy: namespaceRemedy()}
		_ = errors.As(err, &m) // otherwise it is made of the error's text
		v = m
	}
	text, err := json.Marshal(v)
	if err != nil {
		return nil // cannot happen: the fields are strings and numbers
	}
	return text
}

// followServer does what the server asks. Without one the guest ends.
func (k *keeper) followServer() {
	buf := make([]byte, maxMessage)
	for {
		m, err := k.server.receive(buf)
		if err != nil {
			k.kill()
			return
		}
		m.close()
		switch m.verb {
		case "stop":
			k.stop()
		case "plug", "assign":
			k.ask(m)
		}
	}
}

// ask passes a question on to the guest's first process, and its answer back.
func (k *keeper) ask(m message) {
	answer := make(chan message, 1)
	k.mu.Lock()
	if k.silent || !k.ready {
		k.mu.Unlock()
		k.tell("silent", nil)
		return
	}
	k.pending = answer
	k.mu.Unlock()
	timer := time.NewTimer(answerTime)
	defer timer.Stop()
	err := k.guest.send(m.verb, m.body)
	if err == nil {
		select {
		case a := <-answer:
			k.tell(a.verb, a.body, a.files...)
			a.close()
			return
		case <-timer.C:
		}
	}
	k.mu.Lock()
	k.silent, k.pending = true, nil
	k.mu.Unlock()
	k.tell("silent", nil)
}

// followGuest hears the guest's first process to its end. Nothing that it says is believed further than it concerns the
// guest itself: its root may speak in its place.
func (k *keeper) followGuest() {
	buf := make([]byte, 64<<10)
	for {
		m, err := k.guest.receive(buf)
		if err != nil {
			return
		}
		k.hear(&m)
		m.close()
	}
}

func (k *keeper) hear(m *message) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.ready {
		if k.pending != nil && (m.verb == "ok" || m.verb == "error" || m.verb == "tap" && len(m.files) == 1) {
			k.pending <- *m
			k.pending, m.files = nil, nil
		}
		return
	}
	switch m.verb {
	case "tap":
		if k.tap == nil && len(m.files) == 1 {
			k.tap, m.files = m.files[0], nil
		}
	case "console":
		if k.console == nil && len(m.files) == 2 {
			k.console, m.files = m.files, nil
			go k.copyConsole(k.console[0])
		}
	case "missing", "error":
		k.failed = true
		_ = k.server.send(m.verb, m.body) // its end is noticed where it is read
	case "ready":
		if k.tap == nil {
			k.failed = true
			_ = k.server.send("error", []byte("the guest sent no network interface"))
			return
		}
		k.ready = true
		_ = k.server.send("ready", nil, k.tap)
	}
}

// stop asks the guest to end, and makes it when it has not within stopGrace.
func (k *keeper) stop() {
	k.mu.Lock()
	k.asked = true
	k.mu.Unlock()
	if err := k.guest.send("stop", nil); err != nil {
		k.kill()
		return
	}
	time.AfterFunc(stopGrace, k.kill)
}

func (k *keeper) kill() {
	_ = k.cmd.Process.Signal(unix.SIGKILL) // an error means that it is gone already
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
