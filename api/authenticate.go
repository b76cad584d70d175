package api

import (
	"context"
	"errors"

	"postern/aws/fault"
	"postern/aws/sigv4"
)

// authenticate establishes who calls, as the operation demands it.
func (x *exchange) authenticate(ctx context.Context) error {
	auth := Signed
	if x.op != nil {
		auth = x.op.Auth
	}
	if x.signature == nil {
		if auth == Unsigned && unsigned(x.signatureErr) {
			return nil
		}
		return x.signatureErr
	}
	var err error
	if auth == Node && x.r.Header.Get(sigv4.AsymmetricHeader) == "" {
		err = x.authenticateNode(ctx)
	} else {
		err = x.authenticateKey(ctx)
		if err == nil && auth == Node {
			err = x.authenticatePair(ctx)
		}
	}
	if err != nil {
		return err
	}
	c := &x.call.Caller
	x.call.Account, x.record.Account = c.Account, c.Account
	x.record.Principal, x.record.AccessKey = first(c.Principal, c.Node), c.AccessKey
	return nil
}

// unsigned reports whether a request simply has no signature, rather than a bad one.
func unsigned(err error) bool {
	var f *fault.Error
	return errors.As(err, &f) && f.Code == sigv4.CodeMissing
}

// authenticateKey verifies ordinary SigV4.
func (x *exchange) authenticateKey(ctx context.Context) error {
	x.record.AccessKey = x.signature.AccessKey
	key, err := x.h.identities.AccessKey(ctx, x.signature.AccessKey, x.signature.Token)
	if fault.Is(err, fault.NotFound) {
		return refuseKey(codeUnknownKey, "The security token included in the request is invalid.")
	}
	if err != nil {
		return err
	}
	if err := x.h.verifier.Verify(x.r, x.signature, key.Secret, x.body); err != nil {
		return err
	}
	if !key.Expires.IsZero() && !x.call.Time.Before(key.Expires) {
		return refuseKey(codeExpiredToken, "The security token included in the request is expired")
	}
	x.own = key.Policies
	x.call.Caller = Caller{
		Principal: key.Principal.ARN, UserID: key.Principal.UserID, Account: key.Principal.Account,
		AccessKey: x.signature.AccessKey, IssuedTo: key.IssuedTo, IAM: key.Principal,
	}
	return nil
}

// authenticateNode verifies a managed node's own signature: its id stands where the access key does.
func (x *exchange) authenticateNode(ctx context.Context) error {
	id := x.signature.AccessKey
	keys, err := x.nodeKeys(ctx, id)
	if err != nil {
		return err
	}
	for _, key := range keys.Keys {
		if err = x.h.verifier.VerifyRSA(x.r, x.signature, key, x.body); err == nil {
			x.call.Caller = Caller{Account: keys.Account, Node: id, IssuedTo: id, NodeKey: key}
			return nil
		}
	}
	return err
}

// authenticatePair verifies the second signature of an instance whose first one was ordinary SigV4.
func (x *exchange) authenticatePair(ctx context.Context) error {
	id := x.call.Caller.IssuedTo
	keys, err := x.nodeKeys(ctx, id)
	if err != nil {
		return err
	}
	for _, key := range keys.Keys {
		if err = sigv4.VerifyAsymmetric(x.r, key); err == nil {
			x.call.Caller.Node, x.call.Caller.NodeKey = id, key
			return nil
		}
	}
	return err
}

// nodeKeys fetches a node's keys; there is at least one.
func (x *exchange) nodeKeys(ctx context.Context, id string) (NodeKeys, error) {
	keys, err := x.h.identities.NodeKeys(ctx, id)
	if fault.Is(err, fault.NotFound) || err == nil && (len(keys.Keys) == 0 || keys.Region != x.call.Region) {
		return keys, refuseKey(codeUnknownKey, "The security token included in the request is invalid.")
	}
	return keys, err
}

func refuseKey(code, message string) error {
	return fault.New(fault.Unauthenticated, "api.authenticate", "%s", message).WithCode(code)
}
