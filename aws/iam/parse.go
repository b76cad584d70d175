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
	p := &parser{reader: r, policy: &Policy{Name: name, Kind: kind, document: document}}
	if err := p.document(root); err != nil {
		return nil, err
	}
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
}

// refuseNew notes what a new document may not have, in the first place where it stands.
func (p *parser) refuseNew(e *ParseError) {
	if p.outdated == nil {
		p.outdated = e
	}
}

// at returns an error that points at a node.
func (p *parser) at(n node, element, format string, args ...any) *ParseError {
	return p.fail(n.offset, element, format, args...)
}

func (p *parser) document(root node) *ParseError {
	if root.kind != objectNode {
		return p.at(root, "", "a policy is an object, not %s", root.kind)
	}
	var statements *node
	for i := range root.members {
		m := &root.members[i]
		switch m.name {
		case "Version":
			if m.value.kind != textNode || m.value.text != version2012 && m.value.text != version2008 {
				return p.at(
					m.value, "Version", "The policy must contain a valid version string: %q or %q", version2012, version2008,
				)
			}
			p.variables = m.value.text == version2012
		case "Id":
			if m.value.kind != textNode {
				return p.at(m.value, "Id", "must be a string, not %s", m.value.kind)
			}
		case "Statement":
			statements = &m.value
		default:
			return p.fail(m.offset, m.name, "is not an element of a policy: want Version, Id, Statement")
		}
	}
	if statements == nil {
		return p.at(root, "Statement", "is missing")
	}
	items := []node{*statements}
	if statements.kind == listNode {
		items = statements.items
	}
	if len(items) == 0 {
		return p.at(*statements, "Statement", "must not be empty")
	}
	sids := map[string]bool{}
	for i, item := range items {
		element := fmt.Sprintf("Statement[%d]", i)
		s, err := p.statement(item, element)
		if err != nil {
			return err
		}
		if s.sid != "" && sids[s.sid] {
			return p.at(item, element+".Sid", "Statement IDs (SID) in a single policy must be unique: %q stands twice", s.sid)
		}
		sids[s.sid] = true
		s.text, s.from = p.reader.document[item.offset:item.end], item.offset
		p.policy.statements = append(p.policy.statements, s)
	}
	return nil
}

func (p *parser) statement(n node, element string) (statement, *ParseError) {
	var s statement
	if n.kind != objectNode {
		return s, p.at(n, element, "must be an object, not %s", n.kind)
	}
	seen := map[string]bool{}
	for _, m := range n.members {
		at := element + "." + m.name
		seen[m.name] = true
		if other, clash := counterpart(m.name); clash && seen[other] {
			return s, p.fail(m.offset, at, "stands beside %s: only one of them may be given", other)
		}
		if err := p.member(&s, m, at); err != nil {
			return s, err
		}
	}
	return s, p.required(n, element, seen, &s)
}

// counterpart returns the element that excludes the given one.
func counterpart(name string) (string, bool) {
	switch name {
	case "Action", "Resource", "Principal":
		return "Not" + name, true
	case "NotAction", "NotResource", "NotPrincipal":
		return strings.TrimPrefix(name, "Not"), true
	}
	return "", false
}

func (p *parser) member(s *statement, m member, at string) *ParseError {
	v := m.value
	switch m.name {
	case "Sid":
		return p.sid(s, v, at)
	case "Effect":
		if v.kind != textNode || v.text != "Allow" && v.text != "Deny" {
			return p.at(v, at, "must be Allow or Deny")
		}
		s.deny = v.text == "Deny"
	case "Action", "NotAction":
		s.notAction = m.name == "NotAction"
		return p.actions(s, v, at)
	case "Resource", "NotResource":
		if p.policy.Kind == Trust {
			return p.fail(m.offset, at, "Has prohibited field Resource")
		}
		s.notResource = m.name == "NotResource"
		return p.resources(s, v, at)
	case "Principal", "NotPrincipal":
		if p.policy.Kind < Resource {
			return p.fail(m.offset, at, "Policy document should not specify a principal.")
		}
		s.notPrincipal = m.name == "NotPrincipal"
		if s.notPrincipal && p.policy.Kind == Trust {
			p.refuseNew(p.fail(m.offset, at, "Has prohibited field NotPrincipal"))
		}
		return p.principals(s, v, at)
	case "Condition":
		return p.conditions(s, v, at)
	default:
		return p.fail(m.offset, at, "is not an element of a statement")
	}
	return nil
}

// required checks that nothing is missing from a statement.
func (p *parser) required(n node, element string, seen map[string]bool, s *statement) *ParseError {
	switch {
	case !seen["Effect"]:
		return p.at(n, element+".Effect", "is missing")
	case !seen["Action"] && !seen["NotAction"]:
		return p.at(n, element+".Action", "Policy statement must contain actions.")
	case p.policy.Kind == Trust:
		s.anyResource = true
		if s.notPrincipal && !s.deny { // everybody but a few: never meant by a trust policy
			s.principals, s.notPrincipal = &principals{}, false
		}
	case !seen["Resource"] && !seen["NotResource"]:
		return p.at(n, element+".Resource", "Policy statement must contain resources.")
	}
	if s.notPrincipal && !s.deny {
		p.refuseNew(p.at(
			n, element+".NotPrincipal", "must be used with Effect Deny: with Allow it would let everybody else in",
		))
	}
	if p.policy.Kind >= Resource && !seen["Principal"] && !seen["NotPrincipal"] {
		return p.at(n, element+".Principal", "Missing required field Principal")
	}
	return nil
}

// sid: IAM takes letters and digits only; services with policies of their own also take spaces and more.
func (p *parser) sid(s *statement, v node, at string) *ParseError {
	if v.kind != textNode {
		return p.at(v, at, "must be a string, not %s", v.kind)
	}
	own := p.policy.Kind >= Resource && p.policy.Kind != Trust
	for _, c := range v.text {
		if !own && (c > 127 || !alphanumeric(byte(c))) {
			return p.at(
				v, at,
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
func (p *parser) texts(v node, at string, scalars bool) ([]node, *ParseError) {
	items := []node{v}
	if v.kind == listNode {
		items = v.items
	}
	for _, item := range items {
		if item.kind != textNode && !(scalars && (item.kind == numberNode || item.kind == boolNode)) {
			return nil, p.at(item, at, "must be a string or a list of strings, not %s", item.kind)
		}
	}
	return items, nil
}

func (p *parser) actions(s *statement, v node, at string) *ParseError {
	items, err := p.texts(v, at, false)
	if err != nil {
		return err
	}
	if len(items) == 0 {
		return p.at(v, at, "Policy statement must contain actions.")
	}
	for _, item := range items {
		if why := badAction(p.policy.Kind, item.text); why != "" {
			return p.at(item, at, "%s", why)
		}
		s.actions = append(s.actions, arn.CompileFold(item.text))
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

func (p *parser) resources(s *statement, v node, at string) *ParseError {
	items, err := p.texts(v, at, false)
	if err != nil {
		return err
	}
	if len(items) == 0 {
		return p.at(v, at, "Policy statement must contain resources.")
	}
	for _, item := range items {
		if item.text == "*" {
			s.anyResource = true
			continue
		}
		parts, ok := splitOutsideVariables(item.text)
		if !ok || parts[2] == "" || parts[5] == "" {
			return p.at(item, at, `Resource %s must be in ARN format or "*".`, item.text)
		}
		if why := badARN(parts, item.text); why != "" {
			p.refuseNew(p.at(item, at, "%s", why))
		}
		p.checkEndpointARN(item, at)
		t, err := parseTemplate(item.text, true, p.variables)
		if err != nil {
			return p.at(item, at, "%s", err)
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
