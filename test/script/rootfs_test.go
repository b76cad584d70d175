package script

import (
	"archive/tar"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"

	"github.com/rogpeppe/go-internal/testscript"
)

// rootfs writes a tar file of the smallest Linux root file system there is: a shell with the libraries that it needs, and
// a name. It is made of this host's own files: rootfs FILE.
func rootfs(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: rootfs FILE")
	}
	shell, err := filepath.EvalSymlinks("/bin/sh")
	ts.Check(err)
	f, err := os.Create(ts.MkAbs(args[0]))
	ts.Check(err)
	defer f.Close()
	w := tar.NewWriter(f)
	for _, dir := range []string{"bin/", "etc/", "proc/", "dev/", "sys/", "tmp/", "root/", "var/lib/"} {
		ts.Check(w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: dir, Mode: 0o755}))
	}
	ts.Check(addText(w, "etc/os-release", "NAME=\"Tiny Linux\"\nVERSION_ID=\"1\"\n"))
	ts.Check(addFile(w, "bin/sh", shell))
	// A shell without libraries makes ldd fail, and needs nothing more.
	libraries, _ := exec.Command("ldd", shell).Output()
	for _, m := range regexp.MustCompile(`(?m)(/\S+) \(0x`).FindAllStringSubmatch(string(libraries), -1) {
		ts.Check(addFile(w, m[1][1:], m[1]))
	}
	ts.Check(w.Close())
}

func addText(w *tar.Writer, name, text string) error {
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(text))}); err != nil {
		return err
	}
	_, err := io.WriteString(w, text)
	return err
}

func addFile(w *tar.Writer, name, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o755, Size: info.Size()}); err != nil {
		return err
	}
	_, err = io.Copy(w, f)
	return err
}
