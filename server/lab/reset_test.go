package lab

import (
	"cmp"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"postern/api/apitest"
	"postern/aws/fault"
	"postern/server"
	"postern/server/front"
	"postern/services/compute"
	s3program "postern/services/s3/embedded/program"
	"postern/services/s3/external"
)

func TestMain(m *testing.M) {
	compute.InitMain()
	s3program.InitMain()
	goleak.VerifyTestMain(m)
}

func openLab(t *testing.T, c server.Config) *Lab {
	t.Helper()
	return openWith(t, Config{Server: c})
}

func openWith(t *testing.T, c Config) *Lab {
	t.Helper()
	c.Server.ObjectStore = cmp.Or(c.Server.ObjectStore, "/proc/self/exe")
	l, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// whoAmI asks the lab, as a client of its public listener.
func whoAmI(t *testing.T, l *Lab) (int, string) {
	t.Helper()
	return apitest.Do(l, asRoot(t, l, "sts", "Action=GetCallerIdentity&Version=2011-06-15", nil))
}

func resetRequest(t *testing.T, change func(*http.Request)) *http.Request {
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://localhost:4566"+front.ResetPath, nil)
	r.RemoteAddr = "127.0.0.1:40000"
	if change != nil {
		change(r)
	}
	return r
}

// ask sends a form request as the root user, and wants it answered.
func ask(t *testing.T, l *Lab, service, form string) string {
	t.Helper()
	status, body := apitest.Do(l, asRoot(t, l, service, form, nil))
	if status != http.StatusOK {
		t.Fatalf("%s: %d %s", form, status, body)
	}
	return body
}

// askSSM does so with one of ssm's operations.
func askSSM(t *testing.T, l *Lab, operation, input string) string {
	t.Helper()
	r := asRoot(t, l, "ssm", input, func(r *http.Request) {
		r.Header.Set("Content-Type", "application/x-amz-json-1.1")
		r.Header.Set("X-Amz-Target", "AmazonSSM."+operation)
	})
	status, body := apitest.Do(l, r)
	if status != http.StatusOK {
		t.Fatalf("%s: %d %s", operation, status, body)
	}
	return body
}

// fill puts something of every service into a lab.
func fill(t *testing.T, l *Lab) {
	t.Helper()
	ask(t, l, "ec2", "Action=CreateVpc&Version=2016-11-15&CidrBlock=10.0.0.0/16")
	ask(t, l, "iam", "Action=CreateUser&Version=2010-05-08&UserName=bob")
	askSSM(t, l, "PutParameter", `{"Name":"a","Value":"b","Type":"String"}`)
}

// kept counts what of it is there.
func kept(t *testing.T, l *Lab) int {
	t.Helper()
	return strings.Count(ask(t, l, "ec2", "Action=DescribeVpcs&Version=2016-11-15"), "<vpcId>") +
		strings.Count(ask(t, l, "iam", "Action=ListUsers&Version=2010-05-08"), "<UserName>") +
		strings.Count(askSSM(t, l, "DescribeParameters", "{}"), `"Name"`)
}

// TestReset empties a lab twice: its address and key stay, all else is gone, and it works on.
func TestReset(t *testing.T) {
	l := openLab(t, server.Config{})
	before, join := l.Access(), l.Join()
	for range 2 {
		fill(t, l)
		if n := kept(t, l); n != 3 {
			t.Fatalf("%d of three things are there", n)
		}
		began := time.Now()
		if status, body := apitest.Do(l, resetRequest(t, nil)); status != http.StatusOK ||
			body != "the lab is empty again\n" {
			t.Fatalf("%d %s", status, body)
		}
		t.Logf("reset took %v", time.Since(began).Round(time.Millisecond))
		if n := kept(t, l); n != 0 {
			t.Errorf("%d things are left", n)
		}
		if l.Access() != before || l.Join() != join {
			t.Errorf("%+v %s, before %+v %s", l.Access(), l.Join(), before, join)
		}
		if status, body := whoAmI(t, l); status != 200 || !strings.Contains(body, ":root") {
			t.Errorf("afterwards: %d %s", status, body)
		}
	}
	select {
	case <-l.Done():
		t.Error(l.Err())
	default:
	}
}

func TestResetRefuses(t *testing.T) {
	l := openLab(t, server.Config{})
	fill(t, l)
	for name, tt := range map[string]struct {
		change func(*http.Request)
		status int
	}{
		"a question":     {func(r *http.Request) { r.Method = http.MethodGet }, http.StatusMethodNotAllowed},
		"another host":   {func(r *http.Request) { r.RemoteAddr = "192.0.2.1:40000" }, http.StatusForbidden},
		"a web page":     {func(r *http.Request) { r.Header.Set("Origin", "https://example.com") }, http.StatusForbidden},
		"a page's fetch": {func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-origin") }, http.StatusForbidden},
	} {
		if status, body := apitest.Do(l, resetRequest(t, tt.change)); status != tt.status {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	if kept(t, l) != 3 {
		t.Error("it was emptied")
	}
	if status, body := apitest.Do(openServer(t).Handler(), resetRequest(t, nil)); status/100 == 2 {
		t.Errorf("a server that is no lab: %d %s", status, body)
	}
}

func openServer(t *testing.T) *server.Server {
	t.Helper()
	s, err := server.Open(t.Context(), server.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// TestRequestsDuringResets are answered, every one: they wait for the server that comes.
func TestRequestsDuringResets(t *testing.T) {
	l := openLab(t, server.Config{})
	var asking sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		asking.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if status, body := whoAmI(t, l); status != 200 {
					t.Errorf("%d %s", status, body)
				}
			}
		})
	}
	for range 5 {
		if err := l.Reset(t.Context()); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	asking.Wait()
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if err := l.Reset(t.Context()); !fault.Is(err, fault.Unavailable) {
		t.Errorf("reset of a closed lab: %v", err)
	}
}

func TestTestCredentials(t *testing.T) {
	l := openLab(t, server.Config{TestCredentials: true})
	if l.Access().Root != server.TestKey {
		t.Errorf("the key is %+v", l.Access().Root)
	}
	for range 2 {
		if status, body := whoAmI(t, l); status != 200 ||
			!strings.Contains(body, "<Arn>arn:aws:iam::000000000000:root</Arn>") {
			t.Errorf("%d %s", status, body)
		}
		if err := l.Reset(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for name, open := range map[string]func() error{
		"beyond loopback": func() error {
			return refused(t, server.Config{TestCredentials: true, Listen: "0.0.0.0:0"})
		},
		"with a data directory": func() error {
			_, err := server.Open(t.Context(), server.Config{TestCredentials: true, DataDir: t.TempDir()})
			return err
		},
		"with an S3 service that keeps its objects": func() error {
			return refused(t, server.Config{ExternalS3: external.Config{
				Endpoint: "https://s3.example.com", AccessKey: "key", Secret: "secret",
			}})
		},
		"in memory, but no lab": func() error {
			_, err := server.Open(t.Context(), server.Config{TestCredentials: true})
			return err
		},
	} {
		if err := open(); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := refused(t, server.Config{DataDir: t.TempDir()}); !fault.Is(err, fault.Invalid) {
		t.Errorf("a lab with a data directory: %v", err)
	}
}

func refused(t *testing.T, c server.Config) error {
	l, err := Open(t.Context(), Config{Server: c})
	if err == nil {
		l.Close()
	}
	return err
}

// TestFlowLogsAreForgotten: a reset leaves no file of what was before.
func TestFlowLogsAreForgotten(t *testing.T) {
	l := openLab(t, server.Config{})
	dir := filepath.Join(filepath.Dir(l.Access().CAFile), "flow-logs")
	if err := os.MkdirAll(filepath.Join(dir, "AWSLogs"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := l.Reset(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is still there: %v", dir, err)
	}
}
