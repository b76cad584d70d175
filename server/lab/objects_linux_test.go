package lab

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"postern/api/apitest"
	"postern/aws/sigv4"
	"postern/server"
)

// s3Do sends a request to a lab's S3 as its root user signs it.
func s3Do(t *testing.T, l *Lab, method, path, body string) (status int, answer string) {
	t.Helper()
	return apitest.Do(l, s3Request(t, l, method, path, body))
}

func s3Request(t *testing.T, l *Lab, method, path, body string) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, "http://s3.localhost:4566"+path, strings.NewReader(body))
	root := l.Access().Root
	r.Header.Set("Content-Length", strconv.Itoa(len(body)))
	at := sigv4.Target{Region: server.DefaultRegion, Service: "s3", Time: time.Now()}
	if err := sigv4.Sign(r, []byte(body), sigv4.Credentials{AccessKey: root.ID, Secret: root.Secret}, at); err != nil {
		t.Fatal(err)
	}
	return r
}

// stores counts the processes for objects that this one has started.
func stores(t *testing.T) (n int) {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range all {
		line, err := os.ReadFile(name)
		status, errStatus := os.ReadFile(filepath.Join(filepath.Dir(name), "status"))
		if err == nil && errStatus == nil && strings.HasPrefix(string(line), "postern-s3\x00") &&
			strings.Contains(string(status), fmt.Sprintf("\nPPid:\t%d\n", os.Getpid())) {
			n++
		}
	}
	return n
}

// TestTheProgramForObjectsIsMissing: S3 says so, names the file and the remedy, and the bucket is not made. Everything
// else works, also once the program is there.
func TestTheProgramForObjectsIsMissing(t *testing.T) {
	program := filepath.Join(t.TempDir(), "postern-s3")
	l := openLab(t, server.Config{ObjectStore: program})
	for range 2 {
		status, answer := s3Do(t, l, http.MethodPut, "/bucket", "")
		if status != http.StatusServiceUnavailable || !strings.Contains(answer, "<Code>ServiceUnavailable</Code>") ||
			!strings.Contains(answer, program) || !strings.Contains(answer, "make build") {
			t.Fatalf("%d %s", status, answer)
		}
		if status, answer := s3Do(t, l, http.MethodHead, "/bucket", ""); status != http.StatusNotFound {
			t.Errorf("the bucket: %d %s", status, answer)
		}
		if status, answer := whoAmI(t, l); status != http.StatusOK {
			t.Errorf("%d %s", status, answer)
		}
		if err := os.WriteFile(program, nil, 0o600); err != nil { // which nobody can execute
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Remove(program), os.Symlink("/proc/self/exe", program)); err != nil {
		t.Fatal(err)
	}
	if status, answer := s3Do(t, l, http.MethodPut, "/bucket", ""); status != http.StatusOK {
		t.Errorf("with the program: %d %s", status, answer)
	}
}

// TestAResetEmptiesS3, whose store there is only where it is used.
func TestAResetEmptiesS3(t *testing.T) {
	l := openLab(t, server.Config{})
	if n := stores(t); n != 0 {
		t.Fatalf("%d stores before the first object", n)
	}
	for range 2 {
		for _, put := range []string{"/bucket", "/bucket/key"} {
			if status, answer := s3Do(t, l, http.MethodPut, put, ""); status != http.StatusOK {
				t.Fatalf("%s: %d %s", put, status, answer)
			}
		}
		if n := stores(t); n != 1 {
			t.Errorf("%d stores", n)
		}
		if err := l.Reset(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := stores(t); n != 0 {
			t.Errorf("%d stores after a reset", n)
		}
		status, answer := s3Do(t, l, http.MethodGet, "/bucket/key", "")
		if status != http.StatusNotFound || !strings.Contains(answer, "<Code>NoSuchBucket</Code>") {
			t.Errorf("after a reset: %d %s", status, answer)
		}
	}
}

// TestALongObjectPasses through a lab without being kept there, and is cut off by a reset.
func TestALongObjectPasses(t *testing.T) {
	l := openLab(t, server.Config{})
	long := strings.Repeat("0123456789abcdef", 3*maxKept/16)
	for path, body := range map[string]string{"/long": "", "/long/key": long} {
		if status, answer := s3Do(t, l, http.MethodPut, "/long", ""); status != http.StatusOK {
			t.Fatalf("%d %s", status, answer)
		}
		if status, answer := s3Do(t, l, http.MethodPut, path, body); status != http.StatusOK {
			t.Fatalf("%s: %d %s", path, status, answer)
		}
	}
	status, answer := s3Do(t, l, http.MethodGet, "/long/key", "")
	if status != http.StatusOK || answer != long {
		t.Errorf("%d, %d bytes of %d", status, len(answer), len(long))
	}
	reader := &stuck{ResponseRecorder: httptest.NewRecorder(), at: make(chan struct{}), free: make(chan struct{})}
	cut := make(chan any)
	go func() {
		defer func() { cut <- recover() }()
		l.ServeHTTP(reader, s3Request(t, l, http.MethodGet, "/long/key", ""))
	}()
	<-reader.at
	if err := l.Reset(t.Context()); err != nil {
		t.Fatal(err)
	}
	close(reader.free)
	if thrown := <-cut; thrown != http.ErrAbortHandler { //nolint:errorlint // as net/http compares it
		t.Errorf("a reset in the middle: %v", thrown)
	}
}

// TestAResetDuringAnUpload: the upload begins anew in the lab that is empty then, where there is no bucket.
func TestAResetDuringAnUpload(t *testing.T) {
	l := openLab(t, server.Config{})
	if status, answer := s3Do(t, l, http.MethodPut, "/bucket", ""); status != http.StatusOK {
		t.Fatalf("%d %s", status, answer)
	}
	text := strings.Repeat("x", 1<<20)
	r := s3Request(t, l, http.MethodPut, "/bucket/key", text)
	body := &trickle{begun: make(chan struct{}, 1), rest: make(chan string)}
	r.Body = body
	answered := make(chan *httptest.ResponseRecorder, 1)
	go func() {
		w := httptest.NewRecorder()
		l.ServeHTTP(w, r)
		answered <- w
	}()
	<-body.begun
	body.rest <- text[:1000]
	<-body.begun
	if err := l.Reset(t.Context()); err != nil {
		t.Fatal(err)
	}
	for rest := text[1000:]; rest != ""; rest = rest[min(len(rest), 1000):] {
		select {
		case body.rest <- rest[:min(len(rest), 1000)]:
			continue
		case w := <-answered:
			answered <- w
		}
		break
	}
	close(body.rest)
	if w := <-answered; w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), "<Code>NoSuchBucket</Code>") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
