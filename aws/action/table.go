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

// loaded holds a func() map[string]*Action by service.
var loaded sync.Map

// Find returns an action by its name, "service:Action". Letter case does not matter. It is nil where the reference has
// no such action, or the table no such service.
func Find(name string) *Action {
	service, _, ok := strings.Cut(name, ":")
	if !ok {
		return nil
	}
	service = strings.ToLower(service)
	read, ok := loaded.Load(service)
	if !ok {
		text, err := tables.ReadFile("tables/" + service + ".txt")
		if err != nil {
			return nil
		}
		read, _ = loaded.LoadOrStore(service, sync.OnceValue(func() map[string]*Action {
			all, err := parse(service, string(text))
			if err != nil {
				panic(err) // a test reads every table
			}
			return all
		}))
	}
	return read.(func() map[string]*Action)()[strings.ToLower(name)]
}

// parse reads a table. The actions are by their names in lower case.
func parse(service, text string) (map[string]*Action, error) {
	sets, types, actions := map[string][]string{"0": nil}, map[string]arn.Pattern{}, map[string]*Action{}
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		switch {
		case len(f) == 0 || f[0] == "#":
		case f[0] == "keys" && len(f) > 2 && f[1] == strconv.Itoa(len(sets)):
			sets[f[1]] = f[2:]
		case f[0] == "type" && len(f) == 3:
			types[f[1]] = arn.Compile(f[2])
		case f[0] == "action" && len(f) >= 3:
			a, err := parseAction(f, sets, types)
			if err != nil {
				return nil, fmt.Errorf("action table of %s: %q: %w", service, line, err)
			}
			a.Name = service + ":" + f[1]
			actions[strings.ToLower(a.Name)] = a
		default:
			return nil, fmt.Errorf("action table of %s: %q is no line of a table", service, line)
		}
	}
	all := slices.Collect(maps.Values(types))
	for _, a := range actions {
		a.types = all
	}
	return actions, nil
}

func parseAction(f []string, sets map[string][]string, types map[string]arn.Pattern) (*Action, error) {
	a := &Action{}
	var ok bool
	if a.Keys, ok = sets[f[2]]; !ok {
		return nil, fmt.Errorf("there is no set of keys %s", f[2])
	}
	for _, text := range f[3:] {
		name, set, _ := strings.Cut(text, ":")
		r := Resource{}
		r.Type, r.Required = strings.CutSuffix(name, "!")
		if r.Keys, ok = sets[set]; !ok {
			return nil, fmt.Errorf("there is no set of keys %q", set)
		}
		if r.arn, ok = types[r.Type]; !ok {
			return nil, fmt.Errorf("there is no type %s", r.Type)
		}
		a.Resources = append(a.Resources, r)
	}
	return a, nil
}
