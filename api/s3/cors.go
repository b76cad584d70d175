package s3

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/aws/fault"
	sdk "postern/aws/service/s3"
	"postern/aws/service/s3/types"
	"postern/services/s3"
)

func (s *service) getBucketCors(
	_ context.Context, c *api.Call, in *sdk.GetBucketCorsInput,
) (*sdk.GetBucketCorsOutput, error) {
	b, err := s.bucket(c, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	if len(b.CORS) == 0 {
		return nil, absentConfiguration("NoSuchCORSConfiguration", "The CORS configuration does not exist")
	}
	out := &sdk.GetBucketCorsOutput{}
	for _, r := range b.CORS {
		rule := types.CORSRule{
			AllowedHeaders: r.AllowedHeaders, AllowedMethods: r.AllowedMethods, AllowedOrigins: r.AllowedOrigins,
			ExposeHeaders: r.ExposeHeaders,
		}
		if r.ID != "" {
			rule.ID = aws.String(r.ID)
		}
		if r.MaxAgeSeconds != 0 {
			rule.MaxAgeSeconds = aws.Int32(r.MaxAgeSeconds)
		}
		out.CORSRules = append(out.CORSRules, rule)
	}
	return out, nil
}

func (s *service) putBucketCors(
	ctx context.Context, c *api.Call, in *sdk.PutBucketCorsInput,
) (*sdk.PutBucketCorsOutput, error) {
	if _, err := s.changeable(c, in.ExpectedBucketOwner); err != nil {
		return nil, err
	}
	rules := make([]s3.CORSRule, len(in.CORSConfiguration.CORSRules))
	for i, r := range in.CORSConfiguration.CORSRules {
		rules[i] = s3.CORSRule{
			ID: aws.ToString(r.ID), AllowedHeaders: r.AllowedHeaders, AllowedMethods: r.AllowedMethods,
			AllowedOrigins: r.AllowedOrigins, ExposeHeaders: r.ExposeHeaders, MaxAgeSeconds: aws.ToInt32(r.MaxAgeSeconds),
		}
	}
	return nil, s.buckets.PutCORS(ctx, *in.Bucket, rules)
}

func (s *service) deleteBucketCors(
	ctx context.Context, c *api.Call, in *sdk.DeleteBucketCorsInput,
) (*sdk.DeleteBucketCorsOutput, error) {
	if _, err := s.changeable(c, in.ExpectedBucketOwner); err != nil {
		return nil, err
	}
	return nil, s.buckets.DeleteCORS(ctx, *in.Bucket)
}

// preflightInput asks in the name of a web page what it may do. Browsers send it; the SDK has no operation for it.
type preflightInput struct {
	Bucket  *string `http:"label"`
	Origin  *string `http:"header=Origin"`
	Method  *string `http:"header=Access-Control-Request-Method"`
	Headers *string `http:"header=Access-Control-Request-Headers"`
}

type preflightObjectInput struct {
	Bucket  *string `http:"label"`
	Key     *string `http:"label"`
	Origin  *string `http:"header=Origin"`
	Method  *string `http:"header=Access-Control-Request-Method"`
	Headers *string `http:"header=Access-Control-Request-Headers"`
}

func (s *service) preflightObject(ctx context.Context, c *api.Call, in *preflightObjectInput) (*struct{}, error) {
	return s.preflight(ctx, c, &preflightInput{in.Bucket, in.Origin, in.Method, in.Headers})
}

func (s *service) preflight(_ context.Context, c *api.Call, in *preflightInput) (*struct{}, error) {
	switch {
	case aws.ToString(in.Origin) == "":
		return nil, invalid("BadRequest", "Insufficient information. Origin request header needed.")
	case aws.ToString(in.Method) == "":
		return nil, invalid("BadRequest", "Invalid Access-Control-Request-Method: null")
	}
	b, err := s.buckets.Bucket(*in.Bucket)
	if err != nil {
		return nil, err
	}
	if len(b.CORS) == 0 {
		return nil, forbidden("CORSResponse: CORS is not enabled for this bucket.")
	}
	var headers []string
	for name := range strings.SplitSeq(aws.ToString(in.Headers), ",") {
		if name = strings.TrimSpace(name); name != "" {
			headers = append(headers, name)
		}
	}
	rule, ok := b.AllowsPage(*in.Origin, *in.Method, headers)
	if !ok {
		return nil, forbidden("CORSResponse: This CORS request is not allowed. This is usually because the evalution of " +
			"Origin, request method / Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted " +
			"by the resource's CORS spec.")
	}
	admit(c, rule, *in.Origin)
	if len(headers) > 0 {
		c.SetHeader("Access-Control-Allow-Headers", strings.ToLower(strings.Join(headers, ", ")))
	}
	if c.Header("Access-Control-Request-Private-Network") == "true" { // pages of the Internet ask it for hosts like this
		c.SetHeader("Access-Control-Allow-Private-Network", "true")
	}
	return nil, nil
}

func forbidden(text string) error {
	return fault.New(fault.Denied, "s3", "%s", text).WithCode("AccessForbidden")
}

// method is the HTTP method of a call.
func method(c *api.Call) string {
	method, _, _ := strings.Cut(c.Operation.Pattern, " ")
	return method
}

// tellPage tells the browser of a web page what a bucket's rules let the page see of an answer, or of a refusal.
func tellPage(c *api.Call, b s3.Bucket) {
	if len(b.CORS) == 0 {
		return
	}
	c.SetHeader("Vary", "Origin, Access-Control-Request-Headers, Access-Control-Request-Method")
	if rule, ok := b.AllowsPage(c.Header("Origin"), method(c), nil); ok && c.Header("Origin") != "" {
		admit(c, rule, c.Header("Origin"))
	}
}

// admitsPage reports whether the rules of a bucket let a web page send a request for it, as far as the server keeps
// other pages out. Whatever page asks what it may do is answered. What is copied has to be open to the page, too.
func (s *service) admitsPage(c *api.Call) bool {
	b, err := s.buckets.Bucket(c.PathValue("Bucket"))
	origin := c.Header("Origin")
	if err != nil || origin == "" {
		return false
	}
	if method(c) == http.MethodOptions {
		return len(b.CORS) > 0
	}
	if _, ok := b.AllowsPage(origin, method(c), nil); !ok {
		return false
	}
	text := c.Header("X-Amz-Copy-Source")
	if text == "" {
		return true
	}
	from, err := readSource(text)
	if err != nil {
		return false
	}
	source, err := s.buckets.Bucket(from.bucket)
	if err != nil {
		return false
	}
	_, ok := source.AllowsPage(origin, http.MethodGet, nil)
	return ok
}

func admit(c *api.Call, rule s3.CORSRule, origin string) {
	if len(rule.AllowedOrigins) == 1 && rule.AllowedOrigins[0] == "*" {
		c.SetHeader("Access-Control-Allow-Origin", "*")
	} else {
		c.SetHeader("Access-Control-Allow-Origin", origin)
		c.SetHeader("Access-Control-Allow-Credentials", "true")
	}
	c.SetHeader("Access-Control-Allow-Methods", strings.Join(rule.AllowedMethods, ", "))
	if len(rule.ExposeHeaders) > 0 {
		c.SetHeader("Access-Control-Expose-Headers", strings.Join(rule.ExposeHeaders, ", "))
	}
	if rule.MaxAgeSeconds > 0 {
		c.SetHeader("Access-Control-Max-Age", strconv.Itoa(int(rule.MaxAgeSeconds)))
	}
}
