// Package datadir keeps a server's directory: locked while the server runs, private to its user, and free of what an
// earlier server has left when it was killed.
package datadir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"postern/aws/fault"
	"postern/services/compute/guest"
)

// Dir is a data directory that this process has locked.
type Dir struct {
	path string
	// lock is a file in the directory, and held the directory itself, whose lock nobody can delete.
	lock, held *os.File
	temporary  bool
}

// Open makes the directory where it is missing and locks it. An empty path makes a temporary one, which Close removes
// with all that is in it.
func Open(path string) (*Dir, error) {
	if path == "" {
		return openTemporary()
	}
	// What is kept there is named to clients, and to processes that work in other directories.
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("data directory %s: %w", path, err)
	}
	if err := makePrivate(absolute); err != nil {
		return nil, err
	}
	d := &Dir{path: absolute}
	if err := d.takeLocks(); err != nil {
		return nil, err
	}
	if err := d.sweep(); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// temporaryPrefix begins the names of temporary data directories, unlockedPrefix those of directories that are not
// locked yet.
const (
	temporaryPrefix = "postern-lab-"
	unlockedPrefix  = "postern-new-"
)

func openTemporary() (*Dir, error) {
	if err := sweepTemporary(); err != nil {
		return nil, err
	}
	path, err := os.MkdirTemp("", unlockedPrefix)
	if err != nil {
		return nil, fmt.Errorf("make temporary data directory: %w", err)
	}
	d := &Dir{path: path, temporary: true}
	if err := d.takeLocks(); err != nil {
		return nil, err
	}
	// Its lock is held before it has the name by which sweepTemporary finds it.
	named := filepath.Join(filepath.Dir(path), temporaryPrefix+strings.TrimPrefix(filepath.Base(path), unlockedPrefix))
	if err := os.Rename(path, named); err != nil {
		return nil, errors.Join(fmt.Errorf("name temporary data directory: %w", err), d.Close())
	}
	d.path = named
	return d, nil
}

// sweepTemporary removes the temporary data directories of this user whose servers were killed.
func sweepTemporary() error {
	found, err := filepath.Glob(filepath.Join(os.TempDir(), temporaryPrefix+"*"))
	if err != nil {
		return err
	}
	for _, path := range found {
		// In a directory of everybody's, another user's may have such a name, or be a link.
		var info unix.Stat_t
		if unix.Lstat(path, &info) != nil || info.Mode&unix.S_IFMT != unix.S_IFDIR || int(info.Uid) != os.Getuid() {
			continue
		}
		held, err := os.Open(path)
		if err != nil {
			continue // somebody else removes it
		}
		if unix.Flock(int(held.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
			err = guest.Remove(path)
		}
		if err := errors.Join(err, held.Close()); err != nil {
			return fmt.Errorf("remove what an earlier server has left: %w", err)
		}
	}
	return nil
}

// takeLocks locks the directory and the file in it that earlier versions lock. A file system that locks no directories
// (NFS) leaves the file's.
func (d *Dir) takeLocks() error {
	var err error
	if d.held, err = os.Open(d.path); err != nil {
		return fmt.Errorf("open data directory: %w", err)
	}
	if d.lock, err = os.OpenFile(d.File("lock"), os.O_CREATE|os.O_RDWR|unix.O_CLOEXEC, 0o600); err != nil {
		return errors.Join(fmt.Errorf("open data directory's lock: %w", err), d.held.Close())
	}
	err = unix.Flock(int(d.held.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == nil || !errors.Is(err, unix.EWOULDBLOCK) {
		err = unix.Flock(int(d.lock.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	}
	if err != nil {
		d.lock.Close()
		d.held.Close()
		return fault.New(fault.Conflict, "server.Open",
			"another postern is running on the data directory %s; stop it or choose another with --data", d.path)
	}
	return nil
}

// leftovers match what a server that is killed may leave: the directory of its check of this host, and files that were
// not whole yet.
var leftovers = []string{guest.ProbePrefix + "*", "*" + unfinishedInfix + "*"}

// sweep removes what an earlier server has left. The directory is locked: nobody uses it.
func (d *Dir) sweep() error {
	for _, pattern := range leftovers {
		found, err := filepath.Glob(d.File(pattern))
		if err != nil {
			return err
		}
		for _, path := range found {
			if err := guest.Remove(path); err != nil {
				return fmt.Errorf("remove what an earlier server has left: %w", err)
			}
		}
	}
	return nil
}

// makePrivate makes the directory where it is missing. One in which everybody may write is refused: they could put keys
// of their own there before the first start.
func makePrivate(path string) error {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return fmt.Errorf("make data directory: %w", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("look at data directory: %w", err)
	}
	if info.Mode().Perm()&0o002 != 0 {
		return fault.New(fault.Denied, "server.Open",
			"every user of this host may write into the data directory %s: choose another with --data, or chmod 700 it",
			path)
	}
	return nil
}

// Path returns the directory's absolute path.
func (d *Dir) Path() string { return d.path }

// Temporary reports whether Close removes the directory.
func (d *Dir) Temporary() bool { return d.temporary }

// File returns the path of a file in the directory.
func (d *Dir) File(name string) string { return filepath.Join(d.path, name) }

// Close gives the locks back, and removes a temporary directory.
func (d *Dir) Close() error {
	var err error
	if d.temporary {
		err = os.RemoveAll(d.path)
	}
	// Closing alone does not give the lock back while a child that is being started still shares the file: from fork(2)
	// until execve(2) it has all that this process had open (flock(2)).
	for _, f := range []*os.File{d.lock, d.held} {
		_ = unix.Flock(int(f.Fd()), unix.LOCK_UN) // fails where directories cannot be locked
		err = errors.Join(err, f.Close())
	}
	return err
}

// Keep returns a file's content, and makes it with create on the first start. The file is whole or absent, whenever
// the process dies, and only its owner can read it.
func (d *Dir) Keep(name string, create func() ([]byte, error)) ([]byte, error) {
	data, err := os.ReadFile(d.File(name))
	if !errors.Is(err, fs.ErrNotExist) {
		return data, err
	}
	if data, err = create(); err != nil {
		return nil, fmt.Errorf("make %s: %w", name, err)
	}
	return data, d.Write(name, data, 0o600)
}

// unfinishedInfix stands in the name of a file that is not whole yet.
const unfinishedInfix = ".new-"

// Write replaces a file at once and syncs it.
func (d *Dir) Write(name string, data []byte, mode fs.FileMode) error {
	temporary, err := os.CreateTemp(d.path, name+unfinishedInfix)
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(temporary.Name()) }() // nothing is there after the rename
	_, err = temporary.Write(data)
	err = errors.Join(err, temporary.Chmod(mode), temporary.Sync(), temporary.Close())
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err := os.Rename(temporary.Name(), d.File(name)); err != nil {
		return err
	}
	return d.sync()
}

// Rename gives a file another name at once, in the place of the file that has it, and syncs that.
func (d *Dir) Rename(from, to string) error {
	if err := os.Rename(d.File(from), d.File(to)); err != nil {
		return err
	}
	return d.sync()
}

// sync makes the directory's entries durable, where its file system can.
func (d *Dir) sync() error {
	if err := d.held.Sync(); err != nil && !errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("sync data directory: %w", err)
	}
	return nil
}

// CheckOwner refuses a directory of which a file is not there or is another user's, before anything in it is touched.
func CheckOwner(path, file string) error {
	var info unix.Stat_t
	switch err := unix.Stat(filepath.Join(path, file), &info); {
	case errors.Is(err, unix.ENOENT):
		return fault.New(fault.NotFound, "server.Admin", "no server has kept its state in %s: there is no %s", path, file)
	case err != nil:
		return fmt.Errorf("look at %s in %s: %w", file, path, err)
	case int(info.Uid) != os.Geteuid():
		return fault.New(fault.Denied, "server.Admin",
			"%s in %s is user %d's, and you are user %d: do this as that user", file, path, info.Uid, os.Geteuid())
	}
	return nil
}
