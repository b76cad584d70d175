package library

import (
	"context"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"postern/aws/fault"
	"postern/aws/scope"
	"postern/record"
	"postern/ssm"
	"postern/ssm/document"
)

// NewVersion has the members of a request for a document or a version.
type NewVersion struct {
	Name        string
	Content     string
	Format      document.Format
	VersionName string
	DisplayName string
	TargetType  string
	Tags        map[string]string
}

var (
	namePattern        = regexp.MustCompile(`^[a-zA-Z0-9_\-.]{3,128}$`)
	versionNamePattern = regexp.MustCompile(`^[a-zA-Z0-9_\-.]{1,128}$`)
	reserved           = []string{"aws", "amazon", "amzn"}
)

func invalid(code, format string, args ...any) error {
	return fault.New(fault.Invalid, "library.Create", format, args...).WithCode(code)
}

func (n *NewVersion) check() error {
	if n.Format == "" {
		n.Format = document.JSON
	}
	if n.VersionName != "" && !versionNamePattern.MatchString(n.VersionName) {
		return invalid("ValidationException", "VersionName %q does not match %s", n.VersionName, versionNamePattern)
	}
	_, err := document.Check([]byte(n.Content), n.Format)
	return err
}

func (n NewVersion) version(number int, now time.Time) version {
	return version{
		Version: strconv.Itoa(number), Name: n.VersionName, DisplayName: n.DisplayName, TargetType: n.TargetType,
		Format: n.Format, Content: n.Content, Created: now.UTC(),
	}
}

// Create makes a document with one version.
func (s *Service) Create(ctx context.Context, scope scope.Scope, n NewVersion, now time.Time) (Version, error) {
	if !namePattern.MatchString(n.Name) {
		return Version{}, invalid("ValidationException", "Name %q does not match %s", n.Name, namePattern)
	}
	if slices.ContainsFunc(reserved, func(p string) bool { return strings.HasPrefix(strings.ToLower(n.Name), p) }) {
		return Version{}, invalid(
			"ValidationException",
			"Name %q begins with one of %s, which are reserved",
			n.Name,
			strings.Join(reserved, ", "),
		)
	}
	if err := n.check(); err != nil {
		return Version{}, err
	}
	if err := ssm.CheckTags(n.Tags); err != nil {
		return Version{}, err
	}
	e := entry{Name: n.Name, Scope: scope, Default: "1", Tags: n.Tags, Versions: []version{n.version(1, now)}, Next: 2}
	err := s.records.Update(ctx, []record.Key{key(scope, n.Name)}, func(found []record.Record) ([]record.Change, error) {
		if len(found) > 0 {
			return nil, fault.New(fault.Exists, "library.Create", "Document with same name %s already exists", n.Name).
				WithCode("DocumentAlreadyExists")
		}
		return []record.Change{{Record: e.record()}}, nil
	})
	if err != nil {
		return Version{}, err
	}
	return e.find("$LATEST")
}

// Update makes a new version out of the one that v names, which must be the latest.
func (s *Service) Update(
	ctx context.Context,
	scope scope.Scope,
	v string,
	n NewVersion,
	now time.Time,
) (Version, error) {
	if err := n.check(); err != nil {
		return Version{}, err
	}
	var out entry
	err := s.change(ctx, scope, n.Name, func(e *entry) error {
		latest := e.latest()
		switch {
		case v != "" && v != "$LATEST" && v != latest.Version:
			return invalid(
				"InvalidDocumentVersion",
				"version %s of %s is not the latest, which is %s",
				v,
				n.Name,
				latest.Version,
			)
		case n.Content == latest.Content && n.Format == latest.Format:
			return invalid("DuplicateDocumentContent", "the content is that of version %s", latest.Version)
		case len(e.Versions) >= MaxVersions:
			return fault.New(fault.Limit, "library.Update",
				"document %s has %d versions; delete some first", n.Name, MaxVersions).
				WithCode("DocumentVersionLimitExceeded")
		case n.VersionName != "" &&
			slices.ContainsFunc(e.Versions, func(each version) bool { return each.Name == n.VersionName }):
			return invalid("DuplicateDocumentVersionName", "document %s has a version named %s", n.Name, n.VersionName)
		}
		e.Versions = append(e.Versions, n.version(e.Next, now))
		e.Next++
		out = *e
		return nil
	})
	if err != nil {
		return Version{}, err
	}
	return out.find("$LATEST")
}

// change changes one document in one transaction.
func (s *Service) change(ctx context.Context, scope scope.Scope, name string, f func(*entry) error) error {
	name, err := bareName(scope, name)
	if err != nil {
		return err
	}
	if _, ok := document.FindOwned(name); ok {
		return invalid("InvalidDocumentOperation", "document %s belongs to the service and cannot be changed", name)
	}
	return s.records.Update(ctx, []record.Key{key(scope, name)}, func(found []record.Record) ([]record.Change, error) {
		if len(found) == 0 {
			return nil, noDocument(name)
		}
		e, err := read(found[0])
		if err != nil {
			return nil, err
		}
		if err := f(&e); err != nil {
			return nil, err
		}
		return []record.Change{{Record: e.record(), Delete: len(e.Versions) == 0}}, nil
	})
}

// SetDefault makes a version the default.
func (s *Service) SetDefault(ctx context.Context, scope scope.Scope, name, v string) (Version, error) {
	var out Version
	err := s.change(ctx, scope, name, func(e *entry) error {
		found, err := e.find(v)
		if err != nil {
			return err
		}
		e.Default, found.Default = found.Version, found.Version
		out = found
		return nil
	})
	return out, err
}

// Delete deletes one version, or with v empty the document.
func (s *Service) Delete(ctx context.Context, scope scope.Scope, name, v string) error {
	return s.change(ctx, scope, name, func(e *entry) error {
		if v == "" {
			e.Versions = nil
			return nil
		}
		found, err := e.find(v)
		if err != nil {
			return err
		}
		if found.Version == e.Default {
			return invalid(
				"InvalidDocumentOperation",
				"version %s of %s is its default; make another one the default first",
				found.Version,
				name,
			)
		}
		e.Versions = slices.DeleteFunc(e.Versions, func(each version) bool { return each.Version == found.Version })
		return nil
	})
}

// Tag sets and removes tags of a document.
func (s *Service) Tag(
	ctx context.Context,
	scope scope.Scope,
	name string,
	set map[string]string,
	remove []string,
) error {
	err := s.change(ctx, scope, name, func(e *entry) error {
		if e.Tags == nil {
			e.Tags = map[string]string{}
		}
		for k, v := range set {
			e.Tags[k] = v
		}
		for _, k := range remove {
			delete(e.Tags, k)
		}
		return ssm.CheckTags(e.Tags)
	})
	if fault.Is(err, fault.NotFound) {
		return fault.New(fault.NotFound, "library.Tag", "no document %s", name).WithCode("InvalidResourceId")
	}
	return err
}
