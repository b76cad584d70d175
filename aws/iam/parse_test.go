package iam_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"postern/aws/iam"
)

// A parseCase is a document that is refused, with the place and the reason that the error names.
type parseCase struct {
	kind     iam.Kind
	document string
	line     int
	element  string
	why      string
}

var badDocuments = []parseCase{
	{iam.Identity, ``, 1, "", "ends too early"},
	{iam.Identity, `{`, 1, "", "ends too early"},
	{iam.Identity, "{\n\n  'Version' 'x'}", 3, "", "not valid JSON"},
	{iam.Identity, `[]`, 1, "", "a policy is an object, not a list"},
	{iam.Identity, `{}`, 1, "Statement", "is missing"},
	{iam.Identity, `{'Statement':[` + permit + `]} x`, 1, "", "something follows"},
	{iam.Identity, "{'Version':'2012-10-18',\n'Statement':[]}", 1, "Version", "valid version string"},
	{iam.Identity, `{'Statement':[]}`, 1, "Statement", "must not be empty"},
	{iam.Identity, `{'Statement':'x'}`, 1, "Statement[0]", "must be an object, not a string"},
	{iam.Identity, `{'Statements':[]}`, 1, "Statements", "is not an element"},
	{iam.Identity, `{'Statement':{},'Statement':{}}`, 1, "", "stands twice"},
}

var badElements = []parseCase{
	{iam.Identity, `{'Statement':{'Effect':'allow'}}`, 1, "Statement[0].Effect", "must be Allow or Deny"},
	{iam.Identity, `{'Statement':{'Action':'*','Resource':'*'}}`, 1, "Statement[0].Effect", "is missing"},
	{iam.Identity, `{'Statement':{'Effect':'Allow','Resource':'*'}}`, 1, "Statement[0].Action", "must contain actions"},
	{
		iam.Identity, `{'Statement':{'Effect':'Allow','Action':[],'Resource':'*'}}`, 1, "Statement[0].Action",
		"must contain actions",
	},
	{
		iam.Identity, "{'Statement':[" + permit + ",\n{'Effect':'Allow','Action':'*'}]}", 2, "Statement[1].Resource",
		"must contain resources",
	},
	{iam.Identity, statementWith(`'Sid':'a b'`), 1, "Statement[0].Sid", "alpha-numeric"},
	{
		iam.Identity, `{'Statement':[` + strings.ReplaceAll(permit+","+permit, `{`, `{'Sid':'a',`) + `]}`, 1,
		"Statement[1].Sid", "must be unique",
	},
	{iam.Identity, statementWith(`'NotAction':'*'`), 1, "Statement[0].NotAction", "only one of them"},
	{iam.Identity, statementWith(`'NotResource':'*'`), 1, "Statement[0].NotResource", "only one of them"},
	{iam.Identity, statementWith(`'Principal':'*'`), 1, "Statement[0].Principal", "should not specify a principal"},
	{iam.Identity, statementWith(`'Foo':'*'`), 1, "Statement[0].Foo", "is not an element"},
	{
		iam.Identity, `{'Statement':{'Effect':'Allow','Action':'GetObject','Resource':'*'}}`, 1, "Statement[0].Action",
		"prefaced by a vendor",
	},
	{
		iam.Identity, `{'Statement':{'Effect':'Allow','Action':'s*:GetObject','Resource':'*'}}`, 1, "Statement[0].Action",
		"Vendor s* is not valid",
	},
	{
		iam.Identity, `{'Statement':{'Effect':'Allow','Action':'s3:Get Object','Resource':'*'}}`, 1, "Statement[0].Action",
		"is not valid",
	},
	{
		iam.Identity, `{'Statement':{'Effect':'Allow','Action':['s3:*',1],'Resource':'*'}}`, 1, "Statement[0].Action",
		"not a number",
	},
	{
		iam.Identity, `{'Statement':{'Effect':'Allow','Action':'*','Resource':'bucket'}}`, 1, "Statement[0].Resource",
		"must be in ARN format",
	},
	{
		iam.Identity, `{'Statement':{'Effect':'Allow','Action':'*','Resource':'arn:aws:s3'}}`, 1, "Statement[0].Resource",
		"must be in ARN format",
	},
	{
		iam.Identity,
		`{'Version':'2012-10-17','Statement':{'Effect':'Allow','Action':'*','Resource':'arn:aws:s3:::b/${aws:username'}}`,
		1, "Statement[0].Resource", "no closing brace",
	},
	{
		iam.Identity,
		`{'Version':'2012-10-17','Statement':{'Effect':'Allow','Action':'*','Resource':'arn:aws:s3:::b/${aws:username, ` +
			`x}'}}`,
		1, "Statement[0].Resource", "quotation marks",
	},
	{
		iam.Identity,
		`{'Version':'2012-10-17','Statement':{'Effect':'Allow','Action':'*','Resource':'arn:aws:s3:::b/${username}'}}`, 1,
		"Statement[0].Resource", "is not a variable",
	},
}

var badConditions = []parseCase{
	{iam.Identity, statementWith(`'Condition':[]`), 1, "Statement[0].Condition", "must be an object"},
	{
		iam.Identity, statementWith(`'Condition':{'StringIs':{'a:b':'c'}}`), 1, "Statement[0].Condition.StringIs",
		"Invalid Condition type",
	},
	{
		iam.Identity, statementWith(`'Condition':{'NullIfExists':{'a:b':'true'}}`), 1,
		"Statement[0].Condition.NullIfExists", "Invalid Condition type",
	},
	{
		iam.Identity, statementWith(`'Condition':{'StringEquals':'a:b'}`), 1, "Statement[0].Condition.StringEquals",
		"object of condition keys",
	},
	{
		iam.Identity, statementWith(`'Condition':{'StringEquals':{'b':'c'}}`), 1, "Statement[0].Condition.StringEquals.b",
		"prefaced by a vendor",
	},
	{
		iam.Identity, statementWith(`'Condition':{'StringEquals':{'a:b':[]}}`), 1,
		"Statement[0].Condition.StringEquals.a:b", "must not be an empty list",
	},
	{
		iam.Identity, statementWith(`'Condition':{'Bool':{'a:b':'yes'}}`), 1, "Statement[0].Condition.Bool.a:b",
		"true or false",
	},
	{
		iam.Identity, statementWith(`'Condition':{'IpAddress':{'a:b':'10.0.0.0/33'}}`), 1,
		"Statement[0].Condition.IpAddress.a:b", "IP address",
	},
	{
		iam.Identity, statementWith(`'Condition':{'NumericEquals':{'a:b':'x'}}`), 1,
		"Statement[0].Condition.NumericEquals.a:b", "a number",
	},
	{
		iam.Identity, statementWith(`'Condition':{'DateEquals':{'a:b':'x'}}`), 1, "Statement[0].Condition.DateEquals.a:b",
		"a date",
	},
	{
		iam.Identity, statementWith(`'Condition':{'ArnLike':{'a:b':'arn:aws'}}`), 1, "Statement[0].Condition.ArnLike.a:b",
		"ARN format",
	},
	{
		iam.Identity, statementWith(`'Condition':{'BinaryEquals':{'a:b':'?'}}`), 1,
		"Statement[0].Condition.BinaryEquals.a:b", "base64",
	},
}

var tooMuch = []parseCase{
	{iam.Identity, strings.Repeat(`[`, 20) + strings.Repeat(`]`, 20), 1, "", "levels deep"},
	{iam.Identity, "\xff", 1, "", "UTF-8"},
	{iam.Identity, `{"Id":"` + strings.Repeat("x", 200<<10) + `"}`, 1, "", "longer than"},
}

var badPrincipals = []parseCase{
	{iam.Resource, `{'Statement':` + permit + `}`, 1, "Statement[0].Principal", "Missing required field Principal"},
	{iam.Resource, statementWith(`'Principal':'bob'`), 1, "Statement[0].Principal", `must be "*"`},
	{
		iam.Resource, statementWith(`'Principal':{'AWS':'arn:aws:iam::111111111111:user/*'}`), 1,
		"Statement[0].Principal.AWS", "Invalid principal",
	},
	{iam.Resource, statementWith(`'Principal':{'AWS':'1234'}`), 1, "Statement[0].Principal.AWS", "Invalid principal"},
	{
		iam.Resource, statementWith(`'Principal':{'Services':'x'}`), 1, "Statement[0].Principal.Services",
		"Invalid principal",
	},
	{iam.Trust, statementWith(`'Principal':'*'`), 1, "Statement[0].Action", "prefaced by a vendor"},
	{
		iam.Trust, `{'Statement':{'Effect':'Allow','Action':'ssm:*','Principal':'*'}}`, 1, "Statement[0].Action",
		"may only specify STS",
	},
	{
		iam.Trust, `{'Statement':{'Effect':'Allow','Action':'sts:AssumeRole','Resource':'*','Principal':'*'}}`, 1,
		"Statement[0].Resource", "prohibited field Resource",
	},
	{
		iam.Trust, `{'Statement':{'Effect':'Allow','Action':'sts:AssumeRole'}}`, 1, "Statement[0].Principal",
		"Missing required field Principal",
	},
}

func TestParseRefuses(t *testing.T) {
	for _, tt := range slices.Concat(badDocuments, badElements, badConditions, tooMuch, badPrincipals) {
		_, err := iam.Parse(tt.kind, "p", strings.ReplaceAll(tt.document, "'", `"`))
		var e *iam.ParseError
		switch {
		case err == nil:
			t.Errorf("%.100s: taken", tt.document)
		case !errors.As(err, &e):
			t.Errorf("%.100s: %T", tt.document, err)
		case e.Line != tt.line || e.Element != tt.element || !strings.Contains(e.Why, tt.why) || e.Column < 1:
			t.Errorf("%.100s:\n got %v\nwant line %d, %s, … %s", tt.document, err, tt.line, tt.element, tt.why)
		}
	}
}

// TestParseNewRefuses what Parse still takes, since it may be stored.
func TestParseNewRefuses(t *testing.T) {
	on := func(resource string) string {
		return `{'Version':'2012-10-17','Statement':{'Effect':'Allow','Action':'*','Resource':'` + resource + `'}}`
	}
	trust := func(effect, principal string) string {
		return `{'Statement':{` + principal + `,'Effect':'` + effect + `','Action':'sts:AssumeRole'}}`
	}
	const but = `'NotPrincipal':{'AWS':'arn:aws:iam::111111111111:user/bob'}`
	for _, tt := range []struct {
		kind     iam.Kind
		document string
		why      string // empty: taken
	}{
		{iam.Trust, trust("Allow", but), "Has prohibited field NotPrincipal"},
		{iam.Trust, trust("Deny", but), "Has prohibited field NotPrincipal"},
		{iam.Endpoint, statementWith(but), "must be used with Effect Deny"},
		{iam.Endpoint, strings.Replace(statementWith(but), "Allow", "Deny", 1), ""},
		{
			iam.Trust, trust("Allow", `'Principal':{'AWS':'arn:aws:iam:us-east-1:111111111111:root'}`),
			"Invalid principal in policy",
		},
		{iam.Trust, trust("Allow", `'Principal':{'AWS':'arn:aws:iam::111111111111:root'}`), ""},
		{
			iam.Identity, on("arn:aws:iam:us-east-1::x"),
			"IAM resource arn:aws:iam:us-east-1::x cannot contain region information.",
		},
		{iam.Session, on("arn:aws:iam:us-*:111111111111:role/x"), "cannot contain region information."},
		{iam.Identity, on("arn:aws:iam::111111111111:role/x"), ""},
		{iam.Identity, on("arn:aws:iam:*:*:role/x"), ""},
		{iam.Identity, on("arn:aws:s*:::x"), "Resource vendor must be fully qualified and cannot contain regexes."},
		{iam.Identity, on("arn:aws:s3:us-west-2:111111111111:bucket/x"), "can not contain region information."},
		{iam.Identity, on("arn:aws:s3:us-west-2:111111111111:accesspoint/x"), ""},
		{iam.Identity, on("arn:aws:ssm:US EAST:111111111111:parameter/x"), "has no Region where one belongs"},
		{iam.Identity, on("arn:aws:ssm:${aws:RequestedRegion}:111111111111:parameter/x"), ""},
		{iam.Identity, on("arn:aws:ssm:??-*-1:111111111111:parameter/x"), ""},
	} {
		document := strings.ReplaceAll(tt.document, "'", `"`)
		if _, err := iam.Parse(tt.kind, "p", document); err != nil {
			t.Errorf("%s in use: %v", tt.document, err)
		}
		_, err := iam.ParseNew(tt.kind, "p", document)
		if (err == nil) != (tt.why == "") || err != nil && !strings.Contains(err.Error(), tt.why) {
			t.Errorf("%s: %v, want %s", tt.document, err, tt.why)
		}
	}
	for version, want := range map[string]string{
		"": "Policy document must be version 2012-10-17 or greater.", `"Version":"2008-10-17",`: "must be version",
		`"Version":"2012-10-17",`: "",
	} {
		_, err := iam.ParseManaged(
			"p", `{`+version+strings.TrimPrefix(strings.ReplaceAll(statementWith(`'Sid':'a'`), "'", `"`), "{"),
		)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", version, err)
		}
	}
}

const permit = `{'Effect':'Allow','Action':'*','Resource':'*'}`

func statementWith(member string) string {
	return `{'Statement':` + strings.TrimSuffix(permit, "}") + `,` + member + `}}`
}

func TestParseErrorSaysWhere(t *testing.T) {
	_, err := iam.Parse(iam.Identity, "p", "{\n  \"Statement\": {\"Effect\": \"Never\"}\n}")
	if want := "line 2, column 27, Statement[0].Effect: must be Allow or Deny"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// TestParseManagedRefuses what no policy may have, and what a new one may not have.
func TestParseManagedRefuses(t *testing.T) {
	for document, want := range map[string]string{
		`{`: "line 1, column 2: not valid JSON: the document ends too early",
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"arn:aws:s*:::b"}}`: "line 1, " +
			"column 79, Statement[0].Resource: Resource vendor must be fully qualified and cannot contain regexes.",
	} {
		if p, err := iam.ParseManaged("p", document); p != nil || err == nil || err.Error() != want {
			t.Errorf("%s: %v", document, err)
		}
	}
}

// TestParseErrorSaysWhat without the place, and names the element where there is one.
func TestParseErrorSaysWhat(t *testing.T) {
	for document, want := range map[string]string{
		`{"Statement":{"Effect":1}}`: "Statement[0].Effect: must be Allow or Deny", `[]`: "a policy is an object, not a list",
	} {
		_, err := iam.Parse(iam.Identity, "p", document)
		var e *iam.ParseError
		if !errors.As(err, &e) || e.What() != want {
			t.Errorf("%s: %v", document, err)
		}
	}
}

func TestAWSPrincipals(t *testing.T) {
	p := parse(t, iam.Trust, "r",
		`{'Effect':'Allow','Action':'sts:AssumeRole','Principal':{'AWS':['111111111111',`+
			`'arn:aws:iam::111111111111:role/x'],'Service':'ec2.amazonaws.com'}}`)
	if got := strings.Join(p.AWSPrincipals(), " "); got != "111111111111 arn:aws:iam::111111111111:role/x" {
		t.Error(got)
	}
}

func FuzzParse(f *testing.F) {
	for _, m := range iam.ManagedPolicies() {
		f.Add(m.Document)
	}
	f.Add(doc(`{'Sid':'a','Effect':'Deny','NotAction':['s3:*'],'NotResource':['arn:aws:s3:::${aws:username, x}'],` +
		`'Condition':{'ForAnyValue:StringLikeIfExists':{'aws:TagKeys':['a','${aws:PrincipalTag/t}']}}}`))
	f.Add(doc(`{'Effect':'Allow','Principal':{'AWS':'*','Service':['ec2.amazonaws.com']},'Action':'sts:AssumeRole',` +
		`'Condition':{'IpAddress':{'aws:SourceIp':'10.0.0.0/8'}}}`))
	f.Add(doc(`{'Effect':'Deny','Action':'*','Resource':'arn:aws:ssm:*:*:parameter/${ssm:resourceTag/t}/*?x*',` +
		`'Condition':{'ArnLike':{'aws:PrincipalArn':'arn:aws:iam::*:user/${aws:username}'}}}`))
	f.Fuzz(func(t *testing.T, document string) {
		for kind := iam.Identity; kind <= iam.GatewayEndpoint; kind++ {
			p, err := iam.Parse(kind, "p", document)
			var e *iam.ParseError
			if err != nil {
				if !errors.As(err, &e) || e.Line < 1 || e.Column < 1 {
					t.Fatalf("%v", err)
				}
				continue
			}
			if _, err := iam.ParseNew(kind, "p", document); err != nil && !errors.As(err, &e) {
				t.Fatalf("%v", err)
			}
			r := &iam.Request{
				Principal: bob, Action: "s3:GetObject", Resource: "arn:aws:s3:::b/k",
				Judged: func(key string) bool { return strings.HasPrefix(key, "aws:") },
			}
			all := &iam.Policies{Identity: []*iam.Policy{p}, Control: []*iam.Policy{p}, Resource: p, Endpoint: p}
			d := iam.Evaluate(r, all)
			if d.Allow && d.Statement < 0 {
				t.Fatalf("allowed by nothing: %v", d)
			}
			if e := iam.Explain(r, all); e.Decision != d {
				t.Fatalf("%v is explained as %v", d, e.Decision)
			}
		}
	})
}
