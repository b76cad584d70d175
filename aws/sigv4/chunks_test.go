package sigv4_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"postern/aws/sigv4"
)

// The example of the S3 API reference, "Signature calculations: transferring a payload in multiple chunks".
func s3Chunks() (authorization, body string) {
	a := strings.Repeat("a", 65536)
	return "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request," +
			"SignedHeaders=content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;" +
			"x-amz-storage-class," +
			"Signature=4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
		"10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n" + a + "\r\n" +
			"400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n" + a[:1024] + "\r\n" +
			"0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n\r\n"
}

// The secret and the time of that reference's examples.
const s3Secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"

var s3Time = time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC)

func s3Request(t *testing.T, payload, authorization string, headers ...string) *http.Request {
	t.Helper()
	r := request(t, "PUT", "https://s3.amazonaws.com/examplebucket/chunkObject.txt", "",
		"X-Amz-Date", "20130524T000000Z", "X-Amz-Content-Sha256", payload, "Content-Encoding", "aws-chunked",
		"X-Amz-Decoded-Content-Length", "66560", "Content-Length", "66824", "X-Amz-Storage-Class", "REDUCED_REDUNDANCY",
		"Authorization", authorization)
	for pair := range slices.Chunk(headers, 2) {
		r.Header.Set(pair[0], pair[1])
	}
	return r
}

func readChunks(t *testing.T, payload, authorization, body string, headers ...string) (string, http.Header, error) {
	t.Helper()
	r := s3Request(t, payload, authorization, headers...)
	s, err := sigv4.Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	v := sigv4.NewVerifier(at(s3Time))
	if err := v.Verify(r, s, s3Secret, nil); err != nil {
		t.Fatal(err)
	}
	c, err := v.Chunks(s, s3Secret, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(c)
	return string(data), c.Trailer, err
}

func TestChunks(t *testing.T) {
	authorization, body := s3Chunks()
	data, _, err := readChunks(t, sigv4.StreamingPayload, authorization, body)
	if err != nil || len(data) != 66560 {
		t.Fatalf("%d bytes, %v", len(data), err)
	}
	_, second, _ := strings.Cut(body, "aa\r\n")
	for _, tt := range []struct{ name, body, code string }{
		{"altered", strings.Replace(body, "aaa", "aab", 1), sigv4.CodeMismatch},
		{"no signature", strings.Replace(body, ";chunk-signature=ad", ";x=ad", 1), sigv4.CodeIncomplete},
		{"no size", "x" + body, sigv4.CodeIncomplete},
		{"negative size", "-" + body, sigv4.CodeIncomplete},
		{"size too small", strings.Replace(body, "10000", "ffff", 1), sigv4.CodeIncomplete},
		{"chunk left out", second, sigv4.CodeMismatch},
		{"trailer", strings.TrimSuffix(body, "\r\n") + "a:b\r\n\r\n", sigv4.CodeIncomplete},
		{"endless line", strings.Repeat("0", 1<<20), sigv4.CodeIncomplete},
	} {
		if _, _, err := readChunks(t, sigv4.StreamingPayload, authorization, tt.body); code(err) != tt.code {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.code)
		}
	}
	for _, cut := range []int{0, 10, 1000, len(body) - 3} {
		if _, _, err := readChunks(
			t, sigv4.StreamingPayload, authorization, body[:cut],
		); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("cut at %d: %v", cut, err)
		}
	}
}

// The example of the S3 API reference, "Signature calculations: including trailing headers".
func TestChunksWithTrailer(t *testing.T) {
	_, body := s3Chunks()
	body = strings.NewReplacer(
		"ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
		"b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
		"0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
		"1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
		"b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
		"2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
	).Replace(body)
	body = strings.TrimSuffix(body, "\r\n") + "x-amz-checksum-crc32c:sOO8/Q==\r\n" +
		"x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n"
	const authorization = "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request," +
		"SignedHeaders=content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-" +
		"class;x-amz-trailer," +
		"Signature=106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e"
	data, trailer, err := readChunks(
		t, sigv4.StreamingPayloadTrailer, authorization, body, "X-Amz-Trailer", "x-amz-checksum-crc32c",
	)
	if err != nil || len(data) != 66560 || trailer.Get("X-Amz-Checksum-Crc32c") != "sOO8/Q==" {
		t.Errorf("%d bytes, %v, %v", len(data), trailer, err)
	}
	_, _, err = readChunks(
		t, sigv4.StreamingPayloadTrailer, authorization, strings.Replace(body, "sOO8", "sOO9", 1), "X-Amz-Trailer",
		"x-amz-checksum-crc32c",
	)
	if code(err) != sigv4.CodeMismatch {
		t.Errorf("altered trailer: %v", err)
	}
}

func FuzzChunks(f *testing.F) {
	_, body := s3Chunks()
	f.Add(body[:200])
	f.Add("3\r\nabc\r\n0\r\nx-amz-checksum-crc32:AAAA\r\n\r\n")
	v := sigv4.NewVerifier(at(suiteTime))
	f.Fuzz(func(t *testing.T, body string) {
		for _, payload := range []string{sigv4.StreamingPayload, sigv4.StreamingUnsignedTrailer} {
			c, err := v.Chunks(&sigv4.Signature{Payload: payload}, secret, strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			if n, err := io.Copy(io.Discard, c); err == nil && n > int64(len(body)) {
				t.Fatalf("%d bytes came out of %d", n, len(body))
			}
		}
	})
}

// unsigned reads a body whose chunks bear no signature.
func unsigned(t *testing.T, body io.Reader) (string, http.Header, error) {
	t.Helper()
	v := sigv4.NewVerifier(at(suiteTime))
	c, err := v.Chunks(&sigv4.Signature{Payload: sigv4.StreamingUnsignedTrailer}, "", body)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(c)
	if n, again := c.Read(make([]byte, 1)); n != 0 || err == nil && !errors.Is(again, io.EOF) ||
		err != nil && !errors.Is(again, err) {
		t.Errorf("read again: %d, %v after %v", n, again, err)
	}
	return string(data), c.Trailer, err
}

func TestUnsignedChunks(t *testing.T) {
	trailers := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "x-%d: v\r\n", i)
		}
		return b.String()
	}
	line := func(length int) string { return "0;" + strings.Repeat("x", length-len("0;\n")) + "\n" }
	for _, tt := range []struct{ name, body, data, code string }{
		{"two chunks", "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", "abcde", ""},
		{"hexadecimal", "A\r\n0123456789\r\n0\r\n\r\n", "0123456789", ""},
		{"without carriage returns", "1\na\n0\n\n", "a", ""},
		{"a signature is not asked for", "1;chunk-signature=x\r\na\r\n0\r\n\r\n", "a", ""},
		{"nothing", "0\r\n\r\n", "", ""},
		{"longer than its size", "1\r\nab\r\n0\r\n\r\n", "a", sigv4.CodeIncomplete},
		{"negative", "-1\r\n", "", sigv4.CodeIncomplete},
		{"trailer without colon", "0\r\nabc\r\n\r\n", "", sigv4.CodeIncomplete},
		{"most trailers", "0\r\n" + trailers(16) + "\r\n", "", ""},
		{"too many trailers", "0\r\n" + trailers(17) + "\r\n", "", sigv4.CodeIncomplete},
		{"longest line", line(1024) + "\n", "", ""},
		{"line too long", line(1025) + "\n", "", sigv4.CodeIncomplete},
	} {
		data, _, err := unsigned(t, strings.NewReader(tt.body))
		if data != tt.data || code(err) != tt.code {
			t.Errorf("%s: %q, %v; want %q, %q", tt.name, data, err, tt.data, tt.code)
		}
	}
	_, trailer, err := unsigned(t, strings.NewReader("0\r\nX-Amz-Checksum-Crc32: AAAA \r\nA: 1\r\na:2\r\n\r\n"))
	if err != nil || trailer.Get("X-Amz-Checksum-Crc32") != "AAAA" || !slices.Equal(
		trailer.Values("A"), []string{"1", "2"},
	) {
		t.Errorf("%v, %v", trailer, err)
	}
}

// TestChunksEnd: a body that ends early is not whole, and the reader's own error is told as it is.
func TestChunksEnd(t *testing.T) {
	const body = "3\r\nabc\r\n0\r\nA:1\r\n\r\n"
	for end := range len(body) {
		if _, _, err := unsigned(t, strings.NewReader(body[:end])); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%q: %v", body[:end], err)
		}
	}
	broken := errors.New("the connection broke")
	for _, read := range []string{"", "3\r\na", "3\r\nabc"} {
		_, _, err := unsigned(t, io.MultiReader(strings.NewReader(read), iotest.ErrReader(broken)))
		if !errors.Is(err, broken) {
			t.Errorf("after %q: %v", read, err)
		}
	}
}

// TestChunksAreTold: only the three payloads that begin with STREAMING- are read in chunks.
func TestChunksAreTold(t *testing.T) {
	v := sigv4.NewVerifier(at(suiteTime))
	for payload, want := range map[string]string{
		sigv4.StreamingPayload: "", sigv4.StreamingPayloadTrailer: "", sigv4.StreamingUnsignedTrailer: "",
		sigv4.UnsignedPayload: sigv4.CodeIncomplete, "": sigv4.CodeIncomplete,
		sigv4.HashBody(nil): sigv4.CodeIncomplete,
	} {
		_, err := v.Chunks(&sigv4.Signature{Payload: payload}, secret, strings.NewReader(""))
		if code(err) != want {
			t.Errorf("%q: %v, want %q", payload, err, want)
		}
	}
}
