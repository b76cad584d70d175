package apitest

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"strings"
	"sync"

	"postern/api"
	"postern/aws/iam"
)

// Walk records what the tests of one package call with success, and what is asked about it. That an operation touches
// only what it declares is known of those that are walked: what one touches and does not declare fails the test that
// called it, where api.Config.Undeclared does so. The zero Walk is ready.
type Walk struct {
	mu    sync.Mutex          // guards what follows
	names map[string][]string // operations by service
	done  map[string]bool
	asked map[string]map[string]bool // operation → types of resource
}

// Table notes a service's operations that change something: those that must be walked.
func (w *Walk) Table(h *api.Handler, service string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.names == nil {
		w.names = map[string][]string{}
	}
	for _, s := range h.Services() {
		for _, op := range s.Operations {
			if s.Name == service && !reads(op.Name) && !slices.Contains(w.names[service], op.Name) {
				w.names[service] = append(w.names[service], op.Name)
			}
		}
	}
}

func reads(operation string) bool {
	return slices.ContainsFunc(
		[]string{"Describe", "Get", "List"}, func(p string) bool { return strings.HasPrefix(operation, p) },
	)
}

// Audit is an api.Config.Audit.
func (w *Walk) Audit(r api.Record) {
	if r.Code != "" {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.done == nil {
		w.done = map[string]bool{}
	}
	w.done[r.Operation] = true
}

// Guard notes what is asked, and adds no policy: it is an api.Config.Guards.
func (w *Walk) Guard(_ context.Context, q api.Question, _ *iam.Policies) error {
	i := strings.LastIndexByte(q.Resource, ':')
	if q.DenyOnly || i < 0 {
		return nil
	}
	kind, _, _ := strings.Cut(q.Resource[i+1:], "/")
	_, operation, _ := strings.Cut(q.Action, ":")
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.asked == nil {
		w.asked = map[string]map[string]bool{}
	}
	if w.asked[operation] == nil {
		w.asked[operation] = map[string]bool{}
	}
	w.asked[operation][kind] = true
	return nil
}

// Whole says what the run of all tests of a package has to walk.
type Whole struct {
	Service string
	// Required are the types of resource that AWS asks about, by operation; nil does not look.
	Required map[string]string
	// Unwalked are operations that no test of the package can call with success, and why.
	Unwalked map[string]string
}

// Exit takes the exit code of a package's tests and returns the one to exit with: where they were all run and passed,
// it says what they leave unproved.
func (w *Walk) Exit(code int, whole Whole) int {
	if code != 0 || flag.Lookup("test.run").Value.String() != "" || flag.Lookup("test.skip").Value.String() != "" {
		return code
	}
	for _, text := range w.unproved(whole) {
		fmt.Println(text)
		code = 1
	}
	return code
}

func (w *Walk) unproved(whole Whole) (out []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	names := slices.Sorted(slices.Values(w.names[whole.Service]))
	if len(names) == 0 {
		out = append(out, "no test made the table of "+whole.Service)
	}
	for _, op := range names {
		types, known := whole.Required[op]
		switch {
		case whole.Required != nil && !known:
			out = append(out, op+" is not in the table of required resource types")
		case whole.Unwalked[op] != "":
			continue
		case !w.done[op]:
			out = append(out, op+" was never called with success: what it touches is not known")
		}
		for _, kind := range strings.Fields(types) {
			if !w.asked[op][kind] {
				out = append(out, fmt.Sprintf("%s never asked about a resource of type %s, as AWS does", op, kind))
			}
		}
	}
	return out
}
