package identity_test

import (
	"testing"

	"postern/services/identity"
)

func TestParseOrganization(t *testing.T) {
	for _, tt := range []struct {
		text, id, path string // an empty id is refused
	}{
		{"o-exampleorgid", "o-exampleorgid", "o-exampleorgid/r-exam/"},
		{"o-a1b2c3d4e5/r-ab12", "o-a1b2c3d4e5", "o-a1b2c3d4e5/r-ab12/"},
		{
			"o-a1b2c3d4e5/r-ab12/ou-ab12-11111111/ou-ab12-22222222/", "o-a1b2c3d4e5",
			"o-a1b2c3d4e5/r-ab12/ou-ab12-11111111/ou-ab12-22222222/",
		},
		{"", "", ""},
		{"o-short", "", ""},
		{"o-EXAMPLEORGID", "", ""},
		{"o-exampleorgid\n", "", ""},
		{"x-exampleorgid", "", ""},
		{"o-exampleorgid/ou-ab12-11111111/", "", ""},
		{"o-exampleorgid/r-ab12//", "", ""},
		{"o-a1234567890123456789012345678901234", "", ""},
	} {
		o, err := identity.ParseOrganization(tt.text)
		if o.ID != tt.id || o.Path != tt.path || (err == nil) != (tt.id != "") {
			t.Errorf("%q: %+v, %v", tt.text, o, err)
		}
	}
	if o, err := identity.ParseOrganization(identity.NoOrganization); err != nil || o != (identity.Organization{}) {
		t.Errorf("none: %+v, %v", o, err)
	}
}

// TestOrganization: the accounts of the server are in it and no others, also after a restart, until it is another or
// none.
func TestOrganization(t *testing.T) {
	w := newWorld(t)
	holds := func(id string) {
		t.Helper()
		if o := w.Organization(); o.ID != id {
			t.Errorf("the organization is %+v, want %q", o, id)
		}
		if o := w.OrganizationOf(account); o.ID != id {
			t.Errorf("the account is in %+v, want %q", o, id)
		}
		if o := w.OrganizationOf("999999999999"); o.ID != "" {
			t.Errorf("a stranger's account is in %+v", o)
		}
	}
	holds("")
	for _, text := range []string{"o-exampleorgid", "o-exampleorgid/r-ab12/", "o-anotherorgid", "none", "none"} {
		o := must(identity.ParseOrganization(text))
		w.ok(w.SetOrganization(w.ctx, o))
		holds(o.ID)
		w.restart()
		holds(o.ID)
		if got := w.Organization(); got != o {
			t.Errorf("%s: %+v", text, got)
		}
	}
}

// TestServicesTellTheOrganization: a role's trust policy is told the organization of the account on whose behalf a
// service assumes it.
func TestServicesTellTheOrganization(t *testing.T) {
	w := newWorld(t)
	const trust = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"ssm.amazonaws.com"},` +
		`"Action":"sts:AssumeRole","Condition":{"StringEquals":{"aws:SourceOrgID":"o-exampleorgid"},` +
		`"ForAnyValue:StringLike":{"aws:SourceOrgPaths":"o-exampleorgid/r-exam/*",` +
		`"aws:PrincipalServiceNamesList":"ssm.amazonaws.com"}}}}`
	must(w.CreateRole(w.ctx, identity.NewRole{Account: account, Name: "nodes", Trust: trust}))
	ask := identity.ServiceSession{Account: account, Role: "nodes", Service: "ssm.amazonaws.com", IssuedTo: "mi-1"}
	for _, tt := range []struct{ organization, code string }{
		{"o-anotherorgid", "AccessDenied"}, {"o-exampleorgid", ""}, {"none", "AccessDenied"},
	} {
		w.ok(w.SetOrganization(w.ctx, must(identity.ParseOrganization(tt.organization))))
		_, err := w.AssumeForService(w.ctx, ask)
		if (err != nil) != (tt.code != "") {
			t.Errorf("in organization %s: %v", tt.organization, err)
		}
	}
}
