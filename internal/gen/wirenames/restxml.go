package main

import (
	"fmt"
	"go/ast"
	"go/token"
	"maps"
	"slices"
	"strings"
)

// rest reads what the SDK's functions of the REST-XML protocol say: where members stand in HTTP messages, and how they
// are called in XML.
type rest struct {
	t       *table
	in, out map[string]*ast.FuncDecl // plain functions by name
	paths   map[string]*restPath     // by operation
}

// restPath is the method and path of an operation. named says that the path alone does not tell the operation from all
// others: the SDK adds its name.
type restPath struct {
	method, path, query string
	named               bool
}

const restPrefix = "awsRestxml_"

// readREST fills the table from serializers and deserializers.
func (t *table) readREST(out, in *ast.File) {
	t.same = true
	r := &rest{t: t, in: functions(in), out: functions(out), paths: map[string]*restPath{}}
	t.rest = r
	for _, name := range slices.Sorted(maps.Keys(r.out)) {
		r.serializer(strings.TrimPrefix(name, restPrefix), r.out[name])
	}
	for _, name := range slices.Sorted(maps.Keys(r.in)) {
		r.deserializer(strings.TrimPrefix(name, restPrefix), r.in[name])
	}
	for receiver, f := range methods(out, "HandleSerialize") {
		if operation, ok := strings.CutPrefix(receiver, restPrefix+"serializeOp"); ok {
			r.request(operation, f)
		}
	}
	for receiver, f := range methods(in, "HandleDeserialize") {
		if operation, ok := strings.CutPrefix(receiver, restPrefix+"deserializeOp"); ok {
			r.answer(operation, f)
		}
	}
	// The SDK reads this answer by hand: the text of its root element is the one member.
	if operation := "GetBucketLocation"; r.paths[operation] != nil {
		t.member(operation+"Output", "LocationConstraint").text = true
	}
	for _, fields := range t.types {
		for _, m := range fields { // XML has one name for both directions
			m.in, m.out = "", either(m.out, m.in)
		}
	}
}

// methods visits the methods of a name, with the types that have them.
func methods(file *ast.File, name string) func(func(string, *ast.FuncDecl) bool) {
	return func(yield func(string, *ast.FuncDecl) bool) {
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Recv == nil || f.Name.Name != name {
				continue
			}
			if p, ok := f.Recv.List[0].Type.(*ast.StarExpr); ok && !yield(p.X.(*ast.Ident).Name, f) {
				return
			}
		}
	}
}

// serializer reads one function that writes a structure: the members outside a body, or those in an element.
func (r *rest) serializer(name string, f *ast.FuncDecl) {
	typ := structParam(f)
	switch {
	case typ == "":
	case strings.HasPrefix(name, "serializeOpHttpBindings"):
		for _, statement := range f.Body.List {
			if field := fieldOf(statement, "v"); field != "" {
				r.bind(r.t.member(typ, field), statement)
			}
		}
	case strings.HasPrefix(name, "serializeDocument"), strings.HasPrefix(name, "serializeOpDocument"):
		for _, statement := range f.Body.List {
			if field := fieldOf(statement, "v"); field != "" {
				r.element(r.t.member(typ, field), statement)
			}
		}
	}
}

// bind takes the place of a member from the statement that writes it.
func (r *rest) bind(m *member, statement ast.Node) {
	name := assigned(statement, "locationName")
	calls(statement, func(called string, c *ast.CallExpr) {
		if where := encoders[called]; where != "" && m.place == "" {
			m.place = where + "=" + either(literal(c, 0), name)
		}
	})
	calls(statement, func(called string, _ *ast.CallExpr) {
		switch {
		case called == "FormatDateTime" && strings.HasPrefix(m.place, "header"):
			m.times = "date-time"
		case called == "FormatHTTPDate" && strings.HasPrefix(m.place, "query"):
			m.times = "http-date"
		}
	})
}

// encoders are the methods of the SDK's encoder that put a value into a place of a message.
var encoders = map[string]string{
	"SetURI": "label", "SetQuery": "query", "AddQuery": "query", "SetHeader": "header", "AddHeader": "header",
	"Headers": "headers",
}

func either(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// assigned returns the literal that a variable is made of.
func assigned(n ast.Node, variable string) (text string) {
	ast.Inspect(n, func(n ast.Node) bool {
		if a, ok := n.(*ast.AssignStmt); ok && len(a.Lhs) == 1 {
			if x, ok := a.Lhs[0].(*ast.Ident); ok && x.Name == variable {
				text = unquoted(a.Rhs[0])
			}
		}
		return true
	})
	return text
}

// element takes the name of a member's element from the statement that writes it.
func (r *rest) element(m *member, statement ast.Node) {
	m.in = local(statement)
	calls(statement, func(called string, c *ast.CallExpr) {
		switch {
		case called == "FlattenedElement":
			m.flat = true
		case called == "FormatHTTPDate":
			m.place, m.times = "body", "http-date"
		case called == "NewAttribute":
			r.attribute(statement, literal(c, 0))
		case strings.HasPrefix(called, restPrefix+"serializeDocument"):
			if list := r.out[called]; list != nil && structParam(list) == "" {
				m.item = either(local(list), m.item)
			}
		}
	})
}

// attribute marks the member of a member that is an attribute: it is written with the element, by who has that.
func (r *rest) attribute(statement ast.Node, name string) {
	ast.Inspect(statement, func(n ast.Node) bool {
		outer, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		inner, ok := outer.X.(*ast.SelectorExpr)
		if ok {
			// The type is named as the member that holds it: Grant.Grantee is a Grantee.
			m := r.t.member(inner.Sel.Name, outer.Sel.Name)
			m.in, m.out, m.attribute = name, name, true
		}
		return !ok
	})
}

// local returns the name of the element that a statement makes: Local: "Name".
func local(n ast.Node) (name string) {
	ast.Inspect(n, func(n ast.Node) bool {
		if kv, ok := n.(*ast.KeyValueExpr); ok && name == "" {
			if key, ok := kv.Key.(*ast.Ident); ok && key.Name == "Local" {
				name = unquoted(kv.Value)
			}
		}
		return true
	})
	return name
}

// request reads the method and the path of an operation, and which member is the body.
func (r *rest) request(operation string, f *ast.FuncDecl) {
	p := &restPath{}
	input := operation + "Input"
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			if s, ok := n.Fun.(*ast.SelectorExpr); ok && s.Sel.Name == "SplitURI" {
				p.path, p.query, _ = strings.Cut(literal(n, 0), "?")
			}
		case *ast.AssignStmt:
			if s, ok := n.Lhs[0].(*ast.SelectorExpr); ok && s.Sel.Name == "Method" {
				p.method = unquoted(n.Rhs[0])
			}
		case *ast.IfStmt:
			field := fieldOf(n.Cond, "input")
			if field == "" {
				return true
			}
			m := r.t.member(input, field)
			m.place = "payload"
			if name := local(n.Body); name != "" {
				m.in, m.out = name, name
			}
		}
		return true
	})
	var kept []string
	for part := range strings.SplitSeq(p.query, "&") {
		if strings.HasPrefix(part, "x-id=") {
			p.named = true
		} else if part != "" {
			kept = append(kept, part)
		}
	}
	p.query = strings.Join(kept, "&")
	r.paths[operation] = p
}

// deserializer reads one function that reads a structure.
func (r *rest) deserializer(name string, f *ast.FuncDecl) {
	typ := structParam(f)
	switch {
	case typ == "":
	case strings.HasPrefix(name, "deserializeOpHttpBindings"):
		for _, statement := range f.Body.List {
			if field := fieldOf(statement, "v"); field != "" && field != "Header" {
				r.bindAnswer(r.t.member(typ, field), statement)
			}
		}
	case strings.HasPrefix(name, "deserializeOpDocument") && writes(f, "v"):
		r.t.member(typ, fieldOf(f.Body, "v")).place = "payload"
	case strings.HasPrefix(name, "deserializeDocument"), strings.HasPrefix(name, "deserializeOpDocument"):
		cases(f, func(wire string, body ast.Node) { r.readElement(typ, wire, body) })
	}
}

// writes reports whether a function sets a member of a variable itself.
func writes(f *ast.FuncDecl, variable string) bool {
	return slices.ContainsFunc(f.Body.List, func(s ast.Stmt) bool {
		a, ok := s.(*ast.AssignStmt)
		if ok {
			return fieldOf(a.Lhs[0], variable) != ""
		}
		i, ok := s.(*ast.IfStmt)
		return ok && fieldOf(i.Body, variable) != ""
	})
}

func (r *rest) bindAnswer(m *member, statement ast.Node) {
	_, many := statement.(*ast.RangeStmt)
	calls(statement, func(called string, c *ast.CallExpr) {
		switch {
		case called == "Values":
			m.place = "header=" + literal(c, 0)
		case called == "EqualFold" && many:
			m.place = "headers=" + literal(c, 1)
		case called == "ParseDateTime":
			m.times = "date-time"
		}
	})
	if m.place == "" && fieldOf(statement, "response") == "StatusCode" {
		m.place = "status"
	}
}

func (r *rest) readElement(typ, wire string, body ast.Node) {
	field := fieldOf(body, "sv")
	if field == "" {
		return
	}
	m := r.t.member(typ, field)
	if m.attribute {
		return
	}
	m.out = wire
	calls(body, func(called string, _ *ast.CallExpr) {
		list := r.in[called]
		if list == nil || !strings.Contains(called, "_deserializeDocument") {
			return
		}
		if strings.HasSuffix(called, "Unwrapped") {
			m.flat = true
			return
		}
		if _, ok := listParam(list); ok {
			cases(list, func(item string, _ ast.Node) { m.item = item })
		}
	})
}

// answer finds the member that an answer's body is: what is read from it as a document.
func (r *rest) answer(operation string, f *ast.FuncDecl) {
	calls(f, func(called string, c *ast.CallExpr) {
		if !strings.HasPrefix(called, restPrefix+"deserializeDocument") || len(c.Args) == 0 {
			return
		}
		if field := fieldOf(c.Args[0], "output"); field != "" {
			r.t.member(operation+"Output", field).place = "payload"
		}
	})
}

func unquoted(e ast.Expr) string {
	l, ok := e.(*ast.BasicLit)
	if !ok || l.Kind != token.STRING {
		return ""
	}
	return literal(&ast.CallExpr{Args: []ast.Expr{l}}, 0)
}

// patterns are the operations' patterns as package wire reads them. The SDK keeps buckets out of paths, since they may
// stand in the host. What the path does not tell is told by the members that the operation has to have: parameters of
// the query, and headers.
func (r *rest) patterns(dir string) (map[string]string, error) {
	all := map[string]string{}
	for operation, p := range r.paths {
		file, err := parse(dir, "api_op_"+operation+".go")
		if err != nil {
			return nil, err
		}
		path, query, headers := p.path, p.query, ""
		if hasBucket(file, operation+"Input") {
			path = strings.TrimSuffix("/{Bucket}"+path, "/")
			r.t.member(operation+"Input", "Bucket").place = "label"
		}
		if p.named {
			query, headers = r.distinct(operation, query)
		}
		if query != "" {
			path += "?" + query
		}
		all[operation] = fmt.Sprintf("%s %s%s", p.method, path, headers)
	}
	return all, nil
}

// hasBucket reports whether an input has a member Bucket.
func hasBucket(file *ast.File, input string) (has bool) {
	ast.Inspect(file, func(n ast.Node) bool {
		t, ok := n.(*ast.TypeSpec)
		if !ok || t.Name.Name != input {
			return true
		}
		for _, f := range t.Type.(*ast.StructType).Fields.List {
			has = has || len(f.Names) == 1 && f.Names[0].Name == "Bucket"
		}
		return false
	})
	return has
}

// distinct adds what an operation has to have to its query, and the headers.
func (r *rest) distinct(operation, query string) (all, headers string) {
	fields := r.t.types[operation+"Input"]
	for _, field := range slices.Sorted(maps.Keys(fields)) {
		where, name, _ := strings.Cut(fields[field].place, "=")
		switch {
		case !fields[field].required:
		case where == "query" && query == "":
			query = name
		case where == "query":
			query += "&" + name
		case where == "header":
			headers += " " + strings.ToLower(name)
		}
	}
	return query, headers
}
