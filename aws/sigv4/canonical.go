package sigv4

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
)

// canonicalRequest appends the text that is hashed into the string to sign.
func canonicalRequest(b []byte, r *http.Request, s *Signature, uri, payload string) ([]byte, error) {
	b = append(b, r.Method...)
	b = append(b, '\n')
	b = append(b, uri...)
	b = append(b, '\n')
	b, err := canonicalQuery(b, r.URL.RawQuery, s.Presigned)
	if err != nil {
		return nil, err
	}
	b = append(b, '\n')
	for _, name := range s.SignedHeaders {
		b = append(b, name...)
		b = append(b, ':')
		b = appendHeader(b, r, name)
		b = append(b, '\n')
	}
	b = append(b, '\n')
	b = append(b, s.headers...)
	b = append(b, '\n')
	return append(b, payload...), nil
}

// stringToSign appends what the key signs.
func stringToSign(b []byte, s *Signature, canonical []byte) []byte {
	b = append(b, Algorithm...)
	b = append(b, '\n')
	b = append(b, s.stamp...)
	b = append(b, '\n')
	b = append(b, s.credential[len(s.AccessKey)+1:]...)
	b = append(b, '\n')
	sum := sha256.Sum256(canonical)
	return hex.AppendEncode(b, sum[:])
}

// paths returns the forms of the path that a client may rightly have signed. S3 has it encoded once, and some clients
// sign it just as it travels. Every other service has it encoded once more than it travels; whether dots and double
// slashes are resolved before, clients do not agree on: Amazon's documents and botocore do so, the Go and Java SDKs do
// not.
func paths(u *url.URL, service string) []string {
	escaped := u.EscapedPath()
	var first, second string
	switch {
	case escaped == "" || escaped == "/":
		return []string{"/"}
	case service == "s3":
		first, second = encode(u.Path, true), escaped
	default:
		first, second = encode(escaped, true), encode(normalize(escaped), true)
	}
	if first == second {
		return []string{first}
	}
	return []string{first, second}
}

// normalize resolves dots and double slashes (RFC 3986 section 6.2.2.3), and keeps a slash at the end.
func normalize(p string) string {
	clean := path.Clean("/" + p)
	if clean != "/" && (strings.HasSuffix(p, "/") || strings.HasSuffix(p, "/.") || strings.HasSuffix(p, "/..")) {
		clean += "/"
	}
	return clean
}

// A pair is one query parameter, encoded.
type pair struct{ name, value string }

func canonicalQuery(b []byte, raw string, presigned bool) ([]byte, error) {
	if raw == "" {
		return b, nil
	}
	pairs := make([]pair, 0, 1+strings.Count(raw, "&"))
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		name, errName := recode(name)
		value, errValue := recode(value)
		if errName != nil || errValue != nil {
			return nil, refuse(CodeIncomplete, "The query string cannot be read")
		}
		if presigned && name == "X-Amz-Signature" {
			continue
		}
		pairs = append(pairs, pair{name, value})
	}
	slices.SortFunc(pairs, func(a, b pair) int {
		if c := strings.Compare(a.name, b.name); c != 0 {
			return c
		}
		return strings.Compare(a.value, b.value)
	})
	for i, p := range pairs {
		if i > 0 {
			b = append(b, '&')
		}
		b = append(b, p.name...)
		b = append(b, '=')
		b = append(b, p.value...)
	}
	return b, nil
}

// recode brings a query text into the one encoding that is signed, whichever way it travelled.
func recode(s string) (string, error) {
	plain, err := url.QueryUnescape(s)
	if err != nil {
		return "", err
	}
	return encode(plain, false), nil
}

const upperHex = "0123456789ABCDEF"

// encode escapes all but the unreserved characters of RFC 3986 and, in a path, the slash.
func encode(s string, slash bool) string {
	escapes := 0
	for i := range len(s) {
		if !unreserved(s[i]) && !(slash && s[i] == '/') {
			escapes++
		}
	}
	if escapes == 0 {
		return s
	}
	b := make([]byte, 0, len(s)+2*escapes)
	for i := range len(s) {
		if c := s[i]; unreserved(c) || slash && c == '/' {
			b = append(b, c)
		} else {
			b = append(b, '%', upperHex[c>>4], upperHex[c&15])
		}
	}
	return string(b)
}

func unreserved(c byte) bool {
	letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
	return letter || '0' <= c && c <= '9' || c == '-' || c == '.' || c == '_' || c == '~'
}

// appendHeader appends the values of a header, joined by commas, each without outer and with single inner spaces.
func appendHeader(b []byte, r *http.Request, name string) []byte {
	switch name {
	case "host":
		if r.Host == "" {
			return append(b, r.URL.Host...)
		}
		return append(b, r.Host...)
	case "content-length":
		if r.Header.Get("Content-Length") == "" && r.ContentLength >= 0 {
			return strconv.AppendInt(b, r.ContentLength, 10)
		}
	case "transfer-encoding":
		if len(r.TransferEncoding) > 0 {
			return append(b, strings.Join(r.TransferEncoding, ",")...)
		}
	}
	for i, value := range r.Header[http.CanonicalHeaderKey(name)] {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendTrimmed(b, value)
	}
	return b
}

func appendTrimmed(b []byte, s string) []byte {
	space := true // what came before was a space, or nothing yet
	for i := range len(s) {
		if s[i] == ' ' {
			if !space {
				b = append(b, ' ')
			}
			space = true
			continue
		}
		b = append(b, s[i])
		space = false
	}
	if space && len(s) > 0 && len(b) > 0 && b[len(b)-1] == ' ' {
		b = b[:len(b)-1]
	}
	return b
}

// HashBody returns the payload hash of a body, in lower-case hexadecimal.
func HashBody(body []byte) string {
	if len(body) == 0 {
		return emptyHash
	}
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}
