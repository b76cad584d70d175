package guest

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// CopyTree copies the directory from into to, which it makes: directories, files and links with their modes, and their
// owners where that is allowed. Devices and sockets are left out.
func CopyTree(from, to string) error { return copyTree(from, to, false) }

// copyTree copies directories, files and links with their modes, and as root with their owners. Where publicOnly is set,
// what not everybody may read is left out. Devices and sockets are left out.
func copyTree(from, to string, publicOnly bool) error {
	src, err := os.OpenRoot(from)
	if err != nil {
		return err
	}
	defer src.Close()
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	dst, err := os.OpenRoot(to)
	if err != nil {
		return err
	}
	defer dst.Close()
	return fs.WalkDir(src.FS(), ".", func(name string, d fs.DirEntry, err error) error {
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
		return copyEntry(src, dst, name, info)
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

// copyEntry copies one directory (without what is in it), file or link, and its owner where that is allowed; anything
// else it leaves out. A file or link that is there already is replaced.
func copyEntry(src, dst *os.Root, name string, info fs.FileInfo) error {
	mode := info.Mode()
	switch {
	case mode.IsDir():
		if err := dst.Mkdir(name, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		chown(dst, name, info)
		return dst.Chmod(name, mode.Perm()|0o700|mode&(fs.ModeSticky|fs.ModeSetgid))
	case mode&fs.ModeSymlink != 0:
		target, err := src.Readlink(name)
		if err != nil {
			return err
		}
		_ = dst.Remove(name) // it may be there from an earlier try
		if err := dst.Symlink(target, name); err != nil {
			return err
		}
		chown(dst, name, info)
		return nil
	case mode.IsRegular():
		return copyFile(src, dst, name, info)
	default:
		return nil
	}
}

// chown gives an entry the owner that it had. An ordinary user's guest has one id only, and keeps what it gets.
func chown(dst *os.Root, name string, info fs.FileInfo) {
	if st, ok := info.Sys().(*syscall.Stat_t); ok && os.Geteuid() == 0 && name != "." {
		_ = dst.Lchown(name, int(st.Uid), int(st.Gid))
	}
}

func copyFile(src, dst *os.Root, name string, info fs.FileInfo) (err error) {
	in, err := src.Open(name)
	if err != nil {
		return err
	}
	defer in.Close()
	_ = dst.Remove(name) // it may be there from an earlier try
	out, err := dst.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	if _, err := io.Copy(out, in); err != nil {
		return err
	}
	chown(dst, name, info) // before the mode: a change of owner takes the set-user-ID bit away
	mode := info.Mode()
	return out.Chmod(mode.Perm() | mode&(fs.ModeSetuid|fs.ModeSetgid|fs.ModeSticky))
}

// Remove deletes a directory and everything in it, even where a guest or overlayfs left directories that their owner may
// not enter. It never follows a link.
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
