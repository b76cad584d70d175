package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// read fills the table from the SDK module of one service.
func (t *table) read(dir string) error {
	names, err := filepath.Glob(filepath.Join(dir, "api_op_*.go"))
	if err != nil {
		return err
	}
	for _, name := range names {
		base := strings.TrimSuffix(filepath.Base(name), ".go")
		if !strings.HasSuffix(base, "_test") {
			t.operations = append(t.operations, strings.TrimPrefix(base, "api_op_"))
		}
	}
	if len(t.operations) == 0 {
		return fmt.Errorf("%s holds no operations", dir)
	}
	if _, err := os.Stat(filepath.Join(dir, "serializers.go")); err == nil {
		err = t.readClassic(dir)
		if err != nil {
			return err
		}
	} else if err := t.readSchemas(dir); err != nil {
		return err
	}
	file, err := parse(dir, "validators.go")
	if err != nil {
		return err
	}
	t.readValidators(file)
	if t.rest != nil {
		t.patterns, err = t.rest.patterns(dir)
	}
	return err
}

func parse(dir, name string) (*ast.File, error) {
	return parser.ParseFile(token.NewFileSet(), filepath.Join(dir, name), nil, parser.SkipObjectResolution)
}

// readClassic reads services whose (de)serializers are generated functions with names as literals.
func (t *table) readClassic(dir string) error {
	out, err := parse(dir, "serializers.go")
	if err != nil {
		return err
	}
	in, err := parse(dir, "deserializers.go")
	if err != nil {
		return err
	}
	if strings.Contains(firstFunction(out), restPrefix) {
		t.readREST(out, in)
		return nil
	}
	t.readSerializers(functions(out))
	t.readDeserializers(functions(in))
	t.readResults(in)
	return nil
}

// firstFunction is the name of a file's first function without receiver: it begins with the protocol's.
func firstFunction(file *ast.File) string {
	for _, d := range file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && strings.Contains(f.Name.Name, "_") {
			return f.Name.Name
		}
	}
	return ""
}

// functions maps the plain functions of a file by name.
func functions(file *ast.File) map[string]*ast.FuncDecl {
	all := map[string]*ast.FuncDecl{}
	for _, d := range file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Body != nil {
			all[f.Name.Name] = f
		}
	}
	return all
}

// structParam returns the name of the struct that a function's first parameter v points to, or "".
func structParam(f *ast.FuncDecl) string {
	if len(f.Type.Params.List) == 0 {
		return ""
	}
	typ := f.Type.Params.List[0].Type
	pointer := false
	for {
		p, ok := typ.(*ast.StarExpr)
		if !ok {
			break
		}
		pointer, typ = true, p.X
	}
	if !pointer {
		return ""
	}
	switch typ := typ.(type) {
	case *ast.Ident:
		return typ.Name
	case *ast.SelectorExpr:
		return typ.Sel.Name
	}
	return ""
}

// fieldOf finds the first X.Field in a tree, where X is the given variable.
func fieldOf(n ast.Node, variable string) string {
	var field string
	ast.Inspect(n, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok && field == "" {
			if x, ok := s.X.(*ast.Ident); ok && x.Name == variable {
				field = s.Sel.Name
			}
		}
		return field == ""
	})
	return field
}

// calls visits every call in a tree with the last part of its name.
func calls(n ast.Node, visit func(name string, call *ast.CallExpr)) {
	ast.Inspect(n, func(n ast.Node) bool {
		if c, ok := n.(*ast.CallExpr); ok {
			switch f := c.Fun.(type) {
			case *ast.Ident:
				visit(f.Name, c)
			case *ast.SelectorExpr:
				visit(f.Sel.Name, c)
			}
		}
		return true
	})
}

// literal returns the i-th argument where it is a string literal, else "".
func literal(c *ast.CallExpr, i int) string {
	if i >= len(c.Args) {
		return ""
	}
	l, ok := c.Args[i].(*ast.BasicLit)
	if !ok || l.Kind != token.STRING {
		return ""
	}
	s, err := strconv.Unquote(l.Value)
	if err != nil {
		return ""
	}
	return s
}
