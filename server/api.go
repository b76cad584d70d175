package server

import (
	"context"
	"net"
	"net/http"

	"postern/api"
	"postern/api/access"
	"postern/network/vpc"
	"postern/server/front"
)

const apiName = "api"

// apiModule is the pipeline of the AWS endpoints, behind the listeners of the private network.
type apiModule struct {
	config   *Config
	base     *baseModule
	identity *identityModule
	network  *networkModule
	fabric   *fabricModule
	links    *privateLinkModule
	nodes    *nodesModule
	operator *operatorModule
	// services are the AWS endpoints of the modules before this one.
	services func() []api.Service

	*api.Handler
	front     *front.Server
	endpoints *endpointListeners
	// unsubscribe ends the application of snapshots.
	unsubscribe func()
}

func (m *apiModule) module() module { return module{name: apiName, open: m.open, close: m.close} }

func (m *apiModule) open(context.Context) error {
	guard, err := m.config.guard()
	if err != nil {
		return err
	}
	who := access.Access{Identities: m.identity.Service, Endpoints: m.network.Service, Nodes: m.nodes.Service}
	m.Handler, err = api.New(api.Config{
		Services:   m.services(),
		Region:     m.config.Region,
		Identities: who,
		Guards:     who,

		Organizations: who,

		Now:        m.config.Now,
		Log:        m.config.Log,
		Audit:      m.operator.audit,
		Admit:      guard.Refuse,
		Undeclared: m.undeclared,

		EncodeDenial: m.identity.EncodeDenial,
	})
	if err != nil {
		return err
	}
	m.front = front.New(front.Config{
		Handler:     guard.Wrap(front.Management(m.handler(), nil)),
		Certificate: m.base.ca.GetCertificate,
		Log:         m.config.Log,
	})
	m.front.Serve(m.fabric.Public())
	m.endpoints = &endpointListeners{
		fabric: m.fabric.Fabric, front: m.front, log: m.config.Log, open: map[string]net.Listener{},
	}
	m.unsubscribe = m.network.Subscribe(m.apply)
	return nil
}

// handler is the pipeline, with the test hook before it.
func (m *apiModule) handler() http.Handler {
	if tap := m.config.Hooks.Tap; tap != nil {
		return tap(m.Handler)
	}
	return m.Handler
}

func (m *apiModule) undeclared(op *api.Operation, resource string) {
	m.config.Log.Warn("an operation touches what it does not declare", "operation", op.Action, "resource", resource)
}

// apply brings a new snapshot into force.
func (m *apiModule) apply(snapshot *vpc.Snapshot) {
	m.fabric.LogFlows(m.network.State().HasFlowLogs())
	m.fabric.Apply(snapshot)
	m.endpoints.apply(snapshot)
	m.links.Apply(snapshot)
}

// close ends the listeners, public and private. Where another generation of the server follows, nobody waits for a node
// that does not read or send: its whole network goes.
func (m *apiModule) close() error {
	m.unsubscribe()
	if m.base.kept != nil {
		m.front.Abort()
	} else {
		m.front.Close()
	}
	return nil
}
