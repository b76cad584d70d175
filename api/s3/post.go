package s3

import (
	"context"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/aws/fault"
	sdk "postern/aws/service/s3"
	"postern/aws/wire"
	"postern/services/s3"
)

// postObjectInput is a form that uploads its file. Browsers send it; the SDK has no operation for it. The fields of the
// form are what headers of PutObject are.
type postObjectInput struct {
	Bucket *string   `http:"label"`
	Body   io.Reader `http:"payload"`
}

type postObjectOutput struct {
	Body []byte `http:"payload"`
}

// fieldHeaders are the headers that fields of a form stand for, beside those that begin with "x-amz-".
var fieldHeaders = map[string]string{
	"X-Amz-Acl": "acl", "Cache-Control": "cache-control", "Content-Type": "content-type", "Content-Md5": "content-md5",
	"Content-Disposition": "content-disposition", "Content-Encoding": "content-encoding", "Expires": "expires",
	"X-Amz-Sdk-Checksum-Algorithm": "x-amz-checksum-algorithm",
}

// ofSignature are the fields of a signature, which are no headers.
var ofSignature = []string{
	"x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-security-token", "x-amz-signature",
}

// readPost takes the fields of a form: by whom it is signed, and which headers of PutObject they mean. The name of the
// file takes the place of ${filename} before a policy is looked at.
func (s *service) readPost(
	c *api.Call, r *http.Request, fields map[string]string, file string,
) (*api.Form, error) {
	for name, value := range fields {
		if name != "policy" {
			fields[name] = strings.ReplaceAll(value, "${filename}", file)
		}
	}
	if err := needFields(fields, "key"); err != nil {
		return nil, err
	}
	if err := checkKey(fields["key"]); err != nil {
		return nil, err
	}
	claim, err := formClaim(c, fields)
	if err != nil {
		return nil, err
	}
	header, err := postHeader(fields)
	if err != nil {
		return nil, err
	}
	if claim != nil {
		verify := claim.Verify
		claim.Verify = func(secret string) error {
			if err := verify(secret); err != nil {
				return err
			}
			return obeys(c, fields)
		}
	}
	return &api.Form{
		Claim: claim, Labels: map[string]string{"Key": fields["key"]},
		Header: func(name string) string {
			name = http.CanonicalHeaderKey(name)
			if value := header.Get(name); value != "" || fieldHeaders[name] != "" || strings.HasPrefix(name, "X-Amz-") {
				return value
			}
			return r.Header.Get(name)
		},
	}, nil
}

// obeys holds a form against its policy. The bucket is one of the fields there.
func obeys(c *api.Call, fields map[string]string) error {
	policy, err := readPostPolicy(fields["policy"])
	if err != nil {
		return err
	}
	all := map[string]string{}
	for name, value := range fields {
		all[name] = value
	}
	all["bucket"] = c.PathValue("Bucket")
	return policy.check(all, c.Time)
}

// postHeader returns the headers of PutObject that the fields of a form stand for.
func postHeader(fields map[string]string) (http.Header, error) {
	header := http.Header{}
	for name, value := range fields {
		if strings.HasPrefix(name, "x-amz-") && !slices.Contains(ofSignature, name) {
			header.Set(name, value)
		}
	}
	for name, field := range fieldHeaders {
		if value := fields[field]; value != "" {
			header.Set(name, value)
		}
	}
	header.Del("X-Amz-Tagging") // a form has its tags in XML
	if text := fields["tagging"]; text != "" {
		var tagging struct {
			XMLName xml.Name `xml:"Tagging"`
			Tags    []s3.Tag `xml:"TagSet>Tag"`
		}
		if err := xml.Unmarshal([]byte(text), &tagging); err != nil {
			return nil, malformed()
		}
		header.Set("X-Amz-Tagging", tagText(tagging.Tags))
	}
	return header, nil
}

// postObject puts the file of a form. It is written to a file of this host first: only its end tells how long it is.
func (s *service) postObject(
	ctx context.Context, c *api.Call, in *postObjectInput,
) (*postObjectOutput, error) {
	putting := operationOf[sdk.PutObjectInput](c)
	header, err := postHeader(c.Fields)
	if err != nil {
		return nil, err
	}
	put := &sdk.PutObjectInput{}
	path := s3.URL(*in.Bucket, c.PathValue("Key"), nil).EscapedPath()
	m := &wire.Message{Method: http.MethodPut, Path: path, Header: header, Stream: io.NopCloser(http.NoBody)}
	if err := putting.Codec().DecodeRequest(m, c.PathValue, put); err != nil {
		return nil, err
	}
	if err := putting.RefuseOthers(put); err != nil {
		return nil, err
	}
	b, err := s.mayWrite(ctx, c, written{nil, put.Tagging, put.ACL, put.ServerSideEncryption, put.StorageClass})
	if err != nil {
		return nil, err
	}
	file, size, err := s.spool(c, in.Body)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	out, err := s.store(ctx, c, b, put, &object{src: file, length: size, left: size})
	if err != nil {
		return nil, err
	}
	return posted(c, putting, b, out)
}

// spool writes the file of a form, as far as the form's policy lets it be, to a file of this host that has no name.
func (s *service) spool(c *api.Call, body io.Reader) (file *os.File, size int64, err error) {
	policy := &postPolicy{most: maxObject}
	if text := c.Fields["policy"]; text != "" {
		if policy, err = readPostPolicy(text); err != nil {
			return nil, 0, err
		}
	}
	if file, err = s.buckets.TempFile(); err != nil {
		return nil, 0, err
	}
	defer func() {
		if err != nil {
			file.Close()
		}
	}()
	size, err = io.Copy(file, io.LimitReader(body, policy.most+1))
	switch {
	case errors.As(err, new(*fault.Error)):
		return nil, 0, err
	case err != nil:
		return nil, 0, fault.New(fault.Unavailable, "s3", "keep the file of a form: %w", err)
	case size > policy.most:
		return nil, 0, invalid("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size").
			With("ProposedSize", strconv.FormatInt(size, 10)).With("MaxSizeAllowed", strconv.FormatInt(policy.most, 10))
	case size < policy.least:
		return nil, 0, invalid("EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size").
			With("ProposedSize", strconv.FormatInt(size, 10)).With("MinSizeAllowed", strconv.FormatInt(policy.least, 10))
	}
	_, err = file.Seek(0, io.SeekStart)
	return file, size, err
}

// posted answers a form as it wants to be answered: with a document, with nothing, or by sending the browser on.
func posted(c *api.Call, putting *api.Operation, b s3.Bucket, out *sdk.PutObjectOutput) (*postObjectOutput, error) {
	answer, err := putting.Codec().EncodeAnswer(out)
	if err != nil {
		return nil, err
	}
	for name := range answer.Header {
		c.SetHeader(name, answer.Header.Get(name))
	}
	key := c.PathValue("Key")
	where := location(c, b, key)
	c.SetHeader("Location", where)
	redirect := c.Fields["success_action_redirect"]
	if redirect == "" {
		redirect = c.Fields["redirect"] // its older name
	}
	if to, err := url.Parse(redirect); err == nil && (to.Scheme == "http" || to.Scheme == "https") && to.Host != "" {
		query := url.Values{"bucket": {b.Name}, "key": {key}, "etag": {aws.ToString(out.ETag)}}.Encode()
		if to.RawQuery != "" {
			query = to.RawQuery + "&" + query
		}
		to.RawQuery = query
		c.SetHeader("Location", to.String())
		c.SetStatus(http.StatusSeeOther)
		return nil, nil
	}
	switch c.Fields["success_action_status"] {
	case "200":
		c.SetStatus(http.StatusOK)
	case "201":
		c.SetStatus(http.StatusCreated)
		c.SetHeader("Content-Type", "application/xml")
		text, err := xml.Marshal(struct {
			XMLName                     xml.Name `xml:"PostResponse"`
			Location, Bucket, Key, ETag string
		}{Location: where, Bucket: b.Name, Key: key, ETag: aws.ToString(out.ETag)})
		return &postObjectOutput{Body: append([]byte(xml.Header), text...)}, err
	}
	return nil, nil
}

// location is the URL of an object.
func location(c *api.Call, b s3.Bucket, key string) string {
	where := "https://" + endpoint(c, b)
	if strings.Contains(b.Name, ".") {
		where += "/" + b.Name
	}
	return where + "/" + s3.EscapeKey(key)
}

// postKeys are the condition keys of a form's signature.
func postKeys(c *api.Call) map[string][]string {
	keys := map[string][]string{"s3:authType": {"POST"}, "s3:signatureversion": {"AWS4-HMAC-SHA256"}}
	if c.Fields["awsaccesskeyid"] != "" {
		keys["s3:signatureversion"] = []string{"AWS"}
	}
	return keys
}
