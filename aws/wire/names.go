package wire

import (
	_ "embed" // the tables
	"reflect"
	"strings"
	"unicode"
	"unicode/utf8"
)

//go:generate go run postern/internal/gen/wirenames names ec2 iam route53resolver s3 ssm sts

// The tables hold what the SDK's Go types do not say: the names that differ from the rule (see rule), the required
// members, and where members stand in HTTP messages, one line a type:
//
//	Type Field[!][~][^][$][@PLACE[=NAME][,FORMAT]][:in[:out[>item]]] …
//
// "!" says required, "~" flat, "^" attribute and "$" text (see fieldNames); what follows "@" is read by bind. A line
// "path.OPERATION METHOD /path" holds an operation's pattern in the REST protocols. The tables are text in the
// program's read-only data, cost nothing at start, and are searched once for each type that an operation uses.
var (
	//go:embed names/ec2.txt
	ec2Table string
	//go:embed names/iam.txt
	iamTable string
	//go:embed names/route53resolver.txt
	resolverTable string
	//go:embed names/s3.txt
	s3Table string
	//go:embed names/ssm.txt
	ssmTable string
	//go:embed names/sts.txt
	stsTable string
)

// table is a service's, by its name in the SDK, or "".
func table(service string) string {
	switch service {
	case "ec2":
		return ec2Table
	case "iam":
		return iamTable
	case "route53resolver":
		return resolverTable
	case "s3":
		return s3Table
	case "ssm":
		return ssmTable
	case "sts":
		return stsTable
	}
	return ""
}

// fieldNames holds the names of one field on the wire.
type fieldNames struct {
	in, out, item string
	required      bool
	// flat says that a list's or a map's elements stand in XML without an element around them, and attribute that the
	// member is an attribute of its structure's element.
	flat, attribute bool
	// text says that the member is the text of its structure's element, which holds no elements then.
	text bool
	// stands is the member's place in an HTTP message, as bind reads it.
	stands string
}

// rule gives the names of a field that no table mentions: the Go name in requests; in EC2's answers it begins lower
// case.
func (p Protocol) rule(field string) fieldNames {
	n := fieldNames{in: field, out: field}
	if p == EC2 {
		r, size := utf8.DecodeRuneInString(field)
		n.out = string(unicode.ToLower(r)) + field[size:]
		n.item = "item"
	} else {
		n.item = "member"
	}
	return n
}

// The packages of types that the tables describe: those generated from the SDK, and the SDK itself, whose golden bytes
// and clients the tests hold against it.
const (
	servicePath = "postern/aws/service/"
	sdkPath     = "github.com/aws/aws-sdk-go-v2/service/"
)

// serviceOf is the SDK's service that a type belongs to, or "" for types that are not the SDK's.
func serviceOf(t reflect.Type) string {
	path, ok := strings.CutPrefix(t.PkgPath(), servicePath)
	if !ok {
		path, ok = strings.CutPrefix(t.PkgPath(), sdkPath)
	}
	if !ok {
		return ""
	}
	service, _, _ := strings.Cut(path, "/")
	return service
}

// IsSDK reports whether a type is the SDK's or generated from it, rather than one of our own for an operation that the
// SDK does not have.
func IsSDK(t reflect.Type) bool { return serviceOf(t) != "" }

// exceptions returns the tokens of a type's line in its service's table.
func exceptions(t reflect.Type) map[string]string {
	line := tableLine(serviceOf(t), t.Name())
	tokens := map[string]string{}
	for token := range strings.FieldsSeq(line) {
		tokens[token[:fieldEnd(token)]] = token
	}
	return tokens
}

func fieldEnd(token string) int {
	if end := strings.IndexAny(token, "!~^$@:"); end >= 0 {
		return end
	}
	return len(token)
}

// tableLine returns what follows a word at the beginning of a line.
func tableLine(service, word string) string {
	table := table(service)
	at := strings.Index(table, "\n"+word+" ")
	if at < 0 {
		return ""
	}
	line, _, _ := strings.Cut(table[at+len(word)+2:], "\n")
	return line
}

// apply changes names as a token says.
func (n fieldNames) apply(token string) fieldNames {
	rest := token[fieldEnd(token):]
	rest, n.required = strings.CutPrefix(rest, "!")
	rest, n.flat = strings.CutPrefix(rest, "~")
	rest, n.attribute = strings.CutPrefix(rest, "^")
	rest, n.text = strings.CutPrefix(rest, "$")
	rest, item, ok := strings.Cut(rest, ">")
	if ok {
		n.item = item
	}
	parts := strings.SplitN(rest, ":", 3)
	n.stands = strings.TrimPrefix(parts[0], "@")
	if len(parts) > 1 && parts[1] != "" {
		n.in = parts[1]
	}
	if len(parts) > 2 && parts[2] != "" {
		n.out = strings.ReplaceAll(parts[2], "%", ":")
	}
	return n
}

// tagged gives the names of a field of a type that is not the SDK's: json:"name", http:"place", and of
// wire:"required,flat,attribute,text" what is so; an item's name follows item=. With json:",omitempty" an empty string
// is left out of answers.
func (n fieldNames) tagged(f reflect.StructField) fieldNames {
	if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" {
		n.in, n.out = name, name
	}
	n.stands = f.Tag.Get("http")
	for word := range strings.SplitSeq(f.Tag.Get("wire"), ",") {
		item, named := strings.CutPrefix(word, "item=")
		switch {
		case named:
			n.item = item
		case word == "required":
			n.required = true
		case word == "flat":
			n.flat = true
		case word == "attribute":
			n.attribute = true
		case word == "text":
			n.text = true
		}
	}
	return n
}

// Path returns the pattern of an operation of a service of a REST protocol, by their names in the SDK, or "".
func Path(service, operation string) string { return tableLine(service, "path."+operation) }

// Operations lists the operations that Amazon's service has, by its name in the SDK ("ec2", "iam", "ssm", "sts"),
// sorted. It is nil for services without a table.
func Operations(service string) []string {
	return strings.Fields(tableLine(service, "operations"))
}

// inLine reports whether a line of a service's table has the word.
func inLine(service, line, word string) bool {
	for w := range strings.FieldsSeq(tableLine(service, line)) {
		if w == word {
			return true
		}
	}
	return false
}
