package link

import (
	"crypto/ecdh"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
)

// KeySize is the length of a WireGuard key (Curve25519), in bytes.
const KeySize = 32

// PublicKey is a WireGuard public key. Its text form is the base64 that WireGuard's own tools use.
type PublicKey [KeySize]byte

// PrivateKey is a WireGuard private key. It marshals to WireGuard's base64 so that it can be kept in a file; printed
// or logged it shows nothing.
type PrivateKey [KeySize]byte

// NewPrivateKey makes a private key from the system's random source.
func NewPrivateKey() PrivateKey {
	var k PrivateKey
	rand.Read(k[:]) // never returns an error (crypto/rand)
	return k.Clamped()
}

// Clamped returns k with the bits that Curve25519 fixes, so that every implementation derives the same public key from
// it (RFC 7748, 5).
func (k PrivateKey) Clamped() PrivateKey {
	k[0] &= 248
	k[31] = k[31]&127 | 64
	return k
}

// Public returns the public key that belongs to k. The zero key's public key is zero.
func (k PrivateKey) Public() PublicKey {
	if k.IsZero() {
		return PublicKey{}
	}
	priv, err := ecdh.X25519().NewPrivateKey(k[:])
	if err != nil {
		panic("link: X25519 refuses a key of 32 bytes: " + err.Error())
	}
	return PublicKey(priv.PublicKey().Bytes())
}

// IsZero reports whether k was never set.
func (k PrivateKey) IsZero() bool { return k == PrivateKey{} }

// IsZero reports whether k was never set.
func (k PublicKey) IsZero() bool { return k == PublicKey{} }

func (k PublicKey) String() string { return base64.StdEncoding.EncodeToString(k[:]) }

// Hex is the form of WireGuard's configuration protocol.
func (k PublicKey) Hex() string { return hex.EncodeToString(k[:]) }

func (PrivateKey) String() string { return "(private key)" }

// Format keeps every verb, %x and %#v among them, from printing the key.
func (k PrivateKey) Format(f fmt.State, _ rune) { fmt.Fprint(f, k.String()) }

// LogValue keeps the key out of logs.
func (k PrivateKey) LogValue() slog.Value { return slog.StringValue(k.String()) }

// MarshalText writes base64.
func (k PublicKey) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// MarshalText writes base64.
func (k PrivateKey) MarshalText() ([]byte, error) {
	return base64.StdEncoding.AppendEncode(nil, k[:]), nil
}

// UnmarshalText reads base64 of 32 bytes.
func (k *PublicKey) UnmarshalText(text []byte) error { return keyFromText(k[:], text) }

// UnmarshalText reads base64 of 32 bytes.
func (k *PrivateKey) UnmarshalText(text []byte) error {
	if err := keyFromText(k[:], text); err != nil {
		return err
	}
	*k = k.Clamped()
	return nil
}

// errKey does not repeat the text: it may be a private key.
var errKey = errors.New("a WireGuard key is the base64 of 32 bytes")

func keyFromText(key, text []byte) error {
	raw, err := base64.StdEncoding.AppendDecode(nil, text)
	if err != nil || len(raw) != KeySize {
		return errKey
	}
	copy(key, raw)
	return nil
}
