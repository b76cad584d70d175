package identity_test

import (
	"testing"
	"time"

	"postern/services/identity"
)

// TestKeyUses: a thousand requests cost one commit, which is read back, and credentials in use stay as they are.
func TestKeyUses(t *testing.T) {
	w := newWorld(t)
	must(w.CreateUser(w.ctx, identity.NewUser{Account: account, Name: "Eve"}))
	k := must(w.CreateAccessKey(w.ctx, account, "Eve"))
	before, commits := must(w.Lookup(k.ID, "")), w.store.Commits()
	last := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for i := range 1000 {
		w.Used(identity.KeyUse{Key: k.ID, Time: last.Add(time.Duration(i-999) * time.Second), Service: "ssm", Region: "r-1"})
	}
	w.Used(identity.KeyUse{Key: "AKIANOBODY", Time: last})
	w.ok(w.WriteUses(w.ctx))
	w.ok(w.WriteUses(w.ctx)) // nothing is new
	if n := w.store.Commits() - commits; n != 1 {
		t.Errorf("%d commits", n)
	}
	if after := must(w.Lookup(k.ID, "")); after != before {
		t.Error("that a key was used made its credential anew")
	}
	again := must(identity.Open(w.ctx, identity.Config{Store: w.store, Sealer: sealer(t, 1), Now: w.clock}))
	_, use, err := again.LastUse(account, k.ID)
	if w.ok(err); !use.Time.Equal(last) || use.Service != "ssm" || use.Region != "r-1" {
		t.Errorf("read back: %+v", use)
	}
	again.Used(identity.KeyUse{Key: k.ID, Time: last.Add(-time.Hour), Service: "ec2", Region: "r-2"})
	w.ok(again.WriteUses(w.ctx)) // by a server that was slower
	if _, use, err = again.LastUse(account, k.ID); err != nil || !use.Time.Equal(last) {
		t.Errorf("an earlier use took the place of a later one: %+v, %v", use, err)
	}
	w.ok(w.DeleteAccessKey(w.ctx, account, "Eve", k.ID))
	w.Used(identity.KeyUse{Key: k.ID, Time: last.Add(time.Hour)})
	w.ok(w.WriteUses(w.ctx))
	if _, _, err := w.LastUse(account, k.ID); err == nil {
		t.Error("a deleted key was used")
	}
}
