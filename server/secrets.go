package server

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"postern/network/link"
)

// RootKey is the access key of the root user.
type RootKey struct {
	ID     string `json:"access_key_id"`
	Secret string `json:"secret_access_key"`
}

func randomBytes(n int) ([]byte, error) {
	b := make([]byte, n)
	_, err := rand.Read(b)
	return b, err
}

// ensureRoot makes the account with its root user on the first start. The key lies in the data directory, for clients of
// the same user.
func (s *Server) ensureRoot(ctx context.Context) error {
	data, err := s.data.keep("root-key.json", func() ([]byte, error) {
		secret, err := randomBytes(30)
		if err != nil {
			return nil, err
		}
		return json.Marshal(RootKey{ID: "AKIA" + rand.Text()[:16], Secret: base64.StdEncoding.EncodeToString(secret)})
	})
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, &s.root); err != nil {
		return fmt.Errorf("read the data directory's root-key.json: %w", err)
	}
	if s.config.TestCredentials {
		s.root = TestKey
	}
	return s.identity.EnsureAccountWithKey(ctx, s.config.Account, s.root.ID, s.root.Secret)
}

// wireGuardKey is the secret by which joined machines find this server again.
func (s *Server) wireGuardKey() (key link.PrivateKey, err error) {
	text, err := s.data.keep("wireguard.key", func() ([]byte, error) { return link.NewPrivateKey().MarshalText() })
	if err != nil {
		return key, err
	}
	if err := key.UnmarshalText(text); err != nil {
		return key, fmt.Errorf("read the data directory's wireguard.key: %w", err)
	}
	return key, nil
}
