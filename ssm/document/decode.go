package document

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// decode reads text into maps, lists, strings, json.Number, bool and nil, the same for both formats.
func decode(text []byte, format Format) (any, error) {
	if !utf8.Valid(text) {
		return nil, badContent("the document is not UTF-8")
	}
	switch format {
	case JSON, "":
		return decodeJSON(text)
	case YAML:
		return decodeYAML(text)
	default:
		return nil, invalid("InvalidDocumentContent", "document format %q is not one of JSON, YAML", format)
	}
}

func decodeJSON(text []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var tree any
	if err := d.Decode(&tree); err != nil {
		return nil, badContent("the document is not JSON: %s", plain(err))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, badContent("the document has text after its JSON object")
	}
	if depth(tree) > maxDepth {
		return nil, badContent("the document is nested more than %d levels deep", maxDepth)
	}
	return tree, nil
}

func plain(err error) string { return strings.TrimPrefix(err.Error(), "json: ") }

func depth(v any) int {
	deepest := 0
	switch v := v.(type) {
	case map[string]any:
		for _, each := range v {
			deepest = max(deepest, depth(each))
		}
	case []any:
		for _, each := range v {
			deepest = max(deepest, depth(each))
		}
	default:
		return 0
	}
	return deepest + 1
}

func decodeYAML(text []byte) (any, error) {
	var root yaml.Node
	if err := yaml.Unmarshal(text, &root); err != nil {
		return nil, badContent("the document is not YAML: %s", strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if root.Kind != yaml.DocumentNode || len(root.Content) != 1 {
		return nil, badContent("the document is empty")
	}
	b := yamlReader{nodes: MaxSize}
	return b.value(root.Content[0], 0)
}

// yamlReader turns YAML nodes into what decodeJSON makes. It counts nodes, because an alias may stand for many.
type yamlReader struct{ nodes int }

func (r *yamlReader) value(n *yaml.Node, level int) (any, error) {
	r.nodes--
	if r.nodes < 0 {
		return nil, badContent("the document's aliases expand to too much")
	}
	if level > maxDepth {
		return nil, badContent("the document is nested more than %d levels deep", maxDepth)
	}
	switch n.Kind {
	case yaml.AliasNode:
		return r.value(n.Alias, level+1)
	case yaml.MappingNode:
		return r.mapping(n, level)
	case yaml.SequenceNode:
		out := make([]any, 0, len(n.Content))
		for _, c := range n.Content {
			v, err := r.value(c, level+1)
			if err != nil {
				return nil, err
			}
			out = append(out, v)
		}
		return out, nil
	default:
		return scalar(n)
	}
}

func (r *yamlReader) mapping(n *yaml.Node, level int) (any, error) {
	out := make(map[string]any, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind != yaml.ScalarNode || key.Tag == "!!merge" {
			return nil, badContent("line %d: a key is not a plain string", key.Line)
		}
		if _, twice := out[key.Value]; twice {
			return nil, badContent("line %d: key %q stands twice", key.Line, key.Value)
		}
		v, err := r.value(n.Content[i+1], level+1)
		if err != nil {
			return nil, err
		}
		out[key.Value] = v
	}
	return out, nil
}

// scalar keeps what looks like a date as text: JSON has no dates.
func scalar(n *yaml.Node) (any, error) {
	switch n.Tag {
	case "!!null":
		return nil, nil
	case "!!bool":
		var b bool
		if err := n.Decode(&b); err != nil {
			return nil, badContent("line %d: %q is no boolean", n.Line, n.Value)
		}
		return b, nil
	case "!!int", "!!float":
		return number(n)
	default:
		return n.Value, nil
	}
}

func number(n *yaml.Node) (any, error) {
	var i int64
	if n.Decode(&i) == nil && n.Tag == "!!int" {
		b, _ := json.Marshal(i)
		return json.Number(b), nil
	}
	var f float64
	if err := n.Decode(&f); err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		return nil, badContent("line %d: %q is a number that JSON does not have", n.Line, n.Value)
	}
	// The text is kept where JSON can have it: schemaVersion: 2.0 must not become 2.
	if json.Valid([]byte(n.Value)) {
		return json.Number(n.Value), nil
	}
	b, err := json.Marshal(f)
	if err != nil {
		return nil, badContent("line %d: %q is a number that JSON does not have", n.Line, n.Value)
	}
	return json.Number(b), nil
}

// encode writes what decode made as JSON, with <, > and & as they are.
func encode(v any) json.RawMessage {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		// decode makes only what JSON can have, so this is a fault of ours.
		panic("document: encode: " + err.Error())
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// Rewrite writes a document's text in another format. JSON that was YAML has its keys sorted.
func (d *Document) Rewrite(text string, from, to Format) (string, error) {
	switch {
	case from == to:
		return text, nil
	case to == JSON:
		return string(d.content), nil
	}
	var root yaml.Node // JSON is YAML in flow style
	if err := yaml.Unmarshal([]byte(text), &root); err != nil {
		return "", badContent("the document is not YAML: %s", strings.TrimPrefix(err.Error(), "yaml: "))
	}
	block(&root)
	out, err := yaml.Marshal(&root)
	return string(out), err
}

// block takes the style of every node away, so that it is written as block YAML with quotes only where they are needed.
func block(n *yaml.Node) {
	n.Style = 0
	for _, c := range n.Content {
		block(c)
	}
}
