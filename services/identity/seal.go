package identity

import (
	"crypto/aes"
	"crypto/cipher"
	"fmt"

	"postern/aws/fault"
)

// Sealer encrypts small secrets so that they can be kept where others may read. purpose is bound to the secret: what
// was sealed for one purpose does not open for another.
type Sealer interface {
	Seal(plain []byte, purpose string) []byte
	// Open returns a fault of kind Invalid for what was not sealed with this key and purpose, or was altered.
	Open(sealed []byte, purpose string) ([]byte, error)
}

// KeySize is the size of a sealing key in bytes.
const KeySize = 32

// aesSealer is AES-256-GCM with random nonces.
type aesSealer struct{ aead cipher.AEAD }

// NewSealer makes the Sealer of a key of KeySize random bytes.
func NewSealer(key []byte) (Sealer, error) {
	if len(key) != KeySize {
		return nil, fmt.Errorf("a sealing key has %d bytes, not %d", KeySize, len(key))
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("make sealer: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("make sealer: %w", err)
	}
	return aesSealer{aead}, nil
}

// NewRotatingSealer returns the Sealer of a new key that opens, too, what was sealed with the one before it.
func NewRotatingSealer(next, previous Sealer) Sealer { return rotatingSealer{next, previous} }

type rotatingSealer struct {
	Sealer
	previous Sealer
}

func (s rotatingSealer) Open(sealed []byte, purpose string) ([]byte, error) {
	if plain, err := s.Sealer.Open(sealed, purpose); err == nil {
		return plain, nil
	}
	return s.previous.Open(sealed, purpose)
}

func (s aesSealer) Seal(plain []byte, purpose string) []byte {
	return s.aead.Seal(nil, nil, plain, []byte(purpose))
}

func (s aesSealer) Open(sealed []byte, purpose string) ([]byte, error) {
	plain, err := s.aead.Open(nil, nil, sealed, []byte(purpose))
	if err != nil {
		return nil, fault.New(fault.Invalid, "identity.Open", "not sealed with this key, or altered")
	}
	return plain, nil
}
