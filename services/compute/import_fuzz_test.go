package compute

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"os"
	"path/filepath"
	"testing"
)

// archive is a tar file with the given entries.
func archive(t testing.TB, entries ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range entries {
		h.Mode = 0o755
		if h.Typeflag == tar.TypeReg {
			h.Size = 1
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if h.Size > 0 {
			if _, err := w.Write([]byte("x")); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// FuzzUnpack unpacks any archive: whatever its entries are called and lead to, nothing beside the directory changes.
func FuzzUnpack(f *testing.F) {
	out := archive(
		f,
		tar.Header{
			Name:     "etc/",
			Typeflag: tar.TypeDir,
		},
		tar.Header{Name: "etc/link", Typeflag: tar.TypeSymlink, Linkname: "../../outside"},
		tar.Header{Name: "etc/link", Typeflag: tar.TypeReg},
		tar.Header{Name: "../../outside", Typeflag: tar.TypeReg},
		tar.Header{
			Name:     "hard",
			Typeflag: tar.TypeLink,
			Linkname: "../outside",
		},
		tar.Header{Name: "/etc/link/x", Typeflag: tar.TypeReg},
	)
	f.Add(out)
	f.Add(
		archive(
			f,
			tar.Header{Name: "up", Typeflag: tar.TypeSymlink, Linkname: ".."},
			tar.Header{Name: "up/outside", Typeflag: tar.TypeReg},
		),
	)
	f.Add(archive(f, tar.Header{Name: "dev/null", Typeflag: tar.TypeChar}, tar.Header{Name: "dev", Typeflag: tar.TypeReg}))
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	if _, err := z.Write(out); err != nil {
		f.Fatal(err)
	}
	if err := z.Close(); err != nil {
		f.Fatal(err)
	}
	f.Add(zipped.Bytes())
	f.Add([]byte("BZh9"))
	f.Fuzz(func(t *testing.T, text []byte) {
		top := t.TempDir()
		outside, dir := filepath.Join(top, "outside"), filepath.Join(top, "image")
		if err := os.WriteFile(outside, []byte("as it was"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		_ = unpack(context.Background(), bytes.NewReader(text), dir) // refused or not, it stays in its directory
		if got, err := os.ReadFile(outside); string(got) != "as it was" {
			t.Errorf("the file beside holds %q, %v", got, err)
		}
		if info, err := os.Lstat(outside); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the file beside is %v, %v", info, err)
		}
		if left, err := os.ReadDir(top); err != nil || len(left) != 2 {
			t.Errorf("beside the directory: %v, %v", left, err)
		}
	})
}
