package server

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"postern/aws/fault"
)

// dataDir is the directory that holds all that one server keeps. It is locked while the server runs.
type dataDir struct {
	path      string
	lock      *os.File
	ephemeral bool
}

// openDataDir makes the directory where it is missing and locks it. An empty path makes a temporary one, which close
// removes with all that is in it.
func openDataDir(path string) (*dataDir, error) {
	d := &dataDir{path: path, ephemeral: path == ""}
	if d.ephemeral {
		temporary, err := os.MkdirTemp("", "postern-")
		if err != nil {
			return nil, fmt.Errorf("make temporary data directory: %w", err)
		}
		d.path = temporary
	} else if err := makePrivate(path); err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(d.file("lock"), os.O_CREATE|os.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open data directory's lock: %w", err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		lock.Close()
		return nil, fault.New(fault.Conflict, "server.Open", "another postern is running on the data directory %s; stop it or choose another with --data", path)
	}
	d.lock = lock
	return d, nil
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
	return errors.Join(err, unix.Flock(int(d.lock.Fd()), unix.LOCK_UN), d.lock.Close())
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

// write replaces a file at once and syncs it.
func (d *dataDir) write(name string, data []byte, mode fs.FileMode) error {
	temporary, err := os.CreateTemp(d.path, name+".new-")
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
