package identity

import (
	"slices"
	"strings"
	"time"

	"postern/aws/arn"
	"postern/aws/iam"
)

// Tag is a key and a value on a user, role, instance profile or policy.
type Tag struct{ Key, Value string }

// Account is one AWS account.
type Account struct {
	ID      string // twelve digits
	Created time.Time
	// RootKey is the id of the root user's key that was made with the account, or last given by the operator.
	RootKey string
}

// Document is a named policy document.
type Document struct {
	Name string
	Text string // JSON, as it was given
}

// Permissions is what users and roles have alike.
type Permissions struct {
	Inline   []Document // sorted by name
	Attached []string   // ARNs of managed policies, in the order in which they were attached
	Boundary string     // ARN of the managed policy that is the permissions boundary, or empty

	inline []*iam.Policy // Inline, compiled
}

// User is an IAM user.
type User struct {
	Partition           string `json:",omitempty"` // of its ARN; empty is "aws"
	Account, Path, Name string
	ID                  string // AIDA…
	Created             time.Time
	Tags                []Tag
	Permissions
}

// ARN is the user's name in policies.
func (u User) ARN() string {
	return arn.Global(u.Partition, "iam", u.Account, "user"+u.Path+u.Name).String()
}

// Role is an IAM role.
type Role struct {
	Partition           string `json:",omitempty"`
	Account, Path, Name string
	ID                  string // AROA…
	Created             time.Time
	Description         string
	Trust               string        // the trust policy, JSON
	MaxSession          time.Duration // the longest session of AssumeRole, 1 h to 12 h
	Tags                []Tag
	Permissions

	trust *iam.Policy
}

// ARN is the role's name in policies.
func (r Role) ARN() string {
	return arn.Global(r.Partition, "iam", r.Account, "role"+r.Path+r.Name).String()
}

// InstanceProfile gives a role to instances.
type InstanceProfile struct {
	Partition           string `json:",omitempty"`
	Account, Path, Name string
	ID                  string // AIPA…
	Created             time.Time
	Role                string // the role's name, or empty
	Tags                []Tag
}

// ARN is the profile's name in RunInstances and policies.
func (p InstanceProfile) ARN() string {
	return arn.Global(p.Partition, "iam", p.Account, "instance-profile"+p.Path+p.Name).String()
}

// Policy is a managed policy: a customer's, or one of Amazon's (Account "aws").
type Policy struct {
	Partition           string `json:",omitempty"`
	Account, Path, Name string
	ID                  string // ANPA…
	Created, Updated    time.Time
	Description         string
	Versions            []PolicyVersion // oldest first
	Default             string          // the version in force, such as "v1"
	Last                int             // number of the newest version ever made
	Tags                []Tag

	compiled *iam.Policy
}

// PolicyVersion is one text of a managed policy.
type PolicyVersion struct {
	ID      string // "v1"
	Text    string
	Created time.Time
}

// ARN is the policy's name for attaching it.
func (p Policy) ARN() string {
	return arn.Global(p.Partition, "iam", p.Account, "policy"+p.Path+p.Name).String()
}

// Version returns a version by its id.
func (p Policy) Version(id string) (PolicyVersion, bool) {
	i := slices.IndexFunc(p.Versions, func(v PolicyVersion) bool { return v.ID == id })
	if i < 0 {
		return PolicyVersion{}, false
	}
	return p.Versions[i], true
}

// AccessKey is a long-term key. The secret is not in it.
type AccessKey struct {
	Account string
	ID      string // AKIA…
	User    string // the user's name; empty for the account's root user
	Active  bool
	Created time.Time
	Sealed  []byte // the secret, sealed

	secret string
}

// revocation ends everything that was issued to an instance or node up to a moment.
type revocation struct {
	Subject string
	Before  time.Time
}

// An entity is a record's content.
type entity interface {
	kind() Kind
	id() string
}

func (a *Account) kind() Kind         { return KindAccount }
func (u *User) kind() Kind            { return KindUser }
func (r *Role) kind() Kind            { return KindRole }
func (p *InstanceProfile) kind() Kind { return KindProfile }
func (p *Policy) kind() Kind          { return KindPolicy }
func (k *AccessKey) kind() Kind       { return KindAccessKey }
func (r *revocation) kind() Kind      { return KindRevocation }

func (a *Account) id() string         { return a.ID }
func (u *User) id() string            { return key(u.Account, u.Name) }
func (r *Role) id() string            { return key(r.Account, r.Name) }
func (p *InstanceProfile) id() string { return key(p.Account, p.Name) }
func (p *Policy) id() string          { return key(p.Account, p.Name) }
func (k *AccessKey) id() string       { return k.ID }
func (r *revocation) id() string      { return r.Subject }

// key is how names are kept: they differ by more than letter case, and are unique within an account whatever their path.
func key(account, name string) string { return account + "/" + strings.ToLower(name) }
