package document

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"postern/aws/fault"
)

// Format is the syntax of a document's text.
type Format string

// The formats.
const (
	JSON Format = "JSON"
	YAML Format = "YAML"
)

// Limits of a document, as Amazon has them where it publishes one.
const (
	// MaxSize is the largest document in bytes.
	MaxSize = 64 << 10
	// maxSteps and maxParameters bound what one document may ask of an agent.
	maxSteps      = 100
	maxParameters = 200
	maxDepth      = 40
)

// Document is a command document, read and checked.
type Document struct {
	SchemaVersion string
	Description   string
	// Parameters are sorted by name.
	Parameters []Parameter
	// Templates are the steps in the order in which they run, with {{ parameters }} still in them.
	Templates []Step

	content json.RawMessage
}

// Step is one thing that an agent does.
type Step struct {
	// ID is the key under which the agent reports the step: the plugin's name in schema 1.2, the step's name in 2.x.
	ID string
	// Action is the plugin, such as "aws:runShellScript".
	Action string
	// Name is the step's name in 2.x, and the first property set's id in 1.2.
	Name string
	// Inputs are the plugin's inputs in 2.x. In 1.2 a plugin may have several sets of properties; each is one of Sets
	// and Inputs is the first of them.
	Inputs map[string]any
	Sets   []map[string]any
	// Preconditions are checked by Judge; only schema 2.2 may have them.
	Preconditions []Precondition
	// OnFailure is "", "exit" or "successAndExit"; OnSuccess "" or "exit". They end the document early.
	OnFailure, OnSuccess string
	// Finally marks a last step that runs even when the document has ended early.
	Finally bool

	schema string
}

// Precondition is one operator with its arguments, as the document has them and with parameters put in.
type Precondition struct {
	Operator string
	Given    []string
	Resolved []string
}

var schemas = []string{"1.2", "2.0", "2.2"}

var namePattern = regexp.MustCompile(`^[a-zA-Z0-9_\-]{1,128}$`)

// Content returns the document as a JSON object, whatever its format.
func (d *Document) Content() json.RawMessage { return d.content }

// Parameter finds a parameter by its name.
func (d *Document) Parameter(name string) (Parameter, bool) {
	i, ok := slices.BinarySearchFunc(
		d.Parameters,
		name,
		func(p Parameter, n string) int { return strings.Compare(p.Name, n) },
	)
	if !ok {
		return Parameter{}, false
	}
	return d.Parameters[i], true
}

// PlatformTypes returns the platforms that the document's plugins and preconditions allow: "Linux", "MacOS", "Windows".
func (d *Document) PlatformTypes() []string {
	var linux, windows bool
	for _, s := range d.Templates {
		l, w := s.platforms()
		linux, windows = linux || l, windows || w
	}
	var out []string
	if linux {
		out = append(out, "Linux", "MacOS")
	}
	if windows {
		out = append(out, "Windows")
	}
	return out
}

func (s Step) platforms() (linux, windows bool) {
	for _, p := range s.Preconditions {
		if i := slices.Index(p.Given, platformVariable); i >= 0 && len(p.Given) == 2 {
			windows = strings.EqualFold(p.Given[1-i], "windows")
			return !windows, windows
		}
	}
	switch s.Action {
	case "aws:runShellScript":
		return true, false
	case "aws:psModule", "aws:applications", "aws:updateAgent", "aws:cloudWatch":
		return false, true
	}
	return true, true
}

// Parse reads a document. Its faults are of kind Invalid with Amazon's codes InvalidDocumentContent,
// InvalidDocumentSchemaVersion and MaxDocumentSizeExceeded.
func Parse(text []byte, format Format) (*Document, error) {
	d, _, err := parse(text, format)
	return d, err
}

// parse is Parse, and gives the tree that the document was read from, too.
func parse(text []byte, format Format) (*Document, map[string]any, error) {
	if len(text) > MaxSize {
		return nil, nil, invalid(
			"MaxDocumentSizeExceeded",
			"the document has %d bytes; the largest may have %d",
			len(text),
			MaxSize,
		)
	}
	tree, err := decode(text, format)
	if err != nil {
		return nil, nil, err
	}
	root, ok := tree.(map[string]any)
	if !ok {
		return nil, nil, badContent("the document is not an object")
	}
	d := &Document{content: encode(root)}
	if err := d.read(root); err != nil {
		return nil, nil, err
	}
	return d, root, nil
}

func (d *Document) read(root map[string]any) error {
	version, ok := root["schemaVersion"]
	if !ok {
		return invalid(
			"InvalidDocumentSchemaVersion",
			"the document has no schemaVersion; it is one of %s",
			strings.Join(schemas, ", "),
		)
	}
	d.SchemaVersion = scalarText(version)
	if !slices.Contains(schemas, d.SchemaVersion) {
		return invalid(
			"InvalidDocumentSchemaVersion",
			"schemaVersion %q is not one of %s",
			d.SchemaVersion,
			strings.Join(schemas, ", "),
		)
	}
	d.Description, _ = root["description"].(string)
	if err := d.readParameters(root["parameters"]); err != nil {
		return err
	}
	if d.SchemaVersion == "1.2" {
		return d.readRuntimeConfig(root)
	}
	return d.readMainSteps(root)
}

func (d *Document) readParameters(node any) error {
	if node == nil {
		return nil
	}
	definitions, ok := node.(map[string]any)
	if !ok {
		return badContent("parameters is not an object")
	}
	if len(definitions) > maxParameters {
		return badContent("the document has %d parameters; %d are allowed", len(definitions), maxParameters)
	}
	for _, name := range slices.Sorted(maps.Keys(definitions)) {
		p, err := readParameter(name, definitions[name])
		if err != nil {
			return err
		}
		if p.InterpolationType != "" && d.SchemaVersion != "2.2" {
			return badContent("parameter %s: interpolationType needs schema 2.2", name)
		}
		d.Parameters = append(d.Parameters, p)
	}
	return nil
}

// readRuntimeConfig reads schema 1.2, where steps are keyed by plugin. The object has no order of its own; ours is that
// of the plugins' names.
func (d *Document) readRuntimeConfig(root map[string]any) error {
	config, ok := root["runtimeConfig"].(map[string]any)
	if !ok || len(config) == 0 {
		return badContent("a document of schema 1.2 needs a runtimeConfig object with at least one plugin")
	}
	if len(config) > maxSteps {
		return badContent("the document has %d plugins; %d are allowed", len(config), maxSteps)
	}
	for _, action := range slices.Sorted(maps.Keys(config)) {
		plugin, ok := config[action].(map[string]any)
		if !ok {
			return badContent("runtimeConfig.%s is not an object", action)
		}
		sets, err := propertySets(action, plugin["properties"])
		if err != nil {
			return err
		}
		s := Step{ID: action, Action: action, Sets: sets, Inputs: sets[0], schema: d.SchemaVersion}
		s.Name, _ = sets[0]["id"].(string)
		d.Templates = append(d.Templates, s)
	}
	return nil
}

func propertySets(action string, node any) ([]map[string]any, error) {
	switch p := node.(type) {
	case map[string]any:
		return []map[string]any{p}, nil
	case []any:
		var sets []map[string]any
		for _, each := range p {
			set, ok := each.(map[string]any)
			if !ok {
				return nil, badContent("runtimeConfig.%s.properties has an element that is not an object", action)
			}
			sets = append(sets, set)
		}
		if len(sets) > 0 {
			return sets, nil
		}
	case nil:
		return []map[string]any{{}}, nil
	}
	return nil, badContent("runtimeConfig.%s.properties is not an object or a list of objects", action)
}

func (d *Document) readMainSteps(root map[string]any) error {
	steps, ok := root["mainSteps"].([]any)
	if !ok || len(steps) == 0 {
		return badContent("a document of schema %s needs a mainSteps list with at least one step", d.SchemaVersion)
	}
	if len(steps) > maxSteps {
		return badContent("the document has %d steps; %d are allowed", len(steps), maxSteps)
	}
	names := map[string]bool{}
	for i, node := range steps {
		s, err := d.readStep(i, node)
		if err != nil {
			return err
		}
		if names[s.Name] {
			return badContent("two steps are named %q", s.Name)
		}
		names[s.Name] = true
		d.Templates = append(d.Templates, s)
	}
	return nil
}

func (d *Document) readStep(i int, node any) (Step, error) {
	m, ok := node.(map[string]any)
	if !ok {
		return Step{}, badContent("mainSteps[%d] is not an object", i)
	}
	s := Step{schema: d.SchemaVersion}
	s.Action, _ = m["action"].(string)
	s.Name, _ = m["name"].(string)
	s.ID = s.Name
	if s.Action == "" {
		return Step{}, badContent("mainSteps[%d] has no action", i)
	}
	if !namePattern.MatchString(s.Name) {
		return Step{}, badContent("mainSteps[%d]: name %q does not match %s", i, s.Name, namePattern)
	}
	switch inputs := m["inputs"].(type) {
	case nil:
		s.Inputs = map[string]any{}
	case map[string]any:
		s.Inputs = inputs
	default:
		return Step{}, badContent("step %s: inputs is not an object", s.Name)
	}
	s.Sets = []map[string]any{s.Inputs}
	s.readFlow()
	if err := s.readPreconditions(m["precondition"]); err != nil {
		return Step{}, err
	}
	return s, nil
}

// readFlow reads what ends a document early. The public agent takes these keys from a step's inputs.
func (s *Step) readFlow() {
	s.OnFailure = scalarText(s.Inputs["onFailure"])
	s.OnSuccess = scalarText(s.Inputs["onSuccess"])
	s.Finally = scalarText(s.Inputs["finallyStep"]) == "true"
}

func (s *Step) readPreconditions(node any) error {
	if node == nil {
		return nil
	}
	m, ok := node.(map[string]any)
	if !ok {
		return badContent("step %s: precondition is not an object", s.Name)
	}
	if s.schema != "2.2" && len(m) > 0 {
		return badContent("step %s: preconditions need schema 2.2", s.Name)
	}
	for _, operator := range slices.Sorted(maps.Keys(m)) {
		list, ok := m[operator].([]any)
		if !ok {
			return badContent("step %s: precondition %s is not a list", s.Name, operator)
		}
		p := Precondition{Operator: operator}
		for _, arg := range list {
			text, ok := arg.(string)
			if !ok {
				return badContent("step %s: precondition %s has an argument that is not a string", s.Name, operator)
			}
			p.Given = append(p.Given, text)
		}
		p.Resolved = p.Given
		s.Preconditions = append(s.Preconditions, p)
	}
	return nil
}

// index returns the path of an element of a list.
func index(list string, i int) string { return fmt.Sprintf("%s[%d]", list, i) }

func invalid(code, format string, args ...any) error {
	return fault.New(fault.Invalid, "document.Parse", format, args...).WithCode(code)
}

func badContent(format string, args ...any) error {
	return invalid("InvalidDocumentContent", format, args...)
}

// scalarText returns a scalar as documents write it, "" for anything else.
func scalarText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return fmt.Sprint(v)
	}
	return ""
}
