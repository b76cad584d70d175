package parameter_test

import (
	"fmt"
	"strings"
	"testing"

	"postern/ssm/parameter"
)

func TestFilters(t *testing.T) {
	s := newService()
	for _, n := range []parameter.NewVersion{
		{Name: "/tan/gent-3", Value: "1", Type: parameter.String, Tags: map[string]string{"team": "x"}},
		{Name: "tangram-4", Value: "1,2", Type: parameter.StringList, Tags: map[string]string{"team": "y"}},
		{Name: "standby-5", Value: strings.Repeat("x", 5000), Type: parameter.String, Tier: parameter.Advanced},
		{Name: "image", Value: known, Type: parameter.String, DataType: "aws:ec2:image"},
	} {
		if _, err := s.Put(t.Context(), here, n, noon); err != nil {
			t.Fatal(err)
		}
	}
	f := func(key, option string, values ...string) []parameter.Filter {
		return []parameter.Filter{{Key: key, Option: option, Values: values}}
	}
	for _, tt := range []struct {
		filters    []parameter.Filter
		want, code string
	}{
		{nil, "image standby-5 /tan/gent-3 tangram-4", ""},
		{f("Name", "", "tangram-4"), "tangram-4", ""},
		{f("Name", "Equals", "/tangram-4", "image"), "image tangram-4", ""},
		{f("Name", "BeginsWith", "/tan"), "/tan/gent-3 tangram-4", ""},
		{f("Name", "BeginsWith", "tan"), "/tan/gent-3 tangram-4", ""},
		{f("Name", "Contains", "tan"), "standby-5 /tan/gent-3 tangram-4", ""},
		{f("Name", "Contains", "/tan"), "/tan/gent-3 tangram-4", ""},
		{f("Type", "", "StringList"), "tangram-4", ""},
		{f("Type", "BeginsWith", "String"), "image standby-5 /tan/gent-3 tangram-4", ""},
		{f("Tier", "", "Advanced"), "standby-5", ""},
		{f("DataType", "", "aws:ec2:image"), "image", ""},
		{f("KeyId", "", "alias/aws/ssm"), "", ""},
		{f("tag:team", "", "x"), "/tan/gent-3", ""},
		{f("tag:team", ""), "/tan/gent-3 tangram-4", ""},
		{append(f("tag:team", ""), f("Type", "", "String")...), "/tan/gent-3", ""},
		{f("Path", "", "/tan"), "/tan/gent-3", ""},
		{f("Path", "OneLevel", "/"), "image standby-5 tangram-4", ""},
		{f("Colour", "", "red"), "", "InvalidFilterKey"},
		{f("Label", "", "x"), "", "InvalidFilterKey"},
		{f("tag:", "", "x"), "", "InvalidFilterKey"},
		{append(f("Name", "", "a"), f("Name", "", "b")...), "", "InvalidFilterKey"},
		{f("Type", "Contains", "x"), "", "InvalidFilterOption"},
		{f("Path", "Equals", "/x"), "", "InvalidFilterOption"},
		{f("Name", ""), "", "InvalidFilterValue"},
		{f("Name", "", ""), "", "InvalidFilterValue"},
		{f("Path", "", "x"), "", "ValidationException"},
		{f("Path", "", "/aws/service"), "", "ValidationException"},
	} {
		page, more, err := s.Describe(t.Context(), here, parameter.Query{Filters: tt.filters, Limit: 50})
		want(t, fmt.Sprint(tt.filters), err, tt.code)
		if got := joined(page); got != tt.want || more {
			t.Errorf("%v: %s, want %s", tt.filters, got, tt.want)
		}
	}
}

func joined(page []parameter.Parameter) string {
	var all []string
	for _, p := range page {
		all = append(all, p.Name)
	}
	return strings.Join(all, " ")
}

func TestByPath(t *testing.T) {
	s := newService()
	for _, name := range []string{"/app/a", "/app/b", "/app/b", "/app/deep/c", "/apple", "top"} {
		put(t, s, name, "v")
	}
	_, _, err := s.Label(t.Context(), here, "/app/b", 1, []string{"prod"})
	want(t, "label", err, "")
	for _, tt := range []struct {
		q          parameter.Query
		want, code string
	}{
		{parameter.Query{Path: "/app"}, "/app/a /app/b", ""},
		{parameter.Query{Path: "/app/"}, "/app/a /app/b", ""},
		{parameter.Query{Path: "/app", Recursive: true}, "/app/a /app/b /app/deep/c", ""},
		{parameter.Query{Path: "/app/a"}, "", ""},
		{parameter.Query{Path: "/"}, "/apple top", ""},
		{parameter.Query{Path: "/", Recursive: true}, "/app/a /app/b /app/deep/c /apple top", ""},
		{parameter.Query{Path: "/app", Filters: []parameter.Filter{{Key: "Label", Values: []string{"prod"}}}}, "/app/b", ""},
		{parameter.Query{Path: "/app", Filters: []parameter.Filter{{Key: "Type", Values: []string{"StringList"}}}}, "", ""},
		{parameter.Query{Path: "app"}, "", "ValidationException"},
		{parameter.Query{Path: ""}, "", "ValidationException"},
		{parameter.Query{Path: "/app//b"}, "", "ValidationException"},
		{
			parameter.Query{Path: "/app", Filters: []parameter.Filter{{Key: "Name", Values: []string{"x"}}}}, "",
			"InvalidFilterKey",
		},
		{
			parameter.Query{Path: "/app", Filters: []parameter.Filter{{Key: "tag:x", Values: []string{"x"}}}}, "",
			"InvalidFilterKey",
		},
		{
			parameter.Query{
				Path: "/app", Filters: []parameter.Filter{{Key: "Label", Option: "BeginsWith", Values: []string{"x"}}},
			},
			"", "InvalidFilterOption",
		},
	} {
		tt.q.Limit = 10
		page, _, err := s.ByPath(t.Context(), here, tt.q)
		want(t, fmt.Sprint(tt.q), err, tt.code)
		if got := joined(page); got != tt.want {
			t.Errorf("%+v: %s, want %s", tt.q, got, tt.want)
		}
	}
	if page, _, err := s.ByPath(
		t.Context(), here,
		parameter.Query{Path: "/app", Limit: 1, Filters: []parameter.Filter{{Key: "Label", Values: []string{"prod"}}}},
	); err != nil ||
		page[0].Number != 1 ||
		page[0].Selector != ":prod" {
		t.Errorf("by its label: %+v, %v", page, err)
	}
}
