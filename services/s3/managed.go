package s3

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"postern/record"
)

// managedAccount owns Amazon's buckets. Nobody signs as it.
const managedAccount = "999999999999"

// patchSuffixes end the names of a region's buckets for patches (AWS Systems Manager User Guide, "SSM Agent
// communications with AWS managed S3 buckets"). A region without one has S3 and Systems Manager, and no such bucket in
// the guide.
var patchSuffixes = map[string]string{
	"us-east-1": "1970c647d", "us-east-2": "552881074", "us-west-1": "8badb4304", "us-west-2": "34d7f99f8",
	"af-south-1": "bdd5f65a9", "ap-east-1": "632356271", "ap-south-1": "cb7c62ff9", "ap-south-2": "32f4b4128",
	"ap-southeast-1": "7fdfd9ef7", "ap-southeast-2": "17283a275", "ap-southeast-3": "aa48fc462",
	"ap-southeast-4": "01e2c40d3", "ap-northeast-1": "4849fa78f", "ap-northeast-2": "10467995c",
	"ap-northeast-3": "67373598a", "ca-central-1": "3148e69e3", "ca-west-1": "9e3a4b2f9", "eu-central-1": "9163fdaaf",
	"eu-central-2": "184ce43c8", "eu-west-1": "5522fb710", "eu-west-2": "902a2bc74", "eu-west-3": "29bf85721",
	"eu-south-1": "c52f3f594", "eu-south-2": "a4cf248b1", "eu-north-1": "795879e9b", "il-central-1": "e221cb57b",
	"me-south-1": "a53fc9dce", "me-central-1": "2932f2f80", "sa-east-1": "ddf4b6a09",
	"ap-east-2": "", "ap-southeast-5": "", "ap-southeast-6": "", "ap-southeast-7": "", "mx-central-1": "",
	"cn-north-1": "", "cn-northwest-1": "", "us-gov-east-1": "", "us-gov-west-1": "",
}

// snapshotSuffixes end the names of the buckets for snapshots of patch baselines, in the regions whose have one.
var snapshotSuffixes = map[string]string{
	"af-south-1": "-tbxdb5b9", "ap-south-2": "-50209442", "ap-southeast-3": "-be0a3174", "ap-southeast-4": "-dc6f76ce",
	"eu-south-2": "-df2c9d70", "me-south-1": "-uduvl7q8",
}

// managedNames returns the names of Amazon's buckets in a region.
func managedNames(region, suffix string) []string {
	names := []string{
		"aws-windows-downloads-" + region, "amazon-ssm-" + region, "amazon-ssm-packages-" + region, "aws-ssm-" + region,
		"aws-ssm-document-attachments-" + region, region + "-birdwatcher-prod", "aws-ssm-distributor-file-" + region,
		"patch-baseline-snapshot-" + region + snapshotSuffixes[region],
		"al2023-repos-" + region + "-de612dc2", "amazonlinux-2-repos-" + region,
	}
	if suffix != "" {
		names = append(names, "aws-patch-manager-"+region+"-"+suffix, "aws-patchmanager-macos-"+region+"-"+suffix)
	}
	return names
}

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
	for region, suffix := range patchSuffixes {
		for _, name := range managedNames(region, suffix) {
			add(name, region)
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
