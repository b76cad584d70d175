package tunnel

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Inside the directory that takes what an attached command writes.
const (
	upperDir = "files" // one directory for each of this machine's that has a layer, named after it
	workDir  = "work"  // overlayfs's own
)

// mostOverlays bounds how many layers an attached command has. What is left has none, and is read-only.
const mostOverlays = 400

// bare are directories that have no layer: they hold no files of a disk.
var bare = []string{"/proc", "/sys", "/dev"}

// layers puts a writable layer over this machine's files, in this mount namespace only.
type layers struct {
	mounts []string // where file systems are mounted
	count  int
	log    io.Writer
}

// isolate gives this process, the first of a pid namespace, its own /proc, and a layer over every file system: what it
// writes lies in dir, for the next time too.
func isolate(dir string, log io.Writer) error {
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount /proc of its own: %w; where this machine is itself a container, its /proc must be unmasked "+
			"(docker run --security-opt systempaths=unconfined), or attach with --shared", err)
	}
	here, err := os.Getwd()
	if err != nil {
		return err
	}
	// The directory may lie in one that gets a layer: from within, it stays the one on the disk.
	if err := os.Chdir(dir); err != nil {
		return err
	}
	l := &layers{log: log}
	if l.mounts, err = mountPoints(); err != nil {
		return err
	}
	if err := l.cover("/", false); err != nil {
		return err
	}
	if err := readOnly("/"); err != nil {
		return fmt.Errorf("make / read-only: %w", err)
	}
	if err := emptyOver("/dev/shm"); err != nil {
		return err
	}
	return os.Chdir(here)
}

// cover gives a directory a layer. Where others are mounted below it, which a layer would hide, its directories get one
// each and it is read-only itself.
func (l *layers) cover(dir string, mayOverlay bool) error {
	if slices.Contains(bare, dir) {
		return nil
	}
	below := slices.ContainsFunc(l.mounts, func(m string) bool {
		return m != dir &&
			strings.HasPrefix(m, strings.TrimSuffix(dir, "/")+"/")
	})
	if mayOverlay && !below {
		return l.overlay(dir)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil // this user sees nothing of it
	}
	if mayOverlay {
		if err := bindReadOnly(dir); err != nil {
			return err
		}
	}
	for _, e := range entries {
		if e.IsDir() {
			if err := l.cover(filepath.Join(dir, e.Name()), true); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *layers) overlay(dir string) error {
	if ofTheKernel(dir) {
		return bindReadOnly(dir)
	}
	l.count++
	name := strings.ReplaceAll(strings.ReplaceAll(dir[1:], "%", "%25"), "/", "%2F")
	upper, work := filepath.Join(upperDir, name), filepath.Join(workDir, name)
	err := fmt.Errorf("more than %d file systems", mostOverlays)
	if l.count <= mostOverlays {
		err = prepareLayer(dir, upper, work)
	}
	if err == nil {
		options := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s,userxattr", escapeOption(dir), escapeOption(upper),
			escapeOption(work))
		err = unix.Mount("overlay", dir, "overlay", 0, options)
	}
	if err == nil {
		return nil
	}
	if os.Geteuid() == 0 || unix.Access(dir, unix.W_OK) == nil {
		fmt.Fprintf(l.log, "postern: attach: %s is read-only, it can have no layer: %v\n", dir, err)
	}
	return bindReadOnly(dir)
}

// kernelFiles are the file systems whose files are the kernel's own state (statfs(2)). Some are mounted below a root of
// another system that lies on this machine; overlayfs takes none of them.
var kernelFiles = []int64{
	unix.PROC_SUPER_MAGIC, unix.SYSFS_MAGIC, unix.CGROUP_SUPER_MAGIC, unix.CGROUP2_SUPER_MAGIC, unix.DEVPTS_SUPER_MAGIC,
	unix.DEBUGFS_MAGIC, unix.TRACEFS_MAGIC, unix.SECURITYFS_MAGIC, unix.BPF_FS_MAGIC,
}

func ofTheKernel(dir string) bool {
	var st unix.Statfs_t
	if unix.Statfs(dir, &st) != nil {
		return false
	}
	return slices.Contains(kernelFiles, int64(st.Type)) //nolint:unconvert // an int32 on 32-bit systems
}

// prepareLayer makes the directories of a layer. The upper one shows in the place of dir, with its mode and owner.
func prepareLayer(dir, upper, work string) error {
	if err := os.MkdirAll(work, 0o700); err != nil {
		return err
	}
	if _, err := os.Stat(upper); err == nil {
		return nil
	}
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil {
		return err
	}
	if err := os.MkdirAll(upper, 0o700); err != nil {
		return err
	}
	_ = os.Lchown(upper, int(st.Uid), int(st.Gid)) // an ordinary user's own it is anyway
	return unix.Chmod(upper, st.Mode&0o7777)
}

var optionEscapes = strings.NewReplacer(`\`, `\\`, `,`, `\,`, `:`, `\:`)

func escapeOption(path string) string { return optionEscapes.Replace(path) }

// mountPoints reads where file systems are mounted (proc_pid_mountinfo(5)).
func mountPoints() ([]string, error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	unescape := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
	var all []string
	for lines := bufio.NewScanner(f); ; {
		if !lines.Scan() {
			return all, lines.Err()
		}
		if fields := strings.Fields(lines.Text()); len(fields) > 4 {
			all = append(all, unescape.Replace(fields[4]))
		}
	}
}

func bindReadOnly(dir string) error {
	if err := unix.Mount(dir, dir, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("bind %s: %w", dir, err)
	}
	if err := readOnly(dir); err != nil {
		return fmt.Errorf("make %s read-only: %w", dir, err)
	}
	return nil
}

// readOnly makes one mount read-only, and leaves it what else it is: a user namespace may take nothing away.
func readOnly(dir string) error {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return err
	}
	keep := uintptr(st.Flags) & (unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC | unix.MS_NOATIME | unix.MS_NODIRATIME)
	if st.Flags&(unix.ST_RELATIME|unix.ST_NOATIME) == 0 {
		keep |= unix.MS_STRICTATIME
	}
	return unix.Mount("", dir, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY|keep, "")
}
