package guest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Inside an instance's directory. Only layerDir and the overDirs hold what the guest wrote: nothing on the host's side
// may follow a path into them once the guest has run.
const (
	layerDir = "layer" // the guest's writable layer
	workDir  = "work"  // overlayfs's own
	rootDir  = "root"  // where the root file system is put together, in the guest's mount namespace only
	overDir  = "over"  // layers over single directories of the host: NAME and NAME.work
	emptyDir = "empty" // what lies under the layer where there is no image
	agentDir = "agent" // the agent's program, and nothing else
	doneMark = "prepared"
)

// hostDirs are the directories of the host that a guest of the host's image gets, each with a layer over it: its
// programs and its package database. A host whose /bin is a link into /usr gets the link.
var hostDirs = []string{"usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32", "var/lib/dpkg", "var/lib/rpm",
	"var/lib/pacman"}

// skeleton lists the directories of a root file system besides the host's, with the modes of the Filesystem Hierarchy.
var skeleton = []struct {
	name string
	mode fs.FileMode
}{
	{"boot", 0o755}, {"dev", 0o755}, {"etc", 0o755}, {"home", 0o755}, {"media", 0o755}, {"mnt", 0o755}, {"opt", 0o755},
	{"proc", 0o755}, {"root", 0o700}, {"run", 0o755}, {"srv", 0o755}, {"sys", 0o755}, {"tmp", 0o777 | fs.ModeSticky},
	{"var", 0o755}, {"var/cache", 0o755}, {"var/lib", 0o755}, {"var/local", 0o755}, {"var/log", 0o755},
	{"var/mail", 0o755}, {"var/opt", 0o755}, {"var/spool", 0o755}, {"var/tmp", 0o777 | fs.ModeSticky},
}

// prepare makes the instance's directory before its first boot. Later it changes nothing that the guest has seen.
func prepare(b *Boot) error {
	for _, name := range []string{emptyDir, agentDir} {
		if err := os.MkdirAll(filepath.Join(b.Dir, name), 0o755); err != nil {
			return err
		}
	}
	if err := prepareAgent(b); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(b.Dir, doneMark)); err == nil {
		return nil
	}
	for _, name := range []string{layerDir, workDir, rootDir, overDir} {
		if err := os.MkdirAll(filepath.Join(b.Dir, name), 0o755); err != nil {
			return err
		}
	}
	// Whoever may not pass through here cannot start a set-user-ID program that a guest put into its layer.
	if err := os.Chmod(b.Dir, 0o700); err != nil {
		return err
	}
	layer, err := os.OpenRoot(filepath.Join(b.Dir, layerDir))
	if err != nil {
		return err
	}
	defer layer.Close()
	if b.Image == "" {
		err = prepareHost(b, layer)
	} else {
		err = prepareImage(layer)
	}
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(b.Dir, doneMark), nil, 0o600)
}

// prepareAgent puts the agent's program into the instance's directory, without copying it where it can be linked.
func prepareAgent(b *Boot) error {
	agent, err := filepath.EvalSymlinks(b.Agent)
	if err != nil {
		return &Missing{"the agent", err.Error(),
			"put postern-agent beside postern (make build does), or name it in POSTERN_AGENT"}
	}
	at := filepath.Join(b.Dir, agentDir, agentName)
	if err := os.Remove(at); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if os.Link(agent, at) == nil {
		return nil
	}
	if err := copyFile(agent, at); err != nil {
		return fmt.Errorf("copy the agent: %w", err)
	}
	return os.Chmod(at, 0o755)
}

func prepareHost(b *Boot, layer *os.Root) error {
	for _, d := range skeleton {
		if err := makeDir(layer, d.name, d.mode); err != nil {
			return err
		}
	}
	for name, target := range map[string]string{"var/run": "/run", "var/lock": "/run/lock"} {
		if err := layer.Symlink(target, name); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	if err := makeOver(b.Dir, "etc"); err != nil {
		return err
	}
	// An ordinary user's guest cannot copy a directory of the host's root up to write into it: it is there already.
	if info, err := os.Lstat("/usr/sbin"); err == nil && info.IsDir() {
		if err := os.MkdirAll(filepath.Join(b.Dir, overDir, "usr", "sbin"), 0o755); err != nil {
			return err
		}
	}
	for _, name := range hostDirs {
		info, err := os.Lstat("/" + name)
		switch {
		case err != nil:
			continue
		case info.Mode()&fs.ModeSymlink != 0:
			target, err := os.Readlink("/" + name)
			if err != nil {
				return err
			}
			if err := layer.Symlink(target, name); err != nil && !errors.Is(err, fs.ErrExist) {
				return err
			}
		case info.IsDir():
			if err := makeDir(layer, name, 0o755); err != nil {
				return err
			}
			if err := makeOver(b.Dir, name); err != nil {
				return err
			}
		}
	}
	return nil
}

// prepareImage makes what the image may lack: places to mount on. They merge with the image's directories of that name.
func prepareImage(layer *os.Root) error {
	for _, name := range []string{"dev", "proc", "sys", "run", "etc"} {
		if err := makeDir(layer, name, 0o755); err != nil {
			return err
		}
	}
	return nil
}

func makeDir(root *os.Root, name string, mode fs.FileMode) error {
	if err := root.MkdirAll(name, 0o755); err != nil {
		return err
	}
	return root.Chmod(name, mode) // whatever the umask
}

func makeOver(dir, name string) error {
	for _, part := range []string{overName(name), overName(name) + ".work"} {
		if err := os.MkdirAll(filepath.Join(dir, overDir, part), 0o755); err != nil {
			return err
		}
	}
	return nil
}

func overName(name string) string { return strings.ReplaceAll(name, "/", "-") }

// CopyHostEtc copies the part of the host's /etc that everybody may read to dir, which it replaces. It becomes the /etc
// of guests that have the host's image: a copy has owners that an ordinary user's guest may be, and holds no secret.
func CopyHostEtc(dir string) error {
	if err := Remove(dir); err != nil {
		return err
	}
	if err := copyTree("/etc", dir, true); err != nil {
		return fmt.Errorf("copy /etc: %w", err)
	}
	etc, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer etc.Close()
	return lockAccounts(etc)
}

// lockAccounts writes a shadow file in which nobody has a password: the host's own is not copied.
func lockAccounts(etc *os.Root) error {
	passwd, err := etc.ReadFile("passwd")
	if err != nil {
		return nil // a host without accounts
	}
	var shadow strings.Builder
	for line := range strings.Lines(string(passwd)) {
		if name, _, ok := strings.Cut(line, ":"); ok {
			fmt.Fprintf(&shadow, "%s:*:19000:0:99999:7:::\n", name)
		}
	}
	for _, f := range []struct{ name, text string }{{"shadow", shadow.String()}, {"gshadow", ""}, {"machine-id", ""}} {
		_ = etc.Remove(f.name)
		if err := etc.WriteFile(f.name, []byte(f.text), 0o640); err != nil {
			return err
		}
	}
	return etc.Chmod("machine-id", 0o644)
}
