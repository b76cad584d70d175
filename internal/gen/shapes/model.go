package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// model holds what one of the SDK's modules says about its service, and what of that is kept.
type model struct {
	version string // of the API
	// operations by name; shapes are the types of package types, by name, and enums their constants in order.
	operations map[string]*operation
	shapes     map[string]ast.Expr
	enums      map[string][]enumValue
	constants  map[string]string // constant → its type
	// variants are the structs of each union.
	variants map[string][]string

	kept, keptShapes map[string]bool
}

// operation is one of the service's.
type operation struct {
	input, output *ast.StructType
	// token is the input's member that makes a call idempotent, which the client fills in; or empty.
	token string
	// paged says that the SDK has a paginator; paginator that it is made use of.
	paged, paginator bool
}

type enumValue struct{ name, value string }

func readModel(dir string) (*model, error) {
	m := &model{
		operations: map[string]*operation{},
		shapes:     map[string]ast.Expr{},
		enums:      map[string][]enumValue{},
		constants:  map[string]string{},
		variants:   map[string][]string{},
		kept:       map[string]bool{},
		keptShapes: map[string]bool{},
	}
	paths, err := filepath.Glob(filepath.Join(dir, "api_op_*.go"))
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		if err := m.readOperation(path); err != nil {
			return nil, err
		}
	}
	for _, path := range []string{"types/types.go", "types/enums.go"} {
		if err := m.readTypes(filepath.Join(dir, path)); err != nil && !os.IsNotExist(err) {
			return nil, err
		}
	}
	return m, m.readVersion(filepath.Join(dir, "api_client.go"))
}

func parse(path string) (*ast.File, error) {
	return parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
}

func (m *model) readOperation(path string) error {
	file, err := parse(path)
	if err != nil {
		return err
	}
	name := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(path), "api_op_"), ".go")
	op := &operation{}
	for _, d := range file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok {
			op.paged = op.paged || f.Name.Name == "New"+name+"Paginator"
			if f.Recv != nil && f.Name.Name == "HandleInitialize" {
				op.token = tokenMember(f)
			}
		}
	}
	for s := range typeSpecs(file) {
		structure, ok := s.Type.(*ast.StructType)
		switch {
		case ok && s.Name.Name == name+"Input":
			op.input = structure
		case ok && s.Name.Name == name+"Output":
			op.output = structure
		}
	}
	if op.input == nil || op.output == nil {
		return fmt.Errorf("%s lacks an input or output type", path)
	}
	m.operations[name] = op
	return nil
}

// tokenMember finds "if input.Member == nil" in the SDK's middleware that fills in an idempotency token.
func tokenMember(f *ast.FuncDecl) (member string) {
	ast.Inspect(f, func(n ast.Node) bool {
		if c, ok := n.(*ast.BinaryExpr); ok && c.Op == token.EQL {
			if s, ok := c.X.(*ast.SelectorExpr); ok {
				if x, ok := s.X.(*ast.Ident); ok && x.Name == "input" {
					member = s.Sel.Name
				}
			}
		}
		return true
	})
	return member
}

func typeSpecs(file *ast.File) func(func(*ast.TypeSpec) bool) {
	return func(yield func(*ast.TypeSpec) bool) {
		for _, d := range file.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, s := range g.Specs {
				if t, ok := s.(*ast.TypeSpec); ok && !yield(t) {
					return
				}
			}
		}
	}
}

func (m *model) readTypes(path string) error {
	file, err := parse(path)
	if err != nil {
		return err
	}
	for s := range typeSpecs(file) {
		if s.Name.IsExported() && s.Name.Name != "UnknownUnionMember" {
			m.shapes[s.Name.Name] = s.Type
			if union, _, ok := strings.Cut(s.Name.Name, "Member"); ok {
				m.variants[union] = append(m.variants[union], s.Name.Name)
			}
		}
	}
	for _, d := range file.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.CONST {
			continue
		}
		for _, s := range g.Specs {
			v := s.(*ast.ValueSpec)
			literal, ok := v.Values[0].(*ast.BasicLit)
			if !ok {
				return fmt.Errorf("%s: constant %s is no literal", path, v.Names[0].Name)
			}
			value, err := strconv.Unquote(literal.Value)
			if err != nil {
				return fmt.Errorf("%s: constant %s: %w", path, v.Names[0].Name, err)
			}
			typ := v.Type.(*ast.Ident).Name
			m.enums[typ] = append(m.enums[typ], enumValue{v.Names[0].Name, value})
			m.constants[v.Names[0].Name] = typ
		}
	}
	return nil
}

func (m *model) readVersion(path string) error {
	file, err := parse(path)
	if err != nil {
		return err
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok && v.Names[0].Name == "ServiceAPIVersion" {
			m.version, err = strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
		}
		return true
	})
	if err == nil && m.version == "" {
		return fmt.Errorf("%s has no ServiceAPIVersion", path)
	}
	return err
}

// affixes may stand before and after an operation's name in the name of something that the package holds.
var affixes = [][2]string{
	{"", "Input"},
	{"", "Output"},
	{"New", "Paginator"},
	{"", "Paginator"},
	{"", "APIClient"},
}

// keep marks the operations and types that are used, and all that these hold.
func (m *model) keep(u *uses) {
	for name := range u.service {
		for _, affix := range affixes {
			rest, ok := strings.CutPrefix(name, affix[0])
			if !ok {
				continue
			}
			operation, ok := strings.CutSuffix(rest, affix[1])
			op := m.operations[operation]
			if !ok || op == nil {
				continue
			}
			m.kept[operation] = true
			op.paginator = op.paginator || op.paged && strings.HasPrefix(affix[1], "P") || op.paged && affix[1] == "APIClient"
			m.keepIn(op.input)
			m.keepIn(op.output)
		}
	}
	for name := range u.types {
		if enum := m.constants[name]; enum != "" {
			name = enum
		}
		m.keepShape(name)
	}
}

func (m *model) keepShape(name string) {
	if m.shapes[name] == nil || m.keptShapes[name] {
		return
	}
	m.keptShapes[name] = true
	m.keepIn(m.shapes[name])
	if _, union := m.shapes[name].(*ast.InterfaceType); union {
		for _, variant := range m.variants[name] {
			m.keepShape(variant)
		}
	}
}

// keepIn keeps the types that a type names.
func (m *model) keepIn(typ ast.Expr) {
	s, ok := typ.(*ast.StructType)
	if !ok {
		return
	}
	for _, f := range members(s) {
		ast.Inspect(f.Type, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok {
				m.keepShape(id.Name)
			}
			return true
		})
	}
}

// members returns the fields of a struct that stand on the wire.
func members(s *ast.StructType) (fields []*ast.Field) {
	for _, f := range s.Fields.List {
		if len(f.Names) == 1 && f.Names[0].IsExported() && f.Names[0].Name != "ResultMetadata" {
			fields = append(fields, f)
		}
	}
	return fields
}

func hasMember(s *ast.StructType, name string) bool {
	return slices.ContainsFunc(members(s), func(f *ast.Field) bool { return f.Names[0].Name == name })
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
