package content

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path"
	"path/filepath"
	"regexp"
	"strings"
)

// s3Host has the names of S3's endpoints, with a bucket before them or not.
var s3Host = regexp.MustCompile(`^(?:(.+)\.)?s3(?:[.-](?:dualstack\.)?[a-z0-9-]+)?\.(?:amazonaws\.(?:com|com\.cn|eu)|` +
	`c2s\.ic\.gov|sc2s\.sgov\.gov|csp\.hci\.ic\.gov|cloud\.adc-e\.uk)$`)

// parseObject takes the URL of an object apart, or of what objects' keys begin with. The region in it does not count:
// the bucket says where it is.
func parseObject(text string) (bucket, key string, err error) {
	// S3 shows a space as "+" in URLs, and a plus as %2B.
	u, err := url.Parse(strings.ReplaceAll(text, "+", "%20"))
	if err != nil {
		return "", "", err
	}
	m := s3Host.FindStringSubmatch(u.Host)
	if u.Scheme != "https" || m == nil {
		return "", "", fmt.Errorf("path %q is not https://s3.REGION.amazonaws.com/BUCKET/KEY, nor "+
			"https://BUCKET.s3.REGION.amazonaws.com/KEY", text)
	}
	bucket, key = m[1], strings.TrimPrefix(u.Path, "/")
	if bucket == "" {
		bucket, key, _ = strings.Cut(key, "/")
	}
	if bucket == "" {
		return "", "", fmt.Errorf("path %q names no bucket", text)
	}
	return bucket, key, nil
}

// objects saves an object, or all whose keys begin with what is named like a directory.
func (f *Fetcher) objects(ctx context.Context, from, to string) error {
	if from == "" {
		return errors.New("sourceInfo has no path")
	}
	bucket, key, err := parseObject(from)
	if err != nil {
		return err
	}
	prefix := key
	if key != "" && !strings.HasSuffix(key, "/") {
		prefix += "/"
	}
	keys, err := f.Objects.List(ctx, bucket, prefix)
	switch {
	case len(keys) > 0:
		return f.directory(ctx, bucket, prefix, keys, to)
	case key != prefix:
		// It is one object; that the node may not list the bucket is of no matter then.
		return f.object(ctx, bucket, key, file(to, path.Base(key)))
	case err == nil:
		err = fmt.Errorf("no object's key in s3://%s begins with %q", bucket, prefix)
	}
	return err
}

func (f *Fetcher) directory(ctx context.Context, bucket, prefix string, keys []string, to string) error {
	for _, key := range keys {
		if strings.HasSuffix(key, "/") {
			continue
		}
		below := filepath.FromSlash(strings.TrimPrefix(key, prefix))
		if !filepath.IsLocal(below) {
			return fmt.Errorf("the object s3://%s/%s would be a file outside of %s", bucket, key, to)
		}
		if err := f.object(ctx, bucket, key, filepath.Join(to, below)); err != nil {
			return err
		}
	}
	return nil
}

func (f *Fetcher) object(ctx context.Context, bucket, key, path string) error {
	return save(path, func(w io.Writer) error { return f.Objects.Get(ctx, bucket, key, w) })
}
