package guest_test

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"postern/services/compute/guest"
)

// patience is how long a guest may take on a busy machine.
const patience = 30 * time.Second

var agentProgram string

func TestMain(m *testing.M) {
	guest.InitMain()
	dir, err := os.MkdirTemp("", "guest-test-")
	if err != nil {
		panic(err)
	}
	if agentProgram = os.Getenv("GUEST_TEST_AGENT"); agentProgram == "" {
		agentProgram = filepath.Join(dir, "postern-agent")
		build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", agentProgram,
			"postern/cmd/postern-agent")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build postern-agent: %v\n%s", err, out)
			os.Exit(1)
		}
	}
	code := m.Run()
	os.RemoveAll(dir)
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// A console collects what a guest prints and lets a test wait for a text.
type console struct {
	mu   sync.Mutex
	cond *sync.Cond
	text bytes.Buffer
}

func newConsole() *console {
	c := &console{}
	c.cond = sync.NewCond(&c.mu)
	return c
}

func (c *console) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cond.Broadcast()
	return c.text.Write(b)
}

func (c *console) waitFor(t *testing.T, want string) string {
	t.Helper()
	timer := time.AfterFunc(patience, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.text.WriteString("\n(time is up)\n")
		c.cond.Broadcast()
	})
	defer timer.Stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	for !strings.Contains(c.text.String(), want) {
		if strings.Contains(c.text.String(), "(time is up)") {
			t.Fatalf("no %q on the console:\n%s", want, c.text.String())
		}
		c.cond.Wait()
	}
	return c.text.String()
}

// script waits until the user data has ended and returns what it printed.
func (c *console) script(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for line := range strings.Lines(c.waitFor(t, "@>>>")) {
		if text, ok := strings.CutPrefix(line, "@"); ok && text != ">>>\n" {
			b.WriteString(text)
		}
	}
	return b.String()
}

const testCA = "-----BEGIN CERTIFICATE-----\nUG9zdGVybg==\n-----END CERTIFICATE-----\n"

// fixture has a launcher, and boots for guests of the host's image.
type fixture struct {
	*guest.Launcher
	dir string
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	l := &fixture{guest.NewLauncher(), t.TempDir()}
	t.Cleanup(l.Close)
	if missing := l.Check(t.Context(), l.dir, agentProgram); len(missing) > 0 {
		t.Skipf("this host cannot boot guests: %v", &missing[0])
	}
	if err := guest.CopyHostEtc(filepath.Join(l.dir, "etc")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := guest.Remove(l.dir); err != nil {
			t.Error(err)
		}
	})
	return l
}

// boot describes a guest whose user data is the given script.
func (l *fixture) boot(n int, script string) (guest.Boot, *console) {
	c := newConsole()
	b := guest.Boot{
		ID: fmt.Sprintf("i-%017x", n), Dir: filepath.Join(l.dir, "instances", fmt.Sprintf("i-%017x", n)),
		HostEtc: filepath.Join(l.dir, "etc"), Agent: agentProgram,
		Hostname: fmt.Sprintf("ip-10-0-1-%d", n), Search: []string{"ec2.internal", "example.com"},
		Address: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 1, byte(n)}), 24),
		Gateway: netip.MustParseAddr("10.0.1.1"),
		Servers: []netip.Addr{netip.MustParseAddr("10.0.9.53"), netip.MustParseAddr("10.0.0.2")},
		CA:      testCA, Console: c, MAC: fmt.Sprintf("0a:00:00:00:01:%02x", n),
	}
	if script != "" {
		// What the script prints is marked, to be told from what others print on the console.
		b.UserData = []byte("#!/bin/sh\n{ " + script + "\necho '>>>'; } 2>&1 | sed -u 's/^/@/' >/proc/1/fd/1\n")
	}
	return b, c
}

func start(t *testing.T, l *fixture, b guest.Boot) guest.Machine {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	m, err := l.Start(ctx, b)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Kill(); m.TAP().Close() })
	return m
}

// TestConsoleDevices writes to what programs take for the console.
func TestConsoleDevices(t *testing.T) {
	l := newFixture(t)
	b, c := l.boot(9, "echo to the console > /dev/console; echo to the hypervisor > /dev/hvc0")
	start(t, l, b)
	c.waitFor(t, "to the console\n")
	c.waitFor(t, "to the hypervisor\n")
}

func TestInsideTheGuest(t *testing.T) {
	l := newFixture(t)
	secret := filepath.Join(l.dir, "secret")
	if err := os.WriteFile(secret, []byte("s3cret"), 0o644); err != nil {
		t.Fatal(err)
	}
	for i, tt := range []struct{ name, script, want string }{
		{"name", "hostname; hostname -f", "ip-10-0-1-10\nip-10-0-1-10.ec2.internal\n"},
		{"root", "id -u; id -g", "0\n0\n"},
		{"own processes only", "ls /proc | grep -c '^[0-9]*$' | awk '{print ($1 < 12)}'", "1\n"},
		{"interface",
			"tail -n +3 /proc/net/dev | grep -v -e sit0 -e tunl0 -e gre -e ip_vti -e ip6 | cut -d: -f1 | tr -d ' ' | sort",
			"eth0\nlo\n"},
		{"address", "awk '/32 host LOCAL/ {print last} {last=$2}' /proc/net/fib_trie | sort -u | grep ^10", "10.0.1.10\n"},
		{"default route", "awk '$2==\"00000000\" {print $1, $3}' /proc/net/route", "eth0 0101000A\n"},
		{"resolver", "cat /etc/resolv.conf", "search ec2.internal example.com\nnameserver 10.0.9.53\nnameserver 10.0.0.2\n"},
		{"authority trusted", "grep -c UG9zdGVybg== /etc/ssl/certs/ca-certificates.crt $SSL_CERT_FILE | cut -d: -f2",
			"1\n1\n"},
		{"no IPv6", "cat /proc/net/if_inet6 | grep -vc lo", "0\n"},
		{"host's secrets", "cat " + secret + " 2>&1 | grep -c s3cret; ls /root /home | grep -v : | tr -d '\\n'", "0\n"},
		{"no passwords", "cut -d: -f2 /etc/shadow | sort -u", "*\n"},
		{"writable", "echo x > /etc/new && echo y > /var/lib/new && cat /etc/new /var/lib/new", "x\ny\n"},
		{"host's switches",
			"for f in /proc/sys/kernel/core_pattern /proc/sysrq-trigger /proc/sys/vm/drop_caches; do (: > $f) 2>/dev/null || " +
				"echo no; done",
			"no\nno\nno\n"},
		{"no mounting",
			"mount -t tmpfs none /mnt 2>/dev/null || echo no; umount /proc/sys 2>/dev/null || echo no; mount -o " +
				"remount,rw,bind /proc/sys 2>/dev/null || echo no",
			"no\nno\nno\n"},
		{"devices", "echo x > /dev/null && head -c 4 /dev/zero | wc -c && chmod 600 /dev/null 2>/dev/null || echo no",
			"4\nno\n"},
		{"console", "for f in /dev/console /dev/hvc0; do [ -c $f ] && [ -t 3 ] 3<>$f && echo terminal; done",
			"terminal\nterminal\n"},
		{"terminal", "script -qc 'tty' /dev/null </dev/null | tr -d '\\r' | grep -c pts", "1\n"},
		{"agent not writable", "echo x 2>/dev/null > /run/postern/postern-agent || echo no", "no\n"},
		{"environment", "env | cut -d= -f1 | sort | grep -v -e '^_$' -e PWD -e SHLVL -e OLDPWD | tr '\\n' ' '; echo",
			"HOME LANG PATH SSL_CERT_FILE \n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b, c := l.boot(10+i, tt.script)
			b.Hostname = "ip-10-0-1-10"
			b.Address = netip.MustParsePrefix("10.0.1.10/24")
			m := start(t, l, b)
			if got := c.script(t); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			m.Stop()
			if end := m.End(); end.Kind != guest.Stopped {
				t.Errorf("ended %+v", end)
			}
		})
	}
}
