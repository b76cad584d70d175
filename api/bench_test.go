package api_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"postern/api"
	"postern/aws/iam"
)

// benchBody is a SendCommand as the CLI sends it.
const benchBody = `{"DocumentName":"AWS-RunShellScript","InstanceIds":["i-0123456789abcdef0"],` +
	`"Parameters":{"commands":["uptime"]}}`

// emptyCommand is an API whose SendCommand does nothing, with a log line for each request.
func emptyCommand(t testing.TB, r *rig, guards api.Guards) *api.Handler {
	t.Helper()
	handler, err := api.New(api.Config{
		Services: []api.Service{{Name: "ssm", TargetPrefix: "AmazonSSM", Operations: []api.Operation{
			api.Op("SendCommand", api.Everything,
				func(context.Context, *api.Call, *ssm.SendCommandInput) (*ssm.SendCommandOutput, error) {
					return nil, nil
				}, api.All),
		}}},
		Region: "us-east-1", Identities: compile(t, r), Guards: guards, Now: r.clock,
		Log: slog.New(slog.NewJSONHandler(io.Discard, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return handler
}

// BenchmarkPipeline compares a signed JSON call through the whole pipeline, with its log line, with a bare net/http
// handler that reads the same request and writes an answer of the same size. Both over TLS connections kept alive, with
// the load in the same process.
func BenchmarkPipeline(b *testing.B) {
	r := newRig(b)
	r.policy = allowAll
	handler := emptyCommand(b, r, r)
	bare := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if _, err := io.Copy(io.Discard, req.Body); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		_, _ = io.WriteString(w, "{}")
	})
	q := cancel
	q.target, q.body = "AmazonSSM.SendCommand", benchBody
	var wire bytes.Buffer
	if err := q.build(b).Write(&wire); err != nil {
		b.Fatal(err)
	}
	b.Run("bare", func(b *testing.B) { load(b, bare, wire.Bytes()) })
	b.Run("pipeline", func(b *testing.B) { load(b, handler, wire.Bytes()) })
	b.Run("memory", func(b *testing.B) {
		b.ReportAllocs()
		request := q.build(b)
		for b.Loop() {
			request.Body = io.NopCloser(bytes.NewReader([]byte(benchBody)))
			w := httptest.NewRecorder()
			if handler.ServeHTTP(w, request); w.Code != 200 {
				b.Fatal(w.Code, w.Body)
			}
		}
	})
}

// fullGuard gives an endpoint's policy of 100 statements, each with two conditions, of which the last one allows.
type fullGuard struct{ policy *iam.Policy }

func (g fullGuard) Guard(_ context.Context, _ api.Question, p *iam.Policies) error {
	p.Endpoint = g.policy
	return nil
}

func newFullGuard(t testing.TB) fullGuard {
	var statements []string
	for i := range 100 {
		statements = append(statements, fmt.Sprintf(`{"Effect":"Allow","Principal":"*","Action":"ssm:*","Resource":"*",`+
			`"Condition":{"StringEquals":{"aws:SourceVpce":"vpce-1","aws:SourceVpc":"vpc-%d"}}}`, i-97))
	}
	p, err := iam.Parse(iam.Endpoint, "vpce-1", `{"Statement":[`+strings.Join(statements, ",")+`]}`)
	if err != nil {
		t.Fatal(err)
	}
	return fullGuard{p}
}

// throughEndpoint returns a function that serves a signed call without a socket, through an endpoint whose policy the
// guards give.
func throughEndpoint(t testing.TB, guards api.Guards) func() {
	return calling(t, guards, allowAll, http.StatusOK)
}

// calling is throughEndpoint for a caller with a policy, whose call is answered with a status.
func calling(t testing.TB, guards api.Guards, policy string, status int) func() {
	r := newRig(t)
	r.policy = policy
	handler := emptyCommand(t, r, guards)
	q := cancel
	q.target, q.body, q.origin = "AmazonSSM.SendCommand", benchBody, through("ssm")
	request := q.build(t)
	return func() {
		request.Body = io.NopCloser(strings.NewReader(benchBody))
		w := httptest.NewRecorder()
		if handler.ServeHTTP(w, request); w.Code != status {
			t.Fatal(w.Code, w.Body)
		}
	}
}

// TestLongPoliciesTakeNoMemory: a call through an endpoint with a policy of 100 statements, all of which are looked at,
// takes hardly more memory than one through an endpoint without a policy.
func TestLongPoliciesTakeNoMemory(t *testing.T) {
	without := testing.AllocsPerRun(50, throughEndpoint(t, nil))
	if with := testing.AllocsPerRun(50, throughEndpoint(t, newFullGuard(t))); with > without+5 {
		t.Errorf("%v allocations, without a policy %v", with, without)
	}
}

// BenchmarkRefusal holds calls that are refused, with the explanation that the record of the request has of it, beside
// the same calls that are allowed.
func BenchmarkRefusal(b *testing.B) {
	const deny = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},` +
		`{"Effect":"Deny","Action":"ssm:*","Resource":"*"}]}`
	for _, tt := range []struct {
		name   string
		guards api.Guards
		policy string
		status int
	}{
		{"allowed", nil, allowAll, http.StatusOK},
		{"refused", nil, deny, http.StatusBadRequest},
		{"100 statements/allowed", newFullGuard(b), allowAll, http.StatusOK},
		{"100 statements/refused", newFullGuard(b), deny, http.StatusBadRequest},
	} {
		serve := calling(b, tt.guards, tt.policy, tt.status)
		b.Run(tt.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				serve()
			}
		})
	}
}

func BenchmarkEndpointPolicy(b *testing.B) {
	for name, guards := range map[string]api.Guards{"none": nil, "100 statements": newFullGuard(b)} {
		serve := throughEndpoint(b, guards)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				serve()
			}
		})
	}
}

// everyPolicy limits a request by all kinds of policies that there are beside the identity's.
type everyPolicy struct{ limit, endpoint *iam.Policy }

func (e everyPolicy) Guard(_ context.Context, _ api.Question, p *iam.Policies) error {
	p.Boundary, p.Session, p.Control, p.Endpoint = e.limit, []*iam.Policy{e.limit}, []*iam.Policy{e.limit}, e.endpoint
	return nil
}

// BenchmarkPolicies compares a signed call that only an identity's policy is asked of with one through an endpoint
// whose policy, a boundary, a session policy and a service control policy are asked as well.
func BenchmarkPolicies(b *testing.B) {
	statements := func(extra string) string {
		return `{"Version":"2012-10-17","Statement":[{"Sid":"a","Effect":"Deny",` + extra + `"Action":"ssm:Delete*",` +
			`"Resource":"*"},{"Sid":"b","Effect":"Allow",` + extra + `"Action":"ssm:*","Resource":"*",` +
			`"Condition":{"StringEquals":{"aws:PrincipalAccount":"` + account + `"}}}]}`
	}
	limit, err := iam.Parse(iam.Identity, "limit", statements(""))
	if err != nil {
		b.Fatal(err)
	}
	endpoint, err := iam.Parse(iam.Endpoint, "vpce-1", statements(`"Principal":"*",`))
	if err != nil {
		b.Fatal(err)
	}
	for _, row := range []struct {
		name   string
		guards func(*rig) api.Guards
	}{
		{"identity", func(r *rig) api.Guards { return r }},
		{"all", func(*rig) api.Guards { return everyPolicy{limit, endpoint} }},
	} {
		r := newRig(b)
		r.policy = allowAll
		served := emptyCommand(b, r, row.guards(r))
		q := cancel
		q.target, q.body = "AmazonSSM.SendCommand", benchBody
		if row.name == "all" {
			q.origin = through("ssm")
		}
		var wire bytes.Buffer
		if err := q.build(b).Write(&wire); err != nil {
			b.Fatal(err)
		}
		b.Run(row.name, func(b *testing.B) {
			load(b, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				served.ServeHTTP(w, req.WithContext(api.WithOrigin(req.Context(), q.origin)))
			}), wire.Bytes())
		})
	}
}

// load sends the same bytes over and over, on one connection for each worker.
func load(b *testing.B, h http.Handler, request []byte) {
	server := httptest.NewTLSServer(h)
	defer server.Close()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		conn, err := tls.Dial("tcp", server.Listener.Addr().String(), &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			b.Error(err)
			return
		}
		defer conn.Close()
		in := bufio.NewReader(conn)
		for pb.Next() {
			if _, err := conn.Write(request); err != nil {
				b.Error(err)
				return
			}
			answer, err := http.ReadResponse(in, nil)
			if err != nil {
				b.Error(err)
				return
			}
			said, err := io.ReadAll(answer.Body)
			if err != nil || answer.StatusCode != http.StatusOK {
				b.Errorf("%s %s, %v", answer.Status, said, err)
				return
			}
		}
	})
}
