package document

import (
	"maps"
	"regexp"
	"strings"
)

var (
	anyName = regexp.MustCompile(`\{\{\s*([a-zA-Z0-9]+)\s*\}\}`)
	oneName = regexp.MustCompile(`^\{\{\s*([a-zA-Z0-9]+)\s*\}\}$`)
)

// Substitute puts values where {{ name }} stands, anywhere in a tree of maps, lists and strings; the tree itself is not
// changed. A string that is nothing but one {{ name }} becomes the value with its type; in longer text the value is
// written as text, lists and maps as JSON. Names without a value stay. A value is not searched for further names.
//
// In longer text "$$" in a value becomes "$", because the public agent does so for documents older than itself.
func Substitute(tree any, values Values) any {
	switch t := tree.(type) {
	case string:
		return substituteText(t, values)
	case []any:
		out := make([]any, len(t))
		for i, each := range t {
			out[i] = Substitute(each, values)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(t))
		for k, each := range t {
			out[k] = Substitute(each, values)
		}
		return out
	default:
		return tree
	}
}

func substituteText(s string, values Values) any {
	if !strings.Contains(s, "{{") {
		return s
	}
	if m := oneName.FindStringSubmatch(s); m != nil {
		if v, ok := values[m[1]]; ok {
			return v
		}
		return s
	}
	return anyName.ReplaceAllStringFunc(s, func(found string) string {
		v, ok := values[anyName.FindStringSubmatch(found)[1]]
		if !ok {
			return found
		}
		return strings.ReplaceAll(Text(v), "$$", "$")
	})
}

// Steps returns the document's steps with the values put into their inputs and preconditions. A parameter of
// interpolation type ENV_VAR is put into a script as a reference to its environment variable (Environment), never as
// text.
func (d *Document) Steps(values Values) []Step {
	out := make([]Step, len(d.Templates))
	for i, s := range d.Templates {
		sets, scripted := make([]map[string]any, len(s.Sets)), d.inScript(s.Action, values)
		for j, set := range s.Sets {
			sets[j] = Substitute(set, values).(map[string]any)
			if script, ok := set[scriptInput]; ok {
				sets[j][scriptInput] = Substitute(script, scripted)
			}
		}
		s.Sets, s.Inputs = sets, sets[0]
		s.Preconditions = resolve(s.Preconditions, values)
		if s.schema != "1.2" {
			s.readFlow()
		}
		out[i] = s
	}
	return out
}

// scriptInput names the input of every action that runs a script.
const scriptInput = "runCommand"

// inScript returns the values as a script of an action has them.
func (d *Document) inScript(action string, values Values) Values {
	out := maps.Clone(values)
	for _, p := range d.Parameters {
		if _, ok := out[p.Name]; !ok || p.InterpolationType != EnvVar {
			continue
		}
		switch action {
		case "aws:runPowerShellScript", "aws:psModule":
			out[p.Name] = "${env:" + variable(p) + "}"
		default:
			out[p.Name] = "${" + variable(p) + "}"
		}
	}
	return out
}

func variable(p Parameter) string { return "SSM_" + p.Name }

// Environment returns the environment variables that scripts of the document have, as NAME=value, in the parameters'
// order.
func (d *Document) Environment(values Values) []string {
	var out []string
	for _, p := range d.Parameters {
		if v, ok := values[p.Name]; ok && p.InterpolationType == EnvVar {
			out = append(out, variable(p)+"="+Text(v))
		}
	}
	return out
}

func resolve(given []Precondition, values Values) []Precondition {
	out := make([]Precondition, len(given))
	for i, p := range given {
		resolved := make([]string, len(p.Given))
		for j, arg := range p.Given {
			resolved[j] = Text(substituteText(arg, values))
		}
		out[i] = Precondition{Operator: p.Operator, Given: p.Given, Resolved: resolved}
	}
	return out
}

// Lines returns the lines of an input that is a script, a list of strings or one string, and nil for any other.
// Lists in lists, which {{ }} in a list's element makes, are taken as their lines.
func (s Step) Lines(input string) []string { return lines(s.Inputs[input]) }

func lines(v any) []string {
	switch v := v.(type) {
	case string:
		return strings.Split(v, "\n")
	case []any:
		var out []string
		for _, each := range v {
			out = append(out, lines(each)...)
		}
		return out
	}
	return nil
}
