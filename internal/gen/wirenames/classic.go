package main

import (
	"go/ast"
	"strings"
)

// readSerializers takes the input names: each member is one statement of its struct's function, with
// object.Key("Name") or object.FlatKey("Name").
func (t *table) readSerializers(all map[string]*ast.FuncDecl) {
	for name, f := range all {
		typ := structParam(f)
		if typ == "" || !strings.Contains(name, "_serialize") {
			continue
		}
		for _, statement := range f.Body.List {
			field := fieldOf(statement, "v")
			if field == "" {
				continue
			}
			calls(statement, func(called string, c *ast.CallExpr) {
				if called == "Key" || called == "FlatKey" {
					t.member(typ, field).in = literal(c, 0)
				}
			})
		}
	}
}

// readDeserializers takes the output names: each member is one case of the switch in its struct's function.
func (t *table) readDeserializers(all map[string]*ast.FuncDecl) {
	for name, f := range all {
		typ := structParam(f)
		if typ == "" || !strings.Contains(name, "_deserialize") || strings.HasSuffix(typ, "Exception") {
			continue
		}
		t.same = strings.HasPrefix(name, "awsAwsquery_")
		cases(f, func(wire string, body ast.Node) {
			field := fieldOf(body, "sv")
			if field == "" {
				return
			}
			m := t.member(typ, field)
			m.out = wire
			calls(body, func(called string, _ *ast.CallExpr) {
				if list := all[called]; list != nil && strings.Contains(called, "_deserializeDocument") {
					if _, ok := listParam(list); ok {
						cases(list, func(item string, _ ast.Node) { m.item = item })
					}
				}
			})
		})
	}
}

// readResults takes the operations whose client looks for the element "NameResult".
func (t *table) readResults(file *ast.File) {
	calls(file, func(called string, c *ast.CallExpr) {
		if called == "GetElement" {
			if operation, ok := strings.CutSuffix(literal(c, 0), "Result"); ok {
				t.results = append(t.results, operation)
			}
		}
	})
}

// cases visits "case strings.EqualFold("wire", …)" of a function, each with its body.
func cases(f *ast.FuncDecl, visit func(wire string, body ast.Node)) {
	ast.Inspect(f, func(n ast.Node) bool {
		clause, ok := n.(*ast.CaseClause)
		if !ok {
			return true
		}
		for _, e := range clause.List {
			if c, ok := e.(*ast.CallExpr); ok {
				if wire := literal(c, 0); wire != "" {
					visit(wire, &ast.BlockStmt{List: clause.Body})
				}
			}
		}
		return false
	})
}

// listParam tells whether a function's first parameter is a pointer to a slice.
func listParam(f *ast.FuncDecl) (*ast.ArrayType, bool) {
	if len(f.Type.Params.List) == 0 {
		return nil, false
	}
	p, ok := f.Type.Params.List[0].Type.(*ast.StarExpr)
	if !ok {
		return nil, false
	}
	a, ok := p.X.(*ast.ArrayType)
	return a, ok
}

// readValidators takes the required members: invalidParams.Add(smithy.NewErrParamRequired("Field")).
func (t *table) readValidators(file *ast.File) {
	for _, f := range functions(file) {
		typ := structParam(f)
		if typ == "" {
			continue
		}
		calls(f, func(called string, c *ast.CallExpr) {
			if called == "NewErrParamRequired" {
				t.member(typ, literal(c, 0)).required = true
			}
		})
	}
}
