package client

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"postern/aws/sigv4"
	"postern/aws/wire"
)

// replayable reports whether a request can be sent again.
func replayable(m *wire.Message) bool {
	_, seeks := m.Stream.(io.Seeker)
	return m.Stream == nil || seeks
}

// exchange sends a request of a REST protocol once and reads the answer into out.
func (c *Client) exchange(ctx context.Context, codec *wire.Codec, m *wire.Message, out any) error {
	r, err := c.request(ctx, m)
	if err != nil {
		return err
	}
	hash := sigv4.HashBody(m.Body)
	if m.Stream != nil {
		hash = sigv4.UnsignedPayload
	}
	if c.service.Protocol == wire.S3 {
		r.Header.Set("X-Amz-Content-Sha256", hash)
	}
	if err := c.sign(ctx, r, hash); err != nil {
		return err
	}
	answer, err := c.send(ctx, r)
	if err != nil {
		return err
	}
	back := &wire.Message{Status: answer.StatusCode, Header: answer.Header}
	good := answer.StatusCode/100 == 2
	if good && codec.AnswersStream() {
		back.Stream = answer.Body
		return codec.DecodeResponse(back, out)
	}
	if back.Body, err = c.readAll(ctx, codec.Operation, answer); err != nil {
		return err
	}
	if !good {
		return newError(codec.Operation, c.service.Protocol.ReadFailure(answer.StatusCode, answer.Header, back.Body))
	}
	return codec.DecodeResponse(back, out)
}

// request makes the HTTP request of a message. The length of a stream is what the message says, or what seeking finds.
func (c *Client) request(ctx context.Context, m *wire.Message) (*http.Request, error) {
	where, err := url.Parse(strings.TrimSuffix(c.url, "/") + m.Path)
	if err != nil {
		return nil, fmt.Errorf("endpoint %s: %w", c.url, err)
	}
	where.RawQuery = m.Query
	r, err := http.NewRequestWithContext(ctx, m.Method, where.String(), bytes.NewReader(m.Body))
	if err != nil {
		return nil, fmt.Errorf("endpoint %s: %w", c.url, err)
	}
	r.Header = m.Header.Clone()
	r.Header.Set("User-Agent", "postern")
	if m.Stream == nil {
		return r, nil
	}
	r.Body, r.GetBody = m.Stream, nil
	r.ContentLength = -1
	if s, ok := m.Stream.(io.Seeker); ok {
		if r.ContentLength, err = s.Seek(0, io.SeekEnd); err == nil {
			_, err = s.Seek(0, io.SeekStart)
		}
		r.Body = io.NopCloser(m.Stream) // the transport closes what it has sent, and it may have to be sent again
	}
	return r, err
}
