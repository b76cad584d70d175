package script

import (
	"archive/tar"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"

	"github.com/rogpeppe/go-internal/testscript"
)

// rootfs writes a tar file of the smallest Linux root file system there is: rootfs FILE.
func rootfs(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: rootfs FILE")
	}
	ts.Check(writeRootfs(ts.MkAbs(args[0])))
}

// writeRootfs writes a tar file of a root file system that has a shell with the libraries that it needs, and a name. It
// is made of this host's own files.
func writeRootfs(path string) error {
	shell, err := filepath.EvalSymlinks("/bin/sh")
	if err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	w := tar.NewWriter(f)
	for _, dir := range []string{"bin/", "etc/", "proc/", "dev/", "sys/", "tmp/", "root/", "var/lib/", "usr/sbin/"} {
		err = errors.Join(err, w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: dir, Mode: 0o755}))
	}
	err = errors.Join(err, addText(w, "etc/os-release", "NAME=\"Tiny Linux\"\nVERSION_ID=\"1\"\n"),
		addText(w, "etc/passwd", "root:x:0:0:root:/root:/bin/sh\n"),
		addText(w, "usr/sbin/sshd", ""), // whoever has one is given keys for it
		addFile(w, "bin/sh", shell))
	// A shell without libraries makes ldd fail, and needs nothing more.
	libraries, _ := exec.Command("ldd", shell).Output()
	for _, m := range regexp.MustCompile(`(?m)(/\S+) \(0x`).FindAllStringSubmatch(string(libraries), -1) {
		err = errors.Join(err, addFile(w, m[1][1:], m[1]))
	}
	return errors.Join(err, w.Close())
}

func addText(w *tar.Writer, name, text string) error {
	if err := w.WriteHeader(&tar.Header{
		Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(text)),
	}); err != nil {
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
