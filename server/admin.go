package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"postern/server/datadir"
	"postern/services/certs"
	"postern/services/identity"
)

// The files of the key that seals secrets. The new one lies beside the old one until nothing needs the old one.
const (
	sealKeyFile     = "seal.key"
	nextSealKeyFile = "seal.key.next"
)

// Admin is a data directory and its state without a server, for who has lost a key or wants others. It holds the
// directory's lock, so that no server runs on it meanwhile.
type Admin struct {
	config   Config
	base     *baseModule
	state    *stateModule
	identity *identityModule
}

// OpenAdmin opens a data directory that a server has used. It refuses another user's. A rotation of the seal key that
// was interrupted is finished.
func OpenAdmin(ctx context.Context, c Config) (*Admin, error) {
	c = c.withDefaults()
	if err := datadir.CheckOwner(c.DataDir, sealKeyFile); err != nil {
		return nil, err
	}
	a := &Admin{config: c}
	a.base = &baseModule{config: &a.config}
	a.state = &stateModule{config: &a.config, base: a.base, damaged: func(error) {}}
	a.identity = &identityModule{config: &a.config, base: a.base, state: a.state}
	if err := a.base.open(ctx); err != nil {
		return nil, err
	}
	if err := a.state.open(ctx); err != nil {
		return nil, errors.Join(err, a.base.close())
	}
	if err := a.identity.open(ctx); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

// Close gives the data directory back.
func (a *Admin) Close() error { return errors.Join(a.state.Close(), a.base.close()) }

// Account returns the number of the directory's own account.
func (a *Admin) Account() string { return a.config.Account }

// ResetKey makes another access key of an account's root user, of the directory's own account where account is empty.
// deactivate makes those inactive that there were, and returns how many. The own account's key is in the directory
// before it is in force, so that whatever happens one of both is.
func (a *Admin) ResetKey(ctx context.Context, account string, deactivate bool) (RootKey, int, error) {
	if account != "" && account != a.config.Account {
		made, n, err := a.identity.ResetRootKey(ctx, account, deactivate)
		if err != nil {
			return RootKey{}, 0, err
		}
		return RootKey{ID: made.ID, Secret: made.Secret}, n, nil
	}
	key, err := newRootKey()
	if err != nil {
		return RootKey{}, 0, err
	}
	data, err := json.Marshal(key)
	if err != nil {
		return RootKey{}, 0, err
	}
	if err := a.base.dir.Write(rootKeyFile, data, 0o600); err != nil {
		return RootKey{}, 0, err
	}
	if err := a.identity.EnsureAccountWithKey(ctx, a.config.Account, key.ID, key.Secret); err != nil {
		return RootKey{}, 0, err
	}
	n := 0
	if deactivate {
		n, err = a.identity.DeactivateRootKeys(ctx, a.config.Account, key.ID)
	}
	return key, n, err
}

// RotateSealKey seals all secrets with a new key, and returns how many. Session tokens that were given out are no
// longer good. A crash loses nothing: the old key stays until the secrets are sealed with the new one, and the next
// start, or the next OpenAdmin, finishes what was begun.
func (a *Admin) RotateSealKey(ctx context.Context) (int, error) {
	key, err := randomBytes(identity.KeySize)
	if err != nil {
		return 0, err
	}
	if err := a.base.dir.Write(nextSealKeyFile, key, 0o600); err != nil {
		return 0, err
	}
	if err := a.identity.openIdentities(ctx); err != nil {
		return 0, err
	}
	return a.identity.finishRotation(ctx)
}

// nextSealKey returns the key of a rotation that was begun, and its Sealer; nil where there is none.
func (m *identityModule) nextSealKey() ([]byte, identity.Sealer, error) {
	key, err := os.ReadFile(m.base.dir.File(nextSealKeyFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	sealer, err := identity.NewSealer(key)
	if err != nil {
		return nil, nil, fmt.Errorf("the data directory's %s: %w", nextSealKeyFile, err)
	}
	return key, sealer, nil
}

// finishRotation seals all secrets with the next key, where there is one, and puts it in the place of the present one.
// It may be done again at any step.
func (m *identityModule) finishRotation(ctx context.Context) (int, error) {
	next, _, err := m.nextSealKey()
	if err != nil || next == nil {
		return 0, err
	}
	n, err := m.Reseal(ctx)
	if err != nil {
		return 0, fmt.Errorf("seal secrets with the new key: %w", err)
	}
	return n, m.base.dir.Rename(nextSealKeyFile, sealKeyFile)
}

// RotateCA makes a new certificate authority, which signs from the next start on. The old one stays trusted: who takes
// the CA's file from now on trusts both.
func (a *Admin) RotateCA() error {
	next, err := a.base.ca.Rotate()
	if err != nil {
		return err
	}
	return a.keepCA(next)
}

// ForgetCA ends the trust in the certificate authorities before the present one, and returns how many there were.
func (a *Admin) ForgetCA() (int, error) {
	alone, n, err := a.base.ca.ForgetPrevious()
	if err != nil || n == 0 {
		return 0, err
	}
	return n, a.keepCA(alone)
}

func (a *Admin) keepCA(ca *certs.Authority) error {
	data, err := ca.Marshal()
	if err != nil {
		return err
	}
	if err := a.base.dir.Write(caFile, data, 0o600); err != nil {
		return err
	}
	a.base.ca = ca
	return a.base.dir.Write(caCertificateFile, ca.CertificatePEM(), 0o644)
}
