package world

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"postern/agent"
)

// machineMTU is that of machines that Postern does not run, in bytes.
const machineMTU = 1420

// Machine is one that Postern does not run, on a network interface of its own: it becomes a managed node by an
// activation, and outlives servers.
type Machine struct {
	managed
	Interface string
	Address   netip.Addr
	// Dir is where its agent keeps the registration.
	Dir string
	// identifier is the file that tells it from its copies, as /etc/machine-id does.
	identifier string

	uplink *uplink
	client *http.Client
	stop   context.CancelFunc
	done   sync.WaitGroup
}

// Activate makes an activation for so many machines, and returns its id and code.
func (w *World) Activate(limit int32) agent.Activation {
	w.t.Helper()
	out := must[ssm.CreateActivationOutput](w)(w.SSM.CreateActivation(w.t.Context(), &ssm.CreateActivationInput{
		IamRole: &w.Role, RegistrationLimit: &limit,
	}))
	return agent.Activation{ID: *out.ActivationId, Code: *out.ActivationCode, Region: w.Server.Access().Region}
}

// Machine connects a machine that is not registered and does nothing yet.
func (w *World) Machine() *Machine {
	w.t.Helper()
	w.mu.Lock()
	owner := fmt.Sprintf("machine-%d", len(w.machines))
	w.mu.Unlock()
	made, err := w.Server.Interface(w.t.Context(), w.Subnets[0], owner, w.NodeGroup)
	if err != nil {
		w.t.Fatal(err)
	}
	m := &Machine{
		managed: managed{w: w}, Interface: made.ID, Address: made.Addresses[0],
		Dir: w.t.TempDir(), uplink: &uplink{resolvers: []netip.Addr{netip.MustParseAddr("10.0.0.2")}}, stop: func() {},
	}
	m.identifier = filepath.Join(w.t.TempDir(), "machine-id")
	if err := os.WriteFile(m.identifier, []byte(m.Interface), 0o600); err != nil {
		w.t.Fatal(err)
	}
	m.client = newClient(m.uplink, w.roots)
	w.journey.name(m.Interface, owner)
	w.onClose(m.client.CloseIdleConnections)
	w.onClose(m.Leave)
	m.plugIn()
	w.mu.Lock()
	w.machines = append(w.machines, m)
	w.mu.Unlock()
	return m
}

// plugIn connects the machine to the server of now.
func (m *Machine) plugIn() {
	m.w.t.Helper()
	l, err := m.uplink.plug(machineMTU, m.Address, nil)
	if err != nil {
		m.w.t.Fatal(err)
	}
	m.w.Server.Attach(m.Interface, l)
}

// identity is that of the registration in Dir.
func (m *Machine) identity() *agent.Hybrid {
	return &agent.Hybrid{Dir: m.Dir, Local: m.Address.String(), MachineID: m.identifier}
}

func (m *Machine) agent(identity agent.Identity) *agent.Agent {
	return &agent.Agent{
		Identity: identity, Dir: m.Dir, HTTP: m.client, Runner: m.w.host.runner, Version: agentVersion,
		Log: m.w.host.log.With("machine", m.Address),
	}
}

// Dial connects from the machine to an address.
func (m *Machine) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	return m.uplink.direct(ctx, network, address)
}

// Register registers the machine; the error is the service's.
func (m *Machine) Register(a agent.Activation) error {
	h := m.identity()
	if err := h.Register(m.w.t.Context(), m.agent(nil), a); err != nil {
		return err
	}
	m.ID = h.Node()
	return nil
}

// Work starts the agent, which goes on until Leave.
func (m *Machine) Work() {
	ctx, cancel := context.WithCancel(context.Background())
	m.stop = cancel
	m.done.Go(func() {
		if err := m.agent(m.identity()).Run(ctx); err != nil {
			m.w.host.log.Error("the agent ended", "machine", m.Address, "error", err)
		}
	})
}

// Leave ends the agent.
func (m *Machine) Leave() {
	m.stop()
	m.done.Wait()
}

// Join makes a machine that has registered and is ready.
func (w *World) Join() *Machine {
	w.t.Helper()
	m := w.Machine()
	if err := m.Register(w.Activate(1)); err != nil {
		w.t.Fatal(err)
	}
	m.Work()
	m.ready()
	return m
}

// Copy copies what another machine keeps of its registration.
func (m *Machine) Copy(from *Machine) {
	m.w.t.Helper()
	copyFile(m.w.t, filepath.Join(from.Dir, "registration.json"), filepath.Join(m.Dir, "registration.json"))
	m.ID = from.ID
}

func copyFile(t testing.TB, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}
