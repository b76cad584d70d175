package compute

import (
	"cmp"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/md5" //nolint:gosec // it is how Amazon computes the fingerprint of an imported RSA key
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // it is how Amazon computes the fingerprint of an RSA key that it made
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"postern/aws/fault"
	"postern/aws/scope"
	"postern/record"
)

// The types of key pairs, with Amazon's names.
const (
	RSAKey     = "rsa"
	ED25519Key = "ed25519"
)

const (
	rsaBits     = 2048
	maxKeyPairs = 5000 // in one scope, as on AWS
	maxKeyName  = 255
)

// KeyPair is an SSH key whose private half somebody else holds.
type KeyPair struct {
	ID string
	scope.Scope
	// Name is unique in its scope, Type is RSAKey or ED25519Key.
	Name, Type string
	// Fingerprint is computed as Amazon does for a key of its type and origin.
	Fingerprint string
	// Public is a line for authorized_keys, its comment the name.
	Public  string
	Created time.Time
	Tags    map[string]string
}

var (
	keyPairsByName = &record.Index[KeyPair]{Grouped: true, Terms: func(k *KeyPair) []record.Term {
		return []record.Term{{Value: nameGroup(k.Scope, k.Name)}}
	}}
	keyPairs = &record.Kind[KeyPair]{
		Name:    "key-pair",
		Key:     func(k *KeyPair) string { return k.ID },
		Groups:  func(k *KeyPair) []string { return []string{k.Scope.String(), nameGroup(k.Scope, k.Name)} },
		Indexes: []*record.Index[KeyPair]{keyPairsByName},
	}
)

// NewKeyPair asks for a key pair.
type NewKeyPair struct {
	scope.Scope
	// Name is 1–255 ASCII characters, new in its scope; Type is RSAKey, which empty means too, or ED25519Key.
	Name, Type string
	Tags       map[string]string
}

// CreateKeyPair makes a key and gives its private half in PEM, which is kept nowhere.
func (s *Service) CreateKeyPair(ctx context.Context, in NewKeyPair) (KeyPair, string, error) {
	if err := keyNameIsFree(s.replica.Tables(), in.Scope, in.Name); err != nil {
		return KeyPair{}, "", err
	}
	private, text, err := generateKey(cmp.Or(in.Type, RSAKey))
	if err != nil {
		return KeyPair{}, "", err
	}
	public, err := ssh.NewPublicKey(private.Public())
	if err != nil {
		return KeyPair{}, "", err
	}
	k := newKeyPair(in, public)
	if k.Type == RSAKey {
		der, err := x509.MarshalPKCS8PrivateKey(private)
		if err != nil {
			return KeyPair{}, "", err
		}
		sum := sha1.Sum(der) //nolint:gosec // see above
		k.Fingerprint = colons(sum[:])
	}
	k, err = s.keepKeyPair(ctx, k)
	return k, text, err
}

// generateKey makes a key of a type and its PEM, as Amazon writes it: RSA in PKCS #1, ED25519 in OpenSSH's own form.
func generateKey(kind string) (crypto.Signer, string, error) {
	switch kind {
	case RSAKey:
		key, err := rsa.GenerateKey(rand.Reader, rsaBits)
		if err != nil {
			return nil, "", err
		}
		block := &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}
		return key, string(pem.EncodeToMemory(block)), nil
	case ED25519Key:
		_, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return nil, "", err
		}
		block, err := ssh.MarshalPrivateKey(key, "")
		if err != nil {
			return nil, "", err
		}
		return key, string(pem.EncodeToMemory(block)), nil
	}
	return nil, "", refuseKey("InvalidParameterValue", "Value (%s) for parameter keyType is invalid.", kind)
}

// ImportKeyPair takes the public half of a key: a line of OpenSSH's, the form of RFC 4716, or base64 of a DER
// SubjectPublicKeyInfo.
func (s *Service) ImportKeyPair(ctx context.Context, in NewKeyPair, material []byte) (KeyPair, error) {
	if err := keyNameIsFree(s.replica.Tables(), in.Scope, in.Name); err != nil {
		return KeyPair{}, err
	}
	public, err := readPublicKey(material)
	if err != nil {
		return KeyPair{}, refuseKey("InvalidKey.Format", "Key is not in valid OpenSSH public key format: %w", err)
	}
	k := newKeyPair(in, public)
	if k.Type == RSAKey {
		key := public.(ssh.CryptoPublicKey).CryptoPublicKey().(*rsa.PublicKey)
		if bits := key.N.BitLen(); !slices.Contains([]int{1024, 2048, 4096}, bits) {
			return KeyPair{}, refuseKey("InvalidKey.Format", "The RSA key has %d bits: 1024, 2048 and 4096 are taken", bits)
		}
		der, err := x509.MarshalPKIXPublicKey(key)
		if err != nil {
			return KeyPair{}, err
		}
		sum := md5.Sum(der) //nolint:gosec // see above
		k.Fingerprint = colons(sum[:])
	}
	return s.keepKeyPair(ctx, k)
}

// newKeyPair has the fingerprint of an ED25519 key, which is the same wherever the key was made.
func newKeyPair(in NewKeyPair, public ssh.PublicKey) KeyPair {
	k := KeyPair{
		ID: newID("key"), Scope: in.Scope, Name: in.Name, Type: RSAKey, Tags: maps.Clone(in.Tags),
		Public: strings.TrimSpace(string(ssh.MarshalAuthorizedKey(public))) + " " + in.Name,
	}
	if public.Type() == ssh.KeyAlgoED25519 {
		sum := sha256.Sum256(public.Marshal())
		k.Type, k.Fingerprint = ED25519Key, base64.StdEncoding.EncodeToString(sum[:])
	}
	return k
}

func readPublicKey(material []byte) (ssh.PublicKey, error) {
	text := strings.TrimSpace(string(material))
	if body, ok := strings.CutPrefix(text, "---- BEGIN SSH2 PUBLIC KEY ----"); ok {
		return readRFC4716(body)
	}
	if der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), "")); err == nil {
		key, err := x509.ParsePKIXPublicKey(der)
		if err != nil {
			return nil, err
		}
		public, err := ssh.NewPublicKey(key)
		if err != nil {
			return nil, err
		}
		return oneOfOurs(public)
	}
	public, _, options, rest, err := ssh.ParseAuthorizedKey([]byte(text))
	switch {
	case err != nil:
		return nil, err
	case len(options) > 0 || len(strings.TrimSpace(string(rest))) > 0:
		return nil, errors.New("it is one key without options")
	}
	return oneOfOurs(public)
}

// readRFC4716 reads what follows the first line: headers, which end with a line that does not go on, and base64.
func readRFC4716(body string) (ssh.PublicKey, error) {
	body, _, _ = strings.Cut(body, "---- END SSH2 PUBLIC KEY ----")
	var code strings.Builder
	goesOn := false
	for line := range strings.Lines(body) {
		line = strings.TrimSpace(line)
		if header := goesOn || strings.Contains(line, ":"); header {
			goesOn = strings.HasSuffix(line, `\`)
			continue
		}
		code.WriteString(line)
	}
	blob, err := base64.StdEncoding.DecodeString(code.String())
	if err != nil {
		return nil, err
	}
	public, err := ssh.ParsePublicKey(blob)
	if err != nil {
		return nil, err
	}
	return oneOfOurs(public)
}

func oneOfOurs(public ssh.PublicKey) (ssh.PublicKey, error) {
	if t := public.Type(); t != ssh.KeyAlgoRSA && t != ssh.KeyAlgoED25519 {
		return nil, fmt.Errorf("it is of type %s: ssh-rsa and ssh-ed25519 are taken", t)
	}
	return public, nil
}

func refuseKey(code, format string, args ...any) error {
	return fault.New(fault.Invalid, "compute.keyPair", format, args...).WithCode(code)
}

func colons(sum []byte) string {
	pairs := make([]string, len(sum))
	for i, b := range sum {
		pairs[i] = hex.EncodeToString([]byte{b})
	}
	return strings.Join(pairs, ":")
}

func keyNameIsFree(t *record.Tables, c scope.Scope, name string) error {
	foreign := func(r rune) bool { return r < ' ' || r > '~' }
	if len(name) == 0 || len(name) > maxKeyName || strings.ContainsFunc(name, foreign) {
		return refuseKey("InvalidParameterValue",
			"Value (%s) for parameter KeyName is invalid. It is 1-%d ASCII characters.", name, maxKeyName)
	}
	if _, err := keyPairNamed(t, c, name); err == nil {
		return fault.New(fault.Exists, "compute", "The keypair '%s' already exists.", name).
			WithCode("InvalidKeyPair.Duplicate")
	}
	return nil
}

// keepKeyPair commits a new key pair.
func (s *Service) keepKeyPair(ctx context.Context, k KeyPair) (KeyPair, error) {
	k.Created = s.Now()
	return k, s.change(ctx, k.Scope, func(p *record.Plan) error {
		if !keyPairs.Fits(p.Tables, k.Scope.String(), 1, maxKeyPairs) {
			return fault.New(fault.Limit, "compute", "You have reached the limit of %d key pairs", maxKeyPairs).
				WithCode("ResourceLimitExceeded")
		}
		if err := keyNameIsFree(p.Tables, k.Scope, k.Name); err != nil { // still
			return err
		}
		keyPairs.Put(p, &k, false)
		return nil
	})
}

// KeyPairs returns the key pairs of a scope by id.
func (s *Service) KeyPairs(c scope.Scope) []KeyPair {
	var out []KeyPair
	for k := range keyPairs.In(s.replica.Tables(), c.String()) {
		out = append(out, *k)
	}
	return out
}

// KeyPair returns the key pair of a name: InvalidKeyPair.NotFound if the scope has none.
func (s *Service) KeyPair(c scope.Scope, name string) (KeyPair, error) {
	return keyPairNamed(s.replica.Tables(), c, name)
}

func keyPairNamed(t *record.Tables, c scope.Scope, name string) (KeyPair, error) {
	for k := range keyPairsByName.Find(t, nameGroup(c, name)) {
		return *k, nil
	}
	return KeyPair{}, fault.New(fault.NotFound, "compute", "The key pair '%s' does not exist", name).
		WithCode("InvalidKeyPair.NotFound")
}

// KeyPairByID returns the key pair of an id: InvalidKeyPair.NotFound if the scope has none.
func (s *Service) KeyPairByID(c scope.Scope, id string) (KeyPair, error) {
	k, err := keyPairOf(s.replica.Tables(), c, id)
	if err != nil {
		return KeyPair{}, err
	}
	return *k, nil
}

func keyPairOf(t *record.Tables, c scope.Scope, id string) (*KeyPair, error) {
	if k, ok := keyPairs.Get(t, id); ok && k.Scope == c {
		return k, nil
	}
	return nil, fault.New(fault.NotFound, "compute", "The keyPair ID '%s' does not exist", id).
		WithCode("InvalidKeyPair.NotFound")
}

// DeleteKeyPair forgets a key pair. Instances that were launched with it keep its public half.
func (s *Service) DeleteKeyPair(ctx context.Context, c scope.Scope, id string) error {
	return s.change(ctx, c, func(p *record.Plan) error {
		if _, err := keyPairOf(p.Tables, c, id); err != nil {
			return err
		}
		keyPairs.Delete(p, id, false)
		return nil
	})
}

// TagKeyPair puts tags on a key pair and takes those with the given keys off. The caller checks their form and number.
func (s *Service) TagKeyPair(
	ctx context.Context, c scope.Scope, id string, put map[string]string, remove []string,
) error {
	return s.change(ctx, c, func(p *record.Plan) error {
		k, err := keyPairOf(p.Tables, c, id)
		if err != nil {
			return err
		}
		next := *k
		next.Tags = retagged(k.Tags, put, remove)
		keyPairs.Put(p, &next, false)
		return nil
	})
}
