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
