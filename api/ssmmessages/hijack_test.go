package ssmmessages

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

// An agent need not wait for the answer before it speaks: what net/http has read with the request is not lost, however
// long it is.
func TestWhatWasReadWithTheRequestIsNotLost(t *testing.T) {
	for _, size := range []int{1, 100, 3 * bufferSize} {
		got := make(chan string, 1)
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			conn, err := websocket.Accept(slim{w}, r, nil)
			if err != nil {
				got <- err.Error()
				return
			}
			defer conn.CloseNow()
			_, text, err := conn.Read(context.Background())
			if err != nil {
				got <- err.Error()
				return
			}
			got <- string(text)
		}))
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		text := strings.Repeat("x", size)
		// A text frame with a mask of zeros (RFC 6455, 5.2).
		frame := append([]byte{0x81, 0x80 | 126, byte(size >> 8), byte(size), 0, 0, 0, 0}, text...)
		if size < 126 {
			frame = append([]byte{0x81, 0x80 | byte(size), 0, 0, 0, 0}, text...)
		}
		_, err = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"+string(frame))
		if err != nil {
			t.Fatal(err)
		}
		if read := <-got; read != text {
			t.Errorf("%d bytes were sent with the request, and what came is %q", size, read)
		}
		conn.Close()
		server.Close()
	}
}
