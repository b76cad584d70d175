package s3

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"postern/api"
	"postern/aws/fault"
)

// object is the body of a request that becomes an object or a part of one. Its last byte is not given away before all
// of it is proved to be what was signed, and of the length that was said: what cannot be proved is never an object.
type object struct {
	src     io.Reader
	length  int64
	left    int64
	trailer http.Header // what the client sends behind the body, once it was read
	sent    http.Header // what is sent on behind it, by announced names
	err     error
}

// newObject takes the body of a call.
func newObject(c *api.Call, src io.Reader) (*object, error) {
	o := &object{src: src, trailer: c.Trailer()}
	if src == nil {
		o.src = http.NoBody
	}
	said := c.Header("X-Amz-Decoded-Content-Length")
	if said == "" {
		said = c.Header("Content-Length")
	}
	if said == "" {
		return nil, fault.New(fault.Missing, "s3", "You must provide the Content-Length HTTP header.").
			WithCode("MissingContentLength")
	}
	var err error
	if o.length, err = strconv.ParseInt(said, 10, 64); err != nil || o.length < 0 {
		return nil, invalid("InvalidArgument", "The length of the body is not a number: %.20q", said)
	}
	if o.length > maxObject {
		return nil, invalid("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size").
			With("ProposedSize", said).With("MaxSizeAllowed", strconv.Itoa(maxObject))
	}
	o.left = o.length
	for name := range strings.SplitSeq(c.Header("X-Amz-Trailer"), ",") {
		if name = http.CanonicalHeaderKey(strings.TrimSpace(name)); strings.HasPrefix(name, "X-Amz-Checksum-") {
			if o.sent == nil {
				o.sent = http.Header{}
			}
			o.sent[name] = nil
		}
	}
	if o.left == 0 {
		o.err = o.end()
		if !errors.Is(o.err, io.EOF) {
			return nil, o.err
		}
	}
	return o, nil
}

// reader gives the body of the request that is sent on: the object, or the text of a document.
func (o *object) reader(text []byte) io.Reader {
	switch {
	case o != nil:
		return o
	case len(text) > 0:
		return bytes.NewReader(text)
	}
	return nil
}

// describe says in a request what its body is.
func (o *object) describe(r *http.Request) {
	if o == nil {
		return
	}
	r.ContentLength, r.Trailer = o.length, o.sent
	if o.length == 0 && o.sent == nil {
		r.Body = http.NoBody
	}
}

// Read implements io.Reader.
func (o *object) Read(p []byte) (int, error) {
	if o.err != nil || len(p) == 0 {
		return 0, o.err
	}
	if o.left > 1 {
		n, err := o.src.Read(p[:min(int64(len(p)), o.left-1)])
		o.left -= int64(n)
		if err != nil {
			o.err = early(err)
		}
		return n, o.err
	}
	if _, err := io.ReadFull(o.src, p[:1]); err != nil {
		o.err = early(err)
		return 0, o.err
	}
	if o.err = o.end(); !errors.Is(o.err, io.EOF) {
		return 0, o.err
	}
	o.left = 0
	return 1, o.err
}

// end sees that nothing more comes, by which the body is proved, and hands on what the client has sent behind it.
func (o *object) end() error {
	var more [1]byte
	switch n, err := io.ReadFull(o.src, more[:]); {
	case n > 0:
		return invalid("IncompleteBody", "The request body has more bytes than the length that was said")
	case !errors.Is(err, io.EOF):
		return err
	}
	for name := range o.sent {
		if o.sent[name] = o.trailer.Values(name); len(o.sent[name]) == 0 {
			return invalid("MalformedTrailerError", "The request announces the trailer %s and does not have it", name)
		}
	}
	return io.EOF
}

// early says of the end of a body that it came too soon.
func early(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return invalid("IncompleteBody",
			"You did not provide the number of bytes specified by the Content-Length HTTP header")
	}
	return err
}
