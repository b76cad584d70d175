package identity_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/aws/fault"
	"postern/aws/iam"
	"postern/services/identity"
	"postern/services/identity/identitytest"
)

const account = "000000000000"

// world is a service on a store, with a clock that tests move.
type world struct {
	*identity.Service
	t     testing.TB
	store *identitytest.Store
	now   time.Time
	ctx   context.Context
}

func sealer(t testing.TB, b byte) identity.Sealer {
	t.Helper()
	s, err := identity.NewSealer(bytes.Repeat([]byte{b}, identity.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{
		t:     t,
		store: new(identitytest.Store),
		now:   time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC),
		ctx:   context.Background(),
	}
	w.restart()
	if _, err := w.EnsureAccount(w.ctx, account); err != nil {
		t.Fatal(err)
	}
	return w
}

// restart opens the service anew on the same store.
func (w *world) restart() {
	w.t.Helper()
	s, err := identity.Open(w.ctx, identity.Config{Store: w.store, Sealer: sealer(w.t, 1), Now: w.clock})
	if err != nil {
		w.t.Fatal(err)
	}
	w.Service = s
}

func (w *world) clock() time.Time { return w.now }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func (w *world) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func code(err error) string {
	if err == nil {
		return ""
	}
	return fault.Of(err).Code
}

const (
	trustEC2 = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
		"Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	trustSSM = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
		"Principal":{"Service":"ssm.amazonaws.com"},"Action":"sts:AssumeRole",
		"Condition":{"StringEquals":{"aws:SourceAccount":"000000000000"},
			"ArnLike":{"aws:SourceArn":"arn:aws:ssm:us-east-1:000000000000:*"}}}]}`
	trustAll = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
		"Principal":{"AWS":"000000000000"},"Action":"sts:AssumeRole"}]}`
	allowGet  = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ssm:Get*","Resource":"*"}]}`
	allowAll  = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
	core      = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"
	nodeARN   = "arn:aws:ssm:us-east-1:000000000000:managed-instance/mi-1"
	longAgo   = 48 * time.Hour
	afterward = time.Second
)

func (w *world) role(name, trust string) identity.Role {
	w.t.Helper()
	r, err := w.CreateRole(w.ctx, identity.NewRole{Account: account, Name: name, Trust: trust})
	w.ok(err)
	return r
}

func may(c *identity.Credential, action string) bool {
	r := &iam.Request{Principal: &c.Principal, Action: action, Resource: "*", Time: time.Now()}
	return iam.Evaluate(r, &c.Policies).Allow
}

func TestRootKey(t *testing.T) {
	w := newWorld(t)
	made, err := w.EnsureAccount(w.ctx, "123456789012")
	w.ok(err)
	if again := must(w.EnsureAccount(w.ctx, "123456789012")); again != nil {
		t.Errorf("the root key was given out twice: %v", again.ID)
	}
	w.restart()
	c, err := w.Lookup(made.ID, "")
	w.ok(err)
	if c.Secret != made.Secret || c.Principal.Kind != iam.Root || c.Principal.ARN != "arn:aws:iam::123456789012:root" ||
		!may(c, "iam:CreateRole") {
		t.Errorf("%+v", c.Principal)
	}
	if owner, ok := identity.KeyAccount(made.ID); !ok || owner != "123456789012" || len(made.ID) != 20 ||
		len(made.Secret) != 40 {
		t.Errorf("key %s is of account %s, %v", made.ID, owner, ok)
	}
	for _, bad := range []string{"", "123", "12345678901x"} {
		if _, err := w.EnsureAccount(w.ctx, bad); !fault.Is(err, fault.Invalid) {
			t.Errorf("account %q: %v", bad, err)
		}
	}
}

func TestChosenRootKey(t *testing.T) {
	w := newWorld(t)
	for _, secret := range []string{"first", "first", "lost and made anew"} {
		w.ok(w.EnsureAccountWithKey(w.ctx, "111111111111", "test", secret))
		if c, err := w.Lookup("test", ""); err != nil || c.Principal.Account != "111111111111" || c.Secret != secret {
			t.Errorf("%v, %v", c, err)
		}
	}
	w.ok(w.DeleteAccessKey(w.ctx, "111111111111", "", "test"))
	w.ok(w.EnsureAccountWithKey(w.ctx, "111111111111", "test", "lost and made anew"))
	if _, err := w.Lookup("test", ""); !fault.Is(err, fault.NotFound) {
		t.Errorf("a deleted root key came back: %v", err)
	}
	w.ok(w.EnsureAccountWithKey(w.ctx, "111111111111", "other", "other"))
	if c, err := w.Lookup("other", ""); err != nil || c.Principal.Kind != iam.Root {
		t.Errorf("another key of the operator's: %v, %v", c, err)
	}
	if err := w.EnsureAccountWithKey(w.ctx, "222222222222", "other", "x"); !fault.Is(err, fault.Exists) {
		t.Errorf("one key for two accounts: %v", err)
	}
}

func TestSecretsAreStoredSealed(t *testing.T) {
	w := newWorld(t)
	made := must(w.EnsureAccount(w.ctx, "123456789012"))
	feed, err := w.store.Since(w.ctx, 0)
	w.ok(err)
	for _, r := range feed.Changes {
		if bytes.Contains(r.Body, []byte(made.Secret)) {
			t.Errorf("%s %s holds the secret in the clear", r.Kind, r.ID)
		}
	}
	_, err = identity.Open(w.ctx, identity.Config{Store: w.store, Sealer: sealer(t, 2)})
	if err == nil || !strings.Contains(err.Error(), "not sealed with this key") {
		t.Errorf("opened with another key: %v", err)
	}
}

func TestUserKeys(t *testing.T) {
	w := newWorld(t)
	u := must(
		w.CreateUser(
			w.ctx,
			identity.NewUser{Account: account, Name: "Bob", Path: "/ops/", Tags: []identity.Tag{{Key: "Team", Value: "blue"}}},
		),
	)
	if u.ARN() != "arn:aws:iam::000000000000:user/ops/Bob" || !strings.HasPrefix(u.ID, "AIDA") || len(u.ID) != 21 {
		t.Errorf("%+v", u)
	}
	k := must(w.CreateAccessKey(w.ctx, account, "bob"))
	c := must(w.Lookup(k.ID, ""))
	if c.Principal.Kind != iam.User || c.Principal.Name != "Bob" || c.Principal.Tags["team"] != "blue" ||
		may(c, "ssm:GetParameter") {
		t.Errorf("%+v", c.Principal)
	}
	h := identity.Holder{Account: account, Name: "Bob"}
	w.ok(w.PutInline(w.ctx, h, identity.Document{Name: "p", Text: allowGet}))
	if c = must(w.Lookup(k.ID, "")); !may(c, "ssm:GetParameter") || may(c, "ssm:PutParameter") {
		t.Error("the new policy is not in force")
	}
	w.ok(w.SetBoundary(w.ctx, h, core))
	if c = must(w.Lookup(k.ID, "")); !may(c, "ssm:GetParameter") || may(c, "ssm:GetConnectionStatus") {
		t.Error("the boundary is not in force")
	}
	if _, err := w.Lookup(k.ID, "token"); !fault.Is(err, fault.NotFound) {
		t.Errorf("a user's key with a token: %v", err)
	}
	must(w.CreateAccessKey(w.ctx, account, "Bob"))
	if _, err := w.CreateAccessKey(w.ctx, account, "Bob"); code(err) != "LimitExceeded" {
		t.Errorf("third key: %v", err)
	}
	w.ok(w.SetAccessKey(w.ctx, account, "Bob", k.ID, false))
	if _, err := w.Lookup(k.ID, ""); !fault.Is(err, fault.NotFound) {
		t.Errorf("an inactive key: %v", err)
	}
	if err := w.DeleteUser(w.ctx, account, "Bob"); code(err) != "DeleteConflict" {
		t.Errorf("user with keys deleted: %v", err)
	}
	for _, k := range must(w.AccessKeys(account, "bob")) {
		w.ok(w.DeleteAccessKey(w.ctx, account, "Bob", k.ID))
	}
	if err := w.DeleteUser(w.ctx, account, "Bob"); code(err) != "DeleteConflict" {
		t.Errorf("user with policy deleted: %v", err)
	}
	w.ok(w.DeleteInline(w.ctx, h, "p"))
	w.ok(w.DeleteUser(w.ctx, account, "Bob"))
}

// A refusal is what came of a call, and the code that its error has; none: it was done.
type refusal struct {
	name string
	err  error
	code string
}

func refused(t *testing.T, all []refusal) {
	t.Helper()
	for _, tt := range all {
		if code(tt.err) != tt.code {
			t.Errorf("%s: %v, want %q", tt.name, tt.err, tt.code)
		}
	}
}

func TestRoleRefusals(t *testing.T) {
	w := newWorld(t)
	w.role("R", trustEC2)
	role := func(change func(*identity.NewRole)) error {
		n := identity.NewRole{Account: account, Name: "new", Trust: trustEC2}
		change(&n)
		_, err := w.CreateRole(w.ctx, n)
		return err
	}
	refused(t, []refusal{
		{"role exists", role(func(n *identity.NewRole) { n.Name = "r" }), "EntityAlreadyExists"},
		{"no name", role(func(n *identity.NewRole) { n.Name = "" }), "ValidationError"},
		{"long name", role(func(n *identity.NewRole) { n.Name = strings.Repeat("x", 65) }), "ValidationError"},
		{"bad name", role(func(n *identity.NewRole) { n.Name = "a b" }), "ValidationError"},
		{"bad path", role(func(n *identity.NewRole) { n.Path = "x" }), "ValidationError"},
		{"no trust", role(func(n *identity.NewRole) { n.Trust = "" }), "ValidationError"},
		{"bad trust", role(func(n *identity.NewRole) { n.Trust = allowGet }), "MalformedPolicyDocument"},
		{"short session", role(func(n *identity.NewRole) { n.MaxSession = time.Minute }), "ValidationError"},
		{
			"long description", role(func(n *identity.NewRole) { n.Description = strings.Repeat("x", 1001) }),
			"ValidationError",
		},
		{"tag twice", role(func(n *identity.NewRole) { n.Tags = []identity.Tag{{Key: "a"}, {Key: "A"}} }), "ValidationError"},
		{"boundary not there", role(func(n *identity.NewRole) { n.Boundary = core + "x" }), "NoSuchEntity"},
		{"account not there", role(func(n *identity.NewRole) { n.Account = "999999999999" }), "NoSuchEntity"},
	})
}

func TestDeletionRefusals(t *testing.T) {
	w := newWorld(t)
	w.role("R", trustEC2)
	h := identity.Holder{Account: account, Kind: identity.OfRole, Name: "r"} // letter case does not tell names apart
	must(w.CreateInstanceProfile(w.ctx, identity.NewInstanceProfile{Account: account, Name: "P"}))
	w.ok(w.AddRole(w.ctx, account, "p", "r"))
	w.ok(w.PutInline(w.ctx, h, identity.Document{Name: "i", Text: allowGet}))
	w.ok(w.Attach(w.ctx, h, core))
	mine := must(w.CreatePolicy(w.ctx, identity.NewPolicy{Account: account, Name: "Mine", Text: allowGet}))
	w.ok(w.Attach(w.ctx, h, mine.ARN()))
	refused(t, []refusal{
		{"role in a profile", w.DeleteRole(w.ctx, account, "R"), "DeleteConflict"},
		{"profile with role", w.DeleteInstanceProfile(w.ctx, account, "P"), "DeleteConflict"},
		{"second role", w.AddRole(w.ctx, account, "P", "R"), "LimitExceeded"},
		{"role not in profile", w.RemoveRole(w.ctx, account, "P", "X"), "NoSuchEntity"},
		{"remove", w.RemoveRole(w.ctx, account, "P", "r"), ""},
		{"remove again", w.RemoveRole(w.ctx, account, "P", "r"), "NoSuchEntity"},
		{"role with attached", w.DeleteRole(w.ctx, account, "R"), "DeleteConflict"},
		{"policy in use", w.DeletePolicy(w.ctx, account, mine.ARN()), "DeleteConflict"},
		{"attach again", w.Attach(w.ctx, h, core), ""},
		{"detach", w.Detach(w.ctx, h, core), ""},
		{"detach again", w.Detach(w.ctx, h, core), "NoSuchEntity"},
		{"detach mine", w.Detach(w.ctx, h, mine.ARN()), ""},
		{"role with inline", w.DeleteRole(w.ctx, account, "R"), "DeleteConflict"},
		{"malformed inline", w.PutInline(w.ctx, h, identity.Document{Name: "x", Text: "{}"}), "MalformedPolicyDocument"},
		{"inline not there", w.DeleteInline(w.ctx, h, "x"), "NoSuchEntity"},
		{"inline", w.DeleteInline(w.ctx, h, "i"), ""},
		{"role", w.DeleteRole(w.ctx, account, "R"), ""},
		{"role again", w.DeleteRole(w.ctx, account, "R"), "NoSuchEntity"},
		{"profile", w.DeleteInstanceProfile(w.ctx, account, "P"), ""},
		{"profile again", w.DeleteInstanceProfile(w.ctx, account, "P"), "NoSuchEntity"},
		{"policy", w.DeletePolicy(w.ctx, account, mine.ARN()), ""},
		{"user not there", w.DeleteUser(w.ctx, account, "u"), "NoSuchEntity"},
		{"key not there", w.DeleteAccessKey(w.ctx, account, "", "AKIA"), "NoSuchEntity"},
	})
}

// TestPolicyRefusals: who attaches or deletes a policy needs one of his own account.
func TestPolicyRefusals(t *testing.T) {
	w := newWorld(t)
	w.role("R", trustEC2)
	h := identity.Holder{Account: account, Kind: identity.OfRole, Name: "r"}
	foreign := func() string {
		w.ok(w.EnsureAccountWithKey(w.ctx, "222222222222", "k2", "s2"))
		return must(w.CreatePolicy(w.ctx, identity.NewPolicy{Account: "222222222222", Name: "Theirs", Text: allowGet})).ARN()
	}()
	refused(t, []refusal{
		{"Amazon's policy", w.DeletePolicy(w.ctx, account, core), "ValidationError"},
		{"foreign policy", w.Attach(w.ctx, h, foreign), "NoSuchEntity"},
		{"foreign policy deleted", w.DeletePolicy(w.ctx, account, foreign), "NoSuchEntity"},
		{"no ARN", w.Attach(w.ctx, h, "Mine"), "ValidationError"},
	})
}

func TestPolicyVersions(t *testing.T) {
	w := newWorld(t)
	p := must(w.CreatePolicy(w.ctx, identity.NewPolicy{Account: account, Name: "P", Path: "/a/", Text: allowGet}))
	w.role("R", trustEC2)
	w.ok(w.Attach(w.ctx, identity.Holder{Account: account, Kind: identity.OfRole, Name: "R"}, p.ARN()))
	for i := 2; i <= identity.MaxPolicyVersions; i++ {
		if v := must(w.CreatePolicyVersion(w.ctx, account, p.ARN(), allowAll, i == 3)); v.ID != fmt.Sprintf("v%d", i) {
			t.Errorf("version %s", v.ID)
		}
	}
	if _, err := w.CreatePolicyVersion(w.ctx, account, p.ARN(), allowAll, true); code(err) != "LimitExceeded" {
		t.Errorf("sixth version: %v", err)
	}
	if err := w.DeletePolicyVersion(w.ctx, account, p.ARN(), "v3"); code(err) != "DeleteConflict" {
		t.Errorf("default version deleted: %v", err)
	}
	w.ok(w.SetDefaultPolicyVersion(w.ctx, account, p.ARN(), "v1"))
	w.ok(w.DeletePolicyVersion(w.ctx, account, p.ARN(), "v3"))
	if err := w.SetDefaultPolicyVersion(w.ctx, account, p.ARN(), "v3"); code(err) != "NoSuchEntity" {
		t.Errorf("deleted version put in force: %v", err)
	}
	if v := must(w.CreatePolicyVersion(w.ctx, account, p.ARN(), allowAll, false)); v.ID != "v6" {
		t.Errorf("a version's number was used again: %s", v.ID)
	}
	if e := must(w.PolicyEntities(account, p.ARN())); !slices.Equal(e.Roles, []string{"R"}) || e.Users != nil {
		t.Errorf("%+v", e)
	}
	if all := w.ManagedPolicies(account, "/a/", identity.CustomerOwned); len(all) != 1 || all[0].ARN() != p.ARN() {
		t.Errorf("%+v", all)
	}
	if all := w.ManagedPolicies(account, "", identity.AnyOwner); len(all) != 1+len(iam.ManagedPolicies()) {
		t.Errorf("%d policies", len(all))
	}
}

// Two servers share one store: each sees what the other did when it writes itself, or is told.
func TestTwoServers(t *testing.T) {
	w := newWorld(t)
	one := w.Service
	w.restart()
	two := w.Service
	var wg sync.WaitGroup
	for i, s := range []*identity.Service{one, two} {
		wg.Go(func() {
			for n := range 20 {
				_, err := s.CreateRole(
					w.ctx,
					identity.NewRole{Account: account, Name: fmt.Sprintf("r-%d-%d", i, n), Trust: trustEC2},
				)
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	w.ok(one.Refresh(w.ctx))
	w.ok(two.Refresh(w.ctx))
	if a, b := len(one.Roles(account, "")), len(two.Roles(account, "")); a != 40 || b != 40 {
		t.Errorf("%d and %d roles", a, b)
	}
}

func TestNothingChangesWhenTheStoreRefuses(t *testing.T) {
	w := newWorld(t)
	broken := errors.New("disk full")
	w.store.Fail(broken)
	if err := createRole(w, "R"); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	if _, err := w.Role(account, "R"); code(err) != "NoSuchEntity" {
		t.Errorf("%v", err)
	}
	w.store.Fail(nil)
	w.role("R", trustEC2)
}

func TestTags(t *testing.T) {
	w := newWorld(t)
	w.role("R", trustEC2)
	must(w.CreateUser(w.ctx, identity.NewUser{Account: account, Name: "U"}))
	must(w.CreateInstanceProfile(w.ctx, identity.NewInstanceProfile{Account: account, Name: "P"}))
	p := must(w.CreatePolicy(w.ctx, identity.NewPolicy{Account: account, Name: "P", Text: allowGet})).ARN()
	two := []identity.Tag{{Key: "a", Value: "1"}, {Key: "b", Value: "2"}}
	w.ok(w.TagRole(w.ctx, account, "R", two))
	w.ok(w.TagRole(w.ctx, account, "R", []identity.Tag{{Key: "A", Value: "3"}}))
	w.ok(w.UntagRole(w.ctx, account, "R", []string{"B"}))
	w.ok(w.TagUser(w.ctx, account, "U", two))
	w.ok(w.UntagUser(w.ctx, account, "U", []string{"a"}))
	w.ok(w.TagInstanceProfile(w.ctx, account, "P", two))
	w.ok(w.UntagInstanceProfile(w.ctx, account, "P", []string{"a"}))
	w.ok(w.TagPolicy(w.ctx, account, p, two))
	w.ok(w.UntagPolicy(w.ctx, account, p, []string{"a"}))
	w.restart()
	left := []identity.Tag{{Key: "b", Value: "2"}}
	for what, tags := range map[string][2][]identity.Tag{
		"role":    {must(w.Role(account, "R")).Tags, {{Key: "A", Value: "3"}}},
		"user":    {must(w.User(account, "U")).Tags, left},
		"profile": {must(w.InstanceProfile(account, "P")).Tags, left},
		"policy":  {must(w.Policy(account, p)).Tags, left},
	} {
		if !slices.Equal(tags[0], tags[1]) {
			t.Errorf("%s: %v, want %v", what, tags[0], tags[1])
		}
	}
	many := make([]identity.Tag, 51)
	for i := range many {
		many[i].Key = fmt.Sprint(i)
	}
	if err := w.TagRole(w.ctx, account, "R", many); code(err) != "LimitExceeded" {
		t.Errorf("51 tags: %v", err)
	}
}

// Many callers look keys up while policies change: nobody sees a mixture, and everybody sees the last state.
func TestLookupWhilePoliciesChange(t *testing.T) {
	w := newWorld(t)
	r := w.role("R", trustAll)
	s := must(
		w.AssumeRole(w.ctx, identity.AssumeRole{Caller: iam.Principal{Kind: iam.User}, RoleARN: r.ARN(), SessionName: "me"}),
	)
	h := identity.Holder{Account: account, Kind: identity.OfRole, Name: "R"}
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if _, err := w.Lookup(s.AccessKey, s.Token); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for i := range 50 {
		w.ok(w.PutInline(w.ctx, h, identity.Document{Name: "p", Text: []string{allowGet, allowAll}[i%2]}))
		if c := must(w.Lookup(s.AccessKey, s.Token)); may(c, "ec2:RunInstances") != (i%2 == 1) {
			t.Fatalf("change %d is not in force", i)
		}
	}
	close(done)
	wg.Wait()
}

func BenchmarkLookup(b *testing.B) {
	w := newWorld(b)
	r := w.role("R", trustAll)
	s := must(
		w.AssumeRole(w.ctx, identity.AssumeRole{Caller: iam.Principal{Kind: iam.User}, RoleARN: r.ARN(), SessionName: "me"}),
	)
	b.ReportAllocs()
	for b.Loop() {
		must(w.Lookup(s.AccessKey, s.Token))
	}
}
