package store_test

import (
	"path/filepath"
	"testing"

	"postern/aws/iam"
	"postern/services/identity"
	"postern/store"
)

// Credentials that a role gave are good after a restart, although none of them is stored.
func TestCredentialsSurviveARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	sealer, err := identity.NewSealer(make([]byte, identity.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	start := func() (*identity.Service, *store.DB) {
		db := open(t, store.Options{Path: path})
		s, err := identity.Open(t.Context(), identity.Config{Store: db.Set("identity"), Sealer: sealer})
		if err != nil {
			t.Fatal(err)
		}
		return s, db
	}
	s, db := start()
	root, err := s.EnsureAccount(t.Context(), "000000000000")
	if err != nil {
		t.Fatal(err)
	}
	role, err := s.CreateRole(
		t.Context(),
		identity.NewRole{Account: "000000000000", Name: "R", Trust: `{"Statement":{"Effect":"Allow",
		"Principal":{"AWS":"000000000000"},"Action":"sts:AssumeRole"}}`},
	)
	if err != nil {
		t.Fatal(err)
	}
	session, err := s.AssumeRole(
		t.Context(),
		identity.AssumeRole{Caller: iam.Principal{Kind: iam.User}, RoleARN: role.ARN(), SessionName: "me"},
	)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s, _ = start()
	for _, k := range []struct{ id, token, secret string }{
		{root.ID, "", root.Secret}, {session.AccessKey, session.Token, session.Secret},
	} {
		if c, err := s.Lookup(k.id, k.token); err != nil || c.Secret != k.secret {
			t.Errorf("%s after a restart: %v", k.id, err)
		}
	}
}
