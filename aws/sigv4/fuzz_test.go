package sigv4_test

import (
	"net/http"
	"net/url"
	"slices"
	"testing"

	"postern/aws/fault"
	"postern/aws/sigv4"
)

func FuzzParse(f *testing.F) {
	f.Add(
		"AWS4-HMAC-SHA256 Credential=AKID/20150830/r/s/aws4_request, SignedHeaders=host;x-amz-date, Signature=00",
		"20150830T123600Z", "",
	)
	f.Add(
		"AWS4-HMAC-SHA256 Credential=mi-0/20150830/r/s/aws4_request,SignedHeaders=host,Signature=AA==",
		"Sun, 30 Aug 2015 12:36:00 GMT", "a=b",
	)
	f.Add("", "", "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=A%2F20150830%2Fr%2Fs%2Faws4_request&X-Amz-"+
		"Date=20150830T123600Z"+
		"&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=00")
	f.Add("", "", "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=A%2F20150830%2Fr%2Fs%2Faws4_request&X-Amz-"+
		"Date=20150830T123600Z"+
		"&X-Amz-Expires=18446744074&X-Amz-SignedHeaders=host&X-Amz-Signature=00")
	v := sigv4.NewVerifier(at(suiteTime))
	f.Fuzz(func(t *testing.T, authorization, date, query string) {
		r := &http.Request{Method: http.MethodPost, Host: "h", URL: &url.URL{Path: "/", RawQuery: query}, Header: http.Header{
			"Authorization": {authorization}, "X-Amz-Date": {date},
		}}
		s, err := sigv4.Parse(r)
		if err != nil {
			if k := fault.Of(err); k.Kind != fault.Unauthenticated || k.Code == "" {
				t.Fatalf("refused without a code: %v", err)
			}
			if s != nil {
				t.Fatalf("a signature beside its refusal: %+v", s)
			}
			return
		}
		if s.Scope.Date != s.Time.Format("20060102") || s.AccessKey == "" || s.Scope.Region == "" || s.Scope.Service == "" ||
			!slices.Contains(s.SignedHeaders, "host") || s.Presigned && (s.Expires <= 0 || s.Expires > sigv4.MaxExpires) {
			t.Fatalf("taken: %+v", s)
		}
		if err := v.Verify(r, s, secret, nil); err == nil {
			t.Fatalf("a signature was guessed: %q %q", authorization, query)
		}
		if v.VerifyRSA(r, s, &instanceKey.PublicKey, nil) == nil {
			t.Fatalf("an RSA signature was guessed: %q", authorization)
		}
	})
}
