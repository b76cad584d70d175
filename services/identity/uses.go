package identity

import (
	"context"
	"maps"
	"strings"
	"sync"
	"time"

	"postern/record"
)

// KeyUse tells when and where a long-term access key has signed a request last.
type KeyUse struct {
	Account string
	Key     string    // AKIA…
	Time    time.Time // whole seconds
	Service string    // as it stands in the signature, such as "iam"
	Region  string
}

var keyUses = &record.Kind[KeyUse]{
	Name:   "access-key-use",
	Key:    func(u *KeyUse) string { return u.Key },
	Groups: func(u *KeyUse) []string { return []string{u.Account} },
}

// uses keeps the latest use of each key since they were written last, so that a request costs no commit.
type uses struct {
	mu     sync.Mutex
	latest map[string]KeyUse
}

// Used notes that a long-term access key has signed a request. WriteUses keeps it.
func (s *Service) Used(u KeyUse) {
	k, ok := accessKeys.Get(s.state().tables, u.Key)
	if !ok {
		return
	}
	u.Account, u.Key, u.Time = k.Account, k.ID, u.Time.UTC().Truncate(time.Second)
	s.uses.mu.Lock()
	defer s.uses.mu.Unlock()
	if last := s.uses.latest[k.ID]; u == last || u.Time.Before(last.Time) {
		return // most requests: there are many in a second
	}
	u.Service, u.Region = strings.Clone(u.Service), strings.Clone(u.Region) // not the request that they stand in
	if s.uses.latest == nil {
		s.uses.latest = map[string]KeyUse{}
	}
	s.uses.latest[k.ID] = u
}

// WriteUses writes what Used has noted, in one commit. It does nothing where nothing is new.
func (s *Service) WriteUses(ctx context.Context) error {
	s.uses.mu.Lock()
	latest := maps.Clone(s.uses.latest)
	s.uses.mu.Unlock()
	if len(latest) == 0 {
		return nil
	}
	err := s.change(ctx, "", func(p *plan) error {
		for id, use := range latest {
			if _, ok := accessKeys.Get(p.Tables, id); !ok {
				continue // it has been deleted meanwhile
			}
			if kept, ok := keyUses.Get(p.Tables, id); !ok || kept.Time.Before(use.Time) {
				keyUses.Put(p.Plan, &use, false)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	s.uses.mu.Lock()
	defer s.uses.mu.Unlock()
	maps.DeleteFunc(s.uses.latest, func(id string, u KeyUse) bool { return u == latest[id] })
	return nil
}

// LastUse returns an access key of an account and its latest use, which has no Time where it was never used.
func (s *Service) LastUse(account, id string) (AccessKey, KeyUse, error) {
	st := s.state()
	k, ok := accessKeys.Get(st.tables, id)
	if !ok || k.Account != account {
		return AccessKey{}, KeyUse{}, noKey(id)
	}
	var last KeyUse
	if kept, ok := keyUses.Get(st.tables, id); ok {
		last = *kept
	}
	s.uses.mu.Lock()
	defer s.uses.mu.Unlock()
	if noted := s.uses.latest[id]; noted.Time.After(last.Time) {
		last = noted
	}
	return *k, last, nil
}
