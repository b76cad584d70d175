package parameter_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/aws/fault"
	"postern/aws/scope"
	"postern/record"
	"postern/ssm/parameter"
)

var (
	here  = scope.Scope{Account: "000000000000", Region: "us-east-1"}
	there = scope.Scope{Account: "000000000000", Region: "eu-west-1"}
	noon  = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
)

const known = "ami-0123456789abcdef0"

func newService() *parameter.Service {
	return parameter.New(parameter.Config{
		Records: new(record.Memory), HasImage: func(s scope.Scope, id string) bool { return s == here && id == known },
	})
}

func want(t *testing.T, what string, err error, code string) {
	t.Helper()
	switch {
	case code == "" && err != nil:
		t.Errorf("%s: %v", what, err)
	case code != "" && (err == nil || fault.Of(err).Code != code):
		t.Errorf("%s: %v, want code %s", what, err, code)
	}
}

func put(t *testing.T, s *parameter.Service, name, value string) parameter.Parameter {
	t.Helper()
	p, err := s.Put(
		t.Context(),
		here,
		parameter.NewVersion{Name: name, Value: value, Type: parameter.String, Overwrite: true},
		noon,
	)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func pointer(s string) *string { return &s }

// levels names a parameter n levels deep.
func levels(n int) string { return strings.Repeat("/a", n) }

// refused are parameters that Put does not take, and the code that says why.
var refused = []struct {
	name string
	n    parameter.NewVersion
	code string
}{
	{"no name", parameter.NewVersion{Value: "v"}, ""},
	{"space", parameter.NewVersion{Name: "a b", Value: "v"}, "ValidationException"},
	{"not whole", parameter.NewVersion{Name: "a/b", Value: "v"}, "ValidationException"},
	{"empty level", parameter.NewVersion{Name: "/a//b", Value: "v"}, "ValidationException"},
	{"ends with a slash", parameter.NewVersion{Name: "/a/", Value: "v"}, "ValidationException"},
	{"selector", parameter.NewVersion{Name: "a:1", Value: "v"}, "ValidationException"},
	{"reserved", parameter.NewVersion{Name: "AwsThing", Value: "v"}, "ValidationException"},
	{"reserved with slash", parameter.NewVersion{Name: "/ssm-thing", Value: "v"}, "ValidationException"},
	{"reserved path", parameter.NewVersion{Name: "/SSM/thing", Value: "v"}, "ValidationException"},
	{"Amazon's own", parameter.NewVersion{Name: "/aws/service/x", Value: "v"}, "AccessDeniedException"},
	{"too deep", parameter.NewVersion{Name: levels(16), Value: "v"}, "HierarchyLevelLimitExceededException"},
	{"too long", parameter.NewVersion{Name: strings.Repeat("a", 980), Value: "v"}, "ValidationException"},
	{"no value", parameter.NewVersion{Name: "a"}, "ValidationException"},
	{"nested", parameter.NewVersion{Name: "a", Value: "x {{ssm:b}}"}, "ValidationException"},
	{"no type", parameter.NewVersion{Name: "a", Value: "v", Type: "-"}, "ValidationException"},
	{"type", parameter.NewVersion{Name: "a", Value: "v", Type: "Number"}, "UnsupportedParameterType"},
	{"tier", parameter.NewVersion{Name: "a", Value: "v", Tier: "Large"}, "ValidationException"},
	{"data type", parameter.NewVersion{Name: "a", Value: "v", DataType: "json"}, "ValidationException"},
	{"large", parameter.NewVersion{Name: "a", Value: strings.Repeat("x", 4097)}, "ValidationException"},
	{
		"very large", parameter.NewVersion{Name: "a", Value: strings.Repeat("x", 8193), Tier: parameter.Intelligent},
		"ValidationException",
	},
	{
		"pattern", parameter.NewVersion{Name: "a", Value: "v", AllowedPattern: pointer(`(`)},
		"InvalidAllowedPatternException",
	},
	{
		"pattern unmet", parameter.NewVersion{Name: "a", Value: "v", AllowedPattern: pointer(`^\d+$`)},
		"ParameterPatternMismatchException",
	},
	{
		"unknown image", parameter.NewVersion{Name: "a", Value: "ami-0fedcba9876543210", DataType: "aws:ec2:image"},
		"ValidationException",
	},
	{"no image", parameter.NewVersion{Name: "a", Value: "x", DataType: "aws:ec2:image"}, "ValidationException"},
	{
		"images", parameter.NewVersion{Name: "a", Value: known, DataType: "aws:ec2:image", Type: parameter.StringList},
		"ValidationException",
	},
	{
		"description", parameter.NewVersion{Name: "a", Value: "v", Description: pointer(strings.Repeat("x", 1025))},
		"ValidationException",
	},
	{
		"tags with overwrite",
		parameter.NewVersion{Name: "a", Value: "v", Overwrite: true, Tags: map[string]string{"a": "b"}},
		"ValidationException",
	},
	{
		"reserved tag", parameter.NewVersion{Name: "a", Value: "v", Tags: map[string]string{"aws:a": "b"}},
		"ValidationException",
	},
	{"there already", parameter.NewVersion{Name: "/there/already", Value: "v"}, "ParameterAlreadyExists"},
	{
		"secret", parameter.NewVersion{Name: "/there/already", Value: "v", Type: "Secret", Overwrite: true},
		"UnsupportedParameterType",
	},
}

func TestPutRefuses(t *testing.T) {
	s := newService()
	put(t, s, "/there/already", "x")
	for _, tt := range refused {
		switch tt.n.Type {
		case "":
			tt.n.Type = parameter.String
		case "-":
			tt.n.Type = ""
		}
		_, err := s.Put(t.Context(), here, tt.n, noon)
		if err == nil || fault.Of(err).Code != tt.code {
			t.Errorf("%s: %v, want code %s", tt.name, err, tt.code)
		}
	}
	for _, n := range []parameter.NewVersion{
		{Type: parameter.SecureString},
		{Type: parameter.String, DataType: "aws:ssm:integration"},
	} {
		n.Name, n.Value = "secret", "hush"
		if _, err := s.Put(t.Context(), here, n, noon); !fault.Is(err, fault.NotImplemented) {
			t.Errorf("%s %s: %v", n.Type, n.DataType, err)
		}
	}
	if page, _, err := s.Describe(t.Context(), here, parameter.Query{Limit: 10}); err != nil || len(page) != 1 {
		t.Errorf("afterwards: %v, %v", page, err)
	}
}

func TestVersionsKeepWhatIsNotSaid(t *testing.T) {
	s := newService()
	first, err := s.Put(t.Context(), here, parameter.NewVersion{
		Name: " /app/db ", Value: "ten", Type: parameter.String,
		Description: pointer("where"), AllowedPattern: pointer("^[a-z]+$"),
		Tags: map[string]string{"team": "x"}, By: "arn:a",
	}, noon)
	if err != nil || first.Name != "/app/db" || first.Number != 1 || first.Tier != parameter.Standard ||
		first.DataType != "text" {
		t.Fatalf("%+v, %v", first, err)
	}
	_, err = s.Put(t.Context(), here, parameter.NewVersion{Name: "/app/db", Value: "11", Overwrite: true}, noon)
	want(t, "the pattern stays", err, "ParameterPatternMismatchException")
	second, err := s.Put(t.Context(), here, parameter.NewVersion{
		Name: "/app/db", Value: "eleven", Overwrite: true, AllowedPattern: pointer(""), Tier: parameter.Advanced, By: "arn:b",
	}, noon.Add(time.Hour))
	if err != nil || second.Number != 2 || second.Description != "where" || second.AllowedPattern != "" ||
		second.Type != parameter.String ||
		second.Tier != parameter.Advanced ||
		second.By != "arn:b" ||
		second.Tags["team"] != "x" {
		t.Errorf("%+v, %v", second, err)
	}
	_, err = s.Put(
		t.Context(),
		here,
		parameter.NewVersion{Name: "/app/db", Value: "x", Overwrite: true, Tier: parameter.Standard},
		noon,
	)
	want(t, "back to standard", err, "ValidationException")
	if third, err := s.Put(
		t.Context(), here, parameter.NewVersion{Name: "/app/db", Value: strings.Repeat("x", 8192), Overwrite: true}, noon,
	); err != nil ||
		third.Tier != parameter.Advanced {
		t.Errorf("stays advanced: %s, %v", third.Tier, err)
	}
	if p, err := s.Put(
		t.Context(), here, parameter.NewVersion{Name: "/app/db", Value: "a,b", Type: parameter.StringList, Overwrite: true},
		noon,
	); err != nil ||
		p.Type != parameter.StringList {
		t.Errorf("another type: %s, %v", p.Type, err)
	}
	if p, err := s.Get(t.Context(), here, "/app/db:2"); err != nil || p.Type != parameter.String {
		t.Errorf("the older version: %s, %v", p.Type, err)
	}
}

func TestIntelligentTier(t *testing.T) {
	s := newService()
	if p, err := s.Put(
		t.Context(), here,
		parameter.NewVersion{
			Name:  "i",
			Value: strings.Repeat("x", 5000),
			Type:  parameter.String,
			Tier:  parameter.Intelligent,
		},
		noon,
	); err != nil ||
		p.Tier != parameter.Advanced {
		t.Errorf("a large one: %s, %v", p.Tier, err)
	}
	if p, err := s.Put(
		t.Context(), here, parameter.NewVersion{Name: "j", Value: "x", Type: parameter.String, Tier: parameter.Intelligent},
		noon,
	); err != nil ||
		p.Tier != parameter.Standard {
		t.Errorf("a small one: %s, %v", p.Tier, err)
	}
	if _, err := s.Put(
		t.Context(), here,
		parameter.NewVersion{Name: "image", Value: known, Type: parameter.String, DataType: "aws:ec2:image"}, noon,
	); err != nil {
		t.Error(err)
	}
}

func TestGet(t *testing.T) {
	s := newService()
	put(t, s, "/app/db", "one")
	put(t, s, "/app/db", "two")
	put(t, s, "plain", "p")
	_, _, err := s.Label(t.Context(), here, "/app/db", 1, []string{"prod"})
	want(t, "label", err, "")
	for _, tt := range []struct{ text, want, code string }{
		{"/app/db", "two", ""}, {"/app/db:1", "one", ""}, {"/app/db:2", "two", ""}, {"/app/db:prod", "one", ""},
		{"arn:aws:ssm:us-east-1:000000000000:parameter/app/db", "two", ""},
		{"arn:aws:ssm:us-east-1:000000000000:parameter/app/db:prod", "one", ""},
		{"plain", "p", ""}, {"/plain", "p", ""}, {" plain ", "p", ""}, {
			"arn:aws:ssm:us-east-1:000000000000:parameter/plain", "p", "",
		},
		{
			"/app/db:3", "", "ParameterVersionNotFound",
		}, {"/app/db:0", "", "ParameterVersionNotFound"}, {"/app/db:x", "", "ParameterVersionNotFound"},
		{"/app", "", "ParameterNotFound"}, {"/app/DB", "", "ParameterNotFound"}, {"/app/db:", "", "ValidationException"},
		{"/app/db:1:2", "", "ValidationException"}, {"app/db", "", "ValidationException"}, {"", "", "ValidationException"},
		{"arn:aws:ssm:eu-west-1:000000000000:parameter/app/db", "", "ParameterNotFound"},
		{"arn:aws:ssm:us-east-1:111111111111:parameter/app/db", "", "ParameterNotFound"},
		{"arn:aws:ssm:us-east-1:000000000000:document/app", "", "ValidationException"},
	} {
		p, err := s.Get(t.Context(), here, tt.text)
		want(t, tt.text, err, tt.code)
		if err == nil && p.Value != tt.want {
			t.Errorf("%s is %s, want %s", tt.text, p.Value, tt.want)
		}
	}
	_, err = s.Get(t.Context(), here, "/aws/service/ami")
	want(t, "a public parameter that is not there", err, "ParameterNotFound")
	_, err = s.Get(t.Context(), there, "plain")
	want(t, "another region", err, "ParameterNotFound")
	all, missing, err := s.GetAll(t.Context(), here, []string{"plain", "/none", "/app/db:prod", "a b", "/app/db", "plain"})
	var got []string
	for _, p := range all {
		got = append(got, p.Name+p.Selector+"="+p.Value)
	}
	if diff := cmp.Diff([]string{"/app/db=two", "/app/db:prod=one", "plain=p"}, got); diff != "" || err != nil ||
		!slices.Equal(missing, []string{"/none", "a b"}) {
		t.Errorf("%s, missing %q, %v", diff, missing, err)
	}
}

func TestOldestVersionsGo(t *testing.T) {
	s := newService()
	for n := range 101 {
		put(t, s, "p", fmt.Sprint(n+1))
	}
	_, err := s.Get(t.Context(), here, "p:1")
	want(t, "the oldest", err, "ParameterVersionNotFound")
	if p, err := s.Get(t.Context(), here, "p:2"); err != nil || p.Value != "2" {
		t.Errorf("the next: %+v, %v", p, err)
	}
	_, _, err = s.Label(t.Context(), here, "p", 2, []string{"keep"})
	want(t, "label", err, "")
	_, err = s.Put(t.Context(), here, parameter.NewVersion{Name: "p", Value: "x", Overwrite: true}, noon)
	want(t, "a labelled one would go", err, "ParameterMaxVersionLimitExceeded")
	_, _, err = s.Label(t.Context(), here, "p", 0, []string{"keep"})
	want(t, "moved", err, "")
	if p := put(t, s, "p", "102"); p.Number != 102 {
		t.Errorf("%+v", p)
	}
	var all []string
	for after, more := int64(0), true; more; {
		var page []parameter.Parameter
		page, more, err = s.History(t.Context(), here, "p", after, 30)
		if err != nil || len(page) == 0 {
			t.Fatalf("%v, %v", page, err)
		}
		for _, p := range page {
			all = append(all, p.Value)
			after = p.Number
			if p.Value != fmt.Sprint(p.Number) || (p.Number == 101) != slices.Equal(p.Labels, []string{"keep"}) {
				t.Errorf("%+v", p)
			}
		}
	}
	if len(all) != parameter.MaxVersions || all[0] != "3" || all[99] != "102" {
		t.Errorf("%d versions from %s", len(all), all[0])
	}
}

func TestLabels(t *testing.T) {
	s := newService()
	put(t, s, "p", "1")
	put(t, s, "p", "2")
	n, bad, err := s.Label(t.Context(), here, "p", 0, []string{"a", "1st", "Aws-x", "ssm", "b c", "prod.eu-1_"})
	if err != nil || n != 2 || !slices.Equal(bad, []string{"1st", "Aws-x", "ssm", "b c"}) {
		t.Errorf("%d, %q, %v", n, bad, err)
	}
	_, _, err = s.Label(t.Context(), here, "p", 1, []string{"a"})
	want(t, "move", err, "")
	if p, err := s.Get(t.Context(), here, "p:a"); err != nil || p.Value != "1" || !slices.Equal(p.Labels, []string{"a"}) {
		t.Errorf("%+v, %v", p, err)
	}
	removed, bad, err := s.Unlabel(t.Context(), here, "p", 1, []string{"a", "prod.eu-1_"})
	if err != nil || !slices.Equal(removed, []string{"a"}) || !slices.Equal(bad, []string{"prod.eu-1_"}) {
		t.Errorf("%q, %q, %v", removed, bad, err)
	}
	ten := []string{"l1", "l2", "l3", "l4", "l5", "l6", "l7", "l8", "l9", "l10"}
	_, _, err = s.Label(t.Context(), here, "p", 1, ten)
	want(t, "ten", err, "")
	_, _, err = s.Label(t.Context(), here, "p", 2, ten)
	want(t, "eleven", err, "ParameterVersionLabelLimitExceeded")
	if p, err := s.Get(t.Context(), here, "p:1"); err != nil || len(p.Labels) != 10 {
		t.Errorf("after it: %+v, %v", p, err)
	}
	_, _, err = s.Label(t.Context(), here, "p", 3, []string{"x"})
	want(t, "no version", err, "ParameterVersionNotFound")
	_, _, err = s.Unlabel(t.Context(), here, "p", 0, []string{"x"})
	want(t, "no version to take it from", err, "ParameterVersionNotFound")
	_, _, err = s.Label(t.Context(), here, "q", 0, []string{"x"})
	want(t, "no parameter", err, "ParameterNotFound")
	_, _, err = s.Label(t.Context(), here, "p", 0, nil)
	want(t, "no labels", err, "ValidationException")
	_, _, err = s.Label(t.Context(), here, "p:1", 0, []string{"x"})
	want(t, "a selector", err, "ValidationException")
	_, _, err = s.Label(t.Context(), here, "p", 0, []string{strings.Repeat("x", 101)})
	want(t, "long", err, "ValidationException")
}

func TestDelete(t *testing.T) {
	s := newService()
	for _, name := range []string{"/a/1", "/a/1", "/a/2", "b"} {
		put(t, s, name, "v")
	}
	deleted, err := s.Delete(t.Context(), here, "/a/1", "/b", "/a/1", "none", "b:1")
	if err != nil || !slices.Equal(deleted, []string{"/a/1", "/b"}) {
		t.Errorf("%q, %v", deleted, err)
	}
	_, err = s.Get(t.Context(), here, "/a/1:1")
	want(t, "an old version", err, "ParameterNotFound")
	if p := put(t, s, "/a/1", "new"); p.Number != 1 {
		t.Errorf("made anew: %+v", p)
	}
	_, err = s.Get(t.Context(), here, "/a/1:2")
	want(t, "a version of the former one", err, "ParameterVersionNotFound")
}

func TestTags(t *testing.T) {
	s := newService()
	put(t, s, "/a/b", "v")
	want(t, "tag", s.Tag(t.Context(), here, "/a/b", map[string]string{"x": "1", "y": "2"}, nil), "")
	want(t, "untag", s.Tag(t.Context(), here, "/a/b", nil, []string{"x"}), "")
	if tags, err := s.Tags(t.Context(), here, "/a/b"); err != nil || len(tags) != 1 || tags["y"] != "2" {
		t.Errorf("%v, %v", tags, err)
	}
	want(t, "nothing", s.Tag(t.Context(), here, "/a", nil, nil), "InvalidResourceId")
	_, err := s.Tags(t.Context(), here, "/a")
	want(t, "nothing's", err, "InvalidResourceId")
	want(t, "reserved", s.Tag(t.Context(), here, "/a/b", map[string]string{"aws:x": ""}, nil), "ValidationException")
}

// TestNoVersionIsLost has many write one parameter at once: every acknowledged version is there, with its own number.
func TestNoVersionIsLost(t *testing.T) {
	s := newService()
	put(t, s, "p", "0")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 10 {
				value := fmt.Sprintf("%d-%d", i, j)
				p, err := s.Put(t.Context(), here, parameter.NewVersion{Name: "p", Value: value, Overwrite: true}, noon)
				if err != nil {
					t.Error(err)
					continue
				}
				if again, err := s.Get(t.Context(), here, fmt.Sprintf("p:%d", p.Number)); err != nil || again.Value != value {
					t.Errorf("version %d is %q, want %q (%v)", p.Number, again.Value, value, err)
				}
			}
		})
	}
	wg.Wait()
	if p, err := s.Get(t.Context(), here, "p"); err != nil || p.Number != 81 {
		t.Errorf("%+v, %v", p, err)
	}
}
