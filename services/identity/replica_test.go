package identity_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"postern/aws/iam"
	"postern/record"
	"postern/record/recordtest"
	"postern/services/identity"
)

// pair opens two services over one store: first tells what happens before its commits.
func pair(t *testing.T) (first, second *world, between *recordtest.Between) {
	t.Helper()
	second = newWorld(t)
	between = &recordtest.Between{Store: second.store}
	s, err := identity.Open(second.ctx, identity.Config{
		Store: between, Sealer: sealer(t, 1), Now: second.clock,
	})
	second.ok(err)
	return &world{Service: s, t: t, store: second.store, ctx: second.ctx}, second, between
}

// TestAnotherServersChanges: they are seen after Refresh, deletions too, and credentials in use follow them.
func TestAnotherServersChanges(t *testing.T) {
	one, two, _ := pair(t)
	must(one.CreateUser(one.ctx, identity.NewUser{Account: account, Name: "Eve"}))
	k := must(one.CreateAccessKey(one.ctx, account, "Eve"))
	if _, err := two.Lookup(k.ID, ""); err == nil {
		t.Error("the key is known before anybody told of it")
	}
	two.ok(two.Refresh(two.ctx))
	if c := must(two.Lookup(k.ID, "")); c.Secret != k.Secret || may(c, "ssm:GetParameter") {
		t.Errorf("%+v", c.Principal)
	}
	h := identity.Holder{Account: account, Name: "Eve"}
	one.ok(one.PutInline(one.ctx, h, identity.Document{Name: "p", Text: allowGet}))
	two.ok(two.Refresh(two.ctx))
	if c := must(two.Lookup(k.ID, "")); !may(c, "ssm:GetParameter") {
		t.Error("the other server's policy is not in force")
	}
	one.ok(one.DeleteAccessKey(one.ctx, account, "Eve", k.ID))
	two.ok(two.Refresh(two.ctx))
	if _, err := two.Lookup(k.ID, ""); err == nil {
		t.Error("a key that the other server deleted is still good")
	}
}

// conflictCases do one thing on a server while another does something else; afterwards the account has users.
var conflictCases = []struct {
	name       string
	do         func(w *world) error
	meanwhile  func(w *world) error
	conflicts  int
	code       string
	afterwards string
}{
	{
		"another role", func(w *world) error { return createRole(w, "A") },
		func(w *world) error { return createRole(w, "B") }, 0, "", "Bob",
	},
	{
		"the same role", func(w *world) error { return createRole(w, "A") },
		func(w *world) error { return createRole(w, "a") }, 1, "EntityAlreadyExists", "Bob",
	},
	{
		"a key of a user that goes",
		func(w *world) error { _, err := w.CreateAccessKey(w.ctx, account, "Bob"); return err },
		func(w *world) error { return w.DeleteUser(w.ctx, account, "Bob") }, 1, "NoSuchEntity", "",
	},
	{
		"a user that gets a key", func(w *world) error { return w.DeleteUser(w.ctx, account, "Bob") },
		func(w *world) error { _, err := w.CreateAccessKey(w.ctx, account, "Bob"); return err },
		1, "DeleteConflict", "Bob",
	},
	{
		"tags of two users",
		func(w *world) error { return w.TagUser(w.ctx, account, "Bob", []identity.Tag{{Key: "a"}}) },
		func(w *world) error {
			_, err := w.CreateUser(w.ctx, identity.NewUser{Account: account, Name: "Ann"})
			return err
		}, 0, "", "Ann Bob",
	},
	{
		"a policy that is attached meanwhile", func(w *world) error { return w.DeletePolicy(w.ctx, account, mine) },
		func(w *world) error { return w.Attach(w.ctx, identity.Holder{Account: account, Name: "Bob"}, mine) },
		1, "DeleteConflict", "Bob",
	},
	{
		"a policy that goes while it is attached",
		func(w *world) error { return w.Attach(w.ctx, identity.Holder{Account: account, Name: "Bob"}, mine) },
		func(w *world) error { return w.DeletePolicy(w.ctx, account, mine) }, 1, "NoSuchEntity", "Bob",
	},
}

// TestConflicts: what another server changes between a plan and its commit makes it plan anew where it had read that,
// and only there.
func TestConflicts(t *testing.T) {
	for _, tt := range conflictCases {
		t.Run(tt.name, func(t *testing.T) {
			one, two, between := pair(t)
			must(two.CreateUser(two.ctx, identity.NewUser{Account: account, Name: "Bob"}))
			must(two.CreatePolicy(two.ctx, identity.NewPolicy{Account: account, Name: "Mine", Text: allowGet}))
			one.ok(one.Refresh(one.ctx))
			between.Next = func() { two.ok(tt.meanwhile(two)) }
			if err := tt.do(one); code(err) != tt.code {
				t.Errorf("%v, want %q", err, tt.code)
			}
			if between.Conflicts != tt.conflicts {
				t.Errorf("%d conflicts, want %d", between.Conflicts, tt.conflicts)
			}
			two.ok(two.Refresh(two.ctx))
			for n, w := range []*world{one, two} {
				var names []string
				for _, u := range w.Users(account, "") {
					names = append(names, u.Name)
				}
				if got := strings.Join(names, " "); got != tt.afterwards {
					t.Errorf("server %d has users %q, want %q", n, got, tt.afterwards)
				}
			}
		})
	}
}

const mine = "arn:aws:iam::000000000000:policy/Mine"

func createRole(w *world, name string) error {
	_, err := w.CreateRole(w.ctx, identity.NewRole{Account: account, Name: name, Trust: trustEC2})
	return err
}

// TestFormerRecords: what an earlier version stored, without groups, is read, used and changed.
func TestFormerRecords(t *testing.T) {
	w := newWorld(t)
	must(w.CreateUser(w.ctx, identity.NewUser{Account: account, Name: "Bob"}))
	k := must(w.CreateAccessKey(w.ctx, account, "Bob"))
	feed, err := w.store.Since(w.ctx, 0)
	w.ok(err)
	former := new(record.Memory)
	for i := range feed.Changes {
		feed.Changes[i].Groups = nil
	}
	_, err = former.Commit(w.ctx, record.Commit{Changes: feed.Changes})
	w.ok(err)
	w.store = former
	w.restart()
	if c := must(w.Lookup(k.ID, "")); c.Secret != k.Secret || c.Principal.Kind != iam.User {
		t.Errorf("%+v", c.Principal)
	}
	name := "Robert"
	w.ok(w.UpdateUser(w.ctx, account, "bob", identity.UserUpdate{Name: &name}))
	w.restart()
	keys := must(w.AccessKeys(account, "robert"))
	if c := must(w.Lookup(k.ID, "")); len(keys) != 1 || c.Principal.ARN != "arn:aws:iam::000000000000:user/Robert" {
		t.Errorf("%d keys; %+v", len(keys), c.Principal)
	}
	if _, err := w.User(account, "Bob"); code(err) != "NoSuchEntity" {
		t.Errorf("the old name: %v", err)
	}
}

// TestUnreadableRecords: a policy that does not parse is never taken for one that says nothing.
func TestUnreadableRecords(t *testing.T) {
	for _, tt := range []struct{ kind, id, body, says string }{
		{"user", "1/x", `{"Account":"1","Name":"x","Inline":[{"Name":"p","Text":"{"}]}`, "user 1/x"},
		{"role", "1/x", `{"Account":"1","Name":"x","Trust":"{"}`, "role 1/x"},
		{"policy", "1/x", `{"Account":"1","Name":"x","Default":"v2"}`, "has no version v2"},
		{"access-key", "k", `{"Account":"1","ID":"k","Sealed":"AAAA"}`, "access key k"},
		{"access-key", "k", `[]`, "access-key k"},
		{"guild", "1/x", `{}`, `unknown kind "guild"`},
	} {
		store := new(record.Memory)
		c := record.Commit{Changes: []record.Change{recordtest.Put(tt.kind, tt.id, tt.body)}}
		if _, err := store.Commit(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		_, err := identity.Open(t.Context(), identity.Config{Store: store, Sealer: sealer(t, 1)})
		if err == nil || !strings.Contains(fmt.Sprint(err), tt.says) {
			t.Errorf("%s %s: %v", tt.kind, tt.body, err)
		}
	}
}

// TestPolicyEntitiesAreSorted: by their names, however they were made.
func TestPolicyEntitiesAreSorted(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"b", "C", "a"} {
		must(w.CreateUser(w.ctx, identity.NewUser{Account: account, Name: name, Boundary: core}))
		w.ok(w.Attach(w.ctx, identity.Holder{Account: account, Name: name}, core))
	}
	e := must(w.PolicyEntities(account, core))
	if want := []string{"C", "a", "b"}; !slices.Equal(e.Users, want) || !slices.Equal(e.BoundedUsers, want) {
		t.Errorf("%+v", e)
	}
}
