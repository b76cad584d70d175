package postern_test

import (
	"fmt"
	"go/ast"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// logKeys are the keys of log records, each with what stands under it. A record that says the same thing says it under
// the same key, whichever part writes it.
var logKeys = map[string]string{
	"access_key": "id of the access key that signed a request",
	"account":    "number of the account that a request is about",
	"activation": "id of an activation",
	"address":    "IP address, with its port where it has one",
	"code":       "code of an AWS error, as the caller saw it",
	"command":    "id of a command",
	"count":      "how many, or how often",
	"counts":     "how many of several kinds",
	"duration":   "how long something took",
	"endpoint":   "id of a VPC endpoint",
	"error":      "what went wrong",
	"flow_log":   "id of a flow log",
	"host":       "name that a machine gives itself",
	"instance":   "id of an instance",
	"interface":  "id of a network interface",
	"item":       "id of an item in a node's mailbox",
	"job":        "id of an agent's job",
	"kind":       "which of several, as the code names them",
	"machine":    "id of a machine",
	"method":     "HTTP method",
	"node":       "id of a managed node",
	"opened":     "whether a channel was open before",
	"operation":  "AWS operation, or function, that runs",
	"port":       "port of an endpoint",
	"principal":  "ARN of the caller",
	"reason":     "why a request is refused",
	"reconciler": "name of a reconciler",
	"region":     "region that a request is about",
	"request_id": "id of a request, which the answer has too",
	"resource":   "ARN of a resource",
	"server":     "address of the server, as an agent knows it",
	"service":    "AWS service that a request is for",
	"source":     "address that a datagram comes from",
	"source_ip":  "address that a request comes from",
	"statement":  "policy statement that decided on a request",
	"status":     "HTTP status",
	"text":       "line of a library's own log",
	"version":    "version of a program",
	"vpc":        "id of a VPC",
}

// keyedBy maps the functions that take keys to the number of arguments before the first.
var keyedBy = map[string]int{
	"Debug": 1, "Info": 1, "Warn": 1, "Error": 1, "With": 0,
	"DebugContext": 2, "InfoContext": 2, "WarnContext": 2, "ErrorContext": 2, "Log": 3,
}

// attributes are the functions of log/slog that make one attribute.
var attributes = []string{"String", "Int", "Int64", "Uint64", "Float64", "Bool", "Time", "Duration", "Group", "Any"}

// keysOf returns the keys that a call of log/slog names. "" stands for one that is not written out.
func keysOf(call *ast.CallExpr) (keys []string) {
	selector, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return nil
	}
	on := lastName(selector.X)
	if on == "slog" && slices.Contains(attributes, selector.Sel.Name) && len(call.Args) > 0 {
		return []string{literal(call.Args[0])}
	}
	before, takes := keyedBy[selector.Sel.Name]
	if !takes || !strings.HasSuffix(strings.ToLower(on), "log") && on != "slog" && on != "logger" {
		return nil
	}
	for i := before; i < len(call.Args) && call.Ellipsis == token.NoPos; {
		if _, made := call.Args[i].(*ast.CallExpr); made {
			i++ // an attribute, which is looked at by itself
			continue
		}
		keys = append(keys, literal(call.Args[i]))
		i += 2
	}
	return keys
}

// lastName is the name that an expression ends with: Log of a.b.Log.
func lastName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

func literal(e ast.Expr) string {
	if b, ok := e.(*ast.BasicLit); ok && b.Kind == token.STRING {
		text, _ := strconv.Unquote(b.Value)
		return text
	}
	return ""
}

// strangeKeys returns where a file logs under a key that is not in the list.
func strangeKeys(f *goFile) (found []string, seen map[string]bool) {
	seen = map[string]bool{}
	ast.Inspect(f.syntax, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		for _, key := range keysOf(call) {
			seen[key] = true
			if logKeys[key] == "" {
				found = append(found,
					fmt.Sprintf("%s:%d logs under %q, which logKeys does not have", f.name, f.line(call.Pos()), key))
			}
		}
		return true
	})
	return found, seen
}

func TestLogKeysAreInTheList(t *testing.T) {
	used := map[string]bool{}
	for _, f := range readTree(t) {
		if f.test() || f.generated {
			continue
		}
		found, seen := strangeKeys(f)
		for _, what := range found {
			t.Error(what)
		}
		for key := range seen {
			used[key] = true
		}
	}
	for key := range logKeys {
		if !used[key] {
			t.Errorf("nobody logs under %q", key)
		}
	}
}

func TestStrangeLogKeysAreSeen(t *testing.T) {
	f := example(t, "a/a.go", `package a
func f() {
	s.config.Log.Warn("m", "activation", 1, "err", err)
	log.With("a", 1).Info("m")
	log.LogAttrs(ctx, level, "m", slog.Int("b", 1))
	slog.InfoContext(ctx, "m", slog.Int("activation", 1), "c", 2)
	log.Error("m", name, 1)
	log.Error("m", all...)
	t.Error("m", "d", 1)
}`)
	found, seen := strangeKeys(f)
	if len(found) != 5 || len(seen) != 6 || seen["d"] {
		t.Errorf("%q, %v", found, seen)
	}
}
