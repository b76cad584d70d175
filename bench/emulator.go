package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"sync"
	"time"

	"postern/aws/sigv4"
	"postern/bench/report"
)

var emulator = part{
	name: "emulator", longest: 2 * time.Minute, measure: (*bench).measureEmulator,
	targets: []target{{"EC2 calls of the story", "≥ 30 × its requests per second"}},
	how: "A private network (VPC, two subnets, two groups and a rule, an interface endpoint, and what describes them) " +
		"made and deleted again and again by four " +
		"clients at once, plain HTTP with a signature on each request, for five seconds, the median of three rounds: " +
		"against `postern up --ephemeral`, and against `moto_server`, a Python emulator that keeps its state in " +
		"memory, too. The clients have the same cores.",
}

func (b *bench) measureEmulator(ctx context.Context) ([]report.Row, error) {
	program, err := exec.LookPath("moto_server")
	if err != nil {
		return nil, errors.New("moto_server is not installed")
	}
	s, err := b.lab(ctx)
	if err != nil {
		return nil, err
	}
	defer s.stop()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	at := l.Addr().(*net.TCPAddr)
	l.Close()
	moto, err := b.start("moto", nil, nil, program, "-H", at.IP.String(), "-p", fmt.Sprint(at.Port))
	if err != nil {
		return nil, err
	}
	defer moto.stop()
	other := &caller{
		url:    "http://" + at.String() + "/",
		keys:   s.keys(),
		region: s.connection.Region,
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: storyClients}},
	}
	own := &caller{url: s.connection.Endpoint + "/", keys: s.keys(), region: s.connection.Region, client: &http.Client{
		Transport: &http.Transport{MaxIdleConnsPerHost: storyClients, TLSClientConfig: &tls.Config{RootCAs: s.roots}},
	}}
	if err := until(ctx, 50*time.Millisecond, func() (bool, error) {
		_, err := other.call(ctx, "DescribeVpcs")
		return err == nil, errors.Join(ctx.Err(), moto.ended())
	}); err != nil {
		return nil, fmt.Errorf("moto_server: %w", err)
	}
	var ours, theirs, ratios []float64
	for range 3 {
		t, err := story(ctx, other)
		if err != nil {
			return nil, fmt.Errorf("moto_server: %w", err)
		}
		o, err := story(ctx, own)
		if err != nil {
			return nil, err
		}
		ours, theirs, ratios = append(ours, o), append(theirs, t), append(ratios, o/t)
	}
	ratio := report.Median(ratios)
	return []report.Row{{
		Figure:    report.Thousands(report.Median(ours)) + " requests/s",
		Reference: "moto_server: " + report.Thousands(report.Median(theirs)) + " requests/s",
		Ratio:     fmt.Sprintf("%.0f ×", ratio), Verdict: report.Judge(ratio >= 30), Limit: limits["emulator"],
	}}, nil
}

// caller makes calls of the EC2 API at less cost than an SDK: it measures servers.
type caller struct {
	client *http.Client
	url    string
	keys   sigv4.Credentials
	region string
}

// call sends an action with its parameters, names and values in turn, and returns the answer's body.
func (c *caller) call(ctx context.Context, action string, parameters ...string) (string, error) {
	form := url.Values{"Action": {action}, "Version": {"2016-11-15"}}
	for i := 0; i < len(parameters); i += 2 {
		form.Set(parameters[i], parameters[i+1])
	}
	body := form.Encode()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if err := sigv4.Sign(r, []byte(body), c.keys, sigv4.Target{
		Region: c.region, Service: "ec2", Time: time.Now(),
	}); err != nil {
		return "", err
	}
	answer, err := c.client.Do(r)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: HTTP %d: %s", action, answer.StatusCode, tail(text))
	}
	return string(text), err
}

const storyClients = 4

// story has clients make and delete networks, and returns how many requests a second were answered well.
func story(ctx context.Context, c *caller) (float64, error) {
	const lasting = 5 * time.Second
	began := time.Now()
	calls, errs := make([]int, storyClients), make([]error, storyClients)
	var all sync.WaitGroup
	for i := range storyClients {
		all.Go(func() {
			for time.Since(began) < lasting && errs[i] == nil {
				var n int
				n, errs[i] = tell(ctx, c)
				calls[i] += n
			}
		})
	}
	all.Wait()
	sum := 0
	for _, n := range calls {
		sum += n
	}
	return float64(sum) / time.Since(began).Seconds(), errors.Join(errs...)
}

// step is a call of the story. Parameters may name what earlier calls have made, as "$NAME".
type step struct {
	action string
	// id is the element of the answer that holds the new thing's id, kept under the name.
	id, name   string
	parameters []string
}

var storySteps = []step{
	{"CreateVpc", "vpcId", "$vpc", []string{"CidrBlock", "10.0.0.0/16"}},
	{"ModifyVpcAttribute", "", "", []string{"VpcId", "$vpc", "EnableDnsHostnames.Value", "true"}},
	{
		"CreateSubnet",
		"subnetId",
		"$a",
		[]string{"VpcId", "$vpc", "CidrBlock", "10.0.1.0/24", "AvailabilityZone", "us-east-1a"},
	},
	{
		"CreateSubnet",
		"subnetId",
		"$b",
		[]string{"VpcId", "$vpc", "CidrBlock", "10.0.2.0/24", "AvailabilityZone", "us-east-1b"},
	},
	{
		"CreateSecurityGroup",
		"groupId",
		"$nodes",
		[]string{"VpcId", "$vpc", "GroupName", "nodes", "GroupDescription", "nodes"},
	},
	{
		"CreateSecurityGroup",
		"groupId",
		"$endpoints",
		[]string{"VpcId", "$vpc", "GroupName", "endpoints", "GroupDescription", "endpoints"},
	},
	{"AuthorizeSecurityGroupIngress", "", "", []string{
		"GroupId", "$endpoints", "IpPermissions.1.IpProtocol", "tcp", "IpPermissions.1.FromPort", "443",
		"IpPermissions.1.ToPort", "443",
		"IpPermissions.1.Groups.1.GroupId", "$nodes",
	}},
	{"CreateVpcEndpoint", "vpcEndpointId", "$endpoint", []string{
		"VpcId", "$vpc", "VpcEndpointType", "Interface", "ServiceName", "com.amazonaws.us-east-1.ssm", "SubnetId.1", "$a",
		"SubnetId.2", "$b",
		"SecurityGroupId.1", "$endpoints", "PrivateDnsEnabled", "true",
	}},
	{"DescribeVpcs", "", "", []string{"VpcId.1", "$vpc"}},
	{"DescribeSubnets", "", "", []string{"Filter.1.Name", "vpc-id", "Filter.1.Value.1", "$vpc"}},
	{"DescribeRouteTables", "", "", []string{"Filter.1.Name", "vpc-id", "Filter.1.Value.1", "$vpc"}},
	{"DescribeSecurityGroups", "", "", []string{"Filter.1.Name", "vpc-id", "Filter.1.Value.1", "$vpc"}},
	{"DescribeVpcEndpoints", "", "", []string{"VpcEndpointId.1", "$endpoint"}},
	{"DescribeNetworkInterfaces", "", "", []string{"Filter.1.Name", "vpc-id", "Filter.1.Value.1", "$vpc"}},
	{"DeleteVpcEndpoints", "", "", []string{"VpcEndpointId.1", "$endpoint"}},
	{"DeleteSecurityGroup", "", "", []string{"GroupId", "$endpoints"}},
	{"DeleteSecurityGroup", "", "", []string{"GroupId", "$nodes"}},
	{"DeleteSubnet", "", "", []string{"SubnetId", "$a"}},
	{"DeleteSubnet", "", "", []string{"SubnetId", "$b"}},
	{"DeleteVpc", "", "", []string{"VpcId", "$vpc"}},
}

// tell makes and deletes one network, and returns how many calls were answered well.
func tell(ctx context.Context, c *caller) (calls int, err error) {
	made := map[string]string{}
	for _, s := range storySteps {
		parameters := make([]string, len(s.parameters))
		for i, p := range s.parameters {
			if id, ok := made[p]; ok {
				p = id
			}
			parameters[i] = p
		}
		answer, err := c.call(ctx, s.action, parameters...)
		if err != nil {
			return calls, err
		}
		calls++
		if s.id == "" {
			continue
		}
		_, after, ok := strings.Cut(answer, "<"+s.id+">")
		id, _, _ := strings.Cut(after, "<")
		if !ok {
			return calls, fmt.Errorf("%s: the answer has no %s: %s", s.action, s.id, tail([]byte(answer)))
		}
		made[s.name] = id
	}
	return calls, nil
}
