package sigv4

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
)

// SignatureOf signs a canonical request that is written out, up to its payload, which is none. Its scope is
// 20150830/r/s/aws4_request and its time that of the published suite.
func SignatureOf(method, path, headers, secret string) string {
	return signatureOf(method+"\n"+path+"\n\n"+headers+"\n"+emptyHash, "s", secret)
}

// PresignatureOf signs a request whose query has all but the signature, and only the header host.
func PresignatureOf(r *http.Request, service, payload, secret string) string {
	query, err := canonicalQuery(nil, r.URL.RawQuery, true)
	if err != nil {
		panic(err)
	}
	text := r.Method + "\n" + r.URL.Path + "\n" + string(query) + "\nhost:" + r.Host + "\n\nhost\n" + payload
	return signatureOf(text, service, secret)
}

func signatureOf(canonical, service, secret string) string {
	scope := Scope{Date: "20150830", Region: "r", Service: service}
	sum := sha256.Sum256([]byte(canonical))
	key := signingKey(secret, scope)
	text := Algorithm + "\n20150830T123600Z\n" + scope.String() + "\n" + hex.EncodeToString(sum[:])
	return hex.EncodeToString(sign(key[:], []byte(text)))
}
