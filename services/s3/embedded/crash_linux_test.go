package embedded_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"golang.org/x/sys/unix"

	"postern/aws/fault"
	services3 "postern/services/s3"
	"postern/services/s3/embedded"
)

// children returns the processes for objects that a process has started.
func children(t *testing.T, parent int) (pids []int) {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range all {
		line, err := os.ReadFile(name)
		status, errStatus := os.ReadFile(filepath.Join(filepath.Dir(name), "status"))
		if err != nil || errStatus != nil || !strings.HasPrefix(string(line), "postern-s3\x00") ||
			!strings.Contains(string(status), fmt.Sprintf("\nPPid:\t%d\n", parent)) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	return pids
}

// eventually waits until something holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for !holds() {
		select {
		case <-again.C:
		case <-ctx.Done():
			t.Fatal(what)
		}
	}
}

func killAll(t *testing.T) {
	t.Helper()
	pids := children(t, os.Getpid())
	if len(pids) != 1 {
		t.Fatalf("processes %v", pids)
	}
	if err := syscall.Kill(pids[0], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

// half is a body that stops in the middle until it is let go on, or broken off.
type half struct {
	io.Reader
	reached chan struct{}
	rest    chan error
	told    atomic.Bool
}

func newHalf(first []byte) *half {
	return &half{Reader: bytes.NewReader(first), reached: make(chan struct{}), rest: make(chan error, 1)}
}

func (h *half) Read(p []byte) (int, error) {
	n, err := h.Reader.Read(p)
	if err == io.EOF {
		if h.told.CompareAndSwap(false, true) {
			close(h.reached)
		}
		err = <-h.rest
		h.rest <- err // for who reads again
		return 0, err
	}
	return n, err
}

func (h *half) Close() error { return nil }

// upload begins to put an object of which half a body comes. Like a client it tries again where it is told to.
func upload(t *testing.T, s *embedded.Store, bucket, key string, h *half) chan error {
	t.Helper()
	for {
		done := make(chan error, 1)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "", h)
		if err != nil {
			t.Fatal(err)
		}
		req.URL, req.ContentLength = services3.URL(bucket, key, nil), 4<<20
		go func() {
			answer, err := s.Do(req)
			if err == nil {
				answer.Body.Close()
				if answer.StatusCode != http.StatusOK {
					err = errors.New(answer.Status)
				}
			}
			done <- err
		}()
		select {
		case <-h.reached:
			return done
		case err := <-done:
			if !fault.Is(err, fault.Unavailable) {
				t.Fatalf("the upload ended at its begin: %v", err)
			}
			h.Reader = bytes.NewReader(make([]byte, 2<<20))
		}
	}
}

func TestNoHalfObjectIsSeen(t *testing.T) {
	s := newStore(t, t.TempDir())
	c := client(t, s)
	bucket := makeBucket(t, c, "halves")
	put(t, c, bucket, "old", "whole")
	own := fault.New(fault.Invalid, "test", "the client went away")
	for _, tt := range []struct {
		name string
		end  func(h *half)
	}{
		{"the process is killed", func(h *half) { killAll(t); h.rest <- io.ErrUnexpectedEOF }},
		{"the client breaks off", func(h *half) { h.rest <- own }},
	} {
		for _, key := range []string{"old", "new"} {
			h := newHalf(make([]byte, 2<<20))
			done := upload(t, s, *bucket, key, h)
			tt.end(h)
			err := <-done
			if err == nil {
				t.Errorf("%s: half of %s was taken", tt.name, key)
			}
			if tt.name == "the client breaks off" && !errors.Is(err, own) {
				t.Errorf("%s: %v is not the body's own error", tt.name, err)
			}
		}
		if body, err := get(t.Context(), c, bucket, "old"); err != nil || body != "whole" {
			t.Errorf("%s: the old object: %.20q, %v", tt.name, body, err)
		}
		if _, err := get(t.Context(), c, bucket, "new"); code(err) != "NoSuchKey" {
			t.Errorf("%s: the new one: %v", tt.name, err)
		}
		if got := listAll(t, c, &s3.ListObjectsV2Input{Bucket: bucket}); len(got) != 1 {
			t.Errorf("%s: %q", tt.name, got)
		}
	}
}

// TestABodyThatIsTooShortIsRefused, also where nothing else but its length says so.
func TestABodyThatIsTooShortIsRefused(t *testing.T) {
	s := newStore(t, t.TempDir())
	c := client(t, s)
	bucket := makeBucket(t, c, "short")
	h := newHalf(make([]byte, 1<<20))
	done := upload(t, s, *bucket, "key", h)
	h.rest <- io.EOF
	if err := <-done; err == nil {
		t.Error("it was taken")
	}
	if _, err := get(t.Context(), c, bucket, "key"); code(err) != "NoSuchKey" {
		t.Errorf("%v", err)
	}
}

func TestADeadProcessIsStartedAgain(t *testing.T) {
	s := newStore(t, t.TempDir())
	c := client(t, s)
	if len(children(t, os.Getpid())) != 0 {
		t.Fatal("there is a process before the first request")
	}
	bucket := makeBucket(t, c, "again")
	put(t, c, bucket, "key", "body")
	for range 3 {
		killAll(t)
		if body, err := get(t.Context(), c, bucket, "key"); err != nil || body != "body" {
			t.Errorf("%q, %v", body, err)
		}
	}
	if err := s.Close(); err != nil || len(children(t, os.Getpid())) != 0 {
		t.Errorf("%v, left %v", err, children(t, os.Getpid()))
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.URL = services3.URL(*bucket, "key", nil)
	if _, err := s.Do(req); !fault.Is(err, fault.Unavailable) {
		t.Errorf("after Close: %v", err)
	}
}

// TestServer puts an object and says so, for TestTheServerIsKilled to kill it.
func TestServer(t *testing.T) {
	dir := os.Getenv("POSTERN_TEST_OBJECTS")
	if dir == "" {
		t.Skip("it is run by TestTheServerIsKilled")
	}
	c := client(t, embedded.New(embedded.Config{Dir: dir, Program: "/proc/self/exe"}))
	put(t, c, makeBucket(t, c, "kept"), "key", "acknowledged")
	_, _ = os.Stdout.WriteString("done\n")
	select {}
}

func TestTheServerIsKilled(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestServer$")
	cmd.Env = append(os.Environ(), "POSTERN_TEST_OBJECTS="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := make([]byte, 5)
	if _, err := io.ReadFull(out, said); err != nil || string(said) != "done\n" {
		t.Fatalf("%q, %v", said, err)
	}
	started := children(t, cmd.Process.Pid)
	if len(started) != 1 {
		t.Fatalf("processes %v", started)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	eventually(t, "the process outlives its server", func() bool {
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", started[0]))
		return err != nil || !strings.HasPrefix(string(line), "postern-s3\x00")
	})
	c := client(t, newStore(t, dir))
	if body, err := get(t.Context(), c, aws.String("kept"), "key"); err != nil || body != "acknowledged" {
		t.Errorf("%q, %v", body, err)
	}
}

// TestTrailers: a checksum that is known behind a body is compared, and kept.
func TestTrailers(t *testing.T) {
	s := newStore(t, t.TempDir())
	c := client(t, s)
	bucket := makeBucket(t, c, "trailers")
	for _, tt := range []struct{ sum, want string }{
		{base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte("body")))), "200 OK"},
		{"AAAAAA==", "400 Bad Request"},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "", strings.NewReader("body"))
		if err != nil {
			t.Fatal(err)
		}
		req.URL, req.Trailer = services3.URL(*bucket, tt.want, nil), http.Header{"X-Amz-Checksum-Crc32": {tt.sum}}
		answer, err := s.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		if answer.Status != tt.want {
			t.Errorf("%s: %s %s", tt.sum, answer.Status, body)
		}
	}
	if body, err := get(t.Context(), c, bucket, "200 OK"); err != nil || body != "body" {
		t.Errorf("%q, %v", body, err)
	}
	if _, err := get(t.Context(), c, bucket, "400 Bad Request"); code(err) != "NoSuchKey" {
		t.Errorf("the refused one: %v", err)
	}
}

// TestMetadataBesideTheFiles: a directory that was begun without extended attributes goes on without.
func TestMetadataBesideTheFiles(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "metadata"), 0o700); err != nil {
		t.Fatal(err)
	}
	c := client(t, newStore(t, dir))
	bucket := makeBucket(t, c, "beside")
	for _, key := range odd {
		if len(key) > 500 {
			continue // the library's paths for metadata are longer
		}
		put(t, c, bucket, key, "body")
		out, err := c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: bucket, Key: &key})
		if err != nil || *out.ETag != `"841a2d689ad86bd1611447453c22c6fc"` {
			t.Errorf("%q: %+v, %v", key, out, err)
		}
	}
	names := make([]byte, 1<<10)
	err := filepath.WalkDir(filepath.Join(dir, "objects"), func(path string, _ os.DirEntry, err error) error {
		if n, errList := unix.Llistxattr(path, names); errList == nil && strings.Contains(string(names[:n]), "etag") {
			t.Errorf("%q has attributes %q", path, names[:n])
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
