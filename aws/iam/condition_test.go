package iam_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"postern/aws/iam"
)

// met reports whether bob's request with the keys meets a condition, given as the text of the element Condition, of a
// statement that allows.
func met(t *testing.T, condition string, keys map[string][]string) bool {
	t.Helper()
	p := parse(t, iam.Identity, "p", `{'Effect':'Allow','Action':'*','Resource':'*','Condition':{`+condition+`}}`)
	r := &iam.Request{
		Principal: bob, Action: "x:Y", Resource: "*", Keys: iam.KeyMap(keys),
		Time: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC),
	}
	return iam.Evaluate(r, &iam.Policies{Identity: []*iam.Policy{p}}).Allow
}

const yes, no = true, false

// samples are one that is less than, equal to and greater than an operand, and one that is something else.
type samples struct{ less, equal, greater, other string }

var (
	numbers   = samples{"9.5", "10", "11", "ten"}
	dates     = samples{"2026-11-20T23:59:59Z", "2026-11-21T00:00:00Z", "2026-11-21T00:00:01Z", "today"}
	texts     = samples{"alpha", "beta", "gamma", "BETA"}
	bools     = samples{"false", "true", "false", "yes"}
	binary    = samples{"YQ==", "Yg==", "Yw==", "?"}
	addresses = samples{"10.0.0.255", "10.0.1.1", "10.0.2.0", "somewhere"}
	arns      = samples{"arn:aws:s3:::a", "arn:aws:s3:::b", "arn:aws:s3:::c", "b"}
)

// An operatorCase says of an operator with an operand for which of the values it holds, and whether without any.
type operatorCase struct {
	operator string
	operand  string
	samples
	less, equal, greater, none, other bool
}

var numberAndDateOperators = []operatorCase{
	{"NumericEquals", "10", numbers, no, yes, no, no, no},
	{"NumericEquals", "1e1", numbers, no, yes, no, no, no},
	{"NumericEquals", "10", samples{"9", "10.0", "11", "0xA"}, no, yes, no, no, no},
	{"NumericNotEquals", "10", numbers, yes, no, yes, yes, yes},
	{"NumericLessThan", "10", numbers, yes, no, no, no, no},
	{"NumericLessThanEquals", "10", numbers, yes, yes, no, no, no},
	{"NumericGreaterThan", "10", numbers, no, no, yes, no, no},
	{"NumericGreaterThanEquals", "10", numbers, no, yes, yes, no, no},
	{"DateEquals", "2026-11-21", dates, no, yes, no, no, no},
	{"DateNotEquals", "2026-11-21", dates, yes, no, yes, yes, yes},
	{"DateLessThan", "2026-11-21", dates, yes, no, no, no, no},
	{"DateLessThanEquals", "2026-11-21T00:00Z", dates, yes, yes, no, no, no},
	{"DateGreaterThan", "1795219200", dates, no, no, yes, no, no},
	{"DateGreaterThanEquals", "1795219200", dates, no, yes, yes, no, no},
}

var textOperators = []operatorCase{
	{"StringEquals", "beta", texts, no, yes, no, no, no},
	{"StringNotEquals", "beta", texts, yes, no, yes, yes, yes},
	{"StringEqualsIgnoreCase", "beta", texts, no, yes, no, no, yes},
	{"StringNotEqualsIgnoreCase", "beta", texts, yes, no, yes, yes, no},
	{"StringLike", "b?t*", texts, no, yes, no, no, no},
	{"StringNotLike", "b?t*", texts, yes, no, yes, yes, yes},
	{"StringEquals", "b*", texts, no, no, no, no, no},
}

var otherOperators = []operatorCase{
	{"Bool", "true", bools, no, yes, no, no, no},
	{"Bool", "False", bools, yes, no, yes, no, no},
	{"BinaryEquals", "Yg==", binary, no, yes, no, no, no},
	{"IpAddress", "10.0.1.0/24", addresses, no, yes, no, no, no},
	{"IpAddress", "10.0.1.1", addresses, no, yes, no, no, no},
	{"IpAddress", "10.0.1.99/24", addresses, no, yes, no, no, no},
	{"IpAddress", "::ffff:10.0.1.1", addresses, no, yes, no, no, no},
	{"IpAddress", "::ffff:10.0.1.0/120", addresses, no, yes, no, no, no},
	{"NotIpAddress", "10.0.1.0/24", addresses, yes, no, yes, yes, yes},
}

var arnOperators = []operatorCase{
	{"ArnEquals", "arn:aws:s3:::b", arns, no, yes, no, no, no},
	{"ArnEquals", "arn:*:s3:::?", arns, yes, yes, yes, no, no},
	{"ArnLike", "arn:aws:s3:::b", arns, no, yes, no, no, no},
	{"ArnLike", "*", arns, yes, yes, yes, no, no},
	{"ArnLike", "arn:aws:*:b::*", arns, no, no, no, no, no}, // a wildcard ends with its segment
	{"ArnNotEquals", "arn:aws:s3:::b", arns, yes, no, yes, yes, yes},
	{"ArnNotLike", "arn:aws:s3:::b", arns, yes, no, yes, yes, yes},
}

// TestOperators compares each operator's value with one that is less, equal and greater, with none, and with one that
// is of another type (IAM User Guide, "IAM JSON policy elements: Condition operators").
func TestOperators(t *testing.T) {
	for _, tt := range slices.Concat(numberAndDateOperators, textOperators, otherOperators, arnOperators) {
		for _, given := range []struct {
			name, value string
			want        bool
		}{
			{"less", tt.samples.less, tt.less},
			{"equal", tt.samples.equal, tt.equal},
			{"greater", tt.samples.greater, tt.greater},
			{"other", tt.samples.other, tt.other},
		} {
			for _, suffix := range []string{"", "IfExists"} {
				c := fmt.Sprintf(`'%s%s':{'k:v':'%s'}`, tt.operator, suffix, tt.operand)
				if got := met(t, c, map[string][]string{"k:v": {given.value}}); got != given.want {
					t.Errorf("%s of %s (%s): %v", c, given.name, given.value, got)
				}
			}
		}
		c := fmt.Sprintf(`{'k:v':'%s'}`, tt.operand)
		if got := met(t, `'`+tt.operator+`':`+c, nil); got != tt.none {
			t.Errorf("%s%s without the key: %v", tt.operator, c, got)
		}
		if !met(t, `'`+tt.operator+`IfExists':`+c, nil) {
			t.Errorf("%sIfExists%s without the key does not hold", tt.operator, c)
		}
	}
}

// TestNull: "true" is that the key is absent or empty, "false" that it has a value.
func TestNull(t *testing.T) {
	for _, tt := range []struct {
		operand       string
		absent, given bool
	}{
		{"'true'", true, false},
		{"true", true, false},
		{"'false'", false, true},
		{"['true','false']", true, true},
	} {
		c := `'Null':{'k:v':` + tt.operand + `}`
		absent, empty := met(t, c, nil), met(t, c, map[string][]string{"k:v": {}})
		given := met(t, c, map[string][]string{"k:v": {""}})
		if absent != tt.absent || empty != tt.absent || given != tt.given {
			t.Errorf("%s: absent %v, without values %v, given %v", c, absent, empty, given)
		}
	}
}

// TestSetOperators: of a key with several values ForAllValues asks that each fits, and holds without the key;
// ForAnyValue asks that one does, and does not hold without it (IAM User Guide, "Multivalued context keys"). A negative
// operator looks at each value in turn: it must differ from all of the policy's.
func TestSetOperators(t *testing.T) {
	const yes, no = true, false
	rows := []struct {
		operator                              string
		none, inside, mixed, outside, partial bool
	}{
		// the policy has a and b; the request none, [a b], [a c], [c d], [a]
		{"ForAllValues:StringEquals", yes, yes, no, no, yes},
		{"ForAnyValue:StringEquals", no, yes, yes, no, yes},
		{"ForAllValues:StringNotEquals", yes, no, no, yes, no},
		{"ForAnyValue:StringNotEquals", no, no, yes, yes, no},
		{"ForAllValues:StringEqualsIfExists", yes, yes, no, no, yes},
		{"ForAnyValue:StringEqualsIfExists", yes, yes, yes, no, yes},
		{"StringEquals", no, yes, yes, no, yes},
		{"StringNotEquals", yes, no, no, yes, no},
		{"forallvalues:stringlikeifexists", yes, yes, no, no, yes},
	}
	for _, tt := range rows {
		for _, given := range []struct {
			values []string
			want   bool
		}{
			{nil, tt.none},
			{[]string{"a", "b"}, tt.inside},
			{[]string{"a", "c"}, tt.mixed},
			{[]string{"c", "a"}, tt.mixed},
			{[]string{"c", "d"}, tt.outside},
			{[]string{"a"}, tt.partial},
		} {
			c := `'` + tt.operator + `':{'k:v':['a','b']}`
			if got := met(t, c, map[string][]string{"k:v": given.values}); got != given.want {
				t.Errorf("%s of %v: %v", c, given.values, got)
			}
		}
	}
}

// TestEveryConditionCounts: all operators, and all keys of one, have to hold; one of a key's values is enough.
func TestEveryConditionCounts(t *testing.T) {
	keys := map[string][]string{"k:a": {"1"}, "k:b": {"2"}}
	for c, want := range map[string]bool{
		`'StringEquals':{'k:a':'1','k:b':'2'}`:                 true,
		`'StringEquals':{'k:a':'1','k:b':'3'}`:                 false,
		`'StringEquals':{'k:a':'0','k:b':'2'}`:                 false,
		`'StringEquals':{'k:a':['0','1']}`:                     true,
		`'StringEquals':{'k:a':'1'},'StringLike':{'k:b':'3'}`:  false,
		`'StringLike':{'k:b':'3'},'StringEquals':{'k:a':'1'}`:  false,
		`'StringEquals':{'k:a':'1'},'NumericEquals':{'k:b':2}`: true,
		`'StringEquals':{},'StringLike':{}`:                    true,
		`'StringEquals':{'K:A':'1'}`:                           true,
	} {
		if got := met(t, c, keys); got != want {
			t.Errorf("%s: %v", c, got)
		}
	}
}

// TestDates: the forms of ISO 8601 that W3C's note on dates has; a number of more than four digits is seconds since
// 1970.
func TestDates(t *testing.T) {
	for operand, equal := range map[string]string{
		"2026-11-21T12:00:00Z":      "2026-11-21T12:00:00Z",
		"2026-11-21T13:00:00+01:00": "2026-11-21T12:00:00Z",
		"2026-11-21T12:00Z":         "2026-11-21T12:00:00Z",
		"2026-11-21":                "2026-11-21T00:00:00Z",
		"2026-11":                   "2026-11-01T00:00:00Z",
		"2026":                      "2026-01-01T00:00:00Z",
		"1792584000":                "2026-10-21T12:00:00Z",
		"10000":                     "1970-01-01T02:46:40Z",
		"9999":                      "9999-01-01T00:00:00Z",
		"-1000":                     "1969-12-31T23:43:20Z",
	} {
		if !met(t, `'DateEquals':{'k:v':'`+operand+`'}`, map[string][]string{"k:v": {equal}}) {
			t.Errorf("%s is not %s", operand, equal)
		}
	}
}

// TestAddresses: IPv4 in IPv6 is IPv4, and a zone makes no difference.
func TestAddresses(t *testing.T) {
	for _, tt := range []struct {
		operand, given string
		want           bool
	}{
		{"10.0.0.0/8", "::ffff:10.1.2.3", true},
		{"fe80::/10", "fe80::1%eth0", true},
		{"2001:db8::/32", "2001:db8:1::1", true},
		{"2001:db8::1", "2001:db8::1", true},
		{"2001:db8::1", "2001:db8::2", false},
		{"0.0.0.0/0", "2001:db8::1", false},
	} {
		c := `'IpAddress':{'k:v':'` + tt.operand + `'}`
		if got := met(t, c, map[string][]string{"k:v": {tt.given}}); got != tt.want {
			t.Errorf("%s of %s: %v", c, tt.given, got)
		}
	}
}

// TestTimeKeys: aws:CurrentTime and aws:EpochTime are the request's time, to the second.
func TestTimeKeys(t *testing.T) {
	for c, want := range map[string]bool{
		`'DateEquals':{'aws:CurrentTime':'2026-11-21T12:00:00Z'}`:      true,
		`'DateEquals':{'aws:EpochTime':'1795262400'}`:                  true,
		`'NumericEquals':{'aws:EpochTime':1795262400}`:                 true,
		`'NumericGreaterThanEquals':{'aws:EpochTime':1795262401}`:      false,
		`'NumericLessThan':{'aws:epochtime':1795262401}`:               true,
		`'StringEquals':{'aws:CurrentTime':'2026-11-21T12:00:00Z'}`:    true,
		`'Null':{'aws:EpochTime':'true'}`:                              false,
		`'Null':{'aws:CurrentTime':'false','aws:EpochTime':['false']}`: true,
	} {
		if got := met(t, c, nil); got != want {
			t.Errorf("%s: %v", c, got)
		}
	}
}

// TestPrincipalKeys states the keys that follow from each kind of caller (IAM User Guide, "AWS global condition context
// keys" and "Where you can use policy variables"); what is not listed here, the caller does not have.
func TestPrincipalKeys(t *testing.T) {
	temporary := &iam.Principal{
		Kind: iam.FederatedUser, ARN: "arn:aws:sts::111111111111:federated-user/fred", Account: account,
		UserID: "111111111111:fred", Name: "fred", SourceIdentity: "Fred",
		Issued: time.Date(2026, 11, 21, 11, 0, 0, 0, time.FixedZone("", 3600)),
	}
	names := []string{
		"aws:PrincipalArn", "aws:PrincipalAccount", "aws:PrincipalType", "aws:PrincipalIsAWSService",
		"aws:PrincipalServiceName", "aws:userid", "aws:username", "aws:SourceIdentity", "aws:TokenIssueTime",
		"aws:MultiFactorAuthPresent", "aws:Ec2InstanceSourceVpc", "aws:Ec2InstanceSourcePrivateIPv4",
		"ec2:SourceInstanceARN", "aws:PrincipalTag/team", "aws:Unknown",
	}
	for name, tt := range map[string]struct {
		who  *iam.Principal
		want map[string]string
	}{
		"user": {bob, map[string]string{
			"aws:PrincipalArn": bob.ARN, "aws:PrincipalAccount": account, "aws:PrincipalType": "User",
			"aws:PrincipalIsAWSService": "false", "aws:userid": "AIDABOB", "aws:username": "bob",
			"aws:PrincipalTag/team": "blue",
		}},
		"root": {root, map[string]string{
			"aws:PrincipalArn": root.ARN, "aws:PrincipalAccount": account, "aws:PrincipalType": "Account",
			"aws:PrincipalIsAWSService": "false", "aws:userid": account,
		}},
		"session of a role": {node, map[string]string{
			"aws:PrincipalArn": node.Role, "aws:PrincipalAccount": account, "aws:PrincipalType": "AssumedRole",
			"aws:PrincipalIsAWSService": "false", "aws:userid": "AROANODE:i-1",
			"aws:TokenIssueTime": "2026-11-21T10:00:00Z", "aws:MultiFactorAuthPresent": "false",
			"aws:Ec2InstanceSourceVpc": "vpc-1", "aws:Ec2InstanceSourcePrivateIPv4": "10.0.1.20",
			"ec2:SourceInstanceARN": node.SourceInstance,
		}},
		"federated user": {temporary, map[string]string{
			"aws:PrincipalArn": temporary.ARN, "aws:PrincipalAccount": account, "aws:PrincipalType": "FederatedUser",
			"aws:PrincipalIsAWSService": "false", "aws:userid": "111111111111:fred", "aws:SourceIdentity": "Fred",
			"aws:TokenIssueTime": "2026-11-21T10:00:00Z", "aws:MultiFactorAuthPresent": "false",
		}},
		"service": {ec2, map[string]string{
			"aws:PrincipalType": "Service", "aws:PrincipalIsAWSService": "true",
			"aws:PrincipalServiceName": "ec2.amazonaws.com",
		}},
		"nobody": {nobody, map[string]string{"aws:PrincipalType": "Anonymous"}},
	} {
		for _, key := range names {
			want, has := tt.want[key]
			null := `{'Effect':'Allow','Principal':'*','Action':'*','Resource':'*','Condition':{'Null':{'` + key + `':'true'}}}`
			equal := `{'Effect':'Allow','Principal':'*','Action':'*','Resource':'*',` +
				`'Condition':{'StringEquals':{'` + key + `':'` + want + `'}}}`
			for statement, expected := range map[string]bool{null: !has, equal: has} {
				r := &iam.Request{Principal: tt.who, Action: "x:Y", Resource: "*"}
				d := iam.Evaluate(r, &iam.Policies{Resource: parse(t, iam.Resource, "r", statement)})
				if d.Allow != expected && tt.who != root {
					t.Errorf("%s: %s: %v, want %v", name, statement, d, expected)
				}
				if tt.who == root && (d.Reason == iam.ByResource) != expected {
					t.Errorf("%s: %s: %v, want %v", name, statement, d, expected)
				}
			}
		}
	}
}

// TestVariables: a variable has the one value of its key, else its default, else the text fits nothing; wildcards in a
// value stand for themselves, as do ${*}, ${?} and ${$}.
func TestVariables(t *testing.T) {
	keys := map[string][]string{"k:one": {"v"}, "k:two": {"v", "w"}, "k:star": {"*"}, "k:empty": {""}, "k:up": {"VALUE"}}
	for _, tt := range []struct {
		operator, operand, given string
		want                     bool
	}{
		{"StringEquals", "${k:one}", "v", true},
		{"StringEquals", "${ k:one }", "v", true},
		{"StringEquals", "${K:ONE}", "v", true},
		{"StringEquals", "a${k:one}b${k:one}c", "avbvc", true},
		{"StringEquals", "a${k:one}b${k:one}c", "avbvd", false},
		{"StringEquals", "${k:two}", "v", false},
		{"StringEquals", "${k:two, 'x'}", "x", true},
		{"StringEquals", "${k:none, 'x'}", "x", true},
		{"StringEquals", "${k:none,''}", "", true},
		{"StringEquals", "${k:one, 'x'}", "x", false},
		{"StringEquals", "${k:none}", "", false},
		{"StringEquals", "${k:empty}", "", true},
		{"StringEquals", "${k:star}", "*", true},
		{"StringLike", "${k:star}", "v", false},
		{"StringLike", "${k:star}", "*", true},
		{"StringLike", "*${k:one}", "xxv", true},
		{"StringLike", "*${k:one}", "xxw", false},
		{"StringLike", "${k:one}*", "vxx", true},
		{"StringLike", "${k:one}?", "vxx", false},
		{"StringLike", "a${k:one}?z", "avxz", true},
		{"StringLike", "${?}${*}${$}", "?*$", true},
		{"StringLike", "${?}", "x", false},
		{"StringLike", "${$}{k:one}", "${k:one}", true},
		{"StringEqualsIgnoreCase", "${k:up}", "value", true},
		{"StringEqualsIgnoreCase", "x${k:up}y", "XvalueY", true},
		{"StringEqualsIgnoreCase", "${k:up}", "v", false},
		{"StringEqualsIgnoreCase", "${k:none}", "", false},
		{"StringNotEquals", "${k:none}", "v", false}, // in an Allow what is not known allows nothing
		{"StringNotEquals", "${k:one}", "w", true},
		{"StringNotEqualsIgnoreCase", "${k:none}", "v", false},
		{"ArnLike", "arn:aws:s3:::${k:one}/*", "arn:aws:s3:::v/x", true},
		{"ArnLike", "arn:aws:s3:::${k:one}/*", "arn:aws:s3:::w/x", false},
		{"ArnNotLike", "arn:aws:s3:::${k:none}/*", "arn:aws:s3:::w/x", false},
		{"ArnNotLike", "arn:aws:s3:::${k:one}/*", "arn:aws:s3:::w/x", true},
	} {
		keys["k:v"] = []string{tt.given}
		p, err := iam.Parse(iam.Identity, "p", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*",`+
			`"Resource":"*","Condition":{"`+tt.operator+`":{"k:v":"`+tt.operand+`"}}}}`)
		if err != nil {
			t.Errorf("%s: %v", tt.operand, err)
			continue
		}
		r := &iam.Request{Principal: bob, Action: "x:Y", Resource: "*", Keys: iam.KeyMap(keys)}
		if d := iam.Evaluate(r, &iam.Policies{Identity: []*iam.Policy{p}}); d.Allow != tt.want {
			t.Errorf("%s %s of %q: %v", tt.operator, tt.operand, tt.given, d.Allow)
		}
	}
}

// TestDenyWithoutValue: in a Deny a variable without value fits nothing, and so a negative operator holds.
func TestDenyWithoutValue(t *testing.T) {
	for c, denied := range map[string]bool{
		`'StringEquals':{'k:v':'${k:none}'}`:              false,
		`'StringNotEquals':{'k:v':'${k:none}'}`:           true,
		`'StringNotEqualsIgnoreCase':{'k:v':'${k:none}'}`: true,
		`'ArnNotLike':{'k:v':'arn:aws:s3:::${k:none}'}`:   true,
	} {
		p := parse(t, iam.Identity, "p",
			`{'Effect':'Deny','Action':'*','Resource':'*','Condition':{`+c+`}}`,
			`{'Effect':'Allow','Action':'*','Resource':'*'}`)
		r := &iam.Request{
			Principal: bob, Action: "x:Y", Resource: "*", Keys: iam.KeyMap(map[string][]string{"k:v": {"arn:aws:s3:::b"}}),
		}
		if d := iam.Evaluate(r, &iam.Policies{Identity: []*iam.Policy{p}}); d.Allow == denied {
			t.Errorf("%s: %v", c, d)
		}
	}
}

// TestKeyMap: letter case of keys makes no difference, and a key that stands there twice has no value.
func TestKeyMap(t *testing.T) {
	keys := map[string][]string{"Tag/Team": {"a"}, "tag/Env": {"b"}, "tag/env": {"c"}}
	get := iam.KeyMap(keys)
	if got := get("tag/team"); len(got) != 1 || got[0] != "a" {
		t.Errorf("%v", got)
	}
	if got := get("tag/env"); got != nil || !iam.Ambiguous(keys, "TAG/ENV") || iam.Ambiguous(keys, "tag/team") {
		t.Errorf("a key that stands twice: %v", got)
	}
	if got := get("tag/none"); got != nil || iam.Ambiguous(keys, "tag/none") {
		t.Errorf("%v", got)
	}
	if got := iam.KeyMap(nil)("tag/team"); got != nil {
		t.Errorf("%v", got)
	}
}

// TestValueIsJudged: a key that has a value is known, whatever Judged says of keys.
func TestValueIsJudged(t *testing.T) {
	p := parse(t, iam.Identity, "p",
		`{'Effect':'Allow','Action':'*','Resource':'*','Condition':{'StringEquals':{'k:v':'a'}}}`)
	for values, allow := range map[string]bool{"a": true, "b": false, "": false} {
		keys := map[string][]string{"k:v": {values}}
		if values == "" {
			keys = nil
		}
		r := &iam.Request{
			Principal: bob, Action: "x:Y", Resource: "*", Keys: iam.KeyMap(keys), Judged: func(string) bool { return false },
		}
		d := iam.Evaluate(r, &iam.Policies{Identity: []*iam.Policy{p}})
		if d.Allow != allow || (d.Unjudged != "") != (values == "") {
			t.Errorf("with %q: %v, unjudged %q", values, d, d.Unjudged)
		}
	}
}
