package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/coder/websocket"

	"postern/api"
	"postern/aws/fault"
	"postern/aws/sigv4"
	"postern/aws/transport"
	"postern/aws/wire"
)

// live serves the rig over TLS, and gives a configuration of the SDK that reaches it. Its clock is the real one, since
// the SDK signs by that.
func live(t *testing.T, r *rig, log *slog.Logger, audit func(api.Record)) (*httptest.Server, aws.Config) {
	t.Helper()
	h, err := api.New(api.Config{
		Services: r.services(), Region: "us-east-1", Identities: r, Guards: r, Now: time.Now, Log: log, Audit: audit,
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(h)
	server.Config.ConnContext = func(ctx context.Context, _ net.Conn) context.Context {
		return api.WithOrigin(ctx, r.origin)
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server, aws.Config{
		Region: "us-east-1", HTTPClient: transport.Client(server.Client()), BaseEndpoint: aws.String(server.URL),
		Credentials: credentials.NewStaticCredentialsProvider(user.AccessKey, user.Secret, ""),
		Retryer:     func() aws.Retryer { return aws.NopRetryer{} },
	}
}

func TestTheSDKsClientsWork(t *testing.T) {
	r := newRig(t)
	_, cfg := live(t, r, nil, nil)
	ctx := t.Context()
	vpc, err := ec2.NewFromConfig(cfg).CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")})
	if err != nil || *vpc.Vpc.VpcId != "vpc-1" {
		t.Errorf("CreateVpc: %+v %v", vpc, err)
	}
	if _, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, nil); err != nil {
		t.Error(err)
	}
	_, err = ec2.NewFromConfig(cfg).CreateVpc(ctx, &ec2.CreateVpcInput{DryRun: aws.Bool(true)})
	code(t, err, "DryRunOperation")
	_, err = ec2.NewFromConfig(cfg).CreateVolume(ctx, &ec2.CreateVolumeInput{AvailabilityZone: aws.String("us-east-1a")})
	code(t, err, "UnsupportedOperation")
	_, err = ssm.NewFromConfig(cfg).ListCommands(ctx, nil)
	code(t, err, "NotImplementedException")

	r.err = fault.New(fault.NotFound, "x", "no such command").WithCode("InvalidCommandId")
	_, err = ssm.NewFromConfig(cfg).CancelCommand(
		ctx, &ssm.CancelCommandInput{CommandId: aws.String("11111111-2222-3333-4444-555555555555")},
	)
	if e := (*ssmtypes.InvalidCommandId)(nil); !errors.As(err, &e) {
		t.Errorf("CancelCommand: %v", err)
	}
	r.err = fault.New(fault.Exists, "x", "role r exists")
	_, err = iam.NewFromConfig(cfg).CreateRole(
		ctx, &iam.CreateRoleInput{RoleName: aws.String("r"), AssumeRolePolicyDocument: aws.String("{}")},
	)
	if e := (*iamtypes.EntityAlreadyExistsException)(nil); !errors.As(err, &e) || e.ErrorMessage() != "role r exists" {
		t.Errorf("CreateRole: %v", err)
	}
}

func code(t *testing.T, err error, want string) {
	t.Helper()
	var e smithy.APIError
	if !errors.As(err, &e) || e.ErrorCode() != want {
		t.Errorf("got %v, want code %s", err, want)
	}
}

func TestStreamsCarryWebSockets(t *testing.T) {
	r := newRig(t)
	records := make(chan api.Record, 1)
	services := r.services()
	services[4].Operations[1] = api.Stream("OpenControlChannel", "GET /v1/control-channel/{id}",
		api.Everything,
		func(w http.ResponseWriter, req *http.Request, call *api.Call) error {
			conn, err := websocket.Accept(w, req, nil)
			if err != nil {
				return nil // Accept has answered
			}
			return conn.Write(req.Context(), websocket.MessageText, []byte(call.PathValue("id")+" "+call.Caller.Principal))
		})
	h, err := api.New(api.Config{
		Services: services, Region: "us-east-1", Identities: r, Guards: r, Now: time.Now,
		Audit: func(rec api.Record) { records <- rec },
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewTLSServer(h)
	defer server.Close()
	url := server.URL + "/v1/control-channel/mi-1?role=subscribe&stream=input"
	signed, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	target := sigv4.Target{Region: "us-east-1", Service: "ssmmessages", Time: time.Now()}
	if err := sigv4.Sign(signed, nil, user, target); err != nil {
		t.Fatal(err)
	}
	conn, _, err := websocket.Dial(
		t.Context(), url, &websocket.DialOptions{HTTPClient: server.Client(), HTTPHeader: signed.Header},
	)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	_, text, err := conn.Read(t.Context())
	if want := "mi-1 arn:aws:iam::000000000000:user/alice"; err != nil || string(text) != want {
		t.Errorf("read %q, %v", text, err)
	}
	if rec := <-records; rec.Status != 101 || rec.Operation != "OpenControlChannel" {
		t.Errorf("recorded %+v", rec)
	}
}

func TestOneRecordForEachRequest(t *testing.T) {
	r := newRig(t)
	r.origin = through("ssm")
	var mu sync.Mutex
	var lines bytes.Buffer
	var audited []api.Record
	log := slog.New(slog.NewJSONHandler(lockedWriter{&mu, &lines}, nil))
	done := make(chan struct{})
	_, cfg := live(t, r, log, func(rec api.Record) {
		audited = append(audited, rec)
		close(done)
	})
	r.err = errors.New("lost the index")
	_, err := ssm.NewFromConfig(cfg).CancelCommand(
		t.Context(), &ssm.CancelCommandInput{CommandId: aws.String("11111111-2222-3333-4444-555555555555")},
	)
	code(t, err, "InternalServerError")
	<-done
	mu.Lock()
	defer mu.Unlock()
	var line map[string]any
	if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
		t.Fatalf("%v: %s", err, lines.String())
	}
	for key, want := range map[string]any{
		"level": "ERROR", "msg": "request", "method": "POST", "service": "ssm", "operation": "CancelCommand", "status": 500.0,
		"code": "InternalServerError", "principal": "arn:aws:iam::000000000000:user/alice", "access_key": "AKIAUSER",
		"account": account, "region": "us-east-1", "interface": "eni-1", "endpoint": "vpce-1", "error": "lost the index",
		"statement": `allowed by statement 1 of identity-based policy "own"`,
	} {
		if line[key] != want {
			t.Errorf("%s: %v, want %v", key, line[key], want)
		}
	}
	if len(audited) != 1 || audited[0].RequestID != line["request_id"] {
		t.Errorf("audited %+v", audited)
	}
	if strings.Contains(lines.String(), user.Secret) || strings.Contains(lines.String(), "Signature") {
		t.Errorf("the log holds a secret: %s", lines.String())
	}
}

type lockedWriter struct {
	mu *sync.Mutex
	b  *bytes.Buffer
}

func (w lockedWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.Write(p)
}

func TestAPanicIsOneRequestsFailure(t *testing.T) {
	r := newRig(t)
	services := r.services()
	services[0].Operations[0] = api.Op("CancelCommand", api.Everything,
		func(context.Context, *api.Call, *ssm.CancelCommandInput) (*ssm.CancelCommandOutput, error) {
			panic("index out of range")
		}, api.All)
	var err error
	if r.Handler, err = api.New(api.Config{
		Services: services, Region: "us-east-1", Identities: r, Guards: r, Now: r.clock,
		Audit: func(rec api.Record) { r.records = append(r.records, rec) },
	}); err != nil {
		t.Fatal(err)
	}
	status, got := r.do(t, cancel)
	if want := shape(
		capitalError, "InternalServerError", "internal failure, request id ID",
	); status != 500 || got != want {
		t.Errorf("%d %s", status, got)
	}
	if err := r.records[0].Err; err == nil || !strings.Contains(err.Error(), "index out of range") {
		t.Errorf("recorded %v", err)
	}
}

func TestMistakesInTables(t *testing.T) {
	handler := func(context.Context, *api.Call, *ec2.CreateVpcInput) (*ec2.CreateVpcOutput, error) { return nil, nil }
	good := api.Op("CreateVpc", api.Everything, handler, api.All)
	rest := api.Op("CreateVpc", api.Everything, handler, api.At("GET /x", 200), api.All)
	for _, row := range []struct {
		want       string
		operations []api.Operation
	}{
		{"declares no resources", []api.Operation{api.Op("CreateVpc", api.Resources{}, handler, api.All)}},
		{
			"has no handler",
			[]api.Operation{api.Op[ec2.CreateVpcInput, ec2.CreateVpcOutput]("CreateVpc", api.Everything, nil, api.All)},
		},
		{"stands in the table twice", []api.Operation{good, good}},
		{"has no name", []api.Operation{api.Op("", api.Everything, handler, api.All)}},
		{
			"Amazon's service has no operation of this name",
			[]api.Operation{api.Op("CreateVPC", api.Everything, handler, api.All)},
		},
		{
			"takes Colour, which ec2.CreateVpcInput does not have",
			[]api.Operation{api.Op("CreateVpc", api.Everything, handler, api.Takes("Colour"))},
		},
		{"needs a pattern in the REST protocols, and none in others", []api.Operation{rest}},
		{"does not say which members of its input it takes", []api.Operation{api.Op("CreateVpc", api.Everything, handler)}},
		{"takes all members of its input, and names some", []api.Operation{
			api.Op("CreateVpc", api.Everything, handler, api.All, api.Takes("CidrBlock")),
		}},
		{"gives condition keys and does not declare them", []api.Operation{api.Op("CreateVpc", api.Everything, handler,
			api.All,
			api.Keys(func(*api.Call, *ec2.CreateVpcInput) map[string][]string { return nil }))}},
		{"gives the condition key ec2:Vpc, which ec2:CreateVpc does not have", []api.Operation{api.Op("CreateVpc",
			api.Everything, handler, api.All,
			api.Keys(func(*api.Call, *ec2.CreateVpcInput) map[string][]string { return nil }, "ec2:Vpc"))}},
	} {
		_, err := api.New(
			api.Config{Now: time.Now, Services: []api.Service{{Name: "ec2", Protocol: wire.EC2, Operations: row.operations}}},
		)
		if err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("got %v, want %s", err, row.want)
		}
	}
}
