package datadir

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"postern/aws/fault"
)

// A child that is being started has the lock's file open for a moment, and must not keep the next server out.
func TestDataDirIsFreeAfterClose(t *testing.T) {
	path := t.TempDir()
	d, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path); !fault.Is(err, fault.Conflict) {
		t.Errorf("a second server: %v", err)
	}
	if err := os.Remove(d.File("lock")); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path); !fault.Is(err, fault.Conflict) {
		t.Errorf("a second server, after somebody has deleted the lock: %v", err)
	}
	child, err := unix.Dup(int(d.lock.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(child)
	held, err := unix.Dup(int(d.held.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(held)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}

// What a killed server was about is swept by the next one, and nothing else.
func TestLeftoversAreSwept(t *testing.T) {
	path := t.TempDir()
	inside := filepath.Join(path, "probe-123", "i", "work")
	if err := os.MkdirAll(inside, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(inside, 0); err != nil { // as overlayfs makes them
		t.Fatal(err)
	}
	for _, name := range []string{"ca.pem.new-77", "ca.pem", "probe.txt"} {
		if err := os.WriteFile(filepath.Join(path, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for name, stays := range map[string]bool{
		"probe-123": false, "ca.pem.new-77": false, "ca.pem": true, "probe.txt": true,
	} {
		if _, err := os.Stat(filepath.Join(path, name)); (err == nil) != stays {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestTemporaryDirectoriesAreSwept: a server that was killed leaves its directory; the next one removes it, and none
// that is in use.
func TestTemporaryDirectoriesAreSwept(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	running, err := Open("")
	if err != nil {
		t.Fatal(err)
	}
	killed, err := Open("")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []*os.File{killed.lock, killed.held} {
		f.Close() // as the kernel does
	}
	outside := t.TempDir()
	link := filepath.Join(os.TempDir(), temporaryPrefix+"link")
	if err := os.Symlink(outside, link); err != nil {
		t.Fatal(err)
	}
	next, err := Open("")
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{
		running.path: true, killed.path: false, next.path: true, link: true, outside: true,
	} {
		if _, err := os.Lstat(path); (err == nil) != want {
			t.Errorf("%s: %v, want it there: %v", path, err, want)
		}
	}
	for _, d := range []*Dir{running, next} {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
}
