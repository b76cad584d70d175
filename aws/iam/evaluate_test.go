package iam_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"postern/aws/iam"
)

const (
	account = "111111111111"
	other   = "222222222222"
)

var (
	bob = &iam.Principal{
		Kind: iam.User, ARN: "arn:aws:iam::111111111111:user/ops/bob", Account: account, UserID: "AIDABOB", Name: "bob",
		Tags: map[string]string{"team": "blue"},
	}
	node = &iam.Principal{
		Kind: iam.AssumedRole, ARN: "arn:aws:sts::111111111111:assumed-role/NodeRole/i-1", Account: account,
		UserID: "AROANODE:i-1",
		Role:   "arn:aws:iam::111111111111:role/NodeRole", Issued: time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC),
		SourceInstance: "arn:aws:ec2:us-east-1:111111111111:instance/i-1", SourceVPC: "vpc-1", SourceAddress: "10.0.1.20",
	}
	root     = &iam.Principal{Kind: iam.Root, ARN: "arn:aws:iam::111111111111:root", Account: account, UserID: account}
	stranger = &iam.Principal{
		Kind:    iam.User,
		ARN:     "arn:aws:iam::222222222222:user/eve",
		Account: other,
		UserID:  "AIDAEVE",
		Name:    "eve",
	}
	ec2       = &iam.Principal{Kind: iam.Service, Name: "ec2.amazonaws.com"}
	nobody    = &iam.Principal{}
	federated = &iam.Principal{
		Kind: iam.FederatedUser, ARN: "arn:aws:sts::111111111111:federated-user/fred", Account: account,
		UserID: "111111111111:fred", User: bob.ARN,
	}
	linked = &iam.Principal{
		Kind: iam.AssumedRole, ARN: "arn:aws:sts::111111111111:assumed-role/AWSServiceRoleForX/s", Account: account,
		Role: "arn:aws:iam::111111111111:role/aws-service-role/x.amazonaws.com/AWSServiceRoleForX", ServiceLinked: true,
	}
	tagged = &iam.Principal{
		Kind: iam.User, ARN: "arn:aws:iam::111111111111:user/tim", Account: account, UserID: "AIDATIM", Name: "tim",
		Tags: map[string]string{"team": "red", "empty": ""},
	}
)

// doc makes a document of statements that are written without quotation marks' noise: ' stands for ", and ~ for '.
func doc(statements ...string) string {
	text := strings.NewReplacer("'", `"`, "~", "'").Replace(strings.Join(statements, ","))
	return `{"Version":"2012-10-17","Statement":[` + text + `]}`
}

func parse(t testing.TB, kind iam.Kind, name string, statements ...string) *iam.Policy {
	t.Helper()
	p, err := iam.Parse(kind, name, doc(statements...))
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, doc(statements...))
	}
	return p
}

const (
	all     = `{'Effect':'Allow','Action':'*','Resource':'*'}`
	getOnly = `{'Effect':'Allow','Action':'ssm:Get*','Resource':'arn:aws:ssm:*:*:parameter/*'}`
	denyGet = `{'Sid':'NoGet','Effect':'Deny','Action':'ssm:GetParameter','Resource':'*'}`
	open    = `{'Effect':'Allow','Principal':'*','Action':'*','Resource':'*'}`
)

// toAll allows everything to one principal.
func toAll(principal string) string {
	return `{'Effect':'Allow','Principal':{'AWS':'` + principal + `'},'Action':'*','Resource':'*'}`
}

const (
	allow = true
	deny  = false
)

type policies struct {
	identity, boundary, session, resource, endpoint []string
	decides                                         bool
}

// A decisionCase says who asks for whose parameter, what policies there are, and what is decided for what reason.
type decisionCase struct {
	name     string
	who      *iam.Principal
	owner    string
	policies policies
	allow    bool
	reason   iam.Reason
}

var identityDecisions = []decisionCase{
	{"nothing", bob, "", policies{}, deny, iam.IdentitySilent},
	{"identity", bob, "", policies{identity: []string{getOnly}}, allow, iam.ByIdentity},
	{"identity denies", bob, "", policies{identity: []string{all, denyGet}}, deny, iam.ExplicitDeny},
	{"root", root, "", policies{}, allow, iam.ByRoot},
	{"root and its own deny", root, "", policies{identity: []string{denyGet}}, allow, iam.ByRoot},
	{
		"root and an endpoint that is silent", root, "", policies{endpoint: []string{toAll(other)}}, deny,
		iam.EndpointSilent,
	},
}

var endpointDecisions = []decisionCase{
	{"endpoint alone never grants", bob, "", policies{endpoint: []string{open}}, deny, iam.IdentitySilent},
	{"endpoint allows too", bob, "", policies{identity: []string{all}, endpoint: []string{open}}, allow, iam.ByIdentity},
	{
		"endpoint silent", bob, "", policies{identity: []string{all}, endpoint: []string{toAll(node.Role)}}, deny,
		iam.EndpointSilent,
	},
	{
		"endpoint names the role", node, "", policies{identity: []string{all}, endpoint: []string{toAll(node.Role)}}, allow,
		iam.ByIdentity,
	},
	{
		"endpoint names the account", node, "", policies{identity: []string{all}, endpoint: []string{toAll(account)}},
		allow, iam.ByIdentity,
	},
	{"endpoint denies", bob, "", policies{identity: []string{all}, endpoint: []string{open,
		`{'Effect':'Deny','Principal':'*','Action':'ssm:GetParameter','Resource':'*'}`}}, deny, iam.ExplicitDeny},
}

// limitDecisions are about boundaries and session policies.
var limitDecisions = []decisionCase{
	{"boundary", bob, "", policies{identity: []string{all}, boundary: []string{getOnly}}, allow, iam.ByIdentity},
	{
		"boundary silent", bob, "",
		policies{identity: []string{all}, boundary: []string{`{'Effect':'Allow','Action':'ec2:*','Resource':'*'}`}}, deny,
		iam.BoundarySilent,
	},
	{"boundary alone never grants", bob, "", policies{boundary: []string{all}}, deny, iam.IdentitySilent},
	{
		"session silent", node, "",
		policies{identity: []string{all}, session: []string{`{'Effect':'Allow','Action':'ec2:*','Resource':'*'}`}}, deny,
		iam.SessionSilent,
	},
	{
		"session denies", node, "", policies{identity: []string{all}, session: []string{all, denyGet}}, deny,
		iam.ExplicitDeny,
	},
	{"session denies first", node, "", policies{identity: []string{all}, session: []string{denyGet}}, deny,
		iam.ExplicitDeny},
	{"boundary denies first", bob, "", policies{identity: []string{all}, boundary: []string{denyGet}}, deny,
		iam.ExplicitDeny},
	{"session allows first", node, "", policies{identity: []string{all}, session: []string{getOnly}}, allow,
		iam.ByIdentity},
}

var resourceDecisions = []decisionCase{
	{"resource names the user", bob, "", policies{resource: []string{toAll(bob.ARN)}}, allow, iam.ByResource},
	{
		"resource names the user, past the boundary", bob, "",
		policies{resource: []string{toAll(bob.ARN)}, boundary: []string{denyGet}}, deny, iam.ExplicitDeny,
	},
	{"resource names the user, boundary silent", bob, "", policies{resource: []string{toAll(bob.ARN)},
		boundary: []string{`{'Effect':'Allow','Action':'ec2:*','Resource':'*'}`}}, allow, iam.ByResource},
	{"resource names the role, session silent", node, "", policies{resource: []string{toAll(node.Role)},
		session: []string{`{'Effect':'Allow','Action':'ec2:*','Resource':'*'}`}}, deny, iam.IdentitySilent},
	{"resource names the session, session silent", node, "", policies{resource: []string{toAll(node.ARN)},
		session: []string{`{'Effect':'Allow','Action':'ec2:*','Resource':'*'}`}}, allow, iam.ByResource},
	{"resource names the account only", bob, "", policies{resource: []string{toAll(account)}}, deny, iam.IdentitySilent},
	{"resource decides, silent", bob, "", policies{identity: []string{all}, decides: true}, deny, iam.ResourceSilent},
	{
		"resource decides, names the account", bob, "",
		policies{identity: []string{all}, resource: []string{toAll("arn:aws:iam::" + account + ":root")}, decides: true},
		allow, iam.ByIdentity,
	},
	{"resource decides, root", root, "", policies{decides: true}, deny, iam.ResourceSilent},
}

// foreignDecisions are about another account's resource, nobody, and services.
var foreignDecisions = []decisionCase{
	{"another account's resource", bob, other, policies{identity: []string{all}}, deny, iam.ResourceSilent},
	{
		"another account's resource, both", bob, other,
		policies{identity: []string{all}, resource: []string{toAll(account)}}, allow, iam.ByIdentity,
	},
	{
		"another account's resource, without own", bob, other, policies{resource: []string{toAll(bob.ARN)}}, deny,
		iam.IdentitySilent,
	},
	{"nobody", nobody, account, policies{}, deny, iam.ResourceSilent},
	{"nobody, open", nobody, account, policies{resource: []string{open}}, allow, iam.ByResource},
	{"nobody, account", nobody, account, policies{resource: []string{toAll(account)}}, deny, iam.ResourceSilent},
	{
		"service", ec2, account,
		policies{
			resource: []string{`{'Effect':'Allow','Principal':{'Service':'ec2.amazonaws.com'},'Action':'*','Resource':'*'}`},
		},
		allow, iam.ByResource,
	},
	{
		"another service", ec2, account,
		policies{
			resource: []string{`{'Effect':'Allow','Principal':{'Service':'ssm.amazonaws.com'},'Action':'*','Resource':'*'}`},
		},
		deny, iam.ResourceSilent,
	},
}

func TestEvaluate(t *testing.T) {
	get := iam.Request{Action: "ssm:GetParameter", Resource: "arn:aws:ssm:us-east-1:111111111111:parameter/a"}
	for _, tt := range slices.Concat(
		identityDecisions, endpointDecisions, limitDecisions, resourceDecisions, foreignDecisions,
	) {
		p := &iam.Policies{ResourceDecides: tt.policies.decides}
		one := func(kind iam.Kind, statements []string) *iam.Policy {
			if statements == nil {
				return nil
			}
			return parse(t, kind, tt.name, statements...)
		}
		if i := one(iam.Identity, tt.policies.identity); i != nil {
			p.Identity = []*iam.Policy{i}
		}
		if s := one(iam.Session, tt.policies.session); s != nil {
			p.Session = []*iam.Policy{s}
		}
		p.Boundary = one(iam.Boundary, tt.policies.boundary)
		p.Resource = one(iam.Resource, tt.policies.resource)
		p.Endpoint = one(iam.Endpoint, tt.policies.endpoint)
		r := get
		r.Principal, r.Account = tt.who, tt.owner
		if d := iam.Evaluate(&r, p); d.Allow != tt.allow || d.Reason != tt.reason {
			t.Errorf("%s: %v (%v, reason %d), want %v for reason %d", tt.name, d, d.Allow, d.Reason, tt.allow, tt.reason)
		}
	}
}

func TestNotPrincipal(t *testing.T) {
	listed := func(effect, names string) string {
		return `{'Effect':'` + effect + `','NotPrincipal':{'AWS':[` + names + `]},'Action':'*','Resource':'*'}`
	}
	for _, tt := range []struct {
		who       *iam.Principal
		statement string
		allow     bool
	}{
		{bob, listed("Deny", `'`+bob.ARN+`','`+account+`'`), true},
		{bob, listed("Deny", `'`+bob.ARN+`'`), false}, // the account must be listed too
		{node, listed("Deny", `'`+account+`','`+node.Role+`'`), false},
		{node, listed("Deny", `'`+account+`','`+node.Role+`','`+node.ARN+`'`), true},
		{stranger, listed("Deny", `'`+account+`'`), false},
		{bob, listed("Allow", `'`+bob.ARN+`'`), false},
		{bob, listed("Allow", `'`+other+`'`), true},
		{nobody, listed("Deny", `'`+account+`'`), false},
	} {
		statements := []string{tt.statement}
		if strings.Contains(tt.statement, "Deny") {
			statements = append(statements, open)
		}
		r := &iam.Request{Principal: tt.who, Action: "s3:Get", Resource: "*", Account: tt.who.Account}
		if d := iam.Evaluate(r, &iam.Policies{Resource: parse(t, iam.Resource, "r", statements...)}); d.Allow != tt.allow {
			t.Errorf("%s with %s: %v", tt.who.ARN, tt.statement, d)
		}
	}
}

// TestNotPrincipalAndBoundary: whoever has a permissions boundary is denied, listed or not.
func TestNotPrincipalAndBoundary(t *testing.T) {
	statement := `{'Effect':'Deny','NotPrincipal':{'AWS':['` + bob.ARN + `','` + account +
		`']},'Action':'*','Resource':'*'}`
	r := &iam.Request{Principal: bob, Action: "s3:Get", Resource: "*", Account: account}
	p := &iam.Policies{Resource: parse(t, iam.Resource, "r", open, statement)}
	if d := iam.Evaluate(r, p); !d.Allow {
		t.Errorf("without a boundary: %v", d)
	}
	p.Boundary = parse(t, iam.Boundary, "limit", all)
	if d := iam.Evaluate(r, p); d.Allow || d.Reason != iam.ExplicitDeny {
		t.Errorf("with a boundary: %v", d)
	}
}

// TestNotPrincipalInTrustLetsNobodyIn, also where it was stored before it was refused.
func TestNotPrincipalInTrustLetsNobodyIn(t *testing.T) {
	statement := `{'Effect':'Allow','NotPrincipal':{'AWS':'` + bob.ARN + `'},'Action':'sts:AssumeRole'}`
	trust := parse(t, iam.Trust, "r", statement)
	for _, who := range []*iam.Principal{bob, node, stranger, ec2, nobody} {
		r := &iam.Request{
			Principal: who,
			Action:    "sts:AssumeRole",
			Resource:  "arn:aws:iam::111111111111:role/r",
			Account:   account,
		}
		p := &iam.Policies{Identity: []*iam.Policy{parse(t, iam.Identity, "i", all)}, Resource: trust, ResourceDecides: true}
		if d := iam.Evaluate(r, p); d.Allow {
			t.Errorf("%s: %v", who.ARN, d)
		}
	}
}

// TestCallerWhoLeft: nothing is decided, whatever the policies say.
// TestUnjudgedKeysAreNamed in what is said of a refusal that rests on them, and in no other.
func TestUnjudgedKeysAreNamed(t *testing.T) {
	const condition = `"Condition":{"StringEquals":{"s:Tag/Stage":"prod"}}`
	allow := `{"Effect":"Allow","Action":"*","Resource":"*"}`
	for _, tt := range []struct{ statements, word, message string }{
		{allow + `,{"Sid":"NoProd","Effect":"Deny","Action":"*","Resource":"*",` + condition + `}`,
			`explicit deny by statement 2 (NoProd) of identity-based policy "p", where the condition key s:tag/stage cannot ` +
				`be judged`,
			`with an explicit deny in an identity-based policy`},
		{`{"Effect":"Allow","Action":"*","Resource":"*",` + condition + `}`,
			`no identity-based policy allows it, where the condition key s:tag/stage cannot be judged`,
			`because no identity-based policy allows the s:Get action`},
		{`{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::${s:Tag/Stage}"}`,
			`no identity-based policy allows it, where the condition key s:tag/stage cannot be judged`,
			`because no identity-based policy allows the s:Get action`},
		{`{"Effect":"Allow","Action":"*","NotResource":"arn:aws:s3:::a/${s:Tag/Stage}"}`,
			`no identity-based policy allows it, where the condition key s:tag/stage cannot be judged`,
			`because no identity-based policy allows the s:Get action`},
		{allow + `,{"Effect":"Deny","Action":"*","Resource":"arn:aws:s3:::${s:Tag/Stage, 'x'}"}`,
			`explicit deny by statement 2 of identity-based policy "p", where the condition key s:tag/stage cannot be judged`,
			`with an explicit deny in an identity-based policy`},
		{
			allow + `,{"Effect":"Deny","Action":"*","Resource":"arn:aws:s3:::other-${s:Tag/Stage}"}`,
			`allowed by statement 1 of identity-based policy "p"`, "",
		},
		{`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringNotEquals":{"aws:username":"${s:Tag/Stage}"}}}`,
			`no identity-based policy allows it, where the condition key s:tag/stage cannot be judged`,
			`because no identity-based policy allows the s:Get action`},
		{allow + `,{"Effect":"Deny","Action":"*","Resource":"*",` +
			`"Condition":{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:user/${s:Tag/Stage}"}}}`,
			`explicit deny by statement 2 of identity-based policy "p", where the condition key s:tag/stage cannot be judged`,
			`with an explicit deny in an identity-based policy`},
		{
			allow + `,{"Effect":"Allow","Action":"*","Resource":"*",` + condition + `}`,
			`allowed by statement 1 of identity-based policy "p"`, "",
		},
		{
			`{"Effect":"Allow","Action":"t:*","Resource":"*",` + condition + `}`, `no identity-based policy allows it`,
			`because no identity-based policy allows the s:Get action`,
		},
	} {
		p, err := iam.Parse(iam.Identity, "p", `{"Version":"2012-10-17","Statement":[`+tt.statements+`]}`)
		if err != nil {
			t.Fatal(err)
		}
		r := &iam.Request{
			Principal: bob,
			Action:    "s:Get",
			Resource:  "arn:aws:s3:::b",
			Judged:    func(key string) bool { return strings.HasPrefix(key, "aws:") },
		}
		d := iam.Evaluate(r, &iam.Policies{Identity: []*iam.Policy{p}})
		if d.String() != tt.word || !d.Allow && !strings.HasSuffix(d.Message(r, r.Resource), tt.message) {
			t.Errorf("%s\n%s\nwant %s\n%s", d, d.Message(r, r.Resource), tt.word, tt.message)
		}
	}
}
