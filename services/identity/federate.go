package identity

import (
	"context"
	"slices"
	"time"

	"postern/aws/arn"
	"postern/aws/fault"
	"postern/aws/iam"
)

// Whose a session is that is not a role's.
const (
	ofUser      = "u" // of GetSessionToken: the user's own
	ofFederated = "f" // of GetFederationToken
)

// The bounds of the sessions of users. The root user's last an hour at most, whatever is asked for.
const (
	maxUserSession  = 36 * time.Hour
	userSession     = 12 * time.Hour
	rootUserSession = time.Hour
)

// SessionToken starts a session of the caller itself, with all that its policies allow. It lasts 12 hours where
// duration is zero, and the root user's an hour at most. Faults are Denied (a caller with temporary credentials) and
// Invalid (the duration).
func (s *Service) SessionToken(_ context.Context, caller iam.Principal, duration time.Duration) (Credentials, error) {
	life, err := userLife(caller, duration)
	if err != nil {
		return Credentials{}, err
	}
	return s.issue(session{
		Account: caller.Account, Of: ofUser, Name: caller.Name, User: caller.Name, UserID: caller.UserID,
	}, life)
}

// Federate says what session of GetFederationToken is wanted.
type Federate struct {
	Caller     iam.Principal
	Name       string // of the federated user
	Duration   time.Duration
	Policy     string   // session policy, or empty
	PolicyARNs []string // further session policies
	Tags       []Tag
}

// FederatedUser is a session of GetFederationToken.
type FederatedUser struct {
	Credentials
	ARN    string // arn:aws:sts::A:federated-user/NAME
	UserID string // A:NAME
	Packed int    // percent
}

// FederationToken starts a session that may do what both the caller's policies and the session's allow: nothing without
// the latter. Faults are those of SessionToken, and Invalid for names, policies and tags.
func (s *Service) FederationToken(_ context.Context, f Federate) (FederatedUser, error) {
	if len(f.Name) > 32 || !sessionNamePattern.MatchString(f.Name) {
		return FederatedUser{}, invalid(
			"1 validation error detected: Value at 'name' failed to satisfy constraint: Member must have 2 to 32 " +
				"characters and satisfy regular expression pattern: [\\w+=,.@-]*",
		)
	}
	life, err := userLife(f.Caller, f.Duration)
	if err != nil {
		return FederatedUser{}, err
	}
	tags, err := mergeTags(nil, f.Tags)
	if err != nil {
		return FederatedUser{}, err
	}
	if err := s.checkSessionPolicies(f.Caller.Account, f.Policy, f.PolicyARNs); err != nil {
		return FederatedUser{}, err
	}
	sess := session{
		Account: f.Caller.Account, Of: ofFederated, Name: f.Name, User: f.Caller.Name, UserID: f.Caller.UserID,
		Inline: f.Policy, Managed: slices.Clone(f.PolicyARNs), Tags: tags,
	}
	if err := sess.checkPacked(); err != nil {
		return FederatedUser{}, err
	}
	c, err := s.issue(sess, life)
	return FederatedUser{
		Credentials: c, ARN: sess.federatedARN(s.state()), UserID: sess.Account + ":" + sess.Name, Packed: sess.packed(),
	}, err
}

// checkSessionPolicies refuses what cannot be a session's policies.
func (s *Service) checkSessionPolicies(account, inline string, managed []string) error {
	if err := checkPolicies(inline, managed); err != nil {
		return err
	}
	if inline != "" {
		if _, err := parsePolicy(iam.Session, sessionPolicyName, inline); err != nil {
			return err
		}
	}
	st := s.state()
	for _, name := range managed {
		if _, err := st.policyFor(account, name); err != nil {
			return err
		}
	}
	return nil
}

// userLife is how long a session of a user lasts.
func userLife(caller iam.Principal, wanted time.Duration) (time.Duration, error) {
	life := wanted
	if life == 0 {
		life = userSession
	}
	switch {
	case caller.Kind != iam.User && caller.Kind != iam.Root || !caller.Issued.IsZero():
		return 0, fault.New(fault.Denied, "identity.SessionToken", "only long-term credentials begin such a session").
			WithCode("AccessDenied")
	case life < minSession || life > maxUserSession:
		return 0, invalid(
			"1 validation error detected: Value '%d' at 'durationSeconds' failed to satisfy constraint: Member must be "+
				"between %d and %d", life/time.Second, minSession/time.Second, maxUserSession/time.Second,
		)
	case caller.Kind == iam.Root:
		return min(life, rootUserSession), nil
	}
	return life, nil
}

func (sess *session) federatedARN(st *state) string {
	return arn.Global(st.partition, "sts", sess.Account, "federated-user/"+sess.Name).String()
}

// ofUser makes what a user's or a federated user's session stands for now.
func (sess *session) ofUser(st *state, c *Credential) error {
	p := &c.Principal
	if sess.User == "" {
		if err := st.needAccount(sess.Account); err != nil {
			return unknownKey()
		}
		*p = st.root(sess.Account)
	} else {
		u, err := st.user(sess.Account, sess.User)
		if err != nil || u.ID != sess.UserID {
			return unknownKey()
		}
		*p = u.principal()
		c.Policies.Identity, c.Policies.Boundary = st.userPolicies(u)
	}
	p.Issued = c.Issued
	if sess.Of == ofUser {
		return nil
	}
	if p.Kind == iam.Root {
		c.Policies.Identity = rootPolicies
	}
	p.Kind, p.User, p.ARN = iam.FederatedUser, p.ARN, sess.federatedARN(st)
	p.Name, p.UserID = "", sess.Account+":"+sess.Name
	tags := tagMap(sess.Tags)
	for key, value := range p.Tags { // the user's own, which the session's go before
		if _, ok := tags[key]; !ok {
			tags[key] = value
		}
	}
	p.Tags = tags
	if c.Policies.Session = sess.policies(st); len(c.Policies.Session) == 0 {
		c.Policies.Session = noSessionPolicy
	}
	return nil
}

// rootPolicies hold the permissions of the root user for its federated sessions.
var rootPolicies = []*iam.Policy{
	mustParse("root user", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`),
}

// noSessionPolicy allows nothing to a federated user.
var noSessionPolicy = []*iam.Policy{{Name: "none", Kind: iam.Session}}
