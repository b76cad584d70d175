package terraform

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestStyles applies the same in the other ways people write it, changes it in place and with replacement, forgets some
// of it and imports that again.
func TestStyles(t *testing.T) {
	have := findTools(t)
	t.Parallel()
	s := serve(t)
	w := newWorkspace(t, have, s, "styles")
	w.apply()
	w.settled()
	changed := []string{
		"https_from=10.30.0.0/17",                                    // rules in place
		`services=["ssm","kms","logs"]`,                              // count: one replaced, one more
		`zones={a="10.30.1.0/24",b="10.30.2.0/24",c="10.30.3.0/24"}`, // for_each: one more, also in endpoints
	}
	w.apply(changed...)
	w.settled(changed...)
	var ids map[string]string
	w.output("ids", &ids)
	w.reimport(changed, ids)
	w.destroy(changed...)
	connect(t, s).empty()
}

// reimport forgets resources and imports them by their ids; nothing else may then have to change.
func (w *workspace) reimport(vars []string, resources map[string]string) {
	w.t.Helper()
	var blocks strings.Builder
	forget := []string{"state", "rm"}
	for address, id := range resources {
		forget = append(forget, address)
		fmt.Fprintf(&blocks, "import {\n  to = %s\n  id = %q\n}\n", address, id)
	}
	w.run(forget...)
	if err := os.WriteFile(filepath.Join(w.dir, "import.tf"), []byte(blocks.String()), 0o600); err != nil {
		w.t.Fatal(err)
	}
	code, out := w.try(append([]string{"apply", "-auto-approve", "-no-color"}, variables(vars)...)...)
	want := fmt.Sprintf("%d imported, 0 added, 0 changed, 0 destroyed", len(resources))
	if code != 0 || !strings.Contains(out, want) {
		w.t.Errorf("import: exit code %d, want %s\n%s", code, want, out)
	}
	if err := os.Remove(filepath.Join(w.dir, "import.tf")); err != nil {
		w.t.Fatal(err)
	}
}
