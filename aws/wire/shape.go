package wire

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"
)

// form is how a value stands on the wire.
type form uint8

const (
	formString form = iota
	formBool
	formInt
	formFloat
	formTime // the last of the scalars
	formBlob
	formList
	formMap
	formStruct
	formUnion
	formStream // a payload that is read as it comes
)

// shape is one Go type, ready to be decoded and encoded in one protocol. A shape is not changed once made.
type shape struct {
	form form
	typ  reflect.Type // without pointer
	bits int          // of a number
	elem *shape       // of a list's or a map's values
	// pointer says that a list's or a map's values are pointers.
	pointer bool

	fields []field
	byName map[string]int // input name → index in fields
	// checks says that some member below is required or has limits.
	checks bool
	// variants of a union, by wire name.
	variants map[string]*shape
	// root is the name of the element that the structure is as an XML document of the REST protocols, where it has one of
	// its own.
	root string
	// text says that the structure's one member is the text of its element.
	text bool
	// attributes says that some member is an attribute of the structure's element.
	attributes bool
}

// field is one member of a struct shape.
type field struct {
	fieldNames
	binding
	index   int
	pointer bool
	// keep says that the member stands in answers even when it is empty: a plain string of a type that is not the SDK's,
	// where plain strings are enums, and EC2's emptyLists.
	keep  bool
	shape *shape
	// limit holds the model's demands of the member, or is nil.
	limit *limit
}

// leftOut says whether an answer lacks the member.
func (f *field) leftOut(v reflect.Value) bool { return absent(v) && !f.keep }

// shapes caches by protocol and type. A recursive type finds itself there while it is being made, so everything is
// made under mu.
var shapes = struct {
	mu     sync.Mutex
	byType map[shapeKey]*shape
}{byType: map[shapeKey]*shape{}}

type shapeKey struct {
	p Protocol
	t reflect.Type
}

// shapeOf makes the shape of a type. A type that cannot stand on the wire (a channel, a func) is an error: the table of
// operations is wrong.
func shapeOf(p Protocol, t reflect.Type) (*shape, error) {
	shapes.mu.Lock()
	defer shapes.mu.Unlock()
	s, err := makeLocked(p, t)
	if err != nil {
		return nil, err
	}
	s.findChecks()
	return s, nil
}

var (
	timeType = reflect.TypeFor[time.Time]()
	blobType = reflect.TypeFor[[]byte]()
)

func makeLocked(p Protocol, t reflect.Type) (*shape, error) {
	key := shapeKey{p, t}
	if s := shapes.byType[key]; s != nil {
		return s, nil
	}
	s := &shape{typ: t}
	shapes.byType[key] = s
	var err error
	switch kind := t.Kind(); {
	case t == timeType:
		s.form = formTime
	case t == blobType:
		s.form = formBlob
	case kind == reflect.String:
		s.form = formString
	case kind == reflect.Bool:
		s.form = formBool
	case kind == reflect.Int32 || kind == reflect.Int64 || kind == reflect.Int:
		s.form, s.bits = formInt, t.Bits()
	case kind == reflect.Float32 || kind == reflect.Float64:
		s.form, s.bits = formFloat, t.Bits()
	case kind == reflect.Slice:
		s.form = formList
		s.elem, s.pointer, err = makeElemLocked(p, t.Elem())
	case kind == reflect.Map && t.Key().Kind() == reflect.String:
		s.form = formMap
		s.elem, s.pointer, err = makeElemLocked(p, t.Elem())
	case kind == reflect.Struct:
		s.form = formStruct
		err = s.makeFieldsLocked(p)
	case t == readerType || t == readCloserType:
		s.form = formStream
	case kind == reflect.Interface && unions[t] != nil:
		s.form = formUnion
		err = s.makeVariantsLocked(p)
	default:
		err = fmt.Errorf("wire: type %s has no form", t)
	}
	if err != nil {
		delete(shapes.byType, key)
		return nil, err
	}
	return s, nil
}

func makeElemLocked(p Protocol, t reflect.Type) (*shape, bool, error) {
	pointer := t.Kind() == reflect.Pointer
	if pointer {
		t = t.Elem()
	}
	s, err := makeLocked(p, t)
	return s, pointer, err
}

func (s *shape) makeFieldsLocked(p Protocol) error {
	sdk := serviceOf(s.typ) != ""
	tokens := map[string]string{}
	var limits map[string]*limit
	if sdk {
		tokens, limits = exceptions(s.typ), limitsOf(s.typ)
	}
	s.byName = make(map[string]int, s.typ.NumField())
	if sdk && p.Binds() {
		s.root = roots[s.typ.Name()]
	}
	for i := range s.typ.NumField() {
		f := s.typ.Field(i)
		if f.Name == "_" && !sdk {
			s.root = strings.TrimPrefix(f.Tag.Get("wire"), "root=")
		}
		if !f.IsExported() || f.Anonymous || f.Name == "ResultMetadata" || f.Tag.Get("json") == "-" {
			continue
		}
		names := p.rule(f.Name)
		if !sdk {
			names = names.tagged(f)
		} else if token := tokens[f.Name]; token != "" {
			names = names.apply(token)
		}
		elem, pointer, err := makeElemLocked(p, f.Type)
		if err != nil {
			return fmt.Errorf("%s.%s: %w", s.typ, f.Name, err)
		}
		b := binding{}
		if p.Binds() {
			if b, err = bind(names.stands, names.in); err != nil {
				return fmt.Errorf("%s.%s: %w", s.typ, f.Name, err)
			}
		}
		if b.place == inBody {
			s.byName[names.in] = len(s.fields)
		}
		keep := !sdk && f.Type.Kind() == reflect.String && !strings.Contains(f.Tag.Get("json"), ",omitempty")
		if sdk && p == EC2 && slices.Contains(emptyLists[s.typ.Name()], f.Name) {
			keep = true
		}
		s.fields = append(s.fields, field{
			fieldNames: names, binding: b, index: i, pointer: pointer, keep: keep, shape: elem, limit: limits[f.Name],
		})
		s.attributes = s.attributes || names.attribute
		s.text = s.text || names.text
	}
	return nil
}

func (s *shape) makeVariantsLocked(p Protocol) error {
	s.variants = map[string]*shape{}
	for _, t := range unions[s.typ] {
		v, err := makeLocked(p, t)
		if err != nil {
			return err
		}
		s.variants[variantName(t)] = v
	}
	return nil
}

// findChecks marks the shapes below which a member is required or has limits, so that the others are not searched on
// each request. Types may contain themselves, hence the rounds. Shapes in use are never written: they were finished in
// their round.
func (s *shape) findChecks() {
	var all []*shape
	s.walk(map[*shape]bool{}, func(s *shape) { all = append(all, s) })
	for changed := true; changed; {
		changed = false
		for _, s := range all {
			if !s.checks && s.checksNow() {
				s.checks, changed = true, true
			}
		}
	}
}

func (s *shape) checksNow() bool {
	if s.elem != nil && s.elem.checks {
		return true
	}
	for _, variant := range s.variants {
		if variant.checks {
			return true
		}
	}
	for i := range s.fields {
		if f := &s.fields[i]; f.required || f.limit != nil || f.shape.checks {
			return true
		}
	}
	return false
}

// walk visits every shape below s once.
func (s *shape) walk(seen map[*shape]bool, visit func(*shape)) {
	if s == nil || seen[s] {
		return
	}
	seen[s] = true
	visit(s)
	s.elem.walk(seen, visit)
	for _, variant := range s.variants {
		variant.walk(seen, visit)
	}
	for i := range s.fields {
		s.fields[i].shape.walk(seen, visit)
	}
}
