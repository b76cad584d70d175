package wire_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/aws/fault"
	"postern/aws/wire"
)

// The shapes of a service of our own, in both REST protocols.

type pair struct{ Key, Value *string }

type putInput struct {
	Bucket *string           `http:"label"`
	Key    *string           `http:"label"`
	Count  *int32            `http:"query=max-keys"`
	Names  []string          `http:"query=name"`
	Since  *time.Time        `http:"query=since"`
	Deep   *bool             `http:"query=deep"`
	More   map[string]string `http:"queries"`
	ACL    *string           `http:"header=x-amz-acl"`
	Size   *int64            `http:"header=x-amz-size"`
	Until  *time.Time        `http:"header=x-amz-until"`
	Meta   map[string]string `http:"headers=x-amz-meta-"`
	Body   io.Reader         `http:"payload"`
}

type putOutput struct {
	Status   *int32            `http:"status"`
	ETag     *string           `http:"header=ETag"`
	Size     *int64            `http:"header=x-amz-size"`
	Modified *time.Time        `http:"header=Last-Modified"`
	Meta     map[string]string `http:"headers=x-amz-meta-"`
	Body     []byte            `http:"payload"`
}

type setThingInput struct {
	_      struct{} `wire:"root=SetThingRequest"`
	Bucket *string  `http:"label"`
	Kind   *string  `http:"header=x-amz-kind"`
	Note   *string
	Count  *int32
	Rate   *float64
	When   *time.Time
	Data   []byte
	Deep   *bool
	Names  []string
	Items  []string `wire:"item=Item"`
	Flat   []pair   `wire:"flat"`
	Labels map[string]string
	One    *pair
}

type setThingOutput struct {
	Kind   *string `http:"header=x-amz-kind"`
	Note   *string
	Count  *int32
	Rate   *float64
	When   *time.Time
	Data   []byte
	Deep   *bool
	Names  []string
	Items  []string `wire:"item=Item"`
	Flat   []pair   `wire:"flat"`
	Labels map[string]string
	One    *pair
}

type tagging struct {
	TagSet []pair `wire:"item=Tag"`
}

type tagInput struct {
	Bucket  *string  `http:"label"`
	Tagging *tagging `http:"payload"`
}

type tagOutput struct {
	Tagging *tagging `http:"payload"`
}

const thingsNamespace = "https://things.example/doc/"

func restCodec[In, Out any](p wire.Protocol, operation, pattern string) *wire.Codec {
	return &wire.Codec{
		Protocol: p, Operation: operation, Pattern: pattern, Namespace: thingsNamespace,
		Input: reflect.TypeFor[In](), Output: reflect.TypeFor[Out](),
	}
}

// things are the codecs of the service's operations.
func things(p wire.Protocol) map[string]*wire.Codec {
	return map[string]*wire.Codec{
		"PutThing": restCodec[putInput, putOutput](p, "PutThing", "PUT /{Bucket}/{Key+}?thing"),
		"SetThing": restCodec[setThingInput, setThingOutput](p, "SetThing", "POST /set/{Bucket}"),
		"TagThing": restCodec[tagInput, tagOutput](p, "TagThing", "PUT /tags/{Bucket}"),
	}
}

var restProtocols = map[string]wire.Protocol{"rest-xml": wire.RESTXML, "rest-json": wire.RESTJSON}

func p[T any](v T) *T { return &v }

var thingTime = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// asked are the inputs that the golden requests hold.
func asked() map[string]any {
	return map[string]any{
		"PutThing": &putInput{
			Bucket: p("a b"), Key: p("x/y z/ä+&?=%"), Count: p(int32(7)), Names: []string{"one", "two & three"},
			Since: &thingTime, Deep: p(true), More: map[string]string{"zone": "a=b", "edge": "é"}, ACL: p("private"),
			Size: p(int64(1 << 40)), Until: &thingTime, Meta: map[string]string{"owner": "ann", "site": "works"},
			Body: io.NopCloser(strings.NewReader("\x00bytes")),
		},
		"SetThing": &setThingInput{
			Bucket: p("b"), Kind: p("k"), Note: p(`a <b> & "c"`), Count: p(int32(-3)), Rate: p(1.5), When: &thingTime,
			Data: []byte{0, 1}, Deep: p(false), Names: []string{"a", "b"}, Items: []string{"c"},
			Flat: []pair{{p("k"), p("v")}, {p("l"), p("w")}}, Labels: map[string]string{"x": "1"},
			One: &pair{p("k"), p("v")},
		},
		"TagThing": &tagInput{Bucket: p("b"), Tagging: &tagging{TagSet: []pair{{p("k"), p("v")}}}},
	}
}

// recorded reads a request that a client wrote.
func recorded(t *testing.T, file string) *wire.Message {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "http", file))
	if err != nil {
		t.Fatal(err)
	}
	_, request, _ := strings.Cut(string(text), "\n\n")
	head, body, _ := strings.Cut(request, "\n\n")
	lines := strings.Split(head, "\n")
	m := &wire.Message{Header: http.Header{}, Body: []byte(body)}
	method, uri, _ := strings.Cut(lines[0], " ")
	m.Method = method
	m.Path, m.Query, _ = strings.Cut(uri, "?")
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ": ")
		m.Header.Add(name, value)
	}
	return m
}

// streams compares streams by what they hold.
var streams = cmp.Options{
	cmp.FilterValues(func(a, b io.Reader) bool { return true }, cmp.Comparer(func(a, b io.Reader) bool {
		if a == nil || b == nil {
			return a == nil && b == nil
		}
		x, _ := io.ReadAll(a)
		y, _ := io.ReadAll(b)
		return bytes.Equal(x, y)
	})),
	cmp.AllowUnexported(setThingInput{}),
}

// receive reads a request as a server does.
func receive(t *testing.T, c *wire.Codec, m *wire.Message) (any, error) {
	t.Helper()
	pattern, err := wire.ParsePattern(c.Pattern)
	if err != nil {
		t.Fatal(err)
	}
	labels, ok := pattern.Match(m)
	if !ok {
		t.Fatalf("%s does not match %s %s?%s", c.Pattern, m.Method, m.Path, m.Query)
	}
	in := reflect.New(c.Input).Interface()
	return in, c.DecodeRequest(m, func(name string) string { return labels[name] }, in)
}

// TestClientsRequests reads requests that botocore wrote, and writes the same ones.
func TestClientsRequests(t *testing.T) {
	for name, protocol := range restProtocols {
		for operation, c := range things(protocol) {
			t.Run(name+"/"+operation, func(t *testing.T) {
				m := recorded(t, name+"_"+operation+".txt")
				read := *m
				if c.TakesStream() {
					read.Stream, read.Body = io.NopCloser(bytes.NewReader(m.Body)), nil
				}
				in, err := receive(t, c, &read)
				if err != nil {
					t.Fatal(err)
				}
				want := asked()[operation]
				if put, ok := want.(*putInput); ok { // a map of parameters holds all of them
					put.More = map[string]string{
						"thing": "", "max-keys": "7", "name": "one", "since": "2026-01-02T03:04:05Z", "deep": "true",
						"zone": "a=b", "edge": "é",
					}
				}
				if diff := cmp.Diff(want, in, streams); diff != "" {
					t.Error(diff)
				}
				wrote, err := c.EncodeRequest(asked()[operation])
				if err != nil {
					t.Fatal(err)
				}
				sameRequest(t, protocol, m, wrote)
			})
		}
	}
}

func sameRequest(t *testing.T, protocol wire.Protocol, want, got *wire.Message) {
	t.Helper()
	if got.Stream != nil {
		got.Body, _ = io.ReadAll(got.Stream)
	}
	sorted := func(q string) map[string]int {
		out := map[string]int{}
		for part := range strings.SplitSeq(q, "&") {
			out[part]++
		}
		return out
	}
	if got.Method != want.Method || got.Path != want.Path {
		t.Errorf("%s %s, want %s %s", got.Method, got.Path, want.Method, want.Path)
	}
	if diff := cmp.Diff(sorted(want.Query), sorted(got.Query)); diff != "" {
		t.Error(diff)
	}
	if want.Header.Get("Content-Type") == "" { // botocore leaves it to what sends
		got.Header.Del("Content-Type")
	}
	header := http.Header{}
	for name, values := range got.Header {
		header[http.CanonicalHeaderKey(name)] = values
	}
	if diff := cmp.Diff(want.Header, header); diff != "" {
		t.Error(diff)
	}
	body := strings.TrimPrefix(string(got.Body), `<?xml version="1.0" encoding="UTF-8"?>`+"\n")
	if protocol == wire.RESTJSON && strings.HasPrefix(body, "{") {
		var a, b any
		if json.Unmarshal(got.Body, &a) != nil || json.Unmarshal(want.Body, &b) != nil || !reflect.DeepEqual(a, b) {
			t.Errorf("%s\nwant %s", got.Body, want.Body)
		}
	} else if unquoted(body) != unquoted(string(want.Body)) {
		t.Errorf("%s\nwant %s", body, want.Body)
	}
}

// unquoted writes quotes as they are: within an element they need no escape.
func unquoted(s string) string { return strings.ReplaceAll(s, "&quot;", `"`) }

// told are outputs and what botocore reads of the answers that hold them.
func told() map[string]any {
	return map[string]any{
		"PutThing": &putOutput{
			Status: p(int32(206)), ETag: p(`"abc"`), Size: p(int64(6)), Modified: &thingTime,
			Meta: map[string]string{"owner": "ann"}, Body: []byte("\x00bytes"),
		},
		"SetThing": &setThingOutput{
			Kind: p("k"), Note: p(`a <b> & "c"`), Count: p(int32(-3)), Rate: p(1.5), When: &thingTime, Data: []byte{0, 1},
			Deep: p(false), Names: []string{"a", "b"}, Items: []string{"c"},
			Flat: []pair{{p("k"), p("v")}, {p("l"), p("w")}}, Labels: map[string]string{"x": "1"},
			One: &pair{p("k"), p("v")},
		},
		"TagThing": &tagOutput{Tagging: &tagging{TagSet: []pair{{p("k"), p("v")}}}},
	}
}

// TestClientsReadAnswers holds the answers against those of which botocore has told what it reads: the head of each
// says it.
func TestClientsReadAnswers(t *testing.T) {
	for name, protocol := range restProtocols {
		for operation, c := range things(protocol) {
			text, err := os.ReadFile(filepath.Join("testdata", "http", name+"_"+operation+"_answer.txt"))
			if err != nil {
				t.Fatal(err)
			}
			_, want, _ := strings.Cut(string(text), "\n\n")
			m, err := c.EncodeAnswer(told()[operation])
			if err != nil {
				t.Fatal(err)
			}
			got := fmt.Sprintf("%d\n", m.Status)
			for _, header := range slices.Sorted(maps.Keys(m.Header)) {
				got += header + ": " + m.Header[header][0] + "\n"
			}
			if diff := cmp.Diff(want, got+"\n"+string(m.Body)); diff != "" {
				t.Errorf("%s %s: %s", name, operation, diff)
			}
		}
	}
}

// TestAnswersRoundTrip: what is written into an answer is read out of it.
func TestAnswersRoundTrip(t *testing.T) {
	for name, protocol := range restProtocols {
		for operation, c := range things(protocol) {
			out := told()[operation]
			m, err := c.EncodeAnswer(out)
			if err != nil {
				t.Fatal(err)
			}
			got := reflect.New(c.Output).Interface()
			if err := c.DecodeResponse(m, got); err != nil {
				t.Fatal(err)
			}
			if put, ok := out.(*putOutput); !ok || put.Status == nil {
				if m.Status != http.StatusOK {
					t.Errorf("%s %s: status %d", name, operation, m.Status)
				}
			}
			if diff := cmp.Diff(out, got, streams); diff != "" {
				t.Errorf("%s %s: %s", name, operation, diff)
			}
		}
	}
}

// TestBadRequests: what does not fit is refused by the member's name.
func TestBadRequests(t *testing.T) {
	put := func(query string, header ...string) *wire.Message {
		m := &wire.Message{Method: "PUT", Path: "/b/k", Query: "thing&" + query, Header: http.Header{}}
		for i := 0; i < len(header); i += 2 {
			m.Header.Add(header[i], header[i+1])
		}
		return m
	}
	set := func(body string) *wire.Message {
		return &wire.Message{Method: "POST", Path: "/set/b", Header: http.Header{}, Body: []byte(body)}
	}
	for _, tt := range []struct {
		operation string
		protocol  wire.Protocol
		m         *wire.Message
		code      string
		says      string
	}{
		{"PutThing", wire.S3, put("max-keys=x"), "InvalidArgument", "Count"},
		{"PutThing", wire.S3, put("max-keys=+1"), "InvalidArgument", "Count"},
		{"PutThing", wire.S3, put("max-keys=%2B1"), "InvalidArgument", "Count"},
		{"PutThing", wire.S3, put("max-keys=1&max-keys=2"), "InvalidArgument", "more than once"},
		{"PutThing", wire.S3, put("deep=TRUE"), "InvalidArgument", "Deep"},
		{"PutThing", wire.RESTJSON, put("since=yesterday"), "SerializationException", "Since"},
		{"PutThing", wire.RESTJSON, put("", "x-amz-until", "2026-01-02T03:04:05Z"), "SerializationException", "Until"},
		{"PutThing", wire.RESTXML, put("", "x-amz-size", "1.5"), "InvalidParameterValue", "Size"},
		{"SetThing", wire.S3, set("<SetThingRequest><Note>"), "MalformedXML", "not XML"},
		{"SetThing", wire.S3, set("<Other/>"), "MalformedXML", "Other"},
		{
			"SetThing", wire.RESTXML, set("<SetThingRequest><Count>x</Count></SetThingRequest>"), "InvalidParameterValue",
			"Count",
		},
		{"SetThing", wire.RESTXML, set(strings.Repeat("<SetThingRequest>", 2) + "{}"), "MalformedInput", "not XML"},
		{"SetThing", wire.RESTJSON, set(`{"Count":"x"}`), "SerializationException", "Count"},
	} {
		_, err := receive(t, things(tt.protocol)[tt.operation], tt.m)
		if f := fault.Of(err); err == nil || f.Code != tt.code || !strings.Contains(f.Message, tt.says) {
			t.Errorf("%v %s %q: %v, want %s and %q", tt.protocol, tt.m.Query, tt.m.Body, err, tt.code, tt.says)
		}
	}
	unknown := restCodec[tagInput, tagOutput](wire.S3, "TagThing", "PUT /tags/{Bucket}")
	_, err := receive(
		t, unknown, &wire.Message{Method: "PUT", Path: "/tags/b", Query: "x-id=TagThing&acl", Header: http.Header{}},
	)
	if fault.Of(err).Code != "InvalidArgument" || !strings.Contains(fault.Of(err).Message, "acl") {
		t.Errorf("a parameter that the operation does not have: %v", err)
	}
}

// TestBadTables: a member in a place where it cannot stand, and a label without a member, are found when the table is
// made ready.
func TestBadTables(t *testing.T) {
	type noLabel struct{}
	type listLabel struct {
		Bucket []string `http:"label"`
	}
	type twoPayloads struct {
		A []byte `http:"payload"`
		B []byte `http:"payload"`
	}
	type beside struct {
		A []byte `http:"payload"`
		B *string
	}
	type nowhere struct {
		A *string `http:"cookie"`
	}
	type stream struct{ A io.Reader }
	type date struct {
		A *time.Time `http:"query,rfc822"`
	}
	for _, tt := range []struct {
		c    *wire.Codec
		says string
	}{
		{restCodec[noLabel, noLabel](wire.S3, "X", "GET /{Bucket}"), "no member at the label Bucket"},
		{restCodec[listLabel, noLabel](wire.S3, "X", "GET /{Bucket}"), "cannot stand there"},
		{restCodec[listLabel, noLabel](wire.S3, "X", "GET"), "is not METHOD /path"},
		{restCodec[twoPayloads, noLabel](wire.S3, "X", "GET /"), "two payloads"},
		{restCodec[beside, noLabel](wire.S3, "X", "GET /"), "beside its payload"},
		{restCodec[nowhere, noLabel](wire.S3, "X", "GET /"), "names no place"},
		{restCodec[stream, noLabel](wire.S3, "X", "GET /"), "cannot stand there"},
		{restCodec[date, noLabel](wire.S3, "X", "GET /"), "no format of times"},
		{restCodec[tagInput, noLabel](wire.S3, "X", "GET /"), "has no label Bucket"},
	} {
		if err := tt.c.Prepare(); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s %s: %v, want %q", tt.c.Pattern, tt.c.Input, err, tt.says)
		}
	}
}
