package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"postern/aws/sigv4"
	"postern/bench/report"
	"postern/services/s3/embedded"
)

var objects = part{
	name: "s3", longest: 5 * time.Minute, measure: (*bench).measureObjects,
	targets: []target{
		{"1,000 objects of 4 KB put and got", "≥ 60 % of its requests per second"},
		{"signed call through an endpoint, all policies judged", "≥ 90 % of its rate"},
		{"S3 GET and PUT of 64 MiB by a node through the gateway endpoint", "≥ 70 % of it"},
	},
	how: "`curl` in the sample's node, with presigned URLs, five times each way, one connection a time; beside it what " +
		"the part `tun` measures, once. The small objects: eight clients with connections that stay open, each signing its " +
		"requests, put 1,000 objects and then get them, through `postern up` and its TLS, and by the socket of a " +
		"`postern-s3` of its own; three alternating rounds. The policies: an empty handler behind the pipeline, over TLS, " +
		"with an identity policy, and through an endpoint with that, a boundary, a session policy, an endpoint policy and " +
		"a service control policy; three alternating rounds.",
}

const benchBucket = "bench-objects"

func (b *bench) measureObjects(ctx context.Context) (rows []report.Row, err error) {
	data, err := b.directory("data")
	if err != nil {
		return nil, err
	}
	s, err := b.up(ctx, data, anywhere, "--sample")
	if err != nil {
		return nil, err
	}
	defer s.stop()
	for _, measure := range []func(context.Context, *server) (report.Row, error){
		b.smallObjects, b.judgedCalls, b.largeObjects,
	} {
		row, err := measure(ctx, s)
		if err != nil {
			return rows, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// largeObjects has the sample's node get and put an object through a gateway endpoint.
func (b *bench) largeObjects(ctx context.Context, s *server) (report.Row, error) {
	suite, err := b.compile(ctx, fabricDir)
	if err != nil {
		return report.Row{}, err
	}
	tun, err := suite.bench(ctx, "^BenchmarkHTTPSOverTUN$", "1x", 1)
	if err != nil {
		return report.Row{}, err
	}
	node, err := s.nodeAtGateway(ctx)
	if err != nil {
		return report.Row{}, err
	}
	client := s3.New(s3.Options{
		Region: s.connection.Region, BaseEndpoint: &s.connection.Endpoint, UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(s.connection.KeyID, s.connection.Secret, ""),
		HTTPClient:  &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: s.roots}}},
	})
	if _, err := client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String(benchBucket)}); err != nil {
		return report.Row{}, err
	}
	script, err := s.transfers(ctx)
	if err != nil {
		return report.Row{}, err
	}
	text, err := s.script(ctx, node, script)
	if err != nil {
		return report.Row{}, err
	}
	rates := map[string][]float64{}
	for line := range strings.Lines(text) {
		way, rate, _ := strings.Cut(strings.TrimSpace(line), " ")
		bytes, err := strconv.ParseFloat(rate, 64)
		if err != nil {
			return report.Row{}, fmt.Errorf("the node says %q", tail([]byte(text)))
		}
		rates[way] = append(rates[way], bytes/1e6)
	}
	if len(rates["down"]) == 0 || len(rates["up"]) == 0 {
		return report.Row{}, fmt.Errorf("the node says %q", tail([]byte(text)))
	}
	down, up := report.Median(rates["down"]), report.Median(rates["up"])
	of := func(rate float64, name string) float64 { return rate / median(tun, of(name, "MB/s")) }
	shareDown, shareUp := of(down, "HTTPSOverTUN/down"), of(up, "HTTPSOverTUN/up")
	return report.Row{
		Figure:    fmt.Sprintf("%s down, %s up", report.Rate(down), report.Rate(up)),
		Reference: "node → endpoint HTTPS: " + both(tun, "HTTPSOverTUN/down", "HTTPSOverTUN/up", "MB/s"),
		Ratio:     fmt.Sprintf("%s down, %s up", report.Percent(shareDown), report.Percent(shareUp)),
		Verdict:   report.Judge(min(shareDown, shareUp) >= 0.7), Limit: limits["large objects"],
	}, nil
}

// nodeAtGateway waits for the sample's node and gives its network a gateway endpoint of S3.
func (s *server) nodeAtGateway(ctx context.Context) (string, error) {
	ids, err := s.awaitOnline(ctx, 1)
	if err != nil {
		return "", fmt.Errorf("the sample's node: %w", err)
	}
	found, err := s.ec2.DescribeInstances(ctx, &ec2.DescribeInstancesInput{InstanceIds: ids})
	if err != nil {
		return "", err
	}
	vpc := found.Reservations[0].Instances[0].VpcId
	tables, err := s.ec2.DescribeRouteTables(ctx, &ec2.DescribeRouteTablesInput{
		Filters: []ec2types.Filter{{Name: aws.String("vpc-id"), Values: []string{*vpc}}},
	})
	if err != nil {
		return "", err
	}
	in := &ec2.CreateVpcEndpointInput{
		VpcId: vpc, VpcEndpointType: ec2types.VpcEndpointTypeGateway,
		ServiceName: aws.String("com.amazonaws." + s.connection.Region + ".s3"),
	}
	for _, t := range tables.RouteTables {
		in.RouteTableIds = append(in.RouteTableIds, *t.RouteTableId)
	}
	_, err = s.ec2.CreateVpcEndpoint(ctx, in)
	return ids[0], err
}

// transfers is a script that puts and gets an object of 64 MiB and prints bytes per second.
func (s *server) transfers(ctx context.Context) (string, error) {
	sign := s3.NewPresignClient(s3.New(s3.Options{
		Region:      s.connection.Region,
		Credentials: credentials.NewStaticCredentialsProvider(s.connection.KeyID, s.connection.Secret, ""),
	}))
	put, err := sign.PresignPutObject(ctx, &s3.PutObjectInput{Bucket: aws.String(benchBucket), Key: aws.String("large")})
	if err != nil {
		return "", err
	}
	get, err := sign.PresignGetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(benchBucket), Key: aws.String("large")})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf(`set -e
file=$(mktemp)
head -c 67108864 /dev/zero > $file
for i in 1 2 3 4 5; do
	curl -sSf --max-time 30 -o /dev/null -w 'up %%{speed_upload}\n' -H Expect: -T $file '%s'
	curl -sSf --max-time 30 -o /dev/null -w 'down %%{speed_download}\n' '%s'
done
rm $file
`, put.URL, get.URL), nil
}

// script runs a script on a node and returns what it prints.
func (s *server) script(ctx context.Context, node, text string) (string, error) {
	sent, err := s.ssm.SendCommand(ctx, &ssm.SendCommandInput{
		DocumentName: aws.String("AWS-RunShellScript"), InstanceIds: []string{node},
		Parameters: map[string][]string{"commands": {text}},
	})
	if err != nil {
		return "", err
	}
	var out *ssm.GetCommandInvocationOutput
	err = until(ctx, 50*time.Millisecond, func() (bool, error) {
		out, err = s.ssm.GetCommandInvocation(ctx, &ssm.GetCommandInvocationInput{
			CommandId: sent.Command.CommandId, InstanceId: &node,
		})
		if err != nil {
			return false, err
		}
		switch out.Status {
		case ssmtypes.CommandInvocationStatusPending, ssmtypes.CommandInvocationStatusInProgress:
			return false, nil
		case ssmtypes.CommandInvocationStatusSuccess:
			return true, nil
		}
		return false, fmt.Errorf("the script on the node: %s: %s", out.Status, *out.StandardErrorContent)
	})
	if err != nil {
		return "", err
	}
	return *out.StandardOutputContent, nil
}

// smallObjects compares small objects through the server with the same by the library's process alone.
func (b *bench) smallObjects(ctx context.Context, s *server) (report.Row, error) {
	dir, err := b.directory("alone")
	if err != nil {
		return report.Row{}, err
	}
	alone := embedded.New(embedded.Config{Dir: dir, Program: b.program(embedded.ProgramName)})
	defer alone.Close() //nolint:errcheck // it has nothing to say
	var ours, theirs, ratios []float64
	for range 3 {
		t, err := small(ctx, alone.Do)
		if err != nil {
			return report.Row{}, fmt.Errorf("postern-s3 alone: %w", err)
		}
		o, err := small(ctx, s.s3Client())
		if err != nil {
			return report.Row{}, fmt.Errorf("postern up: %w", err)
		}
		ours, theirs, ratios = append(ours, o), append(theirs, t), append(ratios, o/t)
	}
	ratio := report.Median(ratios)
	return report.Row{
		Figure:    report.Thousands(report.Median(ours)) + " requests/s",
		Reference: "postern-s3 alone, by its socket: " + report.Thousands(report.Median(theirs)) + " requests/s",
		Ratio:     report.Percent(ratio), Verdict: report.Judge(ratio >= 0.6), Limit: limits["small objects"],
	}, nil
}

type doer func(*http.Request) (*http.Response, error)

// s3Client sends requests to the server, signed by its root user.
func (s *server) s3Client() doer {
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: s.roots}, MaxIdleConnsPerHost: 16}
	return func(r *http.Request) (*http.Response, error) {
		to, err := url.Parse(s.connection.Endpoint)
		if err != nil {
			return nil, err
		}
		r.URL.Scheme, r.URL.Host, r.Host = to.Scheme, to.Host, "s3."+s.connection.Region+".amazonaws.com"
		err = sigv4.SignPayload(r, sigv4.UnsignedPayload, s.keys(), sigv4.Target{
			Region: s.connection.Region, Service: "s3", Time: time.Now(),
		})
		if err != nil {
			return nil, err
		}
		return transport.RoundTrip(r)
	}
}

// small puts and gets 1,000 objects of 4 KB, and returns how many requests that were in a second.
func small(ctx context.Context, do doer) (float64, error) {
	const count, clients = 1000, 8
	body := bytes.Repeat([]byte("small object    "), 256)
	one := func(method, path string, body []byte) error {
		r, err := http.NewRequestWithContext(ctx, method, "http://s3"+path, bytes.NewReader(body))
		if err != nil {
			return err
		}
		answer, err := do(r)
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		got, err := io.Copy(io.Discard, answer.Body)
		if err == nil && (answer.StatusCode != http.StatusOK && answer.StatusCode != http.StatusConflict ||
			method == http.MethodGet && got != 4096) {
			err = fmt.Errorf("%s %s: %s, %d bytes", method, path, answer.Status, got)
		}
		return err
	}
	if err := one(http.MethodPut, "/bench-small", nil); err != nil {
		return 0, err
	}
	began := time.Now()
	for _, method := range []string{http.MethodPut, http.MethodGet} {
		var next atomic.Int64
		var all sync.WaitGroup
		failed := make([]error, clients)
		for client := range clients {
			all.Go(func() {
				for i := next.Add(1); i <= count && failed[client] == nil; i = next.Add(1) {
					sent := body
					if method == http.MethodGet {
						sent = nil
					}
					failed[client] = one(method, fmt.Sprintf("/bench-small/object-%d", i), sent)
				}
			})
		}
		all.Wait()
		if err := errors.Join(failed...); err != nil {
			return 0, err
		}
	}
	return 2 * count / time.Since(began).Seconds(), nil
}

// judgedCalls compares a call through an endpoint with all kinds of policies with one that has an identity's only.
func (b *bench) judgedCalls(ctx context.Context, _ *server) (report.Row, error) {
	suite, err := b.compile(ctx, "api")
	if err != nil {
		return report.Row{}, err
	}
	runs, err := suite.bench(ctx, "^BenchmarkPolicies$", "1s", 3)
	if err != nil {
		return report.Row{}, err
	}
	rate := func(name string) func(figures) float64 {
		return func(f figures) float64 { return 1e9 / f["Policies/"+name]["ns/op"] }
	}
	ratio := median(runs, func(f figures) float64 { return rate("all")(f) / rate("identity")(f) })
	return report.Row{
		Figure:    report.Thousands(median(runs, rate("all"))) + " requests/s",
		Reference: "without endpoint: " + report.Thousands(median(runs, rate("identity"))) + " requests/s",
		Ratio:     report.Percent(ratio), Verdict: report.Judge(ratio >= 0.9), Limit: limits["judged calls"],
	}, nil
}
