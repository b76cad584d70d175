package imds

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	"postern/aws/fault"
)

// early says how long before their end credentials are replaced; AWS does so at least 5 minutes before.
const early = 15 * time.Minute

// cache holds the credentials that instances were given, so that asking often does not make many.
type cache struct {
	mu   sync.Mutex
	held map[holder]Credentials
}

// holder is an instance and a role with its unique id; both are empty for the instance's own credentials.
type holder struct{ instance, role, id string }

// get returns what h was given, while it is far from its end, or else what renew gives.
func (c *cache) get(h holder, now time.Time, renew func() (Credentials, error)) (Credentials, error) {
	c.mu.Lock()
	held, ok := c.held[h]
	c.mu.Unlock()
	if ok && held.fresh(now) {
		return held, nil
	}
	given, err := renew()
	if err != nil {
		return Credentials{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	maps.DeleteFunc(c.held, func(_ holder, held Credentials) bool { return !held.fresh(now) })
	c.held[h] = given
	return given, nil
}

func (c Credentials) fresh(now time.Time) bool {
	return now.Before(c.Expires.Add(-min(early, c.Expires.Sub(c.Issued)/2)))
}

// credentialAnswer tells credentials, in the order of AWS's.
type credentialAnswer struct {
	Code            string
	LastUpdated     string
	Type            string `json:",omitempty"`
	AccessKeyID     string `json:"AccessKeyId,omitempty"`
	SecretAccessKey string `json:",omitempty"`
	Token           string `json:",omitempty"`
	Expiration      string `json:",omitempty"`
	Message         string `json:",omitempty"`
}

type profileAnswer struct {
	Code               string
	LastUpdated        string
	InstanceProfileArn string
	InstanceProfileID  string `json:"InstanceProfileId"`
}

type identityAnswer struct {
	Code        string
	LastUpdated string
	AccountID   string `json:"AccountId"`
}

func (s *Server) credentialLeaves(t *tree, i *Instance) {
	const iam, identity = "meta-data/iam/", "meta-data/identity-credentials/ec2/"
	if p := i.Profile; p.ARN != "" {
		t.add(iam+"info", func(context.Context) ([]byte, error) {
			return indented(profileAnswer{"Success", stamp(s.now()), p.ARN, p.ID})
		})
		if p.Role != "" {
			t.add(iam+"security-credentials/"+p.Role, func(ctx context.Context) ([]byte, error) {
				return s.credentials(holder{i.ID, p.Role, p.RoleID}, func() (Credentials, error) {
					return s.source.RoleCredentials(ctx, i.ID, p.Role)
				})
			})
		}
	}
	t.add(identity+"info", func(context.Context) ([]byte, error) {
		return indented(identityAnswer{"Success", stamp(s.now()), i.Account})
	})
	t.add(identity+"security-credentials/ec2-instance", func(ctx context.Context) ([]byte, error) {
		return s.credentials(holder{instance: i.ID}, func() (Credentials, error) {
			return s.source.IdentityCredentials(ctx, i.ID)
		})
	})
}

// credentials tells h's credentials. A role that may not be assumed is told with status 200 and AWS's code, which the
// SDKs and the agent read.
func (s *Server) credentials(h holder, renew func() (Credentials, error)) ([]byte, error) {
	c, err := s.cache.get(h, s.now(), renew)
	switch {
	case fault.Is(err, fault.Denied):
		return indented(credentialAnswer{
			Code: "AssumeRoleUnauthorizedAccess", LastUpdated: stamp(s.now()),
			Message: fmt.Sprintf("EC2 cannot assume the role %s: its trust policy does not allow ec2.amazonaws.com.", h.role),
		})
	case err != nil:
		return nil, err
	}
	return indented(credentialAnswer{
		Code: "Success", LastUpdated: stamp(c.Issued), Type: "AWS-HMAC", AccessKeyID: c.AccessKeyID,
		SecretAccessKey: c.SecretAccessKey, Token: c.SessionToken, Expiration: stamp(c.Expires),
	})
}
