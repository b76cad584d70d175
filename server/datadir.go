package server

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

// dataDir is the directory that holds all that one server keeps. It is locked while the server runs.
type dataDir struct {
	path string
	// lock is a file in the directory, and held the directory itself, whose lock nobody can delete.
	lock, held *os.File
	ephemeral  bool
}

// openDataDir makes the directory where it is missing and locks it. An empty path makes a temporary one, which close
// removes with all that is in it.
func openDataDir(path string) (*dataDir, error) {
	d := &dataDir{path: path, ephemeral: path == ""}
	if d.ephemeral {
		if err := sweepTemporary(); err != nil {
			return nil, err
		}
		temporary, err := os.MkdirTemp("", unnamedPrefix)
		if err != nil {
			return nil, fmt.Errorf("make temporary data directory: %w", err)
		}
		d.path = temporary
	} else {
		// What is kept there is named to clients, and to processes that work in other directories.
		absolute, err := filepath.Abs(path)
		if err != nil {
			return nil, fmt.Errorf("data directory %s: %w", path, err)
		}
		if err := makePrivate(absolute); err != nil {
			return nil, err
		}
		d.path = absolute
	}
	if err := d.takeLocks(); err != nil {
		return nil, err
	}
	if d.ephemeral {
		// Its lock is held before it has the name by which others find what nobody holds any more.
		named := filepath.Join(filepath.Dir(d.path), temporaryPrefix+strings.TrimPrefix(filepath.Base(d.path), unnamedPrefix))
		if err := os.Rename(d.path, named); err != nil {
			return nil, errors.Join(fmt.Errorf("name temporary data directory: %w", err), d.close())
		}
		d.path = named
	}
	if err := d.sweep(); err != nil {
		return nil, err
	}
	return d, nil
}

// temporaryPrefix begins the names of temporary data directories, unnamedPrefix those of directories that are not locked yet.
const (
	temporaryPrefix = "postern-lab-"
	unnamedPrefix   = "postern-new-"
)

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

// takeLocks locks the directory and the file in it that earlier versions lock. A file system that locks no directories (NFS)
// leaves the file's.
func (d *dataDir) takeLocks() error {
	var err error
	if d.held, err = os.Open(d.path); err != nil {
		return fmt.Errorf("open data directory: %w", err)
	}
	if d.lock, err = os.OpenFile(d.file("lock"), os.O_CREATE|os.O_RDWR|unix.O_CLOEXEC, 0o600); err != nil {
		return errors.Join(fmt.Errorf("open data directory's lock: %w", err), d.held.Close())
	}
	err = unix.Flock(int(d.held.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == nil || !errors.Is(err, unix.EWOULDBLOCK) {
		err = unix.Flock(int(d.lock.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	}
	if err != nil {
		d.lock.Close()
		d.held.Close()
		return fault.New(fault.Conflict, "server.Open", "another postern is running on the data directory %s; stop it or choose another with --data", d.path)
	}
	return nil
}

// leftovers are what a server that is killed may leave: the directory of its check of this host, and files that were not
// whole yet.
var leftovers = []string{guest.ProbePrefix + "*", "*" + newInfix + "*"}

// sweep removes what an earlier server has left. The directory is locked: nobody uses it.
func (d *dataDir) sweep() error {
	for _, pattern := range leftovers {
		found, err := filepath.Glob(d.file(pattern))
		if err != nil {
			return err
		}
		for _, path := range found {
			if err := guest.Remove(path); err != nil {
				return errors.Join(fmt.Errorf("remove what an earlier server has left: %w", err), d.close())
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
		return fault.New(fault.Denied, "server.Open", "every user of this host may write into the data directory %s: choose another with --data, or chmod 700 it", path)
	}
	return nil
}

func (d *dataDir) file(name string) string { return filepath.Join(d.path, name) }

func (d *dataDir) close() error {
	var err error
	if d.ephemeral {
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

// keep returns a file's content, and makes it with create on the first start. The file is whole or absent, whenever
// the process dies, and only its owner can read it.
func (d *dataDir) keep(name string, create func() ([]byte, error)) ([]byte, error) {
	data, err := os.ReadFile(d.file(name))
	if !errors.Is(err, fs.ErrNotExist) {
		return data, err
	}
	if data, err = create(); err != nil {
		return nil, fmt.Errorf("make %s: %w", name, err)
	}
	return data, d.write(name, data, 0o600)
}

// newInfix stands in the name of a file that is not whole yet.
const newInfix = ".new-"

// write replaces a file at once and syncs it.
func (d *dataDir) write(name string, data []byte, mode fs.FileMode) error {
	temporary, err := os.CreateTemp(d.path, name+newInfix)
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(temporary.Name()) }() // nothing is there after the rename
	_, err = temporary.Write(data)
	err = errors.Join(err, temporary.Chmod(mode), temporary.Sync(), temporary.Close())
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return os.Rename(temporary.Name(), d.file(name))
}
