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
	// Exempt callers need no permission of their own (Auth Unsigned, Node and Anyone): only the endpoint's policy is
	// asked.
	Exempt bool
	// DenyOnly asks whether anything denies it; that something allows it is not needed.
	DenyOnly bool
}

// Guards finds the policies that belong to what is reached rather than to who calls: that of the
// endpoint (q.Call.Origin.Endpoint), and that of the resource. Guard adds them to p, which holds the caller's own.
type Guards interface {
	Guard(ctx context.Context, q Question, p *iam.Policies) error
}
