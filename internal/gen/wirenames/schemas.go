package main

import (
	"go/ast"
	"path/filepath"
	"strings"
)

// readSchemas reads services that describe themselves by smithy-go schemas: a member's name is the literal in
// AddMember, and SerializeMembers says which field it belongs to.
func (t *table) readSchemas(dir string) error {
	t.same = true
	file, err := parse(filepath.Join(dir, "schemas"), "schemas.go")
	if err != nil {
		return err
	}
	names := schemaNames(file)
	for variable, name := range names {
		if code, ok := strings.CutSuffix(variable, "_Message"); ok && name == "Message" {
			t.capitals = append(t.capitals, code)
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "api_op_*.go"))
	if err != nil {
		return err
	}
	for _, path := range append(files, filepath.Join(dir, "types", "types.go")) {
		file, err := parse(filepath.Dir(path), filepath.Base(path))
		if err != nil {
			return err
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv != nil && f.Name.Name == "SerializeMembers" {
				t.readMembers(f, names)
			}
		}
	}
	return nil
}

// schemaNames maps the variable of each member's schema to its wire name.
func schemaNames(file *ast.File) map[string]string {
	names := map[string]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		a, ok := n.(*ast.AssignStmt)
		if !ok || len(a.Lhs) != 1 || len(a.Rhs) != 1 {
			return true
		}
		variable, ok := a.Lhs[0].(*ast.Ident)
		if !ok {
			return true
		}
		calls(a.Rhs[0], func(called string, c *ast.CallExpr) {
			if called == "AddMember" {
				names[variable.Name] = literal(c, 0)
			}
		})
		return true
	})
	return names
}

func (t *table) readMembers(f *ast.FuncDecl, names map[string]string) {
	receiver, ok := f.Recv.List[0].Type.(*ast.StarExpr)
	if !ok {
		return
	}
	typ := receiver.X.(*ast.Ident).Name
	for _, statement := range f.Body.List {
		field := fieldOf(statement, "v")
		schema := fieldOf(statement, "schemas")
		if field == "" || schema == "" {
			continue
		}
		if !strings.Contains(schema, "_") {
			continue
		}
		m := t.member(typ, field)
		m.in, m.out = names[schema], names[schema]
	}
}
