package s3

import (
	"context"
	"crypto/rand"
	"slices"
	"strings"
	"time"
)

// LifecycleRule says which objects of a bucket expire, and when.
type LifecycleRule struct {
	ID       string
	Disabled bool
	// Prefix, Tags, Greater and Less select objects: by how their keys begin, by tags that all have to be on them, and by
	// sizes in bytes that they are above and below; zeros select all.
	Prefix        string `json:",omitempty"`
	Tags          []Tag  `json:",omitempty"`
	Greater, Less int64  `json:",omitempty"`
	// LegacyPrefix says that Prefix was given outside a filter, and And that the filter was an And.
	LegacyPrefix, And bool `json:",omitempty"`
	// Days after its creation an object expires, or at Date.
	Days int32     `json:",omitempty"`
	Date time.Time `json:",omitzero"`
	// ExpiredDeleteMarkers removes delete markers behind which no version is left.
	ExpiredDeleteMarkers bool `json:",omitempty"`
	// NoncurrentDays after a version has become noncurrent it expires, but for the NewerNoncurrent newest of them.
	NoncurrentDays, NewerNoncurrent int32 `json:",omitempty"`
	// AbortDays after its begin an upload in parts is given up.
	AbortDays int32 `json:",omitempty"`
}

// The bounds of lifecycle rules.
const (
	maxLifecycleRules  = 1000
	maxRuleID          = 255
	maxKey             = 1024
	maxNewerNoncurrent = 100
	day                = 24 * time.Hour
)

// PutLifecycle puts lifecycle rules in the place of those that a bucket has.
func (s *Service) PutLifecycle(ctx context.Context, name string, rules []LifecycleRule) error {
	rules = slices.Clone(rules)
	return s.configure(ctx, name, func(b *stored) error {
		if len(rules) == 0 || len(rules) > maxLifecycleRules {
			return malformedXML()
		}
		ids := map[string]bool{}
		for i := range rules {
			r := &rules[i]
			if err := r.check(); err != nil {
				return err
			}
			if r.ID == "" {
				r.ID = rand.Text()
			}
			if ids[r.ID] {
				return invalidArgument("Rule ID must be unique. Found same ID for more than one rule")
			}
			ids[r.ID] = true
		}
		b.Lifecycle = rules
		return nil
	})
}

// DeleteLifecycle takes the lifecycle rules off a bucket.
func (s *Service) DeleteLifecycle(ctx context.Context, name string) error {
	return s.configure(ctx, name, func(b *stored) error { b.Lifecycle = nil; return nil })
}

func (r *LifecycleRule) check() error {
	expires := r.Days != 0 || !r.Date.IsZero() || r.ExpiredDeleteMarkers
	switch {
	case len(r.ID) > maxRuleID:
		return invalidArgument("ID length should not exceed allowed limit of %d", maxRuleID)
	case len(r.Prefix) > maxKey:
		return invalidRequest("The maximum size of a prefix is %d.", maxKey)
	case !expires && r.NoncurrentDays == 0 && r.AbortDays == 0:
		return invalidRequest("At least one action needs to be specified in a rule")
	case r.Days < 0:
		return invalidArgument("'Days' for Expiration action must be a positive integer")
	case r.NoncurrentDays < 0:
		return invalidArgument("'NoncurrentDays' for NoncurrentVersionExpiration action must be a positive integer")
	case r.AbortDays < 0:
		return invalidArgument("'DaysAfterInitiation' for AbortIncompleteMultipartUpload action must be a positive integer")
	case r.NewerNoncurrent < 0 || r.NewerNoncurrent > maxNewerNoncurrent,
		r.NewerNoncurrent > 0 && r.NoncurrentDays == 0:
		return invalidArgument("'NewerNoncurrentVersions' for NoncurrentVersionExpiration action must be between 1 and %d",
			maxNewerNoncurrent)
	case r.Days != 0 && !r.Date.IsZero(), r.ExpiredDeleteMarkers && (r.Days != 0 || !r.Date.IsZero()):
		return malformedXML()
	case !r.Date.IsZero() && !r.Date.Equal(r.Date.UTC().Truncate(day)):
		return invalidArgument("'Date' must be at midnight GMT")
	}
	return r.checkFilter()
}

func (r *LifecycleRule) checkFilter() error {
	sized := r.Greater != 0 || r.Less != 0
	switch {
	case r.Greater < 0 || r.Less < 0:
		return invalidArgument("object sizes must not be negative")
	case r.Less > 0 && r.Less <= r.Greater+1:
		return invalidRequest("'ObjectSizeLessThan' has to be a value greater than 'ObjectSizeGreaterThan'.")
	case r.AbortDays > 0 && len(r.Tags) > 0:
		return invalidRequest("AbortIncompleteMultipartUpload cannot be specified with Tags.")
	case r.AbortDays > 0 && sized:
		return invalidRequest("AbortIncompleteMultipartUpload cannot be specified with object sizes.")
	case r.ExpiredDeleteMarkers && (len(r.Tags) > 0 || sized):
		return invalidRequest("ExpiredObjectDeleteMarker cannot be specified with Tags.")
	}
	return checkTags(r.Tags, maxTags)
}

// selects reports whether the rule is about an object. tags is called only where it matters.
func (r *LifecycleRule) selects(key string, size int64, tags func() []Tag) bool {
	if r.Disabled || !strings.HasPrefix(key, r.Prefix) || r.Greater > 0 && size <= r.Greater ||
		r.Less > 0 && size >= r.Less {
		return false
	}
	if len(r.Tags) == 0 {
		return true
	}
	have := tags()
	return !slices.ContainsFunc(r.Tags, func(t Tag) bool { return !slices.Contains(have, t) })
}

// midnightAfter returns the first midnight UTC after some days since a time, which is when S3 lets things expire.
func midnightAfter(t time.Time, days int32) time.Time {
	return t.UTC().Add(time.Duration(days) * day).Truncate(day).Add(day)
}

// expiry returns when an object of which the rule is expires.
func (r *LifecycleRule) expiry(modified time.Time) (time.Time, bool) {
	switch {
	case r.Days > 0:
		return midnightAfter(modified, r.Days), true
	case !r.Date.IsZero():
		return r.Date.UTC(), true
	}
	return time.Time{}, false
}

// Expires returns when an object expires, and the id of the rule that says so. It is false for one that does not. tags
// is called only where a rule selects by tags.
func (b Bucket) Expires(
	key string, size int64, tags func() []Tag, modified time.Time,
) (at time.Time, rule string, ok bool) {
	for i := range b.Lifecycle {
		r := &b.Lifecycle[i]
		when, expires := r.expiry(modified)
		if expires && r.selects(key, size, tags) && (!ok || when.Before(at)) {
			at, rule, ok = when, r.ID, true
		}
	}
	return at, rule, ok
}
