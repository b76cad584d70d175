package doctor_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"postern/doctor"
	"postern/network/vpc/vpctest"
)

// TestEveryKindIsShown runs the doctor on the small network that shows each kind of finding.
func TestEveryKindIsShown(t *testing.T) {
	for _, k := range doctor.Kinds() {
		example, ok := examples[k.ID]
		if !ok {
			t.Errorf("%s: no network shows it", k.ID)
			continue
		}
		f := example.finding(t, k.ID)
		if f.Severity != k.Severity || f.Resource == "" || f.Wrong == "" || f.Remedy == "" {
			t.Errorf("%s: %+v", k.ID, f)
		}
	}
	for id := range examples {
		if !slices.ContainsFunc(doctor.Kinds(), func(k doctor.Kind) bool { return k.ID == id }) {
			t.Errorf("%s: the example is of no kind", id)
		}
	}
}

// finding returns the finding of that id that the doctor makes of the example.
func (x *example) finding(t testing.TB, id doctor.ID) doctor.Finding {
	t.Helper()
	f := healthy(t)
	for _, change := range x.changes {
		change(&f)
	}
	to := x.to
	if to == "" {
		to = "ssm"
	}
	r := assess(t, f, to)
	if x.feature != "" {
		wanted, err := doctor.ParseFeatures([]string{x.feature})
		if err != nil {
			t.Fatal(err)
		}
		if r, err = doctor.AssessFeatures(f, wanted); err != nil {
			t.Fatal(err)
		}
	}
	i := slices.IndexFunc(r.Findings, func(f doctor.Finding) bool { return f.ID == id })
	if i < 0 {
		t.Errorf("%s is not among what explain finds:\n%s", id, r)
		return doctor.Finding{}
	}
	return r.Findings[i]
}

var idForm = regexp.MustCompile(`^[a-z]+(-[a-z]+)*/[a-z]+(-[a-z]+)*$`)

// TestKindsAreWhole: ids are unique and of one form, and every row says everything.
func TestKindsAreWhole(t *testing.T) {
	seen := map[doctor.ID]bool{}
	for _, k := range doctor.Kinds() {
		if !idForm.MatchString(string(k.ID)) || seen[k.ID] {
			t.Errorf("%q is no id, or stands twice", k.ID)
		}
		seen[k.ID] = true
		for _, text := range []string{k.Title, string(k.Severity), k.Means, k.Shows, k.Mend, k.Page.Title} {
			if text == "" {
				t.Errorf("%s: not whole: %+v", k.ID, k)
			}
		}
		if !strings.HasPrefix(k.Page.URL, "https://docs.aws.amazon.com/") {
			t.Errorf("%s: %q is no page of AWS's documentation", k.ID, k.Page.URL)
		}
	}
}

// TestIDsInCode: an id that the code gives a finding is in the table.
func TestIDsInCode(t *testing.T) {
	known := map[string]bool{}
	for _, k := range doctor.Kinds() {
		known[string(k.ID)] = true
	}
	found := 0
	for _, file := range parsed(t, "*.go") {
		ast.Inspect(file, func(n ast.Node) bool {
			if _, ok := n.(*ast.ImportSpec); ok {
				return false
			}
			literal, ok := n.(*ast.BasicLit)
			if !ok || literal.Kind != token.STRING {
				return true
			}
			if text, err := strconv.Unquote(literal.Value); err == nil && idForm.MatchString(text) {
				found++
				if !known[text] {
					t.Errorf("%q looks like an id and is not in the table", text)
				}
			}
			return true
		})
	}
	if found <= len(known) {
		t.Errorf("only %d ids are found in the code", found)
	}
}

// TestEveryRefusalHasAKind reads the judge's source: each pair of step and reason with which it refuses, and each cause
// why a name is not private, is reported under an id.
func TestEveryRefusalHasAKind(t *testing.T) {
	refusals, causes := doctor.Covered()
	used := 0
	for _, file := range parsed(t, "../network/vpc/*.go") {
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				for _, pair := range refusedBy(n) {
					used++
					if !refusals[pair] {
						t.Errorf("no kind is for %s", pair)
					}
				}
			case *ast.ValueSpec:
				if kind, ok := n.Type.(*ast.Ident); ok && kind.Name == "NameCause" {
					text, err := strconv.Unquote(n.Values[0].(*ast.BasicLit).Value)
					if err != nil || !causes[text] {
						t.Errorf("no kind is for the cause %s", n.Names[0].Name)
					}
				}
			}
			return true
		})
	}
	if used < 30 {
		t.Errorf("only %d refusals are found in the judge's source", used)
	}
}

// refusedBy gives the pairs of step and reason with which a call refuses, as "StepRoute ReasonNoRoute"; none for other
// calls.
func refusedBy(call *ast.CallExpr) (pairs []string) {
	name, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || name.Sel.Name != "refuse" && name.Sel.Name != "noRule" {
		return nil
	}
	var steps, reasons []string
	for _, argument := range call.Args {
		switch constant, ok := argument.(*ast.Ident); {
		case ok && strings.HasPrefix(constant.Name, "Step"):
			steps = append(steps, constant.Name)
		case ok && strings.HasPrefix(constant.Name, "Reason"):
			reasons = append(reasons, constant.Name)
		}
	}
	if name.Sel.Name == "noRule" {
		reasons = []string{"ReasonNoRule", "ReasonStaleRule"}
	}
	for _, step := range steps {
		for _, reason := range reasons {
			pairs = append(pairs, step+" "+reason)
		}
	}
	return pairs
}

// TestRandomNetworks: whatever the network, every finding has a row of the table, a resource and a remedy.
func TestRandomNetworks(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		f := healthy(t)
		f.Network = vpctest.Networks().Draw(r, "network")
		from := rapid.SampledFrom(f.Network.Interfaces).Draw(r, "from")
		to := rapid.SampledFrom(f.Network.Interfaces).Draw(r, "to").Addresses[0].String()
		to = rapid.SampledFrom([]string{"ssm", "s3", "198.18.0.1", "169.254.169.254:80", "10.0.0.2:53", to,
			to + ":53"}).Draw(r, "asked")
		f.Node.Interface = from.ID
		report, err := doctor.Assess(f, to)
		if err != nil {
			r.Fatal(err)
		}
		for _, x := range report.Findings {
			if !slices.ContainsFunc(doctor.Kinds(), func(k doctor.Kind) bool { return k.ID == x.ID }) || x.Severity == "" ||
				x.Remedy == "" {
				r.Fatalf("%+v", x)
			}
		}
	})
}

// parsed returns the sources that match the pattern, without tests.
func parsed(t *testing.T, pattern string) (files []*ast.File) {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, source, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	if len(files) == 0 {
		t.Fatalf("no source matches %s", pattern)
	}
	return files
}
