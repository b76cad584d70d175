package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// service stands for a Postern: it answers operations by their names and keeps what it was asked.
type service struct {
	t *testing.T
	*httptest.Server

	mu sync.Mutex
	// answers are bodies by operation; of several, each call takes one and the last stays.
	answers map[string][]string
	asked   map[string][]string
}

func newService(t *testing.T, answers map[string][]string) *service {
	t.Helper()
	s := &service{t: t, answers: answers, asked: map[string][]string{}}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	for _, name := range []string{"AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_CA_BUNDLE", "AWS_REGION"} {
		t.Setenv(name, "")
	}
	t.Setenv("POSTERN_DATA", t.TempDir())
	t.Setenv("AWS_ENDPOINT_URL", s.URL)
	t.Setenv("AWS_DEFAULT_REGION", "eu-west-7")
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIATEST")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	return s
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		s.t.Error(err)
	}
	_, operation, isJSON := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	if !isJSON {
		form, err := url.ParseQuery(string(body))
		if err != nil {
			s.t.Error(err)
		}
		operation = form.Get("Action")
	}
	s.mu.Lock()
	s.asked[operation] = append(s.asked[operation], string(body))
	answers := s.answers[operation]
	if len(answers) > 1 {
		s.answers[operation] = answers[1:]
	}
	s.mu.Unlock()
	switch {
	case len(answers) > 0:
		_, _ = io.WriteString(w, answers[0])
	case operation == "":
		// wait looks whether anything answers.
	case isJSON:
		_, _ = io.WriteString(w, "{}")
	default:
		fmt.Fprintf(w, "<%sResponse></%sResponse>", operation, operation)
	}
}

// typed runs a command and returns what it prints and its exit code.
func typed(t *testing.T, now func() time.Time, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	code = Run(ctx, Options{Args: args, Stdout: &out, Stderr: &errs, Now: now})
	return out.String(), errs.String(), code
}

// invocation is one of ListCommandInvocations.
func invocation(node, status string) string {
	return fmt.Sprintf(`{"CommandId":"c-1","InstanceId":%q,"Status":%q,"StatusDetails":%q,`+
		`"CommandPlugins":[{"Name":"step"}]}`, node, status, status)
}

func listed(invocations ...string) string {
	return `{"CommandInvocations":[` + strings.Join(invocations, ",") + `]}`
}

func TestRunTellsProgressAndGroups(t *testing.T) {
	s := newService(t, map[string][]string{
		"SendCommand": {`{"Command":{"CommandId":"c-1"}}`},
		"ListCommandInvocations": {
			listed(invocation("i-1", "Pending"), invocation("i-2", "InProgress"), invocation("i-3", "Success")),
			listed(invocation("i-3", "Success"), invocation("i-1", "Success"), invocation("i-2", "Failed")),
		},
		"GetCommandInvocation": {
			`{"StandardOutputContent":"hello\n","ResponseCode":0}`,
			`{"StandardOutputContent":"hello\n","ResponseCode":0}`,
			`{"StandardErrorContent":"no\u001b such\n","ResponseCode":7}`,
		},
	})
	out, progress, code := typed(t, nil, "run", "--target", "tag:Role=web,db", "--timeout", "90s", "--", "echo", "hello")
	if want := "── i-1 i-3  Success\nhello\n── i-2  Failed (exit 7)\n"; !strings.HasPrefix(
		out, want,
	) || code != 1 {
		t.Errorf("exit code %d, it prints:\n%s", code, out)
	}
	if strings.Contains(out, "\x1b") {
		t.Errorf("a node's escape sequence reaches the terminal: %q", out)
	}
	want := "command c-1\ni-1  Pending\ni-2  InProgress\ni-3  Success\ni-1  Success\ni-2  Failed\n"
	if progress != want {
		t.Errorf("it tells\n%s\nwant\n%s", progress, want)
	}
	var sent struct {
		DocumentName string
		Targets      []struct {
			Key    string
			Values []string
		}
		Parameters     map[string][]string
		TimeoutSeconds int
	}
	if err := json.Unmarshal([]byte(s.asked["SendCommand"][0]), &sent); err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(sent)
	if got != "{AWS-RunShellScript [{tag:Role [web db]}] map[commands:[echo hello] executionTimeout:[90]] 90}" {
		t.Errorf("it sends %s", got)
	}
}

func TestRunEndsAsTheCommandDoes(t *testing.T) {
	for _, tt := range []struct {
		status string
		code   int
		want   int
	}{
		{"Success", 0, 0},
		{"Failed", 42, 42},
		{"Failed", 256, 255},
		{"TimedOut", 137, 255},
	} {
		newService(t, map[string][]string{
			"SendCommand":            {`{"Command":{"CommandId":"c-1"}}`},
			"ListCommandInvocations": {listed(invocation("i-1", tt.status))},
			"GetCommandInvocation":   {fmt.Sprintf(`{"StandardOutputContent":"x","ResponseCode":%d}`, tt.code)},
		})
		out, _, code := typed(t, nil, "run", "-i", "i-1", "-o", "json", "--", "x")
		var results []result
		if err := json.Unmarshal([]byte(out), &results); err != nil || len(results) != 1 {
			t.Fatalf("%q: %v", out, err)
		}
		if r := results[0]; code != tt.want || r.Node != "i-1" || r.Status != tt.status || int(r.Code) != tt.code {
			t.Errorf("%s with %d: exit code %d, want %d; %+v", tt.status, tt.code, code, tt.want, r)
		}
	}
}

// TestRunCancelsWhatIsLate moves the clock past the command's time, and then past the time after which absent nodes are
// named.
func TestRunCancelsWhatIsLate(t *testing.T) {
	s := newService(t, map[string][]string{
		"SendCommand": {`{"Command":{"CommandId":"c-1"}}`},
		"ListCommandInvocations": {
			listed(invocation("i-1", "Pending")),
			listed(invocation("i-1", "Pending")),
			listed(invocation("i-1", "Cancelled")),
		},
		"GetCommandInvocation": {`{"ResponseCode":-1}`},
		"DescribeInstanceInformation": {
			`{"InstanceInformationList":[{"InstanceId":"i-1","PingStatus":"ConnectionLost","LastPingDateTime":1000}]}`,
		},
	})
	clock := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	now := func() time.Time {
		clock = clock.Add(time.Hour)
		return clock
	}
	_, progress, code := typed(t, now, "run", "-i", "i-1", "--timeout", "5s", "--", "x")
	if code != 255 || strings.Count(progress, "its time is up: cancelling") != 1 || len(s.asked["CancelCommand"]) != 1 {
		t.Errorf("exit code %d, %d cancelled:\n%s", code, len(s.asked["CancelCommand"]), progress)
	}
	if strings.Count(progress, "i-1  is ConnectionLost since") != 1 || !strings.Contains(progress, "postern explain i-1") {
		t.Errorf("that the node is absent is told thus:\n%s", progress)
	}
}

// TestRunMistakes: what is typed wrong is refused before anything is sent.
func TestRunMistakes(t *testing.T) {
	s := newService(t, nil)
	for says, args := range map[string][]string{
		"which nodes?":                       {"x"},
		`--instance "web"`:                   {"-i", "web", "--", "x"},
		`--target "Role=web"`:                {"-t", "Role=web", "--", "x"},
		`--target "tag:Role"`:                {"-t", "tag:Role", "--", "x"},
		"--instance and --target":            {"-i", "i-1", "-t", "tag-key=a", "--", "x"},
		"--timeout 4s: must be from 5s":      {"-i", "i-1", "--timeout", "4", "--", "x"},
		"--timeout 48h0m1s: must be from 5s": {"-i", "i-1", "--timeout", "172801", "--", "x"},
	} {
		_, stderr, code := typed(t, nil, append([]string{"run"}, args...)...)
		if (code != exitUsage && code != exitOurs) || !strings.Contains(stderr, says) {
			t.Errorf("%v: exit code %d: %s, want %q", args, code, stderr, says)
		}
	}
	if len(s.asked) > 0 {
		t.Errorf("it asked for %v", s.asked)
	}
	newService(t, map[string][]string{"SendCommand": {`{"Command":{"CommandId":"c-1"}}`}})
	if _, stderr, code := typed(t, nil, "run", "-t", "tag:a=b", "--", "x"); code == 0 ||
		!strings.Contains(stderr, "no managed node fits the targets") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}

// twoNodes has an instance that is Online and a machine that has joined.
func twoNodes() map[string][]string {
	return map[string][]string{
		"DescribeInstances": {`<DescribeInstancesResponse><reservationSet><item><instancesSet><item>
			<instanceId>i-1</instanceId><privateIpAddress>10.0.1.4</privateIpAddress><vpcId>vpc-1</vpcId>
			<subnetId>subnet-1</subnetId><instanceState><name>running</name></instanceState>
			<groupSet><item><groupId>sg-1</groupId></item><item><groupId>sg-2</groupId></item></groupSet>
			<tagSet><item><key>Name</key><value>web</value></item><item><key>a</key><value>b</value></item></tagSet>
			</item></instancesSet></item></reservationSet></DescribeInstancesResponse>`},
		"DescribeInstanceInformation": {`{"InstanceInformationList":[
			{"InstanceId":"mi-1","Name":"desk","PingStatus":"Inactive","IPAddress":"192.0.2.1","AgentVersion":"1.2.3.4"},
			{"InstanceId":"i-1","PingStatus":"Online","PlatformName":"Linux","PlatformVersion":"6"}]}`},
		"ListTagsForResource": {`{"TagList":[{"Key":"Owner","Value":"ops"}]}`},
		"DescribeNetworkInterfaces": {`<DescribeNetworkInterfacesResponse><networkInterfaceSet><item>
			<privateIpAddress>10.0.1.9</privateIpAddress><vpcId>vpc-1</vpcId><subnetId>subnet-2</subnetId>
			<groupSet><item><groupId>sg-3</groupId></item></groupSet>
			<attachment><instanceId>mi-1</instanceId></attachment></item></networkInterfaceSet>
			</DescribeNetworkInterfacesResponse>`},
	}
}

func TestNodes(t *testing.T) {
	newService(t, twoNodes())
	out, stderr, code := typed(t, nil, "nodes")
	want := "NODE  NAME  STATE    PING      ADDRESS   SUBNET    GROUPS     TAGS\n" +
		"i-1   web   running  Online    10.0.1.4  subnet-1  sg-1,sg-2  a=b\n" +
		"mi-1  desk  -        Inactive  10.0.1.9  subnet-2  sg-3       Owner=ops\n"
	if out != want || code != 0 {
		t.Errorf("exit code %d, %s\n%s\nwant\n%s", code, stderr, out, want)
	}
	out, _, _ = typed(t, nil, "nodes", "--output", "json")
	var nodes []managedNode
	if err := json.Unmarshal([]byte(out), &nodes); err != nil || len(nodes) != 2 {
		t.Fatalf("%s: %v", out, err)
	}
	if n := nodes[0]; n.Platform != "Linux 6" || n.VPC != "vpc-1" || n.Tags["Name"] != "web" {
		t.Errorf("%+v", n)
	}
	if n := nodes[1]; n.Agent != "1.2.3.4" || n.Subnet != "subnet-2" || n.Tags["Owner"] != "ops" {
		t.Errorf("%+v", n)
	}
}

// TestTellChanges: a node is told again when something but its last sign of life has changed, and when it is gone.
func TestTellChanges(t *testing.T) {
	a := &app{output: "text"}
	last := map[string]string{}
	tell := func(first bool, nodes ...managedNode) string {
		var out bytes.Buffer
		if err := a.tellChanges(&out, nodes, last, first); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	online := managedNode{ID: "i-1", Ping: "Online", LastPing: time.Unix(1, 0)}
	later, lost := online, online
	later.LastPing, lost.Ping = time.Unix(2, 0), "ConnectionLost"
	if got := tell(true, online); !strings.HasPrefix(got, "NODE ") || !strings.Contains(got, "Online") {
		t.Errorf("first %q", got)
	}
	if got := tell(false, later); got != "" {
		t.Errorf("a sign of life is told: %q", got)
	}
	if got := tell(false, lost); !strings.Contains(got, "ConnectionLost") || strings.Contains(got, "NODE ") {
		t.Errorf("a change is told thus: %q", got)
	}
	if got := tell(false); !strings.Contains(got, "i-1") || !strings.Contains(got, "gone") {
		t.Errorf("that it is gone is told thus: %q", got)
	}
	if got := tell(false); got != "" {
		t.Errorf("it is told twice: %q", got)
	}
	a.output = "json"
	if got := tell(
		false, online, managedNode{ID: "i-2"},
	); strings.Count(got, "\n") != 2 || !strings.HasPrefix(got, `{"id":"i-1"`) {
		t.Errorf("in JSON: %q", got)
	}
}

func TestWait(t *testing.T) {
	newService(t, twoNodes())
	for _, tt := range []struct {
		args  []string
		code  int
		error string
	}{
		{nil, 0, ""},
		{[]string{"i-1"}, 0, ""},
		{[]string{"tag:Name=web", "tag:a=b"}, 0, ""},
		{[]string{"web"}, 2, `"web": write a node as i-`},
		{[]string{"tag:web"}, 2, `"tag:web": write a node as i-`},
	} {
		_, stderr, code := typed(t, nil, append([]string{"wait", "--timeout", "20s"}, tt.args...)...)
		if code != tt.code || !strings.Contains(stderr, tt.error) {
			t.Errorf("%v: exit code %d, %s; want %d, %q", tt.args, code, stderr, tt.code, tt.error)
		}
	}
	if out, _, code := typed(t, nil, "wait", "--output", "json", "i-1"); code != 0 || out != "{\"ready\":true}\n" {
		t.Errorf("exit code %d: %q", code, out)
	}
}

// TestMissing: what is waited for is each node that is named, at least one with each tag, and all that have it.
func TestMissing(t *testing.T) {
	answers := twoNodes()
	answers["DescribeInstances"][0] = strings.Replace(answers["DescribeInstances"][0], "<item>\n\t\t\t<instanceId>i-1<",
		"<item><instanceId>i-2</instanceId><instanceState><name>terminated</name></instanceState><tagSet><item><key>a</key>"+
			"<value>b</value></item></tagSet></item><item>\n\t\t\t<instanceId>i-1<", 1)
	newService(t, answers)
	for wanted, want := range map[string]string{
		"i-1":                "",
		"tag:a=b":            "", // i-2 has it, and is terminated
		"mi-1":               "mi-1",
		"i-9 i-1":            "i-9",
		"tag:Owner=dev":      "tag:Owner=dev",
		"tag:Owner=ops":      "mi-1",
		"tag:a=b tag:a":      "tag:a",
		"mi-1 tag:Owner=ops": "mi-1 mi-1",
	} {
		missing, err := new(app).missing(t.Context(), strings.Fields(wanted))
		if got := strings.Join(missing, " "); err != nil || got != want {
			t.Errorf("of %s %q is missing, want %q: %v", wanted, got, want, err)
		}
	}
}

func TestStatus(t *testing.T) {
	answers := twoNodes()
	answers["GetCallerIdentity"] = []string{`<GetCallerIdentityResponse><GetCallerIdentityResult>
		<Account>111111111111</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`}
	answers["DescribeVpcs"] = []string{`<DescribeVpcsResponse><vpcSet><item><vpcId>vpc-1</vpcId>
		<cidrBlock>10.0.0.0/16</cidrBlock></item></vpcSet></DescribeVpcsResponse>`}
	answers["DescribeVpcEndpoints"] = []string{`<DescribeVpcEndpointsResponse><vpcEndpointSet><item>
		<vpcEndpointId>vpce-1</vpcEndpointId><vpcId>vpc-1</vpcId><serviceName>com.amazonaws.eu-west-7.ssm</serviceName>
		<state>available</state><privateDnsEnabled>true</privateDnsEnabled></item></vpcEndpointSet>
		</DescribeVpcEndpointsResponse>`}
	s := newService(t, answers)
	out, stderr, code := typed(t, nil, "status")
	for _, want := range []string{
		s.URL + "  account 111111111111  region eu-west-7\n",
		"vpc-1  10.0.0.0/16\n",
		"vpce-1    com.amazonaws.eu-west-7.ssm  available  true         vpc-1\n",
		"192.0.2.1  1.2.3.4",
	} {
		if !strings.Contains(out, want) || code != 0 {
			t.Errorf("exit code %d, %s: no %q in\n%s", code, stderr, want, out)
		}
	}
	out, _, _ = typed(t, nil, "status", "-o", "json")
	var got status
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	if got.Account != "111111111111" || got.VPCs[0] != (vpcStatus{
		"vpc-1", "10.0.0.0/16",
	}) || !got.Endpoints[0].PrivateDNS ||
		len(got.Nodes) != 2 || got.Nodes[1].Platform != "Linux 6" {
		t.Errorf("%+v", got)
	}
}

// TestServiceRefuses: what the service refuses is told with its code, and in JSON as an object.
func TestServiceRefuses(t *testing.T) {
	s := newService(t, nil)
	refuse := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"__type":"InvalidInstanceId","message":"no node i-1"}`)
	})
	s.Config.Handler = refuse
	_, stderr, code := typed(t, nil, "run", "-i", "i-1", "--", "x")
	if code != exitOurs || !strings.Contains(stderr, "InvalidInstanceId: no node i-1") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	_, stderr, _ = typed(t, nil, "-o", "json", "run", "-i", "i-1", "--", "x")
	var told map[string]any
	if err := json.Unmarshal([]byte(stderr), &told); err != nil {
		t.Errorf("in JSON: %s: %v", stderr, err)
	}
	s.Close()
	if _, stderr, code := typed(t, nil, "nodes"); code != exitNoServer || !strings.Contains(stderr, "no Postern answers") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}

// TestStory times each step by the clock, counts them, and says why one failed.
func TestStory(t *testing.T) {
	clock := time.Unix(0, 0)
	now := func() time.Time {
		clock = clock.Add(12 * time.Millisecond)
		return clock
	}
	var out bytes.Buffer
	for _, asJSON := range []bool{false, true} {
		out.Reset()
		s := story{out: &out, json: asJSON, now: now}
		if err := s.step("one", func() (told, error) { return told{detail: "a\nb"}, nil }); err != nil {
			t.Error(err)
		}
		err := s.step("two", func() (told, error) { return told{}, context.Canceled })
		if err == nil || err.Error() != "step 2, two: context canceled" {
			t.Error(err)
		}
		s.say("for %s", "people")
		want := fmt.Sprintf(
			"✓ %-58s     12 ms\n    a\n    b\n✗ %-58s     12 ms\n    context canceled\nfor people\n", "one", "two",
		)
		if asJSON {
			want = `{"step":1,"name":"one","ok":true,"detail":"a\nb","ms":12}` + "\n" +
				`{"step":2,"name":"two","ok":false,"error":"context canceled","ms":12}` + "\n"
		}
		if out.String() != want {
			t.Errorf("%q, want %q", out.String(), want)
		}
	}
}
