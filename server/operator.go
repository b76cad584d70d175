package server

import (
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
