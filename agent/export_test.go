package agent

import (
	"context"

	"postern/aws/sigv4"
)

// Static is a node whose name and credentials are given.
type Static struct {
	ID, In string
	Keys   sigv4.Credentials
}

// Node implements Identity.
func (s Static) Node() string { return s.ID }

// Region implements Identity.
func (s Static) Region() string { return s.In }

// Credentials implements Identity.
func (s Static) Credentials(context.Context) (sigv4.Credentials, error) { return s.Keys, nil }

func (s Static) open(context.Context, *Agent) error { return nil }
func (s Static) renew()                             {}
func (s Static) background(context.Context)         {}
func (s Static) zone() (string, string)             { return "", "" }
func (s Static) address() string                    { return address() }
