package wire

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"postern/aws/fault"
)

// ownWords holds the texts that IAM shows in the place of a pattern that does not match: it has checked everything else
// before. Other services show the pattern. The name is the member's.
var ownWords = map[string]string{
	`[\w+=,.@-]+`: "The specified value for %s is invalid. " +
		"It must contain only alphanumeric characters and/or the following: +=,.@_-",
	`(\u002F)|(\u002F[\u0021-\u007F]+\u002F)`: "The specified value for %s is invalid. " +
		"It must begin and end with / and contain only printable ASCII characters and/or the following: /",
}

// answer turns violations into the fault that the protocol's services answer. There is at least one.
func (c *Codec) answer(found violations) error {
	kind := fault.Invalid
	if found[0].kind == present {
		kind = fault.Missing
	}
	if c.Protocol == EC2 {
		code, text := found[0].ec2()
		return fault.New(kind, "wire.Validate", "%s", text).WithCode(code)
	}
	if c.Protocol == S3 {
		return found[0].s3()
	}
	code := "ValidationException"
	if c.Protocol == Query {
		code = "ValidationError"
	}
	return fault.New(kind, "wire.Validate", "%s", c.sentence(found)).WithCode(code)
}

// s3 says in S3's words that a document is not what it has to be.
func (v violation) s3() error {
	if v.kind == present && !strings.Contains(v.path, ".") {
		return fault.New(fault.Missing, "wire.Validate", "Request Body is empty").WithCode("MissingRequestBodyError")
	}
	return fault.New(fault.Invalid, "wire.Validate",
		"The XML you provided was not well-formed or did not validate against our published schema").
		WithCode("MalformedXML")
}

// sentence tells all violations.
func (c *Codec) sentence(found violations) string {
	if serviceOf(c.Input) == "iam" {
		var rest violations
		for _, v := range found {
			if v.kind != matching || ownWords[v.limit.pattern] == "" {
				rest = append(rest, v)
			}
		}
		if len(rest) == 0 {
			return fmt.Sprintf(ownWords[found[0].limit.pattern], found[0].member())
		}
		found = rest
	}
	parts := make([]string, len(found))
	for i, v := range found {
		parts[i] = v.String()
	}
	plural := ""
	if len(parts) > 1 {
		plural = "s"
	}
	return fmt.Sprintf("%d validation error%s detected: %s", len(parts), plural, strings.Join(parts, "; "))
}

// String is one violation in AWS's words.
func (v violation) String() string {
	value := "Value " + v.value
	if v.value == "" {
		value = "Value" // it is not shown to anybody
	}
	return fmt.Sprintf("%s at '%s' failed to satisfy constraint: %s", value, v.path, v.demand)
}

// member is the last name of the path.
func (v violation) member() string { return v.path[strings.LastIndexByte(v.path, '.')+1:] }

// maxAccepted is how many values of an enum EC2's answer names.
const maxAccepted = 12

// ec2 is a violation in EC2's codes and words: it tells of one. What it has no words of its own for, it says as the
// other services do.
func (v violation) ec2() (code, text string) {
	path := strings.ReplaceAll(v.path, ".member", "")
	value := strings.TrimSuffix(strings.TrimPrefix(v.value, "'"), "'")
	switch v.kind {
	case present:
		return "MissingParameter", "The request must contain the parameter " + v.parameter(path)
	case larger:
		text = fmt.Sprintf(
			"Value ( %s ) for parameter %s is invalid. Expecting a value greater than %s.", value, path, v.limit.min.text,
		)
	case smaller:
		text = fmt.Sprintf(
			"Value ( %s ) for parameter %s is invalid. Expecting a value smaller than %s.", value, path, v.limit.max.text,
		)
	case listed:
		text = fmt.Sprintf("Value (%s) for parameter %s is invalid.", value, path)
		if len(v.limit.enum) <= maxAccepted {
			text += " Accepted values: " + strings.Join(v.limit.enum, ", ")
		}
	default:
		text = "1 validation error detected: " + v.String()
	}
	return "InvalidParameterValue", text
}

// parameter is the name of a parameter as the request writes it.
func (v violation) parameter(path string) string {
	parts := strings.Split(path, ".")
	for i, part := range parts {
		parts[i] = strings.ToUpper(part[:1]) + part[1:]
	}
	return strings.Join(parts, ".")
}

// maxShown is about how many bytes of a value an answer shows.
const maxShown = 1024

// show writes a value as AWS's validation does: "[Target(key=tag:a, values=[1])]".
func show(s *shape, v reflect.Value) string {
	var b strings.Builder
	showTo(&b, s, v)
	text := b.String()
	if len(text) > maxShown {
		return strings.ToValidUTF8(text[:maxShown], "") + "…"
	}
	return text
}

func showTo(b *strings.Builder, s *shape, v reflect.Value) {
	if b.Len() > maxShown {
		return
	}
	switch s.form {
	case formString:
		b.WriteString(v.String()[:min(v.Len(), maxShown+1)])
	case formBool:
		b.WriteString(strconv.FormatBool(v.Bool()))
	case formInt:
		b.WriteString(strconv.FormatInt(v.Int(), 10))
	case formFloat:
		b.WriteString(strconv.FormatFloat(v.Float(), 'g', -1, s.bits))
	case formTime:
		b.WriteString(timeOf(v).UTC().String())
	case formBlob:
		fmt.Fprintf(b, "%d bytes", v.Len())
	case formList:
		b.WriteByte('[')
		for i := 0; i < v.Len() && b.Len() <= maxShown; i++ {
			separate(b, i)
			showTo(b, s.elem, deref(v.Index(i)))
		}
		b.WriteByte(']')
	case formMap:
		b.WriteByte('{')
		for i, key := range sortedKeys(v) {
			separate(b, i)
			b.WriteString(key.String() + "=")
			showTo(b, s.elem, deref(v.MapIndex(key)))
		}
		b.WriteByte('}')
	case formStruct:
		showStruct(b, s, v)
	case formUnion:
		b.WriteString(s.typ.Name())
	}
}

func showStruct(b *strings.Builder, s *shape, v reflect.Value) {
	b.WriteString(s.typ.Name() + "(")
	for i := range s.fields {
		f := &s.fields[i]
		separate(b, i)
		b.WriteString((&step{name: f.in}).String() + "=")
		switch value := v.Field(f.index); {
		case absent(value):
			b.WriteString("null")
		case f.limit != nil && f.limit.sensitive:
			b.WriteString("***")
		default:
			showTo(b, f.shape, deref(value))
		}
	}
	b.WriteByte(')')
}

func separate(b *strings.Builder, i int) {
	if i > 0 {
		b.WriteString(", ")
	}
}
