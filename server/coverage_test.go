package server

import (
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/gen/coverage"
)

//go:generate go test -run ^TestCoverageIsFresh$ . -update

var update = flag.Bool("update", false, "write what is generated instead of comparing it")

// TestCoverageIsFresh holds docs/coverage.md against the tables of the server that ships.
func TestCoverageIsFresh(t *testing.T) {
	const file = "../docs/coverage.md"
	s, _ := guarded(t)
	want := coverage.Markdown(s.api.Handler.Services())
	if *update {
		if err := os.WriteFile(file, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s is stale: run make generate (-want +got):\n%s", file, diff)
	}
}
