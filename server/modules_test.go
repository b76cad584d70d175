package server

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/api"
	"postern/api/apitest"
	"postern/aws/sigv4"
	"postern/test/notes"
	"postern/test/notes/endpoint"
)

// notesModule is all that the server needs to know of a service: docs/adding-a-service.md.
type notesModule struct {
	state *stateModule

	*notes.Service
	looked chan struct{}
	closed bool
}

func (m *notesModule) module() module {
	return module{
		name:        "notes",
		open:        m.open,
		services:    func() []api.Service { return []api.Service{endpoint.New(m.Service)} },
		reconcilers: func() []reconciler { return []reconciler{{name: "notes", every: time.Hour, run: m.look}} },
		replicas:    func() []replica { return []replica{{set: "notes", refresh: m.Refresh}} },
		close:       func() error { m.closed = true; return nil },
	}
}

func (m *notesModule) open(ctx context.Context) (err error) {
	m.Service, err = notes.Open(ctx, m.state.Set("notes"))
	return err
}

func (m *notesModule) look(context.Context) error {
	select {
	case m.looked <- struct{}{}:
	default:
	}
	return nil
}

// with puts a module before the pipeline.
func with(list []module, m module) []module {
	return slices.Insert(list, slices.IndexFunc(list, func(m module) bool { return m.name == apiName }), m)
}

// openWithNotes opens a server with the example service in its list.
func openWithNotes(t testing.TB, c Config) (*Server, *notesModule) {
	t.Helper()
	s := newServer(c.withDefaults())
	list := s.modules(nil)
	m := &notesModule{state: s.state, looked: make(chan struct{}, 1)}
	if err := s.open(t.Context(), with(list, m.module())); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, m
}

// TestANewServiceIsOneValue puts a service into the list, and does nothing else: it is answered over HTTP to those who
// may, its reconciler runs, it is closed, and after a restart its records are there.
func TestANewServiceIsOneValue(t *testing.T) {
	config := Config{DataDir: t.TempDir()}
	s, m := openWithNotes(t, config)
	for _, row := range []struct {
		operation, input, want string
		status                 int
	}{
		{"PutNote", `{"Name":"a","Text":"hello"}`, "hello", http.StatusOK},
		{"GetNote", `{"Name":"a"}`, "hello", http.StatusOK},
		{"GetNote", `{"Name":"b"}`, "there is no note b", http.StatusBadRequest},
	} {
		status, body := callNotes(t, s, row.operation, row.input)
		if status != row.status || !strings.Contains(body, row.want) {
			t.Errorf("%s %s: %d %s", row.operation, row.input, status, body)
		}
	}
	apitest.Guard(t, s.api.Handler, strangerOf(t, s), time.Now())
	<-m.looked
	if m.closed {
		t.Error("it was closed")
	}
	if err := s.Close(); err != nil || !m.closed {
		t.Errorf("after Close: %v, closed %v", err, m.closed)
	}
	s, _ = openWithNotes(t, config)
	if status, body := callNotes(t, s, "GetNote", `{"Name":"a"}`); status != http.StatusOK ||
		!strings.Contains(body, "hello") {
		t.Errorf("after a restart: %d %s", status, body)
	}
}

// callNotes is a client's call over the public listener.
func callNotes(t *testing.T, s *Server, operation, input string) (int, string) {
	t.Helper()
	a := s.Access()
	endpoint := strings.Replace(a.Endpoint, "https", "http", 1)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, endpoint, strings.NewReader(input))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "Notes."+operation)
	key := sigv4.Credentials{AccessKey: a.Root.ID, Secret: a.Root.Secret}
	at := sigv4.Target{Region: a.Region, Service: "notes", Time: time.Now()}
	if err := sigv4.Sign(r, []byte(input), key, at); err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	answer, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

// TestAModuleThatDoesNotOpen ends the start: the modules before it are closed, last first, and those behind it are not
// made.
func TestAModuleThatDoesNotOpen(t *testing.T) {
	var did []string
	part := func(name string, failed error) module {
		return module{
			name:  name,
			open:  func(context.Context) error { did = append(did, "open "+name); return failed },
			close: func() error { did = append(did, "close "+name); return nil },
		}
	}
	broken := errors.New("no room")
	s := newServer(Config{}.withDefaults())
	list := []module{part("a", nil), part("b", nil), {name: "nothing"}, part("c", broken), part("d", nil)}
	if err := s.open(t.Context(), list); !errors.Is(err, broken) {
		t.Errorf("%v, want %v", err, broken)
	}
	want := []string{"open a", "open b", "open c", "close b", "close a"}
	if !slices.Equal(did, want) {
		t.Errorf("%q, want %q", did, want)
	}
}

// TestEveryModuleMayFail opens the server that ships with each of its modules failing once: what was opened before is
// given back, which goleak and the data directory's lock would show.
func TestEveryModuleMayFail(t *testing.T) {
	dir, broken := t.TempDir(), errors.New("no room")
	for n, m := range newServer(Config{}.withDefaults()).modules(nil) {
		t.Run(m.name, func(t *testing.T) {
			s := newServer(Config{DataDir: dir}.withDefaults())
			list := s.modules(nil)
			list[n].open = func(context.Context) error { return broken }
			if err := s.open(t.Context(), list); !errors.Is(err, broken) {
				t.Errorf("%v, want %v", err, broken)
			}
		})
	}
	s, err := Open(t.Context(), Config{DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// TestModulesStandInOrder: what would have no effect where it stands in the list is refused.
func TestModulesStandInOrder(t *testing.T) {
	s := newServer(Config{}.withDefaults())
	late := append(s.modules(nil), (&notesModule{}).module())
	if err := s.open(t.Context(), late); err == nil || !strings.Contains(err.Error(), "put it before api") {
		t.Errorf("an endpoint behind the pipeline: %v", err)
	}
	idle := module{name: "idle", run: func(context.Context) error { return nil }}
	late = append(s.modules(nil), idle)
	if err := s.open(t.Context(), late); err == nil || !strings.Contains(err.Error(), "put it before background") {
		t.Errorf("work behind what starts it: %v", err)
	}
}
