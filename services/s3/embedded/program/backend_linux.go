package program

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/s3err"
	"github.com/versity/versitygw/s3response"
	"golang.org/x/sys/unix"

	"postern/services/s3/embedded/key"
)

// backendStore is the library's store in a directory, which syncs what it acknowledges, refuses bodies that broke off,
// and lists keys as they are. Keys in paths and copy sources come to it encoded already.
type backendStore struct {
	*posix.Posix
	versions string
	names    *names
}

// PutObject implements backend.Backend.
func (b *backendStore) PutObject(
	ctx context.Context, in s3response.PutObjectInput,
) (s3response.PutObjectOutput, error) {
	defer b.names.changed()
	out, err := b.PutObjectWithPostFunc(ctx, in, whole(in.ContentLength))
	if err != nil {
		drain(in.Body)
		return out, full(err)
	}
	return out, full(b.syncNames(*in.Bucket, *in.Key))
}

// UploadPart implements backend.Backend.
func (b *backendStore) UploadPart(ctx context.Context, in *s3.UploadPartInput) (*s3.UploadPartOutput, error) {
	out, err := b.UploadPartWithPostFunc(ctx, in, whole(in.ContentLength))
	if err != nil {
		drain(in.Body)
	}
	return out, full(err)
}

// drain reads what is left of a refused body: the library would close the connection on a client that still writes, and
// the client would see that instead of the answer.
func drain(body io.Reader) {
	if body != nil {
		_, _ = io.Copy(io.Discard, body) // the answer is what matters
	}
}

// full says of an error that there is no space where objects are kept, if that is why. The library does of some.
func full(err error) error {
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		return s3err.GetAPIError(s3err.ErrNoSpaceLeftOnDevice)
	}
	return err
}

// whole returns what is to be done with a body before it is to be seen: a library that reads an unsigned body takes
// the end of a broken connection for the body's.
func whole(length *int64) func(f *os.File) error {
	return func(f *os.File) error {
		info, err := f.Stat()
		if err != nil {
			return err
		}
		if length != nil && info.Size() != *length {
			return s3err.GetAPIError(s3err.ErrIncompleteBody)
		}
		return f.Sync()
	}
}

// CopyObject implements backend.Backend.
func (b *backendStore) CopyObject(
	ctx context.Context, in s3response.CopyObjectInput,
) (s3response.CopyObjectOutput, error) {
	defer b.names.changed()
	out, err := b.Posix.CopyObject(ctx, in)
	if err != nil {
		return out, full(err)
	}
	return out, b.syncObject(*in.Bucket, *in.Key)
}

// CompleteMultipartUpload implements backend.Backend.
func (b *backendStore) CompleteMultipartUpload(
	ctx context.Context, in *s3.CompleteMultipartUploadInput,
) (s3response.CompleteMultipartUploadResult, string, error) {
	defer b.names.changed()
	out, version, err := b.Posix.CompleteMultipartUpload(ctx, in)
	if err == nil {
		err = b.syncObject(*in.Bucket, *in.Key)
	}
	out.Key = decoded(out.Key)
	return out, version, full(err)
}

// CreateMultipartUpload implements backend.Backend.
func (b *backendStore) CreateMultipartUpload(
	ctx context.Context, in s3response.CreateMultipartUploadInput,
) (s3response.InitiateMultipartUploadResult, error) {
	out, err := b.Posix.CreateMultipartUpload(ctx, in)
	out.Key = *decoded(&out.Key)
	return out, full(err)
}

// ListParts implements backend.Backend.
func (b *backendStore) ListParts(ctx context.Context, in *s3.ListPartsInput) (s3response.ListPartsResult, error) {
	out, err := b.Posix.ListParts(ctx, in)
	out.Key = *decoded(&out.Key)
	return out, err
}

// DeleteObject implements backend.Backend.
func (b *backendStore) DeleteObject(ctx context.Context, in *s3.DeleteObjectInput) (*s3.DeleteObjectOutput, error) {
	defer b.names.changed()
	out, err := b.Posix.DeleteObject(ctx, in)
	if err != nil {
		return out, full(err)
	}
	return out, b.syncObject(*in.Bucket, *in.Key) // an older version may have become the current one
}

// DeleteObjects implements backend.Backend. The keys come in a body, as they are.
func (b *backendStore) DeleteObjects(
	ctx context.Context, in *s3.DeleteObjectsInput,
) (s3response.DeleteResult, error) {
	var out s3response.DeleteResult
	for _, o := range in.Delete.Objects {
		path := key.Encode(*o.Key)
		one, err := b.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: in.Bucket, Key: &path, VersionId: o.VersionId})
		if err != nil {
			out.Error = append(out.Error, s3err.ObjectDeleteError(o.Key, o.VersionId, err))
			continue
		}
		deleted := types.DeletedObject{Key: o.Key, DeleteMarker: one.DeleteMarker, VersionId: o.VersionId}
		if one.DeleteMarker != nil && *one.DeleteMarker {
			deleted.DeleteMarkerVersionId = one.VersionId
		}
		out.Deleted = append(out.Deleted, deleted)
	}
	return out, nil
}

// DeleteBucket implements backend.Backend. What the library leaves when it is killed while it replaces a file keeps no
// bucket from being deleted.
func (b *backendStore) DeleteBucket(ctx context.Context, bucket string) error {
	defer b.names.changed()
	err := b.Posix.DeleteBucket(ctx, bucket)
	if err == nil {
		return syncFile(".")
	}
	left, walked := b.walk(ctx, bucket, "", "", "", 1000)
	if walked != nil || left.IsTruncated != nil && *left.IsTruncated {
		return err
	}
	for _, o := range left.Contents {
		if _, object := key.Decode(*o.Key); object {
			return err
		}
	}
	for _, o := range left.Contents {
		if err := os.Remove(filepath.Join(bucket, *o.Key)); err != nil {
			return err
		}
	}
	if err := removeEmpty(bucket); err != nil {
		return err
	}
	if err := removeEmpty(filepath.Join(b.versions, bucket)); err != nil {
		return err
	}
	return b.Posix.DeleteBucket(ctx, bucket)
}

// removeEmpty removes the directories below one in which no file is, but for the library's own.
func removeEmpty(top string) error {
	inside, err := os.ReadDir(top)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, d := range inside {
		if !d.IsDir() || d.Name() == posix.MetaTmpDir {
			continue
		}
		dir := filepath.Join(top, d.Name())
		if err := removeEmpty(dir); err != nil {
			return err
		}
		if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrExist) && !errors.Is(err, unix.ENOTEMPTY) {
			return err
		}
	}
	return nil
}

// decoded returns the key of a path, as far as it is one.
func decoded(path *string) *string {
	if path == nil {
		return nil
	}
	if name, ok := key.Decode(*path); ok {
		return &name
	}
	return path
}

// syncObject syncs an object and its name.
func (b *backendStore) syncObject(bucket, path string) error {
	if err := syncFile(filepath.Join(bucket, path)); err != nil {
		return err
	}
	return b.syncNames(bucket, path)
}

// syncNames syncs the directories that a path goes through, and the versions of the object that have gone elsewhere.
func (b *backendStore) syncNames(bucket, path string) error {
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		if err := syncFile(filepath.Join(bucket, dir)); err != nil {
			return err
		}
		if dir == "." {
			break
		}
	}
	return b.syncVersions(bucket, path)
}

// syncVersions syncs the version of an object that has been put aside last. Versions are named in the order of time,
// but for the one from before the bucket kept them.
func (b *backendStore) syncVersions(bucket, path string) error {
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte(path)))
	top := filepath.Join(b.versions, bucket)
	dir := filepath.Join(top, sum[:2], sum[2:4], sum[4:6], sum)
	kept, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) || len(kept) == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	sync := []string{filepath.Join(dir, kept[len(kept)-1].Name())}
	if n := len(kept); n > 1 {
		sync = append(sync, filepath.Join(dir, kept[n-2].Name()))
	}
	for ; len(dir) >= len(top); dir = filepath.Dir(dir) {
		sync = append(sync, dir)
	}
	for _, name := range sync {
		if err := syncFile(name); err != nil {
			return err
		}
	}
	return nil
}

// syncFile syncs a file or directory. One that somebody else has deleted meanwhile needs it no more.
func syncFile(path string) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
