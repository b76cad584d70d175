package store_test

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"postern/aws/fault"
	"postern/store"
	shared "postern/store/sql"
)

// writeUntilRefused runs in a process of its own: it limits what the process may write as env says, writes until it is
// refused, and prints how often it wrote, the kind of the refusal and its text.
func writeUntilRefused(path string) error {
	if size := os.Getenv("STORE_TEST_TMPFS"); size != "" {
		if err := syscall.Mount("none", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
			return err
		}
		if err := syscall.Mount("tmpfs", filepath.Dir(path), "tmpfs", 0, "size="+size); err != nil {
			return err
		}
	}
	db, err := store.Open(context.Background(), store.Options{Path: path})
	if err != nil {
		return err
	}
	defer db.Close()
	if size, err := strconv.ParseUint(os.Getenv("STORE_TEST_FILE_SIZE"), 10, 64); err == nil {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: size, Max: size}); err != nil {
			return err
		}
	}
	for n := range 1000 {
		if err := db.PutSetting(context.Background(), strconv.Itoa(n), bytes.Repeat([]byte("x"), 10<<10)); err != nil {
			fmt.Println(n, fault.Of(err).Kind, err)
			return nil
		}
	}
	fmt.Println("never refused")
	return nil
}

// TestWhatTheDiskRefuses: a disk without room and one that fails are told apart.
func TestWhatTheDiskRefuses(t *testing.T) {
	for _, tt := range []struct {
		name, env  string
		attributes syscall.SysProcAttr
		says       string
	}{
		{
			"no room", "STORE_TEST_TMPFS=1m",
			syscall.SysProcAttr{
				Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
				UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
				GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
			},
			"the data directory's disk is full; free space on it",
		},
		{"an error", "STORE_TEST_FILE_SIZE=500000", syscall.SysProcAttr{}, "failed with an I/O error; see the kernel's log"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cmd := exec.Command(os.Args[0])
			cmd.SysProcAttr = &tt.attributes
			cmd.Env = append(os.Environ(), "STORE_TEST_REFUSED="+filepath.Join(t.TempDir(), "state.db"), tt.env)
			out, err := cmd.CombinedOutput()
			if err != nil && tt.attributes.Cloneflags != 0 {
				t.Skipf("there are no user namespaces to mount in: %v: %s", err, out)
			}
			n, text, _ := strings.Cut(string(out), " ")
			written, err := strconv.Atoi(n)
			if err != nil || written < 5 || !strings.HasPrefix(text, "unavailable ") || !strings.Contains(text, tt.says) {
				t.Errorf("%s%v; want some writes and then Unavailable that says %q", out, err, tt.says)
			}
		})
	}
}

// pragma sets a pragma of the connection that writes.
func pragma(t *testing.T, db *store.DB, text string) error {
	return db.Update(t.Context(), shared.Transaction{Do: func(tx *shared.Tx) error {
		_, err := tx.Exec("PRAGMA " + text)
		return err
	}})
}

// TestWhatTheFileRefuses: a file that is read-only, locked or damaged is not taken for a full disk, by who writes and
// by who reads.
func TestWhatTheFileRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	db := open(t, store.Options{Path: path})
	put := func() error { return db.PutSetting(t.Context(), "a", bytes.Repeat([]byte("x"), 1<<20)) }
	if err := put(); err != nil {
		t.Fatal(err)
	}
	says := func(err error, want string) {
		t.Helper()
		if !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), want) ||
			strings.Contains(err.Error(), "full") {
			t.Errorf("%v, want Unavailable that says %q", err, want)
		}
	}
	other, err := sql.Open("sqlite", path+"?_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	if err := pragma(t, db, "busy_timeout = 0"); err != nil {
		t.Fatal(err)
	}
	held, err := other.Begin()
	if err != nil {
		t.Fatal(err)
	}
	says(put(), "another process has locked the state; end it")
	if err := held.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := put(); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	if err := other.Close(); err != nil { // the last to close brings everything into the file
		t.Fatal(err)
	}
	const readOnly = "is read-only; make its file system and its files writable"
	says(pragma(t, db, "query_only = 1"), readOnly) // it is counted as a commit
	says(put(), readOnly)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}

	db = open(t, store.Options{Path: path})
	flip(1)(t, path)
	_, _, read := db.Setting(t.Context(), "a")
	says(read, "the state is damaged; stop the server and put a copy of it back")
	says(db.View(t.Context(), func(ctx context.Context, tx *sql.Tx) error {
		var value []byte
		return tx.QueryRowContext(ctx, "SELECT value FROM settings WHERE name = 'a'").Scan(&value)
	}), "the state is damaged; stop the server and put a copy of it back")
}
