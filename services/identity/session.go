package identity

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"postern/aws/arn"
	"postern/aws/fault"
	"postern/aws/iam"
)

// Credentials are temporary credentials, as they are given out. All but Expires and Issued is secret.
type Credentials struct {
	AccessKey string // ASIA…
	Secret    string
	Token     string
	Issued    time.Time
	Expires   time.Time
}

// session is the content of a session token: all that there is of a session. The letters keep tokens short.
type session struct {
	Key      string   `json:"k"`
	Secret   string   `json:"s"`
	Account  string   `json:"a"`
	Role     string   `json:"r,omitempty"` // name; empty for an instance's identity
	RoleID   string   `json:"i,omitempty"`
	Name     string   `json:"n"`
	Issued   int64    `json:"b"`           // Unix nanoseconds: revocations are compared with it
	Expires  int64    `json:"e"`           // Unix seconds
	IssuedTo string   `json:"d,omitempty"` // i-… or mi-…
	Instance string   `json:"o,omitempty"` // ARN of the EC2 instance
	VPC      string   `json:"v,omitempty"` // where the instance was when the session began
	Address  string   `json:"w,omitempty"` // its primary private IPv4 address then
	Inline   string   `json:"p,omitempty"` // session policy
	Managed  []string `json:"m,omitempty"` // ARNs of session policies
	Tags     []Tag    `json:"t,omitempty"`
	Source   string   `json:"q,omitempty"` // source identity
	// Transitive are the keys of the tags that go on into sessions of roles which this one assumes.
	Transitive []string `json:"x,omitempty"`
	// Of says whose session it is; empty is a role's or an instance's.
	Of     string `json:"c,omitempty"`
	User   string `json:"u,omitempty"` // the user's name; empty for the root user
	UserID string `json:"y,omitempty"`

	inline *iam.Policy
}

const tokenPurpose = "session-token"

// instanceIdentity stands in the place of a role's name in the ARN of an instance's own identity.
const instanceIdentity = "aws:ec2-instance"

// sessionPolicyName names, in messages, a session's inline policy.
const sessionPolicyName = "session policy"

// issue makes the credentials of a session. now and life set its times.
func (s *Service) issue(sess session, life time.Duration) (Credentials, error) {
	now := s.now().UTC()
	expires := now.Add(life).Truncate(time.Second)
	sess.Secret, sess.Issued, sess.Expires = newSecret(), now.UnixNano(), expires.Unix()
	var err error
	if sess.Key, err = newKeyID(prefixSession, sess.Account); err != nil {
		return Credentials{}, err
	}
	plain, err := json.Marshal(sess)
	if err != nil {
		return Credentials{}, err
	}
	token := base64.RawURLEncoding.EncodeToString(s.sealer.Seal(plain, tokenPurpose))
	return Credentials{AccessKey: sess.Key, Secret: sess.Secret, Token: token, Issued: now, Expires: expires}, nil
}

// MaxToken bounds what is opened as a token, in bytes.
const MaxToken = 16 << 10

// openToken is the session in a token.
func (s *Service) openToken(keyID, token string) (*session, error) {
	if len(token) > MaxToken {
		return nil, unknownKey()
	}
	sealed, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return nil, unknownKey()
	}
	plain, err := s.sealer.Open(sealed, tokenPurpose)
	if err != nil {
		return nil, unknownKey()
	}
	sess := new(session)
	if err := json.Unmarshal(plain, sess); err != nil || sess.Key != keyID {
		return nil, unknownKey()
	}
	if sess.Inline != "" {
		if sess.inline, err = iam.Parse(iam.Session, sessionPolicyName, sess.Inline); err != nil {
			return nil, unknownKey()
		}
	}
	return sess, nil
}

func unknownKey() error {
	return fault.New(fault.NotFound, "identity.Lookup", "The security token included in the request is invalid.")
}

// credential makes what a session stands for now.
func (sess *session) credential(st *state) (*Credential, error) {
	c := &Credential{
		AccessKey: sess.Key, Secret: sess.Secret, IssuedTo: sess.IssuedTo,
		Issued: time.Unix(0, sess.Issued).UTC(), Expires: time.Unix(sess.Expires, 0).UTC(),
	}
	if r, ok := revocations.Get(st.tables, sess.IssuedTo); ok && !c.Issued.After(r.Before) {
		return nil, unknownKey()
	}
	c.Policies.Control = st.controls(sess.Account)
	if sess.Of != "" {
		return c, sess.ofUser(st, c)
	}
	p := &c.Principal
	*p = iam.Principal{
		Kind: iam.AssumedRole, Account: sess.Account, Issued: c.Issued, SourceIdentity: sess.Source,
		SourceInstance: sess.Instance, SourceVPC: sess.VPC, SourceAddress: sess.Address,
	}
	if sess.Role == "" {
		p.ARN = arn.Global(st.partition, "sts", sess.Account, "assumed-role/"+instanceIdentity+"/"+sess.Name).String()
		p.Role = arn.Global(st.partition, "iam", sess.Account, "role/"+instanceIdentity).String()
		p.UserID = sess.Account + ":" + instanceIdentity + ":" + sess.Name
		c.Policies.Identity = instancePolicies
		return c, nil
	}
	role, ok := roles.Get(st.tables, key(sess.Account, sess.Role))
	if !ok || role.ID != sess.RoleID {
		return nil, unknownKey()
	}
	p.ARN = arn.Global(role.Partition, "sts", sess.Account, "assumed-role/"+role.Name+"/"+sess.Name).String()
	p.Role = role.ARN()
	p.UserID = role.ID + ":" + sess.Name
	p.Tags, p.Transitive = tagMap(role.Tags, sess.Tags), sess.transitive()
	p.ServiceLinked = isServiceLinked(role.Path)
	c.Policies.Identity, c.Policies.Boundary = st.identityPolicies(&role.Permissions)
	c.Policies.Session = sess.policies(st)
	return c, nil
}

func (sess *session) policies(st *state) (all []*iam.Policy) {
	if sess.inline != nil {
		all = append(all, sess.inline)
	}
	for _, name := range sess.Managed {
		limiting := &iam.Policy{Name: name, Kind: iam.Session} // one that is gone allows nothing
		if p, err := st.policyByARN(name); err == nil {
			*limiting = *p.compiled
			limiting.Kind = iam.Session
		}
		all = append(all, limiting)
	}
	return all
}

// transitive returns the tags that go on into sessions of roles that this one assumes.
func (sess *session) transitive() map[string]string {
	if len(sess.Transitive) == 0 {
		return nil
	}
	tags := map[string]string{}
	for _, t := range sess.Tags {
		if slices.ContainsFunc(sess.Transitive, func(key string) bool { return strings.EqualFold(key, t.Key) }) {
			tags[t.Key] = t.Value
		}
	}
	return tags
}

// instancePolicies let an instance become a managed node by its own identity, and do no more.
var instancePolicies = []*iam.Policy{
	mustParse("instance identity", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":[
		"ssm:RegisterManagedInstance","ssm:RequestManagedInstanceRoleToken","ssm:UpdateManagedInstancePublicKey"],
		"Resource":"*"}]}`),
}

func mustParse(name, text string) *iam.Policy {
	p, err := iam.Parse(iam.Identity, name, text)
	if err != nil {
		panic(name + ": " + err.Error()) // it is part of the program
	}
	return p
}

// maxPackedPolicy is the most characters that a session's policies and tags may have together.
const maxPackedPolicy = 4096

// packed returns how much of what is allotted to them a session's policies and tags take, in percent: 0 without any.
func (sess *session) packed() int {
	n := len(sess.Inline) + len(strings.Join(sess.Managed, ""))
	for _, t := range sess.Tags {
		n += len(t.Key) + len(t.Value)
	}
	return (n*100 + maxPackedPolicy - 1) / maxPackedPolicy
}

// checkPacked keeps tokens within what clients carry in a header.
func (sess *session) checkPacked() error {
	if percent := sess.packed(); percent > 100 {
		return fault.New(fault.Invalid, "identity.AssumeRole",
			"Packed size of session policies and tags consumes %d%% of allotted space.", percent).
			WithCode("PackedPolicyTooLarge")
	}
	return nil
}
