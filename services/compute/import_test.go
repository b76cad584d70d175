package compute_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"postern/aws/fault"
	"postern/services/compute"
)

// shell is a program of this host's architecture.
func shell(t testing.TB) []byte {
	t.Helper()
	text, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	return text[:1<<20] // its head is enough
}

type entry struct {
	name, text, link string
	kind             byte
	mode             int64
	uid              int
}

func archive(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		if e.mode == 0 {
			e.mode = 0o755
		}
		if e.kind == 0 {
			e.kind = tar.TypeReg
		}
		h := &tar.Header{Name: e.name, Typeflag: e.kind, Mode: e.mode, Linkname: e.link, Uid: e.uid, Size: int64(len(e.text))}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(e.text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func file(t *testing.T, text []byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "image.tar")
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestImport(t *testing.T) {
	sh := string(shell(t))
	good := archive(
		t,
		entry{
			name: "./",
			kind: tar.TypeDir,
		},
		entry{name: "usr/bin/", kind: tar.TypeDir},
		entry{name: "bin", kind: tar.TypeSymlink, link: "usr/bin"},
		entry{name: "usr/bin/dash", text: sh},
		entry{name: "usr/bin/sh", kind: tar.TypeSymlink, link: "/usr/bin/dash"},
		entry{
			name: "usr/bin/su",
			kind: tar.TypeLink,
			link: "usr/bin/dash",
		},
		entry{name: "usr/bin/sudo", text: "x", mode: 0o4755},
		entry{name: "usr/bin/amazon-ssm-agent", text: "x"},
		entry{name: "dev/null", kind: tar.TypeChar},
	)
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	z.Write(good)
	z.Close()
	simulate(t, func(t *testing.T, r *rig) {
		first, err := r.Import(t.Context(), compute.Import{Scope: home, Name: "first", Path: file(t, good)})
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(first.ID, "ami-0") || !first.RealAgent || first.Size < 1<<20 {
			t.Errorf("%+v", first)
		}
		root := filepath.Join(r.dir, "images", first.ID, "root")
		for name, mode := range map[string]os.FileMode{"usr/bin/dash": 0o755, "usr/bin/sudo": 0o755 | os.ModeSetuid} {
			if info, err := os.Stat(filepath.Join(root, name)); err != nil || info.Mode() != mode {
				t.Errorf("%s: %v, %v", name, info, err)
			}
		}
		second, err := r.Import(t.Context(), compute.Import{Scope: home, Name: "second", Path: root})
		if err != nil {
			t.Fatal(err)
		}
		third := compute.Import{Scope: home, Name: "third", Path: file(t, zipped.Bytes())}
		if _, err := r.Import(t.Context(), third); err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, i := range r.Images(home) {
			names = append(names, i.Name)
		}
		slices.Sort(names)
		if !slices.Equal(names, []string{"first", "postern-host", "second", "third"}) {
			t.Errorf("images %v", names)
		}
		i := r.launch(t, func(l *compute.Launch) { l.Image = second.ID })
		if err := r.Deregister(t.Context(), home, second.ID); !fault.Is(err, fault.InUse) {
			t.Errorf("deregistered while in use: %v", err)
		}
		r.Terminate(t.Context(), home, []string{i.ID})
		r.want(t, i.ID, compute.Terminated, "Client.UserInitiatedShutdown")
		if err := r.Deregister(t.Context(), home, second.ID); err != nil {
			t.Error(err)
		}
		if _, err := r.Image(home, second.ID); fault.Of(err).Code != "InvalidAMIID.NotFound" {
			t.Errorf("deregistered, but: %v", err)
		}
	})
}

func TestImportRefuses(t *testing.T) {
	sh := entry{name: "bin/sh", text: string(shell(t))}
	simulate(t, func(t *testing.T, r *rig) {
		outside := filepath.Join(t.TempDir(), "outside")
		for _, tt := range []struct {
			name, image string
			path        string
			code, want  string
		}{
			{"name too short", "x", "/", "InvalidAMIName.Malformed", "3-128"},
			{"name taken", "postern-host", "/", "InvalidAMIName.Duplicate", "already in use"},
			{"no file", "image", "/does/not/exist", "InvalidParameterValue", "no such file"},
			{"no archive", "image", file(t, []byte("hello")), "InvalidParameterValue", "no tar archive"},
			{"empty", "image", file(t, nil), "InvalidParameterValue", "no tar archive"},
			{"zstd", "image", file(t, []byte("\x28\xb5\x2f\xfd....")), "InvalidParameterValue", "decompress"},
			{
				"no shell", "image", file(t, archive(t, entry{name: "etc/passwd", text: "root"})), "InvalidParameterValue",
				"no /bin/sh",
			},
			{
				"shell is text", "image", file(t, archive(t, entry{name: "bin/sh", text: "hello"})), "InvalidParameterValue",
				"no Linux program",
			},
			{
				"links in a circle", "image", file(t, archive(t, entry{name: "bin/sh", kind: tar.TypeSymlink, link: "sh"})),
				"InvalidParameterValue", "too many",
			},
			{
				"docker save", "image", file(t, archive(t, entry{name: "manifest.json", text: "[]"})), "InvalidParameterValue",
				"docker export",
			},
			{
				"through a link to outside", "image",
				file(t, archive(t, sh,
					entry{name: "x", kind: tar.TypeSymlink, link: filepath.Dir(outside)}, entry{name: "x/outside", text: "x"})),
				"InvalidParameterValue", "escapes",
			},
			{
				"hard link to outside", "image",
				file(t, archive(t, sh, entry{name: "x", kind: tar.TypeLink, link: "../../../../etc/passwd"})),
				"InvalidParameterValue", "no such file",
			},
			{"the host with our own directory", "image", "/", "InvalidParameterValue", "Postern's own data"},
			{"our own directory", "image", r.dir, "InvalidParameterValue", "Postern's own data"},
			{"a pipe", "image", pipe(t), "InvalidParameterValue", "neither a directory nor a file"},
			{
				"owner out of range", "image", file(t, archive(t, sh, entry{name: "x", uid: 70000})), "InvalidParameterValue",
				"70000",
			},
		} {
			_, err := r.Import(t.Context(), compute.Import{Scope: home, Name: tt.image, Path: tt.path})
			if got := fault.Of(err); got == nil || got.Code != tt.code || !strings.Contains(got.Message, tt.want) {
				t.Errorf("%s: %v, want %s with %q", tt.name, err, tt.code, tt.want)
			}
		}
		if _, err := os.Lstat(outside); err == nil {
			t.Error("an entry was written outside")
		}
		left, _ := os.ReadDir(filepath.Join(r.dir, "images"))
		if len(left) != 0 || r.store.Len() != 0 {
			t.Errorf("refused imports left %v", left)
		}
	})
}

// pipe is the path of a pipe that nobody writes to: opening it would wait for ever.
func pipe(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// A directory that is reached by a link is copied like any other: an image must not change with what lies elsewhere.
func TestImportByALink(t *testing.T) {
	from := filepath.Join(t.TempDir(), "rootfs")
	if err := os.MkdirAll(filepath.Join(from, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(from, "bin/sh"), shell(t), 0o755); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "current")
	if err := os.Symlink(from, link); err != nil {
		t.Fatal(err)
	}
	simulate(t, func(t *testing.T, r *rig) {
		image, err := r.Import(t.Context(), compute.Import{Scope: home, Name: "linked", Path: link})
		if err != nil {
			t.Fatal(err)
		}
		if info, err := os.Lstat(filepath.Join(r.dir, "images", image.ID, "root")); err != nil || !info.IsDir() {
			t.Errorf("the image's root is %v, %v", info, err)
		}
	})
}

func TestTwoImportsWithOneName(t *testing.T) {
	image := file(t, archive(t, entry{name: "bin/sh", text: string(shell(t))}))
	simulate(t, func(t *testing.T, r *rig) {
		var importing sync.WaitGroup
		var made atomic.Int32
		for range 4 {
			importing.Go(func() {
				_, err := r.Import(t.Context(), compute.Import{Scope: home, Name: "same", Path: image})
				switch {
				case err == nil:
					made.Add(1)
				case fault.Of(err).Code != "InvalidAMIName.Duplicate":
					t.Error(err)
				}
			})
		}
		importing.Wait()
		left, _ := os.ReadDir(filepath.Join(r.dir, "images"))
		if made.Load() != 1 || len(left) != 1 {
			t.Errorf("%d imports worked, %d directories are there", made.Load(), len(left))
		}
	})
}
