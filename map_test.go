package postern_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// roomForm is a path of packages between backticks: `network/vpc`, `api/*`.
var roomForm = regexp.MustCompile("`([a-z0-9]+(?:/[a-z0-9*]+)*)`")

// roomsIn returns the paths that a document names as rooms of the tree: those with a slash anywhere, and those without
// one in the first column of a table.
func roomsIn(text string) (rooms []string) {
	for line := range strings.Lines(text) {
		column := -1
		if strings.HasPrefix(line, "| `") {
			column = strings.Index(line[2:], "|") + 2
		}
		for _, at := range roomForm.FindAllStringSubmatchIndex(line, -1) {
			name := line[at[2]:at[3]]
			if strings.Contains(name, "/") || at[2] < column {
				rooms = append(rooms, name)
			}
		}
	}
	return rooms
}

// TestTheMapIsTrue: what ARCHITECTURE.md and the guides call a room is there, and what is there is on the map.
func TestTheMapIsTrue(t *testing.T) {
	mapped := map[string]bool{}
	for _, document := range []string{"ARCHITECTURE.md", "docs/adding-a-service.md"} {
		text, err := os.ReadFile(document)
		if err != nil {
			t.Fatal(err)
		}
		for _, room := range roomsIn(string(text)) {
			first, _, _ := strings.Cut(room, "/")
			mapped[first] = true
			if found, err := filepath.Glob(room); len(found) == 0 || err != nil {
				t.Errorf("%s names %s, which is not there", document, room)
			}
		}
	}
	for dir := range readSources(t) {
		first, _, _ := strings.Cut(dir, "/")
		if first != "." && first != "cmd" && first != "internal" && !mapped[first] {
			t.Errorf("ARCHITECTURE.md does not say what %s does", first)
		}
	}
}

func TestRoomsAreFound(t *testing.T) {
	got := roomsIn("| `aws/*`, `bus` | `not` and `store/sql` |\n`Upper` `a/b` `c` `postern up`\n")
	if want := []string{"aws/*", "bus", "store/sql", "a/b"}; strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("%q, want %q", got, want)
	}
}
