package ssmmessages

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
)

// bufferSize is the size of a channel's two buffers in bytes: what agents send when they are idle is small, and what is
// larger passes by a buffer. net/http's are 4 KiB each, which is most of what an idle channel would hold.
const bufferSize = 512

// slim is a ResponseWriter whose hijacked connection has small buffers.
type slim struct{ http.ResponseWriter }

var _ http.Hijacker = slim{}

// Hijack implements http.Hijacker.
func (s slim) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, wide, err := http.NewResponseController(s.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	// What net/http has read already must be in the new buffer: the WebSocket library takes it from there.
	read, err := wide.Peek(wide.Reader.Buffered())
	if err != nil {
		return nil, nil, errors.Join(err, conn.Close())
	}
	narrow := bufio.NewReaderSize(io.MultiReader(bytes.NewReader(read), conn), max(bufferSize, len(read)))
	if _, err := narrow.Peek(len(read)); err != nil {
		return nil, nil, errors.Join(err, conn.Close())
	}
	return conn, bufio.NewReadWriter(narrow, bufio.NewWriterSize(conn, bufferSize)), nil
}
