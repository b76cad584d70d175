package apitest

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"postern/ssm/mgs"
)

// Exchange is one request of the real agent and Postern's answer, as they were recorded: a golden file. Its head says
// who spoke, when and in which version, and what was replaced because it was secret.
type Exchange struct {
	// Head is the lines before the request, each beginning with "# ".
	Head string
	// Request and Answer are HTTP/1.1 messages whose body follows the header as it was, without transfer coding; a
	// request that came in chunks still says so in its header.
	Request, Answer []byte
	// Frames went over the WebSocket that the request opened.
	Frames []Frame
}

// Frame is one WebSocket message.
type Frame struct {
	// FromAgent tells the two sides apart, Text text from binary messages.
	FromAgent, Text bool
	Data            []byte
}

// Kind is "text", or the type of the AgentMessage.
func (f *Frame) Kind() string {
	if f.Text {
		return "text"
	}
	if m, err := mgs.Parse(f.Data); err == nil {
		return m.Type
	}
	return "unknown"
}

const frameHeader = 120 // of an AgentMessage, before its payload

// Format writes the exchange as a txtar archive.
func (e *Exchange) Format() []byte {
	a := &txtar.Archive{Comment: []byte(e.Head)}
	add := func(name string, data []byte) {
		a.Files = append(a.Files, txtar.File{Name: name, Data: append(slices.Clone(data), '\n')})
	}
	add("request", e.Request)
	add("answer", e.Answer)
	for _, f := range e.Frames {
		side := "service"
		if f.FromAgent {
			side = "agent"
		}
		data := f.Data
		if !f.Text {
			n := min(frameHeader, len(data))
			data = append([]byte(hex.EncodeToString(data[:n])+"\n"), data[n:]...)
		}
		add(side+" "+f.Kind(), data)
	}
	return txtar.Format(a)
}

// ReadGolden reads an exchange that Format has written.
func ReadGolden(t testing.TB, file string) *Exchange {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	a := txtar.Parse(text)
	e := &Exchange{Head: string(a.Comment)}
	for _, f := range a.Files {
		data := bytes.TrimSuffix(f.Data, []byte("\n"))
		switch f.Name {
		case "request":
			e.Request = data
		case "answer":
			e.Answer = data
		default:
			e.Frames = append(e.Frames, readFrame(t, f.Name, data))
		}
	}
	if e.Request == nil || e.Answer == nil || !strings.Contains(e.Head, "# who:") || !strings.Contains(e.Head, "# when:") {
		t.Fatalf("%s is no recorded exchange", file)
	}
	return e
}

func readFrame(t testing.TB, name string, data []byte) Frame {
	t.Helper()
	side, kind, _ := strings.Cut(name, " ")
	f := Frame{FromAgent: side == "agent", Text: kind == "text", Data: data}
	if f.Text {
		return f
	}
	head, payload, _ := bytes.Cut(data, []byte("\n"))
	header, err := hex.DecodeString(string(head))
	if err != nil {
		t.Fatalf("frame %s: %v", name, err)
	}
	f.Data = slices.Concat(header, payload)
	return f
}

// ReadRequest gives the recorded request and its body, ready to be sent to a handler. A request that came in chunks has
// no content length.
func (e *Exchange) ReadRequest(t testing.TB) (*http.Request, []byte) {
	t.Helper()
	head, body, ok := bytes.Cut(e.Request, []byte("\n\n"))
	if !ok {
		t.Fatal("the recorded request has no end of its header")
	}
	r, err := http.ReadRequest(
		bufio.NewReader(strings.NewReader(strings.ReplaceAll(string(head), "\n", "\r\n") + "\r\n\r\n")),
	)
	if err != nil {
		t.Fatal(err)
	}
	chunked := len(r.TransferEncoding) > 0
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	if chunked {
		r.ContentLength = -1
	}
	return r, body
}

// AnswerStatus and AnswerBody are the recorded answer's.
func (e *Exchange) AnswerStatus() (status int) {
	_, _ = fmt.Sscanf(string(e.Answer), "HTTP/1.1 %d", &status) // 0 is no status
	return status
}

// AnswerBody is the recorded answer's body.
func (e *Exchange) AnswerBody() string {
	_, body, _ := strings.Cut(string(e.Answer), "\n\n")
	return body
}
