package pid1

import (
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"testing"
)

// own is this user as write_files names an owner.
func own(t *testing.T) string {
	t.Helper()
	u, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	g, err := user.LookupGroupId(u.Gid)
	if err != nil {
		t.Skip("this user's group has no name here")
	}
	return u.Username + ":" + g.Name
}

func TestFileWrite(t *testing.T) {
	dir, me := t.TempDir(), own(t)
	path := filepath.Join(dir, "a", "b", "file")
	for _, tt := range []struct {
		file file
		text string
		mode fs.FileMode
	}{
		{file{Content: []byte("one\n"), Mode: 0o644}, "one\n", 0o644},
		{file{Content: []byte("two\n"), Mode: 0o600, Append: true}, "one\ntwo\n", 0o600},
		{file{Content: []byte("x"), Mode: 0o4755}, "x", fs.ModeSetuid | 0o755},
		{file{Content: nil, Mode: 0o3070}, "", fs.ModeSetgid | fs.ModeSticky | 0o070},
	} {
		tt.file.Path, tt.file.Owner = path, me
		if err := tt.file.write(); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != tt.mode {
			t.Errorf("%o: mode %v, want %v", tt.file.Mode, info.Mode(), tt.mode)
		}
		if info.Mode()&0o400 == 0 && os.Getuid() != 0 {
			continue
		}
		if text, err := os.ReadFile(path); err != nil || string(text) != tt.text {
			t.Errorf("it holds %q, %v; want %q", text, err, tt.text)
		}
	}
	for name, f := range map[string]file{
		"no such user":     {Path: filepath.Join(dir, "u"), Owner: "nobody-of-that-name"},
		"no such group":    {Path: filepath.Join(dir, "g"), Owner: me[:len(me)-1] + "-not"},
		"below a file":     {Path: filepath.Join(path, "x"), Owner: me},
		"a directory":      {Path: dir, Owner: me},
		"no name of a one": {Path: filepath.Join(dir, "n"), Owner: ""},
	} {
		if err := f.write(); err == nil {
			t.Errorf("%s: written", name)
		}
	}
}

func TestOwner(t *testing.T) {
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	uid, gid, err := owner(me.Username)
	if err != nil || uid != os.Getuid() || gid != os.Getgid() {
		t.Errorf("%s is %d, %d, %v", me.Username, uid, gid, err)
	}
	if _, gid, err := owner(own(t)); err != nil || gid != os.Getgid() {
		t.Errorf("%s: %d, %v", own(t), gid, err)
	}
}
