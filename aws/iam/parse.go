package iam

import (
	"fmt"
	"slices"
	"strings"

	"postern/aws/arn"
)

// The versions of the policy language. A document without Version is of the older one, which has no variables.
const (
	version2008 = "2008-10-17"
	version2012 = "2012-10-17"
)

// Parse compiles a policy document that is in use. name is what messages will call it. Every error is a *ParseError.
func Parse(kind Kind, name, document string) (*Policy, error) {
	p, err := parse(kind, name, document)
	if err != nil {
		return nil, err
	}
	return p.policy, nil
}

// ParseNew is Parse for a document that is to be put into use. It also refuses what Amazon takes no longer, or never
// took, and what was stored by a Postern that did take it.
func ParseNew(kind Kind, name, document string) (*Policy, error) {
	p, err := parse(kind, name, document)
	if err != nil {
		return nil, err
	}
	if p.outdated != nil {
		return nil, p.outdated
	}
	return p.policy, nil
}

// ParseManaged is ParseNew for a customer's managed policy, which has to be of the present version.
func ParseManaged(name, document string) (*Policy, error) {
	p, err := parse(Identity, name, document)
	switch {
	case err != nil:
		return nil, err
	case !p.variables:
		return nil, p.fail(0, "Version", "Policy document must be version %s or greater.", version2012)
	case p.outdated != nil:
		return nil, p.outdated
	}
	return p.policy, nil
}

func parse(kind Kind, name, document string) (*parser, error) {
	r := &reader{document: document}
	root, err := r.read()
	if err != nil {
		return nil, err
	}
	p := &parser{
		reader: r, policy: &Policy{Name: name, Kind: kind, document: document},
		actionsOf: map[string]*arn.Pattern{}, operatorsOf: map[string]condition{}, keysOf: map[string]key{},
	}
	if err := p.document(&root); err != nil {
		return nil, err
	}
	p.policy.index = newIndex(p.policy.statements)
	p.reader.nodes, p.reader.open = nil, nil
	return p, nil
}

// parser makes a Policy of nodes.
type parser struct {
	*reader
	policy *Policy
	// variables is set in documents of version 2012-10-17.
	variables bool
	// outdated is the first thing that a new document may not have.
	outdated *ParseError
	// What the document says again and again is compiled once: actions and condition keys by their text.
	actionsOf   map[string]*arn.Pattern
	operatorsOf map[string]condition
	keysOf      map[string]key
}

// An element is a place in a document, as errors name it: "Statement[1].Condition.StringEquals".
type element struct {
	in    *element // nil for a statement
	name  string
	index int // of a statement
}

func (e *element) String() string {
	if e.in == nil {
		return fmt.Sprintf("Statement[%d]", e.index)
	}
	return e.in.String() + "." + e.name
}

// refuseNew notes what a new document may not have, in the first place where it stands.
func (p *parser) refuseNew(offset int32, at *element, format string, args ...any) {
	if p.outdated == nil {
		p.outdated = p.fail(offset, at.String(), format, args...)
	}
}

// at returns an error that points at a node.
func (p *parser) at(n *node, element, format string, args ...any) *ParseError {
	return p.fail(n.offset, element, format, args...)
}

func (p *parser) document(root *node) *ParseError {
	if root.kind != objectNode {
		return p.at(root, "", "a policy is an object, not %s", root.kind)
	}
	var statements *node
	members := p.children(root)
	for i := range members {
		m := &members[i]
		switch m.name {
		case "Version":
			if m.kind != textNode || m.text != version2012 && m.text != version2008 {
				return p.at(m, "Version", "The policy must contain a valid version string: %q or %q", version2012, version2008)
			}
			p.variables = m.text == version2012
		case "Id":
			if m.kind != textNode {
				return p.at(m, "Id", "must be a string, not %s", m.kind)
			}
		case "Statement":
			statements = m
		default:
			return p.fail(m.nameAt, m.name, "is not an element of a policy: want Version, Id, Statement")
		}
	}
	if statements == nil {
		return p.at(root, "Statement", "is missing")
	}
	items := p.list(statements)
	if len(items) == 0 {
		return p.at(statements, "Statement", "must not be empty")
	}
	return p.statements(items)
}

func (p *parser) statements(items []node) *ParseError {
	p.policy.statements = make([]statement, len(items))
	sids := map[string]bool{}
	for i := range items {
		item, s, at := &items[i], &p.policy.statements[i], element{index: i}
		if err := p.statement(s, item, &at); err != nil {
			return err
		}
		if s.sid != "" && sids[s.sid] {
			sid := element{in: &at, name: "Sid"}
			return p.at(
				item, sid.String(), "Statement IDs (SID) in a single policy must be unique: %q stands twice", s.sid,
			)
		}
		sids[s.sid] = true
		s.text, s.from = p.reader.document[item.offset:item.end], int(item.offset)
	}
	return nil
}

// elements are the elements of a statement, as bits.
type elements uint16

const (
	elementEffect elements = 1 << iota
	elementAction
	elementNotAction
	elementResource
	elementNotResource
	elementPrincipal
	elementNotPrincipal
)

// A rival is an element that excludes another one.
type rival struct {
	own, other elements
	name       string // of the other
}

var rivals = map[string]rival{
	"Effect":       {own: elementEffect},
	"Action":       {elementAction, elementNotAction, "NotAction"},
	"NotAction":    {elementNotAction, elementAction, "Action"},
	"Resource":     {elementResource, elementNotResource, "NotResource"},
	"NotResource":  {elementNotResource, elementResource, "Resource"},
	"Principal":    {elementPrincipal, elementNotPrincipal, "NotPrincipal"},
	"NotPrincipal": {elementNotPrincipal, elementPrincipal, "Principal"},
}

func (p *parser) statement(s *statement, n *node, in *element) *ParseError {
	if n.kind != objectNode {
		return p.at(n, in.String(), "must be an object, not %s", n.kind)
	}
	var seen elements
	members := p.children(n)
	for i := range members {
		m := &members[i]
		at, r := element{in: in, name: m.name}, rivals[m.name]
		if seen |= r.own; seen&r.other != 0 {
			return p.fail(m.nameAt, at.String(), "stands beside %s: only one of them may be given", r.name)
		}
		if err := p.member(s, m, &at); err != nil {
			return err
		}
	}
	return p.required(n, in, seen, s)
}

func (p *parser) member(s *statement, m *node, at *element) *ParseError {
	switch m.name {
	case "Sid":
		return p.sid(s, m, at)
	case "Effect":
		if m.kind != textNode || m.text != "Allow" && m.text != "Deny" {
			return p.at(m, at.String(), "must be Allow or Deny")
		}
		s.deny = m.text == "Deny"
	case "Action", "NotAction":
		s.notAction = m.name == "NotAction"
		return p.actions(s, m, at)
	case "Resource", "NotResource":
		if p.policy.Kind == Trust {
			return p.fail(m.nameAt, at.String(), "Has prohibited field Resource")
		}
		s.notResource = m.name == "NotResource"
		return p.resources(s, m, at)
	case "Principal", "NotPrincipal":
		if p.policy.Kind < Resource {
			return p.fail(m.nameAt, at.String(), "Policy document should not specify a principal.")
		}
		s.notPrincipal = m.name == "NotPrincipal"
		if s.notPrincipal && p.policy.Kind == Trust {
			p.refuseNew(m.nameAt, at, "Has prohibited field NotPrincipal")
		}
		return p.principals(s, m, at)
	case "Condition":
		return p.conditions(s, m, at)
	default:
		return p.fail(m.nameAt, at.String(), "is not an element of a statement")
	}
	return nil
}

// required checks that nothing is missing from a statement.
func (p *parser) required(n *node, at *element, seen elements, s *statement) *ParseError {
	missing := func(name, why string) *ParseError { return p.at(n, at.String()+"."+name, "%s", why) }
	switch {
	case seen&elementEffect == 0:
		return missing("Effect", "is missing")
	case seen&(elementAction|elementNotAction) == 0:
		return missing("Action", "Policy statement must contain actions.")
	case p.policy.Kind == Trust:
		s.anyResource = true
		if s.notPrincipal && !s.deny { // everybody but a few: never meant by a trust policy
			s.principals, s.notPrincipal = &principals{}, false
		}
	case seen&(elementResource|elementNotResource) == 0:
		return missing("Resource", "Policy statement must contain resources.")
	}
	if s.notPrincipal && !s.deny {
		p.refuseNew(n.offset, &element{in: at, name: "NotPrincipal"},
			"must be used with Effect Deny: with Allow it would let everybody else in")
	}
	if p.policy.Kind >= Resource && seen&(elementPrincipal|elementNotPrincipal) == 0 {
		return missing("Principal", "Missing required field Principal")
	}
	return nil
}

// sid: IAM takes letters and digits only; services with policies of their own also take spaces and more.
func (p *parser) sid(s *statement, v *node, at *element) *ParseError {
	if v.kind != textNode {
		return p.at(v, at.String(), "must be a string, not %s", v.kind)
	}
	own := p.policy.Kind >= Resource && p.policy.Kind != Trust
	for _, c := range v.text {
		if !own && (c > 127 || !alphanumeric(byte(c))) {
			return p.at(
				v, at.String(),
				"Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*",
			)
		}
	}
	s.sid = v.text
	return nil
}

func alphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// texts reads a string or a list of strings, with numbers and Booleans among them where scalars is set.
func (p *parser) texts(v *node, at *element, scalars bool) ([]node, *ParseError) {
	items := p.list(v)
	for i := range items {
		kind := items[i].kind
		if kind != textNode && !(scalars && (kind == numberNode || kind == boolNode)) {
			return nil, p.at(&items[i], at.String(), "must be a string or a list of strings, not %s", kind)
		}
	}
	return items, nil
}

func (p *parser) actions(s *statement, v *node, at *element) *ParseError {
	items, err := p.texts(v, at, false)
	if err != nil {
		return err
	}
	if len(items) == 0 {
		return p.at(v, at.String(), "Policy statement must contain actions.")
	}
	s.actions = make([]*arn.Pattern, len(items))
	for i := range items {
		text := items[i].text
		pattern := p.actionsOf[text]
		if pattern == nil {
			if why := badAction(p.policy.Kind, text); why != "" {
				return p.at(&items[i], at.String(), "%s", why)
			}
			pattern = new(arn.Pattern)
			*pattern = arn.CompileFold(text)
			p.actionsOf[text] = pattern
		}
		s.actions[i] = pattern
	}
	return nil
}

// trustActions lists the actions that a role's trust policy may name.
var trustActions = []string{
	"sts:assumerole", "sts:assumerolewithsaml", "sts:assumerolewithwebidentity", "sts:tagsession", "sts:setsourceidentity",
	"sts:setcontext",
}

func badAction(kind Kind, action string) string {
	if action == "*" && kind != Trust {
		return ""
	}
	vendor, name, ok := strings.Cut(action, ":")
	if !ok || vendor == "" || name == "" {
		return fmt.Sprintf("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.: %q", action)
	}
	if action == "*:*" && kind != Trust {
		return ""
	}
	for _, c := range vendor {
		if c > 127 || !alphanumeric(byte(c)) && c != '-' {
			return fmt.Sprintf("Vendor %s is not valid", vendor)
		}
	}
	for _, c := range name {
		if c > 127 || !alphanumeric(byte(c)) && !strings.ContainsRune("*?-_", c) {
			return fmt.Sprintf("Action %s is not valid", action)
		}
	}
	if kind == Trust && !slices.ContainsFunc(trustActions, arn.CompileFold(action).Match) {
		return "AssumeRole policy may only specify STS AssumeRole actions."
	}
	return ""
}

func (p *parser) resources(s *statement, v *node, at *element) *ParseError {
	items, err := p.texts(v, at, false)
	if err != nil {
		return err
	}
	if len(items) == 0 {
		return p.at(v, at.String(), "Policy statement must contain resources.")
	}
	s.resources = make([]template, 0, len(items))
	for i := range items {
		item := &items[i]
		if item.text == "*" {
			s.anyResource = true
			continue
		}
		parts, ok := splitOutsideVariables(item.text)
		if !ok || parts[2] == "" || parts[5] == "" {
			return p.at(item, at.String(), `Resource %s must be in ARN format or "*".`, item.text)
		}
		if why := badARN(parts, item.text); why != "" {
			p.refuseNew(item.offset, at, "%s", why)
		}
		p.checkEndpointARN(item, at)
		t, err := parseTemplate(item.text, true, p.variables)
		if err != nil {
			return p.at(item, at.String(), "%s", err)
		}
		s.resources = append(s.resources, t)
	}
	return nil
}

// badARN returns what is wrong with the service and Region in an ARN pattern. Names of IAM and of S3's buckets have no
// Region.
func badARN(parts [arn.Segments]string, name string) string {
	service, region := parts[2], parts[3]
	switch {
	case strings.ContainsAny(service, "*?$"):
		return "Resource vendor must be fully qualified and cannot contain regexes."
	case service == "iam" && region != "" && region != "*":
		return fmt.Sprintf("IAM resource %s cannot contain region information.", name)
	case service == "s3" && region != "" && region != "*" && !regionalS3(parts[5]):
		return fmt.Sprintf("Resource %s can not contain region information.", name)
	case strings.Contains(region, "${"):
		return ""
	}
	for _, c := range region {
		if c > 127 || !alphanumeric(byte(c)) && !strings.ContainsRune("-*?", c) {
			return fmt.Sprintf("Resource %s has no Region where one belongs: %q is none", name, region)
		}
	}
	return ""
}

// regionalS3 reports whether S3 has resources of this kind that belong to a Region.
func regionalS3(resource string) bool {
	kind, _, _ := strings.Cut(resource, "/")
	return slices.Contains([]string{"*", "accesspoint", "access-grants", "async-request", "job", "storage-lens"}, kind)
}
