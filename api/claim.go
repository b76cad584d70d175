package api

import (
	"context"

	"postern/aws/fault"
)

// A Claim says who made a request, in a way of a service's own beside Signature Version 4.
type Claim struct {
	AccessKey string
	Token     string // of temporary credentials, else empty
	// Verify reports nil if the secret of the access key made the request.
	Verify func(secret string) error
}

// identifyClaim identifies who made a request that has no signature, where the service finds a claim in it. done is
// false where there is none.
func (x *exchange) identifyClaim(ctx context.Context) (done bool, err error) {
	if x.service.Claims == nil || x.signature != nil || !x.unsigned() {
		return false, nil
	}
	claim, err := x.service.Claims(x.call, x.r)
	if claim == nil || err != nil {
		return err != nil, err
	}
	return true, x.prove(ctx, claim)
}

// prove holds a claim against the key that it names, whose owner is the caller then.
func (x *exchange) prove(ctx context.Context, claim *Claim) error {
	x.record.AccessKey = claim.AccessKey
	key, err := x.h.identities.AccessKey(ctx, claim.AccessKey, claim.Token)
	if fault.Is(err, fault.NotFound) {
		return refuseKey(codeUnknownKey, "The AWS Access Key Id you provided does not exist in our records.")
	}
	if err != nil {
		return err
	}
	if err := claim.Verify(key.Secret); err != nil {
		return err
	}
	if !key.Expires.IsZero() && !x.call.Time.Before(key.Expires) {
		return refuseKey(codeExpiredToken, "The security token included in the request is expired")
	}
	x.own, x.call.Caller = key.Policies, callerOf(claim.AccessKey, key)
	x.nameCaller()
	return nil
}
