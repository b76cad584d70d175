package apitest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"postern/api"
)

// CheckMembers compares, for each of a service's operations, the members of the input that the row takes with those
// that the handlers in its directories read, by their source: neither may name one that the other does not.
// Those that look members up by their names are passed over.
func CheckMembers(t *testing.T, service api.Service, directories ...string) {
	t.Helper()
	var sources []*source
	for _, directory := range directories {
		s, err := readSource(directory)
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, s)
	}
	checked := 0
	for _, op := range service.Operations {
		input := op.Input()
		if input == nil || op.ReadsByName() {
			continue
		}
		checked++
		s := sources[0]
		if i := slices.IndexFunc(sources, func(s *source) bool { return s.handlers[input.Name()] != nil }); i > 0 {
			s = sources[i]
		}
		for _, text := range s.compare(op, input) {
			t.Errorf("%s:%s %s", service.Name, op.Name, text)
		}
	}
	if checked == 0 {
		t.Errorf("no operation of %s was compared with %s", service.Name, directories)
	}
}

func (s *source) compare(op api.Operation, input reflect.Type) (out []string) {
	read, err := s.reads(input)
	if err != nil {
		return []string{err.Error()}
	}
	taken := op.Members()
	for i := range input.NumField() {
		name := input.Field(i).Name
		switch {
		case name == "DryRun" || name == "ResultMetadata" || !input.Field(i).IsExported():
		case read[name] && !slices.Contains(taken, name):
			out = append(out, "reads "+name+" and does not take it")
		case !read[name] && slices.Contains(taken, name) && !slices.Contains(op.UnreadMembers(), name):
			out = append(out, "takes "+name+" and does not read it")
		}
	}
	return out
}

// source is a directory's functions that have a parameter of an operation's input.
type source struct {
	functions map[string]*ast.FuncType
	bodies    map[string]*ast.BlockStmt
	handlers  map[string][]handler // by the input's name
}

// handler is a function and its parameter of type *Input.
type handler struct {
	parameter string
	body      *ast.BlockStmt
}

func readSource(directory string) (*source, error) {
	s := &source{
		functions: map[string]*ast.FuncType{}, bodies: map[string]*ast.BlockStmt{}, handlers: map[string][]handler{},
	}
	names, err := filepath.Glob(filepath.Join(directory, "*.go"))
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, text, 0)
		if err != nil {
			return nil, err
		}
		s.add(file)
	}
	return s, nil
}

func (s *source) add(file *ast.File) {
	ast.Inspect(file, func(n ast.Node) bool {
		var kind *ast.FuncType
		var body *ast.BlockStmt
		switch f := n.(type) {
		case *ast.FuncDecl:
			kind, body = f.Type, f.Body
			s.functions[f.Name.Name], s.bodies[f.Name.Name] = kind, body
		case *ast.FuncLit:
			kind, body = f.Type, f.Body
		default:
			return true
		}
		if body == nil || !answers(kind) {
			return true
		}
		for _, p := range kind.Params.List {
			input := inputName(p.Type)
			switch {
			case input == "" || len(p.Names) > 1:
			case len(p.Names) == 0:
				s.handlers[input] = append(s.handlers[input], handler{"_", body})
			default:
				s.handlers[input] = append(s.handlers[input], handler{p.Names[0].Name, body})
			}
		}
		return true
	})
}

// answers reports whether a function is an operation's handler, by its results: something and an error. What finds
// resources or condition keys does not make use of a member.
func answers(kind *ast.FuncType) bool {
	if kind.Results == nil || kind.Params == nil || len(kind.Params.List) != 3 {
		return false
	}
	last, ok := kind.Results.List[len(kind.Results.List)-1].Type.(*ast.Ident)
	return ok && last.Name == "error"
}

// inputName is the name of a parameter's type, if that is a pointer to an operation's input.
func inputName(t ast.Expr) string {
	star, ok := t.(*ast.StarExpr)
	if !ok {
		return ""
	}
	name := ""
	switch x := star.X.(type) {
	case *ast.SelectorExpr:
		name = x.Sel.Name
	case *ast.Ident:
		name = x.Name
	}
	if strings.HasSuffix(name, "Input") {
		return name
	}
	return ""
}

// reads returns the members that the handlers of an input read, themselves or by the functions that they give it to.
func (s *source) reads(input reflect.Type) (map[string]bool, error) {
	all := s.handlers[input.Name()]
	if len(all) == 0 {
		return nil, fmt.Errorf("has no handler with a parameter *%s", input.Name())
	}
	out := map[string]bool{}
	for _, h := range all {
		if err := s.collect(h, input, out, map[*ast.BlockStmt]bool{}); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (s *source) collect(h handler, input reflect.Type, out map[string]bool, seen map[*ast.BlockStmt]bool) error {
	if seen[h.body] || h.parameter == "_" {
		return nil
	}
	seen[h.body] = true
	passed := map[*ast.Ident]bool{} // uses that are accounted for
	var err error
	ast.Inspect(h.body, func(n ast.Node) bool {
		switch x := n.(type) {
		case *ast.SelectorExpr:
			if id, ok := x.X.(*ast.Ident); ok && id.Name == h.parameter {
				passed[id] = true
				out[x.Sel.Name] = true
			}
		case *ast.CallExpr:
			for i, argument := range x.Args {
				id, ok := argument.(*ast.Ident)
				if !ok || id.Name != h.parameter {
					continue
				}
				passed[id] = true
				if e := s.follow(x, i, input, out, seen); e != nil {
					err = e
				}
			}
		case *ast.Ident:
			if x.Name == h.parameter && !passed[x] && x.Obj != nil && err == nil {
				err = fmt.Errorf("hands its input on, so that what it reads cannot be seen")
			}
		}
		return true
	})
	return err
}

// pagers are the functions that read the members of paging and nothing else of the input.
var pagers = map[string]bool{"page.Of": true, "page.Read": true, "query.Describe": true}

// follow collects what a function reads that is called with the input.
func (s *source) follow(
	call *ast.CallExpr, i int, input reflect.Type, out map[string]bool, seen map[*ast.BlockStmt]bool,
) error {
	name, function := "", call.Fun
	if generic, ok := function.(*ast.IndexExpr); ok {
		function = generic.X
	}
	switch f := function.(type) {
	case *ast.Ident:
		name = f.Name
	case *ast.SelectorExpr:
		name = f.Sel.Name
		id, ok := f.X.(*ast.Ident)
		if ok && id.Name == "json" && name == "Marshal" { // the whole request, to know it again
			return nil
		}
		if ok && pagers[id.Name+"."+name] {
			for _, member := range []string{"MaxResults", "NextToken", "MaxItems", "Marker"} {
				out[member] = true
			}
			return nil
		}
	}
	kind := s.functions[name]
	if kind == nil {
		return fmt.Errorf("gives its input to %s, which is not in the directory", name)
	}
	for _, p := range kind.Params.List {
		for _, parameter := range p.Names {
			if i == 0 {
				return s.collect(handler{parameter.Name, s.bodies[name]}, input, out, seen)
			}
			i--
		}
	}
	return fmt.Errorf("gives its input to %s in a way that cannot be followed", name)
}
