package library_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/aws/fault"
	"postern/aws/scope"
	"postern/record"
	"postern/ssm/document"
	"postern/ssm/document/library"
)

var (
	here = scope.Scope{Account: "000000000000", Region: "us-east-1"}
	noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
)

func content(n int) string {
	return fmt.Sprintf(
		`{"schemaVersion":"2.2","description":"%d","mainSteps":[{"action":"aws:runShellScript","name":"s"}]}`,
		n,
	)
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

func create(t *testing.T, s *library.Service, name string) {
	t.Helper()
	v, err := s.Create(t.Context(), here, library.NewVersion{Name: name, Content: content(1), VersionName: "one"}, noon)
	if err != nil || v.Version != "1" || v.Default != "1" || v.Owner != here.Account {
		t.Fatalf("%+v, %v", v, err)
	}
}

func TestCreateRefuses(t *testing.T) {
	s := library.New(new(record.Memory))
	create(t, s, "Doc")
	for _, tt := range []struct {
		name string
		n    library.NewVersion
		code string
	}{
		{"there already", library.NewVersion{Name: "Doc", Content: content(1)}, "DocumentAlreadyExists"},
		{"reserved", library.NewVersion{Name: "Aws-Doc", Content: content(1)}, "ValidationException"},
		{"short name", library.NewVersion{Name: "D", Content: content(1)}, "ValidationException"},
		{"bad name", library.NewVersion{Name: "a/b/c", Content: content(1)}, "ValidationException"},
		{
			"bad version name", library.NewVersion{Name: "Doc2", Content: content(1), VersionName: "a b"},
			"ValidationException",
		},
		{"bad content", library.NewVersion{Name: "Doc2", Content: "{"}, "InvalidDocumentContent"},
		{"bad schema", library.NewVersion{Name: "Doc2", Content: `{"schemaVersion":"0.3"}`}, "InvalidDocumentSchemaVersion"},
		{
			"bad tag", library.NewVersion{Name: "Doc2", Content: content(1), Tags: map[string]string{"": ""}},
			"ValidationException",
		},
	} {
		_, err := s.Create(t.Context(), here, tt.n, noon)
		want(t, tt.name, err, tt.code)
	}
}

func TestVersions(t *testing.T) {
	s := library.New(new(record.Memory))
	create(t, s, "Doc")
	update := func(v string, n int, name string) error {
		_, err := s.Update(
			t.Context(),
			here,
			v,
			library.NewVersion{Name: "Doc", Content: content(n), VersionName: name},
			noon,
		)
		return err
	}
	find := func(v string) string {
		got, err := s.Find(t.Context(), here, "Doc", v)
		if err != nil {
			return fault.Of(err).Code
		}
		return got.Version + got.Document.Description
	}
	want(t, "the same", update("", 1, ""), "DuplicateDocumentContent")
	want(t, "second", update("$LATEST", 2, "two"), "")
	want(t, "not of the latest", update("1", 3, ""), "InvalidDocumentVersion")
	want(t, "a name twice", update("2", 3, "two"), "DuplicateDocumentVersionName")
	want(t, "third", update("2", 3, ""), "")
	for v, want := range map[string]string{
		"": "11", "$DEFAULT": "11", "$LATEST": "33", "2": "22", "two": "22", "4": "InvalidDocumentVersion",
	} {
		if got := find(v); got != want {
			t.Errorf("version %q is %s, want %s", v, got, want)
		}
	}
	_, err := s.SetDefault(t.Context(), here, "Doc", "3")
	want(t, "default", err, "")
	want(t, "delete the default", s.Delete(t.Context(), here, "Doc", "3"), "InvalidDocumentOperation")
	want(t, "delete", s.Delete(t.Context(), here, "Doc", "2"), "")
	all, err := s.Versions(t.Context(), here, "Doc")
	if err != nil || len(all) != 2 || all[0].Version != "3" || all[1].Version != "1" {
		t.Errorf("versions %+v, %v", all, err)
	}
	for i := range library.MaxVersions - 2 {
		want(t, "fill", update("", 10+i, ""), "")
	}
	want(t, "too many", update("", 9, ""), "DocumentVersionLimitExceeded")
	want(t, "delete all", s.Delete(t.Context(), here, "Doc", ""), "")
	if got := find(""); got != "InvalidDocument" {
		t.Errorf("after the end: %s", got)
	}
}

func TestConcurrentUpdatesLoseNone(t *testing.T) {
	s := library.New(new(record.Memory))
	create(t, s, "Doc")
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			if _, err := s.Update(
				t.Context(), here, "", library.NewVersion{Name: "Doc", Content: content(i + 2)}, noon,
			); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if all, err := s.Versions(t.Context(), here, "Doc"); err != nil || len(all) != 21 {
		t.Errorf("%d versions, %v", len(all), err)
	}
}

func TestOwned(t *testing.T) {
	s := library.New(new(record.Memory))
	create(t, s, "Doc")
	const shell = "AWS-RunShellScript"
	for _, tt := range []struct{ name, version, code string }{
		{shell, "", ""}, {shell, "1", ""}, {shell, "$LATEST", ""}, {shell, "2", "InvalidDocumentVersion"},
		{"arn:aws:ssm:us-east-1::document/" + shell, "", ""},
		{"arn:aws:ssm:us-east-1:000000000000:document/Doc", "", ""},
		{"arn:aws:ssm:eu-west-1::document/" + shell, "", "InvalidDocument"},
		{"arn:aws:ssm:us-east-1:1:document/Doc", "", "InvalidDocument"},
		{"arn:aws:s3:::bucket", "", "InvalidDocument"},
		{"AWS-Nothing", "", "InvalidDocument"},
	} {
		v, err := s.Find(t.Context(), here, tt.name, tt.version)
		want(t, tt.name, err, tt.code)
		if err == nil && (v.Document == nil || len(v.Hash) != 64 || v.Version != "1") {
			t.Errorf("%s: %+v", tt.name, v)
		}
	}
	want(t, "delete", s.Delete(t.Context(), here, shell, ""), "InvalidDocumentOperation")
	_, err := s.Update(t.Context(), here, "", library.NewVersion{Name: shell, Content: content(1)}, noon)
	want(t, "update", err, "InvalidDocumentOperation")
	all, err := s.List(t.Context(), here)
	var names []string
	for _, v := range all {
		names = append(names, v.Owner+"/"+v.Name)
	}
	const listed = "Amazon/AWS-RunDocument Amazon/AWS-RunRemoteScript Amazon/AWS-RunShellScript " +
		"Amazon/AWS-UpdateSSMAgent 000000000000/Doc"
	if got := strings.Join(names, " "); err != nil || got != listed {
		t.Errorf("list %q, %v", got, err)
	}
	if all, err := s.Versions(t.Context(), here, shell); err != nil || len(all) != 1 {
		t.Errorf("versions %v, %v", all, err)
	}
}

func TestTagsAndYAML(t *testing.T) {
	s := library.New(new(record.Memory))
	y := "schemaVersion: '2.2'\nmainSteps:\n- action: aws:runShellScript\n  name: s\n"
	if _, err := s.Create(
		t.Context(), here, library.NewVersion{Name: "Doc", Content: y, Format: document.YAML}, noon,
	); err != nil {
		t.Fatal(err)
	}
	want(t, "tag", s.Tag(t.Context(), here, "Doc", map[string]string{"a": "1", "b": "2"}, nil), "")
	want(t, "untag", s.Tag(t.Context(), here, "Doc", nil, []string{"a"}), "")
	want(t, "tag nothing", s.Tag(t.Context(), here, "None", nil, nil), "InvalidResourceId")
	v, err := s.Find(t.Context(), here, "Doc", "")
	if err != nil || len(v.Tags) != 1 || v.Tags["b"] != "2" || v.Content != y || v.Format != document.YAML {
		t.Errorf("%+v, %v", v, err)
	}
}
