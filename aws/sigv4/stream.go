package sigv4

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"net/http"
)

// Stream verifies a request before its body is read, and returns a reader of the body that proves it on the way: what
// Read returned is proved only when it has returned io.EOF. A body that is not what was signed ends with an error whose
// code is CodeMismatch.
func (v *Verifier) Stream(r *http.Request, s *Signature, secret string, body io.Reader) (io.Reader, error) {
	if err := v.Precheck(r, s); err != nil {
		return nil, err
	}
	switch s.Payload {
	case UnsignedPayload, StreamingPayload, StreamingPayloadTrailer, StreamingUnsignedTrailer:
		payload, err := s.payloadHash(nil)
		if err != nil {
			return nil, err
		}
		if err := v.verify(r, s, secret, payload); err != nil || payload == UnsignedPayload {
			return body, err
		}
		return v.Chunks(s, secret, body)
	case "":
		if s.Presigned && s.Scope.Service == "s3" {
			return body, v.verify(r, s, secret, UnsignedPayload)
		}
		return nil, refuse(CodeIncomplete, "X-Amz-Content-Sha256 must say what the body's hash is")
	}
	if err := v.verify(r, s, secret, s.Payload); err != nil {
		return nil, err
	}
	return &hashReader{src: body, want: s.Payload, sum: sha256.New()}, nil
}

// hashReader reads a body up to its end, and finds out there whether it has the hash that was signed.
type hashReader struct {
	src  io.Reader
	want string
	sum  hash.Hash
	err  error
}

// Read implements io.Reader.
func (h *hashReader) Read(p []byte) (int, error) {
	if h.err != nil {
		return 0, h.err
	}
	n, err := h.src.Read(p)
	h.sum.Write(p[:n])
	h.err = err
	if errors.Is(err, io.EOF) {
		got := hex.EncodeToString(h.sum.Sum(nil))
		if subtle.ConstantTimeCompare([]byte(got), []byte(h.want)) != 1 {
			h.err = refuse(CodeMismatch, "The provided 'x-amz-content-sha256' header does not match what was computed.")
		}
	}
	return n, h.err
}
