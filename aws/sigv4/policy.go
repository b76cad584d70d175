package sigv4

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"strings"
	"time"
)

// PolicyFields are the fields of a form by which the policy in it is signed (Amazon S3 API Reference, "Browser-based
// uploads using POST").
type PolicyFields struct {
	Algorithm, Credential, Date, Token, Signature string
}

// ParsePolicy reads the signature of a policy in a form. Its errors carry the codes of Parse. How long the policy is
// good for stands in the policy.
func ParsePolicy(f PolicyFields) (*Signature, error) {
	if f.Algorithm != Algorithm {
		return nil, refuse(CodeIncomplete, "x-amz-algorithm must be %s", Algorithm)
	}
	s := &Signature{Token: f.Token, credential: f.Credential, stamp: f.Date, value: f.Signature}
	var err error
	if s.Time, err = time.Parse(timeFormat, f.Date); err != nil || s.Time.Format(timeFormat) != f.Date {
		return nil, refuse(CodeIncomplete, "x-amz-date must be in ISO-8601 'basic format'. Got %q.", clip(f.Date))
	}
	if err := s.splitCredential(); err != nil {
		return nil, err
	}
	return s, nil
}

// VerifyPolicy reports nil if the signature was made with the secret for a policy, given as it stands in the form. Its
// error carries CodeMismatch.
func (s *Signature) VerifyPolicy(policy, secret string) error {
	var given [sha256.Size]byte
	if len(s.value) != hex.EncodedLen(sha256.Size) || s.value != strings.ToLower(s.value) {
		return mismatch()
	}
	if _, err := hex.Decode(given[:], []byte(s.value)); err != nil {
		return mismatch()
	}
	key := signingKey(secret, s.Scope)
	if subtle.ConstantTimeCompare(sign(key[:], []byte(policy)), given[:]) != 1 {
		return mismatch()
	}
	return nil
}
