package guest

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	// agentPath is where the agent's program is in every guest, and realAgentPath where an image may have Amazon's own.
	agentName     = "postern-agent"
	agentPath     = runDir + "/" + agentName
	realAgentPath = "/usr/bin/amazon-ssm-agent"
	guestPath     = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	// runDir holds, in the guest, what a boot hands to it.
	runDir = "/run/postern"
	binDir = runDir + "/bin"
	// filesPath has the files that user data asks for.
	filesPath = runDir + "/write-files"
	// controlFD is the socket to whoever started this process: the launcher of a keeper; a guest's keeper, and then it is
	// kept through every exec up to the guest's first process. lockFD is a keeper's lock on the instance's directory.
	controlFD = 3
	lockFD    = 4
)

// InitMain must be the first thing that main calls in a program that makes a Launcher. It returns at once, except in
// the processes that are to keep a guest or to become one: there it never returns.
func InitMain() {
	ready = true
	if len(os.Args) != 1 || os.Getpid() != 1 {
		return
	}
	switch os.Args[0] {
	case keeperName:
		runtime.LockOSThread() // keyrings belong to a thread, too
		if err := keep(); err != nil {
			os.Exit(1) // it has been told
		}
		os.Exit(0)
	case arg0:
		// Capabilities belong to a thread; exec keeps those of the thread that calls it.
		runtime.LockOSThread()
		report(become())
		os.Exit(1)
	}
}

func report(err error) {
	var m *Missing
	if errors.As(err, &m) {
		text, _ := json.Marshal(m)
		tell("missing " + string(text))
		return
	}
	tell("error " + err.Error())
}

// tell says something to the launcher. If nobody listens any more, this guest ends anyway.
func tell(message string) { _, _ = unix.Write(controlFD, []byte(message)) }

func become() error {
	unix.CloseOnExec(0) // the host's /dev/null; the guest gets its own
	buf := make([]byte, maxMessage)
	n, err := unix.Read(controlFD, buf)
	if err != nil {
		return fmt.Errorf("read configuration: %w", err)
	}
	m, err := parseMessage(buf[:n])
	if err != nil {
		return fmt.Errorf("read configuration: %w", err)
	}
	var b Boot
	if err := json.Unmarshal(m.body, &b); err != nil {
		return fmt.Errorf("read configuration: %w", err)
	}
	if err := newSessionKeyring(); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "postern: %s boots; %s %s via %s, DNS servers %s\n", b.ID, ifName, b.Address, b.Gateway,
		b.Servers)
	tap, err := network(&b)
	if err != nil {
		return err
	}
	if err := unix.Sendmsg(controlFD, []byte("tap"), unix.UnixRights(int(tap.Fd())), nil, 0); err != nil {
		return fmt.Errorf("hand over network interface: %w", err)
	}
	tap.Close()
	if err := unix.Sethostname([]byte(b.Hostname)); err != nil {
		return fmt.Errorf("set host name: %w", err)
	}
	if err := enterRoot(&b); err != nil {
		return err
	}
	if err := writeFiles(&b); err != nil {
		return err
	}
	for _, part := range []func() error{noUserNamespaces, ownBootID, closeProc, dropCapabilities, filter} {
		if err := part(); err != nil {
			return err
		}
	}
	if b.Probe {
		tell("ready")
		os.Exit(0)
	}
	return execInit(&b)
}

func execInit(b *Boot) error {
	agent := []string{agentPath, "run"}
	if b.Image != "" {
		if info, err := os.Stat(realAgentPath); err == nil && info.Mode().IsRegular() {
			agent = []string{realAgentPath}
		}
	}
	args := []string{agentPath, "init", "--instance", b.ID}
	if len(b.UserData) > 0 {
		args = append(args, "--user-data", filepath.Join(runDir, "user-data"))
	}
	if len(b.Files) > 0 {
		args = append(args, "--write-files", filesPath)
	}
	args = append(append(args, "--"), agent...)
	null, err := unix.Open("/dev/null", unix.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("open /dev/null: %w", err)
	}
	if err := unix.Dup2(null, 0); err != nil {
		return err
	}
	if null != 0 {
		unix.Close(null)
	}
	// Amazon's agent reads its environment: AWS_CA_BUNDLE, for one, would replace its roots. It gets a clean one.
	env := []string{"PATH=" + guestPath, "HOME=/root", "LANG=C.UTF-8", "SSL_CERT_FILE=" + caBundle}
	return fmt.Errorf("start %s: %w", agentPath, unix.Exec(agentPath, args, env))
}

// kept are the capabilities that a guest's root may have. What is missing is missing in every process of the guest, for
// good: above all CAP_SYS_ADMIN, with which the read-only and hidden parts of /proc could be opened again.
var kept = []int{
	unix.CAP_CHOWN, unix.CAP_DAC_OVERRIDE, unix.CAP_FOWNER, unix.CAP_FSETID, unix.CAP_KILL, unix.CAP_SETGID,
	unix.CAP_SETUID,
	unix.CAP_SETPCAP, unix.CAP_NET_BIND_SERVICE, unix.CAP_NET_ADMIN, unix.CAP_NET_RAW, unix.CAP_SYS_CHROOT,
	unix.CAP_SYS_PTRACE, unix.CAP_SYS_BOOT, unix.CAP_SYS_NICE, unix.CAP_AUDIT_WRITE, unix.CAP_SETFCAP,
}

func dropCapabilities() error {
	keep := map[int]bool{}
	for _, c := range kept {
		keep[c] = true
	}
	for c := 0; c <= 63; c++ {
		if keep[c] {
			continue
		}
		err := unix.Prctl(unix.PR_CAPBSET_DROP, uintptr(c), 0, 0, 0)
		if errors.Is(err, unix.EINVAL) {
			return nil // past the last one that this kernel knows
		}
		if err != nil {
			return fmt.Errorf("drop capability %d: %w", c, err)
		}
	}
	return nil
}

const caBundle = runDir + "/ca-bundle.pem"

// bundles are where systems keep the certificates that they trust.
var bundles = []string{
	"/etc/ssl/certs/ca-certificates.crt", // Debian, Arch, Gentoo
	"/etc/pki/tls/certs/ca-bundle.crt",   // Fedora, RHEL, Amazon Linux
	"/etc/ssl/ca-bundle.pem",             // SUSE
	"/etc/ssl/cert.pem",                  // Alpine
}

// writeFiles writes, inside the guest, what DHCP and cloud-init write on Amazon's instances at every boot.
func writeFiles(b *Boot) error {
	if err := os.MkdirAll(runDir, 0o755); err != nil {
		return err
	}
	resolv, names := "", b.Hostname
	if len(b.Search) > 0 {
		resolv = "search " + strings.Join(b.Search, " ") + "\n"
		names = b.Hostname + "." + b.Search[0] + " " + b.Hostname
	}
	for _, server := range b.Servers {
		resolv += "nameserver " + server.String() + "\n"
	}
	hosts := fmt.Sprintf("127.0.0.1 localhost\n%s %s\n", b.Address.Addr(), names)
	files := []struct {
		name, text string
		mode       os.FileMode
	}{
		{"/etc/resolv.conf", resolv, 0o644},
		{"/etc/hosts", hosts, 0o644},
		{"/etc/hostname", b.Hostname + "\n", 0o644},
		{runDir + "/user-data", string(b.UserData), 0o600},
	}
	if len(b.Files) > 0 {
		list, err := json.Marshal(b.Files)
		if err != nil {
			return err
		}
		files = append(files, struct {
			name, text string
			mode       os.FileMode
		}{filesPath, string(list), 0o600})
	}
	if id, err := os.ReadFile("/etc/machine-id"); err != nil || len(strings.TrimSpace(string(id))) == 0 {
		// 32 hexadecimal digits (machine-id(5)), the same at every boot of the instance.
		files = append(files, struct {
			name, text string
			mode       os.FileMode
		}{"/etc/machine-id", fmt.Sprintf("%032s\n", strings.TrimPrefix(b.ID, "i-")), 0o444})
	}
	for _, f := range files {
		_ = os.Remove(f.name) // it may be a link, or somebody else's
		if err := os.WriteFile(f.name, []byte(f.text), f.mode); err != nil {
			return err
		}
	}
	return trust(b.CA)
}

// trust adds the authority to the bundles that the image has, and makes one for the agent whatever the image has.
func trust(ca string) error {
	own := strings.TrimSpace(ca) + "\n"
	agents := own
	for _, path := range bundles {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		if !strings.Contains(string(text), own) {
			text = append(append(text, '\n'), own...)
			if err := os.WriteFile(path, text, 0o644); err != nil {
				return err
			}
		}
		agents = string(text)
	}
	// update-ca-certificates makes Debian's bundle anew from these.
	if os.MkdirAll("/usr/local/share/ca-certificates", 0o755) == nil {
		_ = os.WriteFile("/usr/local/share/ca-certificates/postern.crt", []byte(own),
			0o644) // best effort: /usr may be read-only
	}
	return os.WriteFile(caBundle, []byte(agents), 0o644)
}
