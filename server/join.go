package server

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"postern/bus"
	"postern/network/fabric"
	"postern/network/link"
	"postern/server/join"
	"postern/services/machine"
)

// topicNodes hints that a node was registered or forgotten.
const topicNodes = "nodes"

// joinModule is the machines that join over WireGuard.
type joinModule struct {
	config   *Config
	base     *baseModule
	state    *stateModule
	identity *identityModule
	network  *networkModule
	fabric   *fabricModule
	nodes    *nodesModule
	hints    bus.Bus

	machines *machine.Service
	policy   *join.Policy
	wire     *fabric.WireGuard
}

func (m *joinModule) module() module {
	return module{
		name: "join", open: m.open, reconcilers: m.reconcilers, replicas: m.replicas,
		close: func() error { return m.wire.Close() },
	}
}

func (m *joinModule) open(ctx context.Context) (err error) {
	m.machines, err = machine.Open(ctx, m.state.Set(setMachines), join.Interfaces{Network: m.network.Service})
	if err != nil {
		return err
	}
	m.policy = &join.Policy{
		Machines: m.machines,
		Nodes:    m.nodes.Service,
		Network:  m.network.Service,
		CA:       m.base.ca.CertificatePEM(),
		Now:      m.config.Now,
	}
	if err := m.listen(ctx); err != nil {
		return err
	}
	m.nodes.OnActivationGone(m.activationGone)
	m.nodes.OnGone(m.nodeGone)
	return nil
}

func (m *joinModule) listen(ctx context.Context) error {
	address, err := netip.ParseAddrPort(m.config.WireGuard)
	if err != nil {
		return fmt.Errorf("WireGuard address %q: write it as address:port", m.config.WireGuard)
	}
	key, err := m.wireGuardKey()
	if err != nil {
		return err
	}
	m.wire, err = m.fabric.ListenWireGuard(ctx, fabric.WireGuardOptions{
		Address: address, PrivateKey: key, Joiner: m.policy, Now: m.config.Now, Log: m.config.Log,
	})
	if err != nil {
		return listenFault("UDP", m.config.WireGuard, "--wireguard", err)
	}
	return nil
}

// wireGuardKey returns the secret by which joined machines find this server again.
func (m *joinModule) wireGuardKey() (key link.PrivateKey, err error) {
	text, err := m.base.dir.Keep("wireguard.key", func() ([]byte, error) { return link.NewPrivateKey().MarshalText() })
	if err != nil {
		return key, err
	}
	if err := key.UnmarshalText(text); err != nil {
		return key, fmt.Errorf("read the data directory's wireguard.key: %w", err)
	}
	return key, nil
}

func (m *joinModule) reconcilers() []reconciler {
	return []reconciler{
		{name: "machines", topics: []string{topicNodes}, every: time.Minute, run: m.readmit},
		{name: "abandoned machines", every: time.Minute, run: m.abandon},
	}
}

func (m *joinModule) replicas() []replica { return []replica{{setMachines, m.refresh}} }

// refresh reads which machines other servers have let in and put out.
func (m *joinModule) refresh(ctx context.Context) error {
	defer m.hints.Publish(topicNodes)
	return m.machines.Refresh(ctx)
}

func (m *joinModule) readmit(context.Context) error { return m.policy.Readmit(m.wire) }

func (m *joinModule) abandon(ctx context.Context) error {
	defer m.hints.Publish(topicNodes)
	return m.policy.Abandon(ctx)
}

// activationGone puts out the machines that a deleted activation let in and that have not registered.
func (m *joinModule) activationGone(ctx context.Context, id string) error {
	defer m.hints.Publish(topicNodes)
	return m.machines.Expel(ctx, id)
}

// nodeGone puts out the machine of a node that was deregistered.
func (m *joinModule) nodeGone(ctx context.Context, id string) {
	if _, _, err := m.machines.Forget(ctx, id); err != nil {
		m.config.Log.Error("a deregistered machine is still in the network", "node", id, "error", err)
	}
	if err := m.identity.Revoke(ctx, id); err != nil {
		m.config.Log.Error("the credentials of a deregistered machine are still good", "node", id, "error", err)
	}
	m.hints.Publish(topicNodes)
}
