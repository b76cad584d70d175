package s3

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"postern/aws/buckets"
	"postern/record"
)

// managedAccount owns Amazon's buckets. Nobody signs as it.
const managedAccount = "999999999999"

// managedBuckets returns Amazon's buckets by their names. Everybody may read their objects, as far as the endpoint and
// the caller's own policies let.
var managedBuckets = sync.OnceValue(func() map[string]*stored {
	all := map[string]*stored{}
	add := func(name, region string) {
		b := &stored{Bucket: Bucket{Name: name, Account: managedAccount, Region: region, Managed: true}}
		b.Policy = fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*",`+
			`"Action":"s3:GetObject","Resource":"%s/*"}]}`, ARN(region, name))
		b.Ownership = ownerEnforced
		if err := b.compile(); err != nil {
			panic(fmt.Sprintf("the policy of %s: %v", name, err)) // it is part of the program
		}
		all[name] = b
	}
	for _, region := range buckets.Regions() {
		for _, b := range buckets.Of(region) {
			add(b.Name, region)
		}
	}
	add("ssm-document-categories", "us-east-1")
	return all
})

// Publish puts an object into one of Amazon's buckets, which nobody else can.
func (s *Service) Publish(ctx context.Context, bucket, key string, body []byte) error {
	m, ok := managedBuckets()[bucket]
	if !ok {
		return noSuchBucket()
	}
	if !s.published(bucket) {
		if err := s.makeUpstream(ctx, bucket); err != nil {
			return err
		}
		if err := s.change(ctx, m.Account, func(p *record.Plan) error {
			own := &stored{Bucket: m.Bucket}
			own.Created = s.stamp()
			bucketKind.Put(p, own, false)
			return nil
		}); err != nil {
			return err
		}
	}
	req, err := request(ctx, http.MethodPut, bucket, key, nil, string(body))
	if err != nil {
		return err
	}
	return upstreamFault(s.expect(req))
}

// published reports whether there is anything in one of Amazon's buckets.
func (s *Service) published(bucket string) bool {
	_, ok := bucketKind.Get(s.replica.Tables(), bucket)
	return ok
}

// absent answers a request for one of Amazon's buckets that has never had an object, which needs no Upstream.
func (s *Service) absent(req *http.Request) *http.Response {
	bucket, key, _ := strings.Cut(strings.TrimPrefix(req.URL.Path, "/"), "/")
	if _, managed := managedBuckets()[bucket]; !managed || s.published(bucket) ||
		req.Method != http.MethodGet && req.Method != http.MethodHead || key == "" {
		return nil
	}
	var body string
	if req.Method == http.MethodGet {
		body = "<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>"
	}
	return &http.Response{
		Status: "404 Not Found", StatusCode: http.StatusNotFound, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:        http.Header{"Content-Type": {"application/xml"}},
		ContentLength: int64(len(body)), Body: io.NopCloser(strings.NewReader(body)), Request: req,
	}
}
