// Package outgoing makes requests of package s3 ready to be sent to an S3 service: signed, with a body that is not read
// before, and with the checksums that are known only behind it.
package outgoing

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"postern/aws/sigv4"
)

// Prepare signs a request whose URL, Host and headers are set. A Trailer that is announced goes behind the body in S3's
// own encoding (Amazon S3 API Reference, "Signature calculations: trailing headers"), with the values that it has when
// the body has ended.
func Prepare(req *http.Request, key sigv4.Credentials, region string, now time.Time) error {
	payload := sigv4.UnsignedPayload
	if len(req.Trailer) > 0 && req.Body != nil {
		payload = sigv4.StreamingUnsignedTrailer
		encode(req)
	}
	req.Header.Del("X-Amz-Security-Token")
	if err := sigv4.SignPayload(
		req, payload, key, sigv4.Target{Region: region, Service: "s3", Time: now},
	); err != nil {
		return fmt.Errorf("sign for the object store: %w", err)
	}
	return nil
}

// encode puts a body into chunks, with the trailer behind them.
func encode(req *http.Request) {
	var names []string
	for name := range req.Trailer {
		names = append(names, strings.ToLower(name))
	}
	req.Header.Set("X-Amz-Trailer", strings.Join(names, ","))
	req.Header.Set("X-Amz-Decoded-Content-Length", strconv.FormatInt(req.ContentLength, 10))
	encoding := "aws-chunked"
	if had := req.Header.Get("Content-Encoding"); had != "" {
		encoding += "," + had
	}
	req.Header.Set("Content-Encoding", encoding)
	req.Body = &chunks{body: req.Body, trailer: req.Trailer, names: names}
	req.ContentLength = -1
	req.Trailer = nil
}

// chunkSize is the most bytes of a body in one chunk.
const chunkSize = 64 << 10

// chunks is a body in chunks.
type chunks struct {
	body    io.ReadCloser
	trailer http.Header
	names   []string

	chunk  [chunkSize]byte
	text   []byte // what is to be read next
	failed error  // io.EOF after the trailer
}

// Read implements io.Reader.
func (c *chunks) Read(p []byte) (int, error) {
	for len(c.text) == 0 {
		if c.failed != nil {
			return 0, c.failed
		}
		c.next()
	}
	n := copy(p, c.text)
	c.text = c.text[n:]
	return n, nil
}

// next encodes the next chunk. The error of a body comes before the last chunk, so that what was sent is not whole.
func (c *chunks) next() {
	n, err := io.ReadFull(c.body, c.chunk[:])
	if n > 0 {
		c.text = append(c.text[:0:0], strconv.FormatInt(int64(n), 16)...)
		c.text = append(c.text, "\r\n"...)
		c.text = append(c.text, c.chunk[:n]...)
		c.text = append(c.text, "\r\n"...)
	}
	switch {
	case err == nil:
	case err != io.EOF && err != io.ErrUnexpectedEOF:
		c.text, c.failed = nil, err
	default:
		c.text = append(c.text, "0\r\n"...)
		for _, name := range c.names {
			c.text = append(c.text, name+":"+c.trailer.Get(name)+"\r\n"...)
		}
		c.text = append(c.text, "\r\n"...)
		c.failed = io.EOF
	}
}

// Close implements io.Closer.
func (c *chunks) Close() error { return c.body.Close() }
