package iam

import (
	"strings"

	"postern/aws/arn"
)

func (p *parser) principals(s *statement, v *node, in *element) *ParseError {
	s.principals = &principals{}
	if v.kind == textNode && v.text == "*" {
		s.principals.any = true
		return nil
	}
	members := p.children(v)
	if v.kind != objectNode || len(members) == 0 {
		return p.at(v, in.String(), `must be "*" or an object with AWS, Service, Federated or CanonicalUser`)
	}
	for i := range members {
		m := &members[i]
		at := element{in: in, name: m.name}
		items, err := p.texts(m, &at, false)
		if err != nil {
			return err
		}
		if len(items) == 0 {
			return p.at(m, at.String(), "must not be empty")
		}
		for j := range items {
			name := items[j].text
			const invalid = "Invalid principal in policy: %q:%q"
			if !s.principals.add(m.name, name) {
				return p.at(&items[j], at.String(), invalid, m.name, name)
			}
			if a, err := arn.Parse(name); err == nil && a.Region != "" { // it names nobody
				p.refuseNew(items[j].offset, &at, invalid, m.name, name)
			}
		}
	}
	if p.policy.Kind == GatewayEndpoint {
		s.principals.roots, s.principals.accounts = s.principals.accounts, nil
		if !s.notPrincipal {
			p.checkGatewayPrincipals(s.principals, v, in)
		}
	}
	return nil
}

// add puts a principal into its list, and reports whether it may stand there.
func (l *principals) add(sort, name string) bool {
	switch sort {
	case "AWS":
		return l.addAWS(name)
	case "Service":
		if name == "*" || !strings.Contains(name, ".") {
			return false
		}
		l.services = append(l.services, name)
	case "Federated", "CanonicalUser":
		l.others = append(l.others, name)
	default:
		return false
	}
	return name != ""
}

// addAWS takes "*", an account, or an ARN without wildcards: of the account's root, a user, a role or a session.
func (l *principals) addAWS(name string) bool {
	if name == "*" {
		l.any = true
		return true
	}
	if isAccount(name) {
		l.accounts = append(l.accounts, name)
		return true
	}
	a, err := arn.Parse(name)
	if err != nil || strings.ContainsAny(name, "*?") || !isAccount(a.Account) {
		return false
	}
	switch kind := a.Type(); {
	case a.Service == "iam" && a.Resource == "root":
		l.accounts = append(l.accounts, a.Account)
	case a.Service == "iam" && (kind == "user" || kind == "role"),
		a.Service == "sts" && (kind == "assumed-role" || kind == "federated-user"):
		l.arns = append(l.arns, name)
	default:
		return false
	}
	return true
}

func isAccount(s string) bool {
	if len(s) != 12 {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
