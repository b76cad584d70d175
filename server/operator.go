package server

import (
	"context"

	"postern/api"
	"postern/api/access"
	"postern/api/postern"
)

// operatorModule is Postern's own API.
type operatorModule struct {
	config   *Config
	identity *identityModule

	requests postern.Requests
}

func (m *operatorModule) module() module { return module{name: "operator", services: m.services} }

func (m *operatorModule) services() []api.Service {
	return []api.Service{postern.New(postern.Config{
		ResetKey:   m.resetKey,
		Identities: m.identity.Service, Requests: &m.requests, Account: m.config.Account,
	})}
}

// audit keeps the record of a request, and hands it on.
func (m *operatorModule) audit(rec api.Record) {
	m.requests.Add(rec)
	access.NoteUse(m.identity.Service, rec)
	if m.config.Audit != nil {
		m.config.Audit(rec)
	}
}

// resetKey makes another key of an account's root user.
func (m *operatorModule) resetKey(
	ctx context.Context, account string, deactivate bool,
) (id, secret string, n int, err error) {
	a := Admin{config: *m.config, base: m.identity.base, identity: m.identity}
	key, n, err := a.ResetKey(ctx, account, deactivate)
	return key.ID, key.Secret, n, err
}
