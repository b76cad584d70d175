package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Verifier tells right signatures from wrong ones. It is safe for concurrent use.
type Verifier struct {
	now  func() time.Time
	keys *keyCache
}

// NewVerifier makes a Verifier that judges expiry by now.
func NewVerifier(now func() time.Time) *Verifier {
	return &Verifier{now: now, keys: newKeyCache(keyCacheSize)}
}

// Verify reports nil if s, parsed from r, was made with secret, for this very request and body, and is good now. For a
// body that comes in chunks or unsigned (S3), body is nil; read a chunked one through Chunks afterwards.
// Errors carry CodeMismatch, CodeExpired or CodeNotYet; none of them says more about the secret.
func (v *Verifier) Verify(r *http.Request, s *Signature, secret string, body []byte) error {
	if err := v.Precheck(r, s); err != nil {
		return err
	}
	payload, err := s.payloadHash(body)
	if err != nil {
		return err
	}
	return v.verify(r, s, secret, payload)
}

// verify checks the signature of a request whose payload hash is known, or taken as it is said.
func (v *Verifier) verify(r *http.Request, s *Signature, secret, payload string) error {
	candidates, err := candidates(r, s, payload)
	if err != nil {
		return err
	}
	given := make([]byte, sha256.Size)
	if len(s.value) != hex.EncodedLen(sha256.Size) {
		return mismatch()
	}
	if _, err := hex.Decode(given, []byte(s.value)); err != nil || s.value != strings.ToLower(s.value) {
		return mismatch()
	}
	key, cached := v.keys.get(s.credential, secret)
	if !cached {
		key = signingKey(secret, s.Scope)
	}
	for _, text := range candidates {
		if subtle.ConstantTimeCompare(sign(key[:], text), given) == 1 {
			if !cached {
				v.keys.put(s.credential, secret, key)
			}
			return nil
		}
	}
	return mismatch()
}

// Precheck reports what is wrong with a signature whatever its key and the body are: its time, and headers that it does
// not cover. Verify and VerifyRSA report it too; a server that asks first need not read the body of such a request.
func (v *Verifier) Precheck(r *http.Request, s *Signature) error {
	if err := s.inTime(v.now()); err != nil {
		return err
	}
	return s.coversHeaders(r)
}

// prepare does all that needs no key: time, headers that have to be signed, payload hash. It returns the strings that
// may have been signed: one, seldom two.
func (v *Verifier) prepare(r *http.Request, s *Signature, body []byte) ([][]byte, error) {
	if err := v.Precheck(r, s); err != nil {
		return nil, err
	}
	payload, err := s.payloadHash(body)
	if err != nil {
		return nil, err
	}
	return candidates(r, s, payload)
}

// candidates returns the strings that may have been signed.
func candidates(r *http.Request, s *Signature, payload string) ([][]byte, error) {
	forms := paths(r.URL, s.Scope.Service)
	texts := make([][]byte, 0, len(forms))
	for _, uri := range forms {
		canonical, err := canonicalRequest(make([]byte, 0, 1024), r, s, uri, payload)
		if err != nil {
			return nil, err
		}
		texts = append(texts, stringToSign(make([]byte, 0, 192), s, canonical))
	}
	return texts, nil
}

// inTime checks the signature's time against now.
func (s *Signature) inTime(now time.Time) error {
	now = now.UTC()
	if s.Time.After(now.Add(Skew)) {
		return refuse(CodeNotYet, "Signature not yet current: %s is still later than %s (%s + 15 min.)",
			s.stamp, now.Add(Skew).Format(timeFormat), now.Format(timeFormat))
	}
	if s.Presigned {
		if end := s.Time.Add(s.Expires); now.After(end) {
			return refuse(
				CodeExpired, "Signature expired: %s is now earlier than %s", end.Format(timeFormat), now.Format(timeFormat),
			)
		}
		return nil
	}
	if s.Time.Before(now.Add(-Skew)) {
		return refuse(CodeExpired, "Signature expired: %s is now earlier than %s (%s - 15 min.)",
			s.stamp, now.Add(-Skew).Format(timeFormat), now.Format(timeFormat))
	}
	return nil
}

// unsignedHeaders lists Amazon's own headers that need not be in SignedHeaders, because the signature covers
// their content in another way, or nothing hangs on it.
var unsignedHeaders = []string{
	"X-Amz-Content-Sha256", // the last line of the canonical request
	"X-Amz-Date",           // the second line of the string to sign
	"X-Amz-Security-Token", // compared with the credentials'
	"X-Amz-User-Agent",     // browsers' user agent; logged only
}

// coversHeaders refuses a header that a stranger could have added, such as another X-Amz-Target.
func (s *Signature) coversHeaders(r *http.Request) error {
	for name := range r.Header {
		if !strings.HasPrefix(name, "X-Amz-") || slices.Contains(unsignedHeaders, name) {
			continue
		}
		if !slices.Contains(s.SignedHeaders, strings.ToLower(name)) {
			return refuse(CodeMismatch, "There is a header present in the request which is not signed: %s", clip(name))
		}
	}
	return nil
}

// payloadHash returns the last line of the canonical request, after it is seen to be that of the body.
func (s *Signature) payloadHash(body []byte) (string, error) {
	s3 := s.Scope.Service == "s3"
	switch s.Payload {
	case "":
		if s.Presigned && s3 {
			return UnsignedPayload, nil
		}
		return HashBody(body), nil
	case UnsignedPayload, StreamingPayload, StreamingPayloadTrailer, StreamingUnsignedTrailer:
		if !s3 {
			return "", refuse(CodeMismatch, "X-Amz-Content-Sha256: %s is not taken by this service: sign the body", s.Payload)
		}
		return s.Payload, nil
	}
	hash := HashBody(body)
	if subtle.ConstantTimeCompare([]byte(hash), []byte(s.Payload)) != 1 {
		return "", refuse(CodeMismatch, "The provided 'x-amz-content-sha256' header does not match what was computed.")
	}
	return hash, nil
}

// sign is HMAC-SHA256.
func sign(key, text []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write(text)
	return mac.Sum(nil)
}

func signingKey(secret string, scope Scope) (key [sha256.Size]byte) {
	k := sign([]byte("AWS4"+secret), []byte(scope.Date))
	k = sign(k, []byte(scope.Region))
	k = sign(k, []byte(scope.Service))
	copy(key[:], sign(k, []byte(terminator)))
	return key
}
