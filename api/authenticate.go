package api

import (
	"context"
	"errors"
	"slices"

	"postern/aws/fault"
	"postern/aws/sigv4"
)

// unsigned reports whether the request has no signature, rather than a bad one.
func (x *exchange) unsigned() bool {
	var f *fault.Error
	return errors.As(x.signatureErr, &f) && f.Code == sigv4.CodeMissing
}

// mayBeUnsigned reports whether the operation is known, and takes requests without a signature.
func (x *exchange) mayBeUnsigned() bool {
	return x.unsigned() && x.op != nil && (x.op.Auth == Unsigned || x.op.Auth == Public)
}

// notBuiltUnsigned reports whether the operation is one that Amazon takes without a signature and that is not built.
func (x *exchange) notBuiltUnsigned() bool {
	return x.unsigned() && x.op == nil && slices.Contains(x.service.KnownUnsigned, x.record.Operation)
}

// byNode reports whether a managed node's own signature stands in the place of an access key's.
func (x *exchange) byNode() bool {
	return x.op != nil && x.op.Auth == Node && x.r.Header.Get(sigv4.AsymmetricHeader) == ""
}

// identify refuses all that can be refused before the body is read: no signature where there has to be one, a bad one,
// a key that is not known, a time that is past. What of the rest is true only the body shows.
func (x *exchange) identify(ctx context.Context) (err error) {
	if done, err := x.identifyClaim(ctx); done {
		return err
	}
	if x.signature == nil {
		// The action of a form, and with it whether that needs a signature, stands in its body.
		if x.mayBeUnsigned() || x.service.Protocol.IsForm() {
			return nil
		}
		return x.signatureErr
	}
	if x.byNode() {
		x.nodeKeys, err = x.keysOf(ctx, x.signature.AccessKey)
	} else {
		x.record.AccessKey = x.signature.AccessKey
		x.key, err = x.h.identities.AccessKey(ctx, x.signature.AccessKey, x.signature.Token)
		if fault.Is(err, fault.NotFound) {
			err = refuseKey(codeUnknownKey, "The security token included in the request is invalid.")
		}
	}
	if err != nil {
		return err
	}
	return x.expired(x.h.verifier.Precheck(x.r, x.signature))
}

// authenticate establishes who calls, as the operation demands it. A form may say so in its fields.
func (x *exchange) authenticate(ctx context.Context) error {
	if err := x.authenticateHeader(ctx); err != nil || x.op == nil || x.op.form == nil {
		return err
	}
	return x.openForm(ctx)
}

// authenticateHeader establishes who calls, as far as headers and the query say it.
func (x *exchange) authenticateHeader(ctx context.Context) error {
	if x.signature == nil && x.call.Caller.Anonymous() {
		if x.mayBeUnsigned() || x.notBuiltUnsigned() {
			return nil
		}
		return x.signatureErr
	}
	if x.signature == nil { // identifyClaim has proved it
		return nil
	}
	var err error
	if x.byNode() {
		err = x.authenticateNode()
	} else {
		err = x.authenticateKey()
		if err == nil && x.op != nil && x.op.Auth == Node {
			err = x.authenticatePair(ctx)
		}
	}
	if err != nil {
		return err
	}
	x.nameCaller()
	return nil
}

// nameCaller puts the caller who is proved into the call and the record.
func (x *exchange) nameCaller() {
	c := &x.call.Caller
	x.call.Account, x.record.Account = c.Account, c.Account
	x.record.Principal, x.record.AccessKey = first(c.Principal, c.Node), c.AccessKey
}

// authenticateKey verifies ordinary SigV4.
func (x *exchange) authenticateKey() error {
	key := x.key
	if err := x.verify(key.Secret); err != nil {
		return err
	}
	if !key.Expires.IsZero() && !x.call.Time.Before(key.Expires) {
		return refuseKey(codeExpiredToken, "The security token included in the request is expired")
	}
	x.own = key.Policies
	x.call.Caller = callerOf(x.signature.AccessKey, key)
	return nil
}

// verify holds the signature against the request: against its body as it is read, where that is a stream.
func (x *exchange) verify(secret string) error {
	if x.body.stream == nil {
		return x.h.verifier.Verify(x.r, x.signature, secret, x.body.bytes)
	}
	proved, err := x.h.verifier.Stream(x.r, x.signature, secret, x.body.stream)
	x.body.stream = proved
	if chunks, ok := proved.(*sigv4.ChunkReader); ok && err == nil {
		x.call.trailer = chunks.Trailer
	}
	return err
}

func callerOf(id string, key Key) Caller {
	return Caller{
		Principal: key.Principal.ARN, UserID: key.Principal.UserID, Account: key.Principal.Account,
		AccessKey: id, IssuedTo: key.IssuedTo, IAM: key.Principal,
	}
}

// authenticateNode verifies a managed node's own signature: its id stands where the access key does.
func (x *exchange) authenticateNode() (err error) {
	id := x.signature.AccessKey
	for _, key := range x.nodeKeys.Keys {
		if err = x.h.verifier.VerifyRSA(x.r, x.signature, key, x.body.bytes); err == nil {
			x.call.Caller = Caller{Account: x.nodeKeys.Account, Node: id, IssuedTo: id, NodeKey: key}
			return nil
		}
	}
	return err
}

// authenticatePair verifies the second signature of an instance whose first one was ordinary SigV4.
func (x *exchange) authenticatePair(ctx context.Context) error {
	id := x.call.Caller.IssuedTo
	keys, err := x.keysOf(ctx, id)
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

// keysOf fetches a node's keys; there is at least one.
func (x *exchange) keysOf(ctx context.Context, id string) (NodeKeys, error) {
	keys, err := x.h.identities.NodeKeys(ctx, id)
	if fault.Is(err, fault.NotFound) || err == nil && (len(keys.Keys) == 0 || keys.Region != x.call.Region) {
		return keys, refuseKey(codeUnknownKey, "The security token included in the request is invalid.")
	}
	return keys, err
}

func refuseKey(code, message string) error {
	return fault.New(fault.Unauthenticated, "api.authenticate", "%s", message).WithCode(code)
}
