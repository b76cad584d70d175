package imds

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"time"
)

const (
	tokenHeader = "X-Aws-Ec2-Metadata-Token"
	ttlHeader   = "X-Aws-Ec2-Metadata-Token-Ttl-Seconds"
	// maxTTL bounds how long a token may be good for, in seconds; the least is 1.
	maxTTL = 21600
)

// tokens are made and checked without remembering them: the token holds its end and a random number, sealed for one
// instance.
type tokens struct{ key []byte }

func newTokens() tokens {
	key := make([]byte, sha256.Size)
	rand.Read(key)
	return tokens{key}
}

// make returns a token of the instance that is good until then.
func (t tokens) make(instance string, until time.Time) string {
	b := binary.BigEndian.AppendUint64(nil, uint64(until.Unix()))
	b = append(b, make([]byte, 8)...)
	rand.Read(b[8:])
	return base64.URLEncoding.EncodeToString(append(b, t.seal(instance, b)...))
}

// check returns how many seconds the token is still good for, and whether it is the instance's and good at all.
func (t tokens) check(instance, token string, now time.Time) (seconds int64, ok bool) {
	b, err := base64.URLEncoding.DecodeString(token)
	if err != nil || len(b) != 16+sha256.Size || !hmac.Equal(b[16:], t.seal(instance, b[:16])) {
		return 0, false
	}
	seconds = int64(binary.BigEndian.Uint64(b)) - now.Unix()
	return seconds, seconds > 0
}

func (t tokens) seal(instance string, b []byte) []byte {
	h := hmac.New(sha256.New, t.key)
	h.Write(b)
	h.Write([]byte(instance))
	return h.Sum(nil)
}
