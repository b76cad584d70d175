package parameter

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"postern/aws/arn"
	"postern/aws/scope"
)

// publicPath begins the names of public parameters. They belong to no account, and nobody puts them.
const publicPath = "/aws/"

// Public is one version of a public parameter: the id of a machine image.
type Public struct {
	Name     string
	Image    string
	Modified time.Time
}

func isPublic(name string) bool { return strings.HasPrefix(strings.ToLower(name)+"/", publicPath) }

// CheckPublicName refuses what an image cannot be made known as.
func CheckPublicName(name string) error {
	if !strings.HasPrefix(name, "/aws/service/") || !namePattern.MatchString(name) {
		return invalid("%q is no name of a public parameter: it begins with /aws/service/, and is made of letters, "+
			"digits and _.- between slashes", name)
	}
	return nil
}

// public returns the public parameters of a scope by name, each with its versions, the oldest first.
func (s *Service) public(scope scope.Scope) map[string][]Public {
	all := map[string][]Public{}
	for _, p := range s.config.Public(scope) {
		all[p.Name] = append(all[p.Name], p)
	}
	for _, versions := range all {
		slices.SortFunc(versions, func(a, b Public) int {
			return cmp.Or(a.Modified.Compare(b.Modified), strings.Compare(a.Image, b.Image))
		})
	}
	return all
}

// getPublic finds a version of a public parameter, the latest where none is selected.
func (s *Service) getPublic(scope scope.Scope, r Reference) (Parameter, error) {
	versions := s.public(scope)[r.Name]
	if len(versions) == 0 {
		return Parameter{}, notFound(r.Name)
	}
	if r.Selector == "" {
		return publicVersion(scope.Region, versions, len(versions), ""), nil
	}
	number, err := strconv.Atoi(r.Selector)
	if err != nil || number < 1 || number > len(versions) {
		return Parameter{}, noVersion(r.Name, r.Selector)
	}
	return publicVersion(scope.Region, versions, number, ":"+r.Selector), nil
}

func publicVersion(region string, versions []Public, number int, selector string) Parameter {
	v := versions[number-1]
	return Parameter{
		Name: v.Name, Scope: scope.Scope{Region: region}, Selector: selector, Labels: []string{},
		Version: Version{
			Number: int64(number), Type: String, Value: v.Image, DataType: image, Tier: Standard, Modified: v.Modified,
		},
	}
}

// publicByPath is ByPath below the path of public parameters.
func (s *Service) publicByPath(scope scope.Scope, q Query) (page []Parameter, more bool) {
	all := s.public(scope)
	names := make([]string, 0, len(all))
	for name := range all {
		if name > q.After && below(name, q.Path, q.Recursive) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		p := publicVersion(scope.Region, all[name], len(all[name]), "")
		h := &head{Name: name, Latest: p.Version}
		if slices.ContainsFunc(q.Filters, func(f Filter) bool { return f.Key == "Label" || !f.passes(h) }) {
			continue
		}
		if len(page) == q.Limit {
			return page, true
		}
		page = append(page, p)
	}
	return page, false
}

// publicARN returns the ARN of a public parameter: it belongs to no account.
func publicARN(scope scope.Scope, name string) string {
	return arn.New("ssm", scope.Region, "", "parameter"+name).String()
}
