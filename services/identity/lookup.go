package identity

import (
	"crypto/sha256"
	"crypto/subtle"
	"sync"
	"time"

	"postern/aws/fault"
	"postern/aws/iam"
)

// Credential tells what is known of an access key that is in use. It is shared and must not be changed.
type Credential struct {
	AccessKey string
	Secret    string
	// Issued and Expires are those of temporary credentials; zero for long-term keys.
	Issued, Expires time.Time
	// IssuedTo is the instance or node that temporary credentials were made for, if any.
	IssuedTo  string
	Principal iam.Principal
	// Policies holds the policies that the caller brings along: Identity, Boundary and Session.
	Policies iam.Policies
}

// Lookup finds whose access key it is. token is the session token of the request, empty if it has none. A key that is
// unknown, inactive or revoked, and a token that is not this key's, is a NotFound fault. Temporary credentials are
// found after they have expired as well: the caller compares Expires.
func (s *Service) Lookup(keyID, token string) (*Credential, error) {
	hash := hashOf(token)
	e, ok := s.cache.get(keyID)
	ok = ok && subtle.ConstantTimeCompare(e.token[:], hash[:]) == 1
	st := s.state()
	if ok && e.generation == st.generation {
		return e.credential, nil
	}
	if !ok {
		e = cached{token: hash}
		if token != "" {
			var err error
			if e.session, err = s.openToken(keyID, token); err != nil {
				return nil, err
			}
		}
	}
	return s.renew(st, keyID, e)
}

// hashOf returns the hash of a session token. Those of usual length it copies to the stack.
func hashOf(token string) [sha256.Size]byte {
	var room [2048]byte
	return sha256.Sum256(append(room[:0], token...))
}

// renew makes a credential of the present state, and remembers it.
func (s *Service) renew(st *state, keyID string, e cached) (*Credential, error) {
	e.generation = st.generation
	var err error
	if e.session != nil {
		e.credential, err = e.session.credential(st)
	} else {
		e.credential, err = s.longTerm(st, keyID)
	}
	if err != nil {
		return nil, err
	}
	s.cache.put(e)
	return e.credential, nil
}

// longTerm returns the credential of a user's or root's key.
func (s *Service) longTerm(st *state, id string) (*Credential, error) {
	k, ok := accessKeys.Get(st.tables, id)
	if !ok || !k.Active {
		return nil, unknownKey()
	}
	secret, err := s.secretOf(k)
	if err != nil {
		return nil, fault.New(fault.Internal, "identity.Lookup", "access key %s cannot be read: %s", k.ID, err)
	}
	c := &Credential{AccessKey: k.ID, Secret: secret}
	c.Policies.Control = st.controls(k.Account)
	if k.User == "" {
		c.Principal = st.root(k.Account)
		return c, nil
	}
	u, err := st.user(k.Account, k.User)
	if err != nil {
		return nil, unknownKey()
	}
	c.Principal = u.principal()
	c.Policies.Identity, c.Policies.Boundary = st.userPolicies(u)
	return c, nil
}

// root returns the root user of an account as policies see it.
func (st *state) root(account string) iam.Principal {
	return iam.Principal{Kind: iam.Root, ARN: st.rootARN(account), Account: account, UserID: account}
}

// principal returns the user as policies see it.
func (u *User) principal() iam.Principal {
	return iam.Principal{
		Kind: iam.User, ARN: u.ARN(), Account: u.Account, UserID: u.ID, Name: u.Name, Tags: tagMap(u.Tags),
	}
}

// cacheSize is the number of credentials in each of the cache's two generations.
const cacheSize = 1 << 14

// cache remembers credentials in use. When the young half is full it becomes the old one, and what was old is
// forgotten; a hit in the old one makes its entry young again.
type cache struct {
	size int

	mu         sync.RWMutex
	young, old map[string]cached
}

type cached struct {
	token      [sha256.Size]byte
	session    *session // nil for long-term keys
	credential *Credential
	generation uint64
}

func newCache(size int) *cache { return &cache{size: size, young: map[string]cached{}} }

func (c *cache) get(id string) (cached, bool) {
	c.mu.RLock()
	e, young := c.young[id]
	ok := young
	if !young {
		e, ok = c.old[id]
	}
	c.mu.RUnlock()
	if ok && !young {
		c.put(e)
	}
	return e, ok
}

func (c *cache) put(e cached) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.young) >= c.size {
		c.old, c.young = c.young, make(map[string]cached, c.size/4)
	}
	c.young[e.credential.AccessKey] = e // not the id of the request, which would keep the request in memory
}
