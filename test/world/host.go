package world

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"postern/agent"
	"postern/agent/execute"
	"postern/network/link"
	"postern/services/compute/guest"
)

// agentVersion is the version that the simulated agents report.
const agentVersion = "3.3.0.0"

// bare is the user data of instances on which the world starts no agent.
const bare = "bare"

// host starts instances in this process: each is a stack, and an agent unless its user data says bare.
type host struct {
	log    *slog.Logger
	runner execute.Runner

	mu         sync.Mutex
	boots      map[*os.File]*boot
	interfaces map[*os.File]*plugged // besides the first of each boot
	last       map[string]*boot      // by instance
}

// plugged is a network interface that a running instance was given.
type plugged struct {
	guest.NIC
	uplink *uplink
}

// boot is one life of an instance, from its start to its end.
type boot struct {
	host *host
	guest.Boot
	uplink *uplink
	roots  *x509.CertPool
	tun    *os.File // says only which boot it is
	// more are the uplinks of the interfaces besides the first, by device index; guarded by host.mu.
	more map[int]*uplink

	ctx    context.Context
	cancel context.CancelFunc
	agent  sync.WaitGroup
	once   sync.Once
	done   chan struct{}
}

var _ guest.Machine = (*boot)(nil)

func newHost(log *slog.Logger, r execute.Runner) *host {
	return &host{
		log:        log,
		runner:     r,
		boots:      map[*os.File]*boot{},
		interfaces: map[*os.File]*plugged{},
		last:       map[string]*boot{},
	}
}

// Start implements compute.Launcher.
func (h *host) Start(_ context.Context, b guest.Boot) (guest.Machine, error) {
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(b.CA)) {
		return nil, errors.New("the instance is given no certificate to trust")
	}
	tun, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	m := &boot{
		host:   h,
		Boot:   b,
		uplink: &uplink{resolvers: b.Servers},
		roots:  roots,
		tun:    tun,
		more:   map[int]*uplink{},
		done:   make(chan struct{}),
	}
	m.ctx, m.cancel = context.WithCancel(context.Background())
	h.mu.Lock()
	defer h.mu.Unlock()
	h.boots[tun], h.last[b.ID] = m, m
	return m, nil
}

// link is the server.TestHooks.Link of a world.
func (h *host) link(tun *os.File, mtu int) (link.Link, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if p := h.interfaces[tun]; p != nil {
		delete(h.interfaces, tun)
		return p.uplink.plug(mtu, p.Address.Addr(), func() { _ = p.uplink.assign(p.Secondary) })
	}
	m := h.boots[tun]
	if m == nil {
		return nil, fmt.Errorf("%s is no instance's", tun.Name())
	}
	return m.uplink.plug(mtu, m.Address.Addr(), m.begin)
}

// of returns the latest boot of an instance, nil before the first.
func (h *host) of(instance string) *boot {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.last[instance]
}

// begin starts what runs on the instance, once it is connected.
func (m *boot) begin() {
	if string(m.UserData) == bare {
		return
	}
	m.agent.Go(func() {
		metadata := m.uplink.metadata()
		defer metadata.CloseIdleConnections()
		client := m.client()
		defer client.CloseIdleConnections()
		dir := filepath.Join(m.Dir, "agent")
		a := agent.Agent{
			Identity: &agent.EC2{
				Dir:      dir,
				Metadata: metadata,
			}, Dir: dir, HTTP: client, Runner: m.host.runner, Version: agentVersion,
			Log: m.host.log.With("machine", m.ID),
		}
		if err := os.MkdirAll(dir, 0o700); err != nil {
			m.host.log.Error("no directory for the agent", "machine", m.ID, "error", err)
		} else if err := a.Run(m.ctx); err != nil {
			m.host.log.Error("the agent ended", "machine", m.ID, "error", err)
		}
	})
}

func (m *boot) client() *http.Client { return newClient(m.uplink, m.roots) }

// newClient makes an agent's client whose uplink is the private network and nothing else.
func newClient(r *uplink, roots *x509.CertPool) *http.Client {
	c := agent.NewHTTPClient(r.DialContext, roots)
	c.Transport.(*http.Transport).Proxy = nil
	return c
}

// TUN implements guest.Machine.
func (m *boot) TAP() *os.File { return m.tun }

// Plug implements guest.Machine.
func (m *boot) Plug(c guest.NIC) (*os.File, error) {
	tun, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	m.host.mu.Lock()
	defer m.host.mu.Unlock()
	m.more[c.Index] = &uplink{resolvers: m.uplink.resolvers}
	m.host.interfaces[tun] = &plugged{c, m.more[c.Index]}
	return tun, nil
}

// Assign implements guest.Machine.
func (m *boot) Assign(c guest.NIC) error {
	r := m.uplink
	if c.Index > 0 {
		m.host.mu.Lock()
		r = m.more[c.Index]
		m.host.mu.Unlock()
	}
	return r.assign(c.Secondary)
}

// PID implements guest.Machine: there is no process but this one.
func (m *boot) PID() int { return os.Getpid() }

// Stop implements guest.Machine.
func (m *boot) Stop() {
	m.once.Do(func() {
		m.cancel()
		m.agent.Wait()
		m.host.mu.Lock()
		delete(m.host.boots, m.tun)
		m.host.mu.Unlock()
		close(m.done)
	})
}

// Kill implements guest.Machine.
func (m *boot) Kill() { m.Stop() }

// Done implements guest.Machine.
func (m *boot) Done() <-chan struct{} { return m.done }

// End implements guest.Machine.
func (m *boot) End() guest.End { return guest.End{Kind: guest.Stopped} }

// callTime bounds one call of a machine.
const callTime = 10 * time.Second
