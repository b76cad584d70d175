package pid1_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"postern/agent/pid1"
)

const (
	// roleVariable makes this program the first process of an instance, or one that asks it for something there.
	roleVariable = "PID1_TEST_ROLE"
	// patience bounds the wait for something that a loaded host does late.
	patience = 30 * time.Second
)

func TestMain(m *testing.M) {
	switch role, argument, _ := strings.Cut(os.Getenv(roleVariable), " "); role {
	case "":
		os.Exit(m.Run())
	case "init":
		os.Exit(beInit(argument))
	case "ask":
		os.Exit(ask(pid1.Action(argument)))
	}
	os.Exit(3)
}

// setup says what an instance's first process is and where its directories lie.
type setup struct {
	Dir    string
	Config pid1.Config
}

// directories lists what an instance has of its own; everything else it shares with this host.
var directories = []string{"/run", "/var/lib", "/var/log"}

// beInit gives the instance its directories and runs it.
func beInit(text string) int {
	var s setup
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		fmt.Fprintln(os.Stderr, "setup:", err)
		return 3
	}
	err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
	for _, d := range directories {
		if err == nil {
			err = unix.Mount(filepath.Join(s.Dir, d), d, "", unix.MS_BIND, "")
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "setup:", err)
		return 3
	}
	os.Unsetenv(roleVariable)
	return pid1.Run(s.Config)
}

// ask asks as shutdown does. The socket is only there in an instance: this host has none.
func ask(a pid1.Action) int {
	if err := pid1.Ask(pid1.Power{Action: a}); err != nil {
		fmt.Fprintln(os.Stderr, "ask:", err)
		return 1
	}
	return 0
}

// instance is a running first process with its own processes, mounts and users.
type instance struct {
	*exec.Cmd
	t       *testing.T
	dir     string
	control *os.File
	ended   chan error

	mu    sync.Mutex
	said  strings.Builder
	lines chan struct{} // closed at the next line
}

// newDirectory makes what is kept of an instance; its name is short, for there is a socket in it.
func newDirectory(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "pid1-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	for _, d := range append(directories, "/run/postern") {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// boot starts an instance whose agent is a shell's script, and waits until it says that it is ready.
func boot(t *testing.T, dir, agent string, c pid1.Config) *instance {
	t.Helper()
	c.Instance, c.Agent = "i-1", []string{"/bin/sh", "-c", agent}
	role, err := json.Marshal(setup{Dir: dir, Config: c})
	if err != nil {
		t.Fatal(err)
	}
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	theirs := os.NewFile(uintptr(fds[1]), "control")
	i := &instance{
		Cmd: exec.Command("/proc/self/exe"), t: t, dir: dir, control: os.NewFile(uintptr(fds[0]), "control"),
		ended: make(chan error, 1), lines: make(chan struct{}),
	}
	i.Env = append(os.Environ(), roleVariable+"=init "+string(role))
	i.ExtraFiles = []*os.File{theirs}
	i.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWPID,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
	output, err := i.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := i.Start(); err != nil {
		t.Skipf("this host gives no namespaces: %v", err)
	}
	theirs.Close()
	go i.read(output)
	t.Cleanup(func() {
		_ = i.Process.Kill()
		i.control.Close()
	})
	if word, err := i.word(); err != nil || word != "ready" {
		t.Fatalf("it says %q, %v; log:\n%s", word, err, i.text())
	}
	return i
}

// read takes what the instance says until it has ended.
func (i *instance) read(from io.Reader) {
	s := bufio.NewScanner(from)
	for s.Scan() {
		i.mu.Lock()
		i.said.WriteString(s.Text() + "\n")
		close(i.lines)
		i.lines = make(chan struct{})
		i.mu.Unlock()
	}
	i.ended <- i.Wait()
}

func (i *instance) text() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.said.String()
}

// await waits until the instance has said something.
func (i *instance) await(text string) {
	i.t.Helper()
	timeout := time.After(patience)
	for {
		i.mu.Lock()
		said, more := i.said.String(), i.lines
		i.mu.Unlock()
		if strings.Contains(said, text) {
			return
		}
		select {
		case <-more:
		case <-timeout:
			i.t.Fatalf("no %q in the log:\n%s", text, said)
		}
	}
}

// word reads a message of the control socket.
func (i *instance) word() (string, error) {
	buffer := make([]byte, 4096)
	n, err := unix.Read(int(i.control.Fd()), buffer)
	return string(buffer[:max(n, 0)]), err
}

func (i *instance) tell(word string) {
	i.t.Helper()
	if _, err := unix.Write(int(i.control.Fd()), []byte(word)); err != nil {
		i.t.Fatal(err)
	}
}

// end waits for the instance's end and returns its status.
func (i *instance) end() syscall.WaitStatus {
	i.t.Helper()
	select {
	case <-i.ended:
		return i.ProcessState.Sys().(syscall.WaitStatus)
	case <-time.After(patience):
		i.t.Fatalf("it does not end; log:\n%s", i.text())
		return 0
	}
}

// file is a path of the instance as this host sees it.
func (i *instance) file(path string) string { return filepath.Join(i.dir, path) }

// power sends a request as shutdown does and returns the answer.
func (i *instance) power(request string) string {
	i.t.Helper()
	conn, err := net.Dial("unix", i.file("/run/postern/power"))
	if err != nil {
		i.t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		i.t.Fatal(err)
	}
	if _, err := io.WriteString(conn, request); err != nil {
		i.t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		i.t.Fatal(err)
	}
	return string(answer)
}
