package s3

import (
	"context"
	"crypto/md5" //nolint:gosec // an ETag is one, and Content-MD5 names it
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// maxListed bounds the objects that List returns.
const maxListed = 10_000

// Put puts what body holds into a bucket. The bucket's owner may do everything with it, whoever the node belongs to.
func (c *Client) Put(ctx context.Context, bucket, key string, body io.ReadSeeker) error {
	sum, strong := md5.New(), sha256.New() //nolint:gosec // see above
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return err
	}
	size, err := io.Copy(io.MultiWriter(sum, strong), body)
	if err != nil {
		return err
	}
	r := &call{
		method: http.MethodPut, bucket: bucket, key: key, body: body, size: size, hash: hex.EncodeToString(strong.Sum(nil)),
		header: http.Header{
			"Content-Type": {"text/plain; charset=utf-8"},
			"Content-Md5":  {base64.StdEncoding.EncodeToString(sum.Sum(nil))},
			"X-Amz-Acl":    {"bucket-owner-full-control"},
		},
	}
	if size == 0 {
		r.body = nil
	}
	answer, err := c.do(ctx, r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	return checkTag(r, answer, sum)
}

// Get writes an object to w and checks that it is whole. What has been written before an error is of no use.
func (c *Client) Get(ctx context.Context, bucket, key string, w io.Writer) error {
	r := &call{method: http.MethodGet, bucket: bucket, key: key}
	answer, err := c.do(ctx, r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	sum := md5.New() //nolint:gosec // see above
	n, err := io.Copy(io.MultiWriter(w, sum), answer.Body)
	if err != nil {
		return fmt.Errorf("%s: after %d bytes: %w", r, n, err)
	}
	if answer.ContentLength >= 0 && n != answer.ContentLength {
		return fmt.Errorf("%s: %d bytes came of %d", r, n, answer.ContentLength)
	}
	return checkTag(r, answer, sum)
}

// checkTag compares an object's ETag with the sum of what was sent or has come. The ETag of an object that was put in
// parts, or that is encrypted with a key of KMS, is something else.
func checkTag(r *call, answer *http.Response, sum hash.Hash) error {
	tag := strings.Trim(answer.Header.Get("Etag"), `"`)
	if tag == "" {
		return fmt.Errorf("%s: the answer has no ETag", r)
	}
	if len(tag) != 2*md5.Size || strings.HasPrefix(answer.Header.Get("X-Amz-Server-Side-Encryption"), "aws:kms") {
		return nil
	}
	if own := hex.EncodeToString(sum.Sum(nil)); own != tag {
		return fmt.Errorf("%s: the object's ETag is %s, and its content's MD5 is %s", r, tag, own)
	}
	return nil
}

// List returns the keys that begin with a prefix, sorted; it fails where there are more than 10,000.
func (c *Client) List(ctx context.Context, bucket, prefix string) ([]string, error) {
	var keys []string
	query := url.Values{"list-type": {"2"}, "prefix": {prefix}}
	for {
		r := &call{method: http.MethodGet, bucket: bucket, query: query}
		answer, err := c.do(ctx, r)
		if err != nil {
			return nil, err
		}
		text, err := io.ReadAll(io.LimitReader(answer.Body, maxText))
		answer.Body.Close()
		var page struct {
			Contents              []struct{ Key string }
			IsTruncated           bool
			NextContinuationToken string
		}
		if err == nil {
			err = xml.Unmarshal(text, &page)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: read the list: %w", r, err)
		}
		for _, o := range page.Contents {
			keys = append(keys, o.Key)
		}
		if !page.IsTruncated || page.NextContinuationToken == "" {
			return keys, nil
		}
		if len(keys) > maxListed {
			return nil, fmt.Errorf("%s: more than %d objects begin with %q", r, maxListed, prefix)
		}
		query.Set("continuation-token", page.NextContinuationToken)
	}
}
