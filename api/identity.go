package api

import (
	"context"
	"crypto/rsa"
	"time"

	"postern/aws/iam"
)

// Key is what is known of an access key.
type Key struct {
	Secret string
	// Expires is when temporary credentials end; zero is never.
	Expires time.Time
	Caller  Caller
}

// NodeKeys are the public keys that a managed node may sign with: its registered one and, while it changes it, the one
// before.
type NodeKeys struct {
	Account, Region string
	Keys            []*rsa.PublicKey
}

// Identities is where the pipeline finds out whose key signed. A key or node that is not known, or no longer good, is a
// NotFound fault.
type Identities interface {
	// AccessKey finds an access key. token is the request's session token, "" if it has none: temporary credentials are
	// known only together with theirs, others only without one.
	AccessKey(ctx context.Context, id, token string) (Key, error)
	NodeKeys(ctx context.Context, node string) (NodeKeys, error)
}

// Question is what is asked about one resource of a call: may this caller do this to that?
type Question struct {
	Call *Call
	// Action is "service:Operation" and Resource an ARN or "*".
	Action, Resource string
	// Exempt callers prove themselves by other means than a principal's signature (Auth Unsigned and Node): only the
	// endpoint's policy is asked.
	Exempt bool
}

// Policies is where the pipeline finds every policy that bears on a question: those of the caller, of the endpoint that
// it came through (Call.Origin.Endpoint), and of the resource.
type Policies interface {
	Policies(ctx context.Context, q Question) (*iam.Policies, error)
}
