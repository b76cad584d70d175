package s3

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/tags"
	sdk "postern/aws/service/s3"
	"postern/aws/service/s3/types"
	"postern/services/s3"
)

func (s *service) getBucketLifecycleConfiguration(
	_ context.Context, c *api.Call, in *sdk.GetBucketLifecycleConfigurationInput,
) (*sdk.GetBucketLifecycleConfigurationOutput, error) {
	b, err := s.bucket(c, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	if len(b.Lifecycle) == 0 {
		return nil, absentConfiguration("NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist")
	}
	out := &sdk.GetBucketLifecycleConfigurationOutput{
		TransitionDefaultMinimumObjectSize: types.TransitionDefaultMinimumObjectSizeAllStorageClasses128k,
	}
	for i := range b.Lifecycle {
		out.Rules = append(out.Rules, writeRule(&b.Lifecycle[i]))
	}
	return out, nil
}

func (s *service) putBucketLifecycleConfiguration(
	ctx context.Context, c *api.Call, in *sdk.PutBucketLifecycleConfigurationInput,
) (*sdk.PutBucketLifecycleConfigurationOutput, error) {
	if _, err := s.changeable(c, in.ExpectedBucketOwner); err != nil {
		return nil, err
	}
	size := in.TransitionDefaultMinimumObjectSize
	if size != "" && size != types.TransitionDefaultMinimumObjectSizeAllStorageClasses128k {
		return nil, notImplemented("Postern does not implement transitions, and their least size of objects %s", size)
	}
	if in.LifecycleConfiguration == nil {
		return nil, malformed()
	}
	rules := make([]s3.LifecycleRule, len(in.LifecycleConfiguration.Rules))
	for i := range rules {
		if err := readRule(&in.LifecycleConfiguration.Rules[i], &rules[i]); err != nil {
			return nil, err
		}
	}
	if err := s.buckets.PutLifecycle(ctx, *in.Bucket, rules); err != nil {
		return nil, err
	}
	return &sdk.PutBucketLifecycleConfigurationOutput{
		TransitionDefaultMinimumObjectSize: types.TransitionDefaultMinimumObjectSizeAllStorageClasses128k,
	}, nil
}

func (s *service) deleteBucketLifecycle(
	ctx context.Context, c *api.Call, in *sdk.DeleteBucketLifecycleInput,
) (*sdk.DeleteBucketLifecycleOutput, error) {
	if _, err := s.changeable(c, in.ExpectedBucketOwner); err != nil {
		return nil, err
	}
	return nil, s.buckets.DeleteLifecycle(ctx, *in.Bucket)
}

// readRule reads a rule of a request. What the rule may hold, the service says.
func readRule(in *types.LifecycleRule, r *s3.LifecycleRule) error {
	switch {
	case len(in.Transitions) > 0 || len(in.NoncurrentVersionTransitions) > 0:
		return notImplemented("Postern does not implement transitions to other storage classes")
	case in.Status != types.ExpirationStatusEnabled && in.Status != types.ExpirationStatusDisabled:
		return malformed()
	case in.Filter != nil && in.Prefix != nil, in.Filter == nil && in.Prefix == nil:
		return malformed()
	}
	r.ID, r.Disabled = aws.ToString(in.ID), in.Status == types.ExpirationStatusDisabled
	if in.Prefix != nil {
		r.Prefix, r.LegacyPrefix = *in.Prefix, true
	}
	if err := readFilter(in.Filter, r); err != nil {
		return err
	}
	if e := in.Expiration; e != nil {
		r.Days, r.Date = aws.ToInt32(e.Days), aws.ToTime(e.Date)
		r.ExpiredDeleteMarkers = aws.ToBool(e.ExpiredObjectDeleteMarker)
		if e.Days != nil && *e.Days == 0 {
			return invalid("InvalidArgument", "'Days' for Expiration action must be a positive integer")
		}
	}
	if e := in.NoncurrentVersionExpiration; e != nil {
		r.NoncurrentDays, r.NewerNoncurrent = aws.ToInt32(e.NoncurrentDays), aws.ToInt32(e.NewerNoncurrentVersions)
	}
	if a := in.AbortIncompleteMultipartUpload; a != nil {
		r.AbortDays = aws.ToInt32(a.DaysAfterInitiation)
	}
	return nil
}

// readFilter reads which objects a rule is about: one condition, or several in an And.
func readFilter(f *types.LifecycleRuleFilter, r *s3.LifecycleRule) error {
	if f == nil {
		return nil
	}
	said := 0
	for _, has := range []bool{
		f.And != nil, f.Prefix != nil, f.Tag != nil, f.ObjectSizeGreaterThan != nil, f.ObjectSizeLessThan != nil,
	} {
		if has {
			said++
		}
	}
	if said > 1 {
		return malformed()
	}
	and := types.LifecycleRuleAndOperator{
		Prefix: f.Prefix, ObjectSizeGreaterThan: f.ObjectSizeGreaterThan, ObjectSizeLessThan: f.ObjectSizeLessThan,
	}
	if f.Tag != nil {
		and.Tags = []types.Tag{*f.Tag}
	}
	if f.And != nil {
		and, r.And = *f.And, true
	}
	r.Prefix, r.Tags = aws.ToString(and.Prefix), tags.From[s3.Tag](and.Tags)
	r.Greater, r.Less = aws.ToInt64(and.ObjectSizeGreaterThan), aws.ToInt64(and.ObjectSizeLessThan)
	return nil
}

// writeRule writes a rule as it was put.
func writeRule(r *s3.LifecycleRule) types.LifecycleRule {
	out := types.LifecycleRule{ID: &r.ID, Status: types.ExpirationStatusEnabled}
	if r.Disabled {
		out.Status = types.ExpirationStatusDisabled
	}
	if r.LegacyPrefix {
		out.Prefix = &r.Prefix
	} else {
		out.Filter = writeFilter(r)
	}
	if r.Days != 0 || !r.Date.IsZero() || r.ExpiredDeleteMarkers {
		out.Expiration = &types.LifecycleExpiration{}
		switch {
		case r.Days != 0:
			out.Expiration.Days = &r.Days
		case !r.Date.IsZero():
			out.Expiration.Date = &r.Date
		default:
			out.Expiration.ExpiredObjectDeleteMarker = aws.Bool(true)
		}
	}
	if r.NoncurrentDays != 0 {
		out.NoncurrentVersionExpiration = &types.NoncurrentVersionExpiration{NoncurrentDays: &r.NoncurrentDays}
		if r.NewerNoncurrent != 0 {
			out.NoncurrentVersionExpiration.NewerNoncurrentVersions = &r.NewerNoncurrent
		}
	}
	if r.AbortDays != 0 {
		out.AbortIncompleteMultipartUpload = &types.AbortIncompleteMultipartUpload{DaysAfterInitiation: &r.AbortDays}
	}
	return out
}

func writeFilter(r *s3.LifecycleRule) *types.LifecycleRuleFilter {
	f := &types.LifecycleRuleFilter{}
	size := func(n int64) *int64 {
		if n == 0 {
			return nil
		}
		return &n
	}
	switch {
	case r.And:
		f.And = &types.LifecycleRuleAndOperator{
			ObjectSizeGreaterThan: size(r.Greater), ObjectSizeLessThan: size(r.Less), Tags: tags.To[types.Tag](r.Tags),
		}
		if r.Prefix != "" {
			f.And.Prefix = &r.Prefix
		}
	case len(r.Tags) > 0:
		f.Tag = &tags.To[types.Tag](r.Tags)[0]
	case r.Greater != 0 || r.Less != 0:
		f.ObjectSizeGreaterThan, f.ObjectSizeLessThan = size(r.Greater), size(r.Less)
	default:
		f.Prefix = &r.Prefix
	}
	return f
}
