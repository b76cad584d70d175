package s3

import (
	"context"
	"crypto/md5" //nolint:gosec // Content-MD5
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"

	"postern/api"
	"postern/aws/arn"
	"postern/aws/fault"
	"postern/aws/iam"
	"postern/aws/wire"
	"postern/services/s3"
)

// Limits of S3's requests, in bytes.
const (
	maxObject   = 5 << 30 // of one PUT or part
	maxDocument = 2 << 20 // of a body of XML: 1,000 keys, or 10,000 parts
)

// namespace is that of S3's XML.
const namespace = "http://s3.amazonaws.com/doc/2006-03-01/"

type service struct {
	buckets *s3.Service
}

// New makes the S3 API's service with its table of operations.
func New(buckets *s3.Service) api.Service {
	s := &service{buckets}
	return api.Service{
		Name: "s3", Protocol: wire.S3, Namespace: namespace, BodyLimit: maxDocument,
		StreamLimit:      maxObject + maxObject/64, // chunks have heads
		ResourceTypes:    s.types(),
		TypeOf:           typeOf,
		ResourcePolicies: s,
		Locate:           s.locate,
		Claims:           claims,
		AdmitsPage:       s.admitsPage,
		ConditionKeys:    conditionKeys,
		AbsentKeys:       absentKeys,
		Keys:             keys,
		Operations:       s.operations(),
	}
}

func bucketType(c *api.Call, name string) string {
	if name == "" {
		name = "*"
	}
	return arn.Global(c.Partition, "s3", "", name).String()
}

func objectType(c *api.Call, name string) string {
	if name == "" || name == "*" {
		name = "*/*"
	}
	return arn.Global(c.Partition, "s3", "", name).String()
}

// bucketARN and objectARN name what the path of a request says.
func bucketARN(c *api.Call) string { return bucketType(c, c.PathValue("Bucket")) }
func objectARN(c *api.Call) string {
	return objectType(c, c.PathValue("Bucket")+"/"+c.PathValue("Key"))
}

// onBucket and onObject declare what operations are about.
var onBucket = api.About("bucket/{Bucket}")

func onObject[In any]() api.Resources {
	return api.Lookup(func(c *api.Call, _ *In) []string {
		return []string{"object/" + c.PathValue("Bucket") + "/" + c.PathValue("Key")}
	}, "object")
}

// ResourcePolicy implements api.ResourcePolicies: a bucket's policy is that of its objects too.
func (s *service) ResourcePolicy(resource string) (policy *iam.Policy, owner string, decides bool) {
	parts, ok := arn.Split(resource)
	if !ok {
		return nil, "", false
	}
	bucket, _, _ := strings.Cut(parts[len(parts)-1], "/")
	owner, policy, _ = s.buckets.Policy(bucket)
	return policy, owner, false
}

// bucket returns the bucket that a request names. owner is the account that the caller expects it to be of, or nil.
func (s *service) bucket(c *api.Call, owner *string) (s3.Bucket, error) {
	b, err := s.buckets.Bucket(c.PathValue("Bucket"))
	if err == nil && owner != nil && *owner != b.Account {
		err = denied()
	}
	return b, err
}

// changeable is bucket for operations that change objects: nobody changes Amazon's.
func (s *service) changeable(c *api.Call, owner *string) (s3.Bucket, error) {
	b, err := s.bucket(c, owner)
	if err == nil && b.Managed {
		err = denied()
	}
	return b, err
}

// maxKey is the longest key, in bytes.
const maxKey = 1024

func checkKey(key string) error {
	if len(key) <= maxKey {
		return nil
	}
	return invalid("KeyTooLongError", "Your key is too long").
		With("Size", strconv.Itoa(len(key))).With("MaxSizeAllowed", strconv.Itoa(maxKey))
}

func denied() error { return fault.New(fault.Denied, "s3", "Access Denied") }

func invalid(code, format string, args ...any) *fault.Error {
	return fault.New(fault.Invalid, "s3", format, args...).WithCode(code)
}

func notImplemented(format string, args ...any) error {
	return fault.New(fault.NotImplemented, "s3", format, args...)
}

// locate sends requests for buckets of other regions there, as S3 does before it looks at who asks.
func (s *service) locate(c *api.Call) error {
	if err := checkKey(c.PathValue("Key")); err != nil {
		return err
	}
	name := c.PathValue("Bucket")
	if name == "" || c.Operation.Name == "CreateBucket" {
		return nil
	}
	b, err := s.buckets.Bucket(name)
	if err != nil {
		return nil //nolint:nilerror // the handler says so to who may know
	}
	tellPage(c, b)
	here := c.Addressed
	if here == "" {
		here = c.Region
	}
	if b.Region == here || c.Operation.Name == "GetBucketLocation" && here == home(c.Partition) {
		return nil
	}
	c.SetHeader("x-amz-bucket-region", b.Region)
	if c.Addressed == "" && c.VirtualHost != "" && !strings.HasSuffix(c.Host, "localhost") {
		// The name of no region leads to the bucket's own.
		return fault.New(fault.Invalid, "s3",
			"The authorization header is malformed; the region '%s' is wrong; expecting '%s'", here, b.Region).
			WithCode("AuthorizationHeaderMalformed").With("Region", b.Region)
	}
	return invalid("PermanentRedirect", "The bucket you are attempting to access must be addressed using the specified "+
		"endpoint. Please send all future requests to this endpoint.").
		With("Endpoint", endpoint(c, b)).With("Bucket", b.Name)
}

// home is the region whose endpoint answers for all of its partition where a bucket is.
func home(partition string) string {
	switch partition {
	case "aws-cn":
		return "cn-north-1"
	case "aws-us-gov":
		return "us-gov-west-1"
	}
	return "us-east-1"
}

// endpoint is the host of a bucket.
func endpoint(c *api.Call, b s3.Bucket) string {
	host := "s3." + b.Region + ".amazonaws.com"
	if c.Partition == "aws-cn" {
		host += ".cn"
	}
	if strings.Contains(b.Name, ".") {
		return host
	}
	return b.Name + "." + host
}

// upstream has a request done where objects are.
func (s *service) upstream(ctx context.Context, m *wire.Message, body *object) (*http.Response, error) {
	url := "http://s3" + m.Path
	if m.Query != "" {
		url += "?" + m.Query
	}
	r, err := http.NewRequestWithContext(ctx, m.Method, url, body.reader(m.Body))
	if err != nil {
		return nil, err
	}
	for name, values := range m.Header { // names of metadata are as they were written
		r.Header[http.CanonicalHeaderKey(name)] = values
	}
	if body == nil && len(m.Body) > 0 {
		sum := md5.Sum(m.Body) //nolint:gosec // a checksum, not a proof
		r.Header.Set("Content-Md5", base64.StdEncoding.EncodeToString(sum[:]))
	}
	body.describe(r)
	return s.buckets.Do(r)
}
