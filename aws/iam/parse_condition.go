package iam

import "strings"

func (p *parser) conditions(s *statement, v node, at string) *ParseError {
	if v.kind != objectNode {
		return p.at(v, at, "must be an object, not %s", v.kind)
	}
	for _, o := range v.members {
		element := at + "." + o.name
		op, c, ok := parseOperator(o.name)
		if !ok {
			return p.fail(o.offset, element, "Invalid Condition type : %s.", o.name)
		}
		if o.value.kind != objectNode {
			return p.at(o.value, element, "must be an object of condition keys, not %s", o.value.kind)
		}
		for _, k := range o.value.members {
			one, err := p.condition(k, element+"."+k.name, op, c)
			if err != nil {
				return err
			}
			one.name = o.name + " " + k.name
			p.checkEndpointCondition(o, k, element+"."+k.name)
			s.conditions = append(s.conditions, one)
		}
	}
	return nil
}

func (p *parser) condition(k member, at string, op operator, c condition) (condition, *ParseError) {
	service, name, ok := strings.Cut(k.name, ":")
	if !ok || service == "" || name == "" {
		return c, p.fail(k.offset, at, "Conditions must be prefaced by a vendor, e.g., aws, ec2, etc.")
	}
	c.key = strings.ToLower(k.name)
	items, err := p.texts(k.value, at, true)
	if err != nil {
		return c, err
	}
	if len(items) == 0 {
		return c, p.at(k.value, at, "must not be an empty list")
	}
	for _, item := range items {
		m, err := op.compile(item.text, p.variables)
		if err != nil {
			return c, p.at(item, at, "%s", err)
		}
		c.values = append(c.values, m)
	}
	return c, nil
}
