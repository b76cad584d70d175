package wire_test

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"postern/aws/wire"
)

// s3Golden is S3's client behind an in-memory transport that answers messages.
func s3Golden(t *s3Transport) golden {
	cfg := aws.Config{
		Region: "us-east-1", HTTPClient: t,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKIATEST", SecretAccessKey: "secret"}, nil
		}),
		Retryer: func() aws.Retryer { return aws.NopRetryer{} },
	}
	client := s3.NewFromConfig(cfg, func(o *s3.Options) {
		o.UsePathStyle, o.BaseEndpoint = true, aws.String("https://postern.test")
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
	})
	return golden{name: "s3", protocol: wire.S3, client: reflect.ValueOf(client)}
}

type s3Transport struct{ answer *wire.Message }

func (t *s3Transport) Do(r *http.Request) (*http.Response, error) {
	body := io.NopCloser(bytes.NewReader(t.answer.Body))
	if t.answer.Stream != nil {
		body = t.answer.Stream
	}
	return &http.Response{StatusCode: t.answer.Status, Request: r, Header: t.answer.Header, Body: body}, nil
}

func s3Codec(g golden, operation string) *wire.Codec {
	c := g.codec(operation)
	c.Pattern, c.Namespace = wire.Path("s3", operation), "http://s3.amazonaws.com/doc/2006-03-01/"
	return c
}

// s3Misses are answers that cannot be compared, with the reason.
var s3Misses = map[string]string{
	"SelectObjectContent":    "its answer is a stream of events",
	"ListDirectoryBuckets":   "the SDK's client sends it for S3 Express only",
	"WriteGetObjectResponse": "the SDK's client makes a host of one of the members",
}

// readMessage reads a request of the SDK's snapshots. The bucket, which the SDK writes into the host, is put into the
// path.
func readMessage(snapshot []byte, bucket bool) *wire.Message {
	line, rest, _ := strings.Cut(string(snapshot), "\n\n")
	head, body, _ := strings.Cut(rest, "\n\n")
	method, uri, _ := strings.Cut(line, " ")
	m := &wire.Message{Method: method, Header: http.Header{}, Body: []byte(body)}
	m.Path, m.Query, _ = strings.Cut(uri, "?")
	if bucket {
		m.Path = strings.TrimSuffix("/__Bucket__"+m.Path, "/")
	}
	for field := range strings.SplitSeq(head, "\n") {
		if name, value, ok := strings.Cut(field, ": "); ok {
			m.Header.Set(name, value)
		}
	}
	return m
}

// TestEveryRequestOfS3IsRead: what the SDK writes is read, all of it, and written again as the SDK wrote it.
func TestEveryRequestOfS3IsRead(t *testing.T) {
	g := s3Golden(&s3Transport{})
	snapshots := g.snapshots(t, "request_snapshot", ".request.snap")
	misses := map[string]string{"UpdateObjectEncryption": "its union's member is not named as its variant"}
	count(t, snapshots, misses, func(operation string) error {
		codec := s3Codec(g, operation)
		if err := codec.Prepare(); err != nil {
			return err
		}
		_, bucket := codec.Input.FieldByName("Bucket")
		want := readMessage(snapshots[operation], bucket)
		pattern, err := wire.ParsePattern(codec.Pattern)
		if err != nil {
			return err
		}
		labels, ok := pattern.Match(want)
		if !ok {
			return fmt.Errorf("%q does not match %s %s?%s", codec.Pattern, want.Method, want.Path, want.Query)
		}
		want.Stream = io.NopCloser(bytes.NewReader(want.Body))
		in := reflect.New(codec.Input).Interface()
		if err := codec.DecodeRequest(want, func(label string) string { return labels[label] }, in); err != nil {
			return err
		}
		got, err := codec.EncodeRequest(in)
		if err != nil {
			return err
		}
		if got.Stream != nil {
			got.Body, _ = io.ReadAll(got.Stream)
		}
		return differ(got, want)
	})
}

// differ compares messages. XML has the header that the SDK leaves out, and x-id is the SDK's own.
func differ(got, want *wire.Message) error {
	query := func(m *wire.Message) url.Values {
		values, err := url.ParseQuery(m.Query)
		if err != nil {
			return url.Values{"error": {err.Error()}}
		}
		values.Del("x-id")
		return values
	}
	for _, m := range []*wire.Message{got, want} {
		m.Body = bytes.TrimPrefix(m.Body, []byte("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"))
	}
	return errors.Join(
		differs("path", got.Method+" "+got.Path, want.Method+" "+want.Path),
		differs("query", query(got), query(want)),
		differs("header", canonical(got.Header), canonical(want.Header)),
		differs("body", ordered(got.Body), ordered(want.Body)),
	)
}

// ordered is an XML document whose elements stand in the order of their texts: the order of members makes no
// difference. What is no XML stays as it is.
func ordered(body []byte) string {
	d := xml.NewDecoder(bytes.NewReader(body))
	texts := [][]string{nil}
	for {
		token, err := d.Token()
		top := len(texts) - 1
		switch token := token.(type) {
		case xml.StartElement:
			texts = append(texts, []string{fmt.Sprint("<", token.Name.Local, token.Attr, ">")})
		case xml.CharData:
			texts[top] = append(texts[top], strings.ReplaceAll(string(token), ".000Z", "Z"))
		case xml.EndElement:
			slices.Sort(texts[top][1:])
			texts[top-1] = append(texts[top-1], strings.Join(texts[top], "")+"</>")
			texts = texts[:top]
		}
		if err != nil {
			if errors.Is(err, io.EOF) && len(texts) == 1 {
				return strings.Join(texts[0], "")
			}
			return string(body)
		}
	}
}

func differs(what string, got, want any) error {
	if diff := cmp.Diff(want, got, exported); diff != "" {
		return fmt.Errorf("%s differs:\n%s", what, diff)
	}
	return nil
}

func canonical(header http.Header) http.Header {
	out := http.Header{}
	for name, values := range header {
		out[http.CanonicalHeaderKey(name)] = values
	}
	return out
}

// TestTheSDKReadsEveryAnswerOfS3: what is written with every member set, the SDK reads.
func TestTheSDKReadsEveryAnswerOfS3(t *testing.T) {
	var net s3Transport
	g := s3Golden(&net)
	snapshots := g.snapshots(t, "request_snapshot", ".request.snap")
	count(t, snapshots, s3Misses, func(operation string) error {
		codec := s3Codec(g, operation)
		out, in := reflect.New(codec.Output), reflect.New(codec.Input)
		fill(out.Elem(), 0)
		fill(in.Elem(), 0)
		if f := in.Elem().FieldByName("Bucket"); f.IsValid() {
			f.Set(reflect.ValueOf(aws.String("bucket")))
		}
		if f := in.Elem().FieldByName("ChecksumAlgorithm"); f.IsValid() {
			f.SetString("CRC32")
		}
		if f := out.Elem().FieldByName("ExpiresString"); f.IsValid() {
			f.Set(reflect.ValueOf(aws.String("Sat, 01 Jan 2000 00:00:00 GMT")))
		}
		var err error
		if net.answer, err = codec.EncodeAnswer(out.Interface()); err != nil {
			return err
		}
		got, err := g.call(operation, in)
		if err != nil {
			return fmt.Errorf("%w\n%s", err, net.answer.Body)
		}
		read := drain(got.Elem())
		if net.answer.Stream != nil {
			net.answer.Stream = io.NopCloser(strings.NewReader(read))
		}
		own := reflect.New(codec.Output)
		if err := codec.DecodeResponse(net.answer, own.Interface()); err != nil {
			return err
		}
		got.Elem().FieldByName("ResultMetadata").SetZero()
		hasStream := net.answer.Stream != nil
		out.Elem().FieldByName("ResultMetadata").SetZero()
		_ = drain(out.Elem())
		return errors.Join(
			differs("what a stream holds", read, map[bool]string{true: "stream"}[hasStream]),
			differs("what we read", drain(own.Elem()), read),
			differs("answer", got.Interface(), out.Interface()),
			differs("the answer that we read", own.Interface(), out.Interface()),
		)
	})
}

// drain reads the streams of a structure and takes them out of it.
func drain(v reflect.Value) (text string) {
	for i := range v.NumField() {
		if !v.Type().Field(i).IsExported() {
			continue
		}
		if r, ok := v.Field(i).Interface().(io.Reader); ok {
			data, _ := io.ReadAll(r)
			text += string(data)
			v.Field(i).SetZero()
		}
	}
	return text
}

// TestRoutesOfS3: of all patterns, the one that says the most is the operation's own.
func TestRoutesOfS3(t *testing.T) {
	g := s3Golden(&s3Transport{})
	patterns := map[string]*wire.Pattern{}
	for _, operation := range wire.Operations("s3") {
		p, err := wire.ParsePattern(wire.Path("s3", operation))
		if err != nil {
			t.Fatal(err)
		}
		patterns[operation] = p
	}
	names := slices.SortedFunc(maps.Keys(patterns), func(a, b string) int {
		if c := patterns[a].Compare(patterns[b]); c != 0 {
			return c
		}
		return strings.Compare(a, b)
	})
	snapshots := g.snapshots(t, "request_snapshot", ".request.snap")
	misses := map[string]string{"ListDirectoryBuckets": "S3 Express answers it at a host of its own"}
	count(t, snapshots, misses, func(operation string) error {
		_, bucket := s3Codec(g, operation).Input.FieldByName("Bucket")
		m := readMessage(snapshots[operation], bucket)
		for _, name := range names {
			if _, ok := patterns[name].Match(m); ok {
				if name != operation {
					return fmt.Errorf("%s %s?%s is %s", m.Method, m.Path, m.Query, name)
				}
				return nil
			}
		}
		return errors.New("no pattern matches")
	})
}
