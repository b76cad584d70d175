package iam_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"postern/aws/iam"
)

func TestMessage(t *testing.T) {
	request := func(p *iam.Principal) *iam.Request {
		return &iam.Request{
			Principal: p,
			Action:    "ssm:GetParameter",
			Resource:  "arn:aws:ssm:us-east-1:111111111111:parameter/a",
		}
	}
	for _, tt := range []struct {
		policies     iam.Policies
		message, why string
	}{
		{
			iam.Policies{},
			"User: arn:aws:iam::111111111111:user/ops/bob is not authorized to perform: ssm:GetParameter on resource: " +
				"arn:aws:ssm:us-east-1:111111111111:parameter/a because no identity-based policy allows the ssm:GetParameter " +
				"action",
			"no identity-based policy allows it",
		},
		{
			iam.Policies{Identity: []*iam.Policy{parse(t, iam.Identity, "ops", all, denyGet)}},
			"User: arn:aws:iam::111111111111:user/ops/bob is not authorized to perform: ssm:GetParameter on resource: " +
				"arn:aws:ssm:us-east-1:111111111111:parameter/a with an explicit deny in an identity-based policy",
			`explicit deny by statement 2 (NoGet) of identity-based policy "ops"`,
		},
		{
			iam.Policies{
				Identity: []*iam.Policy{parse(t, iam.Identity, "ops", all)},
				Endpoint: parse(t, iam.Endpoint, "vpce-1", toAll(other)),
			},
			"User: arn:aws:iam::111111111111:user/ops/bob is not authorized to perform: ssm:GetParameter on resource: " +
				"arn:aws:ssm:us-east-1:111111111111:parameter/a because no VPC endpoint policy allows the ssm:GetParameter action",
			"no VPC endpoint policy allows it",
		},
	} {
		r := request(bob)
		d := iam.Evaluate(r, &tt.policies)
		if d.Message(r, r.Resource) != tt.message || d.String() != tt.why {
			t.Errorf("message %q\nwant    %q\nwhy %q, want %q", d.Message(r, r.Resource), tt.message, d, tt.why)
		}
	}
	allowed := iam.Evaluate(request(bob), &iam.Policies{Identity: []*iam.Policy{parse(t, iam.Identity, "ops", all)}})
	if want := `allowed by statement 1 of identity-based policy "ops"`; allowed.String() != want {
		t.Errorf("%q, want %q", allowed, want)
	}
}

func TestManagedPolicies(t *testing.T) {
	names := map[string]*iam.Policy{}
	for _, m := range iam.ManagedPolicies() {
		p, err := iam.Parse(iam.Identity, m.Name, m.Document)
		if err != nil {
			t.Fatalf("%s: %v", m.Name, err)
		}
		names[m.Name] = p
	}
	for _, tt := range []struct {
		policy, action string
		want           bool
	}{
		{"AmazonSSMManagedInstanceCore", "ssm:UpdateInstanceInformation", true},
		{"AmazonSSMManagedInstanceCore", "ssmmessages:CreateControlChannel", true},
		{"AmazonSSMManagedInstanceCore", "ec2messages:GetMessages", true},
		{"AmazonSSMManagedInstanceCore", "ssm:GetParameter", true},
		{"AmazonSSMManagedInstanceCore", "ssm:SendCommand", false},
		{"AmazonSSMManagedEC2InstanceDefaultPolicy", "ssm:UpdateInstanceInformation", true},
		{"AmazonSSMManagedEC2InstanceDefaultPolicy", "ssm:GetParameter", false},
		{"AdministratorAccess", "iam:CreateRole", true},
		{"AmazonSSMReadOnlyAccess", "ssm:DescribeInstanceInformation", true},
		{"AmazonSSMReadOnlyAccess", "ssm:SendCommand", false},
	} {
		r := &iam.Request{Principal: node, Action: tt.action, Resource: "*"}
		if d := iam.Evaluate(r, &iam.Policies{Identity: []*iam.Policy{names[tt.policy]}}); d.Allow != tt.want {
			t.Errorf("%s: %s: %v", tt.policy, tt.action, d)
		}
	}
}

// asking counts how often it is asked whether the caller has left.
type asking struct {
	context.Context
	asked int
}

func (a *asking) Err() error {
	a.asked++
	return nil
}

// TestCallerIsSeldomAskedFor: once for some statements, not for each.
func TestCallerIsSeldomAskedFor(t *testing.T) {
	one := `{'Effect':'Allow','Action':'*','Resource':'*','Condition':{'StringEquals':{'aws:username':'eve'}}}`
	p := &iam.Policies{Identity: []*iam.Policy{parse(t, iam.Identity, "i", slices.Repeat([]string{one}, 100)...)}}
	ctx := &asking{Context: t.Context()}
	_, err := iam.EvaluateContext(ctx, &iam.Request{Principal: bob, Action: "s3:Get", Resource: "*"}, p)
	if err != nil || ctx.asked < 5 || ctx.asked > 10 {
		t.Errorf("asked %d times: %v", ctx.asked, err)
	}
}

func TestCallerWhoLeft(t *testing.T) {
	ctx, leave := context.WithCancel(t.Context())
	r := &iam.Request{Principal: bob, Action: "s3:Get", Resource: "*"}
	p := &iam.Policies{Identity: []*iam.Policy{parse(t, iam.Identity, "i", slices.Repeat([]string{all}, 100)...)}}
	if d, err := iam.EvaluateContext(ctx, r, p); !d.Allow || err != nil {
		t.Errorf("%v, %v", d, err)
	}
	// Each of these has to be looked at: only its condition says that it is about another caller.
	eve := `{'Effect':'Allow','Action':'*','Resource':'*','Condition':{'StringEquals':{'aws:username':'eve'}}}`
	p = &iam.Policies{
		Identity: []*iam.Policy{parse(t, iam.Identity, "i", slices.Repeat([]string{eve}, 100)...), p.Identity[0]},
	}
	denies := strings.ReplaceAll(eve, "Allow", "Deny")
	q := &iam.Policies{
		Identity: []*iam.Policy{parse(t, iam.Identity, "i", slices.Repeat([]string{denies}, 100)...), p.Identity[1]},
	}
	if d, err := iam.EvaluateContext(ctx, r, q); !d.Allow || err != nil {
		t.Errorf("%v, %v", d, err)
	}
	leave()
	if d, err := iam.EvaluateContext(ctx, r, q); d.Allow || !errors.Is(err, context.Canceled) {
		t.Errorf("%v, %v", d, err)
	}
	if d, err := iam.EvaluateContext(ctx, r, p); d.Allow || !errors.Is(err, context.Canceled) {
		t.Errorf("%v, %v", d, err)
	}
}
