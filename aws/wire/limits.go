package wire

import (
	_ "embed" // the tables
	"reflect"
	"strconv"
	"strings"
	"sync"
)

//go:generate go run postern/internal/gen/limits limits ec2 iam route53resolver ssm sts

// The tables hold the limits that Amazon's models put on requests, one line a shape of the model, by its name:
//
//	Structure { Field:Shape …                    the members that have limits, by their Go names
//	Shape [MIN..MAX] [!] [<KEY] [>ELEMENT] [|value|value… or ~pattern]
//
// where bounds are of a number's value, a text's characters or the members of a list or map, "!" says that the value is
// not shown to anybody, KEY and ELEMENT are shapes, and values or a pattern end the line. Like the tables of names they
// are text in the program's read-only data and are searched once for each type that an operation uses.
var (
	//go:embed limits/ec2.txt
	ec2Limits string
	//go:embed limits/iam.txt
	iamLimits string
	//go:embed limits/route53resolver.txt
	resolverLimits string
	//go:embed limits/ssm.txt
	ssmLimits string
	//go:embed limits/sts.txt
	stsLimits string
)

// limitsTable is a service's, by its name in the SDK, or "".
func limitsTable(service string) string {
	switch service {
	case "ec2":
		return ec2Limits
	case "iam":
		return iamLimits
	case "route53resolver":
		return resolverLimits
	case "ssm":
		return ssmLimits
	case "sts":
		return stsLimits
	}
	return ""
}

// limit holds the model's demands of a value that is there. It is not changed once made.
type limit struct {
	min, max  *bound
	sensitive bool
	enum      []string
	pattern   string // as the model has it
	key, elem *limit

	// matcher makes what matches the pattern, when it is first needed.
	matcher func() func(string) bool
}

// bound is one end of a range.
type bound struct {
	value float64
	text  string
}

// limitsOf returns the limits of a structure's members by their Go names.
func limitsOf(t reflect.Type) map[string]*limit {
	table := limitsTable(serviceOf(t))
	line, ok := strings.CutPrefix(lineOf(table, t.Name()), "{ ")
	if !ok {
		return nil
	}
	limits := map[string]*limit{}
	for token := range strings.FieldsSeq(line) {
		field, shape, _ := strings.Cut(token, ":")
		limits[field] = makeLimit(table, shape)
	}
	return limits
}

// Bounded reports whether Amazon's model puts bounds on a member of an input, which are then kept by what is decoded.
func Bounded(input reflect.Type, member string) bool {
	l := limitsOf(input)[member]
	return l != nil && (l.min != nil || l.max != nil)
}

// lineOf returns what follows a shape's name in a table of limits, whose lines stand in the order of the names' bytes.
func lineOf(table, name string) string {
	for table != "" {
		middle := len(table) / 2
		start := strings.LastIndexByte(table[:middle], '\n') + 1
		length := strings.IndexByte(table[start:], '\n')
		if length < 0 {
			length = len(table) - start
		}
		here, rest, _ := strings.Cut(table[start:start+length], " ")
		switch strings.Compare(name, here) {
		case 0:
			return rest
		case -1:
			table = table[:start]
		default:
			table = table[min(start+length+1, len(table)):]
		}
	}
	return ""
}

// makeLimit reads the line of a shape that is no structure. Such shapes do not contain themselves.
func makeLimit(table, name string) *limit {
	line := lineOf(table, name)
	l := &limit{}
	for line != "" {
		if values, ok := strings.CutPrefix(line, "|"); ok {
			l.enum, line = strings.Split(values, "|"), ""
			continue
		}
		if pattern, ok := strings.CutPrefix(line, "~"); ok {
			l.pattern, line = pattern, ""
			l.matcher = sync.OnceValue(func() func(string) bool { return compile(expression(pattern)) })
			continue
		}
		var token string
		token, line, _ = strings.Cut(line, " ")
		switch token[0] {
		case '!':
			l.sensitive = true
		case '<':
			l.key = makeLimit(table, token[1:])
		case '>':
			l.elem = makeLimit(table, token[1:])
		default:
			least, most, _ := strings.Cut(token, "..")
			l.min, l.max = makeBound(least), makeBound(most)
		}
	}
	return l
}

func makeBound(text string) *bound {
	value, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return nil // no bound at this end
	}
	return &bound{value, text}
}
