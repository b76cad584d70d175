package tunnel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"postern/aws/fault"
	"postern/network/link"
)

const (
	// attachStart says how long the namespaces may take, and attachGrace what a command has to end by itself.
	attachStart = 20 * time.Second
	attachGrace = 5 * time.Second
	// controlSize bounds a message between the two processes, in bytes; the CA bundle is in one.
	controlSize = 2*link.MaxCA + 64<<10
)

// ready is set by InitMain: without it the process in the namespaces would be this whole program.
var ready bool

// attached is the process in the new namespaces, which becomes the command.
type attached struct {
	cmd     *exec.Cmd
	control *net.UnixConn
}

// Attach runs a command for which the private network is the only one: in namespaces of its own, with a TAP device as
// its interface, the VPC's resolver as its name server and the server's CA beside the system's. It needs no privilege
// where ordinary users may make user namespaces and open /dev/net/tun; the command runs as the same user and sees the
// same files. With a layer, every process that it leaves behind ends with it. Attach returns when the command has
// ended: nil, an *exec.ExitError (128 and the signal's number where it was killed), or a fault if it could not be
// started, of the kind NotFound if there is no such command and Denied if it cannot be run. When ctx ends the command
// is asked to end (SIGTERM), and killed if it has not within 5 s.
func Attach(ctx context.Context, c *Config, o AttachOptions) error {
	if err := c.Validate(); err != nil {
		return err
	}
	if len(o.Command) == 0 {
		return fault.New(fault.Missing, "tunnel.Attach", "command: what is to run?")
	}
	if !ready {
		return errors.New("tunnel.InitMain was not called at the start of the program")
	}
	// The kernel kills the command when the thread that started it ends, however this process dies.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if o.Layer != "" {
		lock, err := lockLayer(o.Layer)
		if err != nil {
			return err
		}
		defer lock.Close()
	}
	a, err := startAttached(ctx, o)
	if err != nil {
		return err
	}
	closeTunnel, err := a.connect(ctx, c, o)
	if err != nil {
		a.control.Close() // it ends without the word to go on
		_ = a.cmd.Wait()  // its status says less than err
		return err
	}
	defer closeTunnel()
	return a.cmd.Wait()
}

// lockLayer makes a layer's directory and holds it: two commands that write to one at the same time would spoil it.
func lockLayer(dir string) (*os.File, error) {
	for _, name := range []string{upperDir, workDir} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			return nil, err
		}
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		lock.Close()
		return nil, fault.New(fault.Conflict, "tunnel.Attach",
			"another attached command works on %s: end it, or attach as another machine", dir)
	}
	return lock, nil
}

// startAttached starts this program again, in new namespaces.
func startAttached(ctx context.Context, o AttachOptions) (*attached, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("attach: socket pair: %w", err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "control"), os.NewFile(uintptr(fds[1]), "control")
	defer ours.Close()
	defer theirs.Close()
	conn, err := net.FileConn(ours)
	if err != nil {
		return nil, fmt.Errorf("attach: %w", err)
	}
	control := conn.(*net.UnixConn) // a UNIX socket's
	cmd := exec.CommandContext(ctx, "/proc/self/exe")
	cmd.Args = []string{arg0}
	cmd.Env = o.Env
	cmd.Stdin, cmd.Stdout, cmd.Stderr = o.Stdin, o.Stdout, o.Stderr
	cmd.ExtraFiles = []*os.File{theirs}
	cmd.SysProcAttr = attachedAttributes(o.userNamespace || os.Geteuid() != 0, o.Layer != "")
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = attachGrace
	if err := cmd.Start(); err != nil {
		control.Close()
		return nil, fault.New(fault.Unavailable, "tunnel.Attach",
			"this host lets its users make no namespaces (%w): run it as root, or allow them with "+
				"sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone=1 or "+
				"kernel.apparmor_restrict_unprivileged_userns=0", err)
	}
	return &attached{cmd, control}, nil
}

// attachedAttributes asks for the namespaces. An ordinary user needs a user namespace, in which he is himself and has,
// until the command begins, the capabilities to set the others up.
func attachedAttributes(userNamespace, pids bool) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	if pids {
		a.Cloneflags |= unix.CLONE_NEWPID
	}
	if userNamespace {
		a.Cloneflags |= unix.CLONE_NEWUSER
		a.UidMappings = []syscall.SysProcIDMap{{ContainerID: os.Geteuid(), HostID: os.Geteuid(), Size: 1}}
		a.GidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getegid(), HostID: os.Getegid(), Size: 1}}
		// Overlayfs works with what whoever mounts it may do, in directories that it lets nobody else enter.
		a.AmbientCaps = []uintptr{
			unix.CAP_NET_ADMIN, unix.CAP_SYS_ADMIN, unix.CAP_DAC_OVERRIDE, unix.CAP_DAC_READ_SEARCH, unix.CAP_FOWNER,
			unix.CAP_CHOWN, unix.CAP_FSETID,
		}
	}
	return a
}

// connect joins the TAP device that the process sends to a tunnel, and lets the command begin.
func (a *attached) connect(ctx context.Context, c *Config, o AttachOptions) (closeTunnel func(), err error) {
	defer a.control.Close()
	stop := context.AfterFunc(ctx, func() { _ = a.control.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if err := a.control.SetDeadline(time.Now().Add(attachStart)); err != nil {
		return nil, err
	}
	message, err := json.Marshal(attachment{Config: withoutKey(c), Command: o.Command, Layer: o.Layer})
	if err != nil {
		return nil, err
	}
	if _, err := a.control.Write(message); err != nil {
		return nil, fmt.Errorf("attach: tell the process what to do: %w", err)
	}
	file, err := a.receiveTUN()
	if err != nil {
		return nil, err
	}
	tun, err := link.NewTAP(file, c.Grant.MTU, link.AttachedMAC(c.Local()), c.Grant.Address)
	if err != nil {
		return nil, fmt.Errorf("attach: %w", err)
	}
	dial := Options{Log: o.Log, Batch: link.WireBatch}
	dial.complete()
	w, err := newWireGuard(ctx, c, dial, tun.Send, func() {})
	if err != nil {
		return nil, errors.Join(err, tun.Close())
	}
	tun.Open(w.port.Send)
	closeTunnel = func() {
		_ = tun.Close() // never returns an error
		w.close()
	}
	if _, err := a.control.Write([]byte("go")); err != nil {
		closeTunnel()
		return nil, fmt.Errorf("attach: start the command: %w", err)
	}
	return closeTunnel, nil
}

// withoutKey returns what the process in the namespaces has to know: not the private key.
func withoutKey(c *Config) Config {
	public := *c
	public.PrivateKey = link.PrivateKey{}
	return public
}

// receiveTUN waits until the namespaces are set up.
func (a *attached) receiveTUN() (*os.File, error) {
	text, rights := make([]byte, 4096), make([]byte, unix.CmsgSpace(4))
	n, rn, _, _, err := a.control.ReadMsgUnix(text, rights)
	if err != nil || n == 0 {
		return nil, fmt.Errorf("attach: the process in the namespaces ended: %w", errors.Join(err, net.ErrClosed))
	}
	if why, missing := strings.CutPrefix(string(text[:n]), "missing "); missing {
		return nil, fault.New(fault.NotFound, "tunnel.Attach", "%s", why)
	}
	if why, refused := strings.CutPrefix(string(text[:n]), "refused "); refused {
		return nil, fault.New(fault.Denied, "tunnel.Attach", "%s", why)
	}
	if why, failed := strings.CutPrefix(string(text[:n]), "error "); failed {
		return nil, fault.New(fault.Unavailable, "tunnel.Attach", "%s", why)
	}
	messages, err := unix.ParseSocketControlMessage(rights[:rn])
	if err != nil || len(messages) != 1 {
		return nil, fmt.Errorf("attach: no TAP device arrived (%w)", err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return nil, fmt.Errorf("attach: no TAP device arrived (%w)", err)
	}
	unix.CloseOnExec(fds[0])
	return os.NewFile(uintptr(fds[0]), "/dev/net/tun"), nil
}
