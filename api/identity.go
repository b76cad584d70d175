package api

import (
	"context"
	"crypto/rsa"
	"time"

	"postern/aws/iam"
)

// Key describes an access key. It is shared and not changed.
type Key struct {
	Secret string
	// Expires is when temporary credentials end; zero is never.
	Expires time.Time
	// IssuedTo is the instance or managed node ("i-…", "mi-…") that temporary credentials were made for, if any.
	IssuedTo string
	// Principal owns the key, and Policies come with it: Identity, Boundary and Session.
	Principal *iam.Principal
	Policies  *iam.Policies
}

// NodeKeys are the public keys that a managed node may sign with: its registered one and, while it changes it, the one
// before.
type NodeKeys struct {
	Account, Region string
	Keys            []*rsa.PublicKey
}

// Identities finds the owners of keys. A key or node that is not known, or no longer good, and
// a session token that does not belong to the key, is a NotFound fault; an expired key is found.
type Identities interface {
	AccessKey(ctx context.Context, id, token string) (Key, error)
	NodeKeys(ctx context.Context, node string) (NodeKeys, error)
}

// Question asks about one resource of a call: may this caller do this to that?
type Question struct {
	Call *Call
	// Action is "service:Operation" and Resource an ARN or "*".
	Action, Resource string
	// Owner is the account that the resource belongs to, "" for the caller's own. The pipeline sets it: to what the
	// action's service says (ResourcePolicies), else to the account in the ARN.
	Owner string
	// Exempt callers need no permission of their own (Auth Unsigned, Node and Anyone): only the endpoint's policy is
	// asked.
	Exempt bool
	// Via is the service that asks on the caller's behalf, such as "route53resolver.amazonaws.com"; see Call.Forward.
	Via string
	// DenyOnly asks whether anything denies it; that something allows it is not needed.
	DenyOnly bool
}

// ResourcePolicies tells of the resources of one service whose they are, and which policy each has of its own. It must
// be quick: it is asked once for each resource of each request, before anything is known to be allowed.
type ResourcePolicies interface {
	// ResourcePolicy returns the policy of the resource that an ARN names, nil where it has none; the account that owns
	// it, "" where that is the one in the ARN or where there is no such resource; and whether nothing is allowed without
	// the policy, as with a role's trust policy and a KMS key's. A policy that cannot be read is one that allows nothing:
	// &iam.Policy{Kind: iam.Resource}.
	ResourcePolicy(resource string) (policy *iam.Policy, owner string, decides bool)
}

// Organizations tells in which organizations accounts are.
type Organizations interface {
	// Organization returns the id of an account's organization ("o-exampleorgid") and the account's path in it
	// ("o-exampleorgid/r-ab12/ou-ab12-11111111/"), both empty for an account in none.
	Organization(account string) (id, path string)
}

// Guards finds the policies that belong to neither who calls nor what is reached, such as that of the VPC endpoint
// between them (q.Call.Origin.Endpoint, unless q.Via). Guard adds them to p, which holds the caller's own and the
// resource's.
type Guards interface {
	Guard(ctx context.Context, q Question, p *iam.Policies) error
}
