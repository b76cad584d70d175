package store_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"postern/aws/scope"
	"postern/ssm/parameter"
	"postern/store"
)

// TestParametersOutliveTheProcess opens the file anew after every version: all of them, their labels and tags are
// there.
func TestParametersOutliveTheProcess(t *testing.T) {
	scope := scope.Scope{Account: "000000000000", Region: "us-east-1"}
	path := filepath.Join(t.TempDir(), "state.db")
	var want []string
	for n := range 4 {
		db, err := store.Open(t.Context(), store.Options{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		s := parameter.New(parameter.Config{Records: db.Set("ssm")})
		p := parameter.NewVersion{Name: "/app/db", Value: fmt.Sprint("value ", n+1), Type: parameter.String, Overwrite: n > 0}
		if n == 0 {
			p.Tags = map[string]string{"team": "x"}
		}
		if _, err := s.Put(t.Context(), scope, p, time.Now()); err != nil {
			t.Fatal(err)
		}
		want = append(want, p.Value)
		if _, _, err := s.Label(t.Context(), scope, "/app/db", 0, []string{"newest"}); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	s := parameter.New(parameter.Config{Records: open(t, store.Options{Path: path}).Set("ssm")})
	page, _, err := s.History(t.Context(), scope, "/app/db", 0, 50)
	var got []string
	for _, p := range page {
		got = append(got, p.Value)
		if p.Tags["team"] != "x" || (len(p.Labels) == 1) != (p.Number == 4) {
			t.Errorf("%+v", p)
		}
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
}
