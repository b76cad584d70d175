package program

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/s3api"
	"github.com/versity/versitygw/s3api/middlewares"
	"golang.org/x/sys/unix"

	"postern/services/s3/embedded"
)

// InitMain must be among the first things that TestMain calls where a Store starts the test's own program. It returns
// at once, except in the process that is to serve objects: there it never returns.
func InitMain() {
	if len(os.Args) == 1 && os.Args[0] == embedded.ProgramName {
		os.Exit(Main())
	}
}

// Main serves objects until the server that has started it ends, and returns the exit code of a program that could not.
func Main() int {
	if !isSocket(embedded.ControlFD) {
		fmt.Fprintln(os.Stderr, "postern-s3: only postern starts this program, when the first object is asked for")
		return 1
	}
	fmt.Fprintln(os.Stderr, serve())
	return 1
}

func isSocket(fd int) bool {
	var stat unix.Stat_t
	return unix.Fstat(fd, &stat) == nil && stat.Mode&unix.S_IFMT == unix.S_IFSOCK
}

// The names in the directory. There are metadata only where the file system has no extended attributes.
const (
	objectsDir  = "objects"
	versionsDir = "versions"
	metadataDir = "metadata"
)

const (
	// maxCopy is the most bytes that one request copies, S3's limit.
	maxCopy = 5 << 30
	// maxRequests is how many requests are worked on at once; others are answered SlowDown.
	maxRequests = 4096
	// maxActions is how many of them wait for the file system, with a thread each.
	maxActions = 128
	maxParts   = 10_000
)

// serve serves objects until the server's end of the socket pair is closed.
func serve() error {
	unix.Umask(0o077)
	unix.CloseOnExec(embedded.ControlFD)
	unix.CloseOnExec(embedded.DirFD)
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("turn dumps off: %w", err)
	}
	debug.SetGCPercent(50)
	control := os.NewFile(embedded.ControlFD, "control")
	told := bufio.NewReader(control)
	line, err := told.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("read the order: %w", err)
	}
	var o embedded.Order
	if err := json.Unmarshal(line, &o); err != nil {
		return fmt.Errorf("read the order: %w", err)
	}
	go func() {
		_, _ = io.Copy(io.Discard, told) // the end is what matters
		os.Exit(0)
	}()
	b, err := openBackend(o.Dir)
	if err != nil {
		return err
	}
	// The path of the socket goes by the directory's descriptor: the directory's own may be longer than sockets take.
	socket := fmt.Sprintf("/proc/self/fd/%d/%s", embedded.DirFD, embedded.SocketName)
	if err := os.Remove(socket); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	api, err := s3api.New(
		b, middlewares.RootUserConfig{Access: o.AccessKey, Secret: o.Secret}, embedded.Region,
		auth.NewIAMServiceSingle(auth.Account{}), nil, nil, nil, nil,
		s3api.WithQuiet(), s3api.WithKeepAlive(), s3api.WithDisableACL(), s3api.WithMpMaxParts(maxParts),
		s3api.WithConcurrencyLimiter(maxRequests, maxRequests), s3api.WithSocketPerm(0o600),
		s3api.WithOnListen(func() { _, _ = control.Write([]byte{'r'}) }), // a server that has gone is noticed above
	)
	if err != nil {
		return fmt.Errorf("make the S3 service: %w", err)
	}
	return api.ServeMultiPort([]string{socket})
}

// openBackend opens the directory. It changes the working directory, by which the library finds files.
func openBackend(dir string) (*backendStore, error) {
	for _, name := range []string{objectsDir, versionsDir} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			return nil, err
		}
	}
	o := posix.PosixOpts{
		VersioningDir: filepath.Join(dir, versionsDir), CopyObjectThreshold: maxCopy, Concurrency: maxActions,
		ForceNoObjLockFile: true, // no other process has the directory
	}
	o.SetNewDirPerm(0o700)
	o.SetNewFilePerm(0o600)
	storer, err := openMetadata(dir, &o)
	if err != nil {
		return nil, err
	}
	p, err := posix.New(filepath.Join(dir, objectsDir), storer, o)
	if err != nil {
		return nil, fmt.Errorf("open the directory for objects: %w", err)
	}
	return &backendStore{Posix: p, versions: o.VersioningDir, names: newNames(time.Now)}, nil
}

// openMetadata chooses where metadata are kept, once for a directory.
func openMetadata(dir string, o *posix.PosixOpts) (meta.MetadataStorer, error) {
	beside := filepath.Join(dir, metadataDir)
	_, err := os.Stat(beside)
	if err != nil && unix.Setxattr(filepath.Join(dir, objectsDir), "user.postern", []byte{'1'}, 0) == nil {
		return meta.XattrMeta{}, nil
	}
	if err := os.MkdirAll(beside, 0o700); err != nil {
		return nil, err
	}
	o.SideCarDir = beside
	return meta.NewSideCar(beside)
}
