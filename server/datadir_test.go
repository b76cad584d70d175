package server

import (
	"testing"

	"golang.org/x/sys/unix"

	"postern/aws/fault"
)

// A child that is being started has the lock's file open for a moment, and must not keep the next server out.
func TestDataDirIsFreeAfterClose(t *testing.T) {
	path := t.TempDir()
	d, err := openDataDir(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := openDataDir(path); !fault.Is(err, fault.Conflict) {
		t.Errorf("a second server: %v", err)
	}
	child, err := unix.Dup(int(d.lock.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(child)
	if err := d.close(); err != nil {
		t.Fatal(err)
	}
	again, err := openDataDir(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.close(); err != nil {
		t.Error(err)
	}
}
