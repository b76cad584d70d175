package sigv4

import (
	"bufio"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// The bounds of what a chunked body may hold beside its data.
const (
	maxChunkLine = 1 << 10
	maxTrailers  = 16
)

// ChunkReader reads the data of a body that comes in Amazon's own chunks (Content-Encoding: aws-chunked). Each signed
// chunk is checked when its end is reached: what Read returned is proved only when it has returned io.EOF.
type ChunkReader struct {
	// Trailer holds what came after the data, such as a checksum; whole after io.EOF.
	Trailer http.Header

	src      *bufio.Reader
	s        *Signature
	key      []byte // nil: chunks are not signed
	trailers bool
	previous string // signature of the chunk before
	want     string // signature of this chunk, as sent
	left     int64  // bytes of this chunk not read yet
	sum      hash.Hash
	err      error
}

// Chunks reads the body of a request whose own signature Verify has found right. Its errors carry CodeMismatch, or
// CodeIncomplete for a body that is not in chunks.
func (v *Verifier) Chunks(s *Signature, secret string, body io.Reader) (*ChunkReader, error) {
	c := &ChunkReader{Trailer: http.Header{}, src: bufio.NewReader(body), s: s, previous: s.value, sum: sha256.New()}
	switch s.Payload {
	case StreamingPayload, StreamingPayloadTrailer:
		key := signingKey(secret, s.Scope)
		c.key = key[:]
		c.trailers = s.Payload == StreamingPayloadTrailer
	case StreamingUnsignedTrailer:
		c.trailers = true
	default:
		return nil, refuse(CodeIncomplete, "The body is not in chunks: X-Amz-Content-Sha256 does not begin with STREAMING-")
	}
	return c, nil
}

// Read implements io.Reader.
func (c *ChunkReader) Read(p []byte) (int, error) {
	if c.err == nil && c.left == 0 {
		c.err = c.next()
	}
	if c.err != nil {
		return 0, c.err
	}
	n, err := c.src.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	c.sum.Write(p[:n])
	switch {
	case errors.Is(err, io.EOF):
		c.err = io.ErrUnexpectedEOF
	case err != nil:
		c.err = err
	case c.left == 0:
		c.err = c.end()
	}
	return n, c.err
}

// next reads a chunk's first line, and after the last chunk the trailers.
func (c *ChunkReader) next() error {
	line, err := c.line()
	if err != nil {
		return err
	}
	size, extension, _ := strings.Cut(line, ";")
	if c.left, err = strconv.ParseInt(size, 16, 64); err != nil || c.left < 0 {
		c.left = 0
		return refuse(CodeIncomplete, "A chunk does not begin with its size in hexadecimal")
	}
	c.sum.Reset()
	if c.key != nil {
		var ok bool
		if c.want, ok = strings.CutPrefix(extension, "chunk-signature="); !ok {
			return refuse(CodeIncomplete, "A chunk has no chunk-signature")
		}
	}
	if c.left > 0 {
		return nil
	}
	if err := c.check("AWS4-HMAC-SHA256-PAYLOAD", emptyHash); err != nil {
		return err
	}
	if err := c.readTrailers(); err != nil {
		return err
	}
	return io.EOF
}

// end finishes a chunk that holds data.
func (c *ChunkReader) end() error {
	if line, err := c.line(); err != nil {
		return err
	} else if line != "" {
		return refuse(CodeIncomplete, "A chunk is longer than its size")
	}
	return c.check("AWS4-HMAC-SHA256-PAYLOAD", emptyHash)
}

// check compares the chunk's signature; every signature goes into the next one.
func (c *ChunkReader) check(algorithm, middle string) error {
	if c.key == nil {
		return nil
	}
	text := algorithm + "\n" + c.s.stamp + "\n" + c.s.Scope.String() + "\n" + c.previous + "\n"
	if middle != "" {
		text += middle + "\n"
	}
	text += hex.EncodeToString(c.sum.Sum(nil))
	got := hex.EncodeToString(sign(c.key, []byte(text)))
	if subtle.ConstantTimeCompare([]byte(got), []byte(c.want)) != 1 {
		return mismatch()
	}
	c.previous = got
	return nil
}

// readTrailers reads up to the empty line that ends the body.
func (c *ChunkReader) readTrailers() error {
	c.sum.Reset()
	c.want = ""
	for range maxTrailers + 1 { // and the empty line
		line, err := c.line()
		if err != nil {
			return err
		}
		if line == "" {
			if !c.trailers {
				return nil
			}
			return c.check("AWS4-HMAC-SHA256-TRAILER", "")
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok || !c.trailers {
			return refuse(CodeIncomplete, "Something other than a trailer follows the last chunk")
		}
		name, value = strings.ToLower(name), strings.TrimSpace(value)
		if name == "x-amz-trailer-signature" {
			c.want = value
			continue
		}
		c.Trailer.Add(name, value)
		c.sum.Write([]byte(name + ":" + value + "\n"))
	}
	return refuse(CodeIncomplete, "The body has more than %d trailers", maxTrailers)
}

// line reads one line without its end.
func (c *ChunkReader) line() (string, error) {
	var b []byte
	for {
		part, err := c.src.ReadSlice('\n')
		b = append(b, part...)
		switch {
		case len(b) > maxChunkLine:
			return "", refuse(CodeIncomplete, "A chunk's first line is too long")
		case err == nil:
			return strings.TrimSuffix(string(b[:len(b)-1]), "\r"), nil
		case errors.Is(err, io.EOF):
			return "", io.ErrUnexpectedEOF
		case !errors.Is(err, bufio.ErrBufferFull):
			return "", err
		}
	}
}
