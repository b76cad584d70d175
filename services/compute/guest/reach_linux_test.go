package guest_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"postern/services/compute/guest"
)

// call is a shell command that makes a system call and prints the error's number, 0 for none. Debian's smallest
// system has Perl, whatever else it lacks.
func call(number int, args ...int) string {
	text := fmt.Sprintf("perl -e 'print syscall(%d", number)
	for _, a := range args {
		text += fmt.Sprintf(", %d", a)
	}
	return text + ") < 0 ? 0 + $! : 0, \"\\n\"'"
}

// TestOutOfTheGuestsReach has the root of a guest try what namespaces alone do not keep it from.
func TestOutOfTheGuestsReach(t *testing.T) {
	l := newFixture(t)
	hostBoot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		t.Fatal(err)
	}
	refused := func(e unix.Errno) string { return fmt.Sprintf("%d\n", int(e)) }
	for i, tt := range []struct{ name, script, want string }{
		{"keys of whoever started the server",
			call(unix.SYS_KEYCTL, unix.KEYCTL_GET_KEYRING_ID, unix.KEY_SPEC_SESSION_KEYRING), refused(unix.ENOSYS)},
		{"a key of one's own", call(unix.SYS_ADD_KEY, 0, 0, 0, 0, 0), refused(unix.ENOSYS)},
		{"to stop the first process", call(unix.SYS_PTRACE, unix.PTRACE_ATTACH, 1, 0, 0), refused(unix.EPERM)},
		{"to seize the first process", call(unix.SYS_PTRACE, unix.PTRACE_SEIZE, 1, 0, 0), refused(unix.EPERM)},
		{"to trace another", "sleep 9 & perl -e 'print syscall(" + fmt.Sprint(unix.SYS_PTRACE, ",",
			unix.PTRACE_SEIZE) + ", 0 + $ARGV[0], 0, 0), \"\\n\"' $!", "0\n"},
		{"the first process's memory", call(unix.SYS_PROCESS_VM_READV, 1, 0, 0, 0, 0, 0), refused(unix.EPERM)},
		{"the first process's descriptors", call(unix.SYS_PIDFD_GETFD, 0, 3, 0), refused(unix.EPERM)},
		{"programs in the kernel", call(unix.SYS_BPF, 0, 0, 0), refused(unix.EPERM)},
		{"the kernel's log", call(unix.SYS_SYSLOG, 10, 0, 0), refused(unix.EPERM)},
		{"files by handle", call(unix.SYS_OPEN_BY_HANDLE_AT, 0, 0, 0), refused(unix.EPERM)},
		{"system calls past the filter", call(unix.SYS_IO_URING_SETUP, 1, 0), refused(unix.ENOSYS)},
		{"the hypervisor", call(unix.SYS_SOCKET, unix.AF_VSOCK, unix.SOCK_STREAM, 0), refused(unix.EAFNOSUPPORT)},
		{"a network socket", call(unix.SYS_SOCKET, unix.AF_INET, unix.SOCK_STREAM, 0), "0\n"},
		{"a user namespace", call(unix.SYS_UNSHARE, unix.CLONE_NEWUSER), refused(unix.ENOSPC)},
		{"paths of the host in the mounts",
			"grep -c -e " + l.dir + " -e " + filepath.Dir(agentProgram) + " /proc/self/mountinfo", "0\n"},
		{"paths of the host in descriptors", "ls -l /proc/[0-9]*/fd 2>/dev/null | grep -c " + l.dir, "0\n"},
		{"control groups of the host", "cut -d: -f3 /proc/self/cgroup | sort -u", "/\n"},
		{"what the host lets its root only read",
			"cat /proc/kpagecount /proc/slabinfo /proc/vmallocinfo 2>/dev/null | wc -c", "0\n"},
		{"what can be written in /proc",
			"for f in /proc/mtrr /proc/pressure/cpu /proc/irq/default_smp_affinity; do [ ! -e $f ] || (: > $f) 2>/dev/null " +
				"&& [ -e $f ] && echo $f; done; echo end",
			"end\n"},
		{"the host's boot", "grep -c " + string(hostBoot[:36]) + " /proc/sys/kernel/random/boot_id", "0\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b, c := l.boot(100+i, tt.script)
			start(t, l, b)
			if got := c.script(t); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestNothingInTheGuestHoldsItUp kills a guest whose root has stopped all of its own processes, the first one's threads
// among them, and had them forget whose children they are.
func TestNothingInTheGuestHoldsItUp(t *testing.T) {
	l := newFixture(t)
	b, c := l.boot(121,
		fmt.Sprintf("setsid perl -e '$| = 1; syscall(%d, %d, 0 + $_, 0, 0) for map { m{(\\d+)$} } glob q(/proc/1/task/*); "+
			"print qq(held\\n); sleep 999' & sleep 1",
			unix.SYS_PTRACE, unix.PTRACE_ATTACH))
	m := start(t, l, b)
	c.waitFor(t, "held")
	m.Stop()
	if end := m.End(); end.Kind != guest.Stopped {
		t.Errorf("ended %+v", end)
	}
	if n := processesOf(t, b.ID); n != 0 {
		t.Errorf("%d processes are left", n)
	}
}
