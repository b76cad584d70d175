package tunnel

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"os/exec"
	ossignal "os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"postern/network/link"
)

// attachedInterface is the name of the interface that an attached command sees.
const attachedInterface = "postern0"

// controlFD is the descriptor at which the process in the namespaces finds the socket to the one outside.
const controlFD = 3

// InitMain must be called first in main by every program that calls Attach. In the process that Attach starts it does
// not return.
func InitMain() {
	ready = true
	if len(os.Args) == 0 || os.Args[0] != arg0 {
		return
	}
	runtime.LockOSThread() // capabilities belong to the thread that will call exec
	control, err := net.FileConn(os.NewFile(controlFD, "control"))
	if err != nil {
		fmt.Fprintln(os.Stderr, "postern: attach:", err)
		os.Exit(126)
	}
	program, a, err := prepareAttached(control.(*net.UnixConn))
	if err != nil {
		verb := "error "
		var command *exec.Error
		switch {
		case !errors.As(err, &command):
		case errors.Is(err, exec.ErrNotFound), errors.Is(err, fs.ErrNotExist):
			verb = "missing "
		default:
			verb = "refused "
		}
		_, _ = control.Write([]byte(verb + err.Error()))
		os.Exit(126)
	}
	word := make([]byte, 2)
	if n, err := control.Read(word); err != nil || string(word[:n]) != "go" {
		os.Exit(126) // the one outside has said why
	}
	control.Close()
	if a.Layer != "" {
		os.Exit(runAttached(program, &a))
	}
	err = syscall.Exec(program, a.Command, a.Env)
	fmt.Fprintf(os.Stderr, "postern: attach: run %s: %v\n", program, err)
	os.Exit(126)
}

// runAttached is the life of the first process of a pid namespace: it starts the command, passes signals on, collects
// what loses its parent, and returns the command's exit code. The kernel then ends what the command has left behind.
func runAttached(program string, a *attachment) int {
	signals := make(chan os.Signal, 8)
	ossignal.Notify(signals, unix.SIGTERM, unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGUSR1, unix.SIGUSR2)
	pid, err := syscall.ForkExec(program, a.Command, &syscall.ProcAttr{Env: a.Env, Files: []uintptr{0, 1, 2}})
	if err != nil {
		fmt.Fprintf(os.Stderr, "postern: attach: run %s: %v\n", program, err)
		return 126
	}
	go func() {
		for s := range signals {
			// What a terminal sends, it sends to the command as well.
			if s != unix.SIGINT && s != unix.SIGQUIT {
				_ = unix.Kill(pid, s.(unix.Signal)) // an error means that it has ended
			}
		}
	}()
	for {
		var status unix.WaitStatus
		ended, err := unix.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, unix.EINTR) || err == nil && ended != pid:
			continue
		case err != nil:
			return 126
		case status.Signaled():
			return 128 + int(status.Signal())
		default:
			return status.ExitStatus()
		}
	}
}

// prepareAttached sets the namespaces up and sends the TAP device out.
func prepareAttached(control *net.UnixConn) (program string, a attachment, err error) {
	message := make([]byte, controlSize)
	n, err := control.Read(message)
	if err != nil {
		return "", a, err
	}
	if err := json.Unmarshal(message[:n], &a); err != nil {
		return "", a, err
	}
	a.Env = os.Environ()
	program, err = exec.LookPath(a.Command[0])
	if err != nil {
		return "", a, fmt.Errorf("command: %w", err)
	}
	if err := link.LoopbackUp(); err != nil {
		return "", a, fmt.Errorf("loopback interface: %w", err)
	}
	address := a.Config.Grant.Address
	tun, err := link.OpenTAP(link.Device{
		Name: attachedInterface, MAC: link.AttachedMAC(address.Addr()), Address: address, MTU: a.Config.Grant.MTU,
		Routes: []netip.Prefix{netip.PrefixFrom(netip.IPv4Unspecified(), 0)}, Gateway: link.Router(address),
	})
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission) {
		err = fmt.Errorf("%w (load the module with modprobe tun; every user may be let use it: chmod 666 /dev/net/tun)", err)
	}
	if err != nil {
		return "", a, err
	}
	defer tun.Close()
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return "", a, fmt.Errorf("keep mounts to ourselves: %w", err)
	}
	if a.Layer != "" {
		if err := isolate(a.Layer, os.Stderr); err != nil {
			return program, a, err
		}
	}
	bundle, err := coverFiles(&a.Config)
	if err != nil {
		return "", a, err
	}
	a.Env = withBundle(a.Env, bundle)
	if os.Geteuid() != 0 {
		// The command is to run as whoever called, with no more than he may.
		if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
			return "", a, fmt.Errorf("give capabilities up: %w", err)
		}
	}
	_, _, err = control.WriteMsgUnix([]byte("tun"), unix.UnixRights(int(tun.Fd())), nil)
	return program, a, err
}

// withBundle names the bundle of certificates to programs that look for their own, unless they are told otherwise.
func withBundle(env []string, bundle string) []string {
	if bundle == "" {
		return env
	}
	for _, name := range caVariables {
		if !slices.ContainsFunc(env, func(v string) bool { return strings.HasPrefix(v, name+"=") }) {
			env = append(env, name+"="+bundle)
		}
	}
	return env
}
