package server

import (
	"context"
	"crypto/rand"
	"errors"
	"net/netip"
	"os"
	"time"

	"postern/aws/fault"
	"postern/network"
	"postern/network/fabric"
	"postern/network/link"
	"postern/services/compute"
	"postern/services/compute/guest"
	"postern/services/identity"
	"postern/services/instances"
	"postern/ssm/node"
)

// instanceMTU is the MTU of instances' interfaces, in bytes, as Amazon's have.
const instanceMTU = 9001

// computeModule runs instances on this host.
type computeModule struct {
	config   *Config
	base     *baseModule
	state    *stateModule
	identity *identityModule
	network  *networkModule
	fabric   *fabricModule
	nodes    *nodesModule

	*compute.Service
	// instances changes instances and the network together.
	instances *instances.Service
	launcher  *guest.Launcher // nil where the test hooks have another
	cancel    context.CancelFunc
	// missing lists what the check of this host found lacking; it is set when checked is closed.
	missing []guest.Missing
	checked chan struct{}
}

func (m *computeModule) module() module {
	return module{name: "compute", open: m.open, reconcilers: m.reconcilers, replicas: m.replicas, close: m.close}
}

func (m *computeModule) replicas() []replica { return []replica{{setCompute, m.Refresh}} }

func (m *computeModule) open(ctx context.Context) (err error) {
	host, err := m.host()
	if err != nil {
		return err
	}
	m.Service, err = compute.Open(ctx, compute.Config{
		Store:    m.state.Set(setCompute),
		Launcher: m.startLauncher(ctx),
		Network: &instanceNetwork{
			fabric: m.fabric.Fabric, network: m.network.Service, nodes: m.nodes.Service, identity: m.identity.Service,
			link: m.config.Hooks.Link,
		},
		Host:  host,
		Dir:   m.base.instancesDir(),
		Agent: m.config.Agent,
		CA:    string(m.base.ca.CertificatePEM()),
		MTU:   instanceMTU,
		Now:   m.config.Now,
		Log:   m.config.Log,
	})
	if err != nil {
		m.stopLauncher()
		return err
	}
	m.instances = instances.New(instances.Config{
		Network: m.network.Service, Compute: m.Service, Profiles: m.identity.Service, Now: m.config.Now,
	})
	return nil
}

// host tells this server from others on the same database, which run instances of their own. It is empty where there
// are none.
func (m *computeModule) host() (string, error) {
	if m.config.Database == "" {
		return "", nil
	}
	id, err := m.base.dir.Keep("host-id", func() ([]byte, error) { return []byte("host-" + rand.Text()), nil })
	return string(id), err
}

// startLauncher starts instances on this host, once it has looked whether it can.
func (m *computeModule) startLauncher(ctx context.Context) compute.Launcher {
	m.checked = make(chan struct{})
	m.cancel = func() {}
	if l := m.config.Hooks.Launcher; l != nil {
		close(m.checked)
		return l
	}
	m.launcher = guest.NewLauncher()
	if b := m.base.kept; b != nil && b.checked {
		m.missing = b.missing
		close(m.checked)
		return m.launcher
	}
	// The check boots an instance that ends at once; nobody waits for that but who asks for its result.
	ctx, m.cancel = context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		defer close(m.checked)
		fault.ContainTo(m.config.Log, "check of this host", func() {
			m.missing = m.launcher.Check(ctx, m.base.dir.Path(), m.config.Agent)
		})
	}()
	return m.launcher
}

// stopLauncher ends the check, and the launcher after it. The next generation of the server need not check again.
func (m *computeModule) stopLauncher() {
	if b := m.base.kept; b != nil {
		select {
		case <-m.checked:
			b.checked, b.missing = true, m.missing
		default:
		}
	}
	m.cancel()
	<-m.checked
	if m.launcher != nil {
		m.launcher.Close()
	}
}

// close ends the instances. Where another generation of the server follows they are killed: until the kernel has taken
// their namespaces down takes longer than all else, and nobody has to wait for it.
func (m *computeModule) close() error {
	var err error
	if b, dir := m.base.kept, m.base.instancesDir(); b == nil {
		err = m.Close()
	} else {
		b.clearing.Go(func() {
			if err := errors.Join(m.Halt(), guest.Remove(dir)); err != nil {
				m.config.Log.Error("an earlier generation of the server leaves something behind", "error", err)
			}
		})
	}
	m.stopLauncher()
	return err
}

func (m *computeModule) reconcilers() []reconciler {
	return []reconciler{{name: "orphaned interfaces", every: time.Minute, run: m.instances.ReleaseOrphans}}
}

// instanceNetwork connects instances to the fabric.
type instanceNetwork struct {
	fabric   *fabric.Fabric
	network  *network.Service
	nodes    *node.Service
	identity *identity.Service
	// link makes a link of what an instance's interface is the other end of; nil means link.NewTAP.
	link func(tap *os.File, mtu int) (link.Link, error)
}

var _ compute.Network = (*instanceNetwork)(nil)

// Attach implements compute.Network.
func (n *instanceNetwork) Attach(interfaceID string, tap *os.File) (detach func(), err error) {
	l, err := n.linkTo(interfaceID, tap)
	if err != nil {
		return nil, err
	}
	return n.fabric.Attach(interfaceID, l), nil
}

func (n *instanceNetwork) linkTo(interfaceID string, tap *os.File) (link.Link, error) {
	if n.link != nil {
		return n.link(tap, instanceMTU)
	}
	i, ok := n.network.State().AnyInterface(interfaceID)
	if !ok {
		return nil, fault.New(fault.NotFound, "server.Attach", "the network interface %s is gone", interfaceID)
	}
	subnet, ok := n.network.Snapshot().Subnet(i.Subnet)
	if !ok {
		return nil, fault.New(fault.NotFound, "server.Attach", "the subnet %s of %s is gone", i.Subnet, interfaceID)
	}
	mac, err := link.ParseMAC(i.MAC)
	if err != nil {
		return nil, err
	}
	return link.NewTAP(tap, instanceMTU, mac, netip.PrefixFrom(i.Addresses[0], subnet.CIDR.Bits()))
}

// Lease implements compute.Network.
func (n *instanceNetwork) Lease(i compute.Instance) (compute.Lease, error) {
	state := n.network.State()
	v, err := state.VPC(i.Scope, i.VPC)
	if err != nil {
		return compute.Lease{}, err
	}
	l := state.Lease(v)
	out := compute.Lease{Servers: l.Servers, Search: l.Search}
	for _, a := range state.Attached(i.ID) {
		subnet, err := state.Subnet(i.Scope, a.Subnet)
		if err != nil {
			return compute.Lease{}, err
		}
		out.NICs = append(out.NICs, compute.NIC{
			Interface: a.ID, Index: a.Attachment.Index, MAC: a.MAC,
			Address:   netip.PrefixFrom(a.Addresses[0], subnet.CIDR.Bits()),
			Secondary: a.Addresses[1:], Gateway: subnet.CIDR.Addr().Next(),
		})
	}
	return out, nil
}

// Terminated implements compute.Network: what is left of an instance in the network, in Systems Manager and in identity
// goes.
func (n *instanceNetwork) Terminated(ctx context.Context, i compute.Instance) error {
	if err := n.network.ReleaseOwner(ctx, i.ID); err != nil {
		return err
	}
	if err := n.nodes.Forget(ctx, i.ID); err != nil {
		return err
	}
	return n.identity.Revoke(ctx, i.ID)
}
