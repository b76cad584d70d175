package iam_test

import (
	"strings"
	"testing"
	"time"

	"postern/aws/iam"
)

func condition(c string) string { return `'Action':'*','Resource':'*','Condition':{` + c + `}` }

func TestOlderVersionHasNoVariables(t *testing.T) {
	p, err := iam.Parse(
		iam.Identity, "old", `{"Statement":{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::b/${aws:username}"}}`,
	)
	if err != nil {
		t.Fatal(err)
	}
	for resource, want := range map[string]bool{"arn:aws:s3:::b/${aws:username}": true, "arn:aws:s3:::b/bob": false} {
		d := iam.Evaluate(
			&iam.Request{Principal: bob, Action: "s3:Get", Resource: resource}, &iam.Policies{Identity: []*iam.Policy{p}},
		)
		if d.Allow != want {
			t.Errorf("%s: %v", resource, d)
		}
	}
}

// A statementCase is a request, and the part of an Allow statement beside Effect that it is asked of.
type statementCase struct {
	who       *iam.Principal
	action    string
	resource  string
	statement string
	want      bool
}

var actionStatements = []statementCase{
	{bob, "ssm:GetParameter", "*", `'Action':'SSM:getparam*','Resource':'*'`, true},
	{bob, "ssm:GetParameter", "*", `'Action':['ec2:*','ssm:?etParameter'],'Resource':'*'`, true},
	{bob, "ssm:GetParameter", "*", `'NotAction':'ssm:Get*','Resource':'*'`, false},
	{bob, "ssm:PutParameter", "*", `'NotAction':['ssm:Get*','ec2:*'],'Resource':'*'`, true},
}

var resourceStatements = []statementCase{
	{bob, "s3:GetObject", "arn:aws:s3:::b/k/x", `'Action':'*','Resource':'arn:aws:s3:::b/*'`, true},
	{bob, "s3:GetObject", "arn:aws:s3:::c/k", `'Action':'*','Resource':['arn:aws:s3:::a','arn:aws:s3:::b/*']`, false},
	{bob, "s3:GetObject", "arn:aws:s3:::b", `'Action':'*','NotResource':'arn:aws:s3:::b'`, false},
	{bob, "s3:GetObject", "arn:aws:s3:::c", `'Action':'*','NotResource':'arn:aws:s3:::b'`, true},
	{bob, "ec2:DescribeVpcs", "*", `'Action':'*','Resource':'arn:aws:ec2:*:*:*'`, false},
}

var variableStatements = []statementCase{
	{bob, "s3:GetObject", "arn:aws:s3:::b/bob/x", `'Action':'*','Resource':'arn:aws:s3:::b/${aws:username}/*'`, true},
	{bob, "s3:GetObject", "arn:aws:s3:::b/eve/x", `'Action':'*','Resource':'arn:aws:s3:::b/${aws:username}/*'`, false},
	{node, "s3:GetObject", "arn:aws:s3:::b//x", `'Action':'*','Resource':'arn:aws:s3:::b/${aws:username}/*'`, false},
	{node, "s3:GetObject", "arn:aws:s3:::b/x", `'Action':'*','NotResource':'arn:aws:s3:::b/${aws:username}/*'`, false},
	{
		node, "s3:GetObject", "arn:aws:s3:::b/all/x", `'Action':'*','Resource':'arn:aws:s3:::b/${aws:username, 'all'}/*'`,
		true,
	},
	{bob, "s3:GetObject", "arn:aws:s3:::b/*", `'Action':'*','Resource':'arn:aws:s3:::b/${*}'`, true},
	{bob, "s3:GetObject", "arn:aws:s3:::b/x", `'Action':'*','Resource':'arn:aws:s3:::b/${*}'`, false},
	{
		bob, "x:Y", "*",
		`'Action':'*','Resource':'*','Condition':{'StringEquals':{'aws:PrincipalTag/Team':'${aws:principaltag/team}'}}`,
		true,
	},
	{
		node, "x:Y", "*", `'Action':'*','Resource':'*','Condition':{'StringNotEquals':{'aws:userid':'${aws:username}'}}`,
		false,
	},
	{
		node, "x:Y", "*",
		`'Action':'*','Resource':'*',` +
			`'Condition':{'StringEquals':{'ec2:SourceInstanceARN':'arn:aws:ec2:us-east-1:111111111111:instance/i-1'}}`,
		true,
	},
	{
		bob, "s3:GetObject", "arn:aws:s3:::b/blue/bob/x",
		`'Action':'*','Resource':'arn:aws:s3:::*/${aws:PrincipalTag/team}/${aws:username}/?'`, true,
	},
	{
		bob, "s3:GetObject", "arn:aws:s3:::b/blue/eve/x",
		`'Action':'*','Resource':'arn:aws:s3:::*/${aws:PrincipalTag/team}/${aws:username}/?'`, false,
	},
	{bob, "s3:GetObject", "arn:aws:s3:::b/bob/x/y", `'Action':'*','Resource':'arn:aws:s3:::b/${aws:username}/?'`, false},
}

var callerStatements = []statementCase{
	{tagged, "x:Y", "*", condition(`'StringEquals':{'aws:PrincipalTag/Empty':''}`), true},
	{tagged, "x:Y", "*", condition(`'Null':{'aws:PrincipalTag/empty':'true'}`), false},
	{tagged, "x:Y", "*", condition(`'StringEquals':{'aws:PrincipalTag/team':'red'}`), true},
	{bob, "x:Y", "*", condition(`'Null':{'aws:MultiFactorAuthPresent':'true'}`), true},
	{bob, "x:Y", "*", condition(`'Bool':{'aws:MultiFactorAuthPresent':'false'}`), false},
	{node, "x:Y", "*", condition(`'Bool':{'aws:MultiFactorAuthPresent':'false'}`), true},
	{
		node, "x:Y", "*",
		condition(`'StringEquals':{'aws:Ec2InstanceSourceVpc':'vpc-1','aws:Ec2InstanceSourcePrivateIPv4':'10.0.1.20'}`),
		true,
	},
	{bob, "x:Y", "*", condition(`'Null':{'aws:Ec2InstanceSourceVpc':'true'}`), true},
}

var textStatements = []statementCase{
	{bob, "x:Y", "*", condition(`'StringEquals':{'aws:SourceVpce':['vpce-0','vpce-1']}`), true},
	{bob, "x:Y", "*", condition(`'StringEquals':{'aws:sourcevpce':'VPCE-1'}`), false},
	{bob, "x:Y", "*", condition(`'StringEqualsIgnoreCase':{'aws:sourcevpce':'VPCE-1'}`), true},
	{bob, "x:Y", "*", condition(`'StringNotEquals':{'aws:SourceVpce':'vpce-0'}`), true},
	{bob, "x:Y", "*", condition(`'StringNotEquals':{'aws:SourceVpce':['vpce-0','vpce-1']}`), false},
	{bob, "x:Y", "*", condition(`'StringNotEquals':{'aws:SourceVpc':'vpc-0'}`), true},
	{bob, "x:Y", "*", condition(`'StringEquals':{'aws:SourceVpc':'vpc-0'}`), false},
	{bob, "x:Y", "*", condition(`'StringEqualsIfExists':{'aws:SourceVpc':'vpc-0'}`), true},
	{bob, "x:Y", "*", condition(`'StringLike':{'ssm:resourceTag/env':'P*d'}`), true},
	{bob, "x:Y", "*", condition(`'StringNotLike':{'ssm:resourceTag/env':'P*d'}`), false},
	{bob, "x:Y", "*", condition(`'StringLike':{'aws:username':'b?b'},'Bool':{'aws:SecureTransport':'true'}`), true},
	{bob, "x:Y", "*", condition(`'StringLike':{'aws:username':'b?b'},'Bool':{'aws:SecureTransport':false}`), false},
}

// severalStatements are about keys with several values.
var severalStatements = []statementCase{
	{bob, "x:Y", "*", condition(`'ForAllValues:StringEquals':{'aws:TagKeys':['a','b','c']}`), true},
	{bob, "x:Y", "*", condition(`'ForAllValues:StringEquals':{'aws:TagKeys':['a']}`), false},
	{bob, "x:Y", "*", condition(`'ForAllValues:StringEquals':{'k:none':['a']}`), true},
	{bob, "x:Y", "*", condition(`'ForAnyValue:StringEquals':{'aws:TagKeys':['b','z']}`), true},
	{bob, "x:Y", "*", condition(`'ForAnyValue:StringEquals':{'k:none':['a']}`), false},
	{bob, "x:Y", "*", condition(`'ForAnyValue:StringNotEquals':{'aws:TagKeys':'a'}`), true},
	{bob, "x:Y", "*", condition(`'ForAllValues:StringNotEquals':{'aws:TagKeys':'a'}`), false},
}

var otherStatements = []statementCase{
	{bob, "x:Y", "*", condition(`'Null':{'aws:SourceVpce':'false'}`), true},
	{bob, "x:Y", "*", condition(`'Null':{'aws:SourceVpc':true,'k:empty':'true'}`), true},
	{bob, "x:Y", "*", condition(`'Null':{'aws:SourceVpce':'true'}`), false},
	{bob, "x:Y", "*", condition(`'IpAddress':{'aws:SourceIp':['10.0.0.0/8','203.0.113.0/24']}`), true},
	{bob, "x:Y", "*", condition(`'NotIpAddress':{'aws:SourceIp':'203.0.113.7'}`), false},
	{bob, "x:Y", "*", condition(`'NumericLessThanEquals':{'s3:max-keys':10}`), true},
	{bob, "x:Y", "*", condition(`'NumericLessThan':{'s3:max-keys':'10'}`), false},
	{bob, "x:Y", "*", condition(`'NumericNotEquals':{'s3:max-keys':11}`), true},
	{bob, "x:Y", "*", condition(`'DateGreaterThan':{'aws:CurrentTime':'2026-11-21T11:59:59Z'}`), true},
	{bob, "x:Y", "*", condition(`'DateLessThan':{'aws:EpochTime':'1000000000'}`), false},
	{node, "x:Y", "*", condition(`'DateLessThan':{'aws:TokenIssueTime':'2026-11-21T10:00:01Z'}`), true},
	{bob, "x:Y", "*", condition(`'BinaryEquals':{'k:bin':'aGk='}`), true},
	{bob, "x:Y", "*", condition(`'ArnLike':{'aws:SourceArn':'arn:aws:sns:*:1:*'}`), true},
	{bob, "x:Y", "*", condition(`'ArnEquals':{'aws:SourceArn':'arn:aws:*:x:*:*'}`), false},
	{bob, "x:Y", "*", condition(`'ArnNotLike':{'aws:SourceArn':'arn:aws:sqs:*:*:*'}`), true},
	{
		node, "x:Y", "*",
		condition(`'ArnEquals':{'aws:PrincipalArn':'arn:aws:iam::${aws:PrincipalAccount}:role/NodeRole'}`), true,
	},
	{bob, "x:Y", "*", condition(`'ArnLike':{'aws:PrincipalArn':'*'}`), true},
	{bob, "x:Y", "*", condition(`'StringEquals':{'aws:PrincipalType':'User'}`), true},
	{bob, "x:Y", "*", condition(`'Bool':{'aws:PrincipalIsAWSService':'false'}`), true},
}

// statementKeys has the condition keys of each request.
var statementKeys = iam.KeyMap(map[string][]string{
	"aws:SourceVpce": {
		"vpce-1",
	}, "aws:SourceIp": {"203.0.113.7"}, "ssm:resourceTag/Env": {"Prod"}, "aws:TagKeys": {"a", "b"},
	"s3:max-keys": {
		"10",
	}, "aws:SecureTransport": {
		"true",
	}, "k:bin": {"aGk="}, "aws:SourceArn": {"arn:aws:sns:us-east-1:1:t:x"}, "k:empty": {},
})

func TestActions(t *testing.T) { allows(t, actionStatements) }

func TestResources(t *testing.T) { allows(t, resourceStatements) }

func TestVariablesInStatements(t *testing.T) { allows(t, variableStatements) }

func TestWhoTheCallerIs(t *testing.T) { allows(t, callerStatements) }

func TestConditionsOnTexts(t *testing.T) { allows(t, textStatements) }

func TestConditionsOnSeveralValues(t *testing.T) { allows(t, severalStatements) }

func TestOtherConditions(t *testing.T) { allows(t, otherStatements) }

func allows(t *testing.T, cases []statementCase) {
	t.Helper()
	for _, tt := range cases {
		text := strings.ReplaceAll(tt.statement, "'", `"`)
		text = strings.ReplaceAll(text, `, "all"}`, `, 'all'}`)
		p, err := iam.Parse(iam.Identity, "p", `{"Version":"2012-10-17","Statement":{"Effect":"Allow",`+text+`}}`)
		if err != nil {
			t.Errorf("%s: %v", tt.statement, err)
			continue
		}
		r := &iam.Request{
			Principal: tt.who, Action: tt.action, Resource: tt.resource, Keys: statementKeys,
			Time: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC),
		}
		if d := iam.Evaluate(r, &iam.Policies{Identity: []*iam.Policy{p}}); d.Allow != tt.want {
			t.Errorf("%s may %s on %s with %s: %v, want %v", tt.who.ARN, tt.action, tt.resource, tt.statement, d, tt.want)
		}
	}
}
