package datadir_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"postern/aws/fault"
	"postern/server/datadir"
)

func open(t *testing.T, path string) *datadir.Dir {
	t.Helper()
	d, err := datadir.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// A refusal names the directory and says what to do.
func TestDirectoriesThatAreRefused(t *testing.T) {
	dir := t.TempDir()
	everybodys, taken, file := filepath.Join(dir, "everybodys"), filepath.Join(dir, "taken"), filepath.Join(dir, "file")
	err := errors.Join(os.Mkdir(everybodys, 0o700), os.Chmod(everybodys, 0o777), os.WriteFile(file, nil, 0o600))
	if err != nil {
		t.Fatal(err)
	}
	open(t, taken)
	for _, tt := range []struct {
		path string
		kind fault.Kind
		want string
	}{
		{everybodys, fault.Denied, "may write into the data directory " + everybodys +
			": choose another with --data, or chmod 700 it"},
		{taken, fault.Conflict, "another postern is running on the data directory " + taken +
			"; stop it or choose another with --data"},
		{file, fault.Internal, "make data directory: mkdir " + file},
		{filepath.Join(file, "below"), fault.Internal, "make data directory: mkdir " + file},
	} {
		d, err := datadir.Open(tt.path)
		if d != nil || fault.Of(err).Kind != tt.kind || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v; want %v, %q", tt.path, err, tt.kind, tt.want)
		}
	}
	// The remedy works when typed.
	if err := os.Chmod(everybodys, 0o700); err != nil {
		t.Fatal(err)
	}
	open(t, everybodys)
}

func TestADirectoryThatIsMadeIsPrivate(t *testing.T) {
	t.Chdir(t.TempDir())
	d := open(t, filepath.Join("a", "b"))
	if !filepath.IsAbs(d.Path()) || d.Temporary() || d.File("x") != filepath.Join(d.Path(), "x") {
		t.Errorf("path %s, temporary %t", d.Path(), d.Temporary())
	}
	for _, path := range []string{d.Path(), filepath.Dir(d.Path())} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v, %v", path, info, err)
		}
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat("a/b"); err != nil {
		t.Errorf("it is gone: %v", err)
	}
}

// Keep makes a file once, whole or not at all, for its owner only.
func TestKeep(t *testing.T) {
	path := t.TempDir()
	d := open(t, path)
	broken := errors.New("no entropy")
	_, err := d.Keep("key", func() ([]byte, error) { return nil, broken })
	if !errors.Is(err, broken) || err.Error() != "make key: no entropy" {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(d.File("key")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that could not be made: %v", err)
	}
	made := 0
	create := func() ([]byte, error) { made++; return []byte("secret"), nil }
	for range 2 {
		if text, err := d.Keep("key", create); err != nil || string(text) != "secret" {
			t.Errorf("%q, %v", text, err)
		}
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, path)
	if text, err := again.Keep("key", create); err != nil || string(text) != "secret" || made != 1 {
		t.Errorf("after a restart: %q, %v, made %d times", text, err, made)
	}
	if info, err := os.Stat(again.File("key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	// What cannot be read is an error, and not made anew.
	if err := os.Mkdir(again.File("dir"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := again.Keep("dir", create); err == nil || made != 1 {
		t.Errorf("a directory: %v, made %d times", err, made)
	}
}

// Readers see one of the contents, never a part, and nothing is left beside the file.
func TestWriteReplacesAtOnce(t *testing.T) {
	d := open(t, t.TempDir())
	contents := []string{strings.Repeat("a", 100_000), strings.Repeat("b", 50_000)}
	if err := d.Write("file", []byte(contents[0]), 0o644); err != nil {
		t.Fatal(err)
	}
	var writers sync.WaitGroup
	for _, text := range contents {
		writers.Go(func() {
			for range 10 {
				if err := d.Write("file", []byte(text), 0o644); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 100 {
		text, err := os.ReadFile(d.File("file"))
		if err != nil || string(text) != contents[0] && string(text) != contents[1] {
			t.Fatalf("%d bytes, %v", len(text), err)
		}
	}
	writers.Wait()
	if info, err := os.Stat(d.File("file")); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("%v, %v", info, err)
	}
	// A name that is taken by a directory is refused, and what was written for it is taken away.
	if err := os.MkdirAll(d.File("taken/full"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := d.Write("taken", []byte("x"), 0o600); err == nil {
		t.Error("a directory was replaced")
	}
	names, err := filepath.Glob(d.File("*"))
	if err != nil || len(names) != 3 { // lock, file, taken
		t.Errorf("%q, %v", names, err)
	}
}

func TestATemporaryDirectoryGoesWithItsServer(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	d := open(t, "")
	if err := d.Write("file", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(d.Path()); err != nil || info.Mode().Perm() != 0o700 || !d.Temporary() {
		t.Errorf("%v, %v", info, err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if names, err := filepath.Glob(filepath.Join(os.TempDir(), "*")); err != nil || len(names) > 0 {
		t.Errorf("left behind: %q, %v", names, err)
	}
	// Where no directory can be made, the error says what was to be.
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "missing"))
	if _, err := datadir.Open(""); err == nil || !strings.HasPrefix(err.Error(), "make temporary data directory: ") {
		t.Errorf("%v", err)
	}
}
