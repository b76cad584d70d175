package s3

import (
	"context"
	"strings"
	"time"

	"postern/aws/arn"
	"postern/aws/fault"
	"postern/aws/iam"
	"postern/record"
)

// Bucket is a bucket and what is configured on it. What it points to is shared, and must not be changed.
type Bucket struct {
	Name    string
	Account string // that owns it
	Region  string
	Created time.Time
	// Managed says that the bucket is Amazon's: everybody may read its objects, and nobody may change anything.
	Managed bool `json:",omitempty"`
	// Ownership is BucketOwnerEnforced, BucketOwnerPreferred, ObjectWriter, or empty where it was deleted.
	Ownership         string             `json:",omitempty"`
	PublicAccessBlock *PublicAccessBlock `json:",omitempty"` // nil where it was deleted
	Encryption        *Encryption        `json:",omitempty"` // nil is the default, AES256
	Policy            string             `json:",omitempty"` // as it was put; empty is none
	Lifecycle         []LifecycleRule    `json:",omitempty"` // empty is none
	CORS              []CORSRule         `json:",omitempty"` // empty is none
	Tags              []Tag              `json:",omitempty"` // empty is none
	Versioning        string             `json:",omitempty"` // Enabled, Suspended, or empty where it never was
	// ABAC says that the tags control access. They cannot be changed by PutTags and DeleteTags meanwhile.
	ABAC bool `json:",omitempty"`
}

// PublicAccessBlock says what public access is kept from a bucket whatever its policy allows.
type PublicAccessBlock struct {
	BlockPublicAcls, IgnorePublicAcls, BlockPublicPolicy, RestrictPublicBuckets bool
}

// Encryption says how new objects are encrypted.
type Encryption struct {
	Algorithm string // AES256
	KMSKey    string
	BucketKey bool
}

// Tag is a key and a value on a bucket.
type Tag struct{ Key, Value string }

// The values of Bucket.Versioning.
const (
	versioningEnabled   = "Enabled"
	versioningSuspended = "Suspended"
)

// ownerEnforced is the ownership of new buckets: there are no ACLs.
const ownerEnforced = "BucketOwnerEnforced"

// step names the change at the Upstream that a record waits for.
type step string

const (
	settled    step = ""
	making     step = "making"     // the bucket is to be made; nobody sees it yet
	deleting   step = "deleting"   // it is to be deleted if it is empty; nobody sees it any more
	versioning step = "versioning" // its versioning is to be set
)

// stored is the record of a bucket.
type stored struct {
	Bucket
	Step step `json:",omitempty"`
	// Since is when the step was begun.
	Since time.Time `json:",omitzero"`

	policy *iam.Policy // compiled, as it is judged; nil is none
	public bool        // the policy allows what BlockPublicPolicy refuses
}

// seen reports whether there is a bucket for callers.
func (b *stored) seen() bool { return b.Step != making && b.Step != deleting }

var (
	bucketKind = &record.Kind[stored]{
		Name:    "bucket",
		Key:     func(b *stored) string { return b.Name },
		Groups:  func(b *stored) []string { return []string{b.Account} },
		Indexes: []*record.Index[stored]{unsettled, expiring},
		Prepare: (*stored).compile,
	}
	// unsettled finds the buckets that wait for a step.
	unsettled = &record.Index[stored]{Terms: func(b *stored) []record.Term {
		if b.Step == settled {
			return nil
		}
		return []record.Term{{Value: "step"}}
	}}
	// expiring finds the buckets with lifecycle rules.
	expiring = &record.Index[stored]{Terms: func(b *stored) []record.Term {
		if len(b.Lifecycle) == 0 {
			return nil
		}
		return []record.Term{{Value: "lifecycle"}}
	}}
	kinds = record.NewSet(bucketKind)
)

// ARN returns a bucket's name in policies.
func ARN(region, bucket string) string {
	return arn.Global(arn.Partition(region), "s3", "", bucket).String()
}

// lookup returns a bucket that callers see.
func lookup(t *record.Tables, name string) (*stored, error) {
	if b, ok := bucketKind.Get(t, name); ok && b.seen() {
		return b, nil
	}
	return nil, noSuchBucket()
}

// Bucket returns a bucket, Amazon's among them. It is a NotFound fault where there is none.
func (s *Service) Bucket(name string) (Bucket, error) {
	if b, ok := managedBuckets()[name]; ok {
		return b.Bucket, nil
	}
	b, err := lookup(s.replica.Tables(), name)
	if err != nil {
		return Bucket{}, err
	}
	return b.Bucket, nil
}

// Listing selects buckets of an account.
type Listing struct {
	Prefix, Region string // empty is any
	After          string // the name of the last bucket of the page before
	Limit          int    // 0 is all
}

// Buckets returns an account's buckets in the order of their names, and the After of the next page, empty where this is
// the last.
func (s *Service) Buckets(account string, l Listing) (page []Bucket, next string) {
	for b := range bucketKind.In(s.replica.Tables(), account) {
		if b.Name <= l.After || !b.seen() || !strings.HasPrefix(b.Name, l.Prefix) || l.Region != "" && b.Region != l.Region {
			continue
		}
		if l.Limit > 0 && len(page) == l.Limit {
			return page, page[len(page)-1].Name
		}
		page = append(page, b.Bucket)
	}
	return page, ""
}

// configure changes what is configured on a bucket.
func (s *Service) configure(ctx context.Context, name string, set func(b *stored) error) error {
	if _, ok := managedBuckets()[name]; ok {
		return accessDenied()
	}
	before, err := lookup(s.replica.Tables(), name)
	if err != nil {
		return err
	}
	return s.change(ctx, before.Account, func(p *record.Plan) error {
		b, err := lookup(p.Tables, name)
		if err != nil {
			return err
		}
		next := *b
		if err := set(&next); err != nil {
			return err
		}
		bucketKind.Put(p, &next, false)
		return nil
	})
}

func accessDenied() error { return fail(fault.Denied, "AccessDenied", "Access Denied") }
