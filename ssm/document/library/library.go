// Package library holds the documents of every account and region with their versions, and beside them the service's
// own.
package library

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"postern/aws/arn"
	"postern/aws/fault"
	"postern/aws/scope"
	"postern/record"
	"postern/ssm"
	"postern/ssm/document"
)

// Amazon is the owner of the service's own documents.
const Amazon = "Amazon"

// MaxVersions bounds the versions of a document; Amazon allows 1,000.
const MaxVersions = 100

// entry is a stored document. Its fields' names stand in databases.
type entry struct {
	Name    string
	Scope   scope.Scope
	Default string
	Tags    map[string]string `json:",omitempty"`
	// Versions are the oldest first.
	Versions []version
	// Next is the number that the next version gets; numbers of deleted ones are not used again.
	Next int
}

type version struct {
	Version     string
	Name        string `json:",omitempty"`
	DisplayName string `json:",omitempty"`
	TargetType  string `json:",omitempty"`
	Format      document.Format
	Content     string
	Created     time.Time
}

// Version is one version of a document as callers see it.
type Version struct {
	Name  string
	Owner string
	// Version is a number; VersionName is the creator's own name for it.
	Version     string
	VersionName string
	DisplayName string
	TargetType  string
	Format      document.Format
	// Content is as it was given; Hash is its SHA-256 in hexadecimal.
	Content string
	Hash    string
	Created time.Time
	// Default and Latest are the document's.
	Default string
	Latest  string
	Tags    map[string]string
	// Document is the content, read.
	Document *document.Document
}

// Service keeps the documents of all scopes. Make it with New.
type Service struct{ records record.Finder }

// New makes a library that keeps its documents in records.
func New(records record.Finder) *Service { return &Service{records: ssm.Consented(records)} }

func key(scope scope.Scope, name string) record.Key {
	return record.Key{Kind: ssm.KindDocument, ID: scope.String() + "/" + name}
}

func (e entry) record() record.Record {
	body, err := json.Marshal(e)
	if err != nil {
		panic("library: " + err.Error()) // only strings, numbers and times
	}
	k := key(e.Scope, e.Name)
	return ssm.NewRecord(k, e.Scope, body)
}

func read(r record.Record) (entry, error) {
	var e entry
	if err := json.Unmarshal(r.Body, &e); err != nil {
		return e, fmt.Errorf("read document %s: %w", r.ID, err)
	}
	return e, nil
}

// bareName returns the name in an ARN of the scope, or a name as it is.
func bareName(scope scope.Scope, name string) (string, error) {
	if !strings.HasPrefix(name, "arn:") {
		return name, nil
	}
	a, err := arn.Parse(name)
	if err != nil || a.Service != "ssm" || a.Type() != "document" {
		return "", fault.New(fault.Invalid, "library.Find", "%s is not the ARN of a document", name).
			WithCode("InvalidDocument")
	}
	if a.Region != scope.Region || a.Account != "" && a.Account != scope.Account {
		return "", noDocument(name)
	}
	return a.ID(), nil
}

func noDocument(name string) error {
	if document.IsNotBuilt(name) {
		return fault.New(fault.NotImplemented, "library.Find", "Postern does not implement the document %s", name)
	}
	return fault.New(fault.NotFound, "library.Find", "Document with name %s does not exist.", name).
		WithCode("InvalidDocument")
}

func noVersion(name, v string) error {
	return fault.New(fault.NotFound, "library.Find", "document %s has no version %s", name, v).
		WithCode("InvalidDocumentVersion")
}

// Find finds a version of a document by name or ARN: "" and "$DEFAULT" is the default one, "$LATEST" the latest, else
// its number or its own name. What is not there is a fault with the code InvalidDocument or InvalidDocumentVersion; one
// of Amazon's that is not built is a fault of kind NotImplemented.
func (s *Service) Find(ctx context.Context, scope scope.Scope, name, v string) (Version, error) {
	name, err := bareName(scope, name)
	if err != nil {
		return Version{}, err
	}
	if o, ok := document.FindOwned(name); ok {
		return owned(o, v)
	}
	e, err := s.find(ctx, scope, name)
	if err != nil {
		return Version{}, err
	}
	return e.find(v)
}

func (s *Service) find(ctx context.Context, scope scope.Scope, name string) (entry, error) {
	found, err := s.records.Find(ctx, key(scope, name))
	if err != nil {
		return entry{}, err
	}
	if len(found) == 0 {
		return entry{}, noDocument(name)
	}
	return read(found[0])
}

// owned returns the one version that each of the service's own documents has.
func owned(o document.Owned, v string) (Version, error) {
	if v != "" && v != "$DEFAULT" && v != "$LATEST" && v != "1" {
		return Version{}, noVersion(o.Name, v)
	}
	return Version{
		Name: o.Name, Owner: Amazon, Version: "1", Default: "1", Latest: "1", Format: document.JSON,
		Content: o.Text, Hash: hash(o.Text), Document: o.Document,
	}, nil
}

func hash(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])
}

func (e entry) latest() version { return e.Versions[len(e.Versions)-1] }

func (e entry) find(v string) (Version, error) {
	switch v {
	case "", "$DEFAULT":
		v = e.Default
	case "$LATEST":
		v = e.latest().Version
	}
	i := slices.IndexFunc(
		e.Versions,
		func(each version) bool { return each.Version == v || each.Name != "" && each.Name == v },
	)
	if i < 0 {
		return Version{}, noVersion(e.Name, v)
	}
	return e.view(e.Versions[i])
}

func (e entry) view(v version) (Version, error) {
	d, err := document.Parse([]byte(v.Content), v.Format)
	if err != nil {
		return Version{}, fmt.Errorf("document %s version %s: %w", e.Name, v.Version, err)
	}
	return Version{
		Name: e.Name, Owner: e.Scope.Account, Version: v.Version, VersionName: v.Name, DisplayName: v.DisplayName,
		TargetType: v.TargetType, Format: v.Format, Content: v.Content, Hash: hash(v.Content), Created: v.Created,
		Default: e.Default, Latest: e.latest().Version, Tags: e.Tags, Document: d,
	}, nil
}

// List returns the default versions of all documents that a scope has, the service's own included, by name.
func (s *Service) List(ctx context.Context, scope scope.Scope) ([]Version, error) {
	records, err := s.records.List(ctx, record.Listing{Kind: ssm.KindDocument, Group: scope.String()})
	if err != nil {
		return nil, err
	}
	var all []Version
	for _, o := range document.AllOwned() {
		v, err := owned(o, "")
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	for _, r := range records {
		e, err := read(r)
		if err != nil {
			return nil, err
		}
		v, err := e.find("")
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	slices.SortFunc(all, func(a, b Version) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

// Versions returns all versions of a document, the latest first.
func (s *Service) Versions(ctx context.Context, scope scope.Scope, name string) ([]Version, error) {
	name, err := bareName(scope, name)
	if err != nil {
		return nil, err
	}
	if o, ok := document.FindOwned(name); ok {
		v, err := owned(o, "")
		return []Version{v}, err
	}
	e, err := s.find(ctx, scope, name)
	if err != nil {
		return nil, err
	}
	var all []Version
	for _, each := range slices.Backward(e.Versions) {
		v, err := e.view(each)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, nil
}
