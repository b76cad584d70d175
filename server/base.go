package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"

	"postern/aws/fault"
	"postern/server/datadir"
	"postern/server/front"
	"postern/services/certs"
	"postern/services/compute/guest"
)

// Base outlives the servers that are opened on it: it holds a temporary data directory, the certificate
// authority and the public listener. A program that can empty its server, as package lab does, keeps a Base and opens
// one generation of the server after another on it; it serves the listener itself.
type Base struct {
	// Guard keeps foreign web pages out, as the configuration says.
	Guard *front.Guard

	config   Config
	dir      *datadir.Dir
	ca       *certs.Authority
	listener net.Listener
	// generations counts the servers so far, which have a directory for instances each. What an earlier one leaves for
	// the kernel to end, and on the disk, is cleared away beside the next.
	generations int
	clearing    sync.WaitGroup
	// checked says that missing is what the check of this host has found.
	checked bool
	missing []guest.Missing
}

// OpenBase makes the data directory and listens, and opens no server yet. ctx bounds the start only.
func OpenBase(ctx context.Context, c Config) (*Base, error) {
	c = c.withDefaults()
	if c.DataDir != "" {
		return nil, fault.New(fault.Invalid, "server.OpenLab",
			"a lab keeps its state in memory and takes no data directory")
	}
	if err := c.check(true); err != nil {
		return nil, err
	}
	b := &Base{config: c}
	var err error
	if b.Guard, err = c.guard(); err != nil {
		return nil, err
	}
	if b.dir, b.ca, err = c.openDirectory(); err != nil {
		return nil, err
	}
	if b.listener, err = c.listen(ctx); err != nil {
		return nil, errors.Join(err, b.dir.Close())
	}
	return b, nil
}

// Config returns the configuration with its defaults.
func (b *Base) Config() Config { return b.config }

// Listener returns the public one. Package server does not accept from it.
func (b *Base) Listener() net.Listener { return b.listener }

// Authority returns what signs for the names that clients ask for.
func (b *Base) Authority() *certs.Authority { return b.ca }

// Open opens the next generation of the server: an empty one, at the same addresses and with the same keys. The one
// before it has been closed. ctx bounds the start only.
func (b *Base) Open(ctx context.Context) (*Server, error) {
	b.generations++
	s := newServer(b.config)
	if err := s.open(ctx, s.modules(b)); err != nil {
		return nil, err
	}
	b.config.WireGuard = s.Join() // the port that was free stays the same
	return s, nil
}

// Close gives everything back, once the server that was opened last is closed.
func (b *Base) Close() error {
	b.clearing.Wait()
	err := b.listener.Close()
	if errors.Is(err, net.ErrClosed) {
		err = nil // by who has served it
	}
	return errors.Join(err, b.dir.Close())
}

// openDirectory opens the data directory and the certificate authority in it, which is made on the first start.
func (c Config) openDirectory() (*datadir.Dir, *certs.Authority, error) {
	dir, err := datadir.Open(c.DataDir)
	if err != nil {
		return nil, nil, err
	}
	ca, err := c.openAuthority(dir)
	if err != nil {
		return nil, nil, errors.Join(err, dir.Close())
	}
	return dir, ca, nil
}

// The files of the certificate authority: with its key, and what clients trust.
const (
	caFile            = "ca.pem"
	caCertificateFile = "ca-certificate.pem"
)

func (c Config) openAuthority(dir *datadir.Dir) (*certs.Authority, error) {
	data, err := dir.Keep(caFile, func() ([]byte, error) {
		made, err := certs.New(c.Now)
		if err != nil {
			return nil, err
		}
		return made.Marshal()
	})
	if err != nil {
		return nil, err
	}
	ca, err := certs.Load(data, c.Now)
	if err != nil {
		return nil, err
	}
	return ca, dir.Write(caCertificateFile, ca.CertificatePEM(), 0o644)
}

func (c Config) guard() (*front.Guard, error) {
	return front.NewGuard(front.GuardConfig{
		Listen: c.Listen, AllowHosts: c.AllowHosts, AllowOrigins: c.AllowOrigins, Certified: certs.Serves,
	})
}

// baseModule is the data directory and the certificate authority.
type baseModule struct {
	config *Config
	// kept is the Base that the server is opened on; nil where the server has a directory of its own.
	kept *Base

	dir *datadir.Dir
	ca  *certs.Authority
}

func (m *baseModule) module() module { return module{name: "base", open: m.open, close: m.close} }

func (m *baseModule) open(context.Context) (err error) {
	if m.kept != nil {
		m.dir, m.ca = m.kept.dir, m.kept.ca
	} else if m.dir, m.ca, err = m.config.openDirectory(); err != nil {
		return err
	}
	if err := m.settleAccount(); err != nil {
		return errors.Join(err, m.close())
	}
	return nil
}

func (m *baseModule) close() error {
	if m.kept != nil {
		return nil
	}
	return m.dir.Close()
}

// settleAccount finds out whose the data directory is. The account is chosen at the first start and does not change:
// ARNs in policies and in records have its number.
func (m *baseModule) settleAccount() error {
	data, err := m.dir.Keep("account", func() ([]byte, error) {
		if _, err := os.Stat(m.dir.File("root-key.json")); err == nil {
			return []byte(DefaultAccount + "\n"), nil // by a version that had no other
		}
		return []byte(cmp.Or(m.config.Account, DefaultAccount) + "\n"), nil
	})
	if err != nil {
		return err
	}
	account := strings.TrimSpace(string(data))
	if !accountForm.MatchString(account) {
		return fault.New(fault.Invalid, "server.Open",
			"the data directory's file account holds %q, which is not 12 digits", account)
	}
	if m.config.Account != "" && m.config.Account != account {
		return fault.New(fault.Conflict, "server.Open",
			"the data directory %s is of account %s, and cannot become account %s's: leave --account out, or choose "+
				"another directory with --data",
			m.dir.Path(), account, m.config.Account)
	}
	m.config.Account = account
	return nil
}

// instancesDir is where the instances of this server have their files.
func (m *baseModule) instancesDir() string {
	if m.kept != nil {
		return m.dir.File(fmt.Sprintf("compute-%d", m.kept.generations))
	}
	return m.dir.File("compute")
}
