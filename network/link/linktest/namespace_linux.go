// Package linktest runs a part of a test behind a TAP device: in a process of its own, in user and network namespaces
// of its own, whose only way out is that device. It needs no root where unprivileged user namespaces are allowed.
package linktest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"postern/network/link"
)

// roleVariable tells the test's own binary, started again, what it is.
const roleVariable = "POSTERN_LINKTEST"

// Role does what a child has to do behind its device. Its result is handed to the parent as JSON.
type Role func(args []string) (any, error)

// order holds what the parent tells the child.
type order struct {
	Role string
	Args []string
	// Device is nil for a child that stays in the parent's namespaces.
	Device *link.Device
}

// Child is called first in TestMain. In a child it plays the role and exits; in the parent it returns.
func Child(roles map[string]Role) {
	text := os.Getenv(roleVariable)
	if text == "" {
		return
	}
	if err := child(text, roles); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func child(text string, roles map[string]Role) error {
	var o order
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return err
	}
	if o.Device != nil {
		if err := open(*o.Device); err != nil {
			return err
		}
	}
	role, ok := roles[o.Role]
	if !ok {
		return fmt.Errorf("there is no role %q", o.Role)
	}
	result, err := role(o.Args)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(result)
}

// open makes the device and hands it to the parent over the socket that is descriptor 3.
func open(d link.Device) error {
	if err := link.LoopbackUp(); err != nil {
		return err
	}
	tun, err := link.OpenTAP(d)
	if err != nil {
		return err
	}
	defer tun.Close()
	return unix.Sendmsg(3, []byte{0}, unix.UnixRights(int(tun.Fd())), nil, 0)
}

// Process is a running child.
type Process struct {
	cmd    *exec.Cmd
	stdout io.ReadCloser
}

// Start starts a child with the role behind the device, and returns that device's descriptor. It skips the test, and
// says why, where namespaces or TAP devices are not to be had.
func Start(t testing.TB, d link.Device, role string, args ...string) (*Process, *os.File) {
	t.Helper()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "parent"), os.NewFile(uintptr(pair[1]), "child")
	defer ours.Close()
	cmd := command(t, order{role, args, &d})
	cmd.ExtraFiles = []*os.File{theirs}
	cmd.SysProcAttr = apart()
	p, err := begin(t, cmd)
	theirs.Close()
	if err != nil {
		t.Skipf("no user and network namespaces here: %v", err)
	}
	tun, err := receive(ours)
	if err != nil {
		t.Skipf("no TAP device in a namespace here: %v (%v)", err, cmd.Wait())
	}
	return p, tun
}

// apart is user and network namespaces of a child's own, in which it is root.
func apart() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		Pdeathsig:   syscall.SIGKILL,
	}
}

// StartAlone starts a child in user and network namespaces of its own without any device. It skips the test, and says
// why, where they are not to be had.
func StartAlone(t testing.TB, role string, args ...string) *Process {
	t.Helper()
	cmd := command(t, order{Role: role, Args: args})
	cmd.SysProcAttr = apart()
	p, err := begin(t, cmd)
	if err != nil {
		t.Skipf("no user and network namespaces here: %v", err)
	}
	return p
}

// StartPlain starts a child that stays in the parent's namespaces, to measure a device against.
func StartPlain(t testing.TB, role string, args ...string) *Process {
	t.Helper()
	p, err := begin(t, command(t, order{Role: role, Args: args}))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func command(t testing.TB, o order) *exec.Cmd {
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe")
	cmd.Env = append(os.Environ(), roleVariable+"="+string(text))
	cmd.Stderr = os.Stderr
	return cmd
}

func begin(t testing.TB, cmd *exec.Cmd) (*Process, error) {
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &Process{cmd, stdout}, nil
}

// receive takes the descriptor that the child sends.
func receive(from *os.File) (*os.File, error) {
	c, err := net.FileConn(from)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	oob := make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := c.(*net.UnixConn).ReadMsgUnix(make([]byte, 1), oob)
	if err != nil {
		return nil, err
	}
	messages, err := unix.ParseSocketControlMessage(oob[:n])
	if err != nil || len(messages) != 1 {
		return nil, errors.Join(errors.New("the child sent no descriptor"), err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fds[0]), "tun"), nil
}

// Wait waits for the child's end and decodes its result.
func (p *Process) Wait(result any) error {
	decoded := json.NewDecoder(p.stdout).Decode(result)
	if err := p.cmd.Wait(); err != nil {
		return fmt.Errorf("the child failed: %w", err)
	}
	return decoded
}
