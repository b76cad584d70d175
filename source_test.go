package postern_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// goFile is one file of the tree.
type goFile struct {
	name      string // with slashes, from the root
	text      string
	syntax    *ast.File
	set       *token.FileSet
	generated bool
}

func (f *goFile) dir() string { return filepath.ToSlash(filepath.Dir(f.name)) }

func (f *goFile) test() bool { return strings.HasSuffix(f.name, "_test.go") }

func (f *goFile) line(p token.Pos) int { return f.set.Position(p).Line }

// parseFile reads a file's text as if it stood at a place in the tree.
func parseFile(name, text string) (*goFile, error) {
	set := token.NewFileSet()
	syntax, err := parser.ParseFile(set, name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	return &goFile{filepath.ToSlash(name), text, syntax, set, ast.IsGenerated(syntax)}, nil
}

// example parses a file that a rule is tried on.
func example(t *testing.T, name, text string) *goFile {
	t.Helper()
	f, err := parseFile(name, text)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// skipped are the directories that hold no code of ours.
func skipped(d fs.DirEntry) bool {
	switch d.Name() {
	case "testdata", "tools", "bin":
		return true
	}
	return strings.HasPrefix(d.Name(), ".")
}

// tree returns every Go file, tests and generated ones too.
var tree = sync.OnceValues(func() (files []*goFile, err error) {
	err = filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && name != "." && skipped(d) {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") {
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		f, err := parseFile(name, string(text))
		if err != nil {
			return err
		}
		files = append(files, f)
		return nil
	})
	return files, err
})

// readTree returns every Go file.
func readTree(t *testing.T) []*goFile {
	t.Helper()
	files, err := tree()
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 500 {
		t.Fatalf("only %d files found: the test does not see the tree", len(files))
	}
	return files
}
