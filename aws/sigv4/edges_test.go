package sigv4_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"postern/aws/sigv4"
)

// signed signs a request for the service and parses its signature.
func signed(t *testing.T, r *http.Request, service string, body []byte) *sigv4.Signature {
	t.Helper()
	c := sigv4.Credentials{AccessKey: "AKID", Secret: secret}
	if err := sigv4.Sign(r, body, c, sigv4.Target{Region: "r", Service: service, Time: suiteTime}); err != nil {
		t.Fatal(err)
	}
	s, err := sigv4.Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestUpperCaseSignature: a signature is lower-case hexadecimal (RFC 4648, section 8, in lower case), and nothing else.
func TestUpperCaseSignature(t *testing.T) {
	v := sigv4.NewVerifier(at(suiteTime))
	for name, change := range map[string]func(string) string{
		"upper case":      strings.ToUpper,
		"not hexadecimal": func(s string) string { return "g" + s[1:] },
		"short":           func(s string) string { return s[:62] },
		"long":            func(s string) string { return s + "00" },
	} {
		r := request(t, "GET", "https://h/", "")
		signed(t, r, "s", nil)
		before, value, _ := strings.Cut(r.Header.Get("Authorization"), "Signature=")
		r.Header.Set("Authorization", before+"Signature="+change(value))
		s, err := sigv4.Parse(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := v.Verify(r, s, secret, nil); code(err) != sigv4.CodeMismatch {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestPaths: an empty path is signed as a slash. S3 has a path encoded once and its dots kept, or taken as it travels;
// other services have it encoded twice, with dots and double slashes resolved or not.
func TestPaths(t *testing.T) {
	v := sigv4.NewVerifier(at(suiteTime))
	for _, tt := range []struct {
		service, signed, sent string
		code                  string
	}{
		{"s", "https://h", "https://h/", ""},
		{"s", "https://h/", "https://h", ""},
		{"s3", "https://h", "https://h/", ""},
		{"s3", "https://h/", "https://h", ""},
		{"s3", "https://h/a/../b", "https://h/b", sigv4.CodeMismatch},
		{"s3", "https://h/a//b", "https://h/a/b", sigv4.CodeMismatch},
		{"s3", "https://h/a%2Bb", "https://h/a+b", ""},
		{"s", "https://h/a%2Bb", "https://h/a+b", sigv4.CodeMismatch},
		{"s", "https://h/b", "https://h/a/../b", ""},
		{"s", "https://h/b/", "https://h/b/.", ""},
		{"s", "https://h/a/", "https://h/a/b/..", ""},
		{"s", "https://h/a", "https://h/a/b/..", sigv4.CodeMismatch},
		{"s", "https://h/a/b", "https://h/a//b", ""},
		{"s", "https://h/", "https://h/a/..", ""},
		{"s", "https://h/a/../b", "https://h/b", sigv4.CodeMismatch},
	} {
		r := request(t, "GET", tt.signed, "")
		signed(t, r, tt.service, nil)
		other := request(t, "GET", tt.sent, "")
		other.Header = r.Header
		s, err := sigv4.Parse(other)
		if err != nil {
			t.Fatal(err)
		}
		if err := v.Verify(other, s, secret, nil); code(err) != tt.code {
			t.Errorf("%s: signed %s, sent %s: %v, want %q", tt.service, tt.signed, tt.sent, err, tt.code)
		}
	}
}

// TestQuery: the order and the encoding of parameters, an equals sign without value and empty parts make no difference;
// names and values do.
func TestQuery(t *testing.T) {
	v := sigv4.NewVerifier(at(suiteTime))
	for _, tt := range []struct{ signed, sent, code string }{
		{"a=1&b=2", "b=2&a=1", ""},
		{"a=2&a=1", "a=1&a=2", ""},
		{"a=", "a", ""},
		{"a=1&&b=2", "a=1&b=2&", ""},
		{"a=%7E", "a=~", ""},
		{"a=x%20y", "a=x+y", ""},
		{"a=1&b=2", "a=1&b=3", sigv4.CodeMismatch},
		{"a=1&b=2", "a=2&b=1", sigv4.CodeMismatch},
		{"ab=1", "a=b1", sigv4.CodeMismatch},
		{"a=1", "a=1&X-Amz-Signature", sigv4.CodeMismatch}, // left out of presigned requests only
		{"a=1", "a=%zz", sigv4.CodeIncomplete},
		{"a=1", "%zz=1", sigv4.CodeIncomplete},
	} {
		r := request(t, "GET", "https://h/?"+tt.signed, "")
		s := signed(t, r, "s", nil)
		r.URL.RawQuery = tt.sent
		if err := v.Verify(r, s, secret, nil); code(err) != tt.code {
			t.Errorf("signed %q, sent %q: %v, want %q", tt.signed, tt.sent, err, tt.code)
		}
	}
	c := sigv4.Credentials{AccessKey: "AKID", Secret: secret}
	err := sigv4.Sign(request(t, "GET", "https://h/?a=%zz", ""), nil, c, sigv4.Target{Time: suiteTime})
	if code(err) != sigv4.CodeIncomplete || !strings.Contains(err.Error(), "sign GET /: ") {
		t.Errorf("a query that cannot be signed: %v", err)
	}
}

// headerCases change a request after it was signed.
var headerCases = []struct {
	name         string
	sign, change func(*http.Request)
	code         string
}{
	{
		"spaces",
		func(r *http.Request) { r.Header.Set("X-Foo", "  a   b  ") },
		func(r *http.Request) { r.Header.Set("X-Foo", "a b") }, "",
	},
	{
		"only spaces",
		func(r *http.Request) { r.Header.Set("X-Foo", "   ") },
		func(r *http.Request) { r.Header.Set("X-Foo", "") }, "",
	},
	{
		"another value",
		func(r *http.Request) { r.Header.Set("X-Foo", "a b") },
		func(r *http.Request) { r.Header.Set("X-Foo", "ab") }, sigv4.CodeMismatch,
	},
	{
		"two values",
		func(r *http.Request) { r.Header["X-Foo"] = []string{"a", "b"} },
		func(r *http.Request) { r.Header.Set("X-Foo", "a,b") }, "",
	},
	{
		"host of the URL",
		func(r *http.Request) { r.Host = "" },
		func(r *http.Request) { r.Host = "h" }, "",
	},
	{
		"another host",
		func(r *http.Request) {},
		func(r *http.Request) { r.Host = "g" }, sigv4.CodeMismatch,
	},
	{
		"length beside the headers",
		func(r *http.Request) { r.Header.Set("Content-Length", "3") },
		func(r *http.Request) { r.Header.Del("Content-Length"); r.ContentLength = 3 }, "",
	},
	{
		"another length",
		func(r *http.Request) { r.Header.Set("Content-Length", "3") },
		func(r *http.Request) { r.Header.Del("Content-Length"); r.ContentLength = 4 }, sigv4.CodeMismatch,
	},
	{
		"length zero",
		func(r *http.Request) { r.Header.Set("Content-Length", "0") },
		func(r *http.Request) { r.Header.Del("Content-Length"); r.ContentLength = 0 }, "",
	},
	{
		"no length",
		func(r *http.Request) { r.Header.Set("Content-Length", ""); r.ContentLength = -1 },
		func(r *http.Request) { r.Header.Del("Content-Length") }, "",
	},
	{
		"length of the headers goes first",
		func(r *http.Request) { r.Header.Set("Content-Length", "3") },
		func(r *http.Request) { r.ContentLength = 7 }, "",
	},
}

// TestHeaders: outer spaces go and inner ones are joined; the host is the request's or its URL's; a length and an
// encoding that net/http keeps beside the headers are signed from there.
func TestHeaders(t *testing.T) {
	v := sigv4.NewVerifier(at(suiteTime))
	for _, tt := range headerCases {
		r := request(t, "POST", "https://h/", "")
		tt.sign(r)
		s := signed(t, r, "s", nil)
		tt.change(r)
		if err := v.Verify(r, s, secret, nil); code(err) != tt.code {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.code)
		}
	}
}

// TestTransferEncoding is apart because Sign does not sign it: proxies change it. A client that does is understood.
func TestTransferEncoding(t *testing.T) {
	const head = "AWS4-HMAC-SHA256 Credential=AKID/20150830/r/s/aws4_request, " +
		"SignedHeaders=host;transfer-encoding, Signature="
	value := func(r *http.Request) string {
		v := sigv4.NewVerifier(at(suiteTime))
		for _, candidate := range []string{
			// HMAC of the canonical request with transfer-encoding:chunked, and with transfer-encoding: of no value.
			"chunked", "",
		} {
			sum := sigv4.SignatureOf(r.Method, "/", "host:h\ntransfer-encoding:"+candidate+"\n\nhost;transfer-encoding", secret)
			r.Header.Set("Authorization", head+sum)
			s, err := sigv4.Parse(r)
			if err != nil {
				t.Fatal(err)
			}
			if v.Verify(r, s, secret, nil) == nil {
				return candidate
			}
		}
		return "none"
	}
	r := request(t, "POST", "https://h/", "", "X-Amz-Date", "20150830T123600Z")
	r.TransferEncoding = []string{"chunked"}
	if got := value(r); got != "chunked" {
		t.Errorf("it is signed as %q", got)
	}
	r.TransferEncoding = nil
	if got := value(r); got != "" {
		t.Errorf("without one it is signed as %q", got)
	}
}

// presigned is a query that Parse takes, changed.
func presigned(old, new string) string {
	const query = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=A/20150830/r/s/aws4_request&" +
		"X-Amz-Date=20150830T123600Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=00"
	return strings.Replace(query, old, new, 1)
}

func TestParseQuery(t *testing.T) {
	for _, tt := range []struct {
		old, new, code string
		expires        time.Duration
	}{
		{"", "", "", time.Minute},
		{"=60", "=1", "", time.Second},
		{"=60", "=604800", "", sigv4.MaxExpires},
		{"=60", "=604801", sigv4.CodeIncomplete, 0},
		{"=60", "=0", sigv4.CodeIncomplete, 0},
		{"=60", "=-1", sigv4.CodeIncomplete, 0},
		{"=60", "=x", sigv4.CodeIncomplete, 0},
		{"=60", "=", sigv4.CodeIncomplete, 0},
		{"&X-Amz-SignedHeaders=host", "", sigv4.CodeIncomplete, 0},
		{"20150830T123600Z", "20150830", sigv4.CodeIncomplete, 0},
		{"20150830T123600Z", "Sun, 30 Aug 2015 12:36:00 GMT", sigv4.CodeIncomplete, 0}, // in the header only
		{"20150830T123600Z", "20150831T123600Z", sigv4.CodeMismatch, 0},
		{"AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256", sigv4.CodeIncomplete, 0},
		{"=host", "=accept", sigv4.CodeMismatch, 0},
		{"=host", "=", sigv4.CodeIncomplete, 0},
	} {
		s, err := sigv4.Parse(request(t, "GET", "https://h/?"+strings.ReplaceAll(presigned(tt.old, tt.new), " ", "%20"), ""))
		if code(err) != tt.code || err == nil && (s.Expires != tt.expires || !s.Presigned) {
			t.Errorf("%s becomes %s: %+v, %v, want %q", tt.old, tt.new, s, err, tt.code)
		}
	}
	for _, tt := range []struct{ query, header, want string }{
		{"&X-Amz-Security-Token=q", "h", "q"},
		{"", "h", "h"},
		{"&X-Amz-Security-Token=q", "", "q"},
	} {
		r := request(t, "GET", "https://h/?"+presigned("", "")+tt.query, "", "X-Amz-Security-Token", tt.header)
		if s, err := sigv4.Parse(r); err != nil || s.Token != tt.want {
			t.Errorf("the token of %q and header %q is %+v, %v", tt.query, tt.header, s, err)
		}
	}
	for _, tt := range []struct{ query, header, want string }{
		{"&X-Amz-Content-Sha256=q", "h", "h"},
		{"&X-Amz-Content-Sha256=q", "", "q"},
	} {
		r := request(t, "GET", "https://h/?"+presigned("", "")+tt.query, "", "X-Amz-Content-Sha256", tt.header)
		if s, err := sigv4.Parse(r); err != nil || s.Payload != tt.want {
			t.Errorf("the payload of %q and header %q is %+v, %v", tt.query, tt.header, s, err)
		}
	}
}

// TestParseBounds: what a stranger sends is bounded, and told back in short.
func TestParseBounds(t *testing.T) {
	head := func(credential, headers string) string {
		return sigv4.Algorithm + " Credential=" + credential + ", SignedHeaders=" + headers + ", Signature=00"
	}
	many := func(n int) string { return "host" + strings.Repeat(";a", n-1) }
	const scope = "/20150830/r/s/aws4_request"
	for _, tt := range []struct{ authorization, code, says string }{
		{head("AKID"+scope, many(100)), "", ""},
		{head("AKID"+scope, many(101)), sigv4.CodeIncomplete, "more than 100 headers"},
		{head("AKID"+scope, "host;"), sigv4.CodeIncomplete, "separated by ';'"},
		{head("a/b"+scope, "host"), "", ""},
		{head(scope, "host"), sigv4.CodeIncomplete, "empty element"},
		{head("AKID/20150830/r//aws4_request", "host"), sigv4.CodeIncomplete, "empty element"},
		{head("AKID/20150830//s/aws4_request", "host"), sigv4.CodeIncomplete, "empty element"},
		{head(strings.Repeat("x", 80), "host"), sigv4.CodeIncomplete, `got "` + strings.Repeat("x", 80) + `"`},
		{head(strings.Repeat("x", 81), "host"), sigv4.CodeIncomplete, `got "` + strings.Repeat("x", 80) + `…"`},
		{sigv4.Algorithm + " ", sigv4.CodeIncomplete, "'Credential' parameter. Authorization header requires 'Signature' " +
			"parameter. Authorization header requires 'SignedHeaders' parameter."},
		{sigv4.Algorithm + " Credential", sigv4.CodeIncomplete, "not Credential, SignedHeaders or Signature"},
	} {
		s, err := sigv4.Parse(request(t, "GET", "https://h/", "",
			"Authorization", tt.authorization, "X-Amz-Date", "20150830T123600Z"))
		if code(err) != tt.code || err != nil && !strings.Contains(err.Error(), tt.says) || (s == nil) != (err != nil) {
			t.Errorf("%.90s: %v, %v; want %q saying %q", tt.authorization, s, err, tt.code, tt.says)
		}
	}
	s, err := sigv4.Parse(request(t, "GET", "https://h/", "",
		"Authorization", head("a/b"+scope, "host"), "Date", "Sun, 30 Aug 2015 12:36:00 GMT"))
	want := "a/b 20150830/r/s/aws4_request 2015-08-30 12:36:00 +0000 UTC [host]"
	if got := fmt.Sprint(s.AccessKey, " ", s.Scope, " ", s.Time, " ", s.SignedHeaders); err != nil || got != want {
		t.Errorf("%s, %v; want %s", got, err, want)
	}
}

// TestUnsignedPayloadOfPresigned: a presigned request to S3 without a payload hash does not sign its body; one to
// another service does.
func TestUnsignedPayloadOfPresigned(t *testing.T) {
	for service, want := range map[string]string{"s3": "", "s": sigv4.CodeMismatch} {
		r := request(t, "PUT", "https://h/x?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential="+
			"AKID/20150830/r/"+service+"/aws4_request&X-Amz-Date=20150830T123600Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host", "")
		payload := sigv4.UnsignedPayload
		r.URL.RawQuery += "&X-Amz-Signature=" + sigv4.PresignatureOf(r, service, payload, secret)
		s, err := sigv4.Parse(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := sigv4.NewVerifier(at(suiteTime)).Verify(r, s, secret, []byte("body")); code(err) != want {
			t.Errorf("%s: %v, want %q", service, err, want)
		}
	}
}
