package action

import (
	"embed"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"postern/aws/arn"
)

//go:generate go run postern/internal/gen/actions tables ec2 ec2messages iam kms logs
//go:generate go run postern/internal/gen/actions tables route53resolver s3 ssm ssmmessages sts

// tables hold a service each, by the name that stands in its actions. A line is one of
//
//	keys NUMBER KEY KEY …                   a set of condition keys; a family ends with "/" or ":"
//	type TYPE ARN                           a type of resource, with * for what requests say
//	action NAME SET TYPE[!]:SET TYPE:SET …  an action, its keys, its types ("!": required) and their keys; set 0 is empty
//
// and a comment begins with "#". A service's is read when it is first asked for.
//
//go:embed tables
var tables embed.FS

// loaded holds a func() *table by service.
var loaded sync.Map

// table is a service's text, cut into lines. What they say is read when it is first asked for: a program that starts
// asks for every action that it serves, and most tables have many more.
type table struct {
	service string
	// sets, types and actions hold what follows the first two words of a line, by the second; actions by their names in
	// lower case.
	sets, types, actions map[string]string

	keys     sync.Map // []string by the numbers of sets
	patterns sync.Map // arn.Pattern by the names of types
	read     sync.Map // *Action by their names in lower case
	all      func() []arn.Pattern
}

// Find returns an action by its name, "service:Action". Letter case does not matter. It is nil where the reference has
// no such action, or the table no such service.
func Find(name string) *Action {
	service, action, ok := strings.Cut(name, ":")
	if !ok {
		return nil
	}
	service = strings.ToLower(service)
	cut, ok := loaded.Load(service)
	if !ok {
		text, err := tables.ReadFile("tables/" + service + ".txt")
		if err != nil {
			return nil
		}
		cut, _ = loaded.LoadOrStore(service, sync.OnceValue(func() *table {
			t, err := cutTable(service, string(text))
			if err != nil {
				panic(err) // a test reads every table
			}
			return t
		}))
	}
	a, err := cut.(func() *table)().find(strings.ToLower(action))
	if err != nil {
		panic(err) // as above
	}
	return a
}

// cutTable cuts a table into lines.
func cutTable(service, text string) (*table, error) {
	t := &table{
		service: service, sets: map[string]string{"0": ""}, types: map[string]string{}, actions: map[string]string{},
	}
	t.all = sync.OnceValue(func() []arn.Pattern {
		all := make([]arn.Pattern, 0, len(t.types))
		for _, name := range slices.Sorted(maps.Keys(t.types)) {
			all = append(all, t.pattern(name))
		}
		return all
	})
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		word, rest, _ := strings.Cut(line, " ")
		name, says, ok := strings.Cut(rest, " ")
		switch {
		case word == "" || word == "#":
		case word == "keys" && ok && name == strconv.Itoa(len(t.sets)):
			t.sets[name] = says
		case word == "type" && ok && !strings.Contains(says, " "):
			t.types[name] = says
		case word == "action" && ok:
			t.actions[strings.ToLower(name)] = name + " " + says
		default:
			return nil, fmt.Errorf("action table of %s: %q is no line of a table", service, line)
		}
	}
	return t, nil
}

// find returns an action by its name in lower case, nil where there is none.
func (t *table) find(name string) (*Action, error) {
	if a, ok := t.read.Load(name); ok {
		return a.(*Action), nil
	}
	line, ok := t.actions[name]
	if !ok {
		return nil, nil
	}
	a, err := t.parse(strings.Fields(line))
	if err != nil {
		return nil, fmt.Errorf("action table of %s: %q: %w", t.service, line, err)
	}
	read, _ := t.read.LoadOrStore(name, a)
	return read.(*Action), nil
}

// parse reads an action's line from its name on.
func (t *table) parse(f []string) (*Action, error) {
	a := &Action{Name: t.service + ":" + f[0], table: t}
	var err error
	if a.Keys, err = t.set(f[1]); err != nil {
		return nil, err
	}
	for _, text := range f[2:] {
		name, set, _ := strings.Cut(text, ":")
		r := Resource{}
		r.Type, r.Required = strings.CutSuffix(name, "!")
		if r.Keys, err = t.set(set); err != nil {
			return nil, err
		}
		if _, ok := t.types[r.Type]; !ok {
			return nil, fmt.Errorf("there is no type %s", r.Type)
		}
		r.arn = t.pattern(r.Type)
		a.Resources = append(a.Resources, r)
	}
	return a, nil
}

// set returns a set of keys by its number.
func (t *table) set(number string) ([]string, error) {
	text, ok := t.sets[number]
	if !ok {
		return nil, fmt.Errorf("there is no set of keys %q", number)
	}
	keys, ok := t.keys.Load(number)
	if !ok {
		keys, _ = t.keys.LoadOrStore(number, strings.Fields(text))
	}
	return keys.([]string), nil
}

// pattern returns the compiled ARN of a type that there is.
func (t *table) pattern(name string) arn.Pattern {
	p, ok := t.patterns.Load(name)
	if !ok {
		p, _ = t.patterns.LoadOrStore(name, arn.Compile(t.types[name]))
	}
	return p.(arn.Pattern)
}
