package iam_test

import (
	"strings"
	"testing"

	"postern/aws/iam"
)

// TestServiceControlPolicies limit everybody in the account, root too, and neither services, service-linked roles nor
// callers of other accounts, whose own account's count.
func TestServiceControlPolicies(t *testing.T) {
	const ec2Only = `{'Effect':'Allow','Action':'ec2:*','Resource':'*'}`
	for _, tt := range []struct {
		name     string
		who      *iam.Principal
		control  []string // a policy each
		resource string
		reason   iam.Reason
	}{
		{"nothing limits", bob, nil, "", iam.ByIdentity},
		{"allows", bob, []string{all}, "", iam.ByIdentity},
		{"is silent", bob, []string{ec2Only}, "", iam.ControlSilent},
		{"one of two is silent", bob, []string{all, ec2Only}, "", iam.ControlSilent},
		{"denies", bob, []string{all + "," + denyGet}, "", iam.ExplicitDeny},
		{"one of two denies", bob, []string{all, all + "," + denyGet}, "", iam.ExplicitDeny},
		{"a role's session", node, []string{ec2Only}, "", iam.ControlSilent},
		{"a federated user", federated, []string{ec2Only}, "", iam.ControlSilent},
		{"root", root, []string{ec2Only}, "", iam.ControlSilent},
		{"root, denied", root, []string{all + "," + denyGet}, "", iam.ExplicitDeny},
		{"root, allowed", root, []string{all}, "", iam.ByRoot},
		{"a service-linked role", linked, []string{ec2Only}, "", iam.ByIdentity},
		{"a service", ec2, []string{ec2Only}, open, iam.ByResource},
		{"nobody", nobody, []string{ec2Only}, open, iam.ByResource},
		{"the resource's policy does not help", bob, []string{ec2Only}, toAll(bob.ARN), iam.ControlSilent},
	} {
		p := &iam.Policies{Identity: []*iam.Policy{parse(t, iam.Identity, "own", all)}}
		for _, statements := range tt.control {
			p.Control = append(p.Control, parse(t, iam.ServiceControl, "control", statements))
		}
		if tt.resource != "" {
			p.Resource = parse(t, iam.Resource, "r", tt.resource)
		}
		r := &iam.Request{Principal: tt.who, Action: "ssm:GetParameter", Resource: "*"}
		if d := iam.Evaluate(r, p); d.Reason != tt.reason {
			t.Errorf("%s: %v, want reason %d", tt.name, d, tt.reason)
		}
	}
}

// TestFederatedUser has what both the user's policies and the session's allow, and what names the session itself.
func TestFederatedUser(t *testing.T) {
	const none = `{'Effect':'Allow','Action':'ec2:*','Resource':'*'}`
	for _, tt := range []struct {
		name                  string
		identity, session, of string
		boundary              string
		reason                iam.Reason
	}{
		{"both", all, getOnly, "", "", iam.ByIdentity},
		{"the user only", all, none, "", "", iam.SessionSilent},
		{"the session only", none, all, "", "", iam.IdentitySilent},
		{"the resource names the session", none, none, toAll(federated.ARN), none, iam.ByResource},
		{"the resource names the user", none, all, toAll(bob.ARN), "", iam.ByResource},
		{"the resource names the user, session silent", all, none, toAll(bob.ARN), "", iam.SessionSilent},
		{"the resource names the user, boundary silent", all, all, toAll(bob.ARN), none, iam.BoundarySilent},
		{"the resource names the account", none, all, toAll(account), "", iam.IdentitySilent},
	} {
		p := &iam.Policies{
			Identity: []*iam.Policy{parse(t, iam.Identity, "own", tt.identity)},
			Session:  []*iam.Policy{parse(t, iam.Session, "session", tt.session)},
		}
		if tt.boundary != "" {
			p.Boundary = parse(t, iam.Boundary, "boundary", tt.boundary)
		}
		if tt.of != "" {
			p.Resource = parse(t, iam.Resource, "r", tt.of)
		}
		r := &iam.Request{
			Principal: federated, Action: "ssm:GetParameter", Resource: "arn:aws:ssm:us-east-1:111111111111:parameter/a",
		}
		if d := iam.Evaluate(r, p); d.Reason != tt.reason {
			t.Errorf("%s: %v, want reason %d", tt.name, d, tt.reason)
		}
	}
}

// TestGatewayPrincipals: an account in the policy of a gateway endpoint is its root user alone.
func TestGatewayPrincipals(t *testing.T) {
	for _, tt := range []struct{ principal, lets string }{
		{`'*'`, "bob node root"},
		{`{'AWS':'*'}`, "bob node root"},
		{`{'AWS':'111111111111'}`, "root"},
		{`{'AWS':'arn:aws:iam::111111111111:root'}`, "root"},
		{`{'AWS':'222222222222'}`, ""},
		{`{'AWS':'` + bob.ARN + `'}`, "bob"}, // as it may be stored
	} {
		p := parse(t, iam.GatewayEndpoint, "vpce-1",
			`{'Effect':'Allow','Principal':`+tt.principal+`,'Action':'*','Resource':'*'}`)
		var lets []string
		for _, one := range []struct {
			name string
			who  *iam.Principal
		}{{"bob", bob}, {"node", node}, {"root", root}} {
			d := iam.Evaluate(&iam.Request{Principal: one.who, Action: "x:Y", Resource: "*"}, &iam.Policies{Endpoint: p})
			if d.Reason != iam.EndpointSilent {
				lets = append(lets, one.name)
			}
		}
		if got := strings.Join(lets, " "); got != tt.lets {
			t.Errorf("%s lets %q pass, want %q", tt.principal, got, tt.lets)
		}
	}
}

// TestWhichPolicyIsNamed where both accounts have one (observed with Amazon's: the caller's own is named where the
// resource's names the caller, and the resource's where it leaves it to the account or says nothing).
func TestWhichPolicyIsNamed(t *testing.T) {
	const nothing = `{'Effect':'Allow','Action':'ec2:*','Resource':'*'}`
	deny := strings.Replace(open, "Allow", "Deny", 1)
	for _, tt := range []struct {
		name, identity, resource, want string
	}{
		{"the resource grants the account", nothing, toAll(account), "no resource-based policy"},
		{"the resource grants the user", nothing, toAll(bob.ARN), "no identity-based policy"},
		{"both silent", nothing, toAll(other), "no resource-based policy"},
		{"both deny", denyGet, deny, "explicit deny in an identity-based policy"},
		{"the resource denies", all, deny, "explicit deny in a resource-based policy"},
	} {
		r := &iam.Request{Principal: bob, Action: "ssm:GetParameter", Resource: "arn:aws:s3:::b", Account: other}
		d := iam.Evaluate(r, &iam.Policies{
			Identity: []*iam.Policy{parse(t, iam.Identity, "own", tt.identity)},
			Resource: parse(t, iam.Resource, "r", tt.resource),
		})
		if got := d.Message(r, ""); d.Allow || !strings.Contains(got, tt.want) || strings.Contains(got, "on resource") {
			t.Errorf("%s: %s, want %q", tt.name, got, tt.want)
		}
	}
}

// TestDenyingPolicy: Amazon names managed policies of the caller's, by ARN, and no others.
func TestDenyingPolicy(t *testing.T) {
	const arn = "arn:aws:iam::111111111111:policy/Guard"
	r := &iam.Request{Principal: bob, Action: "ssm:GetParameter", Resource: "*"}
	for _, tt := range []struct {
		policies iam.Policies
		want     string
	}{
		{iam.Policies{Identity: []*iam.Policy{parse(t, iam.Identity, arn, denyGet)}}, arn},
		{iam.Policies{Identity: []*iam.Policy{parse(t, iam.Identity, "inline", denyGet)}}, ""},
		{iam.Policies{Identity: []*iam.Policy{parse(t, iam.Identity, arn, getOnly)}}, ""},
		{iam.Policies{Boundary: parse(t, iam.Boundary, arn, denyGet)}, arn},
		{iam.Policies{Resource: parse(t, iam.Trust, "arn:aws:iam::111111111111:role/r",
			`{'Effect':'Deny','Principal':'*','Action':'sts:*'}`)}, ""},
	} {
		if got := iam.Evaluate(r, &tt.policies).DenyingPolicy(); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}
