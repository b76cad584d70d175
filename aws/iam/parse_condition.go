package iam

import (
	"slices"
	"strings"
)

func (p *parser) conditions(s *statement, v *node, in *element) *ParseError {
	if v.kind != objectNode {
		return p.at(v, in.String(), "must be an object, not %s", v.kind)
	}
	operators := p.children(v)
	for i := range operators {
		o := &operators[i]
		at := element{in: in, name: o.name}
		c, ok := p.operatorsOf[o.name]
		if !ok {
			if c, ok = parseOperator(o.name); !ok {
				return p.fail(o.nameAt, at.String(), "Invalid Condition type : %s.", o.name)
			}
			p.operatorsOf[o.name] = c
		}
		if o.kind != objectNode {
			return p.at(o, at.String(), "must be an object of condition keys, not %s", o.kind)
		}
		keys := p.children(o)
		s.conditions = slices.Grow(s.conditions, len(keys))
		for j := range keys {
			at := element{in: &at, name: keys[j].name}
			one, err := p.condition(&keys[j], &at, c)
			if err != nil {
				return err
			}
			p.checkEndpointCondition(&one, &keys[j], &at)
			s.conditions = append(s.conditions, one)
		}
	}
	return nil
}

// condition reads the values of one key, and completes the condition by them.
func (p *parser) condition(k *node, at *element, c condition) (condition, *ParseError) {
	var ok bool
	if c.key, ok = p.keysOf[k.name]; !ok {
		service, name, ok := strings.Cut(k.name, ":")
		if !ok || service == "" || name == "" {
			return c, p.fail(k.nameAt, at.String(), "Conditions must be prefaced by a vendor, e.g., aws, ec2, etc.")
		}
		c.key = newKey(k.name)
		p.keysOf[k.name] = c.key
	}
	items, err := p.texts(k, at, true)
	if err != nil {
		return c, err
	}
	if len(items) == 0 {
		return c, p.at(k, at.String(), "must not be an empty list")
	}
	c.written, c.timed = k.name, slices.Contains(c.operator.times, c.key.from)
	c.values = make([]operand, len(items))
	for i := range items {
		o, err := c.operator.compile(items[i].text, p.variables)
		if err != nil {
			return c, p.at(&items[i], at.String(), "%s", err)
		}
		c.values[i] = o
		c.variables = c.variables || hasVariables(o)
	}
	return c, nil
}

func hasVariables(o operand) bool {
	return slices.ContainsFunc(o.templates(), func(t template) bool { return t.parts != nil })
}
