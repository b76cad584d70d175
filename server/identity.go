package server

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"postern/api"
	apiiam "postern/api/iam"
	apists "postern/api/sts"
	"postern/aws/arn"
	"postern/services/identity"
)

// RootKey is the access key of the root user.
type RootKey struct {
	ID     string `json:"access_key_id"`
	Secret string `json:"secret_access_key"`
}

// TestKey is the root user's key of a server that is opened with TestCredentials: what tools for local AWS endpoints
// are set up with.
var TestKey = RootKey{ID: "test", Secret: "test"}

// identityModule is IAM and STS: users, roles and their sessions, and the account's root user.
type identityModule struct {
	config *Config
	base   *baseModule
	state  *stateModule

	*identity.Service
	root RootKey
}

func (m *identityModule) module() module {
	return module{
		name: "identity", open: m.open, services: m.services, replicas: m.replicas, reconcilers: m.reconcilers,
		close: m.close,
	}
}

// writeUses is how often the latest uses of access keys are written. A crash loses those since then.
const writeUses = time.Minute

func (m *identityModule) reconcilers() []reconciler {
	return []reconciler{{name: "access-key-uses", every: writeUses, run: m.WriteUses}}
}

// close writes what was not written yet. Where the store no longer takes it, its own module says so.
func (m *identityModule) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeWrite)
	defer cancel()
	if err := m.WriteUses(ctx); err != nil {
		m.config.Log.Warn("the latest uses of access keys are not kept", "error", err)
	}
	return nil
}

// closeWrite bounds how long the end of a server waits for the store.
const closeWrite = 5 * time.Second

func (m *identityModule) replicas() []replica { return []replica{{setIdentity, m.Refresh}} }

func (m *identityModule) services() []api.Service {
	return []api.Service{
		apiiam.New(apiiam.Config{Identities: m.Service}),
		apists.New(apists.Config{Identities: m.Service}),
	}
}

func (m *identityModule) open(ctx context.Context) error {
	if err := m.openIdentities(ctx); err != nil {
		return err
	}
	if _, err := m.finishRotation(ctx); err != nil {
		return err
	}
	if err := m.settleOrganization(ctx); err != nil {
		return err
	}
	return m.ensureRoot(ctx)
}

// openIdentities reads the identities with the key in the data directory, which is made on the first start.
func (m *identityModule) openIdentities(ctx context.Context) error {
	key, err := m.base.dir.Keep(sealKeyFile, func() ([]byte, error) { return randomBytes(identity.KeySize) })
	if err != nil {
		return err
	}
	sealer, err := identity.NewSealer(key)
	if err != nil {
		return fmt.Errorf("the data directory's %s: %w", sealKeyFile, err)
	}
	next, rotated, err := m.nextSealKey()
	if err != nil {
		return err
	}
	if rotated != nil {
		sealer = identity.NewRotatingSealer(rotated, sealer)
	}
	if err := m.state.settleOwner(ctx, key, next); err != nil {
		return err
	}
	m.Service, err = identity.Open(ctx, identity.Config{
		Store:     m.state.Set(setIdentity),
		Sealer:    sealer,
		Now:       m.config.Now,
		Quotas:    m.config.IAMQuotas,
		Partition: arn.Partition(m.config.Region),
	})
	return err
}

// ensureRoot makes the account with its root user on the first start. The key lies in the data directory, for clients
// of the same user.
func (m *identityModule) ensureRoot(ctx context.Context) error {
	data, err := m.base.dir.Keep(rootKeyFile, func() ([]byte, error) {
		key, err := newRootKey()
		if err != nil {
			return nil, err
		}
		return json.Marshal(key)
	})
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, &m.root); err != nil {
		return fmt.Errorf("read the data directory's root-key.json: %w", err)
	}
	if m.config.TestCredentials {
		m.root = TestKey
	}
	return m.EnsureAccountWithKey(ctx, m.config.Account, m.root.ID, m.root.Secret)
}

// settleOrganization puts the accounts into the organization of the configuration, if that says anything of one.
func (m *identityModule) settleOrganization(ctx context.Context) error {
	if m.config.Organization == "" {
		return nil
	}
	o, err := identity.ParseOrganization(m.config.Organization)
	if err != nil {
		return err
	}
	return m.SetOrganization(ctx, o)
}

// rootKeyFile holds the access key of the root user of the directory's own account.
const rootKeyFile = "root-key.json"

func newRootKey() (RootKey, error) {
	secret, err := randomBytes(30)
	return RootKey{ID: "AKIA" + rand.Text()[:16], Secret: base64.StdEncoding.EncodeToString(secret)}, err
}

func randomBytes(n int) ([]byte, error) {
	b := make([]byte, n)
	_, err := rand.Read(b)
	return b, err
}
