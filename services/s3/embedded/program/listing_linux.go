package program

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/versity/versitygw/backend"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/s3response"

	"postern/services/s3/embedded/key"
	"postern/services/s3/outgoing"
)

// Listings are always answered with encoding-type=url, whether it was asked for or not: XML cannot hold every key.

// query holds the question of a listing of keys.
type query struct {
	prefix, delimiter string
	max               int
}

// group returns the common prefix that a key is listed under, or "" for a key that is listed itself.
func (q *query) group(name string) string {
	if q.delimiter == "" || !strings.HasPrefix(name, q.prefix) {
		return ""
	}
	end := strings.Index(name[len(q.prefix):], q.delimiter)
	if end < 0 {
		return ""
	}
	return name[:len(q.prefix)+end+len(q.delimiter)]
}

// marker returns the path behind which a listing goes on after a key, or after a common prefix.
func (q *query) marker(name string) string {
	switch {
	case name == "":
		return ""
	case q.group(name) == name:
		return key.EncodePrefix(name) + key.After
	}
	return key.Encode(name)
}

// page is a page of a listing of objects.
type page struct {
	objects   []s3response.Object
	groups    []types.CommonPrefix
	truncated bool
	next      string // the key or common prefix to go on after
}

// objects lists objects after a key.
func (b *backendStore) objects(ctx context.Context, bucket string, q query, start string) (*page, error) {
	if q.max <= 0 {
		return &page{}, nil
	}
	if q.delimiter == "/" {
		if p, ok, err := b.directories(ctx, bucket, q, start); ok || err != nil {
			return p, err
		}
	}
	p := &page{}
	marker := q.marker(start)
	for {
		batch := q.max + 1
		if q.delimiter != "" {
			batch = min(batch, 100) // most of it may be under one common prefix
		}
		found, err := b.walk(ctx, bucket, key.EncodePrefix(q.prefix), "", marker, batch)
		if err != nil {
			return nil, err
		}
		if marker = p.take(q, found, marker); marker == "" {
			return p, nil
		}
	}
}

// take adds a batch of objects to a page. It returns where to go on, or "" where the page is done.
func (p *page) take(q query, found s3response.ListObjectsResult, marker string) string {
	under := ""
	for _, o := range found.Contents {
		marker = *o.Key
		name, ok := key.Decode(*o.Key)
		if !ok || under != "" && strings.HasPrefix(name, under) {
			continue // a file of the library's own, while it replaces another
		}
		if len(p.objects)+len(p.groups) == q.max {
			p.truncated = true
			return ""
		}
		group := q.group(name)
		if under = group; group != "" {
			p.groups = append(p.groups, types.CommonPrefix{Prefix: &group})
			p.next = group
			continue
		}
		o.Key = &name
		p.objects = append(p.objects, o)
		p.next = name
	}
	switch {
	case found.IsTruncated == nil || !*found.IsTruncated || len(found.Contents) == 0:
		return ""
	case under != "":
		return key.EncodePrefix(under) + key.After
	}
	return marker
}

// directories lists objects and common prefixes up to a slash as the library finds them by directories. It is false
// where the directories are not those that the keys mean: of long names, and of keys with slashes one behind the other.
func (b *backendStore) directories(ctx context.Context, bucket string, q query, start string) (*page, bool, error) {
	if g := q.group(start); g != "" && g != start {
		return nil, false, nil // the library would take the common prefix for done
	}
	found, err := b.walk(ctx, bucket, key.EncodePrefix(q.prefix), "/", q.marker(start), q.max+1)
	if err != nil {
		return nil, false, err
	}
	p := &page{}
	for _, o := range found.Contents {
		name, ok := key.Decode(*o.Key)
		if !ok || q.group(name) != "" {
			return nil, false, nil
		}
		o.Key = &name
		p.objects = append(p.objects, o)
		p.next = max(p.next, name)
	}
	for _, g := range found.CommonPrefixes {
		group, ok := key.DecodePrefix(*g.Prefix)
		if !ok || !strings.HasSuffix(*g.Prefix, "/") || strings.HasSuffix(*g.Prefix, key.BreakMark) ||
			q.group(group) != group {
			return nil, false, nil
		}
		p.groups = append(p.groups, types.CommonPrefix{Prefix: &group})
		p.next = max(p.next, group)
	}
	p.cut(q.max)
	return p, true, nil
}

// cut takes the last off a page that has one more than it may have. What the library says of more behind a page is not
// so sure: it may have another prefix.
func (p *page) cut(most int) {
	objects, groups := len(p.objects), len(p.groups)
	if objects+groups <= most {
		return
	}
	if objects > 0 && *p.objects[objects-1].Key == p.next {
		p.objects = p.objects[:objects-1]
	} else {
		p.groups = p.groups[:groups-1]
	}
	p.truncated, p.next = true, ""
	if n := len(p.objects); n > 0 {
		p.next = *p.objects[n-1].Key
	}
	if n := len(p.groups); n > 0 {
		p.next = max(p.next, *p.groups[n-1].Prefix)
	}
}

// walk lists paths as the library does.
func (b *backendStore) walk(
	ctx context.Context, bucket, prefix, delimiter, marker string, most int,
) (s3response.ListObjectsResult, error) {
	if _, err := b.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &bucket}); err != nil {
		return s3response.ListObjectsResult{}, err
	}
	found, err := backend.Walk(
		ctx, &tree{os.DirFS(bucket), b.names, bucket, marker}, prefix, delimiter, marker,
		int32(min(most, 1<<20)), //nolint:gosec // fits
		b.FileToObj(bucket, false), []string{posix.MetaTmpDir},
	)
	if err != nil {
		return s3response.ListObjectsResult{}, fmt.Errorf("list %s: %w", bucket, err)
	}
	return s3response.ListObjectsResult{
		Contents: found.Objects, CommonPrefixes: found.CommonPrefixes, IsTruncated: &found.Truncated,
	}, nil
}

// ListObjects implements backend.Backend.
func (b *backendStore) ListObjects(ctx context.Context, in *s3.ListObjectsInput) (s3response.ListObjectsResult, error) {
	q := query{text(in.Prefix), text(in.Delimiter), number(in.MaxKeys)}
	p, err := b.objects(ctx, *in.Bucket, q, text(in.Marker))
	if err != nil {
		return s3response.ListObjectsResult{}, err
	}
	p.escape()
	out := s3response.ListObjectsResult{
		Name: in.Bucket, Prefix: escaped(in.Prefix), Marker: escaped(in.Marker), Delimiter: escaped(in.Delimiter),
		MaxKeys: in.MaxKeys, IsTruncated: &p.truncated, Contents: p.objects, CommonPrefixes: p.groups,
		EncodingType: types.EncodingTypeUrl,
	}
	if p.truncated && q.delimiter != "" {
		out.NextMarker = escaped(&p.next)
	}
	return out, nil
}

// ListObjectsV2 implements backend.Backend. A continuation token is the key to go on after, in URL encoding.
func (b *backendStore) ListObjectsV2(
	ctx context.Context, in *s3.ListObjectsV2Input,
) (s3response.ListObjectsV2Result, error) {
	q := query{text(in.Prefix), text(in.Delimiter), number(in.MaxKeys)}
	start, err := url.PathUnescape(text(in.ContinuationToken))
	if err != nil || start == "" {
		start = text(in.StartAfter)
	}
	p, err := b.objects(ctx, *in.Bucket, q, start)
	if err != nil {
		return s3response.ListObjectsV2Result{}, err
	}
	if in.FetchOwner == nil || !*in.FetchOwner {
		for i := range p.objects {
			p.objects[i].Owner = nil
		}
	}
	p.escape()
	count := int32(len(p.objects) + len(p.groups)) //nolint:gosec // at most MaxKeys
	out := s3response.ListObjectsV2Result{
		Name: in.Bucket, Prefix: escaped(in.Prefix), StartAfter: escaped(in.StartAfter), Delimiter: escaped(in.Delimiter),
		MaxKeys: in.MaxKeys, KeyCount: &count, IsTruncated: &p.truncated, Contents: p.objects, CommonPrefixes: p.groups,
		ContinuationToken: in.ContinuationToken, EncodingType: types.EncodingTypeUrl,
	}
	if p.truncated {
		out.NextContinuationToken = escaped(&p.next)
	}
	return out, nil
}

// escape puts the keys of a page into URL encoding.
func (p *page) escape() {
	for i := range p.objects {
		p.objects[i].Key = escaped(p.objects[i].Key)
	}
	for i := range p.groups {
		p.groups[i].Prefix = escaped(p.groups[i].Prefix)
	}
}

// escaped returns a key in URL encoding, nil for none.
func escaped(name *string) *string {
	if name == nil || *name == "" {
		return name
	}
	e := outgoing.Escape(*name)
	return &e
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func number(n *int32) int {
	if n == nil {
		return 1000
	}
	return int(*n)
}
