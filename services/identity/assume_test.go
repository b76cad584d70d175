package identity_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/aws/fault"
	"postern/aws/iam"
	"postern/record"
	"postern/services/identity"
)

func TestAssumeRole(t *testing.T) {
	w := newWorld(t)
	r := w.role("Admin", trustAll)
	w.ok(
		w.Attach(
			w.ctx,
			identity.Holder{Account: account, Kind: identity.OfRole, Name: "Admin"},
			"arn:aws:iam::aws:policy/AdministratorAccess",
		),
	)
	user := iam.Principal{Kind: iam.User, Account: account}
	a := identity.AssumeRole{
		Caller: user, RoleARN: r.ARN(), SessionName: "eve", Policy: allowGet,
		Tags: []identity.Tag{{Key: "Cost", Value: "1"}}, Source: "eve@x",
	}
	s := must(w.AssumeRole(w.ctx, a))
	if s.ARN != "arn:aws:sts::000000000000:assumed-role/Admin/eve" || s.UserID != r.ID+":eve" ||
		!strings.HasPrefix(s.AccessKey, "ASIA") {
		t.Errorf("%+v", s.ARN)
	}
	w.restart() // nothing was stored, and yet the credentials go on
	c := must(w.Lookup(s.AccessKey, s.Token))
	if c.Secret != s.Secret || !c.Expires.Equal(w.now.Add(time.Hour)) || c.Principal.ARN != s.ARN ||
		c.Principal.Role != r.ARN() ||
		c.Principal.Tags["cost"] != "1" ||
		c.Principal.SourceIdentity != "eve@x" {
		t.Errorf("%+v", c.Principal)
	}
	if !may(c, "ssm:GetParameter") || may(c, "ssm:PutParameter") {
		t.Error("the session policy does not limit")
	}
	for _, tt := range []struct{ key, token string }{
		{s.AccessKey, ""}, {s.AccessKey, s.Token + "A"}, {s.AccessKey, "!"}, {s.AccessKey, strings.Repeat("A", 20000)},
		{must(w.AssumeRole(w.ctx, a)).AccessKey, s.Token}, {"ASIAQAAAAAAAAAAAAAAA", s.Token},
	} {
		if _, err := w.Lookup(tt.key, tt.token); !fault.Is(err, fault.NotFound) {
			t.Errorf("%s with another token: %v", tt.key, err)
		}
	}
	// A role made anew under the same name is another one.
	w.ok(
		w.Detach(
			w.ctx,
			identity.Holder{Account: account, Kind: identity.OfRole, Name: "Admin"},
			"arn:aws:iam::aws:policy/AdministratorAccess",
		),
	)
	w.ok(w.DeleteRole(w.ctx, account, "Admin"))
	w.role("Admin", trustAll)
	if _, err := w.Lookup(s.AccessKey, s.Token); !fault.Is(err, fault.NotFound) {
		t.Errorf("the session outlived its role: %v", err)
	}
}

func TestAssumeRoleRefuses(t *testing.T) {
	w := newWorld(t)
	r := w.role("Admin", trustAll)
	good := identity.AssumeRole{
		Caller:      iam.Principal{Kind: iam.User, Account: account},
		RoleARN:     r.ARN(),
		SessionName: "eve",
	}
	for _, tt := range []struct {
		name  string
		alter func(*identity.AssumeRole)
		code  string
	}{
		{"good", func(*identity.AssumeRole) {}, ""},
		{"root", func(a *identity.AssumeRole) { a.Caller.Kind = iam.Root }, "AccessDenied"},
		{"no such role", func(a *identity.AssumeRole) { a.RoleARN += "x" }, "AccessDenied"},
		{"short name", func(a *identity.AssumeRole) { a.SessionName = "x" }, "ValidationError"},
		{"too short", func(a *identity.AssumeRole) { a.Duration = 899 * time.Second }, "ValidationError"},
		{"too long for the role", func(a *identity.AssumeRole) { a.Duration = 2 * time.Hour }, "ValidationError"},
		{"too long for anybody", func(a *identity.AssumeRole) { a.Duration = 13 * time.Hour }, "ValidationError"},
		{"malformed policy", func(a *identity.AssumeRole) { a.Policy = "{" }, "MalformedPolicyDocument"},
		{"policy not there", func(a *identity.AssumeRole) { a.PolicyARNs = []string{core + "x"} }, "NoSuchEntity"},
		{"bad tag", func(a *identity.AssumeRole) { a.Tags = []identity.Tag{{Key: "aws:x"}} }, "ValidationError"},
		{"bad source", func(a *identity.AssumeRole) { a.Source = "a b" }, "ValidationError"},
		{"long policy", func(a *identity.AssumeRole) { a.Policy = allowGet + strings.Repeat(" ", 2048) }, "ValidationError"},
		{
			"many policies", func(a *identity.AssumeRole) { a.PolicyARNs = slices.Repeat([]string{core}, 11) },
			"ValidationError",
		},
		{"large policy and tags", func(a *identity.AssumeRole) {
			a.Policy = allowGet + strings.Repeat(" ", 2048-len(allowGet))
			for i := range 9 {
				a.Tags = append(a.Tags, identity.Tag{Key: fmt.Sprint("k", i), Value: strings.Repeat("v", 256)})
			}
		}, "PackedPolicyTooLarge"},
	} {
		a := good
		tt.alter(&a)
		if _, err := w.AssumeRole(w.ctx, a); code(err) != tt.code {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.code)
		}
	}
}

func TestInstanceSession(t *testing.T) {
	w := newWorld(t)
	w.role("NodeRole", trustEC2)
	w.ok(w.Attach(w.ctx, identity.Holder{Account: account, Kind: identity.OfRole, Name: "NodeRole"}, core))
	i := identity.Instance{Account: account, Region: "us-east-1", ID: "i-0123456789abcdef0"}
	if _, err := w.AssumeForInstance(w.ctx, i, "NodeProfile"); code(err) != "NoSuchEntity" {
		t.Errorf("without profile: %v", err)
	}
	must(w.CreateInstanceProfile(w.ctx, identity.NewInstanceProfile{Account: account, Name: "NodeProfile"}))
	if _, err := w.AssumeForInstance(w.ctx, i, "NodeProfile"); code(err) != "NoSuchEntity" {
		t.Errorf("without role: %v", err)
	}
	w.ok(w.AddRole(w.ctx, account, "NodeProfile", "NodeRole"))
	s := must(w.AssumeForInstance(w.ctx, i, "NodeProfile"))
	c := must(w.Lookup(s.AccessKey, s.Token))
	if c.Principal.ARN != "arn:aws:sts::000000000000:assumed-role/NodeRole/"+i.ID || c.IssuedTo != i.ID ||
		c.Principal.SourceInstance != i.ARN() {
		t.Errorf("%+v", c.Principal)
	}
	if !may(c, "ssm:UpdateInstanceInformation") || may(c, "ssm:SendCommand") {
		t.Error("AmazonSSMManagedInstanceCore is not what it should be")
	}
	own := must(w.IdentifyInstance(w.ctx, i))
	c = must(w.Lookup(own.AccessKey, own.Token))
	if c.Principal.ARN != "arn:aws:sts::000000000000:assumed-role/aws:ec2-instance/"+i.ID ||
		c.Principal.UserID != "000000000000:aws:ec2-instance:"+i.ID || may(c, "ssm:UpdateInstanceInformation") ||
		!may(c, "ssm:RegisterManagedInstance") {
		t.Errorf("%+v", c.Principal)
	}
	w.now = w.now.Add(afterward)
	w.ok(w.Revoke(w.ctx, i.ID))
	for _, k := range []identity.Credentials{s.Credentials, own} {
		if _, err := w.Lookup(k.AccessKey, k.Token); !fault.Is(err, fault.NotFound) {
			t.Errorf("revoked: %v", err)
		}
	}
	w.now = w.now.Add(afterward)
	s = must(w.AssumeForInstance(w.ctx, i, "NodeProfile"))
	must(w.Lookup(s.AccessKey, s.Token))
	w.now = w.now.Add(longAgo)
	w.ok(w.Revoke(w.ctx, "mi-other"))
	if old, err := w.store.Find(w.ctx, record.Key{Kind: "revocation", ID: i.ID}); err != nil || len(old) > 0 {
		t.Errorf("an old revocation is kept, %v", err)
	}
	if c, err := w.store.Find(w.ctx, record.Key{Kind: "revocation", ID: "mi-other"}); err != nil || len(c) != 1 {
		t.Errorf("the new revocation is not kept, %v", err)
	}
}

func TestServiceSession(t *testing.T) {
	w := newWorld(t)
	must(w.CreateRole(w.ctx, identity.NewRole{Account: account, Name: "Hybrid", Path: "/service-role/", Trust: trustSSM}))
	good := identity.ServiceSession{
		Account: account, Role: "service-role/Hybrid", Service: "ssm.amazonaws.com", IssuedTo: "mi-1", Source: nodeARN,
		Duration: time.Hour,
	}
	for _, tt := range []struct {
		name  string
		alter func(*identity.ServiceSession)
		kind  fault.Kind
	}{
		{"another service", func(s *identity.ServiceSession) { s.Service = "ec2.amazonaws.com" }, fault.Denied},
		{
			"another region",
			func(s *identity.ServiceSession) { s.Source = strings.Replace(nodeARN, "us-east-1", "eu-west-1", 1) },
			fault.Denied,
		},
		{"another path", func(s *identity.ServiceSession) { s.Role = "other/Hybrid" }, fault.NotFound},
		{"another role", func(s *identity.ServiceSession) { s.Role = "Other" }, fault.NotFound},
		{"another account", func(s *identity.ServiceSession) { s.Account = "111111111111" }, fault.NotFound},
	} {
		s := good
		tt.alter(&s)
		if _, err := w.AssumeForService(w.ctx, s); !fault.Is(err, tt.kind) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.kind)
		}
	}
	for _, role := range []string{"service-role/Hybrid", "Hybrid", "arn:aws:iam::000000000000:role/service-role/Hybrid"} {
		s := good
		s.Role = role
		w.ok(w.CheckServiceRole(s))
		made := must(w.AssumeForService(w.ctx, s))
		const session = "arn:aws:sts::000000000000:assumed-role/Hybrid/mi-1"
		if c := must(w.Lookup(made.AccessKey, made.Token)); c.Principal.ARN != session || c.IssuedTo != "mi-1" {
			t.Errorf("%+v", c.Principal)
		}
	}
}

func TestTrustPolicy(t *testing.T) {
	w := newWorld(t)
	names := func(principal string) string {
		return strings.Replace(trustAll, `"000000000000"`, `"`+principal+`"`, 1)
	}
	for _, tt := range []struct{ principal, code string }{
		{"arn:aws:iam::000000000000:user/nobody", "MalformedPolicyDocument"},
		{"arn:aws:iam::000000000000:role/nothing", "MalformedPolicyDocument"},
		{"arn:aws:iam::000000000000:role/Self", ""},
		{"arn:aws:iam::123456789012:role/elsewhere", ""}, // an account that only Amazon knows
	} {
		r, err := w.CreateRole(w.ctx, identity.NewRole{Account: account, Name: "Self", Trust: names(tt.principal)})
		if code(err) != tt.code {
			t.Errorf("%s: %v, want %q", tt.principal, err, tt.code)
		}
		if err == nil {
			if w.TrustPolicy(r.ARN()) == nil {
				t.Error("no trust policy")
			}
			w.ok(w.DeleteRole(w.ctx, account, "Self"))
		}
	}
	if w.TrustPolicy("arn:aws:iam::000000000000:role/Self") != nil || w.TrustPolicy("x") != nil {
		t.Error("trust policy of a role that is not there")
	}
}
