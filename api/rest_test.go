package api_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"postern/api"
	"postern/api/apitest"
	"postern/aws/fault"
	"postern/aws/sigv4"
	"postern/aws/transport"
	"postern/aws/wire"
)

// objects is a tiny store of objects, to see that a service with streams goes through the pipeline.
type objects struct {
	mu   sync.Mutex
	held map[string]object
	// puts counts the handlers that were reached, and read what of the last body came.
	puts int
	read int
	// breaks has the next answer break off.
	breaks bool
}

type object struct {
	data []byte
	meta map[string]string
}

type objectInput struct {
	Bucket *string `http:"label"`
	Key    *string `http:"label"`
}

type putObjectInput struct {
	Bucket    *string           `http:"label"`
	Key       *string           `http:"label"`
	Metadata  map[string]string `http:"headers=x-amz-meta-"`
	Type      *string           `http:"header=Content-Type"`
	Encoding  *string           `http:"header=Content-Encoding"`
	Checksum  *string           `http:"header=x-amz-sdk-checksum-algorithm"`
	Body      io.Reader         `http:"payload"`
	ACL       *string           `http:"header=x-amz-acl"`
	Trailer   *string           `http:"header=x-amz-trailer"`
	Decoded   *int64            `http:"header=x-amz-decoded-content-length"`
	CRC32     *string           `http:"header=x-amz-checksum-crc32"`
	CRC64NVME *string           `http:"header=x-amz-checksum-crc64nvme"`
}

type putObjectOutput struct {
	ETag *string `http:"header=ETag"`
}

type getObjectInput struct {
	Bucket   *string `http:"label"`
	Key      *string `http:"label"`
	Checksum *string `http:"header=x-amz-checksum-mode"`
}

type getObjectOutput struct {
	Length   *int64            `http:"header=Content-Length"`
	Modified *time.Time        `http:"header=Last-Modified"`
	Metadata map[string]string `http:"headers=x-amz-meta-"`
	Body     io.ReadCloser     `http:"payload"`
}

type listed struct {
	Key  *string
	Size *int64
}

type listObjectsInput struct {
	Bucket *string `http:"label"`
	Prefix *string `http:"query=prefix"`
}

type listObjectsOutput struct {
	_        struct{} `wire:"root=ListBucketResult"`
	Name     *string
	Contents []listed `wire:"flat"`
}

func (o *objects) service() api.Service {
	return api.Service{
		Name: "s3", Protocol: wire.S3, Namespace: "http://s3.amazonaws.com/doc/2006-03-01/", BodyLimit: 4 << 20,
		ResourceTypes: map[string]api.ResourceType{
			"object": {ARN: func(_ *api.Call, id string) string { return "arn:aws:s3:::bucket/" + id }},
			"bucket": {ARN: func(_ *api.Call, id string) string { return "arn:aws:s3:::" + id }},
		},
		KnownPaths: map[string]string{"GetBucketAcl": "GET /{Bucket}?acl"},
		Known:      []string{"GetBucketAcl"},
		Operations: []api.Operation{
			api.Op("ListObjectsV2", api.About("bucket/{Bucket}"), o.list, api.At("GET /{Bucket}?list-type=2", 0),
				api.Takes("Bucket", "Prefix")),
			api.Op("PutObject", api.About("object/{Key}"), o.put, api.At("PUT /{Bucket}/{Key+}", 0),
				api.Takes("Bucket", "Key", "Metadata", "Body"),
				api.Unread("the test is not about them",
					"Type", "Encoding", "Checksum", "Trailer", "Decoded", "CRC32", "CRC64NVME")),
			api.Op("GetObject", api.About("object/{Key}"), o.get, api.At("GET /{Bucket}/{Key+}", 0),
				api.Takes("Bucket", "Key"), api.Unread("the test is not about it", "Checksum")),
			api.Op("DeleteObject", api.About("object/{Key}"), o.delete, api.At("DELETE /{Bucket}/{Key+}", http.StatusNoContent),
				api.Takes("Bucket", "Key")),
		},
	}
}

func (o *objects) put(_ context.Context, _ *api.Call, in *putObjectInput) (*putObjectOutput, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.puts++
	data, err := io.ReadAll(in.Body)
	o.read = len(data)
	if err != nil {
		return nil, err
	}
	o.held[*in.Bucket+"/"+*in.Key] = object{data, in.Metadata}
	return &putObjectOutput{ETag: aws.String(`"etag"`)}, nil
}

func (o *objects) get(_ context.Context, c *api.Call, in *getObjectInput) (*getObjectOutput, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	held, ok := o.held[*in.Bucket+"/"+*in.Key]
	if !ok {
		return nil, fault.New(fault.NotFound, "objects.get", "The specified key does not exist.")
	}
	body := io.Reader(bytes.NewReader(held.data))
	if o.breaks {
		body = io.MultiReader(bytes.NewReader(held.data[:1]), breaking{})
	}
	return &getObjectOutput{
		Length: aws.Int64(int64(len(held.data))), Modified: &c.Time, Metadata: held.meta, Body: io.NopCloser(body),
	}, nil
}

// breaking is a body that cannot be read.
type breaking struct{}

func (breaking) Read([]byte) (int, error) { return 0, errors.New("the disk is on fire") }

func (o *objects) list(_ context.Context, _ *api.Call, in *listObjectsInput) (*listObjectsOutput, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	out := &listObjectsOutput{Name: in.Bucket}
	for key, held := range o.held {
		if key, ok := strings.CutPrefix(key, *in.Bucket+"/"); ok && strings.HasPrefix(key, aws.ToString(in.Prefix)) {
			out.Contents = append(out.Contents, listed{aws.String(key), aws.Int64(int64(len(held.data)))})
		}
	}
	return out, nil
}

func (o *objects) delete(_ context.Context, _ *api.Call, in *objectInput) (*struct{}, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.held, *in.Bucket+"/"+*in.Key)
	return nil, nil
}

// serve serves the objects, over TLS or not, and gives the SDK's own client of S3.
func (o *objects) serve(t *testing.T, tls bool) (*httptest.Server, *s3.Client) {
	t.Helper()
	o.held = map[string]object{}
	r := newRig(t)
	h, err := api.New(api.Config{
		Services: []api.Service{o.service()}, Region: "us-east-1", Identities: r, Guards: r, Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(h)
	if tls {
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	return server, s3.NewFromConfig(aws.Config{
		Region: "us-east-1", HTTPClient: transport.Client(server.Client()), BaseEndpoint: aws.String(server.URL),
		Credentials: credentials.NewStaticCredentialsProvider(user.AccessKey, user.Secret, ""),
		Retryer:     func() aws.Retryer { return aws.NopRetryer{} },
	}, func(c *s3.Options) { c.UsePathStyle = true })
}

// TestTheSDKsS3Client: over TLS it sends a body in chunks with a checksum behind, and without TLS one whose hash it
// signs.
func TestTheSDKsS3Client(t *testing.T) {
	for _, tls := range []bool{true, false} {
		o := &objects{}
		_, c := o.serve(t, tls)
		ctx := t.Context()
		data := make([]byte, 1<<20)
		rand.Read(data)
		const key = "a dir/ä+&?=%#..//x"
		bucket := aws.String("bucket")
		put, err := c.PutObject(ctx, &s3.PutObjectInput{
			Bucket: bucket, Key: aws.String(key), Body: bytes.NewReader(data), Metadata: map[string]string{"owner": "ann"},
		})
		if err != nil || *put.ETag != `"etag"` {
			t.Fatal(err)
		}
		got, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: aws.String(key)})
		if err != nil {
			t.Fatal(err)
		}
		back, err := io.ReadAll(got.Body)
		if err != nil || !bytes.Equal(back, data) || got.Metadata["owner"] != "ann" || *got.ContentLength != 1<<20 {
			t.Errorf("%d bytes of %d, %v, %v", len(back), *got.ContentLength, got.Metadata, err)
		}
		list, err := c.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: bucket, Prefix: aws.String("a dir/")})
		if err != nil || len(list.Contents) != 1 || *list.Contents[0].Key != key || *list.Contents[0].Size != 1<<20 {
			t.Errorf("%+v, %v", list, err)
		}
		if _, err := c.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: bucket, Key: aws.String(key)}); err != nil {
			t.Error(err)
		}
		_, err = c.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: aws.String(key)})
		s3Code(t, "what is gone", err, "NoSuchKey")
		_, err = c.GetBucketAcl(ctx, &s3.GetBucketAclInput{Bucket: bucket})
		s3Code(t, "what is not built", err, "NotImplemented")
		_, err = c.PutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: aws.String(key), ACL: "public-read"})
		s3Code(t, "a member that is not taken", err, "NotImplemented")
		_, err = c.PutObject(
			ctx, &s3.PutObjectInput{Bucket: bucket, Key: aws.String(key), Body: bytes.NewReader(make([]byte, 5<<20))},
		)
		s3Code(t, "a body above the limit", err, "EntityTooLarge")
	}
}

func s3Code(t *testing.T, what string, err error, want string) {
	t.Helper()
	var e smithy.APIError
	if !errors.As(err, &e) || e.ErrorCode() != want {
		t.Errorf("%s: %v, want %s", what, err, want)
	}
}

// TestAStreamIsProvedAtItsEnd: a body that is not the one whose hash was signed ends with an error, and a stranger's is
// not read at all.
func TestAStreamIsProvedAtItsEnd(t *testing.T) {
	o := &objects{}
	server, _ := o.serve(t, true)
	call := func(signed, sent string, key sigv4.Credentials) (int, string) {
		r, err := http.NewRequest(http.MethodPut, server.URL+"/bucket/key", strings.NewReader(sent))
		if err != nil {
			t.Fatal(err)
		}
		r.Host = "s3.us-east-1.amazonaws.com"
		r.Header.Set("X-Amz-Content-Sha256", sigv4.HashBody([]byte(signed)))
		err = sigv4.Sign(r, []byte(signed), key, sigv4.Target{Region: "us-east-1", Service: "s3", Time: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(sent)), int64(len(sent))
		answer, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		body, _ := io.ReadAll(answer.Body)
		return answer.StatusCode, string(body)
	}
	if status, body := call("data", "data", user); status != http.StatusOK || o.puts != 1 {
		t.Errorf("%d %s", status, body)
	}
	if status, body := call("data", "DATA", user); status != 403 || !strings.Contains(
		body, "SignatureDoesNotMatch",
	) || o.puts != 2 {
		t.Errorf("another body: %d %s", status, body)
	}
	if got := string(o.held["bucket/key"].data); got != "data" {
		t.Errorf("the object is %q", got)
	}
	stranger := sigv4.Credentials{AccessKey: user.AccessKey, Secret: "another"}
	if status, body := call("data", "data", stranger); status != 403 || !strings.Contains(
		body, "SignatureDoesNotMatch",
	) || o.puts != 2 {
		t.Errorf("a stranger: %d %s, %d handled", status, body, o.puts)
	}
}

// TestTheGuardTestCallsThem: the tests of every operation write requests of these protocols too.
func TestTheGuardTestCallsThem(t *testing.T) {
	o := &objects{held: map[string]object{}}
	r := newRig(t)
	h, err := api.New(api.Config{
		Services: []api.Service{o.service()}, Region: "us-east-1", Identities: r, Guards: r, Now: r.clock,
	})
	if err != nil {
		t.Fatal(err)
	}
	r.policy = ""
	apitest.Guard(t, h, user, now)
	if o.puts != 0 {
		t.Error("a stranger's object was put")
	}
}

// TestAnAnswerThatBreaksOff: the client sees that what it got is not all.
func TestAnAnswerThatBreaksOff(t *testing.T) {
	o := &objects{}
	_, c := o.serve(t, true)
	bucket, key := aws.String("bucket"), aws.String("key")
	if _, err := c.PutObject(
		t.Context(), &s3.PutObjectInput{Bucket: bucket, Key: key, Body: strings.NewReader("data")},
	); err != nil {
		t.Fatal(err)
	}
	o.breaks = true
	got, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: bucket, Key: key})
	if err == nil {
		_, err = io.ReadAll(got.Body)
	}
	if err == nil {
		t.Error("nothing was seen")
	}
}
