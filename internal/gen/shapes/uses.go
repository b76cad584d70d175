package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"strconv"
	"strings"
)

// uses are the names that sources take from the packages of one service.
type uses struct {
	service, types map[string]bool
}

const generated = "postern/aws/service/"

// findUses reads every source of the module, tests too. It does not need them to compile: what is to be generated may
// be missing yet.
func findUses(root string) (map[string]*uses, error) {
	all := map[string]*uses{}
	for _, s := range services {
		all[s.name] = &uses{map[string]bool{}, map[string]bool{}}
	}
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			hidden := name != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata")
			if hidden || name == filepath.Join(root, "aws", "service") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		return readUses(name, all)
	})
	return all, err
}

func readUses(name string, all map[string]*uses) error {
	file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	imported := map[string]map[string]bool{} // name in the file → names that it takes
	for _, i := range file.Imports {
		p, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			return err
		}
		below, ok := strings.CutPrefix(p, generated)
		if !ok {
			continue
		}
		service, types, _ := strings.Cut(below, "/")
		u := all[service]
		if u == nil {
			continue
		}
		local := path.Base(p)
		if i.Name != nil {
			local = i.Name.Name
		}
		imported[local] = u.service
		if types != "" {
			imported[local] = u.types
		}
	}
	if len(imported) == 0 {
		return nil
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok && imported[x.Name] != nil {
				imported[x.Name][s.Sel.Name] = true
			}
		}
		return true
	})
	return nil
}
