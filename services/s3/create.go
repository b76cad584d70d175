package s3

import (
	"context"
	"errors"
	"time"

	"postern/aws/fault"
	"postern/record"
)

// maxBuckets is how many buckets an account may have, Amazon's default.
const maxBuckets = 10_000

// NewBucket says what CreateBucket is to make.
type NewBucket struct {
	Name, Account, Region string
	Ownership             string // empty is BucketOwnerEnforced
	Tags                  []Tag
	ObjectLock            bool // NotImplemented
}

// CreateBucket makes a bucket. A name is taken once, whoever asks in which region: by somebody else it is
// BucketAlreadyExists; by the account itself BucketAlreadyOwnedByYou, but in us-east-1, where S3 answers as if it had
// made it.
func (s *Service) CreateBucket(ctx context.Context, n NewBucket) (Bucket, error) {
	made, err := n.bucket(s.stamp())
	if err != nil {
		return Bucket{}, err
	}
	again := false
	err = s.change(ctx, n.Account, func(p *record.Plan) error {
		if other, ok := bucketKind.Get(p.Tables, n.Name); ok {
			again = other.seen() && other.Account == n.Account && other.Region == legacyRegion && n.Region == legacyRegion
			if again {
				made = other
				return nil
			}
			return n.taken(other)
		}
		if !bucketKind.Fits(p.Tables, n.Account, 1, maxBuckets) {
			return fail(fault.Limit, "TooManyBuckets", "You have attempted to create more buckets than allowed")
		}
		bucketKind.Put(p, made, false)
		return nil
	})
	if err != nil || again {
		return made.Bucket, err
	}
	if err := s.makeUpstream(ctx, n.Name); err != nil {
		return Bucket{}, errors.Join(err, s.settle(context.WithoutCancel(ctx), n.Name, making, forget))
	}
	if err := s.settle(ctx, n.Name, making, settle); err != nil {
		return Bucket{}, err
	}
	return made.Bucket, nil
}

// legacyRegion is the region in which a bucket may be made again by who has it.
const legacyRegion = "us-east-1"

// bucket returns the record of a bucket that is to be made.
func (n NewBucket) bucket(now time.Time) (*stored, error) {
	if err := checkName(n.Name); err != nil {
		return nil, err
	}
	if _, ok := managedBuckets()[n.Name]; ok {
		return nil, exists()
	}
	if n.ObjectLock {
		return nil, fail(fault.NotImplemented, "NotImplemented", "object lock is not implemented")
	}
	b := &stored{Bucket: Bucket{
		Name: n.Name, Account: n.Account, Region: n.Region, Created: now, Ownership: ownerEnforced, Tags: n.Tags,
		// As all new buckets since April 2023.
		PublicAccessBlock: &PublicAccessBlock{true, true, true, true},
	}, Step: making, Since: now}
	if n.Ownership != "" {
		if err := checkOwnership(n.Ownership); err != nil {
			return nil, err
		}
		b.Ownership = n.Ownership
	}
	return b, checkTags(n.Tags, maxTags)
}

// taken says why a name cannot be had.
func (n NewBucket) taken(other *stored) error {
	switch {
	case other.Account != n.Account:
		return exists()
	case !other.seen():
		return fail(fault.Conflict, "OperationAborted",
			"A conflicting conditional operation is currently in progress against this resource. Please try again.")
	}
	return fail(fault.Exists, "BucketAlreadyOwnedByYou",
		"Your previous request to create the named bucket succeeded and you already own it.")
}

func exists() error {
	return fail(fault.Exists, "BucketAlreadyExists",
		"The requested bucket name is not available. The bucket namespace is shared by all users of the system. "+
			"Please select a different name and try again.")
}

// DeleteBucket deletes a bucket in which nothing is left, no version of an object either.
func (s *Service) DeleteBucket(ctx context.Context, name string) error {
	if err := s.configure(ctx, name, func(b *stored) error { return b.begin(deleting, s.stamp()) }); err != nil {
		return err
	}
	// Whoever asked may leave: what has begun is brought to its end.
	return s.finishDelete(context.WithoutCancel(ctx), name)
}

// finishDelete deletes a bucket at the Upstream and then its record. One that is not empty is there again.
func (s *Service) finishDelete(ctx context.Context, name string) error {
	err := s.deleteUpstream(ctx, name)
	switch {
	case err == nil:
		return s.settle(ctx, name, deleting, forget)
	case fault.Is(err, fault.Unavailable):
		return errors.Join(err, s.settle(ctx, name, deleting, settle))
	}
	if settled := s.settle(ctx, name, deleting, settle); settled != nil {
		return settled
	}
	return err
}

// PutVersioning sets whether a bucket keeps the versions of its objects: Enabled or Suspended.
func (s *Service) PutVersioning(ctx context.Context, name, status string) error {
	var before string
	err := s.configure(ctx, name, func(b *stored) error {
		if status != versioningEnabled && status != versioningSuspended {
			return malformedXML()
		}
		before, b.Versioning = b.Versioning, status
		return b.begin(versioning, s.stamp())
	})
	if err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	if err := s.versionUpstream(ctx, name, status); err != nil {
		return errors.Join(err, s.settle(ctx, name, versioning, func(p *record.Plan, b *stored) {
			next := *b
			next.Versioning = before
			settle(p, &next)
		}))
	}
	return s.settle(ctx, name, versioning, settle)
}

// begin begins a step. A bucket takes one at a time.
func (b *stored) begin(what step, now time.Time) error {
	if b.Step != settled {
		return fail(fault.Conflict, "OperationAborted",
			"A conflicting conditional operation is currently in progress against this resource. Please try again.")
	}
	b.Step, b.Since = what, now
	return nil
}

// settle ends a step of a bucket, forget deletes its record.
func settle(p *record.Plan, b *stored) {
	next := *b
	next.Step, next.Since = settled, time.Time{}
	bucketKind.Put(p, &next, false)
}

func forget(p *record.Plan, b *stored) { bucketKind.Delete(p, b.Name, false) }

// settle ends a step that a bucket is in, and does nothing where somebody else has ended it.
func (s *Service) settle(ctx context.Context, name string, from step, how func(*record.Plan, *stored)) error {
	return s.change(ctx, "", func(p *record.Plan) error {
		if b, ok := bucketKind.Get(p.Tables, name); ok && b.Step == from {
			how(p, b)
		}
		return nil
	})
}

// stamp returns the time as records keep it.
func (s *Service) stamp() time.Time { return s.now().UTC().Truncate(time.Second) }
