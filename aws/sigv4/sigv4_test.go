package sigv4_test

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"pgregory.net/rapid"

	"postern/aws/fault"
	"postern/aws/sigv4"
)

const secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

var suiteTime = time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC)

func at(t time.Time) func() time.Time { return func() time.Time { return t } }

func code(err error) string {
	if err == nil {
		return ""
	}
	return fault.Of(err).Code
}

func request(t testing.TB, method, target, body string, headers ...string) *http.Request {
	t.Helper()
	r, err := http.NewRequest(method, target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for pair := range slices.Chunk(headers, 2) {
		r.Header.Add(pair[0], pair[1])
	}
	return r
}

func TestVectors(t *testing.T) {
	const credential = "AKIDEXAMPLE/20150830/us-east-1/service/aws4_request"
	v := sigv4.NewVerifier(at(suiteTime))
	check := func(t *testing.T, r *http.Request, body string) {
		t.Helper()
		s, err := sigv4.Parse(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := v.Verify(r, s, secret, []byte(body)); err != nil {
			t.Error(err)
		}
	}
	for _, tt := range vectors {
		t.Run(tt.name, func(t *testing.T) {
			var names []string
			for pair := range slices.Chunk(tt.headers, 2) {
				names = append(names, strings.ToLower(pair[0]))
			}
			names = append(names, "host")
			target := "https://example.amazonaws.com" + tt.url

			inQuery := request(t, tt.method, target, tt.body, tt.headers...)
			query := inQuery.URL.RawQuery
			if query != "" {
				query += "&"
			}
			inQuery.URL.RawQuery = query + url.Values{
				"X-Amz-Algorithm": {sigv4.Algorithm}, "X-Amz-Credential": {credential}, "X-Amz-Date": {"20150830T123600Z"},
				"X-Amz-Expires": {"3600"}, "X-Amz-SignedHeaders": {sorted(names)}, "X-Amz-Signature": {tt.query},
			}.Encode()
			if tt.token != "" {
				inQuery.URL.RawQuery += "&X-Amz-Security-Token=" + url.QueryEscape(tt.token)
			}
			check(t, inQuery, tt.body)

			inHeader := request(t, tt.method, target, tt.body, tt.headers...)
			inHeader.Header.Set("X-Amz-Date", "20150830T123600Z")
			names = append(names, "x-amz-date")
			if tt.token != "" {
				inHeader.Header.Set("X-Amz-Security-Token", tt.token)
				names = append(names, "x-amz-security-token")
			}
			if tt.hashed {
				inHeader.Header.Set("X-Amz-Content-Sha256", sigv4.HashBody([]byte(tt.body)))
				names = append(names, "x-amz-content-sha256")
			}
			inHeader.Header.Set(
				"Authorization",
				sigv4.Algorithm+" Credential="+credential+", SignedHeaders="+sorted(names)+", Signature="+tt.header,
			)
			check(t, inHeader, tt.body)
		})
	}
}

func sorted(names []string) string {
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	return strings.Join(names, ";")
}

func TestSignGivesTheSuitesSignatures(t *testing.T) {
	for _, tt := range vectors {
		if strings.HasSuffix(tt.name, "-normalized") || tt.hashed {
			continue // Sign resolves no dots, and sends no hash to services other than S3
		}
		r := request(t, tt.method, "https://example.amazonaws.com"+tt.url, tt.body, tt.headers...)
		c := sigv4.Credentials{AccessKey: "AKIDEXAMPLE", Secret: secret, Token: tt.token}
		err := sigv4.Sign(r, []byte(tt.body), c, sigv4.Target{Region: "us-east-1", Service: "service", Time: suiteTime})
		if got := r.Header.Get("Authorization"); err != nil || !strings.HasSuffix(got, "Signature="+tt.header) {
			t.Errorf("%s: %s, %v, want signature %s", tt.name, got, err, tt.header)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	const good = "AWS4-HMAC-SHA256 Credential=AKID/20150830/r/s/aws4_request, SignedHeaders=host;x-amz-date, Signature=00"
	for _, tt := range []struct {
		name, authorization, date, query string
		code, says                       string
	}{
		{"nothing", "", "", "", sigv4.CodeMissing, "missing"},
		{"other scheme", "Basic eDp5", "20150830T123600Z", "", sigv4.CodeIncomplete, "Unsupported"},
		{"longer scheme", "AWS4-HMAC-SHA256X Credential=a", "20150830T123600Z", "", sigv4.CodeIncomplete, "Unsupported"},
		{"scheme only", "AWS4-HMAC-SHA256", "20150830T123600Z", "", sigv4.CodeIncomplete, "'Credential'"},
		{
			"no signature", strings.TrimSuffix(good, ", Signature=00"), "20150830T123600Z", "", sigv4.CodeIncomplete,
			"'Signature'",
		},
		{"twice", good + ", Signature=01", "20150830T123600Z", "", sigv4.CodeIncomplete, "twice"},
		{"other part", good + ", Foo=01", "20150830T123600Z", "", sigv4.CodeIncomplete, "not Credential"},
		{"no date", good, "", "", sigv4.CodeIncomplete, "'X-Amz-Date'"},
		{"bad date", good, "yesterday", "", sigv4.CodeIncomplete, "ISO-8601"},
		{"other day", good, "20150831T003600Z", "", sigv4.CodeMismatch, "does not match YYYYMMDD"},
		{
			"short scope", strings.Replace(good, "/aws4_request", "", 1), "20150830T123600Z", "", sigv4.CodeIncomplete,
			"exactly 5",
		},
		{
			"empty region", strings.Replace(good, "/r/", "//", 1), "20150830T123600Z", "", sigv4.CodeIncomplete,
			"empty element",
		},
		{
			"other terminator", strings.Replace(good, "aws4_request", "aws5", 1), "20150830T123600Z", "", sigv4.CodeMismatch,
			"terminator",
		},
		{"host unsigned", strings.Replace(good, "host;", "", 1), "20150830T123600Z", "", sigv4.CodeMismatch, "'Host'"},
		{
			"upper case", strings.Replace(good, "host;", "host;Accept;", 1), "20150830T123600Z", "", sigv4.CodeIncomplete,
			"lower case",
		},
		{
			"many headers", strings.Replace(good, "host;", "host;"+strings.Repeat("a;", 200), 1), "20150830T123600Z", "",
			sigv4.CodeIncomplete, "more than",
		},
		{"both", good, "20150830T123600Z", "X-Amz-Algorithm=AWS4-HMAC-SHA256", sigv4.CodeIncomplete, "Only one"},
		{"query alone", "", "", "X-Amz-Algorithm=AWS4-HMAC-SHA256", sigv4.CodeIncomplete, "'X-Amz-Credential'"},
		{"query broken", "", "", "X-Amz-Algorithm=%zz", sigv4.CodeIncomplete, "cannot be read"},
		{"query twice", "", "", "X-Amz-Algorithm=a&X-Amz-Algorithm=b", sigv4.CodeIncomplete, "only once"},
		{"query lives long", "", "", "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=A/20150830/r/s/aws4_request&X-Amz-" +
			"Date=20150830T123600Z" +
			"&X-Amz-Expires=604801&X-Amz-SignedHeaders=host&X-Amz-Signature=00", sigv4.CodeIncomplete, "X-Amz-Expires"},
	} {
		r := request(t, "GET", "https://h/?"+tt.query, "")
		if tt.authorization != "" {
			r.Header.Set("Authorization", tt.authorization)
		}
		if tt.date != "" {
			r.Header.Set("X-Amz-Date", tt.date)
		}
		if _, err := sigv4.Parse(r); code(err) != tt.code || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v (%s), want %s saying %q", tt.name, err, code(err), tt.code, tt.says)
		}
	}
}

func TestTime(t *testing.T) {
	sign := func(t *testing.T, presigned bool) *http.Request {
		r := request(t, "GET", "https://h/", "")
		c := aws.Credentials{AccessKeyID: "AKID", SecretAccessKey: secret}
		if !presigned {
			r.Header.Set("Date", suiteTime.Format(http.TimeFormat))
			if err := v4.NewSigner().SignHTTP(context.Background(), c, r, sigv4.HashBody(nil), "s", "r", suiteTime); err != nil {
				t.Fatal(err)
			}
			return r
		}
		r.URL.RawQuery = "X-Amz-Expires=60"
		signed, _, err := v4.NewSigner().PresignHTTP(context.Background(), c, r, sigv4.HashBody(nil), "s", "r", suiteTime)
		if err != nil {
			t.Fatal(err)
		}
		return request(t, "GET", signed, "")
	}
	for _, tt := range []struct {
		presigned bool
		after     time.Duration
		code      string
	}{
		{false, 0, ""},
		{false, 15 * time.Minute, ""},
		{false, 15*time.Minute + time.Second, sigv4.CodeExpired},
		{false, -15 * time.Minute, ""},
		{false, -15*time.Minute - time.Second, sigv4.CodeNotYet},
		{true, 60 * time.Second, ""},
		{true, 61 * time.Second, sigv4.CodeExpired},
		{true, -15*time.Minute - time.Second, sigv4.CodeNotYet},
	} {
		r := sign(t, tt.presigned)
		s, err := sigv4.Parse(r)
		if err == nil {
			err = sigv4.NewVerifier(at(suiteTime.Add(tt.after))).Verify(r, s, secret, nil)
		}
		if code(err) != tt.code {
			t.Errorf("presigned %v, %v later: %v, want %q", tt.presigned, tt.after, err, tt.code)
		}
	}
}

func TestPayload(t *testing.T) {
	body := []byte(`{"a":1}`)
	for _, tt := range []struct {
		service, sent, code string
	}{
		{"ssm", "", ""},
		{"ssm", sigv4.HashBody(body), ""},
		{"ssm", sigv4.HashBody(nil), sigv4.CodeMismatch},
		{"ssm", sigv4.UnsignedPayload, sigv4.CodeMismatch},
		{"s3", sigv4.UnsignedPayload, ""},
		{"s3", sigv4.StreamingUnsignedTrailer, ""},
	} {
		r := request(t, "POST", "https://h/", "")
		hash := tt.sent
		if hash == "" {
			hash = sigv4.HashBody(body)
		} else {
			r.Header.Set("X-Amz-Content-Sha256", hash)
		}
		c := aws.Credentials{AccessKeyID: "AKID", SecretAccessKey: secret}
		if err := v4.NewSigner().SignHTTP(context.Background(), c, r, hash, tt.service, "r", suiteTime); err != nil {
			t.Fatal(err)
		}
		s, err := sigv4.Parse(r)
		if err == nil {
			err = sigv4.NewVerifier(at(suiteTime)).Verify(r, s, secret, body)
		}
		if code(err) != tt.code {
			t.Errorf("%s with %q: %v, want %q", tt.service, tt.sent, err, tt.code)
		}
	}
}

// A header of Amazon's own that a stranger adds must not be obeyed.
func TestUnsignedHeaders(t *testing.T) {
	for header, want := range map[string]string{
		"X-Amz-Target": sigv4.CodeMismatch, "X-Amz-Copy-Source": sigv4.CodeMismatch, "X-Amz-User-Agent": "", "Accept": "",
	} {
		r := request(t, "POST", "https://h/", "")
		if err := sigv4.Sign(
			r, nil, sigv4.Credentials{AccessKey: "AKID", Secret: secret},
			sigv4.Target{Region: "r", Service: "s", Time: suiteTime},
		); err != nil {
			t.Fatal(err)
		}
		r.Header.Set(header, "x")
		s, err := sigv4.Parse(r)
		if err == nil {
			err = sigv4.NewVerifier(at(suiteTime)).Verify(r, s, secret, nil)
		}
		if code(err) != want {
			t.Errorf("%s added: %v, want %q", header, err, want)
		}
	}
}

func TestSecretsAreNotMixedUp(t *testing.T) {
	v := sigv4.NewVerifier(at(suiteTime))
	r := request(t, "GET", "https://h/", "")
	if err := sigv4.Sign(
		r, nil, sigv4.Credentials{AccessKey: "AKID", Secret: secret},
		sigv4.Target{Region: "r", Service: "s", Time: suiteTime},
	); err != nil {
		t.Fatal(err)
	}
	s, err := sigv4.Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ secret, code string }{
		{secret, ""}, {"another", sigv4.CodeMismatch}, {secret, ""}, {"", sigv4.CodeMismatch},
	} {
		if err := v.Verify(r, s, tt.secret, nil); code(err) != tt.code {
			t.Errorf("with secret %q: %v, want %q", tt.secret, err, tt.code)
		}
	}
}

// drawRequest makes a request that a client could send.
func drawRequest(t *rapid.T) (*http.Request, []byte) {
	text := rapid.StringMatching(`[ -~é漢]{0,12}`)
	u := &url.URL{Scheme: "https", Host: rapid.StringMatching(`[a-z]{1,8}\.example(:[1-9][0-9]{3})?`).Draw(t, "host")}
	u.Path = "/"
	for range rapid.IntRange(0, 3).Draw(t, "segments") {
		u.Path += rapid.StringMatching(`[ -.0-~é]{1,8}`).Draw(t, "segment") + "/"
	}
	query := url.Values{}
	for range rapid.IntRange(0, 3).Draw(t, "parameters") {
		query.Add(rapid.StringMatching(`[ -~é]{1,8}`).Draw(t, "name"), text.Draw(t, "value"))
	}
	u.RawQuery = query.Encode()
	body := rapid.SliceOfN(rapid.Byte(), 0, 64).Draw(t, "body")
	r, err := http.NewRequest(
		rapid.SampledFrom([]string{"GET", "POST", "PUT"}).Draw(t, "method"), u.String(), bytes.NewReader(body),
	)
	if err != nil {
		t.Skip(err)
	}
	for range rapid.IntRange(0, 3).Draw(t, "headers") {
		r.Header.Add(
			rapid.SampledFrom([]string{"X-Amz-Target", "Content-Type", "X-Foo", "Accept"}).Draw(t, "header"),
			text.Draw(t, "value"),
		)
	}
	return r, body
}

// TestAgreesWithTheSDK has the SDK's own signer sign, in the header and presigned, and Sign too.
func TestAgreesWithTheSDK(t *testing.T) {
	v := sigv4.NewVerifier(at(suiteTime))
	rapid.Check(t, func(t *rapid.T) {
		r, body := drawRequest(t)
		service := rapid.SampledFrom([]string{"ssm", "s3"}).Draw(t, "service")
		c := aws.Credentials{
			AccessKeyID:     "ASIA",
			SecretAccessKey: secret,
			SessionToken:    rapid.SampledFrom([]string{"", "to/k+en="}).Draw(t, "token"),
		}
		signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = service == "s3" })
		hash := sigv4.HashBody(body)
		switch rapid.SampledFrom([]string{"header", "query", "ours"}).Draw(t, "form") {
		case "header":
			if service == "s3" {
				r.Header.Set("X-Amz-Content-Sha256", hash)
			}
			if err := signer.SignHTTP(context.Background(), c, r, hash, service, "r", suiteTime); err != nil {
				t.Fatal(err)
			}
		case "query":
			if service == "s3" {
				hash = sigv4.UnsignedPayload
			}
			q := r.URL.Query()
			q.Set("X-Amz-Expires", "300")
			r.URL.RawQuery = q.Encode()
			r.Header.Del("X-Amz-Target") // the SDK moves it into the query, where it means nothing
			signed, headers, err := signer.PresignHTTP(context.Background(), c, r, hash, service, "r", suiteTime)
			if err != nil {
				t.Fatal(err)
			}
			if r.URL, err = url.Parse(signed); err != nil {
				t.Fatal(err)
			}
			r.Header = headers
		case "ours":
			ours := sigv4.Credentials{AccessKey: c.AccessKeyID, Secret: c.SecretAccessKey, Token: c.SessionToken}
			if err := sigv4.Sign(r, body, ours, sigv4.Target{Region: "r", Service: service, Time: suiteTime}); err != nil {
				t.Fatal(err)
			}
		}
		s, err := sigv4.Parse(r)
		if err != nil {
			t.Fatal(err)
		}
		if s.AccessKey != "ASIA" || s.Token != c.SessionToken || s.Scope != (sigv4.Scope{
			Date:    "20150830",
			Region:  "r",
			Service: service,
		}) {
			t.Fatalf("parsed as %+v", s)
		}
		if err := v.Verify(r, s, secret, body); err != nil {
			t.Fatal(err)
		}
	})
}

// TestTamper alters one thing of a signed request; whatever it is, the request is refused.
func TestTamper(t *testing.T) {
	v := sigv4.NewVerifier(at(suiteTime))
	rapid.Check(t, func(t *rapid.T) {
		r, body := drawRequest(t)
		r.Header.Set("Content-Type", "text/plain")
		err := sigv4.Sign(
			r, body, sigv4.Credentials{AccessKey: "AKID", Secret: secret},
			sigv4.Target{Region: "r", Service: "ssm", Time: suiteTime},
		)
		if err != nil {
			t.Fatal(err)
		}
		key := secret
		switch rapid.SampledFrom([]string{
			"method", "path", "query", "host", "header", "body", "signature", "time", "secret", "region", "target",
		}).Draw(
			t, "tamper",
		) {
		case "method":
			r.Method += "X"
		case "path":
			r.URL.Path += "x"
			r.URL.RawPath = ""
		case "query":
			r.URL.RawQuery += "&x="
		case "host":
			r.Host = "x" + r.Host
		case "header":
			r.Header.Set("Content-Type", "text/html")
		case "body":
			body = append(body, 0)
		case "signature":
			a := []byte(r.Header.Get("Authorization"))
			i := len(a) - 1 - rapid.IntRange(0, 63).Draw(t, "digit")
			a[i] = "123456789abcdef0"[strings.IndexByte("0123456789abcdef", a[i])]
			r.Header.Set("Authorization", string(a))
		case "time":
			r.Header.Set("X-Amz-Date", "20150830T123601Z")
		case "secret":
			key += "x"
		case "region":
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "/r/", "/q/", 1))
		case "target":
			r.Header.Add("X-Amz-Target", "x")
		}
		s, err := sigv4.Parse(r)
		if err == nil {
			err = v.Verify(r, s, key, body)
		}
		if code(err) != sigv4.CodeMismatch {
			t.Fatalf("verified, or refused for another reason: %v", err)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	body := bytes.Repeat([]byte("x"), 512)
	r := request(b, "POST", "https://ssm.us-east-1.amazonaws.com/", string(body),
		"Content-Type", "application/x-amz-json-1.1", "X-Amz-Target", "AmazonSSM.UpdateInstanceInformation")
	c := sigv4.Credentials{AccessKey: "ASIA", Secret: secret, Token: strings.Repeat("t", 400)}
	if err := sigv4.Sign(r, body, c, sigv4.Target{Region: "us-east-1", Service: "ssm", Time: suiteTime}); err != nil {
		b.Fatal(err)
	}
	v := sigv4.NewVerifier(at(suiteTime))
	b.ReportAllocs()
	for b.Loop() {
		s, err := sigv4.Parse(r)
		if err != nil {
			b.Fatal(err)
		}
		if err := v.Verify(r, s, secret, body); err != nil {
			b.Fatal(err)
		}
	}
}
