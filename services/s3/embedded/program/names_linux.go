package program

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// minKept is how many names make a directory worth keeping in memory: fewer are read in a moment.
	minKept = 200
	// maxKept is how many names are kept in all, 100 to 200 bytes each.
	maxKept = 200_000
	// settledAfter is longer than the steps in which file systems count the time of a change. What has changed a directory
	// later than that has changed its time as well.
	settledAfter = 2 * time.Second
)

// names keeps the sorted names in large directories between the pages of listings, each of which would read and sort
// them all again.
type names struct {
	min int
	now func() time.Time // the clock by which the file system counts
	// changes counts what was done that changes names, once it is done and before it is acknowledged.
	changes atomic.Uint64

	mu    sync.Mutex
	dirs  map[string]*directory
	kept  int
	clock uint64 // counts uses
}

// directory holds what was read of one.
type directory struct {
	entries []fs.DirEntry
	info    fs.FileInfo // of before it was read
	settled bool        // a later change shows in info
	changes uint64      // before it was read
	used    uint64
}

func newNames(now func() time.Time) *names {
	return &names{min: minKept, now: now, dirs: map[string]*directory{}}
}

// changed says that names have changed.
func (n *names) changed() { n.changes.Add(1) }

// read returns the entries of a directory, sorted by name. They must not be changed.
func (n *names) read(path string) ([]fs.DirEntry, error) {
	d := &directory{changes: n.changes.Load()}
	var err error
	if d.info, err = os.Stat(path); err != nil {
		return nil, err
	}
	if entries, ok := n.find(path, d); ok {
		return entries, nil
	}
	d.settled = n.now().Sub(d.info.ModTime()) > settledAfter
	if d.entries, err = os.ReadDir(path); err != nil {
		return d.entries, err
	}
	n.keep(path, d)
	return d.entries, nil
}

// find returns the entries that are kept of a directory, if they are those that there are now.
func (n *names) find(path string, now *directory) ([]fs.DirEntry, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	d := n.dirs[path]
	if d == nil {
		return nil, false
	}
	same := os.SameFile(d.info, now.info) && d.info.ModTime().Equal(now.info.ModTime())
	if !same || !d.settled && d.changes != now.changes {
		n.dropLocked(path)
		return nil, false
	}
	n.clock++
	d.used = n.clock
	return d.entries, true
}

// keep keeps what was read, in the place of what was not used for longest.
func (n *names) keep(path string, d *directory) {
	if len(d.entries) < n.min || len(d.entries) > maxKept {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.dropLocked(path)
	for n.kept+len(d.entries) > maxKept {
		oldest := ""
		for other, o := range n.dirs {
			if oldest == "" || o.used < n.dirs[oldest].used {
				oldest = other
			}
		}
		n.dropLocked(oldest)
	}
	n.clock++
	d.used = n.clock
	n.dirs[path] = d
	n.kept += len(d.entries)
}

func (n *names) dropLocked(path string) {
	if d := n.dirs[path]; d != nil {
		n.kept -= len(d.entries)
		delete(n.dirs, path)
	}
}

// tree is a bucket's directories as a listing goes through them: without what lies before the marker.
type tree struct {
	fs.FS
	names          *names
	bucket, marker string
}

// ReadDir implements fs.ReadDirFS.
func (t *tree) ReadDir(path string) ([]fs.DirEntry, error) {
	if !fs.ValidPath(path) {
		return nil, &fs.PathError{Op: "readdir", Path: path, Err: fs.ErrInvalid}
	}
	all, err := t.names.read(filepath.Join(t.bucket, path))
	if err != nil {
		return all, err
	}
	within := ""
	if path != "." {
		within = path + "/"
	}
	rest, ok := strings.CutPrefix(t.marker, within)
	if !ok || rest == "" {
		return all, nil
	}
	name, _, _ := strings.Cut(rest, "/")
	return from(all, name), nil
}

// from returns the entries in which there may be paths behind a marker that goes through a name. They are those from
// the name on, and directories whose name it begins with: "a/" is behind "a-".
func from(all []fs.DirEntry, name string) []fs.DirEntry {
	at := func(name string) (int, bool) {
		return slices.BinarySearchFunc(all, name, func(e fs.DirEntry, name string) int {
			return strings.Compare(e.Name(), name)
		})
	}
	start, _ := at(name)
	var before []fs.DirEntry
	for n := 1; n < len(name); n++ {
		if name[n] >= '/' {
			continue
		}
		if i, ok := at(name[:n]); ok && all[i].IsDir() {
			before = append(before, all[i])
		}
	}
	if before == nil {
		return all[start:]
	}
	return append(before, all[start:]...)
}
