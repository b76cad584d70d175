package api_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"postern/api"
	"postern/aws/fault"
	"postern/aws/iam"
	"postern/aws/sigv4"
	"postern/aws/wire"
)

// buckets is a service that says what it was asked for, and whose bucket "open" everybody may read.
type buckets struct{}

type whereOutput struct {
	Where *string `http:"header=x-where"`
}

func (buckets) where(_ context.Context, c *api.Call, _ *objectInput) (*whereOutput, error) {
	where := fmt.Sprintf("%s %s %s", c.PathValue("Bucket"), c.PathValue("Key"), c.Addressed)
	return &whereOutput{&where}, nil
}

func (buckets) ResourcePolicy(resource string) (*iam.Policy, string, bool) {
	if !strings.HasPrefix(resource, "arn:aws:s3:::open/") {
		return nil, account, false
	}
	p, err := iam.Parse(iam.Resource, "open", `{"Statement":{"Effect":"Allow","Principal":"*","Action":"s3:GetObject",
		"Resource":"arn:aws:s3:::open/*"}}`)
	if err != nil {
		panic(err)
	}
	return p, account, false
}

func bucketsHandler(t *testing.T, r *rig) http.Handler {
	t.Helper()
	var b buckets
	key := func(c *api.Call, _ *objectInput) []string {
		return []string{"arn:aws:s3:::" + c.PathValue("Bucket") + "/" + c.PathValue("Key")}
	}
	h, err := api.New(api.Config{
		Services: []api.Service{{
			Name: "s3", Protocol: wire.S3, ResourcePolicies: b,
			Locate: func(c *api.Call) error {
				if c.PathValue("Bucket") != "elsewhere" {
					return nil
				}
				c.SetHeader("x-amz-bucket-region", "eu-west-1")
				return fault.New(fault.Invalid, "t", "elsewhere").WithCode("PermanentRedirect").With("Endpoint", "there")
			},
			Operations: []api.Operation{api.Op("GetObject", api.Lookup(key), b.where, api.At("GET /{Bucket}/{Key+}", 0),
				api.All, api.With(api.Public))},
		}},
		Region: "us-east-1", Identities: r, Guards: r, Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func callBuckets(t *testing.T, h http.Handler, method, host, path, region string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, "http://"+host+path, nil)
	if region != "" {
		err := sigv4.Sign(r, nil, user, sigv4.Target{Region: region, Service: "s3", Time: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// TestBucketsInHosts: the bucket stands in the host or in the path, in all the ways that S3 has.
func TestBucketsInHosts(t *testing.T) {
	h := bucketsHandler(t, newRig(t))
	for _, row := range []struct{ host, path, want string }{
		{"s3.us-east-1.amazonaws.com", "/b/k", "b k us-east-1"},
		{"s3-us-east-1.amazonaws.com", "/b/k", "b k us-east-1"},
		{"s3.amazonaws.com", "/b/k", "b k "},
		{"127.0.0.1:4566", "/b/k", "b k "},
		{"b.s3.us-east-1.amazonaws.com", "/k/l", "b k/l us-east-1"},
		{"b.c.s3.us-east-1.amazonaws.com:443", "/k", "b.c k us-east-1"},
		{"b.s3-us-east-1.amazonaws.com", "/k", "b k us-east-1"},
		{"b.s3.dualstack.us-east-1.amazonaws.com", "/k", "b k us-east-1"},
		{"s3.dualstack.us-east-1.amazonaws.com", "/b/k", "b k us-east-1"},
		{"b.s3.amazonaws.com", "/k", "b k "},
		{"s3.s3.amazonaws.com", "/k", "s3 k "},
		{"ec2.s3.us-east-1.amazonaws.com", "/k", "ec2 k us-east-1"},
		{"sts.us-east-1.s3.us-east-1.amazonaws.com", "/k", "sts.us-east-1 k us-east-1"},
		{"b.localhost:4566", "/k", "b k "},
		{"bucket.vpce-1-2.s3.us-east-1.vpce.amazonaws.com", "/b/k", "b k us-east-1"},
		{"b.bucket.vpce-1-2.s3.us-east-1.vpce.amazonaws.com", "/k", "b k us-east-1"},
	} {
		w := callBuckets(t, h, http.MethodGet, row.host, row.path, "us-east-1")
		if got := w.Header().Get("x-where"); w.Code != http.StatusOK || got != row.want {
			t.Errorf("%s%s: %d %q, want %q: %s", row.host, row.path, w.Code, got, row.want, w.Body)
		}
	}
}

// TestHostsBesideBuckets: access points and S3 Control have names beside those of buckets, and are not built.
func TestHostsBesideBuckets(t *testing.T) {
	h := bucketsHandler(t, newRig(t))
	for _, host := range []string{
		"s3-control.us-east-1.amazonaws.com", "1.s3-control.us-east-1.amazonaws.com", "s3-control.dualstack.us-east-1.x.com",
		"ap-1.s3-accesspoint.us-east-1.amazonaws.com", "accesspoint.vpce-1-2.s3.us-east-1.vpce.amazonaws.com",
		"1.control.vpce-1-2.s3.us-east-1.vpce.amazonaws.com",
	} {
		w := callBuckets(t, h, http.MethodGet, host, "/b/k", "us-east-1")
		if w.Code != http.StatusNotImplemented || !strings.Contains(w.Body.String(), "is not implemented") {
			t.Errorf("%s: %d %s", host, w.Code, w.Body)
		}
	}
	w := callBuckets(t, h, http.MethodGet, "control.s3.us-east-1.amazonaws.com", "/k", "us-east-1")
	if w.Code != http.StatusOK {
		t.Errorf("a bucket of that name: %d %s", w.Code, w.Body)
	}
}

// TestWhatS3Refuses: in its own words, elements and headers.
func TestWhatS3Refuses(t *testing.T) {
	r := newRig(t)
	h := bucketsHandler(t, r)
	const host = "s3.us-east-1.amazonaws.com"
	for _, row := range []struct {
		method, host, path, region string
		status                     int
		want                       string
	}{
		{"GET", host, "/open/k", "", 200, ""},
		{"GET", host, "/shut/k", "", 403, "<Code>AccessDenied</Code><Message>Access Denied</Message>"},
		{"GET", host, "/shut/k", "eu-west-1", 400, "<Code>AuthorizationHeaderMalformed</Code><Message>" +
			"The authorization header is malformed; the region &apos;eu-west-1&apos; is wrong; " +
			"expecting &apos;us-east-1&apos;</Message><Region>us-east-1</Region>"},
		{"GET", host, "/elsewhere/k", "us-east-1", 301, "<Code>PermanentRedirect</Code>"},
		{"GET", host, "/elsewhere/k", "", 301, "<Endpoint>there</Endpoint>"},
		{"HEAD", host, "/shut/k", "", 403, ""},
	} {
		w := callBuckets(t, h, row.method, row.host, row.path, row.region)
		got := strings.ReplaceAll(w.Body.String(), "'", "&apos;")
		if w.Code != row.status || !strings.Contains(got, row.want) || row.want == "" && got != "" {
			t.Errorf("%s %s from %q: %d %s", row.method, row.path, row.region, w.Code, w.Body)
		}
		header := w.Header()
		if header.Get("Server") != "AmazonS3" || header.Get("X-Amz-Request-Id") == "" || header.Get("X-Amz-Id-2") == "" {
			t.Errorf("%s: %v", row.path, header)
		}
		if elsewhere := row.path == "/elsewhere/k"; elsewhere != (header.Get("X-Amz-Bucket-Region") == "eu-west-1") {
			t.Errorf("%s: %v", row.path, header)
		}
	}
	r.policy = "" // the caller may nothing
	w := callBuckets(t, h, http.MethodGet, host, "/shut/k", "us-east-1")
	want := `is not authorized to perform: s3:GetObject on resource: "arn:aws:s3:::shut/k" because no identity-based`
	if w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), want) {
		t.Errorf("a caller of the account: %d %s", w.Code, w.Body)
	}
}
