package api_test

import (
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestEveryServiceHasTheSameShape: a folder with a service has doc.go, service.go and operations.go, and its rows stand
// in the latter.
func TestEveryServiceHasTheSameShape(t *testing.T) {
	services, err := filepath.Glob("*/service.go")
	if err != nil || len(services) < 7 {
		t.Fatalf("only %d services are seen: %v", len(services), err)
	}
	for _, service := range services {
		folder := filepath.Dir(service)
		for _, name := range []string{"doc.go", "operations.go"} {
			if _, err := os.Stat(filepath.Join(folder, name)); err != nil {
				t.Errorf("%s has no %s", folder, name)
			}
		}
		files, err := filepath.Glob(filepath.Join(folder, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			name := filepath.Base(file)
			// absent.go makes the rows of lists that are always empty.
			if name == "operations.go" || name == "absent.go" || strings.HasSuffix(name, "_test.go") {
				continue
			}
			if hasRows(t, file) {
				t.Errorf("%s has rows of a table: they stand in operations.go", file)
			}
		}
	}
}

// hasRows reports whether a file calls api.Op or api.Stream.
func hasRows(t *testing.T, file string) (found bool) {
	t.Helper()
	parsed, err := parser.ParseFile(gotoken.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			x, ok := s.X.(*ast.Ident)
			found = found || ok && x.Name == "api" && (s.Sel.Name == "Op" || s.Sel.Name == "Stream")
		}
		return true
	})
	return found
}
