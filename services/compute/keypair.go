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

	"postern/aws/arn"
	"postern/aws/consent"
	"postern/aws/fault"
	"postern/aws/scope"
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

// NewKeyPair asks for a key pair.
type NewKeyPair struct {
	scope.Scope
	// Name is 1–255 ASCII characters, new in its scope; Type is RSAKey, which empty means too, or ED25519Key.
	Name, Type string
	Tags       map[string]string
}

// CreateKeyPair makes a key and gives its private half in PEM, which is kept nowhere.
func (s *Service) CreateKeyPair(ctx context.Context, in NewKeyPair) (KeyPair, string, error) {
	if err := s.keyNameIsFree(in.Scope, in.Name); err != nil {
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
	if err := s.keyNameIsFree(in.Scope, in.Name); err != nil {
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

func (s *Service) keyNameIsFree(c scope.Scope, name string) error {
	foreign := func(r rune) bool { return r < ' ' || r > '~' }
	if len(name) == 0 || len(name) > maxKeyName || strings.ContainsFunc(name, foreign) {
		return refuseKey("InvalidParameterValue",
			"Value (%s) for parameter KeyName is invalid. It is 1-%d ASCII characters.", name, maxKeyName)
	}
	if _, err := s.KeyPair(c, name); err == nil {
		return fault.New(fault.Exists, "compute", "The keypair '%s' already exists.", name).
			WithCode("InvalidKeyPair.Duplicate")
	}
	return nil
}

// keyPairChange is a key pair as it is to be, or as it was if it goes.
type keyPairChange struct {
	KeyPair
	made, gone bool
}

// changeKeyPair commits what edit says. It runs while nothing else is committed, and again where consent is asked for
// first.
func (s *Service) changeKeyPair(ctx context.Context, edit func() (keyPairChange, error)) error {
	return consent.Retry(ctx, func() error {
		s.writing.Lock()
		defer s.writing.Unlock()
		k, err := edit()
		if err != nil {
			return err
		}
		if err := consent.Check(ctx, func() []consent.Touch {
			name := arn.New("ec2", k.Region, k.Account, "key-pair/"+k.Name)
			return []consent.Touch{{Resource: name.String(), Made: k.made}}
		}); err != nil {
			return err
		}
		changes := Changes{KeyPairs: []KeyPair{k.KeyPair}}
		if k.gone {
			changes = Changes{ForgetKeyPairs: []string{k.ID}}
		}
		if err := s.Store.Commit(ctx, changes); err != nil {
			return fmt.Errorf("keep key pairs: %w", err)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if k.gone {
			delete(s.keyPairs, k.ID)
		} else {
			s.keyPairs[k.ID] = k.KeyPair
		}
		return nil
	})
}

// keepKeyPair commits a new key pair.
func (s *Service) keepKeyPair(ctx context.Context, k KeyPair) (KeyPair, error) {
	k.Created = s.Now()
	return k, s.changeKeyPair(ctx, func() (keyPairChange, error) {
		if len(s.KeyPairs(k.Scope)) >= maxKeyPairs {
			return keyPairChange{}, fault.New(fault.Limit, "compute", "You have reached the limit of %d key pairs", maxKeyPairs).
				WithCode("ResourceLimitExceeded")
		}
		return keyPairChange{KeyPair: k, made: true}, s.keyNameIsFree(k.Scope, k.Name) // still
	})
}

// KeyPairs returns the key pairs of a scope by id.
func (s *Service) KeyPairs(c scope.Scope) []KeyPair {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var out []KeyPair
	for _, k := range s.keyPairs {
		if k.Scope == c {
			out = append(out, k)
		}
	}
	slices.SortFunc(out, func(a, b KeyPair) int { return strings.Compare(a.ID, b.ID) })
	return out
}

// KeyPair returns the key pair of a name: InvalidKeyPair.NotFound if the scope has none.
func (s *Service) KeyPair(c scope.Scope, name string) (KeyPair, error) {
	return s.findKeyPair(c, "The key pair '%s' does not exist", name, func(k KeyPair) bool { return k.Name == name })
}

// KeyPairByID returns the key pair of an id: InvalidKeyPair.NotFound if the scope has none.
func (s *Service) KeyPairByID(c scope.Scope, id string) (KeyPair, error) {
	return s.findKeyPair(c, "The keyPair ID '%s' does not exist", id, func(k KeyPair) bool { return k.ID == id })
}

func (s *Service) findKeyPair(c scope.Scope, text, what string, is func(KeyPair) bool) (KeyPair, error) {
	all := s.KeyPairs(c)
	if i := slices.IndexFunc(all, is); i >= 0 {
		return all[i], nil
	}
	return KeyPair{}, fault.New(fault.NotFound, "compute", text, what).WithCode("InvalidKeyPair.NotFound")
}

// DeleteKeyPair forgets a key pair. Instances that were launched with it keep its public half.
func (s *Service) DeleteKeyPair(ctx context.Context, c scope.Scope, id string) error {
	return s.changeKeyPair(ctx, func() (keyPairChange, error) {
		k, err := s.KeyPairByID(c, id)
		return keyPairChange{KeyPair: k, gone: true}, err
	})
}

// TagKeyPair puts tags on a key pair and takes those with the given keys off. The caller checks their form and number.
func (s *Service) TagKeyPair(ctx context.Context, c scope.Scope, id string, put map[string]string, remove []string) error {
	return s.changeKeyPair(ctx, func() (keyPairChange, error) {
		k, err := s.KeyPairByID(c, id)
		k.Tags = retagged(k.Tags, put, remove)
		return keyPairChange{KeyPair: k}, err
	})
}
