package s3_test

import (
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"postern/api/access/accesstest"
	api "postern/api/s3"
	"postern/record"
	services "postern/services/s3"
)

// FuzzForms sends forms with policies that are signed whatever they say, and what is no form. None fails inside, and
// what is taken has a condition for each of its fields.
func FuzzForms(f *testing.F) {
	whole := `{"expiration":"2099-01-01T00:00:00Z","conditions":[{"bucket":"bucket"},["starts-with","$key","up/"],` +
		`["starts-with","$x-amz-algorithm",""],["starts-with","$x-amz-credential",""],["starts-with","$x-amz-date",""],` +
		`["content-length-range",0,"9"]]}`
	f.Add(whole, "up/k", "x-ignore-a", "b", "")
	f.Add(whole, "up/${filename}", "Content-Type", "text/x, text/y", "")
	f.Add(`{"expiration":"x","conditions":[]}`, "k", "tagging", "<Tagging/>", "")
	f.Add(`{"conditions":[[],{},["eq","$",1]]}`, "k", "success_action_redirect", "http://a/%zz", "")
	f.Add("", "", "", "", "--b\r\nContent-Disposition: form-data; name=key\r\n\r\nk\r\n--b--\r\n")
	up := newUpstream()
	buckets, err := services.Open(f.Context(), services.Config{Store: new(record.Memory), Upstream: up})
	if err != nil {
		f.Fatal(err)
	}
	r := accesstest.New(f, api.New(buckets))
	root, err := r.Root().Credentials.Retrieve(f.Context())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, policy, key, name, value, raw string) {
		now := time.Now().UTC()
		day, text := now.Format("20060102"), base64.StdEncoding.EncodeToString([]byte(policy))
		signing := sum(sum(sum(sum("AWS4"+root.SecretAccessKey, day), "us-east-1"), "s3"), "aws4_request")
		sent := form{name: "x", file: "data", fields: [][2]string{
			{"key", key}, {"policy", text}, {name, value},
			{"x-amz-algorithm", "AWS4-HMAC-SHA256"}, {"x-amz-date", now.Format("20060102T150405Z")},
			{"x-amz-credential", root.AccessKeyID + "/" + day + "/us-east-1/s3/aws4_request"},
			{"x-amz-signature", hex.EncodeToString([]byte(sum(signing, text)))},
		}}
		body, kind := sent.body()
		if raw != "" {
			body, kind = raw, "multipart/form-data; boundary=b"
		}
		q := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "https://s3.us-east-1.amazonaws.com/bucket",
			strings.NewReader(body))
		q.Header.Set("Content-Type", kind)
		w := httptest.NewRecorder()
		r.Handler.ServeHTTP(w, q)
		if w.Code >= 500 && w.Code != http.StatusNotImplemented {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		if w.Code >= 400 || strings.HasPrefix(strings.ToLower(name), "x-ignore-") {
			return
		}
		for _, field := range sent.fields {
			own := field[0] == "policy" || field[0] == "x-amz-signature"
			if !own && !strings.Contains(strings.ToLower(policy), strings.ToLower(field[0])) {
				t.Fatalf("taken with the field %q: %s", field[0], policy)
			}
		}
	})
}
