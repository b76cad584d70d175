package sigv4

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"net/http"
	"strings"

	"postern/aws/fault"
)

// AsymmetricHeader carries an instance's second signature: RSASSA-PSS by the key that it registered, over the whole
// value of the Authorization header.
const AsymmetricHeader = "SSM-AsymmetricKeyAuthorization"

// The bounds, in bits, of keys that machines may register; the agent makes 2,048.
const (
	minRSABits = 2048
	maxRSABits = 8192
)

// pss holds the options that the agent signs with: SHA-256, and a salt of 32 bytes.
var pss = &rsa.PSSOptions{SaltLength: sha256.Size, Hash: crypto.SHA256}

// ParsePublicKey reads a public key as machines register it: standard base64 of a DER SubjectPublicKeyInfo, RSA.
func ParsePublicKey(text string) (*rsa.PublicKey, error) {
	invalid := func(why string) error {
		return fault.New(fault.Invalid, "sigv4.ParsePublicKey", "the public key %s", why).WithCode("InvalidPublicKey")
	}
	der, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, invalid("is not standard base64")
	}
	key, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, invalid("is not a DER SubjectPublicKeyInfo")
	}
	public, ok := key.(*rsa.PublicKey)
	if !ok {
		return nil, invalid("is not an RSA key")
	}
	if bits := public.N.BitLen(); bits < minRSABits || bits > maxRSABits {
		return nil, invalid("has fewer than 2048 or more than 8192 bits")
	}
	return public, nil
}

// FormatPublicKey returns the text that ParsePublicKey reads.
func FormatPublicKey(key *rsa.PublicKey) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	return base64.StdEncoding.EncodeToString(der), err
}

// VerifyRSA is Verify for a managed instance: the signature is base64 of RSASSA-PSS over the string to sign, and the
// place of the access key holds the instance's id.
func (v *Verifier) VerifyRSA(r *http.Request, s *Signature, key *rsa.PublicKey, body []byte) error {
	if s.Presigned {
		return refuse(CodeIncomplete, "A managed instance signs in the Authorization header")
	}
	candidates, err := v.prepare(r, s, body)
	if err != nil {
		return err
	}
	for _, text := range candidates {
		if verifyPSS(key, text, s.value) {
			return nil
		}
	}
	return mismatch()
}

// VerifyAsymmetric checks the AsymmetricHeader of a request. The Authorization header itself still has to be verified.
func VerifyAsymmetric(r *http.Request, key *rsa.PublicKey) error {
	header := r.Header.Get(AsymmetricHeader)
	if header == "" {
		return refuse(CodeMissing, "Request is missing the header %s", AsymmetricHeader)
	}
	value, ok := strings.CutPrefix(header, "Signature=")
	if !ok {
		return refuse(CodeIncomplete, "%s must be Signature=<base64>", AsymmetricHeader)
	}
	if !verifyPSS(key, []byte(r.Header.Get("Authorization")), value) {
		return mismatch()
	}
	return nil
}

func verifyPSS(key *rsa.PublicKey, text []byte, signature string) bool {
	sig, err := base64.StdEncoding.DecodeString(signature)
	if err != nil {
		return false
	}
	digest := sha256.Sum256(text)
	return rsa.VerifyPSS(key, crypto.SHA256, digest[:], sig, pss) == nil
}

func signPSS(key *rsa.PrivateKey, text []byte) (string, error) {
	digest := sha256.Sum256(text)
	sig, err := rsa.SignPSS(rand.Reader, key, crypto.SHA256, digest[:], pss)
	return base64.StdEncoding.EncodeToString(sig), err
}
