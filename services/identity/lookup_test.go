package identity_test

import (
	"slices"
	"testing"

	"postern/aws/iam"
	"postern/services/identity"
)

// TestPoliciesAreCompiledOnce: a key that is looked up again brings the policies that were compiled before, also after
// a change to something else. Those that stand in a role itself are compiled anew when the role changes, and no others.
func TestPoliciesAreCompiledOnce(t *testing.T) {
	w := newWorld(t)
	r := w.role("R", trustAll)
	h := identity.Holder{Account: account, Kind: identity.OfRole, Name: "R"}
	w.ok(w.PutInline(w.ctx, h, identity.Document{Name: "a", Text: allowGet}))
	w.ok(w.PutInline(w.ctx, h, identity.Document{Name: "b", Text: allowAll}))
	w.ok(w.Attach(w.ctx, h, core))
	s := must(w.AssumeRole(w.ctx, identity.AssumeRole{
		Caller: iam.Principal{Kind: iam.User}, RoleARN: r.ARN(), SessionName: "me", Policy: allowGet,
	}))
	all := func() []*iam.Policy {
		p := &must(w.Lookup(s.AccessKey, s.Token)).Policies
		return slices.Concat(p.Identity, p.Session)
	}
	first := must(w.Lookup(s.AccessKey, s.Token))
	if again := must(w.Lookup(s.AccessKey, s.Token)); again != first {
		t.Error("nothing has changed, and the credential is made anew")
	}
	// The token's hash is on the stack.
	if n := testing.AllocsPerRun(100, func() { must(w.Lookup(s.AccessKey, s.Token)) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	before := all()
	w.role("Another", trustAll)
	if after := all(); !slices.Equal(before, after) || len(after) != 4 {
		t.Errorf("another role has changed, and of %d policies some were compiled anew", len(after))
	}
	w.ok(w.PutInline(w.ctx, h, identity.Document{Name: "b", Text: allowGet}))
	anew := 0
	for _, p := range all() {
		if !slices.Contains(before, p) {
			anew++
		}
	}
	if anew != 2 {
		t.Errorf("one of a role's two policies has changed, and %d policies were compiled anew", anew)
	}
}
