package postern_test

import (
	"fmt"
	"go/ast"
	"go/token"
	"path"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// refusedWords are words that an identifier or a file must not have, each with the field's word for what it stood for.
var refusedWords = map[string]string{
	"road":       "path, channel, tunnel or dialer",
	"card":       "network interface or NIC",
	"door":       "listener or admission",
	"gate":       "port, filter or handler",
	"realm":      "compiled VPC",
	"noun":       "resource type",
	"disown":     "copy on write",
	"passage":    "trace",
	"sighting":   "trace event",
	"crowd":      "clients",
	"laboratory": "in-memory server",
}

// fieldsWords are the words that are the field's own in a room.
var fieldsWords = map[string][]string{
	"aws/instancetype":           {"card"}, // EC2's network cards
	"internal/gen/instancetypes": {"card"},
}

// wordsOf splits an identifier into its words, in small letters.
func wordsOf(name string) (words []string) {
	var word []rune
	runes := []rune(name)
	end := func() {
		if len(word) > 0 {
			words = append(words, strings.ToLower(string(word)))
		}
		word = nil
	}
	for i, r := range runes {
		switch {
		case r == '_' || r == '-' || r == '.':
			end()
			continue
		case unicode.IsUpper(r) && (i > 0 && unicode.IsLower(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1])):
			end()
		}
		word = append(word, r)
	}
	end()
	return words
}

// refusedIn returns the refused word that a name in a directory has, and what to write instead.
func refusedIn(dir, name string) (word, instead string) {
	for _, w := range wordsOf(name) {
		for _, form := range []string{w, strings.TrimSuffix(w, "s")} {
			if instead := refusedWords[form]; instead != "" && !slices.Contains(fieldsWords[dir], form) {
				return form, instead
			}
		}
	}
	return "", ""
}

// declared calls f with every name that a file declares.
func declared(file *ast.File, f func(*ast.Ident)) {
	exprs := func(list ...ast.Expr) {
		for _, e := range list {
			if name, ok := e.(*ast.Ident); ok {
				f(name)
			}
		}
	}
	idents := func(list []*ast.Ident) {
		for _, name := range list {
			f(name)
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			f(n.Name)
		case *ast.TypeSpec:
			f(n.Name)
		case *ast.ValueSpec:
			idents(n.Names)
		case *ast.Field:
			idents(n.Names)
		case *ast.AssignStmt:
			if n.Tok == token.DEFINE {
				exprs(n.Lhs...)
			}
		case *ast.RangeStmt:
			exprs(n.Key, n.Value)
		case *ast.LabeledStmt:
			f(n.Label)
		case *ast.ImportSpec:
			if n.Name != nil {
				f(n.Name)
			}
		}
		return true
	})
}

// refusedNames returns the names in a file that have a refused word.
func refusedNames(f *goFile) (found []string) {
	if word, instead := refusedIn(f.dir(), strings.TrimSuffix(path.Base(f.name), ".go")); word != "" {
		found = append(found,
			fmt.Sprintf("%s: %q is nobody's term: name the file by the field's, such as %s", f.name, word, instead))
	}
	declared(f.syntax, func(name *ast.Ident) {
		if word, instead := refusedIn(f.dir(), name.Name); word != "" {
			found = append(found,
				fmt.Sprintf("%s:%d %s: %q is nobody's term: write %s", f.name, f.line(name.Pos()), name.Name, word, instead))
		}
	})
	return found
}

func TestNamesAreTheFieldsWords(t *testing.T) {
	for _, f := range readTree(t) {
		if f.generated {
			continue
		}
		for _, found := range refusedNames(f) {
			t.Error(found)
		}
	}
}

func TestRefusedWordsAreSeen(t *testing.T) {
	f := example(t, "a/road_test.go", `package a
import door "net"
type gate struct{ cards, wildcard int }
func (g gate) Disown(theRoad, gateway int) (nouns []int) {
	for crowdID, HTTPRealm := range nouns { broad := crowdID }
sighting:
	var passage = 1
}`)
	if found := refusedNames(f); len(found) != 11 {
		t.Errorf("%d: %s", len(found), strings.Join(found, "\n"))
	}
	own := example(t, "aws/instancetype/a.go", "package instancetype\nvar Cards, doors int\n")
	if found := refusedNames(own); len(found) != 1 {
		t.Errorf("where it is the field's word: %q", found)
	}
}
