package server

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/api"
	"postern/aws/fault"
	"postern/aws/sigv4"
	"postern/aws/wire"
)

// notes is a service as docs/adding-a-service.md describes one: it would be a package of its own.
type notes struct {
	mu     sync.Mutex
	texts  map[string]string
	looked chan struct{}
	closed bool
}

type putNoteInput struct{ Name, Text string }

type getNoteInput struct{ Name string }

type noteOutput struct{ Text string }

// endpoint is the service's table of operations.
func (n *notes) endpoint() api.Service {
	return api.Service{Name: "notes", Protocol: wire.JSON, TargetPrefix: "Notes", Operations: []api.Operation{
		api.Op("PutNote", api.Everything, n.put),
		api.Op("GetNote", api.Everything, n.get),
	}}
}

func (n *notes) put(_ context.Context, _ *api.Call, in *putNoteInput) (*noteOutput, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.texts[in.Name] = in.Text
	return &noteOutput{Text: in.Text}, nil
}

func (n *notes) get(_ context.Context, _ *api.Call, in *getNoteInput) (*noteOutput, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	text, ok := n.texts[in.Name]
	if !ok {
		return nil, fault.New(fault.NotFound, "notes.Get", "there is no note %s", in.Name)
	}
	return &noteOutput{Text: text}, nil
}

func (n *notes) look(context.Context) error {
	select {
	case n.looked <- struct{}{}:
	default:
	}
	return nil
}

// notesModule is all that the server needs to know of the service.
func notesModule(n *notes) module {
	return module{
		name:        "notes",
		open:        func(context.Context) error { n.texts = map[string]string{}; return nil },
		services:    func() []api.Service { return []api.Service{n.endpoint()} },
		reconcilers: func() []reconciler { return []reconciler{{name: "notes", every: time.Hour, run: n.look}} },
		close:       func() error { n.closed = true; return nil },
	}
}

// with puts a module before the pipeline.
func with(list []module, m module) []module {
	return slices.Insert(list, slices.IndexFunc(list, func(m module) bool { return m.name == apiName }), m)
}

// TestANewServiceIsOneValue puts a service into the list, and does nothing else: it is answered over HTTP, its
// reconciler runs, and it is closed.
func TestANewServiceIsOneValue(t *testing.T) {
	n := &notes{looked: make(chan struct{}, 1)}
	s := newServer(Config{}.withDefaults())
	if err := s.open(t.Context(), with(s.modules(nil), notesModule(n))); err != nil {
		t.Fatal(err)
	}
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
	<-n.looked
	if n.closed {
		t.Error("it was closed")
	}
	if err := s.Close(); err != nil || !n.closed {
		t.Errorf("after Close: %v, closed %v", err, n.closed)
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
	n := &notes{}
	s := newServer(Config{}.withDefaults())
	late := append(s.modules(nil), notesModule(n))
	if err := s.open(t.Context(), late); err == nil || !strings.Contains(err.Error(), "put it before api") {
		t.Errorf("an endpoint behind the pipeline: %v", err)
	}
	idle := module{name: "idle", run: func(context.Context) error { return nil }}
	late = append(s.modules(nil), idle)
	if err := s.open(t.Context(), late); err == nil || !strings.Contains(err.Error(), "put it before background") {
		t.Errorf("work behind what starts it: %v", err)
	}
}
