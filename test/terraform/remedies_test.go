package terraform

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

var (
	hclBlock = regexp.MustCompile("(?s)```hcl\n(.*?)```")
	label    = regexp.MustCompile(`^(resource "[a-z0-9_]+") "`)
)

// TestRemediesAreTerraform: the resources that findings print as their remedies are of the provider's schema, and
// formatted as Terraform formats. Single arguments are left to the apply of whoever has their resource.
func TestRemediesAreTerraform(t *testing.T) {
	have := findTools(t)
	t.Parallel()
	text, err := os.ReadFile("../../docs/findings.md")
	if err != nil {
		t.Fatal(err)
	}
	w, resources := newWorkspace(t, have, &server{}, "remedies"), 0
	for i, m := range hclBlock.FindAllSubmatch(text, -1) {
		block := m[1]
		if !label.Match(block) {
			continue
		}
		resources++
		block = label.ReplaceAll(block, fmt.Appendf(nil, `$1 "n%d_`, i)) // several findings have the same
		if err := os.WriteFile(filepath.Join(w.dir, fmt.Sprintf("r%d.tf", i)), block, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if resources < 6 {
		t.Errorf("only %d resources", resources)
	}
	if code, out := w.try("validate", "-no-color"); code != 0 {
		t.Errorf("terraform validate: %s", out)
	}
	if code, out := w.try("fmt", "-check", "-diff", "-no-color"); code != 0 {
		t.Errorf("terraform fmt: %s", out)
	}
}
