package parameter

import (
	"context"
	"maps"
	"slices"
	"strings"

	"postern/aws/scope"
	"postern/record"
	"postern/ssm"
)

// Query asks for a page of parameters that pass all filters.
type Query struct {
	Filters []Filter
	// Path selects what lies below it: "/" is everything. Recursive means at any depth.
	Path      string
	Recursive bool
	// After is the name that the page before ended with.
	After string
	// Limit is the most parameters on a page.
	Limit int
}

// Filter selects parameters: those that have one of the values. Option is how a value is compared; empty is Equals, and
// for a path OneLevel.
type Filter struct {
	Key, Option string
	Values      []string
}

const (
	equals     = "Equals"
	beginsWith = "BeginsWith"
	contains   = "Contains"
	oneLevel   = "OneLevel"
	recursive  = "Recursive"
)

// fields returns the value of a parameter that a filter key, other than path, label and tags, compares.
var fields = map[string]func(*head) string{
	"Name":     func(h *head) string { return "/" + bare(h.Name) },
	"Type":     func(h *head) string { return string(h.Latest.Type) },
	"Tier":     func(h *head) string { return string(h.Latest.Tier) },
	"DataType": func(h *head) string { return h.Latest.DataType },
	// None is encrypted.
	"KeyId": func(*head) string { return "" },
}

// options returns the options that a key takes, the default first.
func options(key string) []string {
	switch key {
	case "Path":
		return []string{oneLevel, recursive}
	case "Name":
		return []string{equals, beginsWith, contains}
	case "Label":
		return []string{equals}
	}
	return []string{equals, beginsWith}
}

// Keys of filters: what DescribeParameters takes, and what GetParametersByPath does.
var (
	describeKeys = []string{"Name", "Type", "KeyId", "Path", "Tier", "DataType"}
	pathKeys     = []string{"Type", "KeyId", "Label"}
)

func checkFilters(filters []Filter, keys []string, tags bool) error {
	seen := map[string]bool{}
	for _, f := range filters {
		allowed := options(f.Key)
		tag, isTag := strings.CutPrefix(f.Key, "tag:")
		switch {
		case isTag && (!tags || tag == ""), !isTag && !slices.Contains(keys, f.Key):
			return refuse("InvalidFilterKey", "filter key %q is not valid here; valid keys are %s", f.Key, validKeys(keys, tags))
		case seen[f.Key]:
			return refuse("InvalidFilterKey", "filter key %s stands twice", f.Key)
		case f.Option != "" && !slices.Contains(allowed, f.Option):
			return refuse(
				"InvalidFilterOption",
				"filter %s does not take the option %q; it takes %s",
				f.Key,
				f.Option,
				strings.Join(allowed, ", "),
			)
		case len(f.Values) == 0 && !isTag:
			return refuse("InvalidFilterValue", "filter %s has no value", f.Key)
		case slices.Contains(f.Values, ""):
			return refuse("InvalidFilterValue", "a value of filter %s is empty", f.Key)
		}
		if f.Key == "Path" {
			for _, path := range f.Values {
				if err := checkPath(path); err != nil {
					return err
				}
				if isPublic(path) {
					return invalid("path %q begins with aws, which is reserved: GetParametersByPath lists public parameters", path)
				}
			}
		}
		seen[f.Key] = true
	}
	return nil
}

func validKeys(keys []string, tags bool) string {
	if tags {
		keys = append(slices.Clone(keys), "tag:KEY")
	}
	return strings.Join(keys, ", ")
}

func checkPath(path string) error {
	switch {
	case path != "/" && !namePattern.MatchString(strings.TrimSuffix(path, "/")), !strings.HasPrefix(path, "/"):
		return invalid(
			"path %q is not valid: it begins with a slash, and is made of letters, digits and _.- between slashes",
			path,
		)
	case strings.HasPrefix(strings.ToLower(path)+"/", "/ssm/"):
		return invalid("path %q begins with ssm, which is reserved", path)
	}
	return nil
}

// passes holds everything against the filter but labels.
func (f Filter) passes(h *head) bool {
	if key, ok := strings.CutPrefix(f.Key, "tag:"); ok {
		value, tagged := h.Tags[key]
		return tagged && (len(f.Values) == 0 || f.matches(value))
	}
	switch f.Key {
	case "Label":
		return true
	case "Path":
		return slices.ContainsFunc(f.Values, func(path string) bool { return below(h.Name, path, f.Option == recursive) })
	case "Name":
		return slices.ContainsFunc(f.Values, func(name string) bool {
			if f.Option != contains { // there the slash counts: "/a" is the beginning of a name
				name = "/" + bare(name)
			}
			return match(f.Option, fields["Name"](h), name)
		})
	}
	return f.matches(fields[f.Key](h))
}

func (f Filter) matches(value string) bool {
	return slices.ContainsFunc(f.Values, func(wanted string) bool { return match(f.Option, value, wanted) })
}

func match(option, value, wanted string) bool {
	switch option {
	case beginsWith:
		return strings.HasPrefix(value, wanted)
	case contains:
		return strings.Contains(value, wanted)
	}
	return value == wanted
}

// below reports whether a name lies below a path: next to it, or when deep at any depth.
func below(name, path string, deep bool) bool {
	rest, ok := strings.CutPrefix("/"+bare(name), strings.TrimSuffix(path, "/")+"/")
	return ok && rest != "" && (deep || !strings.Contains(rest, "/"))
}

// ByPath returns a page of the parameters below a path, and whether there are more.
func (s *Service) ByPath(ctx context.Context, scope scope.Scope, q Query) (page []Parameter, more bool, err error) {
	if err := checkPath(q.Path); err != nil {
		return nil, false, err
	}
	if err := checkFilters(q.Filters, pathKeys, false); err != nil {
		return nil, false, err
	}
	if isPublic(q.Path) {
		page, more = s.publicByPath(scope, q)
		return page, more, nil
	}
	var labels []string
	for _, f := range q.Filters {
		if f.Key == "Label" {
			labels = f.Values
		}
	}
	prefix := strings.TrimPrefix(strings.TrimSuffix(q.Path, "/")+"/", "/")
	more, err = s.scan(ctx, scope, prefix, q, func(h *head) error {
		if !below(h.Name, q.Path, q.Recursive) {
			return nil
		}
		if labels == nil {
			page = append(page, h.view(h.Latest, ""))
			return nil
		}
		for _, label := range slices.Sorted(maps.Keys(h.Labels)) {
			if !slices.Contains(labels, label) {
				continue
			}
			p, err := s.selected(ctx, h, label)
			if err == nil {
				page = append(page, p)
			}
			return err
		}
		return nil
	}, func() int { return len(page) })
	return page, more, err
}

// Describe returns a page of parameters with their latest versions, and whether there are more.
func (s *Service) Describe(ctx context.Context, scope scope.Scope, q Query) (page []Parameter, more bool, err error) {
	if err := checkFilters(q.Filters, describeKeys, true); err != nil {
		return nil, false, err
	}
	more, err = s.scan(ctx, scope, commonPrefix(q.Filters), q, func(h *head) error {
		page = append(page, h.view(h.Latest, ""))
		return nil
	}, func() int { return len(page) })
	return page, more, err
}

// commonPrefix returns the longest prefix that the filters demand of every name.
func commonPrefix(filters []Filter) string {
	for _, f := range filters {
		if len(f.Values) != 1 || f.Key != "Path" && (f.Key != "Name" || f.Option == contains) {
			continue
		}
		prefix := bare(f.Values[0])
		if f.Key == "Path" && prefix != "" {
			prefix = strings.TrimSuffix(prefix, "/") + "/"
		}
		return prefix
	}
	return ""
}

// batch bounds the records that are read at once for a page.
const batch = 100

// scan calls take for every parameter whose name begins with a prefix and that passes the query's filters, in the order
// of names, until the page is full. It reports whether a further one would have been taken.
func (s *Service) scan(
	ctx context.Context,
	scope scope.Scope,
	prefix string,
	q Query,
	take func(*head) error,
	taken func() int,
) (more bool, err error) {
	whole := headKey(scope, prefix).ID
	// What is wanted begins with the prefix, so it is not less; a name that is the prefix itself is wanted, too.
	after := headKey(scope, q.After).ID
	if q.After == "" || after < whole {
		after = before(whole)
	}
	for {
		records, err := s.config.Records.List(
			ctx,
			record.Listing{Kind: ssm.KindParameter, Group: scope.String(), After: after, Limit: batch},
		)
		if err != nil {
			return false, err
		}
		for _, r := range records {
			if after = r.ID; !strings.HasPrefix(r.ID, whole) {
				if r.ID > whole {
					return false, nil
				}
				continue
			}
			h, err := readHead(r)
			if err != nil {
				return false, err
			}
			if slices.ContainsFunc(q.Filters, func(f Filter) bool { return !f.passes(h) }) {
				continue
			}
			n := taken()
			if n >= q.Limit {
				return true, nil
			}
			if err := take(h); err != nil {
				return false, err
			}
		}
		if len(records) < batch {
			return false, nil
		}
	}
}

// before returns a text that is less than s and greater than every name that is less than s: no name has a character
// beyond "z".
func before(s string) string {
	last := len(s) - 1
	return s[:last] + string(s[last]-1) + "~"
}
