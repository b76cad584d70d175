package parameter_test

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"postern/aws/arn"
	"postern/aws/fault"
	"postern/ssm/parameter"
)

// model keeps what a naive reader of the rules would keep.
type model map[string]*modelled

type modelled struct {
	values []string // of versions 1, 2, 3 …
	labels map[string]int
}

var names = []string{"a", "/b", "/a/b", "/a/b/c", "/a/bc", "/a-b/c", "/a.b", "/a/b/c/d", "/z/y"}

// TestAgainstAModel draws operations and holds what is told afterwards against what a naive model says.
func TestAgainstAModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, m := newService(), model{}
		ctx := t.Context()
		for step := range rapid.IntRange(1, 40).Draw(t, "steps") {
			name := rapid.SampledFrom(names).Draw(t, "name")
			label := rapid.SampledFrom([]string{"x", "y"}).Draw(t, "label")
			switch rapid.SampledFrom([]string{"put", "put", "put", "delete", "label", "unlabel"}).Draw(t, "verb") {
			case "put":
				value := fmt.Sprint(step)
				p, err := s.Put(
					ctx,
					here,
					parameter.NewVersion{Name: name, Value: value, Type: parameter.String, Overwrite: true},
					noon,
				)
				if m[name] == nil {
					m[name] = &modelled{labels: map[string]int{}}
				}
				m[name].values = append(m[name].values, value)
				if err != nil || int(p.Number) != len(m[name].values) {
					t.Fatalf("put %s: version %d, %v", name, p.Number, err)
				}
			case "delete":
				gone, err := s.Delete(ctx, here, name)
				if err != nil || (len(gone) == 1) != (m[name] != nil) {
					t.Fatalf("delete %s: %q, %v", name, gone, err)
				}
				delete(m, name)
			case "label":
				number := rapid.IntRange(1, 3).Draw(t, "number")
				_, _, err := s.Label(ctx, here, name, int64(number), []string{label})
				if there := m[name] != nil && number <= len(m[name].values); there != (err == nil) {
					t.Fatalf("label %s:%d: %v", name, number, err)
				} else if there {
					m[name].labels[label] = number
				}
			case "unlabel":
				number := rapid.IntRange(1, 3).Draw(t, "number")
				removed, _, err := s.Unlabel(ctx, here, name, int64(number), []string{label})
				if had := m[name] != nil && m[name].labels[label] == number; had != (err == nil && len(removed) == 1) {
					t.Fatalf("unlabel %s:%d: %q, %v", name, number, removed, err)
				} else if had {
					delete(m[name].labels, label)
				}
			}
		}
		for _, name := range names {
			m.compare(t, s, name)
		}
		m.compareLists(t, s)
	})
}

func (m model) compare(t *rapid.T, s *parameter.Service, name string) {
	var history []string
	for after, more := int64(0), true; more; {
		page, rest, err := s.History(t.Context(), here, name, after, 2)
		if m[name] == nil {
			if !fault.Is(err, fault.NotFound) {
				t.Fatalf("history of %s, which is not there: %v", name, err)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range page {
			history, after = append(history, p.Value), p.Number
		}
		more = rest
	}
	if !slices.Equal(history, m[name].values) {
		t.Fatalf("history of %s: %q, want %q", name, history, m[name].values)
	}
	selectors := map[string]int{"": len(history)}
	for n := range history {
		selectors[":"+strconv.Itoa(n+1)] = n + 1
	}
	for label, n := range m[name].labels {
		selectors[":"+label] = n
	}
	for selector, n := range selectors {
		if p, err := s.Get(t.Context(), here, name+selector); err != nil || p.Value != history[n-1] || int(p.Number) != n {
			t.Fatalf("get %s%s: %+v, %v; want version %d", name, selector, p.Version, err, n)
		}
	}
}

func (m model) compareLists(t *rapid.T, s *parameter.Service) {
	path := rapid.SampledFrom([]string{"/", "/a", "/a/", "/a/b", "/a/b/c", "/a-b", "/none"}).Draw(t, "path")
	deep := rapid.Bool().Draw(t, "recursive")
	limit := rapid.IntRange(1, 4).Draw(t, "limit")
	var expected []string
	for name := range maps.Keys(m) {
		rest, below := strings.CutPrefix("/"+strings.TrimPrefix(name, "/"), strings.TrimSuffix(path, "/")+"/")
		if below && (deep || !strings.Contains(rest, "/")) {
			expected = append(expected, name)
		}
	}
	option := map[bool]string{true: "Recursive", false: "OneLevel"}[deep]
	for what, page := range map[string]func(parameter.Query) ([]parameter.Parameter, bool, error){
		"by path": func(q parameter.Query) ([]parameter.Parameter, bool, error) {
			q.Path, q.Recursive = path, deep
			return s.ByPath(t.Context(), here, q)
		},
		"described": func(q parameter.Query) ([]parameter.Parameter, bool, error) {
			q.Filters = []parameter.Filter{{Key: "Path", Option: option, Values: []string{path}}}
			return s.Describe(t.Context(), here, q)
		},
	} {
		var got []string
		for q, more := (parameter.Query{Limit: limit}), true; more; {
			var list []parameter.Parameter
			var err error
			if list, more, err = page(q); err != nil || len(list) > limit || more && len(list) == 0 {
				t.Fatalf("%s: %d, more %v, %v", what, len(list), more, err)
			}
			for _, p := range list {
				got, q.After = append(got, p.Name), p.Name
				if p.Value != m[p.Name].values[len(m[p.Name].values)-1] {
					t.Fatalf("%s: %s is %q", what, p.Name, p.Value)
				}
			}
		}
		slices.Sort(got)
		slices.Sort(expected)
		if !slices.Equal(got, expected) {
			t.Fatalf("%s below %s (%v): %q, want %q", what, path, deep, got, expected)
		}
	}
}

// FuzzName holds that a name which may be given is found again by itself and by its ARN, whatever stands after it.
func FuzzName(f *testing.F) {
	for _, name := range append(
		[]string{"", "/", "a:1", "/a//b", "arn:aws:ssm:us-east-1:000000000000:parameter/a", "/a/../b", "ä"}, names...,
	) {
		f.Add(name, "prod")
	}
	f.Fuzz(func(t *testing.T, name, selector string) {
		r, err := parameter.ParseReference(here, name)
		if err == nil && r.Name == "" {
			t.Fatalf("%q names nothing", name)
		}
		if parameter.CheckName(here, name) != nil {
			return
		}
		if err != nil || r.Name != name || r.Selector != "" {
			t.Fatalf("%q is read as %+v, %v", name, r, err)
		}
		own := parameter.ARN(here, name)
		if a, err := arn.Parse(own); err != nil || a.Type() != "parameter" {
			t.Fatalf("%q: %v", own, err)
		}
		r, err = parameter.ParseReference(here, own)
		if err != nil || parameter.ARN(here, r.Name) != own {
			t.Fatalf("%q is read as %+v, %v", own, r, err)
		}
		r, err = parameter.ParseReference(here, name+":"+selector)
		if err == nil && r.Name != name {
			t.Fatalf("with the selector %q: %+v", selector, r)
		}
	})
}
