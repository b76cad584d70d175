package nodetest

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"postern/api/apitest"
	"postern/aws/sigv4"
	"postern/record"
	"postern/ssm"
)

// Replay sends a recorded request of the real agent as it is, with its own signature.
func (h *Harness) Replay(t testing.TB, e *apitest.Exchange) (status int, body string) {
	t.Helper()
	r, _ := e.ReadRequest(t)
	return (&Machine{client: h.Client(), url: h.everywhere, now: h.now, t: t}).replay(r)
}

// Replay sends a recorded request of the real agent as this machine: signed anew, because the secrets of the recording
// are gone, and otherwise as it was, but for the texts in the body that are to be replaced by others, in pairs.
func (m *Machine) Replay(e *apitest.Exchange, replace ...string) (status int, body string) {
	m.t.Helper()
	r, recorded := e.ReadRequest(m.t)
	text := []byte(strings.NewReplacer(replace...).Replace(string(recorded)))
	r.Header.Del("Content-Length")
	r.Header.Del("X-Amz-Security-Token")
	if r.ContentLength >= 0 {
		r.ContentLength = int64(len(text))
	}
	service, _, _ := strings.Cut(r.Host, ".")
	if r.Header.Get("Authorization") != "" {
		if err := sigv4.Sign(r, text, m.Credentials, m.target(service)); err != nil {
			m.t.Fatal(err)
		}
	}
	if r.Header.Get(sigv4.AsymmetricHeader) != "" {
		if err := sigv4.SignAsymmetric(r, m.Key); err != nil {
			m.t.Fatal(err)
		}
	}
	r.Body = io.NopCloser(bytes.NewReader(text))
	return m.replay(r)
}

func (m *Machine) replay(r *http.Request) (status int, body string) {
	m.t.Helper()
	service, _, _ := strings.Cut(r.Host, ".")
	at, err := url.Parse(m.url(service) + r.RequestURI)
	if err != nil {
		m.t.Fatal(err)
	}
	r.URL, r.RequestURI = at, ""
	return m.do(r)
}

// Masks leave out of two answers what is another at every call: times, tokens, ids that servers make.
type Masks []*regexp.Regexp

// Same compares an answer with the recorded one, byte for byte but for what the masks leave out.
func (masks Masks) Same(t testing.TB, e *apitest.Exchange, status int, body string) {
	t.Helper()
	got, want := body, e.AnswerBody()
	for _, m := range masks {
		got, want = m.ReplaceAllString(got, "…"), m.ReplaceAllString(want, "…")
	}
	if status != e.AnswerStatus() || got != want {
		t.Errorf("got  %d %s\nwant %d %s", status, got, e.AnswerStatus(), want)
	}
}

// Rename gives a registered node another id, such as one that a recording is about.
func (h *Harness) Rename(t testing.TB, from, to string) {
	t.Helper()
	key := record.Key{Kind: ssm.KindNode, ID: from}
	err := h.Records.Update(t.Context(), []record.Key{key}, func(found []record.Record) ([]record.Change, error) {
		renamed := found[0]
		renamed.ID, renamed.Body = to, bytes.ReplaceAll(renamed.Body, []byte(from), []byte(to))
		return []record.Change{{Record: renamed}, {Record: found[0], Delete: true}}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
