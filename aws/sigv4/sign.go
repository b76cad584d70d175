package sigv4

import (
	"crypto/rsa"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Credentials hold the key pair, and the session token, that an ordinary client signs with.
type Credentials struct {
	AccessKey string
	Secret    string
	Token     string // of temporary credentials, else empty
}

// Target holds the region, service and time that a signature is made for.
type Target struct {
	Region  string
	Service string
	Time    time.Time
}

// neverSigned are headers that proxies change or that carry the signature itself.
var neverSigned = []string{
	"Authorization", "User-Agent", "X-Amzn-Trace-Id", "Expect", "Transfer-Encoding", "Connection",
	http.CanonicalHeaderKey(AsymmetricHeader),
}

// Sign signs a request in its Authorization header. body is the whole body, or nil for none.
func Sign(r *http.Request, body []byte, c Credentials, t Target) error {
	return SignPayload(r, HashBody(body), c, t)
}

// SignPayload is Sign for a body that is only known by its hash, or by one of the words that stand for none, such as
// UnsignedPayload.
func SignPayload(r *http.Request, payload string, c Credentials, t Target) error {
	if c.Token != "" {
		r.Header.Set("X-Amz-Security-Token", c.Token)
	}
	s, text, err := prepareToSign(r, payload, c.AccessKey, t)
	if err != nil {
		return err
	}
	key := signingKey(c.Secret, s.Scope)
	s.authorize(r, hex.EncodeToString(sign(key[:], text)))
	return nil
}

// SignRSA signs a request as the managed instance id, with its own key.
func SignRSA(r *http.Request, body []byte, key InstanceKey, t Target) error {
	s, text, err := prepareToSign(r, HashBody(body), key.ID, t)
	if err != nil {
		return err
	}
	value, err := signPSS(key.Private, text)
	if err != nil {
		return fmt.Errorf("sign as %s: %w", key.ID, err)
	}
	s.authorize(r, value)
	return nil
}

// InstanceKey is the key pair that a machine registered.
type InstanceKey struct {
	ID      string // "mi-…" or "i-…"
	Private *rsa.PrivateKey
}

// SignAsymmetric adds the AsymmetricHeader to a request that is signed already.
func SignAsymmetric(r *http.Request, key *rsa.PrivateKey) error {
	value, err := signPSS(key, []byte(r.Header.Get("Authorization")))
	if err != nil {
		return fmt.Errorf("sign the Authorization header: %w", err)
	}
	r.Header.Set(AsymmetricHeader, "Signature="+value)
	return nil
}

func prepareToSign(r *http.Request, payload, id string, t Target) (*Signature, []byte, error) {
	s := &Signature{
		AccessKey: id,
		Scope:     Scope{Date: t.Time.UTC().Format(dateFormat), Region: t.Region, Service: t.Service},
		stamp:     t.Time.UTC().Format(timeFormat),
	}
	r.Header.Del("Authorization")
	r.Header.Set("X-Amz-Date", s.stamp)
	if t.Service == "s3" {
		r.Header.Set("X-Amz-Content-Sha256", payload)
	}
	s.credential = id + "/" + s.Scope.String()
	s.SignedHeaders = []string{"host"}
	for name := range r.Header {
		if !slices.Contains(neverSigned, name) {
			s.SignedHeaders = append(s.SignedHeaders, strings.ToLower(name))
		}
	}
	slices.Sort(s.SignedHeaders)
	s.headers = strings.Join(s.SignedHeaders, ";")
	canonical, err := canonicalRequest(make([]byte, 0, 1024), r, s, paths(r.URL, t.Service)[0], payload)
	if err != nil {
		return nil, nil, fmt.Errorf("sign %s %s: %w", r.Method, r.URL.Path, err)
	}
	return s, stringToSign(nil, s, canonical), nil
}

func (s *Signature) authorize(r *http.Request, value string) {
	r.Header.Set("Authorization", Algorithm+" Credential="+s.credential+", SignedHeaders="+s.headers+", Signature="+value)
}
