package guest

import (
	"context"
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Check reports what this host lacks for guests, by looking and by booting one that ends at once. dir is a directory in
// which it may make and remove another; agent is the path of postern-agent.
func (l *Launcher) Check(ctx context.Context, dir, agent string) []Missing {
	var missing []Missing
	if f, err := os.OpenFile(tunPath, os.O_RDWR, 0); err != nil {
		missing = append(missing, *tunMissing(err))
	} else {
		f.Close()
	}
	if info, err := os.Stat(agent); err != nil || info.Mode()&0o111 == 0 {
		missing = append(missing, Missing{"the agent", "no program " + agent,
			"put postern-agent beside postern (make build does), or name it in POSTERN_AGENT"})
	}
	if len(missing) > 0 {
		return missing
	}
	if err := l.probe(ctx, dir, agent); err != nil {
		var m *Missing
		if !errors.As(err, &m) {
			m = &Missing{"namespaces", err.Error(), namespaceRemedy()}
		}
		missing = append(missing, *m)
	}
	return missing
}

func (l *Launcher) probe(ctx context.Context, dir, agent string) error {
	tmp, err := os.MkdirTemp(dir, ProbePrefix)
	if err != nil {
		return err
	}
	defer func() { _ = Remove(tmp) }() // what stays is swept at the next start
	etc := filepath.Join(tmp, "etc")
	if err := os.MkdirAll(filepath.Join(etc, "ssl"), 0o755); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	m, err := l.Start(ctx, Boot{
		ID: "i-probe", Dir: filepath.Join(tmp,
			"i"), HostEtc: etc, Agent: agent, Hostname: "probe", Probe: true, MAC: "0a:00:00:00:00:01",
		Address: netip.MustParsePrefix("192.0.2.2/24"),
		Gateway: netip.MustParseAddr("192.0.2.1"),
		Servers: []netip.Addr{netip.MustParseAddr("192.0.2.1")},
	})
	if err != nil {
		return err
	}
	m.Kill()
	return m.TAP().Close()
}

func tunMissing(err error) *Missing {
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENODEV):
		return &Missing{tunPath, "it is not there",
			"load the module: sudo modprobe tun (in a container: --device /dev/net/tun)"}
	case errors.Is(err, fs.ErrPermission):
		return &Missing{tunPath, "this user may not open it", "sudo chmod 0666 " + tunPath}
	default:
		return &Missing{tunPath, err.Error(), "sudo modprobe tun"}
	}
}

// namespaceRemedy reads the switches with which systems turn user namespaces off.
func namespaceRemedy() string {
	for _, s := range []struct{ path, off, remedy string }{
		{"/proc/sys/user/max_user_namespaces", "0", "sudo sysctl -w user.max_user_namespaces=10000"},
		{"/proc/sys/kernel/unprivileged_userns_clone", "0", "sudo sysctl -w kernel.unprivileged_userns_clone=1"},
		{"/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1",
			"sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"},
	} {
		if v, err := os.ReadFile(s.path); err == nil && strings.TrimSpace(string(v)) == s.off {
			return s.remedy
		}
	}
	return "allow user namespaces to this user, or run as root (in a container: --privileged)"
}
