package iam_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"postern/aws/iam"
)

// sized is a policy of so many bytes: spaces before its end make it long.
func sized(n int) string {
	text := strings.ReplaceAll(`{'Statement':`+permit+`}`, "'", `"`)
	return text[:len(text)-1] + strings.Repeat(" ", n-len(text)) + "}"
}

// manyMembers is an object with so many members, and one more of a name.
func manyMembers(n int, last string) string {
	var b strings.Builder
	b.WriteString("{")
	for i := range n {
		fmt.Fprintf(&b, `"m%d":1,`, i)
	}
	return b.String() + "\n  \"" + last + "\":1\n}"
}

// TestDocumentBounds: what is read as a policy has at most 128 KiB and eight levels, and is UTF-8.
func TestDocumentBounds(t *testing.T) {
	deep := func(levels int) string { return strings.Repeat("[", levels) + strings.Repeat("]", levels) }
	for _, tt := range []struct{ name, document, why string }{
		{"longest", sized(128 << 10), ""},
		{"too long", sized(128<<10 + 1), "line 1, column 1: the policy is longer than 131072 bytes"},
		{"eight levels", `{"Statement":` + deep(7) + `}`, "Statement[0]: must be an object, not a list"},
		{"nine levels", `{"Statement":` + deep(8) + `}`, "line 1, column 21: more than 8 levels deep"},
		{"not UTF-8", "{\"Statement\":\"\xff\"}", "line 1, column 1: the policy is not UTF-8 text"},
		{"a list that is not closed", `{"Statement":[`, "line 1, column 15: not valid JSON: the document ends too early"},
		{"an object that is not closed", `{"Statement":{`, "line 1, column 15: not valid JSON: the document ends too early"},
		{"closed as something else", `{"Statement":[}`, "line 1, column 15: not valid JSON: invalid character '}'"},
		{"a value that is none", "{\n\"Statement\": wrong}", "line 2, column 14: not valid JSON: invalid character 'w'"},
		{"null", `null`, "line 1, column 1: a policy is an object, not null"},
		{"a number", ` 17`, "line 1, column 2: a policy is an object, not a number"},
		{"a Boolean", `true`, "a policy is an object, not a Boolean"},
		{"an Id", `{"Id":"x","Statement":` + strings.ReplaceAll(permit, "'", `"`) + `}`, ""},
		{"an Id that is a number", `{"Id":1}`, "line 1, column 7, Id: must be a string, not a number"},
		{"a version that is a number", `{"Version":2012}`, "Version: The policy must contain a valid version string"},
		{"the older version", `{"Version":"2008-10-17","Statement":` + strings.ReplaceAll(permit, "'", `"`) + `}`, ""},
		{"twice", `{"Id":"a",` + "\n " + `"Id":"b"}`, `line 2, column 2: "Id" stands twice in one object`},
		{"twice among many", manyMembers(17, "m16"), `"m16" stands twice in one object`},
		{"twice among few", manyMembers(16, "m15"), `"m15" stands twice in one object`},
		{"the first twice among many", manyMembers(40, "m0"), `line 2, column 3: "m0" stands twice in one object`},
		{"many members", manyMembers(40, "m40"), "m0: is not an element of a policy"},
		{"twice, and not JSON", `{"Id":"a","Id":"b"`, "line 1, column 19: not valid JSON: the document ends too early"},
		{"twice among many, and not JSON", manyMembers(40, "m0") + "]", "line 3, column 2: something follows the policy"},
		{"too deep, and not JSON", deep(9) + ",", "something follows the policy"},
		{"a name twice in different objects", `{"Id":{"a":{"b":1},"b":{"a":1}}}`, "Id: must be a string, not an object"},
		{"a name twice as it is read", `{"Id":"a","\u0049d":"b"}`, `line 1, column 11: "Id" stands twice`},
		{"escapes", `{"Id":"\u0049\n\ud83d\ude00","\u0053tatement":` + strings.ReplaceAll(permit, "'", `"`) + `}`, ""},
		{"something follows", sized(100) + "\n{}", "line 2, column 1: something follows the policy"},
	} {
		_, err := iam.Parse(iam.Identity, "p", tt.document)
		if tt.why == "" && err != nil || tt.why != "" && (err == nil || !strings.Contains(err.Error(), tt.why)) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.why)
		}
	}
}

// Why elements are refused.
const (
	noAction   = "Policy statement must contain actions."
	noResource = "Policy statement must contain resources."
	noARN      = "must be in ARN format"
	noVendor   = "must be prefaced by a vendor"
	noUser     = "Invalid principal in policy"
	noText     = "must be a string or a list of strings"
)

// An elementCase is the part of an Allow statement beside Effect, and why it is refused; no reason: it is taken.
type elementCase struct {
	kind      iam.Kind
	statement string
	why       string
}

var actionElements = []elementCase{
	{iam.Identity, `'Action':'*','Resource':'*'`, ""},
	{iam.Identity, `'Action':'*:*','Resource':'*'`, ""},
	{iam.Identity, `'Action':['s3:Get*','ec2:?un-a_b'],'Resource':['*']`, ""},
	{iam.Identity, `'Action':'ec2:','Resource':'*'`, noVendor},
	{iam.Identity, `'Action':':Run','Resource':'*'`, noVendor},
	{iam.Identity, `'Action':'Run','Resource':'*'`, noVendor},
	{iam.Identity, `'Action':'','Resource':'*'`, noVendor},
	{iam.Identity, `'Action':'e c2:Run','Resource':'*'`, "Vendor e c2 is not valid"},
	{iam.Identity, `'Action':'execute-api:Invoke','Resource':'*'`, ""},
	{iam.Identity, `'Action':'éc2:Run','Resource':'*'`, "Vendor éc2 is not valid"},
	{iam.Identity, `'Action':'ec2:Rün','Resource':'*'`, "Action ec2:Rün is not valid"},
	{iam.Identity, `'Action':'ec2:Run:Run','Resource':'*'`, "Action ec2:Run:Run is not valid"},
	{iam.Identity, `'Action':[],'Resource':'*'`, noAction},
	{iam.Identity, `'NotAction':[],'Resource':'*'`, noAction},
	{iam.Identity, `'Action':{'a':'b'},'Resource':'*'`, noText},
	{iam.Identity, `'Action':[true],'Resource':'*'`, noText},
	{iam.Identity, `'Action':'*','NotAction':'*','Resource':'*'`, "stands beside Action"},
	{iam.Identity, `'NotAction':'*','Action':'*','Resource':'*'`, "stands beside NotAction"},
	{iam.Identity, `'Action':'*','Resource':'*','NotResource':'*'`, "stands beside Resource"},
	{iam.Resource, `'Action':'*','Resource':'*','Principal':'*','NotPrincipal':'*'`, "stands beside Principal"},
}

var resourceElements = []elementCase{
	{iam.Identity, `'Resource':'*'`, noAction},
	{iam.Identity, `'Action':'*'`, noResource},
	{iam.Identity, `'Action':'*','Resource':[]`, noResource},
	{iam.Identity, `'Action':'*','Resource':1`, noText},
	{iam.Identity, `'Action':'*','Resource':'arn:aws:s3:::'`, noARN},
	{iam.Identity, `'Action':'*','Resource':'arn:aws::::b'`, noARN},
	{iam.Identity, `'Action':'*','Resource':'urn:aws:s3:::b'`, noARN},
	{iam.Identity, `'Action':'*','Resource':'arn:aws:s3::b'`, noARN},
	{iam.Identity, `'Action':'*','Resource':'arn:${a:b, 'x:y'}:s3:::b'`, ""},
	{iam.Identity, `'Action':'*','Resource':'**'`, noARN},
}

var sidElements = []elementCase{
	{iam.Identity, `'Action':'*','Resource':'*','Sid':'aZ09'`, ""},
	{iam.Identity, `'Action':'*','Resource':'*','Sid':'a b'`, "must be alpha-numeric"},
	{iam.Session, `'Action':'*','Resource':'*','Sid':'a-b'`, "must be alpha-numeric"},
	{iam.Boundary, `'Action':'*','Resource':'*','Sid':'é'`, "must be alpha-numeric"},
	{iam.Trust, `'Action':'sts:AssumeRole','Principal':'*','Sid':'a b'`, "must be alpha-numeric"},
	{iam.Resource, `'Action':'*','Resource':'*','Principal':'*','Sid':'a é-b'`, ""},
	{iam.Endpoint, `'Action':'*','Resource':'*','Principal':'*','Sid':'a b'`, ""},
	{iam.Identity, `'Action':'*','Resource':'*','Sid':1`, "must be a string, not a number"},
}

var principalElements = []elementCase{
	{iam.Identity, `'Action':'*','Resource':'*','Principal':'*'`, "should not specify a principal"},
	{iam.Session, `'Action':'*','Resource':'*','NotPrincipal':'*'`, "should not specify a principal"},
	{iam.Boundary, `'Action':'*','Resource':'*','Principal':'*'`, "should not specify a principal"},
	{iam.Resource, `'Action':'*','Resource':'*'`, "Missing required field Principal"},
	{iam.Endpoint, `'Action':'*','Resource':'*'`, "Missing required field Principal"},
}

var trustElements = []elementCase{
	{iam.Trust, `'Action':'sts:*','Principal':'*'`, ""},
	{iam.Trust, `'Action':'*','Principal':'*'`, noVendor},
	{iam.Trust, `'Action':'*:*','Principal':'*'`, "Vendor * is not valid"},
	{iam.Trust, `'Action':'sts:TagSession','Principal':'*'`, ""},
	{iam.Trust, `'Action':'sts:GetCallerIdentity','Principal':'*'`, "may only specify STS AssumeRole"},
	{iam.Trust, `'NotAction':'sts:AssumeRole','Principal':'*'`, ""},
	{iam.Trust, `'Action':'sts:AssumeRole','Principal':'*','NotResource':'*'`, "prohibited field Resource"},
}

var principalForms = []elementCase{
	{iam.Resource, `'Action':'*','Resource':'*','Principal':'x'`, `must be "*" or an object`},
	{iam.Resource, `'Action':'*','Resource':'*','Principal':{}`, `must be "*" or an object`},
	{iam.Resource, `'Action':'*','Resource':'*','Principal':['*']`, `must be "*" or an object`},
	{iam.Resource, `'Action':'*','Resource':'*','Principal':{'AWS':[]}`, "must not be empty"},
	{iam.Resource, `'Action':'*','Resource':'*','Principal':{'AWS':1}`, noText},
	{iam.Resource, `'Action':'*','Resource':'*','Principal':{'aws':'*'}`, noUser},
	{iam.Resource, `'Action':'*','Resource':'*','Principal':{'Service':'*'}`, noUser},
	{iam.Resource, `'Action':'*','Resource':'*','Principal':{'Service':'ec2'}`, noUser},
	{iam.Resource, `'Action':'*','Resource':'*','Principal':{'Service':''}`, noUser},
	{iam.Resource, `'Action':'*','Resource':'*','Principal':{'Federated':''}`, noUser},
	{iam.Resource, `'Action':'*','Resource':'*','Principal':{'Federated':'x','CanonicalUser':'y'}`, ""},
}

var conditionElements = []elementCase{
	{iam.Identity, `'Action':'*','Resource':'*','Condition':[]`, "must be an object, not a list"},
	{iam.Identity, `'Action':'*','Resource':'*','Condition':{'Bool':{':a':'true'}}`, noVendor},
	{iam.Identity, `'Action':'*','Resource':'*','Condition':{'Bool':{'a:':'true'}}`, noVendor},
	{iam.Identity, `'Action':'*','Resource':'*','Condition':{'Bool':{'a':'true'}}`, noVendor},
	{iam.Identity, `'Action':'*','Resource':'*','Condition':{'Bool':{'a:b':[true,'false']}}`, ""},
	{iam.Identity, `'Action':'*','Resource':'*','Condition':{'Bool':{'a:b':{}}}`, noText},
	{iam.Identity, `'Action':'*','Resource':'*','Condition':{'Bool':{'a:b':null}}`, noText},
	{iam.Identity, `'Action':'*','Resource':'*','Condition':{'NumericEquals':{'a:b':'NaN'}}`, "must be a number"},
	{iam.Identity, `'Action':'*','Resource':'*','Condition':{'NumericEquals':{'a:b':'Inf'}}`, "must be a number"},
	{iam.Identity, `'Action':'*','Resource':'*','Condition':{'NumericEquals':{'a:b':'0x1p4'}}`, "must be a number"},
	{iam.Identity, `'Action':'*','Resource':'*','Condition':{'ForAllValues:Bool':{'a:b':true}}`, ""},
	{
		iam.Identity, `'Action':'*','Resource':'*','Condition':{'ForSomeValues:Bool':{'a:b':true}}`,
		"Invalid Condition type",
	},
	{iam.Identity, `'Action':'*','Resource':'*','Condition':{'IfExists':{'a:b':true}}`, "Invalid Condition type"},
	{iam.Identity, `'Action':'*','Resource':'*','Extra':1`, "is not an element of a statement"},
}

// TestElements: what each element takes and refuses, in a statement that is right otherwise.
func TestElements(t *testing.T) {
	for _, tt := range slices.Concat(
		actionElements, resourceElements, sidElements, principalElements, trustElements, principalForms, conditionElements,
	) {
		text := strings.ReplaceAll(tt.statement, "'", `"`)
		text = strings.ReplaceAll(text, `"x:y"`, `'x:y'`)
		document := `{"Version":"2012-10-17","Statement":{"Effect":"Allow",` + text + `}}`
		_, err := iam.Parse(tt.kind, "p", document)
		if p, errNew := iam.ParseNew(tt.kind, "p", document); err != nil && (p != nil || errNew == nil) {
			t.Errorf("%s: %s: refused, and taken for use: %v, %v", tt.kind, tt.statement, p, errNew)
		}
		if tt.why == "" && err != nil || tt.why != "" && (err == nil || !strings.Contains(err.Error(), tt.why)) {
			t.Errorf("%s: %s: %v, want %q", tt.kind, tt.statement, err, tt.why)
		}
	}
}

// TestVariableForms: a variable is a key with a vendor, and a default in single quotation marks.
func TestVariableForms(t *testing.T) {
	for variable, ok := range map[string]bool{
		"${a:b}": true, "${a:b,'x'}": true, "${a:b , ''}": true, "${*}": true, "${?}": true, "${$}": true,
		"${aws:PrincipalTag/a:b}": true, "${a:b}${c:d}": true, "}${a:b}": true,
		"${b}": false, "${}": false, "${a:b": false, "${a:b*}": false, "${a:?}": false, "${a:$}": false, "${a b:c}": false,
		"${a:b,'x}": false, "${a:b,x'}": false, "${a:b,'}": false, "${a:b,}": false, "${a:b,x}": false, "${a:'b'}": false,
		"${a:b}${": false,
	} {
		for _, form := range []string{
			`"Resource":"arn:aws:s3:::%s"`,
			`"Resource":"*","Condition":{"StringEquals":{"a:b":"%s"}}`,
			`"Resource":"*","Condition":{"StringEqualsIgnoreCase":{"a:b":"%s"}}`,
			`"Resource":"*","Condition":{"StringLike":{"a:b":"%s"}}`,
			`"Resource":"*","Condition":{"ArnLike":{"a:b":"arn:aws:s3:::%s"}}`,
		} {
			document := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*",` + fmt.Sprintf(
				form, variable,
			) + `}}`
			if _, err := iam.Parse(iam.Identity, "p", document); (err == nil) != ok {
				t.Errorf("%s: %v", document, err)
			}
		}
	}
}

// TestPrincipalForms: which callers an element Principal can name, and which it lets in.
func TestPrincipalForms(t *testing.T) {
	federated := &iam.Principal{
		Kind: iam.FederatedUser, ARN: "arn:aws:sts::111111111111:federated-user/fred", Account: account,
	}
	all := []*iam.Principal{bob, node, root, federated, stranger, ec2, nobody}
	names := []string{"bob", "node", "root", "federated", "stranger", "ec2", "nobody"}
	for _, tt := range []struct{ principal, lets string }{
		{`'*'`, "bob node root federated stranger ec2 nobody"},
		{`{'AWS':'*'}`, "bob node root federated stranger ec2 nobody"},
		{`{'AWS':'111111111111'}`, "bob node root federated"},
		{`{'AWS':'arn:aws:iam::111111111111:root'}`, "bob node root federated"},
		{`{'AWS':'arn:aws:iam::111111111111:user/ops/bob'}`, "bob"},
		{`{'AWS':['222222222222','arn:aws:iam::111111111111:user/ops/bob']}`, "bob stranger"},
		{`{'AWS':'arn:aws:iam::111111111111:role/NodeRole'}`, "node"},
		{`{'AWS':'arn:aws:sts::111111111111:assumed-role/NodeRole/i-1'}`, "node"},
		{`{'AWS':'arn:aws:sts::111111111111:federated-user/fred'}`, "federated"},
		{`{'Service':'ec2.amazonaws.com'}`, "ec2"},
		{`{'Service':['ssm.amazonaws.com','ec2.amazonaws.com'],'AWS':'222222222222'}`, "stranger ec2"},
		{`{'Federated':'x','CanonicalUser':'111111111111'}`, ""},
		{`{'AWS':'arn:aws:iam::111111111111:group/g'}`, "refused"},
		{`{'AWS':'arn:aws:iam::111111111111:assumed-role/a/b'}`, "refused"},
		{`{'AWS':'arn:aws:iam::111111111111:federated-user/fred'}`, "refused"},
		{`{'AWS':'arn:aws:sts::111111111111:user/bob'}`, "refused"},
		{`{'AWS':'arn:aws:sts::111111111111:root'}`, "refused"},
		{`{'AWS':'arn:aws:sts::111111111111:role/r'}`, "refused"},
		{`{'AWS':'arn:aws:iam::11111111111:root'}`, "refused"},
		{`{'AWS':'arn:aws:iam::1111111111111:root'}`, "refused"},
		{`{'AWS':'arn:aws:iam::11111111111x:root'}`, "refused"},
		{`{'AWS':'arn:aws:iam::11111111111/:root'}`, "refused"},
		{`{'AWS':'arn:aws:iam::11111111111::root'}`, "refused"},
		{`{'AWS':'arn:aws:iam::000000000000:root'}`, ""},
		{`{'AWS':'999999999999'}`, ""},
		{`{'AWS':'arn:aws:iam::999999999999:user/?'}`, "refused"},
		{`{'AWS':'11111111111'}`, "refused"},
		{`{'AWS':''}`, "refused"},
		{`{'AWS':'bob'}`, "refused"},
	} {
		statement := `{'Effect':'Allow','Principal':` + tt.principal + `,'Action':'*','Resource':'*'}`
		p, err := iam.Parse(iam.Endpoint, "p", doc(statement))
		if err != nil {
			if tt.lets != "refused" || !strings.Contains(err.Error(), "Invalid principal in policy") {
				t.Errorf("%s: %v", tt.principal, err)
			}
			continue
		}
		var lets []string
		for i, who := range all {
			// The policy of an endpoint limits everybody, root and services too, and grants nothing.
			d := iam.Evaluate(&iam.Request{Principal: who, Action: "x:Y", Resource: "*"}, &iam.Policies{Endpoint: p})
			if d.Reason != iam.EndpointSilent {
				lets = append(lets, names[i])
			}
		}
		if got := strings.Join(lets, " "); got != tt.lets {
			t.Errorf("%s lets %q pass, want %q", tt.principal, got, tt.lets)
		}
	}
	p := parse(t, iam.Resource, "r", permit[:len(permit)-1]+`,'Principal':{'AWS':['111111111111','`+bob.ARN+`']}}`,
		permit[:len(permit)-1]+`,'Principal':{'Service':'ec2.amazonaws.com','AWS':'`+node.Role+`'}}`)
	if got := p.AWSPrincipals(); !slices.Equal(got, []string{account, bob.ARN, node.Role}) {
		t.Errorf("%v", got)
	}
}
