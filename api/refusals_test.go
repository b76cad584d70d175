package api_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"postern/aws/sigv4"
)

// with returns a request with one thing changed.
func with(q request, change func(*request)) request {
	change(&q)
	return q
}

func unsigned(q *request) { q.unsigned = true }

func wrong(q *request) { q.key = sigv4.Credentials{AccessKey: user.AccessKey, Secret: "guess"} }

func stranger(q *request) { q.key = sigv4.Credentials{AccessKey: "AKIANOBODY", Secret: "x"} }

func old(q *request) { q.scope.Time = now.Add(-16 * time.Minute) }

func early(q *request) { q.scope.Time = now.Add(16 * time.Minute) }

func foreign(q *request) { q.scope.Region = "eu-west-1" }

func huge(q *request) { q.body = strings.Repeat("x", 2<<20) }

func replayed(q *request) {
	q.change = func(r *http.Request) {
		r.Body = io.NopCloser(strings.NewReader(`{"CommandId":"99999999-2222-3333-4444-555555555555"}`))
	}
}

// What the refusals of each protocol say.
const (
	mismatch = "The request signature we calculated does not match the signature you provided. " +
		"Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
	invalid = "The security token included in the request is invalid."
	noToken = "Request is missing Authentication Token"
	late    = "Signature expired: 20261121T114400Z is now earlier than 20261121T114500Z (20261121T120000Z - 15 min.)"
	soon    = "Signature not yet current: 20261121T121600Z is still later than 20261121T121500Z (20261121T120000Z + " +
		"15 min.)"
	region = "Credential should be scoped to a valid region, 'us-east-1', not 'eu-west-1'"
)

// A refusal is a request that no handler may see, and the answer that it gets in the error form of its protocol.
type refusal struct {
	name string
	request
	status        int
	form          string
	code, message string
}

var jsonRefusals = []refusal{
	{"json unsigned", with(cancel, unsigned), 400, jsonError, "MissingAuthenticationTokenException", noToken},
	{"json wrongly signed", with(cancel, wrong), 400, jsonError, "InvalidSignatureException", mismatch},
	{"json by a stranger", with(cancel, stranger), 400, jsonError, "UnrecognizedClientException", invalid},
	{"json expired", with(cancel, old), 400, jsonError, "InvalidSignatureException", late},
	{"json from the future", with(cancel, early), 400, jsonError, "InvalidSignatureException", soon},
	{"json with another body", with(cancel, replayed), 400, jsonError, "InvalidSignatureException", mismatch},
	{"json for another region", with(cancel, foreign), 400, jsonError, "InvalidSignatureException", region},
	{
		"json over the limit", with(cancel, huge), 413, jsonError, "RequestEntityTooLargeException",
		"the request body is larger than 4096 bytes",
	},
	{"json over the limit in chunks", with(cancel, func(q *request) { huge(q); q.chunked = true }), 413, jsonError,
		"RequestEntityTooLargeException", "the request body is larger than 4096 bytes"},
	{"json malformed", with(cancel, func(q *request) { q.body = `{"CommandId":` }), 400, jsonError,
		"SerializationException",
		"malformed JSON at byte 13: unexpected end"},
	{"json without a member", with(cancel, func(q *request) { q.body = `{}` }), 400, capitalError, "ValidationException",
		"1 validation error detected: Value null at 'commandId' failed to satisfy constraint: Member must not be null"},
	{"json unknown target", with(cancel, func(q *request) { q.target = "AmazonSSM.Explode" }), 400, jsonError,
		"UnknownOperationException",
		"The action Explode is not valid for this web service."},
	{"json foreign target", with(cancel, func(q *request) { q.target = "TrentService.Encrypt" }), 400, jsonError,
		"UnknownOperationException",
		"X-Amz-Target must be AmazonSSM and an operation"},
	{"json not built", with(cancel, func(q *request) { q.target = "AmazonSSM.PutParameter" }), 501, jsonError,
		"NotImplementedException",
		"Postern does not implement ssm:PutParameter"},
	{"json expired token", with(cancel, func(q *request) { q.key = expired }), 400, jsonError, "ExpiredTokenException",
		"The security token included in the request is expired"},
	{
		"json wrong token", with(cancel, func(q *request) { q.key = session; q.key.Token = "other" }), 400, jsonError,
		"UnrecognizedClientException", invalid,
	},
	{
		"json no token", with(cancel, func(q *request) { q.key = session; q.key.Token = "" }), 400, jsonError,
		"UnrecognizedClientException", invalid,
	},
	{"json with broken identities", with(cancel, func(q *request) { q.key.AccessKey = "AKIABROKEN" }), 500, capitalError,
		"InternalServerError",
		"internal failure, request id ID"},
}

var ec2Refusals = []refusal{
	{"ec2 unsigned", with(create, unsigned), 403, ec2Error, "MissingAuthenticationToken", noToken},
	{"ec2 wrongly signed", with(create, wrong), 401, ec2Error, "AuthFailure", mismatch},
	{"ec2 by a stranger", with(create, stranger), 401, ec2Error, "AuthFailure", invalid},
	{"ec2 expired", with(create, old), 400, ec2Error, "RequestExpired", late},
	{"ec2 for another region", with(create, foreign), 401, ec2Error, "AuthFailure", region},
	{
		"ec2 over the limit", with(create, huge), 413, ec2Error, "RequestEntityTooLarge",
		"the request body is larger than 1048576 bytes",
	},
	{
		"ec2 malformed", with(create, func(q *request) { q.body += "&X=%zz" }), 400, ec2Error, "MalformedQueryString",
		"parameter 4 is not a valid escape of UTF-8",
	},
	{
		"ec2 unknown parameter", with(create, func(q *request) { q.body += "&X=1" }), 400, ec2Error, "UnknownParameter",
		"The parameter X is not recognized",
	},
	{"ec2 bad value", with(create, func(q *request) { q.body += "&DryRun=perhaps" }), 400, ec2Error,
		"InvalidParameterValue",
		"Invalid value for parameter DryRun: expected true or false"},
	{"ec2 parameter not built", with(create, func(q *request) { q.body += "&InstanceTenancy=dedicated" }), 501, ec2Error,
		"UnsupportedOperation",
		"Postern does not implement the parameter InstanceTenancy of CreateVpc"},
	{"ec2 unknown action", with(create, func(q *request) { q.body = "Action=Explode&Version=2016-11-15" }), 400, ec2Error,
		"InvalidAction",
		"The action Explode is not valid for this web service."},
	{"ec2 no action", with(create, func(q *request) { q.body = "Version=2016-11-15" }), 400, ec2Error, "MissingAction",
		"The request must contain the parameter Action"},
	{"ec2 old version", with(create, func(q *request) { q.body = "Action=CreateVpc&Version=2006-06-26" }), 400, ec2Error,
		"NoSuchVersion",
		"Version must be 2016-11-15"},
	{"ec2 not built", with(create, func(q *request) { q.body = "Action=CreateVolume&Version=2016-11-15" }), 501, ec2Error,
		"UnsupportedOperation",
		"Postern does not implement ec2:CreateVolume"},
	{"ec2 dry run", with(create, func(q *request) { q.body += "&DryRun=true" }), 412, ec2Error, "DryRunOperation",
		"Request would have succeeded, but DryRun flag is set."},
}

var iamRefusals = []refusal{
	{"iam unsigned", with(role, unsigned), 403, iamError, "MissingAuthenticationToken", noToken},
	{"iam unsigned at a local address", with(role, func(q *request) { q.host = "localhost:4566"; q.unsigned = true }),
		403, iamError,
		"MissingAuthenticationToken", noToken},
	{"iam wrongly signed", with(role, wrong), 403, iamError, "SignatureDoesNotMatch", mismatch},
	{"iam by a stranger", with(role, stranger), 403, iamError, "InvalidClientTokenId", invalid},
	{"iam expired", with(role, old), 403, iamError, "SignatureDoesNotMatch", late},
	{"iam for another region", with(role, foreign), 403, iamError, "SignatureDoesNotMatch", region},
	{
		"iam over the limit", with(role, huge), 413, iamError, "RequestEntityTooLarge",
		"the request body is larger than 1048576 bytes",
	},
	{"iam without a parameter",
		with(role, func(q *request) { q.body = "Action=CreateRole&Version=2010-05-08&RoleName=r" }), 400, iamError,
		"ValidationError",
		"1 validation error detected: Value null at 'assumeRolePolicyDocument' failed to satisfy constraint: Member must " +
			"not be null"},
	{"iam unknown action", with(role, func(q *request) { q.body = "Action=Explode&Version=2010-05-08" }), 400, iamError,
		"InvalidAction",
		"Could not find operation Explode for version 2010-05-08"},
}

var restRefusals = []refusal{
	{"rest unsigned", with(channel, unsigned), 403, restError, "MissingAuthenticationTokenException", noToken},
	{"rest wrongly signed", with(channel, wrong), 403, restError, "InvalidSignatureException", mismatch},
	{"rest expired", with(channel, old), 403, restError, "InvalidSignatureException", late},
	{"rest malformed", with(channel, func(q *request) { q.body = "<x/>" }), 400, restError, "SerializationException",
		"malformed JSON at byte 0: unexpected character"},
	{"rest unknown path", with(channel, func(q *request) { q.path = "/v1/control-channel" }), 400, restError,
		"UnknownOperationException",
		"no operation has this method and path"},
	{"stream unsigned", with(open, unsigned), 403, restError, "MissingAuthenticationTokenException", noToken},
}

// refuses sends each request through the front door.
func refuses(t *testing.T, cases []refusal) {
	t.Helper()
	for _, row := range cases {
		t.Run(row.name, func(t *testing.T) {
			r := newRig(t)
			want := shape(row.form, row.code, row.message)
			if status, got := r.do(t, row.request); status != row.status || got != want || r.calls != 0 {
				t.Errorf("%d %s\nwant %d %s; %d handlers reached", status, got, row.status, want, r.calls)
			}
			if rec := r.records[0]; rec.Code != row.code || rec.Status != row.status {
				t.Errorf("recorded %d %s", rec.Status, rec.Code)
			}
		})
	}
}

func TestJSONRefusals(t *testing.T) { refuses(t, jsonRefusals) }

func TestEC2Refusals(t *testing.T) { refuses(t, ec2Refusals) }

func TestIAMRefusals(t *testing.T) { refuses(t, iamRefusals) }

func TestRESTRefusals(t *testing.T) { refuses(t, restRefusals) }
