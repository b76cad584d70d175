package cli

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"postern/aws/fault"
)

// answered is an error as any client of the APIs has it.
type answered struct{ code, message string }

func (e *answered) Error() string {
	return "operation error SSM: SendCommand, https response error StatusCode: 400"
}
func (e *answered) ErrorCode() string    { return e.code }
func (e *answered) ErrorMessage() string { return e.message }

func TestDescribe(t *testing.T) {
	const at = "https://127.0.0.1:4566"
	refused := &url.Error{Op: "Post", URL: at, Err: &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}}
	for _, tt := range []struct {
		err  error
		want failure
	}{
		{fmt.Errorf("operation error: %w", &answered{"InvalidInstanceId", `"foo" is no node`}),
			failure{"InvalidInstanceId", `InvalidInstanceId: "foo" is no node`, 1, ""}},
		{fmt.Errorf("operation error: %w", refused),
			failure{"NoServer", "no Postern answers at " + at + ": start it with postern up", 3, ""}},
		{fault.New(fault.Unavailable, "doctor.Read", "describe i-1: %w", refused),
			failure{"NoServer", "no Postern answers at " + at + ": start it with postern up", 3, ""}},
		{fmt.Errorf("send: %w", x509.UnknownAuthorityError{}), failure{"NoServer",
			"another Postern, with another CA, answers at " + at + ": is --data right, or the CA in AWS_CA_BUNDLE?", 3, ""}},
		{fault.New(fault.NotFound, "doctor.Read", "no instance i-1"), failure{"Failed", "no instance i-1", 1, ""}},
		{fault.New(fault.Invalid, "server.Open", "--region: no"), failure{"Usage", "--region: no", 2, ""}},
		{mistyped("--timeout 1s: too short"), failure{"Usage", "--timeout 1s: too short", 2, ""}},
		{&noConnectionError{"/data"}, failure{"NoServer", (&noConnectionError{"/data"}).Error(), 3, ""}},
		{fmt.Errorf("ask: %w", context.Canceled), failure{"Interrupted", "interrupted", 130, ""}},
		// An errno knows time-outs, as errors of the network do; a file that is not there is no server that is not.
		{&os.PathError{Op: "open", Path: "x", Err: syscall.EACCES}, failure{"Failed", "open x: permission denied", 1, ""}},
		{errors.New("anything"), failure{"Failed", "anything", 1, ""}},
	} {
		if got := describe(tt.err, at); got != tt.want {
			t.Errorf("%v:\n%+v, want\n%+v", tt.err, got, tt.want)
		}
	}
	// A server that is being started speaks to nobody.
	if got := describe(&net.OpError{Op: "listen", Err: syscall.EADDRINUSE}, ""); got.Exit != 1 {
		t.Errorf("%+v", got)
	}
}

// Mistakes are told as text or as JSON, with the exit code that belongs to them.
func TestExitCodes(t *testing.T) {
	t.Setenv("AWS_ENDPOINT_URL", "")
	t.Setenv("AWS_PROFILE", "")
	dir := t.TempDir()
	for _, tt := range []struct {
		args string
		code int
		says string
	}{
		{"version", 0, ""},
		{"", 0, ""},
		{"stats", 2, `postern has no command "stats"; did you mean status?`},
		{"image", 2, "import, list"},
		{"image lst", 2, "did you mean list?"},
		{"up --sampel", 2, "did you mean --sample?"},
		{"up --internet foo", 2, `--internet "foo": write it as a network`},
		{"up --return-window soon", 2, `--return-window "soon": write it as 90s`},
		{"status --output xml", 2, "must be text or json"},
		{"nodes extra", 2, `does not take "extra"`},
		{"image import one", 2, "usage: postern image import NAME PATH"},
		{"explain", 2, "postern explain NODE [SERVICE]"},
		{"explain a b c", 2, `"c" is too much`},
		{"status", 3, "no Postern has run"},
		{"-o json status", 3, `{"error":{"code":"NoServer","message":"no Postern has run`},
		{"--output json stats", 2, `{"error":{"code":"Usage",`},
		{"run", 255, "usage: postern run [flags] -- COMMAND"},
		{"run -i i-1 -- true", 255, "no Postern has run"},
		{"aws ssm help", 255, "no Postern has run"},
	} {
		var out, errs bytes.Buffer
		args := append([]string{"--data", dir + "/none"}, strings.Fields(tt.args)...)
		if got := Run(t.Context(), Options{Args: args, Stdout: &out, Stderr: &errs}); got != tt.code ||
			!strings.Contains(errs.String(), tt.says) {
			t.Errorf("postern %s: exit code %d, want %d\n%s%s", tt.args, got, tt.code, &out, &errs)
		}
	}
}

func TestNearest(t *testing.T) {
	names := []string{"sample", "listen", "region", "return-window"}
	for word, want := range map[string]string{
		"sampel": "sample", "lisen": "listen", "regoin": "region", "return": "return-window", "zzz": "",
	} {
		if got := nearest(word, names); got != want {
			t.Errorf("%s: %q, want %q", word, got, want)
		}
	}
}

func TestDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"5":   5 * time.Second,
		"0.5": time.Second / 2,
		"90s": 90 * time.Second,
		"2h":  2 * time.Hour,
		"-1s": -1,
		"x":   -1,
		"":    -1,
	} {
		d := duration(-1)
		if err := d.Set(text); (err != nil) != (want < 0) || err == nil && time.Duration(d) != want {
			t.Errorf("%q: %v, %v", text, time.Duration(d), err)
		}
	}
}

// The AWS CLI knows AWS_ENDPOINT_URL from 1.29 and 2.13 on.
func TestKnowsEndpointURL(t *testing.T) {
	for version, want := range map[string]bool{
		"aws-cli/2.9.19 Python/3.11.2 Linux/6.1": false,
		"aws-cli/2.13.0 Python/3":                true,
		"aws-cli/1.28.1 x":                       false,
		"aws-cli/1.29.0 x":                       true,
		"aws-cli/1.45.11 x":                      true, "aws-cli/3.0.0 x": true, "something else": true,
	} {
		if got := KnowsEndpointURL(version); got != want {
			t.Errorf("%s: %t", version, got)
		}
	}
}

// run's exit code is the command's own where it ran on one node.
func TestRunExit(t *testing.T) {
	one := func(status string, code int32) []result { return []result{{Status: status, Code: code}} }
	for _, tt := range []struct {
		r       running
		results []result
		want    error
	}{
		{running{}, one("Success", 0), nil},
		{running{}, one("Failed", 7), ended(7)},
		{running{}, one("Failed", 127), ended(127)},
		{running{}, one("Failed", -1), ended(255)},
		{running{}, one("TimedOut", 137), ended(255)},
		{running{}, one("Cancelled", 137), ended(255)},
		{running{interrupted: true}, one("Cancelled", 137), ended(130)},
		{running{interrupted: true}, one("Success", 0), nil},
		{running{}, append(one("Success", 0), one("Failed", 7)...), ended(1)},
	} {
		if got := tt.r.exit(tt.results); !errors.Is(got, tt.want) {
			t.Errorf("%+v: %v, want %v", tt.results, got, tt.want)
		}
	}
}
