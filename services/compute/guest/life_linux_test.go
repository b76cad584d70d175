package guest_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"postern/services/compute/guest"
)

func TestPacketsLeaveThroughTheTAP(t *testing.T) {
	l := newFixture(t)
	b, _ := l.boot(20, "bash -c 'echo hello > /dev/udp/10.0.9.9/53'")
	m := start(t, l, b)
	p := cable(t, m.TAP(), b.MAC,
		b.Address).wait(patience, func(p []byte) bool { return bytes.Equal(p[16:20], []byte{10, 0, 9, 9}) })
	if p == nil {
		t.Fatal("no packet to 10.0.9.9")
	}
	if !bytes.Equal(p[12:16], []byte{10, 0, 1, 20}) || binary.BigEndian.Uint16(p[22:]) != 53 {
		t.Errorf("packet % x", p)
	}
}

func TestStopAndStartKeepTheLayer(t *testing.T) {
	l := newFixture(t)
	b, c := l.boot(21, "echo once; echo kept > /root/file; rm /usr/bin/awk 2>/dev/null; true")
	m := start(t, l, b)
	c.script(t)
	m.Stop()
	m.TAP().Close()
	b.UserData = []byte("#!/bin/sh\necho never\n")
	b2, c2 := b, newConsole()
	b2.Console = c2
	m = start(t, l, b2)
	m.Stop()
	kept, err := os.ReadFile(filepath.Join(b.Dir, "layer/root/file"))
	if err != nil || string(kept) != "kept\n" {
		t.Errorf("the layer holds %q, %v", kept, err)
	}
	if strings.Contains(c2.waitFor(t, "stops"), "never") {
		t.Error("the user data ran twice")
	}
}

func TestEnds(t *testing.T) {
	l := newFixture(t)
	for i, tt := range []struct {
		name   string
		script string
		end    func(m guest.Machine)
		want   guest.EndKind
	}{
		{"stop", "sleep 1000 &", guest.Machine.Stop, guest.Stopped},
		{"stop those who do not listen", "trap '' TERM; (trap '' TERM; while :; do sleep 1; done) &", guest.Machine.Stop,
			guest.Stopped},
		{"kill", "sleep 1000 &", guest.Machine.Kill, guest.Stopped},
		{"first process killed", "true", func(m guest.Machine) { kill(m.PID()) }, guest.Died},
		{"power off inside", powerOff, nil, guest.PoweredOff},
		{"shutdown", "shutdown -r +1 && shutdown -c && /sbin/shutdown -h now", nil, guest.PoweredOff},
		{"shutdown -r", "shutdown -r now", nil, guest.Restarted},
		{"reboot", "/usr/sbin/reboot", nil, guest.Restarted},
		{"reboot at once", "reboot -f", nil, guest.Restarted},
		{"halt", "halt", nil, guest.PoweredOff},
		{"a signal to the first process", "kill -TERM 1", nil, guest.Restarted},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b, c := l.boot(30+i, tt.script)
			m := start(t, l, b)
			if tt.end != nil {
				c.script(t)
				began := time.Now()
				tt.end(m)
				// Whoever listens is gone long before the keeper would kill the guest.
				if took := time.Since(began); took > 7*time.Second {
					t.Errorf("it took %v", took)
				}
			}
			select {
			case <-m.Done():
			case <-time.After(patience):
				t.Fatal("the guest did not end")
			}
			if end := m.End(); end.Kind != tt.want {
				t.Errorf("ended %+v, want %v", end, tt.want)
			}
			if n := processesOf(t, b.ID); n != 0 {
				t.Errorf("%d processes are left", n)
			}
		})
	}
}

// powerOff is one of the ways that a host's image may have to power off; Debian's smallest one has only Perl.
var powerOff = fmt.Sprintf("kill -0 1; poweroff -f || busybox poweroff -f || perl -e 'syscall(%d, %d, %d, %d)' || "+
	"python3 -c 'import ctypes; ctypes.CDLL(None).reboot(%[4]d)'",
	unix.SYS_REBOOT, unix.LINUX_REBOOT_MAGIC1, unix.LINUX_REBOOT_MAGIC2, unix.LINUX_REBOOT_CMD_POWER_OFF)

func kill(pid int) {
	p, _ := os.FindProcess(pid)
	p.Kill()
}

// processesOf counts the processes of a guest that the host still has: its first one names the instance, and no other
// outlives it.
func processesOf(t *testing.T, id string) int {
	t.Helper()
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, name := range lines {
		text, err := os.ReadFile(name)
		if err == nil && bytes.Contains(text, []byte("\x00init\x00--instance\x00"+id)) {
			n++
		}
	}
	return n
}

// childrenOf lists the children of a process, of whichever of its threads.
func childrenOf(t *testing.T, pid int) (all []int) {
	t.Helper()
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range threads {
		children, _ := os.ReadFile(name)
		for _, text := range strings.Fields(string(children)) {
			if n, err := strconv.Atoi(text); err == nil {
				all = append(all, n)
			}
		}
	}
	return all
}

func TestTheAgentIsStartedAgain(t *testing.T) {
	l := newFixture(t)
	b, c := l.boot(22, "true")
	m := start(t, l, b)
	c.waitFor(t, "@>>>")
	// The agent is a child of the guest's first process, and that is one of the keeper's.
	for _, first := range childrenOf(t, m.PID()) {
		for _, agent := range childrenOf(t, first) {
			kill(agent)
		}
	}
	c.waitFor(t, "is started again in")
}

// TestRelativePaths boots a guest in a directory that is named from where this program is.
func TestRelativePaths(t *testing.T) {
	l := newFixture(t)
	t.Chdir(l.dir)
	b, c := l.boot(19, "cat /etc/hostname")
	b.Dir, b.HostEtc = "here", "etc"
	start(t, l, b)
	if got := c.script(t); got != "ip-10-0-1-19\n" {
		t.Errorf("it says %q", got)
	}
}

func TestTwentyAtOnce(t *testing.T) {
	l := newFixture(t)
	began := time.Now()
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			b, _ := l.boot(40+i, "")
			m, err := l.Start(t.Context(), b)
			if err != nil {
				t.Error(err)
				return
			}
			t.Cleanup(func() { m.Kill(); m.TAP().Close() })
		})
	}
	wg.Wait()
	t.Logf("20 guests run after %v", time.Since(began)) // not judged: a busy machine takes its time
}

func TestRefused(t *testing.T) {
	l := newFixture(t)
	good, _ := l.boot(23, "")
	for _, tt := range []struct {
		name string
		edit func(b *guest.Boot)
		want string
	}{
		{"no id", func(b *guest.Boot) { b.ID = "" }, "are needed"},
		{"no /etc", func(b *guest.Boot) { b.HostEtc = "" }, "copy of /etc"},
		{"MTU", func(b *guest.Boot) { b.MTU = 100 }, "MTU 100"},
		{"no image", func(b *guest.Boot) { b.Image = "/does/not/exist" }, "no such file"},
		{"no agent", func(b *guest.Boot) { b.Agent = "/does/not/exist" }, "the agent"},
	} {
		b := good
		b.Dir = filepath.Join(l.dir, "refused", tt.name)
		tt.edit(&b)
		if m, err := l.Start(t.Context(), b); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
			if m != nil {
				m.Kill()
			}
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Start(ctx, good); err == nil {
		t.Error("started although the context had ended")
	}
}

func TestCheckNamesWhatIsMissing(t *testing.T) {
	l := newFixture(t)
	missing := l.Check(t.Context(), l.dir, "/does/not/exist")
	if len(missing) != 1 || !strings.Contains(missing[0].Error(), "remedy: put postern-agent beside postern") {
		t.Errorf("%v", missing)
	}
}

// TestImage boots a root file system of one's own, which brings an agent of its own.
func TestImage(t *testing.T) {
	l := newFixture(t)
	image := filepath.Join(l.dir, "image: one, two") // with everything that mount options know
	program, err := os.ReadFile(agentProgram)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{
		"bin/sh":                            program,
		"usr/bin/amazon-ssm-agent":          program,
		"etc/ssl/certs/ca-certificates.crt": []byte("theirs\n"),
		"etc/hostname":                      []byte("theirs\n"),
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(image, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(image, name), text, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	b, c := l.boot(25, "")
	b.Image = image
	m := start(t, l, b)
	c.waitFor(t, "postern-agent VERB -h") // amazon-ssm-agent was started, without arguments
	m.Stop()
	for name, want := range map[string]string{
		"etc/hostname":                      "ip-10-0-1-25\n",
		"etc/resolv.conf":                   "search ec2.internal example.com\nnameserver 10.0.9.53\nnameserver 10.0.0.2\n",
		"etc/ssl/certs/ca-certificates.crt": "theirs\n\n" + testCA,
	} {
		if got, err := os.ReadFile(filepath.Join(b.Dir, "layer", name)); string(got) != want {
			t.Errorf("the guest's %s: %q, %v", name, got, err)
		}
	}
	if got, err := os.ReadFile(filepath.Join(image, "etc/hostname")); string(got) != "theirs\n" {
		t.Errorf("the image was changed: %q, %v", got, err)
	}
}

// TestAnImagesLinksLeadNowhere boots a root file system, as a guest may have left it, whose links point at the host.
func TestAnImagesLinksLeadNowhere(t *testing.T) {
	l := newFixture(t)
	outside := filepath.Join(t.TempDir(), "bin")
	if err := os.Mkdir(outside, 0o755); err != nil {
		t.Fatal(err)
	}
	for n, links := range []map[string]string{
		{"usr/bin": outside},
		{"usr": filepath.Dir(outside)},
		{"usr/bin": "../../../../../../../../../../../.." + outside},
	} {
		image := filepath.Join(l.dir, fmt.Sprintf("image-%d", n))
		for name, target := range links {
			at := filepath.Join(image, name)
			if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(target, at); err != nil {
				t.Fatal(err)
			}
		}
		b, _ := l.boot(26+n, "")
		b.Image = image
		start(t, l, b).Stop()
	}
	if left, err := os.ReadDir(outside); err != nil || len(left) > 0 {
		t.Errorf("on the host: %v, %v", left, err)
	}
}

// TestNothingOutlivesTheProgram kills a program that holds a guest the way nothing can be caught.
func TestNothingOutlivesTheProgram(t *testing.T) {
	l := newFixture(t)
	holder := exec.Command("/proc/self/exe", "-test.run", "^TestHold$")
	holder.Env = append(os.Environ(), "GUEST_TEST_HOLD="+l.dir, "GUEST_TEST_AGENT="+agentProgram)
	out, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Fscanf(out, "guest %d\n", &pid); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	holder.Process.Kill()
	holder.Wait()
	if n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 5000); n != 1 || err != nil {
		t.Fatalf("the guest outlives its program: %d, %v", n, err)
	}
	if n := processesOf(t, fmt.Sprintf("i-%017x", 24)); n != 0 {
		t.Errorf("%d processes are left", n)
	}
}

// A server that is reset closes its launcher while instances of it still boot.
func TestBootsBesideClose(t *testing.T) {
	l := newFixture(t)
	var boots sync.WaitGroup
	for i := range 8 {
		b, _ := l.boot(50+i, "")
		boots.Go(func() {
			for {
				m, err := l.Start(t.Context(), b)
				if err != nil {
					return // as it must end: the launcher is closed
				}
				m.Kill()
				m.TAP().Close()
			}
		})
	}
	b, _ := l.boot(60, "")
	m := start(t, l, b)
	l.Close()
	boots.Wait()
	<-m.Done()
	if _, err := l.Start(t.Context(), b); err == nil {
		t.Error("a guest booted after Close")
	}
}

// TestHold is the program that TestNothingOutlivesTheProgram kills; by itself it tests nothing.
func TestHold(t *testing.T) {
	dir := os.Getenv("GUEST_TEST_HOLD")
	if dir == "" {
		return
	}
	l := &fixture{guest.NewLauncher(), dir}
	b, _ := l.boot(24, "sleep 1000 &")
	m, err := l.Start(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("guest %d\n", m.PID())
	<-m.Done()
}

// TestElsewhere runs the tests again as others would: as an ordinary user, and with the data on a file system that
// cannot be an overlay's upper layer, as in a container.
func TestElsewhere(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("root can be an ordinary user and make mounts, this user cannot be another: the tests run only as they are")
	}
	newFixture(t)
	for _, tt := range []struct{ name, script, tests string }{
		{"ordinary user", `mount -t tmpfs none /dev/net && mknod -m 666 /dev/net/tun c 10 200 &&
			exec setpriv --reuid=65534 --regid=65534 --clear-groups "$@"`,
			"TestInsideTheGuest|TestStopAndStart|TestTwenty|TestEnds|TestImage"},
		{"no overlay", `mkdir $TMPDIR/l $TMPDIR/u $TMPDIR/w $TMPDIR/m &&
			mount -t overlay -o lowerdir=$TMPDIR/l,upperdir=$TMPDIR/u,workdir=$TMPDIR/w none $TMPDIR/m &&
			TMPDIR=$TMPDIR/m exec "$@"`, "TestInsideTheGuest/(writable|devices|resolver|secrets|agent)|TestImage"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir, err := os.MkdirTemp("", "guest-elsewhere-")
			if err != nil {
				t.Fatal(err)
			}
			defer guest.Remove(dir)
			os.Chmod(dir, 0o777)
			self := filepath.Join(dir, "guest.test")
			agent := filepath.Join(dir, "postern-agent")
			for from, to := range map[string]string{"/proc/self/exe": self, agentProgram: agent} {
				text, err := os.ReadFile(from)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(to, text, 0o755); err != nil {
					t.Fatal(err)
				}
			}
			cmd := exec.CommandContext(t.Context(), "unshare", "-m", "sh", "-c", tt.script, "sh", self, "-test.v", "-test.run",
				tt.tests)
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "TMPDIR="+dir, "GUEST_TEST_AGENT="+agent)
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.Contains(string(out), "--- PASS: TestInsideTheGuest") {
				t.Errorf("%v\n%s", err, out)
			}
			if strings.Contains(string(out), "--- SKIP") {
				t.Errorf("skipped:\n%s", out)
			}
		})
	}
}
