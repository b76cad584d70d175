package server

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/api/apitest"
	"postern/aws/fault"
	"postern/aws/scope"
	"postern/aws/sigv4"
	"postern/network"
	"postern/services/identity"
	"postern/ssm/parameter"
)

func openLab(t *testing.T, c Config) *Lab {
	t.Helper()
	l, err := OpenLab(t.Context(), c)
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

// whoAmI asks the lab, as a client of its public door.
func whoAmI(t *testing.T, l *Lab) (int, string) {
	t.Helper()
	const body = "Action=GetCallerIdentity&Version=2011-06-15"
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://localhost:4566/", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	root := l.Access().Root
	at := sigv4.Target{Region: DefaultRegion, Service: "sts", Time: time.Now()}
	if err := sigv4.Sign(r, []byte(body), sigv4.Credentials{AccessKey: root.ID, Secret: root.Secret}, at); err != nil {
		t.Fatal(err)
	}
	return apitest.Do(l, r)
}

func resetRequest(t *testing.T, change func(*http.Request)) *http.Request {
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://localhost:4566"+resetPath, nil)
	r.RemoteAddr = "127.0.0.1:40000"
	if change != nil {
		change(r)
	}
	return r
}

// fill puts something of every kind into a lab.
func fill(t *testing.T, l *Lab) {
	t.Helper()
	s, scope := l.current.Server, scope.Scope{Account: DefaultAccount, Region: DefaultRegion}
	if _, err := s.network.CreateVpc(t.Context(), scope, network.CreateVpcInput{CIDR: netip.MustParsePrefix("10.0.0.0/16")}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.identity.CreateUser(t.Context(), identity.NewUser{Account: DefaultAccount, Name: "bob"}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.parameters.Put(t.Context(), scope, parameter.NewVersion{Name: "a", Value: "b", Type: parameter.String}, time.Now()); err != nil {
		t.Fatal(err)
	}
}

func wantEmpty(t *testing.T, l *Lab) {
	t.Helper()
	s, scope := l.current.Server, scope.Scope{Account: DefaultAccount, Region: DefaultRegion}
	for v := range s.network.State().VPCs(scope) {
		t.Errorf("%s is left", v.ID)
	}
	if len(s.identity.Users(DefaultAccount, "")) > 0 {
		t.Error("users are left")
	}
	if page, _, err := s.parameters.Describe(t.Context(), scope, parameter.Query{Limit: 1}); err != nil || len(page) > 0 {
		t.Errorf("parameters are left: %v, %v", page, err)
	}
}

// TestReset empties a lab twice: its address and key stay, all else is gone, and it works on.
func TestReset(t *testing.T) {
	l := openLab(t, Config{})
	before, join := l.Access(), l.Join()
	for range 2 {
		fill(t, l)
		began := time.Now()
		if status, body := apitest.Do(l, resetRequest(t, nil)); status != http.StatusOK || body != "the lab is empty again\n" {
			t.Fatalf("%d %s", status, body)
		}
		t.Logf("reset took %v", time.Since(began).Round(time.Millisecond))
		wantEmpty(t, l)
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
	l := openLab(t, Config{})
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
	if len(l.current.identity.Users(DefaultAccount, "")) != 1 {
		t.Error("it was emptied")
	}
	s, _ := guarded(t)
	if status, body := apitest.Do(s.pipeline, resetRequest(t, nil)); status/100 == 2 {
		t.Errorf("a server that is no lab: %d %s", status, body)
	}
}

// TestRequestsDuringResets are answered, every one: they wait for the server that comes.
func TestRequestsDuringResets(t *testing.T) {
	l := openLab(t, Config{})
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
	l := openLab(t, Config{TestCredentials: true})
	if l.Access().Root != TestKey {
		t.Errorf("the key is %+v", l.Access().Root)
	}
	for range 2 {
		if status, body := whoAmI(t, l); status != 200 || !strings.Contains(body, "<Arn>arn:aws:iam::000000000000:root</Arn>") {
			t.Errorf("%d %s", status, body)
		}
		if err := l.Reset(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for name, open := range map[string]func() error{
		"beyond loopback": func() error {
			_, err := OpenLab(t.Context(), Config{TestCredentials: true, Listen: "0.0.0.0:0"})
			return err
		},
		"with a data directory": func() error {
			_, err := Open(t.Context(), Config{TestCredentials: true, DataDir: t.TempDir()})
			return err
		},
		"in memory, but no lab": func() error { _, err := Open(t.Context(), Config{TestCredentials: true}); return err },
	} {
		if err := open(); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := OpenLab(t.Context(), Config{DataDir: t.TempDir()}); !fault.Is(err, fault.Invalid) {
		t.Errorf("a lab with a data directory: %v", err)
	}
}
