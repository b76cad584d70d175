package guest

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// noUserNamespaces keeps the guest from making user namespaces: in one of its own, its root would have every capability
// again, and with them parts of the kernel that nothing else here has a use for.
func noUserNamespaces() error {
	err := os.WriteFile("/proc/sys/user/max_user_namespaces", []byte("0"), 0)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("turn user namespaces off: %w", err)
	}
	return nil
}

// ownBootID gives each boot of the guest an id: the kernel's is the host's, and programs tell a reboot by it.
func ownBootID() error {
	const bootID, own = "/proc/sys/kernel/random/boot_id", runDir + "/boot-id"
	if _, err := os.Stat(bootID); err != nil {
		return nil // a kernel without it
	}
	var b [16]byte
	rand.Read(b[:])         // never fails: it ends the program instead
	b[6] = b[6]&0x0f | 0x40 // RFC 9562, version 4
	b[8] = b[8]&0x3f | 0x80
	text := fmt.Sprintf("%x-%x-%x-%x-%x\n", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
	if err := os.WriteFile(own, []byte(text), 0o444); err != nil {
		return err
	}
	return bindReadOnly(own, bootID)
}

// hidden are entries of /proc that tell about the host, or act on it, and that everybody may read or enter.
var hidden = []string{
	"acpi", "asound", "interrupts", "kcore", "key-users", "keys", "kmsg", "latency_stats", "sched_debug", "scsi",
	"softirqs",
	"timer_list", "timer_stats",
}

// closeProc leaves of /proc what is the guest's own. Of the rest it hides what tells about the host and whatever the
// host lets only its root read, and makes read-only what can be written to: where the guest's root is the host's, the
// kernel takes it for the owner of all of that.
func closeProc() error {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return err
	}
	hide := map[string]bool{}
	for _, name := range hidden {
		hide[name] = true
	}
	for _, e := range entries {
		name, path := e.Name(), "/proc/"+e.Name()
		info, err := os.Lstat(path)
		if strings.Trim(name, "0123456789") == "" || err != nil || info.Mode()&fs.ModeSymlink != 0 {
			continue // a process, or a link to one's own
		}
		mode := info.Mode().Perm()
		switch {
		case info.IsDir() && (hide[name] || mode&0o005 == 0):
			err = unix.Mount("none", path, "tmpfs", unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC,
				"size=0,mode=555")
		case info.IsDir():
			err = bindReadOnly(path, path)
		case hide[name] || mode&0o004 == 0:
			err = unix.Mount("/dev/null", path, "", unix.MS_BIND, "")
		case mode&0o222 != 0:
			err = bindReadOnly(path, path)
		}
		if err != nil {
			return fmt.Errorf("close %s: %w", path, err)
		}
	}
	return nil
}
