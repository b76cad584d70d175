package guest

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// CopyTree copies the directory from into to, which it makes: directories, files and links with their modes, and their
// owners where that is allowed. Devices and sockets are left out.
func CopyTree(from, to string) error { return copyTree(from, to, false) }

// copyTree is CopyTree; where publicOnly is set, what not everybody may read is left out. Nobody else may write to
// either directory meanwhile: links in them are copied, never followed, but only as long as they stay what they are.
func copyTree(from, to string, publicOnly bool) error {
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	asRoot := os.Geteuid() == 0
	return filepath.WalkDir(from, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			if publicOnly && d != nil && d.IsDir() {
				return fs.SkipDir // not even we may read it
			}
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil // gone meanwhile
		}
		if err != nil {
			return err
		}
		if publicOnly && !public(info) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		target := to + strings.TrimPrefix(name, from)
		if err := copyEntry(name, target, info); err != nil {
			return err
		}
		return finish(target, info, asRoot && name != from)
	})
}

func public(info fs.FileInfo) bool {
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		return true
	case info.IsDir():
		return info.Mode().Perm()&0o005 == 0o005
	default:
		return info.Mode().Perm()&0o004 != 0
	}
}

// copyEntry copies one directory (without what is in it), file or link; anything else it leaves out. A file or link
// that is there already, from an earlier try, is replaced.
func copyEntry(from, to string, info fs.FileInfo) error {
	mode := info.Mode()
	switch {
	case mode.IsDir():
		if err := os.Mkdir(to, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		return nil
	case mode&fs.ModeSymlink != 0:
		target, err := os.Readlink(from)
		if err != nil {
			return err
		}
		err = os.Symlink(target, to)
		if errors.Is(err, fs.ErrExist) {
			err = errors.Join(os.Remove(to), os.Symlink(target, to))
		}
		return err
	case mode.IsRegular():
		return copyFile(from, to)
	default:
		return nil
	}
}

// finish gives an entry the owner and mode that it had. An ordinary user's guest has one id only: it keeps what it
// gets.
func finish(to string, info fs.FileInfo, owner bool) error {
	mode := info.Mode()
	link := mode&fs.ModeSymlink != 0
	if !mode.IsDir() && !mode.IsRegular() && !link {
		return nil
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && owner {
		_ = os.Lchown(to, int(st.Uid), int(st.Gid)) // before the mode: it takes the set-user-ID bit away
	}
	switch {
	case link:
		return nil
	case mode.IsDir():
		return os.Chmod(to, mode.Perm()|0o700|mode&(fs.ModeSticky|fs.ModeSetgid))
	default:
		return os.Chmod(to, mode.Perm()|mode&(fs.ModeSetuid|fs.ModeSetgid|fs.ModeSticky))
	}
}

func copyFile(from, to string) (err error) {
	in, err := os.OpenFile(from, os.O_RDONLY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	defer in.Close()
	const create = os.O_WRONLY | os.O_CREATE | os.O_EXCL
	out, err := os.OpenFile(to, create, 0o600)
	if errors.Is(err, fs.ErrExist) {
		if err := os.Remove(to); err != nil {
			return err
		}
		out, err = os.OpenFile(to, create, 0o600)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	_, err = io.Copy(out, in)
	return err
}

// Remove deletes a directory and everything in it, even where a guest or overlayfs left directories that their owner
// may not enter. It never follows a link.
func Remove(dir string) error {
	err := os.RemoveAll(dir)
	if err == nil || !errors.Is(err, fs.ErrPermission) {
		return err
	}
	_ = filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if d != nil && d.IsDir() {
			_ = os.Chmod(name, 0o700) // before it is read; RemoveAll tells what is still wrong
		}
		return nil
	})
	return os.RemoveAll(dir)
}
