package s3

import (
	"context"
	"encoding/xml"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"postern/api"
	"postern/aws/fault"
	"postern/aws/service/s3/types"
	"postern/aws/wire"
	"postern/services/s3"
)

// maxError is how much of an error is read, in bytes.
const maxError = 64 << 10

// ownHeaders lists the headers of requests that are answered here and mean nothing where objects are.
var ownHeaders = []string{
	"X-Amz-Acl", "X-Amz-Expected-Bucket-Owner", "X-Amz-Source-Expected-Bucket-Owner", "X-Amz-Request-Payer",
	"X-Amz-Server-Side-Encryption", "X-Amz-Server-Side-Encryption-Bucket-Key-Enabled", "X-Amz-Storage-Class",
	"X-Amz-Optional-Object-Attributes", "Content-Length",
}

// forward has an operation done where objects are. body is an object, or nil.
func forward[In, Out any](ctx context.Context, s *service, c *api.Call, in *In, body *object) (*Out, error) {
	codec := operationOf[In](c).Codec()
	m, err := codec.EncodeRequest(in)
	if err != nil {
		return nil, err
	}
	for _, name := range ownHeaders {
		m.Header.Del(name)
	}
	if coding := m.Header.Get("Content-Encoding"); coding != "" {
		m.Header.Del("Content-Encoding")
		if coding = withoutChunks(coding); coding != "" {
			m.Header.Set("Content-Encoding", coding)
		}
	}
	if attributes := m.Header.Get("X-Amz-Object-Attributes"); attributes != "" { // the store takes no spaces there
		m.Header.Set("X-Amz-Object-Attributes", strings.ReplaceAll(attributes, " ", ""))
	}
	if body == nil {
		m.Header.Del("X-Amz-Sdk-Checksum-Algorithm") // of the client's document, which was held against it
	}
	answer, err := s.upstream(ctx, m, body) //nolint:bodyclose // decode closes it
	if err != nil {
		return nil, err
	}
	return decode[Out](c, codec, answer)
}

// keepAt is forward for what is kept as an object or a part: its answer says how that is encrypted.
func keepAt[In, Out any](
	ctx context.Context, s *service, c *api.Call, in *In, body *object, by func(*Out) *types.ServerSideEncryption,
) (*Out, error) {
	out, err := forward[In, Out](ctx, s, c, in, body)
	if err != nil {
		return nil, err
	}
	*by(out) = types.ServerSideEncryptionAes256
	return out, nil
}

// operationOf is the call's operation, or the one whose input is In where the call's is none of the SDK's.
func operationOf[In any](c *api.Call) *api.Operation {
	input := reflect.TypeFor[In]()
	if c.Operation.Input() == input {
		return c.Operation
	}
	all := c.Service.Operations
	return &all[slices.IndexFunc(all, func(op api.Operation) bool { return op.Input() == input })]
}

// withoutChunks takes the coding in which a body travelled out of what the object is coded in.
func withoutChunks(coding string) string {
	parts := strings.Split(coding, ",")
	parts = slices.DeleteFunc(parts, func(part string) bool { return strings.TrimSpace(part) == "aws-chunked" })
	return strings.TrimSpace(strings.Join(parts, ","))
}

// decode reads an answer. A stream is the caller's to close.
func decode[Out any](c *api.Call, codec *wire.Codec, answer *http.Response) (*Out, error) {
	m := &wire.Message{Status: answer.StatusCode, Header: answer.Header}
	good := answer.StatusCode/100 == 2
	if good && codec.AnswersStream() {
		m.Stream = answer.Body
	} else {
		defer answer.Body.Close()
	}
	if !good {
		return nil, refused(c, answer)
	}
	if answer.StatusCode == http.StatusPartialContent && codec == c.Operation.Codec() {
		c.SetStatus(http.StatusPartialContent)
	}
	if m.Stream == nil {
		var err error
		if m.Body, err = io.ReadAll(answer.Body); err != nil {
			return nil, fault.New(fault.Unavailable, "s3", "the answer of the object store broke off: %w", err)
		}
	}
	if coding := m.Header.Get("Content-Encoding"); coding != "" {
		m.Header.Set("Content-Encoding", withoutChunks(coding))
	}
	out := new(Out)
	if err := codec.DecodeResponse(m, out); err != nil {
		if m.Stream != nil {
			m.Stream.Close()
		}
		return nil, err
	}
	return out, nil
}

// exists sees that an object, or one of its versions, is there.
func (s *service) exists(ctx context.Context, c *api.Call, key string, version *string) error {
	query := url.Values{}
	if version != nil {
		query.Set("versionId", *version)
	}
	m := &wire.Message{Method: http.MethodHead, Header: http.Header{}, Query: query.Encode()}
	m.Path = s3.URL(c.PathValue("Bucket"), key, nil).EscapedPath()
	answer, err := s.upstream(ctx, m, nil)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode/100 != 2 {
		return refused(c, answer)
	}
	return nil
}

// kinds are the kinds of errors by their status.
var kinds = map[int]fault.Kind{
	http.StatusForbidden:           fault.Denied,
	http.StatusNotFound:            fault.NotFound,
	http.StatusConflict:            fault.Conflict,
	http.StatusInternalServerError: fault.Internal,
	http.StatusNotImplemented:      fault.NotImplemented,
	http.StatusServiceUnavailable:  fault.Unavailable,
	http.StatusInsufficientStorage: fault.Unavailable,
}

// codes are the codes of answers without a body, as those to HEAD are.
var codes = map[int]string{
	http.StatusNotModified:                  "NotModified",
	http.StatusNotFound:                     "NoSuchKey",
	http.StatusMethodNotAllowed:             "MethodNotAllowed",
	http.StatusPreconditionFailed:           "PreconditionFailed",
	http.StatusRequestedRangeNotSatisfiable: "InvalidRange",
}

// told are the headers of a refusal that clients are told too.
var told = []string{"ETag", "Last-Modified", "X-Amz-Delete-Marker", "X-Amz-Version-Id", "Allow"}

// details are the elements of a refusal that clients are told. Names of buckets are not among them: they are others
// where objects are.
var details = []string{
	"Key", "VersionId", "UploadId", "PartNumber", "ETag", "Condition", "ArgumentName", "ArgumentValue",
	"ActualObjectSize", "RangeRequested", "MinSizeAllowed", "MaxSizeAllowed", "ProposedSize", "Method", "ResourceType",
}

// refused makes a fault of an error, and tells clients what headers say of it.
func refused(c *api.Call, answer *http.Response) error {
	for _, name := range told {
		if value := answer.Header.Get(name); value != "" {
			c.SetHeader(name, value)
		}
	}
	return refusedQuietly(answer)
}

// refusedQuietly makes a fault of an error.
func refusedQuietly(answer *http.Response) error {
	var e struct {
		Code, Message string
		Details       []struct {
			XMLName xml.Name
			Text    string `xml:",chardata"`
		} `xml:",any"`
	}
	// What cannot be read leaves the status.
	text, _ := io.ReadAll(io.LimitReader(answer.Body, maxError))
	_ = xml.Unmarshal(text, &e)
	kind, ok := kinds[answer.StatusCode]
	if !ok {
		kind = fault.Invalid
	}
	if e.Code == "" {
		e.Code, e.Message = codes[answer.StatusCode], http.StatusText(answer.StatusCode)
	}
	f := fault.New(kind, "s3.upstream", "%s", e.Message).WithCode(e.Code)
	for _, d := range e.Details {
		if slices.Contains(details, d.XMLName.Local) {
			f = f.With(d.XMLName.Local, d.Text)
		}
	}
	return f
}
