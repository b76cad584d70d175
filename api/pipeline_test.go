package api_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"postern/api/apitest"
	"postern/aws/fault"
	"postern/aws/sigv4"
)

// Ordinary requests of each protocol.
var (
	cancel = request{
		host: "ssm.us-east-1.amazonaws.com", target: "AmazonSSM.CancelCommand",
		body: `{"CommandId":"11111111-2222-3333-4444-555555555555"}`,
	}
	create = request{
		host: "ec2.us-east-1.amazonaws.com", body: "Action=CreateVpc&Version=2016-11-15&CidrBlock=10.0.0.0%2F16",
	}
	role = request{
		host: "iam.amazonaws.com", body: "Action=CreateRole&Version=2010-05-08&RoleName=r&AssumeRolePolicyDocument=d",
	}
	describe = request{host: "ec2.us-east-1.amazonaws.com", body: "Action=DescribeVpcs&Version=2016-11-15"}
	identity = request{host: "sts.us-east-1.amazonaws.com", body: "Action=GetCallerIdentity&Version=2011-06-15"}
	channel  = request{
		host: "ssmmessages.us-east-1.amazonaws.com", path: "/v1/control-channel/i-1", body: `{"RequestId":"r"}`,
	}
	about = request{
		host: "ssm.us-east-1.amazonaws.com", target: "AmazonSSM.DeleteActivation",
		body: `{"ActivationId":"11111111-2222-3333-4444-555555555555"}`,
	}
	open = request{
		host: "ssmmessages.us-east-1.amazonaws.com", method: "GET", path: "/v1/control-channel/i-1?role=subscribe",
	}
	token = request{
		host: "ssm.us-east-1.amazonaws.com", target: "AmazonSSM.RequestManagedInstanceRoleToken", body: `{"Fingerprint":"f"}`,
	}
	register = request{
		host: "ssm.us-east-1.amazonaws.com", target: "AmazonSSM.RegisterManagedInstance", body: `{"Fingerprint":"f"}`,
		unsigned: true,
	}
)

const (
	xmlHead  = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"
	ec2Error = xmlHead +
		`<Response><Errors><Error><Code>%c</Code><Message>%m</Message></Error></Errors><RequestID>ID</RequestID></Response>`
	iamError = `<ErrorResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><Error><Type>Sender</Type>` +
		`<Code>%c</Code><Message>%m</Message></Error><RequestId>ID</RequestId></ErrorResponse>`
	jsonError    = `{"__type":"%c","message":"%m"}`
	capitalError = `{"__type":"%c","Message":"%m"}`
	restError    = `<%c><Message>%m</Message><RequestId>ID</RequestId></%c>`
)

func shape(form, code, message string) string {
	return strings.NewReplacer("%c", code, "%m", message).Replace(form)
}

func TestAnswers(t *testing.T) {
	via := cancel
	via.origin = through("ssm")
	local := cancel
	local.host = "127.0.0.1:4566"
	local.scope.Service = "ssm"
	private := cancel
	private.host = "vpce-1-abc.ssm.us-east-1.vpce.amazonaws.com"
	private.scope.Service = "ssm"
	chunked := cancel
	chunked.chunked = true
	temporary := cancel
	temporary.key = session
	localRole := role
	localRole.host, localRole.scope = "127.0.0.1:4566", sigv4.Target{Service: "iam", Region: "eu-west-1"}
	get := identity
	get.method, get.path, get.body = "GET", "/?"+identity.body, ""
	oldHost := identity
	oldHost.host = "sts.amazonaws.com"
	localRegister := register
	localRegister.host = "localhost:4566"
	for _, row := range []struct {
		name string
		request
		status int
		want   string
	}{
		{"json", cancel, 200, `{}`},
		{"json through its endpoint", via, 200, `{}`},
		{"json to a local address", local, 200, `{}`},
		{"json to an endpoint's own name", private, 200, `{}`},
		{"json in chunks", chunked, 200, `{}`},
		{"temporary credentials", temporary, 200, `{}`},
		{"ec2", create, 200, xmlHead + `<CreateVpcResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">` +
			`<requestId>ID</requestId><vpc><vpcId>vpc-1</vpcId></vpc></CreateVpcResponse>`},
		{"iam", role, 200,
			`<CreateRoleResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><CreateRoleResult></CreateRoleResult>` +
				`<ResponseMetadata><RequestId>ID</RequestId></ResponseMetadata></CreateRoleResponse>`},
		{"iam at a local address, signed for the client's region", localRole, 200,
			`<CreateRoleResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><CreateRoleResult></CreateRoleResult>` +
				`<ResponseMetadata><RequestId>ID</RequestId></ResponseMetadata></CreateRoleResponse>`},
		{"query by GET", get, 200,
			`<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>` +
				`</GetCallerIdentityResult><ResponseMetadata><RequestId>ID</RequestId></ResponseMetadata>` +
				`</GetCallerIdentityResponse>`},
		{"the global name of sts", oldHost, 200,
			`<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>` +
				`</GetCallerIdentityResult><ResponseMetadata><RequestId>ID</RequestId></ResponseMetadata>` +
				`</GetCallerIdentityResponse>`},
		{"rest", channel, 201, `<CreateControlChannelResponse><TokenValue>token</TokenValue></CreateControlChannelResponse>`},
		{"stream", open, 101, ``},
		{"unsigned where it may be", register, 200, `{"AccessKeyId":""}`},
		{"unsigned to a local address", localRegister, 200, `{"AccessKeyId":""}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := newRig(t)
			if status, got := r.do(t, row.request); status != row.status || got != row.want || r.calls != 1 {
				t.Errorf("%d %s\nwant %d %s; %d handlers reached", status, got, row.status, row.want, r.calls)
			}
			if row.path != "" && r.last.PathValue("id") != "i-1" && row.host == channel.host {
				t.Errorf("path value %q", r.last.PathValue("id"))
			}
		})
	}
}

// A request through an endpoint serves that endpoint's service and region, and no other.
func TestAnEndpointServesItsOwnServiceAndRegionOnly(t *testing.T) {
	const here = ": it came through VPC endpoint vpce-1, which serves com.amazonaws.us-east-1.ssm only"
	for _, row := range []struct {
		host    string
		scope   sigv4.Target
		message string
	}{
		{
			"ssm.eu-west-1.amazonaws.com", sigv4.Target{Region: "eu-west-1", Service: "ssm"},
			"The request is for the region eu-west-1" + here,
		},
		{"ssm.us-east-1.amazonaws.com", sigv4.Target{Region: "eu-west-1", Service: "ssm"},
			"Credential should be scoped to a valid region, 'us-east-1', not 'eu-west-1'" + here},
		{"ec2.us-east-1.amazonaws.com", sigv4.Target{Service: "ec2"}, "The request is for the service ec2" + here},
		{"10.0.1.5", sigv4.Target{Service: "kms"}, "Credential should be scoped to correct service: 'ssm', not 'kms'" + here},
	} {
		r := newRig(t)
		q := cancel
		q.host, q.scope, q.origin = row.host, row.scope, through("ssm")
		want := shape(jsonError, "InvalidSignatureException", row.message)
		if status, got := r.do(t, q); status != 400 || got != want || r.calls != 0 {
			t.Errorf("%s: %d %s\nwant %s", row.host, status, got, want)
		}
	}
	r := newRig(t)
	q := register // carries no scope that could tell
	q.host, q.origin = "ssm.eu-west-1.amazonaws.com", through("ssm")
	if _, got := r.do(t, q); !strings.Contains(got, "The request is for the region eu-west-1") {
		t.Errorf("unsigned: %s", got)
	}
}

// A region stands in ARNs and in keys of the store: only the signature says which, where the host names none.
func TestRegionsHaveTheFormOfRegions(t *testing.T) {
	for _, row := range []struct {
		region string
		calls  int
	}{
		{"eu-west-1", 1},
		{"us-gov-west-1", 1},
		{"lab-1", 1},
		{"nowhere", 0},
		{"US-EAST-1", 0},
		{"us-east-1:000000000000:x-1", 0},
		{"*-1", 0},
		{strings.Repeat("a", 40) + "-1", 0},
	} {
		r := newRig(t)
		q := cancel
		q.host, q.scope = "localhost:4566", sigv4.Target{Region: row.region, Service: "ssm"}
		if status, got := r.do(t, q); r.calls != row.calls || row.calls == 0 && !strings.Contains(
			got, "Credential should be scoped to a valid region",
		) {
			t.Errorf("%s: %d %s, %d handlers reached", row.region, status, got, r.calls)
		}
	}
}

func TestServicesThatAreNotBuilt(t *testing.T) {
	for _, row := range []struct {
		host, target, path, body string
		want                     string
	}{
		{"kms.us-east-1.amazonaws.com", "TrentService.Decrypt", "/", "{}",
			shape(jsonError, "NotImplementedException", "Postern does not implement the service kms (TrentService.Decrypt)")},
		{"logs.us-east-1.amazonaws.com", "Logs_20140328.PutLogEvents", "/", "{}",
			shape(
				jsonError, "NotImplementedException", "Postern does not implement the service logs (Logs_20140328.PutLogEvents)",
			)},
		{"bucket.s3.us-east-1.amazonaws.com", "", "/key", "",
			xmlHead + "<Error><Code>NotImplemented</Code><Message>Postern does not implement the service s3 (POST " +
				"/key)</Message><RequestId>ID</RequestId><HostId>ID2</HostId></Error>"},
	} {
		r := newRig(t)
		status, got := r.do(t, request{host: row.host, target: row.target, path: row.path, body: row.body})
		if status != 501 || got != row.want {
			t.Errorf("%s: %d %s\nwant %s", row.host, status, got, row.want)
		}
	}
	r := newRig(t)
	status, got := r.do(t, request{host: "localhost", method: "GET", path: "/favicon.ico", unsigned: true})
	if status != 400 || !strings.Contains(
		got, "Neither host, signature nor target say which service the request GET /favicon.ico is for",
	) {
		t.Errorf("nothing: %d %s", status, got)
	}
}

func TestNodesProveThemselvesByTheirOwnKey(t *testing.T) {
	r := newRig(t)
	rsaSigned := func(q request, id string) request {
		q.unsigned = true
		q.change = func(req *http.Request) {
			target := sigv4.Target{Region: "us-east-1", Service: "ssm", Time: now}
			if err := sigv4.SignRSA(req, []byte(q.body), sigv4.InstanceKey{ID: id, Private: r.node}, target); err != nil {
				t.Fatal(err)
			}
		}
		return q
	}
	paired := token
	paired.key = session
	paired.change = func(req *http.Request) {
		if err := sigv4.SignAsymmetric(req, r.node); err != nil {
			t.Fatal(err)
		}
	}
	elsewhere := paired
	elsewhere.key = user // whose credentials were issued to no instance
	half := token
	half.key = session
	for _, row := range []struct {
		name string
		request
		status int
		node   string
	}{
		{"registered machine", rsaSigned(token, "mi-1"), 200, "mi-1"},
		{"instance", paired, 200, "i-1"},
		{"unknown machine", rsaSigned(token, "mi-2"), 400, ""},
		{"instance without its own key", half, 400, ""},
		{"somebody else's credentials", elsewhere, 400, ""},
		{"an ordinary operation", rsaSigned(cancel, "mi-1"), 400, ""},
	} {
		r.last = nil
		r.policy = "" // identity policies are not asked
		status, got := r.do(t, row.request)
		if status != row.status || (row.node != "") != (r.last != nil) || r.last != nil && (r.last.Caller.Node != row.node ||
			r.last.Caller.NodeKey == nil) {
			t.Errorf("%s: %d %s", row.name, status, got)
		}
	}
}

func TestHandlersErrors(t *testing.T) {
	for _, row := range []struct {
		err error
		request
		status int
		want   string
	}{
		{
			errors.New("secret path /data"), cancel, 500,
			shape(capitalError, "InternalServerError", "internal failure, request id ID"),
		},
		{
			fault.New(fault.NotFound, "command.Cancel", "no command c").WithCode("InvalidCommandId"), cancel, 400,
			shape(jsonError, "InvalidCommandId", "no command c"),
		},
		{fault.New(fault.Throttled, "x", "slow down"), create, 503, shape(ec2Error, "RequestLimitExceeded", "slow down")},
		{
			fault.New(fault.InUse, "x", "vpc-1 has subnets").WithCode("DependencyViolation"), create, 400,
			shape(ec2Error, "DependencyViolation", "vpc-1 has subnets"),
		},
		{fault.New(fault.Exists, "x", "role r"), role, 409, shape(iamError, "EntityAlreadyExists", "role r")},
		{fault.New(fault.Denied, "x", "not yours"), open, 403, shape(restError, "AccessDeniedException", "not yours")},
	} {
		r := newRig(t)
		r.err = row.err
		status, got := r.do(t, row.request)
		if status != row.status || got != row.want {
			t.Errorf("%v: %d %s\nwant %d %s", row.err, status, got, row.status, row.want)
		}
		if rec := r.records[0]; !errors.Is(rec.Err, row.err) {
			t.Errorf("%v: recorded %v", row.err, rec.Err)
		}
	}
}

func TestGuard(t *testing.T) {
	r := newRig(t)
	r.policy = ""
	apitest.Guard(t, r.Handler, user, now)
}
