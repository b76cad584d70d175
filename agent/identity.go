package agent

import (
	"context"
	"sync"
	"time"

	"postern/aws/sigv4"
)

// Identity names the node and holds its credentials. *EC2 and *Hybrid are the identities.
type Identity interface {
	// Node and Region are known once open has returned nil.
	Node() string
	Region() string
	// Credentials returns the credentials that calls are signed with now.
	Credentials(ctx context.Context) (sigv4.Credentials, error)

	// open finds out who the node is; it may be called again after it failed.
	open(ctx context.Context, a *Agent) error
	// renew forgets the credentials at hand, because the service refused them.
	renew()
	// background does what need not be done before the node is there. It returns when ctx ends, or before.
	background(ctx context.Context)
	// zone and address are for UpdateInstanceInformation; empty for not known.
	zone() (name, id string)
	address() string
}

// cache keeps credentials until half of their life is over.
type cache struct {
	mu    sync.Mutex
	keys  sigv4.Credentials
	until time.Time // when to fetch others
	end   time.Time // when they expire
}

// fetched are new credentials and when they expire.
type fetched struct {
	sigv4.Credentials
	expire time.Time
}

// get returns credentials, new ones if it is time. While others cannot be had, those at hand serve to their end.
func (c *cache) get(
	ctx context.Context, now func() time.Time, fetch func(ctx context.Context) (fetched, error),
) (sigv4.Credentials, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := now()
	if at.Before(c.until) {
		return c.keys, nil
	}
	f, err := fetch(ctx)
	if err != nil {
		if at.Before(c.end) {
			return c.keys, nil
		}
		return sigv4.Credentials{}, err
	}
	c.keys, c.end, c.until = f.Credentials, f.expire, at.Add(f.expire.Sub(at)/2)
	return c.keys, nil
}

// forget makes the next get fetch.
func (c *cache) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.until, c.end = time.Time{}, time.Time{}
}

// credentials is the form in which roles' credentials come from the metadata service.
type credentials struct {
	Code, AccessKeyID, SecretAccessKey, Token string
	Expiration                                time.Time
}

// roleToken is the answer of RequestManagedInstanceRoleToken.
type roleToken struct {
	AccessKeyID         string `json:"AccessKeyId"`
	SecretAccessKey     string
	SessionToken        string
	TokenExpirationDate float64 // seconds since 1970
	UpdateKeyPair       bool
}

func (t *roleToken) fetched() fetched {
	return fetched{
		sigv4.Credentials{AccessKey: t.AccessKeyID, Secret: t.SecretAccessKey, Token: t.SessionToken},
		time.UnixMilli(int64(t.TokenExpirationDate * 1000)),
	}
}

type fingerprintOnly struct{ Fingerprint string }

type publicKey struct {
	ActivationCode string `json:",omitempty"`
	ActivationID   string `json:"ActivationId,omitempty"`
	Fingerprint    string
	PublicKey      string
	PublicKeyType  string
}
