package world_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"postern/aws/sigv4"
	"postern/test/world"
)

// ask is one request as an attacker or a broken client might send it.
type ask struct {
	service string
	target  string // of JSON services; else the body is a form
	body    string
	host    string        // empty means the service's own
	keys    string        // "root" if empty, "none", "wrong", "unknown"
	region  string        // of the signature's scope; empty means us-east-1
	scope   string        // service of the signature's scope; empty means the service
	skew    time.Duration // of the signature
	spoil   func(*http.Request)
}

const (
	caller   = "Action=GetCallerIdentity&Version=2011-06-15"
	vpcs     = "Action=DescribeVpcs&Version=2016-11-15"
	roles    = "Action=ListRoles&Version=2010-05-08"
	jsonType = "application/x-amz-json-1.1"
)

// request writes what is asked.
func (a *ask) request(t *testing.T, url string, keys map[string]sigv4.Credentials) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(a.body))
	if err != nil {
		t.Fatal(err)
	}
	or := func(s, other string) string {
		if s == "" {
			return other
		}
		return s
	}
	host := a.service + ".us-east-1.amazonaws.com"
	if a.service == "iam" {
		host = "iam.amazonaws.com"
	}
	r.Host = or(a.host, host)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if a.target != "" {
		r.Header.Set("Content-Type", jsonType)
		r.Header.Set("X-Amz-Target", a.target)
	}
	if a.keys != "none" {
		at := sigv4.Target{Region: or(a.region, "us-east-1"), Service: or(a.scope, a.service), Time: time.Now().Add(a.skew)}
		if err := sigv4.Sign(r, []byte(a.body), keys[or(a.keys, "root")], at); err != nil {
			t.Fatal(err)
		}
	}
	if a.spoil != nil {
		a.spoil(r)
	}
	return r
}

// shape returns the form that every error of a service has.
func shape(service, code string) string {
	if service == "ssm" || service == "ec2messages" {
		return fmt.Sprintf(`"__type":"%s"`, code)
	}
	return "<Code>" + code + "</Code>"
}

const listCommands = "AmazonSSM.ListCommands"

// replay sends another body under the same signature.
func replay(r *http.Request) {
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader(roles+"&PathPrefix=/a/")), int64(len(roles)+15)
}

// refusedRequests are bad requests, and how each is refused.
var refusedRequests = []struct {
	name   string
	ask    ask
	status int
	code   string
}{
	{"unsigned, ec2", ask{service: "ec2", body: vpcs, keys: "none"}, 403, "MissingAuthenticationToken"},
	{"unsigned, iam", ask{service: "iam", body: roles, keys: "none"}, 403, "MissingAuthenticationToken"},
	{
		"unsigned, ssm", ask{service: "ssm", target: listCommands, body: "{}", keys: "none"}, 400,
		"MissingAuthenticationTokenException",
	},
	{"wrong key, ec2", ask{service: "ec2", body: vpcs, keys: "wrong"}, 401, "AuthFailure"},
	{"wrong key, sts", ask{service: "sts", body: caller, keys: "wrong"}, 403, "SignatureDoesNotMatch"},
	{
		"wrong key, ssm", ask{service: "ssm", target: listCommands, body: "{}", keys: "wrong"}, 400,
		"InvalidSignatureException",
	},
	{"unknown key, iam", ask{service: "iam", body: roles, keys: "unknown"}, 403, "InvalidClientTokenId"},
	{
		"unknown key, ssm", ask{service: "ssm", target: listCommands, body: "{}", keys: "unknown"}, 400,
		"UnrecognizedClientException",
	},
	{"foreign session token", ask{service: "sts", body: caller, keys: "token"}, 403, "InvalidClientTokenId"},
	{"an hour late, ec2", ask{service: "ec2", body: vpcs, skew: -time.Hour}, 400, "RequestExpired"},
	{
		"an hour late, ssm", ask{service: "ssm", target: listCommands, body: "{}", skew: -time.Hour}, 400,
		"InvalidSignatureException",
	},
	{"an hour early, iam", ask{service: "iam", body: roles, skew: time.Hour}, 403, "SignatureDoesNotMatch"},
	{"a signature for another body", ask{service: "iam", body: roles, spoil: replay}, 403, "SignatureDoesNotMatch"},
	{
		"a signature for another region", ask{service: "ssm", target: listCommands, body: "{}", region: "eu-west-1"}, 400,
		"InvalidSignatureException",
	},
	{
		"a signature for another service", ask{service: "ssm", target: listCommands, body: "{}", scope: "ec2"}, 400,
		"InvalidSignatureException",
	},
	{
		"a target of another service", ask{service: "ssm", target: "TrentService.Encrypt", body: "{}"}, 400,
		"UnknownOperationException",
	},
	{"JSON that is none", ask{service: "ssm", target: listCommands, body: "{"}, 400, "SerializationException"},
	{
		"JSON of another shape", ask{service: "ssm", target: listCommands, body: `{"MaxResults":"many"}`}, 400,
		"SerializationException",
	},
	{"a form that is none", ask{service: "ec2", body: "Action=%zz"}, 400, "MalformedQueryString"},
	{"no action", ask{service: "ec2", body: "Version=2016-11-15"}, 400, "MissingAction"},
	{"no such action", ask{service: "ec2", body: "Action=MakeCoffee&Version=2016-11-15"}, 400, "InvalidAction"},
	{"an unknown member", ask{service: "iam", body: roles + "&Colour=red"}, 400, "InvalidQueryParameter"},
	{
		"not built", ask{service: "ec2", body: "Action=CreateTransitGateway&Version=2016-11-15"}, 501,
		"UnsupportedOperation",
	},
	{
		"a body over the limit", ask{service: "ssm", target: listCommands, body: "{" + strings.Repeat(" ", 8<<20) + "}"}, 413,
		"RequestEntityTooLargeException",
	},
}

// TestRefusedRequests sends bad requests to the server that ships, by its public listener. Each is refused in its
// service's own shape and with its own code, and the server answers the next one.
func TestRefusedRequests(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	root := w.Root()
	keys := map[string]sigv4.Credentials{
		"root": root, "wrong": {AccessKey: root.AccessKey, Secret: "wrong"},
		"unknown": {AccessKey: "AKIAUNKNOWNUNKNOWN00", Secret: "x"},
		"token":   {AccessKey: root.AccessKey, Secret: root.Secret, Token: "not one of ours"},
	}
	for _, c := range refusedRequests {
		t.Run(c.name, func(t *testing.T) {
			status, body := w.Public(c.ask.request(t, w.Server.Access().Endpoint+"/", keys))
			if status != c.status || !strings.Contains(body, shape(c.ask.service, c.code)) {
				t.Errorf("%d %s\nwant %d %s", status, body, c.status, c.code)
			}
			if strings.Contains(body, root.Secret) {
				t.Error("the secret is in the answer")
			}
			good := ask{service: "sts", body: caller}
			if status, body := w.Public(good.request(t, w.Server.Access().Endpoint+"/", keys)); status != 200 {
				t.Errorf("and then a good request: %d %s", status, body)
			}
		})
	}
}

// TestRefusedByTheEndpoint sends requests from a node to the private address of the ssm endpoint that are not for it.
func TestRefusedByTheEndpoint(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	n := w.Bare()
	keys := map[string]sigv4.Credentials{"root": w.Root(), "node": n.Credentials()}
	info := "AmazonSSM.DescribeInstanceInformation"
	for _, c := range []struct {
		name   string
		ask    ask
		status int
		code   string
	}{
		{"its own", ask{service: "ssm", target: info, body: "{}"}, 200, ""},
		{"unsigned", ask{service: "ssm", target: info, body: "{}", keys: "none"}, 400, "MissingAuthenticationTokenException"},
		{
			"what the node's role does not allow", ask{service: "ssm", target: info, body: "{}", keys: "node"}, 400,
			"AccessDeniedException",
		},
		{
			"another service", ask{service: "ec2messages", target: "EC2WindowsMessageDeliveryService.GetMessages", body: "{}"},
			400, "InvalidSignatureException",
		},
		{
			"another service, by its host",
			ask{service: "ssm", host: "ec2messages.us-east-1.amazonaws.com", target: info, body: "{}"}, 400,
			"InvalidSignatureException",
		},
		{
			"another region, by its host", ask{service: "ssm", host: "ssm.eu-west-1.amazonaws.com", target: info, body: "{}"},
			400, "InvalidSignatureException",
		},
		{
			"another region, by the signature", ask{service: "ssm", target: info, body: "{}", region: "eu-west-1"}, 400,
			"InvalidSignatureException",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := c.ask.request(t, "https://ssm.us-east-1.amazonaws.com/", keys)
			status, body := n.Ask(r)
			if status != c.status || c.code != "" && !strings.Contains(body, shape("ssm", c.code)) {
				t.Errorf("%d %s\nwant %d %s", status, body, c.status, c.code)
			}
		})
	}
}
