package program

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/versity/versitygw/backend"
	"github.com/versity/versitygw/s3response"

	"postern/services/s3/embedded/key"
	"postern/services/s3/outgoing"
)

// ListObjectVersions implements backend.Backend.
func (b *backendStore) ListObjectVersions(
	ctx context.Context, in *s3.ListObjectVersionsInput,
) (s3response.ListVersionsResult, error) {
	q := query{text(in.Prefix), text(in.Delimiter), number(in.MaxKeys)}
	out := s3response.ListVersionsResult{
		Name: in.Bucket, Prefix: escaped(in.Prefix), Delimiter: escaped(in.Delimiter), KeyMarker: escaped(in.KeyMarker),
		VersionIdMarker: in.VersionIdMarker, MaxKeys: in.MaxKeys, IsTruncated: new(bool), EncodingType: types.EncodingTypeUrl,
	}
	marker, version := q.marker(text(in.KeyMarker)), text(in.VersionIdMarker)
	if marker != "" && version == "" {
		marker += key.After // or the versions of the key itself were listed again
	}
	for q.max > 0 {
		found, err := b.walkVersions(ctx, *in.Bucket, key.EncodePrefix(q.prefix), marker, version, q.max)
		if err != nil {
			return out, err
		}
		marker, version = takeVersions(q, &out, found)
		if marker == "" {
			break
		}
	}
	if !*out.IsTruncated {
		out.NextKeyMarker, out.NextVersionIdMarker = nil, nil
	}
	escapeVersions(&out)
	return out, nil
}

// walkVersions lists versions of paths as the library does.
func (b *backendStore) walkVersions(
	ctx context.Context, bucket, prefix, marker, version string, most int,
) (s3response.ListVersionsResult, error) {
	n := int32(min(most, 1<<20)) //nolint:gosec // fits
	if version != "" {
		n++ // a current version is listed behind itself
	}
	none := ""
	found, err := b.Posix.ListObjectVersions(ctx, &s3.ListObjectVersionsInput{
		Bucket: &bucket, Prefix: &prefix, Delimiter: &none, KeyMarker: &marker, VersionIdMarker: &version, MaxKeys: &n,
	})
	if version != "" {
		found.Versions = slices.DeleteFunc(found.Versions, func(v s3response.ObjectVersion) bool {
			return *v.Key == marker && text(v.VersionId) == version
		})
		found.DeleteMarkers = slices.DeleteFunc(found.DeleteMarkers, func(m types.DeleteMarkerEntry) bool {
			return *m.Key == marker && text(m.VersionId) == version
		})
	}
	return found, err
}

// takeVersions adds versions that were found to an answer, in their order, under common prefixes where there is a
// delimiter. It returns where to go on, or "" where the answer is done.
func takeVersions(
	q query, out *s3response.ListVersionsResult, found s3response.ListVersionsResult,
) (marker, id string) {
	under := ""
	if n := len(out.CommonPrefixes); n > 0 {
		under = *out.CommonPrefixes[n-1].Prefix
	}
	for len(found.Versions)+len(found.DeleteMarkers) > 0 {
		path, version := head(&found)
		name, ok := key.Decode(path)
		group := q.group(name)
		listed := ok && (group == "" || group != under)
		if listed && len(out.Versions)+len(out.DeleteMarkers)+len(out.CommonPrefixes) == q.max {
			*out.IsTruncated = true
			return "", ""
		}
		isMarker := len(found.Versions) == 0 || len(found.DeleteMarkers) > 0 && *found.DeleteMarkers[0].Key == path &&
			version == text(found.DeleteMarkers[0].VersionId)
		if isMarker {
			m := found.DeleteMarkers[0]
			found.DeleteMarkers = found.DeleteMarkers[1:]
			if m.Key = &name; listed && group == "" {
				out.DeleteMarkers = append(out.DeleteMarkers, m)
			}
		} else {
			v := found.Versions[0]
			found.Versions = found.Versions[1:]
			if v.Key = &name; listed && group == "" {
				out.Versions = append(out.Versions, v)
			}
		}
		if !ok {
			continue
		}
		out.NextKeyMarker, out.NextVersionIdMarker = &name, &version
		if group != "" {
			if listed {
				out.CommonPrefixes = append(out.CommonPrefixes, types.CommonPrefix{Prefix: &group})
			}
			out.NextKeyMarker, out.NextVersionIdMarker = &group, nil
		}
		under = group
	}
	switch {
	case found.IsTruncated == nil || !*found.IsTruncated:
		return "", ""
	case under != "":
		return key.EncodePrefix(under) + key.After, ""
	case len(out.Versions)+len(out.DeleteMarkers)+len(out.CommonPrefixes) >= q.max:
		*out.IsTruncated = true
		return "", ""
	}
	return text(found.NextKeyMarker), text(found.NextVersionIdMarker)
}

// head returns which version or delete marker is next in the order of listings: by path, and the newest first.
func head(l *s3response.ListVersionsResult) (path, version string) {
	switch {
	case len(l.DeleteMarkers) == 0:
		return *l.Versions[0].Key, text(l.Versions[0].VersionId)
	case len(l.Versions) == 0:
		return *l.DeleteMarkers[0].Key, text(l.DeleteMarkers[0].VersionId)
	}
	v, m := &l.Versions[0], &l.DeleteMarkers[0]
	markerFirst := *m.Key < *v.Key
	if *m.Key == *v.Key {
		switch {
		case m.IsLatest != nil && *m.IsLatest:
			markerFirst = true
		case v.IsLatest != nil && *v.IsLatest:
			markerFirst = false
		default:
			markerFirst = m.LastModified.After(*v.LastModified)
		}
	}
	if markerFirst {
		return *m.Key, text(m.VersionId)
	}
	return *v.Key, text(v.VersionId)
}

func escapeVersions(out *s3response.ListVersionsResult) {
	for i := range out.Versions {
		out.Versions[i].Key = escaped(out.Versions[i].Key)
	}
	for i := range out.DeleteMarkers {
		out.DeleteMarkers[i].Key = escaped(out.DeleteMarkers[i].Key)
	}
	for i := range out.CommonPrefixes {
		out.CommonPrefixes[i].Prefix = escaped(out.CommonPrefixes[i].Prefix)
	}
	out.NextKeyMarker = escaped(out.NextKeyMarker)
}

// ListMultipartUploads implements backend.Backend.
func (b *backendStore) ListMultipartUploads(
	ctx context.Context, in *s3.ListMultipartUploadsInput,
) (s3response.ListMultipartUploadsResult, error) {
	none, most := "", int32(1<<20)
	found, err := b.Posix.ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{
		Bucket: in.Bucket, Prefix: &none, Delimiter: &none, KeyMarker: &none, UploadIdMarker: &none, MaxUploads: &most,
	})
	if err != nil {
		return found, err
	}
	uploads := found.Uploads[:0]
	for _, u := range found.Uploads {
		name, ok := key.Decode(u.Key)
		past := text(in.KeyMarker) == "" || name > *in.KeyMarker || name == *in.KeyMarker && text(in.UploadIdMarker) != ""
		if u.Key = name; ok && past && strings.HasPrefix(name, text(in.Prefix)) {
			uploads = append(uploads, u)
		}
	}
	l, err := backend.ListMultipartUploads(
		uploads, text(in.Prefix), text(in.Delimiter), text(in.KeyMarker), text(in.UploadIdMarker), number(in.MaxUploads),
	)
	if err != nil {
		return found, err
	}
	out := s3response.ListMultipartUploadsResult{
		Bucket: *in.Bucket, Prefix: outgoing.Escape(text(in.Prefix)), Delimiter: outgoing.Escape(text(in.Delimiter)),
		KeyMarker: outgoing.Escape(text(in.KeyMarker)), UploadIDMarker: text(in.UploadIdMarker),
		MaxUploads:    number(in.MaxUploads),
		NextKeyMarker: outgoing.Escape(l.NextKeyMarker), NextUploadIDMarker: l.NextUploadIDMarker,
		IsTruncated: l.IsTruncated,
		Uploads:     l.Uploads, CommonPrefixes: l.CommonPrefixes, EncodingType: string(types.EncodingTypeUrl),
	}
	for i := range out.Uploads {
		out.Uploads[i].Key = outgoing.Escape(out.Uploads[i].Key)
	}
	for i := range out.CommonPrefixes {
		out.CommonPrefixes[i].Prefix = outgoing.Escape(out.CommonPrefixes[i].Prefix)
	}
	return out, nil
}
