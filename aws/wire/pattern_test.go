package wire_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"postern/aws/wire"
)

func TestPatterns(t *testing.T) {
	for _, tt := range []struct {
		pattern, method, path, query string
		want                         string // labels, or "-"
	}{
		{"GET /", "GET", "/", "", "map[]"},
		{"GET /", "PUT", "/", "", "-"},
		{"GET /{B}", "GET", "/b", "", "map[B:b]"},
		{"GET /{B}", "GET", "/b/", "", "map[B:b]"},
		{"GET /{B}", "GET", "/b//", "", "-"},
		{"GET /{B}", "GET", "/", "", "-"},
		{"GET /{B}", "GET", "/b%2Fc", "", "map[B:b/c]"},
		{"GET /{B}", "GET", "/%ff", "", "-"},
		{"GET /{B}/{K+}", "GET", "/b/k", "", "map[B:b K:k]"},
		{"GET /{B}/{K+}", "GET", "/b/k/l//m/", "", "map[B:b K:k/l//m/]"},
		{"GET /{B}/{K+}", "GET", "/b/..%2F../k", "", "map[B:b K:../../k]"},
		{"GET /{B}/{K+}", "GET", "/b/", "", "-"},
		{"GET /{B}/{K+}", "GET", "/b", "", "-"},
		{"GET /a/{K+}/z", "GET", "/a/1/2/z", "", "map[K:1/2]"},
		{"GET /a/{K+}/z", "GET", "/a/z", "", "-"},
		{"GET /{B}?acl", "GET", "/b", "acl", "map[B:b]"},
		{"GET /{B}?acl", "GET", "/b", "acl=", "map[B:b]"},
		{"GET /{B}?acl", "GET", "/b", "ac", "-"},
		{"GET /{B}?list-type=2", "GET", "/b", "x=1&list-type=2", "map[B:b]"},
		{"GET /{B}?list-type=2", "GET", "/b", "list-type=1", "-"},
		{"GET /{B}?list-type=2", "GET", "/b", "list-type=%2", "-"},
	} {
		p, err := wire.ParsePattern(tt.pattern)
		if err != nil {
			t.Fatal(err)
		}
		got := "-"
		if labels, ok := p.Match(&wire.Message{Method: tt.method, Path: tt.path, Query: tt.query}); ok {
			got = fmt.Sprint(labels)
		}
		if got != tt.want {
			t.Errorf("%s for %s %s?%s: %s, want %s", tt.pattern, tt.method, tt.path, tt.query, got, tt.want)
		}
	}
	for _, bad := range []string{
		"", "GET", "GET b", "GET /{B", "GET /{}", "GET /a{B}", "GET /{A+}/{B+}", "GET /{A}/{A}", " /",
	} {
		if _, err := wire.ParsePattern(bad); err == nil {
			t.Errorf("%q is a pattern", bad)
		}
	}
}

// TestPatternsThatSayMoreComeFirst: whichever order they are written in.
func TestPatternsThatSayMoreComeFirst(t *testing.T) {
	want := []string{"GET /{B}?acl", "GET /a/b", "GET /a/{B}", "GET /a", "GET /{B}/{K+}", "GET /{B}", "GET /{K+}"}
	var patterns []*wire.Pattern
	texts := map[*wire.Pattern]string{}
	for _, text := range slices.Backward(want) {
		p, err := wire.ParsePattern(text)
		if err != nil {
			t.Fatal(err)
		}
		patterns, texts[p] = append(patterns, p), text
	}
	slices.SortStableFunc(patterns, (*wire.Pattern).Compare)
	var got []string
	for _, p := range patterns {
		got = append(got, texts[p])
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestRequestsRoundTrip: whatever a client's values are, the server reads them.
func TestRequestsRoundTrip(t *testing.T) {
	word := rapid.StringMatching(`[a-z A-Z0-9/+&=%?#"',;\\äé€-]{1,8}`)
	header := rapid.StringMatching(`[a-zA-Z0-9/+&=%?#,;"\\-]{1,8}`)
	type listInput struct {
		Bucket *string     `http:"label"`
		Key    *string     `http:"label"`
		Tags   []string    `http:"header=x-amz-tags"`
		Sizes  []int64     `http:"header=x-amz-sizes"`
		Dates  []time.Time `http:"header=x-amz-dates"`
		Names  []string    `http:"query=name"`
		Rates  []float64   `http:"query=rate"`
		Epoch  *time.Time  `http:"query=epoch,epoch-seconds"`
		Body   io.Reader   `http:"payload"`
	}
	c := restCodec[listInput, tagOutput](wire.S3, "Put", "PUT /{Bucket}/{Key+}?put")
	rapid.Check(t, func(r *rapid.T) {
		when := rapid.Map(rapid.Int64Range(0, 4e9), func(n int64) time.Time { return time.Unix(n, 0).UTC() })
		in := &listInput{
			Bucket: p(word.Draw(r, "bucket")), Key: p(word.Draw(r, "key")),
			Tags:  rapid.SliceOfN(header, 1, 4).Draw(r, "tags"),
			Sizes: rapid.SliceOfN(rapid.Int64(), 1, 3).Draw(r, "sizes"),
			Dates: rapid.SliceOfN(when, 1, 3).Draw(r, "dates"),
			Names: rapid.SliceOfN(word, 1, 4).Draw(r, "names"),
			Rates: rapid.SliceOfN(rapid.Float64(), 1, 3).Draw(r, "rates"),
			Epoch: p(when.Draw(r, "epoch")),
			Body:  io.NopCloser(strings.NewReader("body")),
		}
		m, err := c.EncodeRequest(in)
		if err != nil {
			r.Fatal(err)
		}
		u, err := url.Parse("https://s3.example" + m.Path + "?" + m.Query) // as net/http does
		if err != nil {
			r.Fatal(err)
		}
		pattern, _ := wire.ParsePattern(c.Pattern)
		labels, ok := pattern.Match(&wire.Message{Method: m.Method, Path: u.EscapedPath(), Query: u.RawQuery})
		if !ok {
			r.Fatalf("%s does not match", m.Path)
		}
		got := new(listInput)
		if err := c.DecodeRequest(m, func(name string) string { return labels[name] }, got); err != nil {
			r.Fatal(err)
		}
		in.Body = io.NopCloser(strings.NewReader("body"))
		if diff := cmp.Diff(in, got, streams); diff != "" {
			r.Fatal(diff)
		}
	})
}

// TestAttributes: a member may be an attribute of its structure's element, as in S3's lists of grants.
func TestAttributes(t *testing.T) {
	type grantee struct {
		Type *string `json:"xsi:type" wire:"attribute"`
		ID   *string
	}
	type grant struct {
		Grantee *grantee
	}
	type output struct {
		_      struct{} `wire:"root=AccessControlPolicy"`
		Grants []grant  `wire:"item=Grant"`
	}
	c := restCodec[struct{}, output](wire.S3, "GetAcl", "GET /")
	want := &output{Grants: []grant{{&grantee{p(`Canonical"User`), p("1")}}, {&grantee{ID: p("2")}}}}
	m, err := c.EncodeAnswer(want)
	if err != nil {
		t.Fatal(err)
	}
	const text = `<AccessControlPolicy xmlns="https://things.example/doc/"><Grants><Grant>` +
		`<Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="Canonical&#34;User"><ID>1</ID></Grantee>` +
		`</Grant><Grant><Grantee><ID>2</ID></Grantee></Grant></Grants></AccessControlPolicy>`
	if _, body, _ := bytes.Cut(m.Body, []byte("\n")); string(body) != text {
		t.Errorf("%s\nwant %s", body, text)
	}
	got := new(output)
	if err := c.DecodeResponse(m, got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(output{})); diff != "" {
		t.Error(diff)
	}
}

// TestHeadersCannotBeSplit: what holds a line's end does not go into a header.
func TestHeadersCannotBeSplit(t *testing.T) {
	for _, out := range []*putOutput{
		{ETag: p("a\r\nSet-Cookie: b")},
		{Meta: map[string]string{"a": "b\nc"}},
		{Meta: map[string]string{"a: b\r\nc": "d"}},
	} {
		if m, err := things(wire.S3)["PutThing"].EncodeAnswer(out); err == nil {
			t.Errorf("%v", m.Header)
		}
	}
}

// FuzzDecodeRequest: whatever comes, the codec answers with a value that it can write again, or with a fault.
func FuzzDecodeRequest(f *testing.F) {
	f.Add(
		"/b/k", "thing&max-keys=1&name=a&name=b", "x-amz-size: 1\nx-amz-meta-a: b",
		"<SetThingRequest><Note>n</Note></SetThingRequest>", true,
	)
	f.Add("/set/b", "", "x-amz-kind: \"a, b\"", `{"Note":"n","Flat":[{"Key":"k"}],"When":1.5}`, false)
	f.Add(
		"/tags/b", "%zz", "x-amz-until: Fri, 02 Jan 2026 03:04:05 GMT", "<Tagging><TagSet><Tag/></TagSet></Tagging>", true,
	)
	f.Add("/%2e%2e/%2f", "since=2026-01-02T03:04:05Z&deep=false", "", "<a><![CDATA[x]]>", true)
	f.Fuzz(func(t *testing.T, path, query, headers, body string, isXML bool) {
		protocol := wire.RESTJSON
		if isXML {
			protocol = wire.S3
		}
		header := http.Header{}
		for line := range strings.SplitSeq(headers, "\n") {
			name, value, _ := strings.Cut(line, ": ")
			header.Add(name, value)
		}
		for operation, c := range things(protocol) {
			pattern, err := wire.ParsePattern(c.Pattern)
			if err != nil {
				t.Fatal(err)
			}
			labels, ok := pattern.Match(&wire.Message{Method: pattern.Method, Path: path, Query: query})
			if !ok {
				continue
			}
			in := reflect.New(c.Input).Interface()
			m := &wire.Message{Path: path, Query: query, Header: header, Body: []byte(body)}
			if c.DecodeRequest(m, func(name string) string { return labels[name] }, in) != nil {
				continue
			}
			if _, err := c.EncodeRequest(in); err != nil && !strings.Contains(err.Error(), "stand in a header") {
				t.Errorf("%s: %v", operation, err)
			}
		}
	})
}
