package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"postern/aws/fault"
	"postern/doctor"
)

// TestCompletion: the shell is offered nodes, documents and services that the server has, and nothing without one.
func TestCompletion(t *testing.T) {
	answers := twoNodes()
	answers["ListDocuments"] = []string{`{"DocumentIdentifiers":[{"Name":"AWS-RunShellScript"},{"Name":"mine"}]}`}
	answers["DescribeVpcEndpointServices"] = []string{`<DescribeVpcEndpointServicesResponse><serviceNameSet>
		<item>com.amazonaws.eu-west-7.ssm</item><item>com.amazonaws.vpce.eu-west-7.vpce-svc-1</item></serviceNameSet>
		</DescribeVpcEndpointServicesResponse>`}
	s := newService(t, answers)
	for line, want := range map[string][]string{
		"run --instance ":         {"i-1\tweb Online", "mi-1\tdesk Inactive"},
		"run --instance mi":       {"mi-1\tdesk Inactive"},
		"run --document ":         {"AWS-RunShellScript", "mine"},
		"run --document m":        {"mine"},
		"explain ":                {"i-1\tweb Online", "mi-1\tdesk Inactive"},
		"explain i-1 ":            {"ssm", "com.amazonaws.vpce.eu-west-7.vpce-svc-1"},
		"explain --from i-1 --to": nil,
		"wait i":                  {"i-1\tweb Online"},
		"--output ":               {"text", "json"},
	} {
		words := strings.Split(line, " ")
		out, _, _ := typed(t, nil, append([]string{"__complete"}, words...)...)
		var got []string
		for _, offered := range strings.Split(out, "\n") {
			if offered != "" && !strings.HasPrefix(offered, ":") && !strings.HasPrefix(offered, "-") {
				got = append(got, offered)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q is offered %q, want %q", line, got, want)
		}
	}
	s.Close()
	if out, _, _ := typed(t, nil, "__complete", "wait", ""); strings.Contains(out, "i-1") {
		t.Errorf("without a server: %q", out)
	}
}

func TestImages(t *testing.T) {
	newService(t, map[string][]string{"DescribeImages": {`<DescribeImagesResponse><imagesSet><item><imageId>ami-1</imageId>
		<name>a name</name><imageState>available</imageState><creationDate>2026-11-28T12:00:00.000Z</creationDate></item>
		</imagesSet></DescribeImagesResponse>`}})
	out, _, code := typed(t, nil, "image", "list")
	want := "IMAGE  NAME    STATE      CREATED\nami-1  a name  available  2026-11-28T12:00:00.000Z\n"
	if out != want || code != 0 {
		t.Errorf("exit code %d\n%s\nwant\n%s", code, out, want)
	}
	out, _, _ = typed(t, nil, "image", "list", "-o", "json")
	var images []image
	if err := json.Unmarshal([]byte(out), &images); err != nil || images[0].State != "available" {
		t.Errorf("%s: %v", out, err)
	}
	if tags := publicTags([]string{
		"/aws/a", "/aws/b",
	}); *tags[0].Tags[0].Value != "/aws/a /aws/b" || publicTags(nil) != nil {
		t.Errorf("%+v", tags)
	}
}

// TestInterrupt: the first Ctrl-C cancels the command, the second leaves it and says how to cancel it.
func TestInterrupt(t *testing.T) {
	s := newService(t, nil)
	cl, err := fromEnvironment().clients()
	if err != nil {
		t.Fatal(err)
	}
	var progress bytes.Buffer
	r := &running{clients: cl, id: "c-1", progress: &progress, now: time.Now}
	if err := r.interrupt(t.Context()); err != nil || !r.interrupted || len(s.asked["CancelCommand"]) != 1 {
		t.Errorf("%v, asked %v", err, s.asked)
	}
	err = r.interrupt(t.Context())
	if !errors.Is(err, ended(exitInterrupted)) || len(s.asked["CancelCommand"]) != 1 {
		t.Errorf("%v, asked %v", err, s.asked)
	}
	if !strings.HasSuffix(progress.String(), "aws ssm cancel-command --command-id c-1\n") {
		t.Errorf("%s", progress.String())
	}
}

func TestWithout(t *testing.T) {
	got := without([]string{"A=1", "AWS_PROFILE=p", "AWS_ENDPOINT_URL_S3=x", "AWS_ENDPOINT_URL=y", "B="}, foreign)
	if !slices.Equal(got, []string{"A=1", "AWS_ENDPOINT_URL=y", "B="}) {
		t.Errorf("%q", got)
	}
}

func TestBuild(t *testing.T) {
	for want, b := range map[string]build{
		"postern 1, go1 linux/amd64": {Version: "1", Go: "go1", Platform: "linux/amd64"},
		"postern 1, commit 0123456789ab of d, go1 p": {
			Version: "1", Commit: "0123456789abcdef", Date: "d", Go: "go1", Platform: "p",
		},
		"postern 1, commit 01 and changes of d, go1 p": {
			Version: "1", Commit: "01", Date: "d", Modified: true, Go: "go1", Platform: "p",
		},
	} {
		if got := b.String(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	out, _, code := typed(t, nil, "version", "-o", "json")
	var got build
	if err := json.Unmarshal([]byte(out), &got); err != nil || code != 0 || got.Version != Version || got.Go == "" {
		t.Errorf("%s: %v", out, err)
	}
}

// TestAttachedExit: an attached command's exit code is this program's, 128 and its signal's number where that ended it,
// and what could not be run ends as in a shell.
func TestAttachedExit(t *testing.T) {
	ran := func(script string) error { return exec.Command("sh", "-c", script).Run() }
	other := errors.New("other")
	for _, tt := range []struct {
		err, want error
	}{
		{nil, nil},
		{ran("exit 7"), ended(7)},
		{ran("kill -TERM $$"), ended(128 + 15)},
		{fault.New(fault.NotFound, "x.Y", "no such program"), ended(127)},
		{fault.New(fault.Denied, "x.Y", "may not be run"), ended(126)},
		{other, other},
	} {
		cmd := &cobra.Command{}
		var said bytes.Buffer
		cmd.SetErr(&said)
		if got := exitCode(cmd, tt.err); !errors.Is(got, tt.want) {
			t.Errorf("%v: %v, want %v", tt.err, got, tt.want)
		}
		if told := fault.Is(tt.err, fault.NotFound) || fault.Is(tt.err, fault.Denied); told != (said.Len() > 0) {
			t.Errorf("%v: it says %q", tt.err, said.String())
		}
	}
}

// TestPublish: a server's connection is left for commands of the same user; an ephemeral one's goes with it, and does
// not take the place of another's.
func TestPublish(t *testing.T) {
	a := &app{dataDir: filepath.Join(t.TempDir(), "it's")}
	connection := Connection{Endpoint: "http://127.0.0.1:1", Region: "r"}
	forget, err := a.publish(connection, false)
	if err != nil {
		t.Fatal(err)
	}
	forget()
	if c, err := a.kept(); err != nil || c.Endpoint != connection.Endpoint {
		t.Errorf("%+v, %v", c, err)
	}
	if info, err := os.Stat(filepath.Join(a.dataDir, connectionFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("others may read the key: %v, %v", info.Mode(), err)
	}
	if a.dataFlag() != " --data '"+strings.ReplaceAll(a.dataDir, "'", `'\''`)+"'" {
		t.Errorf("%s", a.dataFlag())
	}
	forget, err = a.publish(connection, true)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.publish(connection, true); err == nil || !strings.Contains(err.Error(), "another postern is running") {
		t.Errorf("two at once: %v", err)
	}
	forget()
	var none *noConnectionError
	if _, err := a.kept(); !errors.As(err, &none) {
		t.Errorf("after its end: %v", err)
	}
	if _, err := os.Stat(a.dataDir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("its directory stays: %v", err)
	}
}

func TestSampleLines(t *testing.T) {
	s := sample{vpc: "vpc-1", subnets: []string{"subnet-1", "subnet-2"}, endpointGroup: "sg-e", nodeGroup: "sg-n"}
	want := "sample network: vpc-1, subnets subnet-1 subnet-2\n" +
		"sample groups: sg-e (postern-sample-endpoints), sg-n (postern-sample-nodes)"
	if got := strings.Join(s.lines(), "\n"); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	s.instance = "i-1"
	if got := s.lines(); len(got) != 3 || got[2] != "sample node: i-1" {
		t.Errorf("%q", got)
	}
}

// TestWrong: the demo tells what is broken, with the remedy, and not what is merely degraded.
func TestWrong(t *testing.T) {
	r := doctor.Report{Findings: []doctor.Finding{
		{ID: "a/b", Severity: doctor.Degraded, Resource: "r", Wrong: "w", Remedy: "m"},
		{ID: "ingress/no-rule", Severity: doctor.Broken, Resource: "sg-1", Wrong: "no rule", Remedy: "make one"},
	}}
	if got := wrong(r); got != "ingress/no-rule sg-1: no rule\nremedy: make one" {
		t.Errorf("%q", got)
	}
}

// TestSayOnline: it waits until the sample's node is Online, and ends with its context.
func TestSayOnline(t *testing.T) {
	const list = `{"InstanceInformationList":[{"InstanceId":"i-1","PingStatus":"Online"}]}`
	newService(t, map[string][]string{"DescribeInstanceInformation": {"{}", list}})
	cl, err := fromEnvironment().clients()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	s := &sample{clients: cl, instance: "i-1"}
	s.sayOnline(t.Context(), &out)
	if !strings.HasPrefix(out.String(), "sample node i-1 is Online after ") {
		t.Errorf("%q", out.String())
	}
	out.Reset()
	ended, end := context.WithCancel(t.Context())
	end()
	s.instance = "i-2"
	s.sayOnline(ended, &out)
	(&sample{}).sayOnline(t.Context(), &out)
	if out.Len() > 0 {
		t.Errorf("%q", out.String())
	}
}
