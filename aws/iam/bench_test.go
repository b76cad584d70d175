package iam_test

import (
	"fmt"
	"testing"

	"postern/aws/iam"
)

func BenchmarkEvaluate(b *testing.B) {
	for _, m := range iam.ManagedPolicies() {
		if m.Name != "AmazonSSMManagedInstanceCore" {
			continue
		}
		core, err := iam.Parse(iam.Identity, m.Name, m.Document)
		if err != nil {
			b.Fatal(err)
		}
		endpoint := parse(
			b, iam.Endpoint, "vpce-1",
			`{'Effect':'Allow','Principal':'*','Action':'*','Resource':'*',`+
				`'Condition':{'StringEquals':{'aws:PrincipalAccount':'111111111111'}}}`,
		)
		r := &iam.Request{Principal: node, Action: "ec2messages:GetMessages", Resource: "*"}
		p := &iam.Policies{Identity: []*iam.Policy{core}, Endpoint: endpoint}
		if d := iam.Evaluate(r, p); !d.Allow {
			b.Fatal(d)
		}
		b.ReportAllocs()
		for b.Loop() {
			iam.Evaluate(r, p)
		}
	}
}

// BenchmarkEvaluateVariables judges policies as full as one user's can be, of which one pattern of a hundred fits.
func BenchmarkEvaluateVariables(b *testing.B) {
	var statements []string
	for i := range 100 {
		statements = append(statements, fmt.Sprintf(
			`{'Effect':'Allow','Action':'s3:*','Resource':'arn:aws:s3:::bucket-%d/${aws:username}/${aws:PrincipalTag/team}/*'}`,
			i))
	}
	p := &iam.Policies{Identity: []*iam.Policy{parse(b, iam.Identity, "home", statements...)}}
	for name, resource := range map[string]string{
		"fits":     "arn:aws:s3:::bucket-99/bob/blue/x",
		"fits not": "arn:aws:s3:::shelf/bob/blue/x",
	} {
		r := &iam.Request{Principal: bob, Action: "s3:GetObject", Resource: resource}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				iam.Evaluate(r, p)
			}
		})
	}
}

// fullEndpointPolicy is a policy of an endpoint of nearly 20,480 characters, the most that one may have.
func fullEndpointPolicy(last string) string {
	var statements []string
	for i, n := 0, len(last); ; i++ {
		one := fmt.Sprintf(`{'Sid':'Bucket%d','Effect':'Allow','Principal':'*','Action':['s3:GetObject','s3:ListBucket'],`+
			`'Resource':['arn:aws:s3:::bucket-%d','arn:aws:s3:::bucket-%d/*'],'Condition':{'StringEquals':`+
			`{'aws:PrincipalAccount':'111111111111','aws:PrincipalTag/team':'${aws:PrincipalTag/team}'}}}`, i, i, i)
		if n += len(one) + 1; n > 20400 {
			return doc(append(statements, last)...)
		}
		statements = append(statements, one)
	}
}

// BenchmarkEvaluateFullEndpointPolicy judges a policy of the greatest length, whose last statement allows.
func BenchmarkEvaluateFullEndpointPolicy(b *testing.B) {
	text := fullEndpointPolicy(`{'Effect':'Allow','Principal':'*','Action':'ssm:*','Resource':'*'}`)
	endpoint, err := iam.ParseNew(iam.Endpoint, "vpce-1", text)
	if err != nil {
		b.Fatal(err)
	}
	p := &iam.Policies{Identity: []*iam.Policy{parse(b, iam.Identity, "all", all)}, Endpoint: endpoint}
	for name, r := range map[string]*iam.Request{
		"last": {Principal: bob, Action: "ssm:GetParameter", Resource: "arn:aws:ssm:us-east-1:111111111111:parameter/a"},
		"none": {Principal: bob, Action: "s3:GetObject", Resource: "arn:aws:s3:::bucket-999/x", Account: account},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				iam.Evaluate(r, p)
			}
		})
	}
}

// BenchmarkEvaluateTenPolicies judges ten policies of 2 KB each with variables in them, of which the last one allows.
func BenchmarkEvaluateTenPolicies(b *testing.B) {
	p := tenPolicies(b)
	r := &iam.Request{Principal: bob, Action: "s3:GetObject", Resource: "arn:aws:s3:::home/bob/x"}
	if d := iam.Evaluate(r, p); !d.Allow {
		b.Fatal(d)
	}
	b.ReportAllocs()
	for b.Loop() {
		iam.Evaluate(r, p)
	}
}

// BenchmarkEvaluateEveryVariable judges as much, and has to ask for the variable of each statement, since nothing
// before it tells whether the statement is about the request.
func BenchmarkEvaluateEveryVariable(b *testing.B) {
	p := &iam.Policies{}
	for i := range 10 {
		var statements []string
		for n := range 20 {
			statements = append(statements, fmt.Sprintf(`{'Effect':'Allow','Action':'s3:Get*','Resource':`+
				`'arn:aws:s3:::home/${aws:PrincipalTag/team}/*','Condition':{'Bool':{'k:%d-%d':'true'}}}`, i, n))
		}
		p.Identity = append(p.Identity, parse(b, iam.Identity, fmt.Sprint(i), statements...))
	}
	r := &iam.Request{Principal: bob, Action: "s3:GetObject", Resource: "arn:aws:s3:::home/blue/x"}
	if d := iam.Evaluate(r, p); d.Allow {
		b.Fatal(d)
	}
	b.ReportAllocs()
	for b.Loop() {
		iam.Evaluate(r, p)
	}
}

// BenchmarkParse compiles a policy of the greatest length that an endpoint's may have.
func BenchmarkParse(b *testing.B) {
	text := fullEndpointPolicy(`{'Effect':'Allow','Principal':'*','Action':'ssm:*','Resource':'*'}`)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := iam.ParseNew(iam.Endpoint, "vpce-1", text); err != nil {
			b.Fatal(err)
		}
	}
}
