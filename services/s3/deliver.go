package s3

import (
	"context"
	"net/http"

	"postern/aws/fault"
	"postern/aws/iam"
)

// Delivery is an object that a service of AWS puts into a bucket for an account.
type Delivery struct {
	// Service is the service's principal, such as "delivery.logs.amazonaws.com".
	Service string
	// Account is the account that it is for, Source the ARN of what asked for it.
	Account, Source string
	Bucket, Key     string
}

// MayDeliver asks the bucket's policy whether it takes the object. It is a fault with the code NoSuchBucket or
// AccessDenied where it does not.
func (s *Service) MayDeliver(d Delivery) error {
	if _, ok := managedBuckets()[d.Bucket]; ok {
		return accessDenied()
	}
	b, err := lookup(s.replica.Tables(), d.Bucket)
	if err != nil {
		return err
	}
	decision := iam.Evaluate(&iam.Request{
		Principal: &iam.Principal{Kind: iam.Service, Name: d.Service}, Action: "s3:PutObject",
		Resource: ARN(b.Region, b.Name) + "/" + d.Key, Account: b.Account, Time: s.now(),
		Keys: iam.KeyMap(map[string][]string{
			"aws:SourceAccount": {d.Account}, "aws:SourceArn": {d.Source}, "aws:SecureTransport": {"true"},
			"s3:x-amz-acl": {"bucket-owner-full-control"},
		}),
	}, &iam.Policies{Resource: b.policy})
	if !decision.Allow {
		return accessDenied()
	}
	return nil
}

// Deliver puts the object, if MayDeliver lets it. One of the same key is replaced.
func (s *Service) Deliver(ctx context.Context, d Delivery, body []byte) error {
	if err := s.MayDeliver(d); err != nil {
		return err
	}
	req, err := request(ctx, http.MethodPut, d.Bucket, d.Key, nil, string(body))
	if err != nil {
		return fault.New(fault.Internal, "s3.Deliver", "%w", err)
	}
	return upstreamFault(s.expect(req))
}
