package s3

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// sweep is one search of a bucket for what has expired.
type sweep struct {
	at time.Time
	// rules points at the first of the rules of that time; rules are replaced as a whole.
	rules *LifecycleRule
}

// Expire deletes what lifecycle rules say has expired, in the buckets that were not searched since the last midnight
// UTC or the last change of their rules: things expire at midnight.
func (s *Service) Expire(ctx context.Context) error {
	var failed error
	now := s.now().UTC()
	for _, b := range slices.Collect(expiring.Find(s.replica.Tables(), "lifecycle")) {
		done := sweep{now.Truncate(day), &b.Lifecycle[0]}
		s.mu.Lock()
		last := s.swept[b.Name]
		s.mu.Unlock()
		if !b.seen() || last == done {
			continue
		}
		e := &expiration{Service: s, bucket: b.Bucket, now: now}
		if err := e.run(ctx); err != nil {
			failed = errors.Join(failed, fmt.Errorf("bucket %s: %w", b.Name, err))
			continue
		}
		s.mu.Lock()
		s.swept[b.Name] = done
		s.mu.Unlock()
	}
	return failed
}

// expiration is the work on one bucket.
type expiration struct {
	*Service
	bucket Bucket
	now    time.Time
}

func (e *expiration) run(ctx context.Context) error {
	if err := e.objects(ctx); err != nil {
		return err
	}
	return e.uploads(ctx)
}

// listing is an answer of ListObjectVersions or ListMultipartUploads.
type listing struct {
	IsTruncated         bool
	EncodingType        string
	NextKeyMarker       string
	NextVersionIDMarker string    `xml:"NextVersionIdMarker"`
	NextUploadIDMarker  string    `xml:"NextUploadIdMarker"`
	Versions            []version `xml:"Version"`
	DeleteMarkers       []version `xml:"DeleteMarker"`
	Uploads             []struct {
		Key       string
		UploadID  string `xml:"UploadId"`
		Initiated time.Time
	} `xml:"Upload"`
}

type version struct {
	Key          string
	VersionID    string `xml:"VersionId"`
	IsLatest     bool
	LastModified time.Time
	Size         int64

	marker bool
}

// list returns a page of a bucket's versions or uploads.
func (s *Service) list(ctx context.Context, bucket string, query url.Values) (*listing, error) {
	query.Set("encoding-type", "url")
	req, err := request(ctx, http.MethodGet, bucket, "", query, "")
	if err != nil {
		return nil, err
	}
	answer, err := s.send(req)
	if err != nil {
		return nil, upstreamFault(err)
	}
	defer answer.Body.Close()
	l := &listing{}
	if err := xml.NewDecoder(answer.Body).Decode(l); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read a listing of %s: %w", bucket, err)
	}
	return l, l.decode()
}

// decode takes the encoding off keys, which XML could not hold otherwise.
func (l *listing) decode() (err error) {
	for i := range l.DeleteMarkers {
		l.DeleteMarkers[i].marker = true
	}
	if l.EncodingType != "url" {
		return nil // not every service knows the encoding
	}
	plain := func(key *string) {
		text, wrong := url.QueryUnescape(*key)
		err = errors.Join(err, wrong)
		*key = text
	}
	plain(&l.NextKeyMarker)
	for i := range l.Versions {
		plain(&l.Versions[i].Key)
	}
	for i := range l.DeleteMarkers {
		plain(&l.DeleteMarkers[i].Key)
	}
	for i := range l.Uploads {
		plain(&l.Uploads[i].Key)
	}
	return err
}

// objects deletes versions that have expired. It takes the versions of one key together, the newest first.
func (e *expiration) objects(ctx context.Context) error {
	var ofKey []version
	query := url.Values{"versions": {""}}
	for {
		page, err := e.list(ctx, e.bucket.Name, query)
		if err != nil {
			return err
		}
		for _, v := range merge(page.Versions, page.DeleteMarkers) {
			if len(ofKey) > 0 && ofKey[0].Key != v.Key {
				if err := e.key(ctx, ofKey); err != nil {
					return err
				}
				ofKey = ofKey[:0]
			}
			ofKey = append(ofKey, v)
		}
		if !page.IsTruncated {
			break
		}
		query.Set("key-marker", page.NextKeyMarker)
		query.Del("version-id-marker")
		if page.NextVersionIDMarker != "" {
			query.Set("version-id-marker", page.NextVersionIDMarker)
		}
	}
	if len(ofKey) == 0 {
		return nil
	}
	return e.key(ctx, ofKey)
}

// merge returns the versions and delete markers of a page in the order of their keys, the newest of a key first.
func merge(versions, markers []version) []version {
	all := slices.Concat(versions, markers)
	slices.SortStableFunc(all, func(a, b version) int {
		if a.Key != b.Key {
			if a.Key < b.Key {
				return -1
			}
			return 1
		}
		if a.IsLatest != b.IsLatest {
			if a.IsLatest {
				return -1
			}
			return 1
		}
		return b.LastModified.Compare(a.LastModified)
	})
	return all
}

// key deletes what has expired of one key.
func (e *expiration) key(ctx context.Context, versions []version) error {
	left := len(versions)
	for i := len(versions) - 1; i > 0; i-- { // the oldest first
		if !e.noncurrent(ctx, versions, i) {
			continue
		}
		if err := e.delete(ctx, &versions[i], versions[i].VersionID); err != nil {
			return err
		}
		left--
	}
	current := &versions[0]
	switch {
	case !current.IsLatest:
		return nil
	case current.marker:
		if left == 1 && e.spent(current) {
			return e.delete(ctx, current, current.VersionID)
		}
		return nil
	case e.expired(ctx, current):
		return e.delete(ctx, current, "")
	}
	return nil
}

// expired reports whether a current version has expired.
func (e *expiration) expired(ctx context.Context, v *version) bool {
	tags := e.tagsOf(ctx, v)
	return slices.ContainsFunc(e.bucket.Lifecycle, func(r LifecycleRule) bool {
		at, ok := r.expiry(v.LastModified)
		return ok && !e.now.Before(at) && r.selects(v.Key, v.Size, tags)
	})
}

// spent reports whether a delete marker with nothing behind it is to go.
func (e *expiration) spent(v *version) bool {
	return slices.ContainsFunc(e.bucket.Lifecycle, func(r LifecycleRule) bool {
		if len(r.Tags) > 0 || r.Greater > 0 || r.Less > 0 || !r.selects(v.Key, 0, nil) {
			return false
		}
		return r.ExpiredDeleteMarkers || r.Days > 0 && !e.now.Before(midnightAfter(v.LastModified, r.Days))
	})
}

// noncurrent reports whether the noncurrent version at a place has expired. It became noncurrent when the one before it
// came.
func (e *expiration) noncurrent(ctx context.Context, versions []version, i int) bool {
	v, since := &versions[i], versions[i-1].LastModified
	tags := e.tagsOf(ctx, v)
	return slices.ContainsFunc(e.bucket.Lifecycle, func(r LifecycleRule) bool {
		return r.NoncurrentDays > 0 && i > int(r.NewerNoncurrent) &&
			!e.now.Before(midnightAfter(since, r.NoncurrentDays)) && r.selects(v.Key, v.Size, tags)
	})
}

// tagsOf returns a function that asks for a version's tags once. A version whose tags cannot be read has none.
func (e *expiration) tagsOf(ctx context.Context, v *version) func() []Tag {
	var tags []Tag
	asked := false
	return func() []Tag {
		if asked {
			return tags
		}
		asked = true
		query := url.Values{"tagging": {""}}
		if v.VersionID != "" && !v.IsLatest {
			query.Set("versionId", v.VersionID)
		}
		req, err := request(ctx, http.MethodGet, e.bucket.Name, v.Key, query, "")
		if err != nil {
			return nil
		}
		answer, err := e.send(req)
		if err != nil {
			return nil
		}
		defer answer.Body.Close()
		var body struct {
			Tags []Tag `xml:"TagSet>Tag"`
		}
		if xml.NewDecoder(answer.Body).Decode(&body) == nil {
			tags = body.Tags
		}
		return tags
	}
}

// delete deletes a version, or without its id the object as callers do.
func (e *expiration) delete(ctx context.Context, v *version, id string) error {
	query := url.Values{}
	if id != "" {
		query.Set("versionId", id)
	}
	req, err := request(ctx, http.MethodDelete, e.bucket.Name, v.Key, query, "")
	if err != nil {
		return err
	}
	return upstreamFault(e.expect(req))
}

// uploads gives up the uploads in parts that were begun too long ago.
func (e *expiration) uploads(ctx context.Context) error {
	if !slices.ContainsFunc(e.bucket.Lifecycle, func(r LifecycleRule) bool { return r.AbortDays > 0 && !r.Disabled }) {
		return nil
	}
	query := url.Values{"uploads": {""}}
	for {
		page, err := e.list(ctx, e.bucket.Name, query)
		if err != nil {
			return err
		}
		for _, u := range page.Uploads {
			if !slices.ContainsFunc(e.bucket.Lifecycle, func(r LifecycleRule) bool {
				return r.AbortDays > 0 && !e.now.Before(midnightAfter(u.Initiated, r.AbortDays)) && r.selects(u.Key, 0, nil)
			}) {
				continue
			}
			req, err := request(ctx, http.MethodDelete, e.bucket.Name, u.Key, url.Values{"uploadId": {u.UploadID}}, "")
			if err != nil {
				return err
			}
			if err := e.expect(req); !isCode(err, "NoSuchUpload") && err != nil {
				return upstreamFault(err)
			}
		}
		if !page.IsTruncated {
			return nil
		}
		query.Set("key-marker", page.NextKeyMarker)
		query.Set("upload-id-marker", page.NextUploadIDMarker)
	}
}
