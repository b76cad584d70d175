package client_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go"

	"postern/aws/client"
	"postern/aws/service/ec2"
	"postern/aws/service/iam"
	"postern/aws/service/ssm"
	"postern/aws/service/sts"
)

// remote is a server that answers what it is told, and keeps what it was asked.
type remote struct {
	*httptest.Server
	calls  atomic.Int32
	answer answer
}

// answer answers the call of a number.
type answer func(call int32, w http.ResponseWriter, body string, r *http.Request)

func newRemote(t *testing.T, answer answer) (*remote, aws.Config) {
	t.Helper()
	s := &remote{answer: answer}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		s.answer(s.calls.Add(1), w, string(body), r)
	}))
	t.Cleanup(s.Close)
	return s, aws.Config{
		Region: "eu-west-1", BaseEndpoint: aws.String(s.URL), HTTPClient: s.Client(),
		Credentials: credentials.NewStaticCredentialsProvider("AKIATEST", "secret", "token"),
		Retryer: func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) {
				o.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return 0, nil })
			})
		},
	}
}

func TestRequestsAndAnswers(t *testing.T) {
	_, config := newRemote(t, func(_ int32, w http.ResponseWriter, body string, r *http.Request) {
		switch {
		case !strings.Contains(r.Header.Get("Authorization"), "AKIATEST/") || r.Header.Get("X-Amz-Security-Token") != "token":
			http.Error(w, "not signed", http.StatusForbidden)
		case r.Header.Get("X-Amz-Target") == "AmazonSSM.SendCommand" && body == `{"DocumentName":"d"}`:
			_, _ = io.WriteString(w, `{"Command":{"CommandId":"c-1"}}`)
		case body == "Action=DescribeVpcs&Version=2016-11-15&VpcId.1=vpc-1":
			_, _ = io.WriteString(
				w, `<DescribeVpcsResponse><vpcSet><item><vpcId>vpc-1</vpcId></item></vpcSet></DescribeVpcsResponse>`,
			)
		case body == "Action=GetCallerIdentity&Version=2011-06-15":
			_, _ = io.WriteString(
				w,
				`<GetCallerIdentityResponse><GetCallerIdentityResult><Account>1</Account></GetCallerIdentityResult></`+
					`GetCallerIdentityResponse>`,
			)
		default:
			t.Errorf("unexpected %s %q", r.Header.Get("X-Amz-Target"), body)
		}
	})
	ctx := t.Context()
	sent, err := ssm.NewFromConfig(config).SendCommand(ctx, &ssm.SendCommandInput{DocumentName: aws.String("d")})
	if err != nil || aws.ToString(sent.Command.CommandId) != "c-1" {
		t.Errorf("SendCommand: %+v, %v", sent, err)
	}
	vpcs, err := ec2.NewFromConfig(config).DescribeVpcs(ctx, &ec2.DescribeVpcsInput{VpcIds: []string{"vpc-1"}})
	if err != nil || len(vpcs.Vpcs) != 1 || aws.ToString(vpcs.Vpcs[0].VpcId) != "vpc-1" {
		t.Errorf("DescribeVpcs: %+v, %v", vpcs, err)
	}
	who, err := sts.NewFromConfig(config).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil || aws.ToString(who.Account) != "1" {
		t.Errorf("GetCallerIdentity: %+v, %v", who, err)
	}
}

func TestRefusals(t *testing.T) {
	s, config := newRemote(t, func(_ int32, w http.ResponseWriter, _ string, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"__type":"InvalidDocument","Message":"no document d"}`)
	})
	_, err := ssm.NewFromConfig(config).SendCommand(t.Context(), &ssm.SendCommandInput{})
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok || api.ErrorCode() != "InvalidDocument" ||
		err.Error() != "InvalidDocument: no document d" || api.ErrorFault() != smithy.FaultClient {
		t.Errorf("%v", err)
	}
	if n := s.calls.Load(); n != 1 {
		t.Errorf("a refusal was asked for %d times", n)
	}
}

// What may pass is tried again, with the same idempotency token; what has happened three times is said.
func TestRetries(t *testing.T) {
	var tokens []string
	_, config := newRemote(t, func(call int32, w http.ResponseWriter, body string, _ *http.Request) {
		_, token, _ := strings.Cut(body, "ClientToken=")
		token, _, _ = strings.Cut(token, "&")
		tokens = append(tokens, token)
		switch call {
		case 1:
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, "<html>busy</html>")
		case 2:
			w.Header().Set("Content-Length", "1000") // and then nothing: the connection breaks within the answer
			_, _ = io.WriteString(w, "<RunInstances")
		default:
			_, _ = io.WriteString(w, `<RunInstancesResponse><reservationId>r-1</reservationId></RunInstancesResponse>`)
		}
	})
	run, err := ec2.NewFromConfig(config).RunInstances(
		t.Context(), &ec2.RunInstancesInput{MinCount: aws.Int32(1), MaxCount: aws.Int32(1)},
	)
	if err != nil || aws.ToString(run.ReservationId) != "r-1" {
		t.Fatalf("%+v, %v", run, err)
	}
	if len(tokens) != 3 || tokens[0] == "" || tokens[0] != tokens[1] || tokens[1] != tokens[2] {
		t.Errorf("tokens %q", tokens)
	}

	s, config := newRemote(t, func(_ int32, w http.ResponseWriter, _ string, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(
			w,
			`<Response><Errors><Error><Code>RequestLimitExceeded</Code><Message>slower</Message></Error></Errors></Response>`,
		)
	})
	_, err = ec2.NewFromConfig(config).DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{})
	if e, ok := errors.AsType[*client.Error](err); !ok || e.Code != "RequestLimitExceeded" || s.calls.Load() != 3 {
		t.Errorf("%d calls, %v", s.calls.Load(), err)
	}
}

func TestAStrangerIsNotTriedAgain(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	_, config := newRemote(t, nil)
	config.BaseEndpoint, config.HTTPClient = aws.String(server.URL), &http.Client{Transport: &http.Transport{}}
	_, err := sts.NewFromConfig(config).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); !ok || !strings.HasPrefix(err.Error(), server.URL) {
		t.Errorf("%v", err)
	}
}

func TestTheContextEndsCalls(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	_, config := newRemote(t, func(_ int32, w http.ResponseWriter, _ string, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	_, err := sts.NewFromConfig(config).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestPages(t *testing.T) {
	_, config := newRemote(t, func(_ int32, w http.ResponseWriter, body string, _ *http.Request) {
		page := `<PolicyNames><member>a</member></PolicyNames><IsTruncated>true</IsTruncated><Marker>m</Marker>`
		if strings.Contains(body, "Marker=m") {
			page = `<PolicyNames><member>b</member></PolicyNames><IsTruncated>false</IsTruncated>`
		}
		_, _ = io.WriteString(w, "<R><ListRolePoliciesResult>"+page+"</ListRolePoliciesResult></R>")
	})
	var names []string
	pages := iam.NewListRolePoliciesPaginator(
		iam.NewFromConfig(config), &iam.ListRolePoliciesInput{RoleName: aws.String("r")},
	)
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, page.PolicyNames...)
	}
	if strings.Join(names, " ") != "a b" {
		t.Errorf("%q", names)
	}
	if _, err := pages.NextPage(t.Context()); err == nil {
		t.Error("there is a page after the last")
	}
}

// sent keeps the requests of a client that has no endpoint of its own set.
type sent struct{ url, authorization string }

func (s *sent) Do(r *http.Request) (*http.Response, error) {
	s.url, s.authorization = r.URL.String(), r.Header.Get("Authorization")
	return nil, errors.New("not sent")
}

func TestAmazonsEndpoints(t *testing.T) {
	for _, c := range []struct{ region, service, url, scope string }{
		{"eu-west-1", "ec2", "https://ec2.eu-west-1.amazonaws.com/", "/eu-west-1/ec2/"},
		{"eu-west-1", "iam", "https://iam.amazonaws.com/", "/us-east-1/iam/"},
		{"cn-north-1", "ec2", "https://ec2.cn-north-1.amazonaws.com.cn/", "/cn-north-1/ec2/"},
		{"cn-northwest-1", "iam", "https://iam.cn-north-1.amazonaws.com.cn/", "/cn-north-1/iam/"},
		{"us-gov-east-1", "iam", "https://iam.us-gov.amazonaws.com/", "/us-gov-west-1/iam/"},
	} {
		seen := &sent{}
		config := aws.Config{
			Region: c.region, HTTPClient: seen, Retryer: func() aws.Retryer { return aws.NopRetryer{} },
			Credentials: credentials.NewStaticCredentialsProvider("AKIATEST", "secret", ""),
		}
		var err error
		if c.service == "iam" {
			_, err = iam.NewFromConfig(config).GetRole(t.Context(), &iam.GetRoleInput{})
		} else {
			_, err = ec2.NewFromConfig(config).DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{})
		}
		if err == nil || seen.url != c.url || !strings.Contains(seen.authorization, c.scope) {
			t.Errorf("%s in %s: %s, %s, %v", c.service, c.region, seen.url, seen.authorization, err)
		}
	}
}
