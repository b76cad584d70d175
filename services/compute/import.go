package compute

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"context"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"

	"postern/aws/fault"
	"postern/aws/scope"
	"postern/record"
	"postern/services/compute/guest"
)

// Limits of an import.
const (
	maxImageFiles = 2_000_000
	maxImageBytes = 64 << 30
	// maxID is the largest user or group id that an instance can have.
	maxID = 65535
)

// imageNames is Amazon's rule for names of images.
var imageNames = regexp.MustCompile(`^[a-zA-Z0-9()\[\] ./'@_-]{3,128}$`)

// Import is a request to make an image.
type Import struct {
	scope.Scope
	// Name is 3–128 letters, digits and ()[] ./-'@_, and new in its scope.
	Name, Description string
	// Path is a directory, or a tar file (plain, gzip or bzip2), of a Linux root file system on this host.
	Path string
	Tags map[string]string
}

// Import copies a root file system and registers it as an image.
func (s *Service) Import(ctx context.Context, in Import) (Image, error) {
	if !imageNames.MatchString(in.Name) {
		return Image{}, invalidImage("InvalidAMIName.Malformed",
			"the name '%s' is not 3-128 letters, digits and ()[] ./-'@_", in.Name)
	}
	if err := nameIsFree(s.replica.Tables(), in); err != nil {
		return Image{}, err
	}
	i := Image{
		ID: newID("ami"), Scope: in.Scope, Name: in.Name, Description: in.Description, Architecture: architecture(),
		Created: s.Now(), Tags: maps.Clone(in.Tags),
	}
	if err := s.fill(ctx, &i, in.Path); err != nil {
		return Image{}, errors.Join(err, guest.Remove(s.imageDir(i.ID)))
	}
	err := s.change(ctx, in.Scope, func(p *record.Plan) error {
		if err := nameIsFree(p.Tables, in); err != nil { // still, after the time that copying took
			return err
		}
		images.Put(p, &i, false)
		return nil
	})
	if err != nil {
		return Image{}, errors.Join(err, guest.Remove(s.imageDir(i.ID)))
	}
	return i, nil
}

func nameIsFree(t *record.Tables, in Import) error {
	taken := func(id string) error {
		return fault.New(fault.Exists, "compute.Import", "AMI name %s is already in use by AMI %s", in.Name, id).
			WithCode("InvalidAMIName.Duplicate")
	}
	if in.Name == HostImageName {
		return taken(HostImage(in.Region))
	}
	for i := range imagesByName.Find(t, nameGroup(in.Scope, in.Name)) {
		return taken(i.ID)
	}
	return nil
}

func invalidImage(code, format string, args ...any) error {
	return fault.New(fault.Invalid, "compute.Import", format, args...).WithCode(code)
}

func (s *Service) fill(ctx context.Context, i *Image, from string) error {
	dir := s.imageRoot(i.ID)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	// Other users of this host have no business among the set-user-ID programs of an image.
	if err := os.Chmod(s.imageDir(i.ID), 0o700); err != nil {
		return err
	}
	if err := s.copyOrUnpack(ctx, from, dir); err != nil {
		return fmt.Errorf("import %s: %w", from, err)
	}
	return inspect(dir, i)
}

func (s *Service) copyOrUnpack(ctx context.Context, from, dir string) error {
	from, err := filepath.EvalSymlinks(from) // what is copied is what lies there, not a link to it
	if err != nil {
		return invalidImage("InvalidParameterValue", "%w", err)
	}
	info, err := os.Stat(from)
	switch {
	case err != nil:
		return invalidImage("InvalidParameterValue", "%w", err)
	case info.IsDir() && holds(from, s.Dir):
		return invalidImage(
			"InvalidParameterValue",
			"it holds Postern's own data directory; copy what is wanted elsewhere first",
		)
	case info.IsDir():
		return guest.CopyTree(from, dir)
	case !info.Mode().IsRegular():
		return invalidImage("InvalidParameterValue", "it is neither a directory nor a file")
	}
	return unpackFile(ctx, from, dir)
}

// holds reports whether dir lies in from, so that copying from would never come to an end.
func holds(from, dir string) bool {
	dir, err := filepath.Abs(dir)
	if err == nil {
		dir, err = filepath.EvalSymlinks(dir)
	}
	if err != nil {
		return true
	}
	below, err := filepath.Rel(from, dir)
	return err != nil || below != ".." && !strings.HasPrefix(below, "../")
}

func unpackFile(ctx context.Context, name, dir string) error {
	f, err := os.Open(name)
	if err != nil {
		return invalidImage("InvalidParameterValue", "%w", err)
	}
	defer f.Close()
	return unpack(ctx, f, dir)
}

// unpack writes a tar archive's entries below dir. No entry can lead out of it.
func unpack(ctx context.Context, archive io.Reader, dir string) error {
	plain, err := decompress(archive)
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	r := tar.NewReader(plain)
	var size int64
	for n := 0; ; n++ {
		h, err := r.Next()
		if errors.Is(err, io.EOF) && n > 0 {
			return nil
		}
		if err != nil {
			return invalidImage("InvalidParameterValue", "it is no tar archive: %w", err)
		}
		size += h.Size
		if n > maxImageFiles || size > maxImageBytes {
			return invalidImage(
				"InvalidParameterValue",
				"it is larger than %d files or %d bytes",
				maxImageFiles,
				int64(maxImageBytes),
			)
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := writeEntry(root, h, r); err != nil {
			return invalidImage("InvalidParameterValue", "entry %q: %w", h.Name, err)
		}
	}
}

func decompress(r io.Reader) (io.Reader, error) {
	b := bufio.NewReaderSize(r, 1<<16)
	head, _ := b.Peek(6) // a shorter file is no archive, as the tar reader will say
	switch {
	case bytes.HasPrefix(head, []byte("\x1f\x8b")):
		return gzip.NewReader(b)
	case bytes.HasPrefix(head, []byte("BZh")):
		return bzip2.NewReader(b), nil
	case bytes.HasPrefix(head, []byte("\x28\xb5\x2f\xfd")), bytes.HasPrefix(head, []byte("\xfd7zXZ\x00")):
		return nil, invalidImage("InvalidParameterValue", "zstd and xz are not read; decompress the archive first")
	default:
		return b, nil
	}
}

func writeEntry(root *os.Root, h *tar.Header, r io.Reader) error {
	name := strings.TrimPrefix(path.Clean("/"+h.Name), "/")
	if name == "" {
		return nil
	}
	if h.Uid < 0 || h.Uid > maxID || h.Gid < 0 || h.Gid > maxID {
		return fmt.Errorf("its owner %d:%d is not within 0-%d", h.Uid, h.Gid, maxID)
	}
	if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	mode := h.FileInfo().Mode()
	switch h.Typeflag {
	case tar.TypeDir:
		if err := root.MkdirAll(name, 0o755); err != nil {
			return err
		}
		own(root, name, h)
		return root.Chmod(name, mode.Perm()|0o700|mode&(fs.ModeSticky|fs.ModeSetgid))
	case tar.TypeReg:
		return writeFile(root, name, h, r)
	case tar.TypeSymlink:
		if err := remove(root, name); err != nil {
			return err
		}
		if err := root.Symlink(h.Linkname, name); err != nil {
			return err
		}
		own(root, name, h)
		return nil
	case tar.TypeLink:
		if err := remove(root, name); err != nil {
			return err
		}
		return root.Link(strings.TrimPrefix(path.Clean("/"+h.Linkname), "/"), name)
	case tar.TypeChar, tar.TypeBlock, tar.TypeFifo, tar.TypeXGlobalHeader:
		return nil // instances get their devices from the launcher
	default:
		return fmt.Errorf("entries of type %q are not read", h.Typeflag)
	}
}

func remove(root *os.Root, name string) error {
	if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func own(root *os.Root, name string, h *tar.Header) {
	if os.Geteuid() == 0 {
		_ = root.Lchown(name, h.Uid, h.Gid) // an ordinary user's instances have one id only
	}
}

func writeFile(root *os.Root, name string, h *tar.Header, r io.Reader) (err error) {
	if err := remove(root, name); err != nil {
		return err
	}
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := io.CopyN(f, r, h.Size); err != nil {
		return err
	}
	own(root, name, h) // before the mode: a change of owner takes the set-user-ID bit away
	mode := h.FileInfo().Mode()
	return f.Chmod(mode.Perm() | mode&(fs.ModeSetuid|fs.ModeSetgid|fs.ModeSticky))
}

// inspect checks that what was imported can run here, and fills in what the image says about it.
func inspect(dir string, i *Image) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	if _, err := root.Lstat("manifest.json"); err == nil {
		if _, err := root.Lstat("usr"); err != nil {
			return invalidImage(
				"InvalidParameterValue",
				"it is an image archive with layers, not a root file system: use docker export, not docker save",
			)
		}
	}
	shell, err := openInside(root, "bin/sh")
	if err != nil {
		return invalidImage("InvalidParameterValue", "it is no Linux root file system: it has no /bin/sh (%w)", err)
	}
	defer shell.Close()
	var head [20]byte // the ELF header up to and with e_machine
	if _, err := io.ReadFull(shell, head[:]); err != nil || string(head[:4]) != elf.ELFMAG {
		return invalidImage("InvalidParameterValue", "its /bin/sh is no Linux program")
	}
	if got, want := elf.Machine(binary.LittleEndian.Uint16(head[18:])), programs[runtime.GOARCH]; got != want {
		return invalidImage("InvalidParameterValue", "its programs are for %s, this host runs %s", got, want)
	}
	if f, err := openInside(root, "usr/bin/amazon-ssm-agent"); err == nil {
		f.Close()
		i.RealAgent = true
	}
	return filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			i.Size += info.Size()
		}
		return err
	})
}

var programs = map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64, "riscv64": elf.EM_RISCV}

// openInside opens a file the way a program inside the root would: absolute links start at the root.
func openInside(root *os.Root, name string) (*os.File, error) {
	const maxLinks = 40
	for range maxLinks {
		next, err := followFirst(root, name)
		if err != nil {
			return nil, err
		}
		if next == name {
			return root.Open(name)
		}
		name = next
	}
	return nil, errors.New("too many links")
}

// followFirst replaces the first element of name that is a link by what it points to.
func followFirst(root *os.Root, name string) (string, error) {
	parts := strings.Split(name, "/")
	for n := range parts {
		at := strings.Join(parts[:n+1], "/")
		info, err := root.Lstat(at)
		if err != nil {
			return "", err
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			continue
		}
		target, err := root.Readlink(at)
		if err != nil {
			return "", err
		}
		if !path.IsAbs(target) {
			target = path.Join("/", path.Dir(at), target)
		}
		return strings.TrimPrefix(path.Join(path.Clean(target), path.Join(parts[n+1:]...)), "/"), nil
	}
	return name, nil
}
