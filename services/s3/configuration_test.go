package s3_test

import (
	"strings"
	"testing"
	"time"

	"postern/services/s3"
)

func TestConfiguration(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	const name = "b-1"
	r.make(t, name)
	cors := s3.CORSRule{AllowedMethods: []string{"GET"}, AllowedOrigins: []string{"https://*.example.com"}}
	put := func(change func(*s3.CORSRule)) error {
		rule := cors
		change(&rule)
		return r.PutCORS(ctx, name, []s3.CORSRule{rule})
	}
	for _, tt := range []struct {
		what string
		err  error
		code string
	}{
		{"tags", r.PutTags(ctx, name, []s3.Tag{{Key: "a", Value: "1"}, {Key: "A", Value: ""}}), ""},
		{"a tag twice", r.PutTags(ctx, name, []s3.Tag{{Key: "a"}, {Key: "a"}}), "InvalidTag"},
		{"Amazon's tag", r.PutTags(ctx, name, []s3.Tag{{Key: "AWS:a"}}), "InvalidTag"},
		{"no key", r.PutTags(ctx, name, []s3.Tag{{Value: "v"}}), "InvalidTag"},
		{"a long value", r.PutTags(ctx, name, []s3.Tag{{Key: "a", Value: strings.Repeat("ü", 257)}}), "InvalidTag"},
		{"too many", r.PutTags(ctx, name, make([]s3.Tag, 51)), "BadRequest"},
		{"ownership", r.PutOwnership(ctx, name, "ObjectWriter"), ""},
		{"no ownership", r.PutOwnership(ctx, name, "Mine"), "MalformedXML"},
		{"encryption", r.PutEncryption(ctx, name, s3.Encryption{Algorithm: "AES256", BucketKey: true}), ""},
		{"KMS", r.PutEncryption(ctx, name, s3.Encryption{Algorithm: "aws:kms"}), "NotImplemented"},
		{"another", r.PutEncryption(ctx, name, s3.Encryption{Algorithm: "rot13"}), "MalformedXML"},
		{"a key of none", r.PutEncryption(ctx, name, s3.Encryption{Algorithm: "AES256", KMSKey: "k"}), "InvalidArgument"},
		{"versioning", r.PutVersioning(ctx, name, "Enabled"), ""},
		{"no versioning", r.PutVersioning(ctx, name, ""), "MalformedXML"},
		{"CORS", r.PutCORS(ctx, name, []s3.CORSRule{cors}), ""},
		{"no rule", r.PutCORS(ctx, name, nil), "MalformedXML"},
		{"101 rules", r.PutCORS(ctx, name, make([]s3.CORSRule, 101)), "InvalidRequest"},
		{"a method", put(func(c *s3.CORSRule) { c.AllowedMethods = []string{"PATCH"} }), "InvalidRequest"},
		{"wildcards", put(func(c *s3.CORSRule) { c.AllowedOrigins = []string{"*.*"} }), "InvalidRequest"},
		{"exposed", put(func(c *s3.CORSRule) { c.ExposeHeaders = []string{"x-*"} }), "InvalidRequest"},
		{"none", r.PutTags(ctx, "none", nil), "NoSuchBucket"},
	} {
		if code(tt.err) != tt.code {
			t.Errorf("%s: %v, want %q", tt.what, tt.err, tt.code)
		}
	}
	r.open(t)
	b, err := r.Bucket(name)
	if err != nil || len(b.Tags) != 2 || b.Ownership != "ObjectWriter" || !b.Encryption.BucketKey ||
		b.Versioning != "Enabled" || len(b.CORS) != 1 {
		t.Errorf("%+v, %v", b, err)
	}
	for _, err := range []error{
		r.DeleteTags(ctx, name), r.DeleteOwnership(ctx, name), r.DeleteEncryption(ctx, name), r.DeleteCORS(ctx, name),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	if b, _ := r.Bucket(name); len(b.Tags)+len(b.CORS) != 0 || b.Ownership != "" || b.Encryption != nil {
		t.Errorf("%+v", b)
	}
}

func TestAllowsPage(t *testing.T) {
	b := s3.Bucket{CORS: []s3.CORSRule{
		{
			ID: "some", AllowedMethods: []string{"PUT"}, AllowedOrigins: []string{"https://*.example.com"},
			AllowedHeaders: []string{"x-amz-*", "Content-Type"},
		},
		{ID: "all", AllowedMethods: []string{"GET"}, AllowedOrigins: []string{"*"}},
	}}
	for _, tt := range []struct{ origin, method, headers, rule string }{
		{"https://a.example.com", "PUT", "X-Amz-Date content-type", "some"},
		{"https://a.example.com", "PUT", "", "some"},
		{"https://a.example.com", "PUT", "x-other", ""},
		{"https://example.org", "PUT", "", ""},
		{"https://example.org", "GET", "", "all"},
		{"https://example.org", "GET", "x-amz-date", ""},
		{"https://a.example.com", "DELETE", "", ""},
	} {
		if rule, _ := b.AllowsPage(tt.origin, tt.method, strings.Fields(tt.headers)); rule.ID != tt.rule {
			t.Errorf("%+v: %q", tt, rule.ID)
		}
	}
}

func TestPutLifecycle(t *testing.T) {
	r := newRig(t)
	r.make(t, "b-1")
	midnight := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		rules []s3.LifecycleRule
		code  string
	}{
		{[]s3.LifecycleRule{{Days: 1}, {ID: "b", Date: midnight}, {NoncurrentDays: 1, NewerNoncurrent: 5}}, ""},
		{nil, "MalformedXML"},
		{make([]s3.LifecycleRule, 1001), "MalformedXML"},
		{[]s3.LifecycleRule{{ID: "a", Days: 1}, {ID: "a", Days: 2}}, "InvalidArgument"},
		{[]s3.LifecycleRule{{}}, "InvalidRequest"},
		{[]s3.LifecycleRule{{Days: -1}}, "InvalidArgument"},
		{[]s3.LifecycleRule{{Date: midnight.Add(time.Hour)}}, "InvalidArgument"},
		{[]s3.LifecycleRule{{Date: midnight, Days: 1}}, "MalformedXML"},
		{[]s3.LifecycleRule{{ExpiredDeleteMarkers: true, Days: 1}}, "MalformedXML"},
		{[]s3.LifecycleRule{{NewerNoncurrent: 5, Days: 1}}, "InvalidArgument"},
		{[]s3.LifecycleRule{{NoncurrentDays: 1, NewerNoncurrent: 101}}, "InvalidArgument"},
		{[]s3.LifecycleRule{{AbortDays: 1, Tags: []s3.Tag{{Key: "a"}}}}, "InvalidRequest"},
		{[]s3.LifecycleRule{{Days: 1, Greater: 10, Less: 11}}, "InvalidRequest"},
		{[]s3.LifecycleRule{{ID: strings.Repeat("x", 256), Days: 1}}, "InvalidArgument"},
		{[]s3.LifecycleRule{{Days: 1, Prefix: strings.Repeat("x", 1025)}}, "InvalidRequest"},
	} {
		if err := r.PutLifecycle(t.Context(), "b-1", tt.rules); code(err) != tt.code {
			t.Errorf("%.200v: %v, want %q", tt.rules, err, tt.code)
		}
	}
	b, err := r.Bucket("b-1")
	if err != nil || len(b.Lifecycle) != 3 || b.Lifecycle[0].ID == "" {
		t.Errorf("%+v, %v", b, err)
	}
	if err := r.DeleteLifecycle(t.Context(), "b-1"); err != nil {
		t.Error(err)
	}
}

// TestExpires: S3 lets things expire at the midnight after the days of a rule, by the rule that comes first.
func TestExpires(t *testing.T) {
	b := s3.Bucket{Lifecycle: []s3.LifecycleRule{
		{ID: "later", Days: 10}, {ID: "tmp", Prefix: "tmp/", Days: 3}, {ID: "off", Disabled: true, Days: 1},
		{ID: "tagged", Tags: []s3.Tag{{Key: "a", Value: "b"}}, Days: 1},
	}}
	made := time.Date(2014, 1, 15, 10, 30, 0, 0, time.UTC)
	for _, tt := range []struct{ key, tag, rule, at string }{
		{"tmp/x", "", "tmp", "2014-01-19"}, // the example of the User Guide
		{"x", "", "later", "2014-01-26"},
		{"x", "b", "tagged", "2014-01-17"},
		{"x", "c", "later", "2014-01-26"},
	} {
		at, rule, ok := b.Expires(tt.key, 1, func() []s3.Tag { return []s3.Tag{{Key: "a", Value: tt.tag}} }, made)
		if !ok || rule != tt.rule || at.Format("2006-01-02T15:04:05") != tt.at+"T00:00:00" {
			t.Errorf("%+v: %v %s", tt, at, rule)
		}
	}
	if _, _, ok := (s3.Bucket{}).Expires("x", 1, nil, made); ok {
		t.Error("without rules it expires")
	}
}
