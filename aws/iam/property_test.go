package iam_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"postern/aws/iam"
)

// The universe is tiny, so that statements and requests meet often.
var (
	actions   = []string{"s:Get", "s:Put", "t:Get"}
	patterns  = []string{"*", "s:*", "s:Get", "S:gET", "t:?et", "s:P*"}
	resources = []string{"arn:aws:s:::a", "arn:aws:s:::b/bob", "*"}
	globs     = []string{
		"*", "arn:aws:s:::*", "arn:aws:s:::a", "arn:aws:s:::b/${aws:username}", "arn:aws:s:::b/${aws:username, 'bob'}",
	}
	callers  = []*iam.Principal{bob, node, root, stranger, ec2, nobody, federated, linked}
	named    = []string{"*", account, other, bob.ARN, node.Role, node.ARN, federated.ARN, "svc:ec2.amazonaws.com"}
	values   = []string{"x", "y", "xy"}
	compares = []string{"StringEquals", "StringNotEquals", "StringLike", "StringNotLike", "Null"}
)

// A rule is a statement before it is written as JSON.
type rule struct {
	deny                       bool
	notAction, notResource     bool
	actions, resources         []string
	notPrincipal               bool
	principals                 []string // nil: none
	prefix, operator, ifExists string   // operator empty: no condition
	values                     []string
}

func drawRules(t *rapid.T, label string, withPrincipal bool) []rule {
	some := func(from []string, name string) []string {
		return rapid.SliceOfNDistinct(rapid.SampledFrom(from), 1, 2, rapid.ID).Draw(t, label+name)
	}
	rules := make([]rule, rapid.IntRange(1, 3).Draw(t, label+" rules"))
	for i := range rules {
		r := &rules[i]
		r.deny = rapid.IntRange(0, 3).Draw(t, label+" deny") == 0
		r.notAction, r.notResource = rapid.Bool().Draw(t, label+" notAction"), rapid.Bool().Draw(t, label+" notResource")
		r.actions, r.resources = some(patterns, " actions"), some(globs, " resources")
		if withPrincipal {
			r.notPrincipal, r.principals = rapid.Bool().Draw(t, label+" notPrincipal"), some(named, " principals")
		}
		if rapid.Bool().Draw(t, label+" conditional") {
			r.operator = rapid.SampledFrom(compares).Draw(t, label+" operator")
			if r.operator == "Null" {
				r.values = []string{rapid.SampledFrom([]string{"true", "false"}).Draw(t, label+" null")}
				continue
			}
			r.prefix = rapid.SampledFrom([]string{"", "ForAllValues:", "ForAnyValue:"}).Draw(t, label+" prefix")
			r.ifExists = rapid.SampledFrom([]string{"", "IfExists"}).Draw(t, label+" ifExists")
			r.values = some([]string{"x", "y", "x*", "${aws:username}"}, " values")
		}
	}
	return rules
}

// document writes rules as JSON.
func document(rules []rule) string {
	var statements []map[string]any
	for _, r := range rules {
		s := map[string]any{"Effect": "Allow"}
		if r.deny {
			s["Effect"] = "Deny"
		}
		not := func(is bool, name string) string {
			if is {
				return "Not" + name
			}
			return name
		}
		s[not(r.notAction, "Action")], s[not(r.notResource, "Resource")] = r.actions, r.resources
		if r.principals != nil {
			p := map[string][]string{}
			for _, name := range r.principals {
				if service, ok := strings.CutPrefix(name, "svc:"); ok {
					p["Service"] = append(p["Service"], service)
				} else {
					p["AWS"] = append(p["AWS"], name)
				}
			}
			s[not(r.notPrincipal, "Principal")] = p
		}
		if r.operator != "" {
			s["Condition"] = map[string]any{r.prefix + r.operator + r.ifExists: map[string]any{"k:key": r.values}}
		}
		statements = append(statements, s)
	}
	text, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": statements})
	if err != nil {
		panic(err)
	}
	return string(text)
}

// A world is one drawn request with all its policies.
type world struct {
	r                                     iam.Request
	key                                   []string
	unjudged                              bool   // nobody knows whether the request has the key
	identity, boundary, session, resource []rule // nil: no such policy
	server, member, endpoint              []rule // server and member are service control policies
	decides, gateway                      bool   // gateway: the endpoint is one
}

func drawWorld(t *rapid.T) *world {
	w := &world{
		key:     rapid.SliceOfN(rapid.SampledFrom(values), 0, 2).Draw(t, "key"),
		decides: rapid.Bool().Draw(t, "decides"), gateway: rapid.Bool().Draw(t, "gateway"),
	}
	w.r = iam.Request{
		Principal: rapid.SampledFrom(callers).Draw(t, "caller"),
		Action:    rapid.SampledFrom(actions).Draw(t, "action"),
		Resource:  rapid.SampledFrom(resources).Draw(t, "resource"),
		Account:   rapid.SampledFrom([]string{account, other}).Draw(t, "owner"),
		Keys:      iam.KeyMap(map[string][]string{"k:key": w.key}),
	}
	if w.unjudged = len(w.key) == 0 && rapid.Bool().Draw(t, "unjudged"); w.unjudged {
		w.r.Judged = func(key string) bool { return key != "k:key" }
	}
	for _, p := range []struct {
		name string
		into *[]rule
		who  bool
	}{{"identity", &w.identity, false}, {"boundary", &w.boundary, false}, {"session", &w.session, false},
		{"server", &w.server, false}, {"member", &w.member, false},
		{"resource", &w.resource, true}, {"endpoint", &w.endpoint, true}} {
		if rapid.Bool().Draw(t, p.name) {
			*p.into = drawRules(t, p.name, p.who)
		}
	}
	return w
}

func (w *world) policies(t *rapid.T) *iam.Policies {
	one := func(kind iam.Kind, rules []rule) *iam.Policy {
		if rules == nil {
			return nil
		}
		p, err := iam.Parse(kind, kind.String(), document(rules))
		if err != nil {
			t.Fatalf("%v\n%s", err, document(rules))
		}
		return p
	}
	kind := iam.Endpoint
	if w.gateway {
		kind = iam.GatewayEndpoint
	}
	p := &iam.Policies{
		Boundary: one(iam.Boundary, w.boundary), Resource: one(iam.Resource, w.resource), Endpoint: one(kind, w.endpoint),
		ResourceDecides: w.decides,
	}
	for _, rules := range [][]rule{w.server, w.member} {
		if c := one(iam.ServiceControl, rules); c != nil {
			p.Control = append(p.Control, c)
		}
	}
	if i := one(iam.Identity, w.identity); i != nil {
		p.Identity = []*iam.Policy{i}
	}
	if s := one(iam.Session, w.session); s != nil {
		p.Session = []*iam.Policy{s}
	}
	return p
}

// The oracle: the same rules, told again in the plainest way.

func glob(pattern, s string, fold bool) bool {
	flags := "(?s)^"
	if fold {
		flags = "(?si)^"
	}
	return regexp.MustCompile(flags + strings.NewReplacer(
		`\*`, `.*`, `\?`, `.`,
	).Replace(regexp.QuoteMeta(pattern)) + `$`).MatchString(s)
}

// substitute puts values into the two variables that are drawn.
func (w *world) substitute(s string) (string, bool) {
	name := ""
	if w.r.Principal.Kind == iam.User {
		name = w.r.Principal.Name
	}
	if name == "" && strings.Contains(s, "${aws:username}") {
		return "", false
	}
	s = strings.ReplaceAll(s, "${aws:username}", name)
	if name == "" {
		name = "bob"
	}
	return strings.ReplaceAll(s, "${aws:username, 'bob'}", name), true
}

func (w *world) conditionHolds(r rule) bool {
	absent := len(w.key) == 0
	switch r.operator {
	case "":
		return true
	}
	if w.unjudged {
		return r.deny
	}
	switch r.operator {
	case "Null":
		return r.values[0] == map[bool]string{true: "true", false: "false"}[absent]
	}
	negative := strings.Contains(r.operator, "Not")
	if absent {
		return r.ifExists != "" || r.prefix == "ForAllValues:" || r.prefix == "" && negative
	}
	var each []bool
	for _, have := range w.key {
		fits, unresolved := false, false
		for _, want := range r.values {
			want, ok := w.substitute(want)
			switch {
			case !ok:
				unresolved = true
			case strings.HasSuffix(r.operator, "Like"):
				fits = fits || glob(want, have, false)
			default:
				fits = fits || want == have
			}
		}
		if negative {
			fits = !fits && (r.deny || !unresolved)
		}
		each = append(each, fits)
	}
	if r.prefix == "ForAllValues:" || r.prefix == "" && negative {
		return !slices.Contains(each, false)
	}
	return slices.Contains(each, true)
}

// closeness is 0 for a caller that the rule does not name, 1 for its account, 2 for its role or everybody, 3 for
// itself.
func (w *world) closeness(r rule, gateway bool) int {
	if r.principals == nil {
		return 3
	}
	c := w.r.Principal
	levels := map[string]int{}
	switch c.Kind {
	case iam.Root:
		levels[c.Account] = 1
	case iam.FederatedUser:
		levels[c.Account], levels[c.User], levels[c.ARN] = 1, 2, 3
	case iam.User:
		levels[c.Account], levels[c.ARN] = 1, 3
	case iam.AssumedRole:
		levels[c.Account], levels[c.Role], levels[c.ARN] = 1, 2, 3
	case iam.Service:
		levels["svc:"+c.Name] = 3
	}
	everybody := slices.Contains(r.principals, "*")
	if gateway && c.Kind != iam.Root { // an account there is not the caller's
		delete(levels, c.Account)
		levels["-"] = 1
	}
	if !r.notPrincipal {
		best := 0
		if everybody {
			best = 2
		}
		for _, p := range r.principals {
			best = max(best, levels[p])
		}
		return best
	}
	missing, listed := 0, 0
	for level := range levels {
		if everybody || slices.Contains(r.principals, level) {
			listed++
		} else {
			missing++
		}
	}
	if len(levels) == 0 {
		if everybody {
			listed++
		} else {
			missing++
		}
	}
	if r.deny && missing > 0 || !r.deny && listed == 0 || r.deny && w.boundary != nil && c.Kind != iam.Root {
		return 2
	}
	return 0
}

// says returns whether rules deny, and how closely they allow.
func (w *world) says(rules []rule, gateway bool) (deny bool, allow int) {
	for _, r := range rules {
		action := slices.ContainsFunc(r.actions, func(p string) bool { return glob(p, w.r.Action, true) }) != r.notAction
		matched, unresolved := false, false
		for _, g := range r.resources {
			text, ok := w.substitute(g)
			unresolved = unresolved || !ok
			matched = matched || ok && glob(text, w.r.Resource, false)
		}
		resource := matched != r.notResource
		if r.notResource && !r.deny && unresolved && !slices.Contains(r.resources, "*") {
			resource = false
		}
		if closeness := w.closeness(r, gateway); action && resource && closeness > 0 && w.conditionHolds(r) {
			deny = deny || r.deny
			if !r.deny {
				allow = max(allow, closeness)
			}
		}
	}
	return deny, allow
}

func (w *world) allowed() bool {
	c := w.r.Principal
	var allow [7]int
	controlled := c.Kind != iam.Service && c.Kind != iam.Anonymous && !c.ServiceLinked
	for i, rules := range [7][]rule{w.identity, w.boundary, w.session, w.resource, w.endpoint, w.server, w.member} {
		if c.Kind == iam.Root && i < 3 || !controlled && i >= 5 {
			continue
		}
		deny, a := w.says(rules, w.gateway && i == 4)
		if deny {
			return false
		}
		allow[i] = a
	}
	limits := c.Kind == iam.Root || (w.boundary == nil || allow[1] > 0) && (w.session == nil || allow[2] > 0)
	own := c.Kind == iam.Root || allow[0] > 0 && limits
	everybody, direct := allow[3] == 2, allow[3] == 3
	if w.endpoint != nil && allow[4] == 0 ||
		controlled && (w.server != nil && allow[5] == 0 || w.member != nil && allow[6] == 0) {
		return false
	}
	switch {
	case c.Kind == iam.Service || c.Kind == iam.Anonymous:
		return everybody || direct
	case w.r.Account != c.Account:
		return allow[3] > 0 && own
	case w.decides:
		return allow[3] > 0 && own || everybody && limits || direct
	}
	return own || everybody && limits || direct
}

func TestEvaluateAgreesWithTheOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		if d := iam.Evaluate(&w.r, w.policies(t)); d.Allow != w.allowed() {
			t.Fatalf("%v (%v), the oracle says %v", d, d.Allow, w.allowed())
		}
	})
}

// TestExplainAgreesWithEvaluate: what decided is among what is told, and what is told to apply has its effect.
func TestExplainAgreesWithEvaluate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		p := w.policies(t)
		d, e := iam.Evaluate(&w.r, p), iam.Explain(&w.r, p)
		if e.Decision != d {
			t.Fatalf("%v is explained as %v", d, e.Decision)
		}
		denies, found := false, false
		for _, read := range e.Policies {
			for _, s := range read.Statements {
				denies = denies || s.Applies && s.Deny
				found = found || s.Applies && read.Kind == d.Kind && s.Index == d.Statement && s.Deny == !d.Allow
				if !s.Applies && s.Why == "" {
					t.Fatalf("statement %d of %s does not apply, and nothing says why", s.Index, read.Name)
				}
			}
		}
		if denies != (d.Reason == iam.ExplicitDeny) || d.Statement >= 0 && !found {
			t.Fatalf("%v is not what the statements say: %+v", d, e.Policies)
		}
	})
}

func TestDenyNeverAllowsMore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		before := iam.Evaluate(&w.r, w.policies(t))
		more := drawRules(t, "more", true)
		more[0].deny = true
		of := rapid.SampledFrom([]*[]rule{
			&w.identity, &w.boundary, &w.session, &w.server, &w.member, &w.resource, &w.endpoint,
		}).Draw(t, "of")
		if *of == nil {
			t.Skip("no such policy")
		}
		if of != &w.resource && of != &w.endpoint {
			more[0].principals = nil
		}
		*of = append(*of, more[0])
		if after := iam.Evaluate(&w.r, w.policies(t)); after.Allow && !before.Allow {
			t.Fatalf("%v became %v", before, after)
		}
	})
}

// TestIgnoranceNeverAllowsMore than knowing that the request does not have the key, or that it has some value.
func TestIgnoranceNeverAllowsMore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		w.r.Judged = nil
		known := iam.Evaluate(&w.r, w.policies(t))
		w.r.Keys, w.r.Judged = nil, func(key string) bool { return key != "k:key" }
		unknown := iam.Evaluate(&w.r, w.policies(t))
		if unknown.Allow && !known.Allow {
			t.Fatalf("%v, and with the key %v", unknown, known)
		}
		if unknown.Allow != known.Allow && unknown.Unjudged == "" {
			t.Fatalf("%v does not say what it rests on; with the key %v", unknown, known)
		}
	})
}

func TestOrderChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		before := iam.Evaluate(&w.r, w.policies(t))
		for _, rules := range [][]rule{w.identity, w.boundary, w.session, w.server, w.member, w.resource, w.endpoint} {
			slices.Reverse(rules)
		}
		after := iam.Evaluate(&w.r, w.policies(t))
		if before.Allow != after.Allow || before.Reason != after.Reason || before.Kind != after.Kind {
			t.Fatalf("%v became %v", before, after)
		}
	})
}

func TestLimitsNeverGrant(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		with := iam.Evaluate(&w.r, w.policies(t))
		w.boundary, w.session, w.endpoint, w.server, w.member = nil, nil, nil, nil, nil
		if without := iam.Evaluate(&w.r, w.policies(t)); with.Allow && !without.Allow {
			t.Fatalf("allowed by a limit: %v, without it %v", with, without)
		}
	})
}
