package doctor_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/doctor"
)

//go:generate go test -run ^TestFindingsAreDocumented$ . -update

var update = flag.Bool("update", false, "write what is generated instead of comparing it")

// TestFindingsAreDocumented holds docs/findings.md against the table of findings and what the doctor says of each
// example.
func TestFindingsAreDocumented(t *testing.T) {
	const file = "../docs/findings.md"
	want := documented(t)
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

const documentHead = `# What explain finds

Generated from the table of findings in doctor; do not edit. ` + "`postern explain NODE [SERVICE]`" +
	` prints an id, the
resource that has to change, what is wrong and what would mend it; ` + "`--output json`" + ` carries ` +
	"`id`, `severity`,\n" +
	"`resource`, `wrong`, `remedy` and, where one AWS CLI command mends it, `command`" + `. Ids are stable.

The severity is that of the finding alone. *broken* keeps the node from the service, *degraded* lets it get there by
another way or not always, *unknown* could not be judged. Where another path leads to the service, a broken one is
reported as degraded. Each example is what explain says about a small network that has this one fault.

`

// documented returns the document.
func documented(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	b.WriteString(documentHead)
	b.WriteString("| finding | what is wrong | severity |\n|---|---|---|\n")
	for _, k := range doctor.Kinds() {
		fmt.Fprintf(&b, "| [%s](#%s) | %s | %s |\n", k.ID, k.ID, k.Title, k.Severity)
	}
	for _, k := range doctor.Kinds() {
		x := examples[k.ID]
		f := x.finding(t, k.ID)
		fmt.Fprintf(&b, "\n## <a id=\"%s\"></a>%s\n\n**%s.** %s\n\n", k.ID, k.ID, k.Title, k.Means)
		fmt.Fprintf(&b, "*How it shows:* %s\n\n*What mends it:* %s\n\n", k.Shows, k.Mend)
		fmt.Fprintf(&b, "*AWS:* [%s](%s)\n\n", k.Page.Title, k.Page.URL)
		fmt.Fprintf(&b, "```\n%s\n```\n", strings.TrimSpace(f.String()))
		if f.Terraform != "" {
			fmt.Fprintf(&b, "\n```hcl\n%s\n```\n", f.Terraform)
		}
	}
	return b.Bytes()
}
