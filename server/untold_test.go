package server

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/api"
)

const untoldFile = "testdata/untold_keys.golden"

// TestUntoldKeys walks AWS's action table for the operations of the server that ships and holds against the golden file
// which condition keys nobody can tell, so that a policy on them is judged with caution. What stands in the file may
// only become less: -update writes no number that is greater than the one before.
func TestUntoldKeys(t *testing.T) {
	s, _ := guarded(t)
	var got strings.Builder
	got.WriteString(
		"# Condition keys that AWS's actions have and that nothing here tells: the type of the resource, then actions.\n",
	)
	before, err := os.ReadFile(untoldFile)
	if err != nil && !*update {
		t.Fatal(err)
	}
	for _, service := range s.api.Handler.Services() {
		head, lines := untold(s.api.Handler.UntoldKeys(service.Name))
		if old, ok := countOf(string(before), service.Name); ok && head > old {
			t.Errorf("%s has %d untold keys, and had %d", service.Name, head, old)
		}
		fmt.Fprintf(&got, "%s %d\n%s", service.Name, head, lines)
	}
	if *update && !t.Failed() {
		if err := os.WriteFile(untoldFile, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(strings.Split(string(before), "\n"), strings.Split(got.String(), "\n")); diff != "" {
		t.Errorf("other condition keys are untold (-want +got); -update writes the file\n%s", diff)
	}
}

// untold counts the keys of actions and lists them.
func untold(all []api.UntoldKey) (n int, lines string) {
	actions := map[string][]string{}
	seen := map[string]bool{}
	for _, u := range all {
		if pair := u.Action + " " + u.Key; !seen[pair] {
			seen[pair] = true
			n++
		}
		_, name, _ := strings.Cut(u.Action, ":")
		line := "\t" + u.Key + " " + u.Type
		actions[line] = append(actions[line], name)
	}
	for _, line := range slices.Sorted(maps.Keys(actions)) {
		slices.Sort(actions[line])
		lines += line + ": " + strings.Join(slices.Compact(actions[line]), " ") + "\n"
	}
	return n, lines
}

// countOf reads the number of a service in the golden file.
func countOf(golden, service string) (n int, ok bool) {
	for line := range strings.Lines(golden) {
		if rest, found := strings.CutPrefix(line, service+" "); found {
			_, err := fmt.Sscanf(rest, "%d", &n)
			return n, err == nil
		}
	}
	return 0, false
}
