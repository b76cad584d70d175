package guest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// enterRoot puts the root file system together and makes it the root of this mount namespace.
func enterRoot(b *Boot) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	// Mounts are put together by relative names: the guest reads them in /proc/self/mountinfo.
	err := os.Chdir(b.Dir)
	if err != nil {
		return err
	}
	if b.Image == "" {
		err = hostRoot(b)
	} else {
		err = imageRoot(relative(b.Dir, b.Image))
	}
	if err != nil {
		return err
	}
	if err := systemMounts(); err != nil {
		return err
	}
	if err := putAgent(); err != nil {
		return fmt.Errorf("put the agent into the guest: %w", err)
	}
	if err := os.Chdir(rootDir); err != nil {
		return err
	}
	// pivot_root(2): with both arguments the same, the old root lies over the new one and is then taken off.
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("pivot root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("leave the old root: %w", err)
	}
	return os.Chdir("/")
}

// putAgent shows the agent's program in the guest, and in its /usr/bin where there can be one. The host's files are
// still in reach here: a link that an image or a guest has left must not lead to them.
func putAgent() error {
	root, err := os.OpenRoot(rootDir)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := root.MkdirAll(binDir[1:], 0o755); err != nil {
		return err
	}
	agent, bound := rootDir+binDir+"/"+agentName, []string{"/usr/bin/postern-agent"}
	// A file that is bound names its path on the host in /proc/self/mountinfo, one on an overlay only its path there.
	options := fmt.Sprintf("lowerdir=%s:%s,userxattr", agentDir, emptyDir)
	if err := unix.Mount("overlay", rootDir+binDir, "overlay", unix.MS_RDONLY|unix.MS_NODEV, options); err != nil {
		agent, bound = filepath.Join(agentDir, agentName), append(bound, agentPath)
	} else if err := linkAgent(root); err != nil {
		return err
	}
	for _, path := range bound {
		f, err := root.OpenFile(path[1:], os.O_CREATE|unix.O_NOFOLLOW, 0o755)
		if err != nil && path != agentPath {
			continue // /usr is the host's, and the guest's root an ordinary user; or a link leads out
		}
		if err != nil {
			return err
		}
		f.Close()
		if err := bindReadOnly(agent, rootDir+path); err != nil {
			return err
		}
	}
	putPowerCommands(root)
	return nil
}

// linkAgent shows the agent's program where it is started. An update puts a new one in the place of the link; nothing
// can take that of a file that is bound.
func linkAgent(root *os.Root) error {
	if err := root.Remove(agentPath[1:]); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return root.Symlink(binDir+"/"+agentName, agentPath[1:])
}

// powerCommands are programs of the guest that are the agent's: those of an image ask an init that is not there.
var powerCommands = []string{"shutdown", "reboot", "poweroff", "halt"}

// putPowerCommands shows them where programs look for them: Amazon's agent starts /sbin/shutdown.
func putPowerCommands(root *os.Root) {
	_ = root.Mkdir("sbin", 0o755) // it is there, or a link
	for _, dir := range []string{"sbin", "usr/sbin"} {
		if _, err := root.Stat(dir); err != nil {
			continue
		}
		for _, name := range powerCommands {
			path := dir + "/" + name
			if target, err := root.Readlink(path); err == nil && target == agentPath {
				continue
			}
			_ = root.Remove(path) // if it cannot be, the link cannot be made either
			if err := root.Symlink(agentPath, path); err != nil {
				fmt.Fprintf(os.Stderr, "postern: no %s in this guest: %v\n", path, err)
			}
		}
	}
}

// hostRoot is the guest's layer with the host's directories put in, each under a layer of its own. One overlay over the
// host's / is not possible: the kernel refuses to copy a mount that has others under it which this namespace may not
// part from it.
func hostRoot(b *Boot) error {
	if err := overlay(emptyDir, layerDir, workDir, rootDir); err != nil {
		if err := unix.Mount(layerDir, rootDir, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("bind the layer: %w", err)
		}
	}
	for _, name := range append([]string{"etc"}, hostDirs...) {
		over := filepath.Join(overDir, overName(name))
		if info, err := os.Lstat(over); err != nil || !info.IsDir() {
			continue // the host has a link there, or nothing
		}
		lower := "/" + name
		if name == "etc" {
			lower = relative(b.Dir, b.HostEtc)
		}
		target := filepath.Join(rootDir, name)
		err := overlay(lower, over, over+".work", target)
		if err == nil {
			continue
		}
		fmt.Fprintf(os.Stderr, "postern: no overlay over %s (%v)\n", name, err)
		if err := withoutOverlay(name, lower, over, target); err != nil {
			return err
		}
	}
	return nil
}

// withoutOverlay gives the guest a directory that it cannot change, or its own copy of /etc.
func withoutOverlay(name, lower, over, target string) error {
	if name == "etc" {
		if err := copyOnce(lower, over); err != nil {
			return fmt.Errorf("copy /etc: %w", err)
		}
		return unix.Mount(over, target, "", unix.MS_BIND, "")
	}
	if err := bindReadOnly(lower, target); err != nil {
		return fmt.Errorf("bind /%s: %w", name, err)
	}
	return nil
}

func imageRoot(image string) error {
	err := overlay(image, layerDir, workDir, rootDir)
	if err == nil {
		return nil
	}
	fmt.Fprintf(os.Stderr, "postern: no overlay over the image (%v), it is copied instead\n", err)
	if err := copyOnce(image, layerDir); err != nil {
		return fmt.Errorf("copy the image: %w", err)
	}
	return unix.Mount(layerDir, rootDir, "", unix.MS_BIND, "")
}

// copyOnce fills a layer with what is under it. It works inside the guest's namespaces, where a link that the guest
// made reaches nothing that the guest may not write; and it is done before the guest has run.
func copyOnce(lower, layer string) error {
	mark := filepath.Clean(layer) + ".copied"
	if _, err := os.Stat(mark); err == nil {
		return nil
	}
	if err := copyTree(lower, layer, false); err != nil {
		return err
	}
	return os.WriteFile(mark, nil, 0o600)
}

// relative is a path as it is seen from a directory.
func relative(dir, path string) string {
	if short, err := filepath.Rel(dir, path); err == nil {
		return short
	}
	return path
}

var escape = strings.NewReplacer(`\`, `\\`, `,`, `\,`, `:`, `\:`)

// overlay mounts upper over lower. "userxattr" is what a user namespace needs (Documentation/filesystems/overlayfs).
func overlay(lower, upper, work, target string) error {
	options := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s,userxattr", escape.Replace(lower), upper, work)
	return unix.Mount("overlay", target, "overlay", 0, options)
}

// bindReadOnly shows a file or directory of the host at target, read-only.
func bindReadOnly(source, target string) error {
	if err := unix.Mount(source, target, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return err
	}
	var st unix.Statfs_t
	if err := unix.Statfs(target, &st); err != nil {
		return err
	}
	// A user namespace may not take away what the host set; statfs reports it in the same bits as mount takes.
	keep := uintptr(st.Flags) & (unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC | unix.MS_NOATIME | unix.MS_NODIRATIME)
	if st.Flags&(unix.ST_RELATIME|unix.ST_NOATIME) == 0 {
		keep |= unix.MS_STRICTATIME
	}
	return unix.Mount("", target, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY|keep, "")
}

var devices = []string{"null", "zero", "full", "random", "urandom", "tty", "net/tun"}

func mountProc(at string) error {
	if err := unix.Mount("proc", at, "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return &Missing{"/proc", "mounting it in a guest is refused: " + err.Error(),
			"where this host is itself a container, start that one with an unmasked /proc (docker run --security-opt " +
				"systempaths=unconfined)"}
	}
	return nil
}

// consoles lists the devices that programs take for the console: Amazon's agent writes to both.
var consoles = []string{"console", "hvc0"}

// openConsole makes a terminal of the guest its console and tells the keeper, which reads what is written there.
func openConsole() error {
	pts := filepath.Join(rootDir, "dev/pts")
	master, err := os.OpenFile(pts+"/ptmx", os.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open the console: %w", err)
	}
	defer master.Close()
	fd := int(master.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		return fmt.Errorf("unlock the console: %w", err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		return fmt.Errorf("number of the console: %w", err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("%s/%d", pts, n), os.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open the console: %w", err)
	}
	defer slave.Close()
	if err := plainTerminal(int(slave.Fd())); err != nil {
		return fmt.Errorf("set the console: %w", err)
	}
	for _, name := range consoles {
		path := filepath.Join(rootDir, "dev", name)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			return err
		}
		if err := unix.Mount(slave.Name(), path, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("bind /dev/%s: %w", name, err)
		}
	}
	// The keeper holds the slave, too: without a writer the master would be at its end.
	rights := unix.UnixRights(fd, int(slave.Fd()))
	if err := unix.Sendmsg(controlFD, []byte("console"), rights, nil, 0); err != nil {
		return fmt.Errorf("hand over the console: %w", err)
	}
	return nil
}

// plainTerminal has a terminal neither echo nor change what is written.
func plainTerminal(fd int) error {
	t, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return err
	}
	t.Oflag &^= unix.OPOST
	t.Lflag &^= unix.ECHO
	return unix.IoctlSetTermios(fd, unix.TCSETS, t)
}

// systemMounts makes /proc, /dev, /sys, /run in the root directory that is being put together.
func systemMounts() error {
	at := func(name string) string { return filepath.Join(rootDir, name) }
	if err := mountProc(at("proc")); err != nil {
		return err
	}
	for _, m := range []struct {
		name    string
		flags   uintptr
		options string
	}{
		{"dev", unix.MS_NOSUID | unix.MS_NOEXEC, "mode=755,size=64k"},
		{"run", unix.MS_NOSUID | unix.MS_NODEV, "mode=755,size=64m"},
		{"sys", unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC | unix.MS_RDONLY, "mode=555,size=0"},
	} {
		if err := unix.Mount("none", at(m.name), "tmpfs", m.flags, m.options); err != nil {
			return fmt.Errorf("mount /%s: %w", m.name, err)
		}
	}
	if err := os.Mkdir(at("dev/net"), 0o755); err != nil {
		return err
	}
	for _, name := range devices {
		path := at("dev/" + name)
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			return err
		}
		// Read-only keeps a guest's root from changing the mode of the host's device; the device itself can be written.
		if err := bindReadOnly("/dev/"+name, path); err != nil {
			return fmt.Errorf("bind /dev/%s: %w", name, err)
		}
	}
	for _, dir := range []string{"dev/pts", "dev/shm", "run/lock"} {
		if err := os.Mkdir(at(dir), 0o755); err != nil {
			return err
		}
	}
	if err := unix.Mount("devpts", at("dev/pts"), "devpts", unix.MS_NOSUID|unix.MS_NOEXEC,
		"newinstance,ptmxmode=0666,mode=0620"); err != nil {
		return fmt.Errorf("mount /dev/pts: %w", err)
	}
	if err := unix.Mount("none", at("dev/shm"), "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=1777,size=64m"); err != nil {
		return fmt.Errorf("mount /dev/shm: %w", err)
	}
	if err := openConsole(); err != nil {
		return err
	}
	for name, target := range map[string]string{
		"ptmx":   "pts/ptmx",
		"fd":     "/proc/self/fd",
		"stdin":  "/proc/self/fd/0",
		"stdout": "/proc/self/fd/1",
		"stderr": "/proc/self/fd/2",
	} {
		if err := os.Symlink(target, at("dev/"+name)); err != nil {
			return err
		}
	}
	return nil
}
