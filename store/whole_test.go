package store_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postern/aws/fault"
	"postern/store"
	shared "postern/store/sql"
)

// crashed copies a database as a process that is killed leaves it: open, with all that was acknowledged in its log.
func crashed(t *testing.T, writes int) (path string) {
	t.Helper()
	from := filepath.Join(t.TempDir(), "state.db")
	db := open(t, store.Options{Path: from})
	for i := range writes {
		if err := db.PutSetting(t.Context(), fmt.Sprintf("setting-%d", i), []byte(strings.Repeat("x", 3000))); err != nil {
			t.Fatal(err)
		}
	}
	path = filepath.Join(t.TempDir(), "state.db")
	for _, suffix := range []string{"", "-wal", "-sequence"} {
		b, err := os.ReadFile(from + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path+suffix, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// cut keeps a part of a file.
func cut(suffix string, keep func(int64) int64) func(*testing.T, string) {
	return func(t *testing.T, path string) {
		info, err := os.Stat(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path+suffix, keep(info.Size())); err != nil {
			t.Fatal(err)
		}
	}
}

// closed leaves it as a server that ends does: all in the file.
func closed(t *testing.T, path string) {
	db, err := store.Open(t.Context(), store.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func remove(suffix string) func(*testing.T, string) {
	return func(t *testing.T, path string) {
		if err := os.Remove(path + suffix); err != nil {
			t.Fatal(err)
		}
	}
}

// TestWhatIsLostIsSaid: SQLite opens a database whose log is missing or cut as if nothing had been in it, and one with
// broken pages until it comes to them.
func TestWhatIsLostIsSaid(t *testing.T) {
	for _, row := range []struct {
		name  string
		spoil []func(*testing.T, string)
		says  string // empty: it opens, with everything in it
	}{
		{"killed", nil, ""},
		{"ended", []func(*testing.T, string){closed}, ""},
		{"ended, the log gone as it should be, the count lost", []func(*testing.T, string){closed, remove("-sequence")}, ""},
		{"a count that the power cut", []func(*testing.T, string){cut("-sequence", func(int64) int64 { return 5 })}, ""},
		{"the log is gone", []func(*testing.T, string){remove("-wal")}, "-wal is missing or was cut"},
		{
			"half of the log", []func(*testing.T, string){cut("-wal", func(n int64) int64 { return n / 2 })},
			"-wal is missing or was cut",
		},
		{
			"the log without its last byte", []func(*testing.T, string){cut("-wal", func(n int64) int64 { return n - 1 })},
			"-wal is missing or was cut",
		},
		{
			"an empty log", []func(*testing.T, string){cut("-wal", func(int64) int64 { return 0 })},
			"-wal is missing or was cut",
		},
		{"the file is gone", []func(*testing.T, string){closed, remove("")}, "older than it was"},
		{
			"half of the file", []func(*testing.T, string){closed, cut("", func(n int64) int64 { return n / 2 &^ 4095 })},
			"is damaged",
		},
		{"pages of zeros", []func(*testing.T, string){closed, flip(8)}, "is damaged"},
		{"no database", []func(*testing.T, string){closed, flip(0)}, "is damaged"},
	} {
		t.Run(row.name, func(t *testing.T) {
			const writes = 40
			path := crashed(t, writes)
			for _, spoil := range row.spoil {
				spoil(t, path)
			}
			before := content(t, path)
			db, err := store.Open(t.Context(), store.Options{Path: path})
			if row.says != "" {
				if !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), row.says) ||
					!strings.Contains(err.Error(), path) {
					t.Errorf("opened with %v", err)
				}
				if row.says != "older than it was" && content(t, path) != before {
					t.Error("the file was changed before it was refused")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			for i := range writes {
				if _, ok, err := db.Setting(t.Context(), fmt.Sprintf("setting-%d", i)); !ok || err != nil {
					t.Errorf("setting %d: %v, %v", i, ok, err)
				}
			}
		})
	}
}

// The remedy that is printed works: without the count, what is left is served.
func TestWhatIsLeftCanBeServed(t *testing.T) {
	path := crashed(t, 10)
	if err := os.Remove(path + "-wal"); err != nil {
		t.Fatal(err)
	}
	_, err := store.Open(t.Context(), store.Options{Path: path})
	if err == nil || !strings.Contains(err.Error(), "delete "+path+"-sequence") {
		t.Fatal(err)
	}
	if err := os.Remove(path + "-sequence"); err != nil {
		t.Fatal(err)
	}
	db := open(t, store.Options{Path: path})
	if err := db.PutSetting(t.Context(), "a", []byte("b")); err != nil {
		t.Error(err)
	}
}

// A mistake in one change costs that change: the one writer goes on for everybody.
func TestAPanicInAChangeIsItsOwn(t *testing.T) {
	db := open(t, store.Options{Path: filepath.Join(t.TempDir(), "state.db")})
	err := db.Update(t.Context(), shared.Transaction{Do: func(*shared.Tx) error { panic("a mistake") }})
	if !fault.Is(err, fault.Internal) || !strings.Contains(err.Error(), "a mistake") {
		t.Errorf("%v", err)
	}
	if err := db.PutSetting(context.Background(), "a", []byte("b")); err != nil {
		t.Error(err)
	}
}

// flip writes over a page and those after it.
func flip(page int64) func(*testing.T, string) {
	return func(t *testing.T, path string) {
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteAt(make([]byte, 4*4096), page*4096); err != nil {
			t.Fatal(err)
		}
	}
}

func content(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Open(path)
	if os.IsNotExist(err) {
		return ""
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
