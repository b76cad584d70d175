package s3_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/aws/fault"
	"postern/record"
	"postern/services/s3"
)

const (
	ann, bob = "111122223333", "444455556666"
	region   = "eu-central-1"
)

// upstream is a store of buckets that may be told to fail.
type upstream struct {
	mu      sync.Mutex
	buckets map[string][]string // keys of objects
	fails   func(method, path string) error
	asked   []string
}

// Do implements s3.Upstream.
func (u *upstream) Do(req *http.Request) (*http.Response, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.asked = append(u.asked, req.Method+" "+req.URL.Path)
	if u.fails != nil {
		if err := u.fails(req.Method, req.URL.Path); err != nil {
			return nil, err
		}
	}
	w := httptest.NewRecorder()
	u.serve(w, req)
	return w.Result(), nil
}

func (u *upstream) serve(w http.ResponseWriter, req *http.Request) {
	bucket, key, _ := strings.Cut(strings.TrimPrefix(req.URL.Path, "/"), "/")
	keys, there := u.buckets[bucket]
	refuse := func(status int, code string) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte("<Error><Code>" + code + "</Code></Error>"))
	}
	switch {
	case req.URL.Query().Has("versioning"):
	case req.URL.Query().Has("versions"):
		_, _ = w.Write([]byte("<ListVersionsResult>" + strings.Repeat("<Version></Version>", len(keys)) +
			"</ListVersionsResult>"))
	case req.Method == http.MethodPut && key == "":
		if there {
			refuse(http.StatusConflict, "BucketAlreadyOwnedByYou")
			return
		}
		u.buckets[bucket] = []string{}
	case !there:
		refuse(http.StatusNotFound, "NoSuchBucket")
	case req.Method == http.MethodPut:
		u.buckets[bucket] = append(keys, key)
	case req.Method == http.MethodDelete && len(keys) > 0:
		refuse(http.StatusConflict, "BucketNotEmpty")
	case req.Method == http.MethodDelete:
		delete(u.buckets, bucket)
		w.WriteHeader(http.StatusNoContent)
	}
}

// rig is a service over records in memory and an upstream, with a clock.
type rig struct {
	*s3.Service
	upstream *upstream
	store    record.Store
	now      time.Time
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{
		upstream: &upstream{buckets: map[string][]string{}}, store: new(record.Memory),
		now: time.Date(2026, 11, 29, 10, 30, 0, 0, time.UTC),
	}
	r.open(t)
	return r
}

// open opens the service, again as after a crash.
func (r *rig) open(t *testing.T) {
	t.Helper()
	var err error
	r.Service, err = s3.Open(t.Context(), s3.Config{
		Store: r.store, Upstream: r.upstream, Now: func() time.Time { return r.now },
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (r *rig) make(t *testing.T, name string) {
	t.Helper()
	if _, err := r.CreateBucket(t.Context(), s3.NewBucket{Name: name, Account: ann, Region: region}); err != nil {
		t.Fatal(err)
	}
}

func code(err error) string {
	if err == nil {
		return ""
	}
	return fault.Of(err).Code
}

func TestCreateBucket(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	for _, tt := range []struct{ name, account, region, code string }{
		{"first", ann, region, ""},
		{"first", ann, region, "BucketAlreadyOwnedByYou"},
		{"first", bob, region, "BucketAlreadyExists"},
		{"legacy", ann, "us-east-1", ""},
		{"legacy", ann, "us-east-1", ""},
		{"legacy", ann, region, "BucketAlreadyOwnedByYou"},
		{"legacy", bob, "us-east-1", "BucketAlreadyExists"},
		{"amazon-ssm-eu-west-1", ann, "eu-west-1", "BucketAlreadyExists"},
		{"aws-patch-manager-me-south-1-a53fc9dce", ann, "us-east-1", "BucketAlreadyExists"},
		{"patch-baseline-snapshot-me-south-1-uduvl7q8", ann, "us-east-1", "BucketAlreadyExists"},
		{"aws-patch-manager-me-south-1", ann, region, ""},
	} {
		_, err := r.CreateBucket(ctx, s3.NewBucket{Name: tt.name, Account: tt.account, Region: tt.region})
		if code(err) != tt.code {
			t.Errorf("%s by %s in %s: %v, want %q", tt.name, tt.account, tt.region, err, tt.code)
		}
	}
	b, err := r.Bucket("first")
	if err != nil || b.Ownership != "BucketOwnerEnforced" || !b.PublicAccessBlock.RestrictPublicBuckets ||
		b.Region != region {
		t.Errorf("%+v, %v", b, err)
	}
	r.open(t)
	if again, err := r.Bucket("first"); err != nil || !again.Created.Equal(b.Created) {
		t.Errorf("after a restart: %+v, %v", again, err)
	}
}

func TestBucketNames(t *testing.T) {
	r := newRig(t)
	for name, ok := range map[string]bool{
		"abc": true, "a.b-c.1": true, "0-9": true, strings.Repeat("a", 63): true, "a-.b": true, "1.2.3": true,
		"": false, "ab": false, strings.Repeat("a", 64): false, "Abc": false, "a_b": false, "a..b": false, ".abc": false,
		"abc.": false, "-abc": false, "abc-": false, "192.168.5.4": false, "xn--abc": false, "sthree-x": false,
		"amzn-s3-demo-x": false, "x-s3alias": false, "x--ol-s3": false, "x.mrap": false, "x--x-s3": false,
		"x--table-s3": false, "a/b": false, "a b": false, "ünder": false, "a\x00b": false,
	} {
		_, err := r.CreateBucket(t.Context(), s3.NewBucket{Name: name, Account: ann, Region: region})
		if (err == nil) != ok || !ok && code(err) != "InvalidBucketName" {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestBucketsByPage(t *testing.T) {
	r := newRig(t)
	for _, name := range []string{"b-3", "a-1", "b-1", "b-2", "c-1"} {
		r.make(t, name)
	}
	if _, err := r.CreateBucket(t.Context(), s3.NewBucket{Name: "b-0", Account: ann, Region: "eu-west-1"}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.CreateBucket(t.Context(), s3.NewBucket{Name: "b-9", Account: bob, Region: region}); err != nil {
		t.Fatal(err)
	}
	var pages []string
	l := s3.Listing{Prefix: "b-", Region: region, Limit: 2}
	for {
		page, next := r.Buckets(ann, l)
		var names []string
		for _, b := range page {
			names = append(names, b.Name)
		}
		pages = append(pages, strings.Join(names, " "))
		if next == "" {
			break
		}
		l.After = next
	}
	if got := strings.Join(pages, ", "); got != "b-1 b-2, b-3" {
		t.Errorf("pages %q", got)
	}
	if all, next := r.Buckets(ann, s3.Listing{}); len(all) != 6 || next != "" {
		t.Errorf("%d buckets, %q", len(all), next)
	}
}

func TestDeleteBucket(t *testing.T) {
	r := newRig(t)
	r.make(t, "full")
	r.make(t, "empty")
	r.upstream.buckets["full"] = []string{"key"}
	for _, tt := range []struct{ name, code string }{
		{"full", "BucketNotEmpty"},
		{"empty", ""},
		{"empty", "NoSuchBucket"},
		{"amazon-ssm-us-east-1", "AccessDenied"},
	} {
		if err := r.DeleteBucket(t.Context(), tt.name); code(err) != tt.code {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.code)
		}
	}
	if _, err := r.Bucket("full"); err != nil {
		t.Errorf("the bucket that was not empty: %v", err)
	}
}

// crash ends a call in the middle, as if the process had ended: the upstream does its part, or does not, and nothing
// comes back, not even to undo what was begun.
type crash struct{}

func (r *rig) crashAt(t *testing.T, method string, call func()) {
	t.Helper()
	r.upstream.fails = func(m, _ string) error {
		if m == method {
			panic(crash{})
		}
		return nil
	}
	func() {
		defer func() {
			if p := recover(); p != (crash{}) {
				t.Errorf("no crash: %v", p)
			}
		}()
		call()
	}()
	r.upstream.fails = nil
	r.open(t)
}

func TestHealEndsWhatACrashInterrupted(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	coming := s3.NewBucket{Name: "coming", Account: ann, Region: region}
	r.make(t, "going")
	r.make(t, "staying")
	r.upstream.buckets["staying"] = []string{"key"}
	r.crashAt(t, http.MethodPut, func() {
		_, _ = r.CreateBucket(ctx, coming)
	})
	r.crashAt(t, http.MethodDelete, func() { _ = r.DeleteBucket(ctx, "going") })
	r.crashAt(t, http.MethodDelete, func() { _ = r.DeleteBucket(ctx, "staying") })
	for _, name := range []string{"coming", "going", "staying"} {
		if _, err := r.Bucket(name); code(err) != "NoSuchBucket" {
			t.Errorf("%s is seen in the middle: %v", name, err)
		}
	}
	if _, err := r.CreateBucket(ctx, coming); code(err) != "OperationAborted" {
		t.Errorf("in the middle: %v", err)
	}
	if err := r.Heal(ctx); err != nil {
		t.Fatal(err)
	}
	if _, there := r.upstream.buckets["coming"]; there {
		t.Error("Heal took over what may still be worked on")
	}
	r.now = r.now.Add(2 * time.Minute)
	for range 2 {
		if err := r.Heal(ctx); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]bool{"coming": true, "going": false, "staying": true} {
		_, err := r.Bucket(name)
		if _, there := r.upstream.buckets[name]; (err == nil) != want || there != want {
			t.Errorf("%s: %v, upstream %v", name, err, there)
		}
	}
}

func TestAnUpstreamThatIsAwayLeavesNothing(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	r.make(t, "kept")
	r.upstream.fails = func(string, string) error { return fault.New(fault.Unavailable, "test", "away") }
	_, err := r.CreateBucket(ctx, s3.NewBucket{Name: "new", Account: ann, Region: region})
	if !fault.Is(err, fault.Unavailable) {
		t.Errorf("create: %v", err)
	}
	if err := r.DeleteBucket(ctx, "kept"); !fault.Is(err, fault.Unavailable) {
		t.Errorf("delete: %v", err)
	}
	if err := r.PutVersioning(ctx, "kept", "Enabled"); !fault.Is(err, fault.Unavailable) {
		t.Errorf("versioning: %v", err)
	}
	r.upstream.fails = nil
	if b, err := r.Bucket("kept"); err != nil || b.Versioning != "" {
		t.Errorf("%+v, %v", b, err)
	}
	if _, err := r.CreateBucket(ctx, s3.NewBucket{Name: "new", Account: bob, Region: region}); err != nil {
		t.Errorf("the name is not free: %v", err)
	}
}

// TestNobodyGetsWhatAnotherLeft: a bucket whose objects outlived its record is not given to who makes one of that name.
func TestNobodyGetsWhatAnotherLeft(t *testing.T) {
	r := newRig(t)
	r.upstream.buckets["left"] = []string{"secret"}
	_, err := r.CreateBucket(t.Context(), s3.NewBucket{Name: "left", Account: ann, Region: region})
	if code(err) != "BucketAlreadyExists" {
		t.Errorf("%v", err)
	}
	if _, err := r.Bucket("left"); code(err) != "NoSuchBucket" {
		t.Errorf("%v", err)
	}
}

func TestManagedBucketsAreRead(t *testing.T) {
	r := newRig(t)
	ctx := context.Background()
	const bucket = "amazon-ssm-eu-west-1"
	get := func(method string) int {
		req := &http.Request{Method: method, URL: s3.URL(bucket, "ssm-agent-manifest.json", nil)}
		answer, err := r.Do(req.WithContext(ctx))
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		return answer.StatusCode
	}
	if get(http.MethodGet) != 404 || get(http.MethodHead) != 404 || len(r.upstream.asked) != 0 {
		t.Errorf("what was never there is asked of the upstream: %v", r.upstream.asked)
	}
	for _, err := range []error{
		r.PutPolicy(ctx, bucket, "{}"), r.PutTags(ctx, bucket, nil), r.PutVersioning(ctx, bucket, "Enabled"),
	} {
		if code(err) != "AccessDenied" {
			t.Errorf("%v", err)
		}
	}
	for range 2 {
		if err := r.Publish(ctx, bucket, "ssm-agent-manifest.json", []byte("{}")); err != nil {
			t.Fatal(err)
		}
	}
	if get(http.MethodGet) != 200 {
		t.Error("what was published is not there")
	}
	if err := r.Publish(ctx, "mine", "key", nil); code(err) != "NoSuchBucket" {
		t.Errorf("another bucket: %v", err)
	}
	owner, policy, ok := r.Policy(bucket)
	if !ok || policy == nil || len(owner) != 12 {
		t.Errorf("%q, %v, %v", owner, policy, ok)
	}
	var e *fault.Error
	if b, err := r.Bucket(bucket); errors.As(err, &e) || !b.Managed || b.Region != "eu-west-1" {
		t.Errorf("%+v, %v", b, err)
	}
}
