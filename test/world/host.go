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
	"postern/support/compute/guest"
)

// agentVersion is what the laboratory's agents report of themselves.
const agentVersion = "3.3.0.0"

// bare is the user data of instances on which the laboratory starts no agent.
const bare = "bare"

// host starts instances in this process: each is a stack, and an agent unless its user data says bare.
type host struct {
	log    *slog.Logger
	runner execute.Runner

	mu    sync.Mutex
	boots map[*os.File]*boot
	last  map[string]*boot // by instance
}

// boot is one life of an instance, from its start to its end.
type boot struct {
	host *host
	guest.Boot
	road  *road
	roots *x509.CertPool
	tun   *os.File // says only which boot it is

	ctx    context.Context
	cancel context.CancelFunc
	agent  sync.WaitGroup
	once   sync.Once
	done   chan struct{}
}

var _ guest.Machine = (*boot)(nil)

func newHost(log *slog.Logger, r execute.Runner) *host {
	return &host{log: log, runner: r, boots: map[*os.File]*boot{}, last: map[string]*boot{}}
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
	m := &boot{host: h, Boot: b, road: &road{resolvers: b.Servers}, roots: roots, tun: tun, done: make(chan struct{})}
	m.ctx, m.cancel = context.WithCancel(context.Background())
	h.mu.Lock()
	defer h.mu.Unlock()
	h.boots[tun], h.last[b.ID] = m, m
	return m, nil
}

// cable is a server's Laboratory.Cable.
func (h *host) cable(tun *os.File, mtu int) (link.Link, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	m := h.boots[tun]
	if m == nil {
		return nil, fmt.Errorf("%s is no instance's", tun.Name())
	}
	return m.road.plug(mtu, m.Address.Addr(), m.begin)
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
		metadata := m.road.metadata()
		defer metadata.CloseIdleConnections()
		client := m.client()
		defer client.CloseIdleConnections()
		dir := filepath.Join(m.Dir, "agent")
		a := agent.Agent{
			Identity: &agent.EC2{Dir: dir, Metadata: metadata}, Dir: dir, HTTP: client, Runner: m.host.runner, Version: agentVersion,
			Log: m.host.log.With("machine", m.ID),
		}
		if err := os.MkdirAll(dir, 0o700); err != nil {
			m.host.log.Error("no directory for the agent", "machine", m.ID, "err", err)
		} else if err := a.Run(m.ctx); err != nil {
			m.host.log.Error("the agent ended", "machine", m.ID, "err", err)
		}
	})
}

func (m *boot) client() *http.Client { return newClient(m.road, m.roots) }

// newClient makes an agent's client whose road is the private network and nothing else.
func newClient(r *road, roots *x509.CertPool) *http.Client {
	c := agent.NewHTTPClient(r.DialContext, roots)
	c.Transport.(*http.Transport).Proxy = nil
	return c
}

// TUN implements guest.Machine.
func (m *boot) TUN() *os.File { return m.tun }

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
