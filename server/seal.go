package server

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"

	"postern/aws/fault"
)

// sealer keeps secrets that have to be read again (SigV4 needs the secret key itself) unreadable in the store: AES-256-GCM
// under a key that lies beside it in a file of its own.
type sealer struct{ aead cipher.AEAD }

const sealKeySize = 32

func newSealKey() ([]byte, error) {
	key := make([]byte, sealKeySize)
	_, err := rand.Read(key)
	return key, err
}

func newSealer(key []byte) (*sealer, error) {
	if len(key) != sealKeySize {
		return nil, fault.New(fault.Invalid, "server.newSealer", "the sealing key has %d bytes, not %d: restore the data directory's seal.key", len(key), sealKeySize)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	return &sealer{aead: aead}, nil
}

// Seal encrypts a secret and binds it to its label, such as the access key's id.
func (s *sealer) Seal(secret, label []byte) []byte { return s.aead.Seal(nil, nil, secret, label) }

// Open decrypts what Seal made for the same label.
func (s *sealer) Open(sealed, label []byte) ([]byte, error) {
	secret, err := s.aead.Open(nil, nil, sealed, label)
	if err != nil {
		return nil, fault.New(fault.Internal, "server.Open", "a sealed secret does not open: the data directory's seal.key is not the one it was sealed with")
	}
	return secret, nil
}
