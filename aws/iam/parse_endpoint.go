package iam

import (
	"slices"
	"strings"
)

// isEndpoint reports whether the policy is a VPC endpoint's.
func (p *parser) isEndpoint() bool {
	return p.policy.Kind == Endpoint || p.policy.Kind == GatewayEndpoint
}

// generated are the condition keys, in lower case, whose values are ids that AWS makes. The policy of a VPC endpoint
// may compare them as a whole only (AWS PrivateLink, "Control access to VPC endpoints using endpoint policies").
var generated = []string{
	"aws:ec2instancesourcevpc", "aws:principalaccount", "aws:principalorgid", "aws:resourceaccount",
	"aws:resourceorgid", "aws:sourceaccount", "aws:sourceorgid", "aws:sourcevpc", "aws:sourcevpce", "aws:vpceaccount",
	"aws:vpceorgid",
}

// minBeside is how many characters without a wildcard have to stand before or behind each wildcard of a string
// condition.
const minBeside = 6

// checkEndpointCondition refuses conditions that the policy of a VPC endpoint may not have.
func (p *parser) checkEndpointCondition(c *condition, key *node, at *element) {
	if !p.isEndpoint() {
		return
	}
	like := strings.HasPrefix(c.operator.name, "string") && strings.HasSuffix(c.operator.name, "like")
	whole := slices.Contains(generated, c.key.name)
	if whole && strings.HasPrefix(c.operator.name, "numeric") {
		p.refuseNew(key.nameAt, at, "numeric condition operators cannot be used with the key %s", key.name)
	}
	items := p.list(key)
	for i := range items {
		item := &items[i]
		switch {
		case whole && strings.ContainsAny(item.text, "*?"):
			p.refuseNew(item.offset, at, "wildcard characters cannot be used with the key %s", key.name)
		case like && !besideWildcards(item.text):
			p.refuseNew(
				item.offset, at, "each wildcard character needs at least %d consecutive characters before or after it", minBeside,
			)
		}
		p.checkEndpointARN(item, at)
	}
}

// besideWildcards reports whether enough text stands before or behind each wildcard.
func besideWildcards(s string) bool {
	before := 0
	for i := 0; i < len(s); i++ {
		if s[i] != '*' && s[i] != '?' {
			before++
			continue
		}
		after := strings.IndexAny(s[i+1:], "*?")
		if after < 0 {
			after = len(s) - i - 1
		}
		if before < minBeside && after < minBeside {
			return false
		}
		before = 0
	}
	return true
}

// checkEndpointARN refuses an ARN whose account is a part of one.
func (p *parser) checkEndpointARN(item *node, at *element) {
	if !p.isEndpoint() {
		return
	}
	parts, ok := splitOutsideVariables(item.text)
	if account := parts[4]; ok && strings.ContainsAny(account, "*?") && strings.Trim(account, "*?") != "" &&
		!strings.Contains(account, "${") {
		p.refuseNew(item.offset, at, "the account of the ARN %s can be an id or a wildcard, and not both", item.text)
	}
}

// checkGatewayPrincipals refuses principals that the policy of a gateway endpoint may not name.
func (p *parser) checkGatewayPrincipals(l *principals, v *node, at *element) {
	if len(l.arns)+len(l.services)+len(l.others) > 0 {
		p.refuseNew(v.offset, at,
			`must be "*" in the policy of a gateway endpoint: use the condition key aws:PrincipalArn to name principals`)
	}
}
