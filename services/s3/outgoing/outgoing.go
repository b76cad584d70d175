// Package outgoing makes requests of package s3 ready to be sent to an S3 service: signed, with a body that is not read
// before, and with the checksums that are known only behind it.
package outgoing

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"slices"
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
	slices.Sort(names)
	req.Body = &chunks{body: req.Body, trailer: req.Trailer, names: names}
	req.ContentLength = encodedLength(req.ContentLength, names)
	req.Trailer = nil
}

// sumLengths are the lengths in bytes of the checksums that S3 knows.
var sumLengths = map[string]int{
	"crc32": 4, "crc32c": 4, "crc64nvme": 8, "xxhash64": 8, "xxhash3": 8, "md5": 16, "xxhash128": 16, "sha1": 20,
	"sha256": 32, "sha512": 64,
}

// encodedLength returns the length of a body in chunks, or -1 where it cannot be told. Services stop at the last chunk,
// and would leave what ends a body of no length to the next request.
func encodedLength(body int64, names []string) int64 {
	n := body/chunkSize*(chunkSize+framing(chunkSize)) + framing(0) - int64(len("\r\n"))
	if rest := body % chunkSize; rest > 0 {
		n += rest + framing(rest)
	}
	for _, name := range names {
		sum, ok := sumLengths[strings.TrimPrefix(name, "x-amz-checksum-")]
		if !ok {
			return -1
		}
		n += int64(len(name) + len(":\r\n") + base64.StdEncoding.EncodedLen(sum))
	}
	return n + int64(len("\r\n"))
}

// framing returns how many bytes there are around those of a chunk.
func framing(chunk int64) int64 { return int64(len(strconv.FormatInt(chunk, 16)) + len("\r\n\r\n")) }

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
