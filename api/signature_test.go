package api_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"postern/aws/sigv4"
)

// A handmade signature is right in itself: made by the key that its scope says, over what it says. Only what the scope,
// the time and the headers may be is left to refuse.
type handmade struct {
	// date, region, service and terminator make the scope, and the signing key.
	date, region, service, terminator string
	stamp, signed                     string
	// presigned puts it into the query, good for expires seconds.
	presigned bool
	expires   string
	// spoil changes the Authorization header or the query after signing.
	spoil func(string) string
}

const day, moment = "20261121", "20261121T120000Z"

func mac(key []byte, text string) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(text))
	return m.Sum(nil)
}

func (h handmade) sign(r *http.Request, body string) {
	scope := strings.Join([]string{h.date, h.region, h.service, h.terminator}, "/")
	hash := sha256.Sum256([]byte(body))
	r.URL.RawQuery = ""
	query := url.Values{}
	if h.presigned {
		for name, value := range map[string]string{
			"X-Amz-Algorithm": sigv4.Algorithm, "X-Amz-Credential": user.AccessKey + "/" + scope, "X-Amz-Date": h.stamp,
			"X-Amz-Expires": h.expires, "X-Amz-SignedHeaders": h.signed,
		} {
			query.Set(name, value)
		}
	} else if h.stamp != "" {
		r.Header.Set("X-Amz-Date", h.stamp)
	}
	canonical := r.Method + "\n" + r.URL.Path + "\n" + strings.ReplaceAll(query.Encode(), "+", "%20") + "\n"
	for name := range strings.SplitSeq(h.signed, ";") {
		value := r.Header.Get(name)
		if name == "host" {
			value = r.Host
		}
		canonical += name + ":" + value + "\n"
	}
	canonical += "\n" + h.signed + "\n" + hex.EncodeToString(hash[:])
	sum := sha256.Sum256([]byte(canonical))
	key := []byte("AWS4" + user.Secret)
	for _, part := range []string{h.date, h.region, h.service, h.terminator} {
		key = mac(key, part)
	}
	signature := hex.EncodeToString(
		mac(key, strings.Join([]string{sigv4.Algorithm, h.stamp, scope, hex.EncodeToString(sum[:])}, "\n")),
	)
	spoil := h.spoil
	if spoil == nil {
		spoil = func(s string) string { return s }
	}
	if h.presigned {
		r.URL.RawQuery = spoil(query.Encode() + "&X-Amz-Signature=" + signature)
		return
	}
	r.Header.Set("Authorization", spoil(fmt.Sprintf("%s Credential=%s/%s, SignedHeaders=%s, Signature=%s",
		sigv4.Algorithm, user.AccessKey, scope, h.signed, signature)))
}

// replace returns a spoil that puts one text in place of another.
func replace(old, by string) func(string) string {
	return func(s string) string { return strings.Replace(s, old, by, 1) }
}

func presign(h *handmade) { h.presigned, h.signed = true, "host" }

// presignedFor makes a signature of so many seconds in the query.
func presignedFor(seconds string) func(*handmade) {
	return func(h *handmade) { presign(h); h.expires = seconds }
}

// A signatureCase changes a good signature, and says what its refusal says; an empty refusal: it is still good.
type signatureCase struct {
	name   string
	change func(*handmade)
	says   string
}

var goodSignatures = []signatureCase{
	{"good", func(*handmade) {}, ""},
	{"good, presigned", presign, ""},
	{"good, presigned for a week", presignedFor("604800"), ""},
}

// badSignatures stand in the header.
var badSignatures = []signatureCase{
	{"a key of another day", func(h *handmade) { h.date = "20200101" }, "Date in Credential scope does not match"},
	{"another terminator", func(h *handmade) { h.terminator = "nonsense" }, "valid terminator"},
	{"no region", func(h *handmade) { h.region = "" }, "empty element"},
	{"no service", func(h *handmade) { h.service = "" }, "empty element"},
	{"another service", func(h *handmade) { h.service = "s3" }, "scoped to correct service"},
	{"no region's name", func(h *handmade) { h.region = "nowhere" }, "valid region"},
	{"host unsigned", func(h *handmade) { h.signed = "x-amz-date" }, "'Host'"},
	{"another header unsigned", func(h *handmade) { h.signed = "host;x-other" }, "not signed: X-Amz-T"},
	{"headers in capitals", func(h *handmade) { h.signed = "Host;host;x-amz-target" }, "lower case"},
	{"an empty header", func(h *handmade) { h.signed = ";host;x-amz-target" }, "lower case"},
	{
		"many headers", func(h *handmade) { h.signed = strings.Repeat("a;", 200) + "host;x-amz-target" },
		"more than 100 headers",
	},
	{"old", func(h *handmade) { h.stamp = "20261121T114459Z" }, "Signature expired"},
	{"early", func(h *handmade) { h.stamp = "20261121T121501Z" }, "not yet current"},
	{"no date", func(h *handmade) { h.stamp = "" }, "'X-Amz-Date'"},
	{"no time", func(h *handmade) { h.stamp = "yesterday" }, "ISO-8601"},
	{
		"another algorithm", func(h *handmade) { h.spoil = replace("HMAC-SHA256", "RSA") }, "Unsupported authorization type",
	},
	{"no credential", func(h *handmade) { h.spoil = replace("Credential=", "Credential=, Other=") }, "not Credential"},
	{"a credential without scope", func(h *handmade) { h.spoil = replace("/"+day+"/", "/") }, "exactly 5"},
	{"no key", func(h *handmade) { h.spoil = replace(user.AccessKey, "") }, "empty element"},
	{"no signature", func(h *handmade) { h.spoil = replace(", Signature=", ", SignedHeaders=") }, "twice"},
	{
		"half a signature", func(h *handmade) { h.spoil = func(s string) string { return s[:len(s)-32] } },
		"does not match the signature",
	},
	{"a signature in capitals", func(h *handmade) {
		h.spoil = func(s string) string { return s[:len(s)-64] + strings.ToUpper(s[len(s)-64:]) }
	}, "does not match the signature"},
}

// badPresigned stand in the query.
var badPresigned = []signatureCase{
	{
		"presigned with a key of another day", func(h *handmade) { presign(h); h.date = "20200101" },
		"Date in Credential scope does not match",
	},
	{"presigned with another terminator", func(h *handmade) { presign(h); h.terminator = "nonsense" }, "valid terminator"},
	{"presigned without a region", func(h *handmade) { presign(h); h.region = "" }, "empty element"},
	{"presigned, host unsigned", func(h *handmade) { presign(h); h.signed = "accept" }, "'Host'"},
	{"presigned for no time", presignedFor("0"), "X-Amz-Expires"},
	{"presigned for less", presignedFor("-1"), "X-Amz-Expires"},
	{"presigned for more than a week", presignedFor("604801"), "X-Amz-Expires"},
	{"presigned for as long as overflows into the past", presignedFor("9223372037"), "X-Amz-Expires"},
	{"presigned for as long as overflows into a week", presignedFor("18446744074"), "X-Amz-Expires"},
	{"presigned for longer than numbers go", presignedFor("99999999999999999999"), "X-Amz-Expires"},
	{"presigned, its time past", func(h *handmade) { presign(h); h.stamp = "20261121T110000Z" }, "Signature expired"},
	{"presigned early", func(h *handmade) { presign(h); h.stamp = "20261121T121501Z" }, "not yet current"},
	{
		"presigned twice",
		func(h *handmade) { presign(h); h.spoil = func(s string) string { return s + "&X-Amz-Date=" + moment } }, "only once",
	},
}

// TestEveryRefusalOfASignatureHolds goes through the front door in every protocol: an error that is computed and then
// ignored passes every test of its own package.
func TestEveryRefusalOfASignatureHolds(t *testing.T) {
	for _, row := range slices.Concat(goodSignatures, badSignatures, badPresigned) {
		for _, q := range []request{cancel, create, role, open} {
			service, _, _ := strings.Cut(q.host, ".")
			t.Run(row.name+"/"+service, func(t *testing.T) {
				h := handmade{
					date: day, region: "us-east-1", service: service, terminator: "aws4_request", stamp: moment, signed: "host",
					expires: "600",
				}
				if q.target != "" {
					h.signed = "host;x-amz-target"
				}
				row.change(&h)
				if h.presigned && q.target != "" && h.signed == "host" {
					h.signed = "host;x-amz-target"
				}
				if strings.Contains(row.says, "X-Amz-T") && q.target == "" {
					t.Skip("it has no header that must be signed")
				}
				q.unsigned = true
				q.change = func(r *http.Request) { h.sign(r, q.body) }
				r := newRig(t)
				status, got := r.do(t, q)
				switch {
				case row.says == "" && (status/100 > 2 || r.calls != 1):
					t.Errorf("refused: %d %s", status, got)
				case row.says != "" && (status/100 != 4 || r.calls != 0 || !strings.Contains(unescaped(got), row.says)):
					t.Errorf("%d %s, %d handlers reached; want a refusal that says %q", status, got, r.calls, row.says)
				}
			})
		}
	}
}

func unescaped(s string) string {
	return strings.NewReplacer("&#39;", "'", "&apos;", "'", `\u0027`, "'").Replace(s)
}
