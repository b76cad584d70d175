package wire_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/go-cmp/cmp"

	"postern/aws/wire"
)

// The golden bytes are the SDK's own: the request_snapshot and response_snapshot folders inside its modules, written
// by AWS's generator for every operation. What our codec reads, the SDK must write again; what our codec writes, the
// SDK must read.

// golden is one of the SDK's services, with its client behind an in-memory transport.
type golden struct {
	name     string
	protocol wire.Protocol
	client   reflect.Value
	// requests and answers that cannot be compared, with the reason.
	misses map[string]string
}

// transport stands in for the network: it keeps the last request's body and answers what it was given.
type transport struct {
	mu     sync.Mutex
	sent   string
	answer []byte
}

func (t *transport) Do(r *http.Request) (*http.Response, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sent = ""
	if r.Body != nil {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		t.sent = string(b)
	}
	return &http.Response{
		StatusCode: http.StatusOK, Request: r, Header: http.Header{}, ContentLength: int64(len(t.answer)),
		Body: io.NopCloser(bytes.NewReader(t.answer)),
	}, nil
}

func goldens(t *transport) []golden {
	cfg := aws.Config{
		Region: "us-east-1", HTTPClient: t, BaseEndpoint: aws.String("https://postern.test"),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKIATEST", SecretAccessKey: "secret"}, nil
		}),
		Retryer: func() aws.Retryer { return aws.NopRetryer{} },
	}
	return []golden{
		{name: "ssm", protocol: wire.JSON, client: reflect.ValueOf(ssm.NewFromConfig(cfg)), misses: map[string]string{
			"ListNodesSummary": "the snapshot's inner aggregators lack their required members, and are refused",
		}},
		{name: "sts", protocol: wire.Query, client: reflect.ValueOf(sts.NewFromConfig(cfg))},
		{name: "iam", protocol: wire.Query, client: reflect.ValueOf(iam.NewFromConfig(cfg))},
		{name: "ec2", protocol: wire.EC2, client: reflect.ValueOf(ec2.NewFromConfig(cfg)), misses: map[string]string{
			"CopySnapshot": "the SDK's client adds a presigned URL to the request, through a field that is not exported",
		}},
	}
}

func (g golden) codec(operation string) *wire.Codec {
	method := g.client.MethodByName(operation).Type()
	return &wire.Codec{
		Protocol: g.protocol, Operation: operation, Namespace: "http://postern.test/",
		Input: method.In(1).Elem(), Output: method.Out(0).Elem(),
	}
}

// call has the SDK's client send a request.
func (g golden) call(operation string, in reflect.Value) (reflect.Value, error) {
	out := g.client.MethodByName(operation).Call([]reflect.Value{reflect.ValueOf(context.Background()), in})
	if err, _ := out[1].Interface().(error); err != nil {
		return reflect.Value{}, err
	}
	return out[0], nil
}

func (g golden) snapshots(t *testing.T, folder, suffix string) map[string][]byte {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/aws/aws-sdk-go-v2/service/"+g.name).Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	paths, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(out)), folder, "*"+suffix))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]byte{}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all[strings.TrimSuffix(filepath.Base(path), suffix)] = data
	}
	return all
}

// body cuts what follows the second empty line: the first ends the request line, the second the headers.
func body(snapshot []byte) string {
	_, rest, _ := strings.Cut(string(snapshot), "\n\n")
	_, rest, _ = strings.Cut(rest, "\n\n")
	return rest
}

func TestEveryRequestOfTheSDKIsRead(t *testing.T) {
	var net transport
	for _, g := range goldens(&net) {
		t.Run(g.name, func(t *testing.T) {
			snapshots := g.snapshots(t, "request_snapshot", ".request.snap")
			count(t, snapshots, g.misses, func(operation string) error {
				codec := g.codec(operation)
				in := reflect.New(codec.Input)
				want := body(snapshots[operation])
				if err := decode(codec, want, in.Interface()); err != nil {
					return err
				}
				if g.protocol == wire.JSON {
					net.answer = []byte("{}")
				} else {
					net.answer = fmt.Appendf(nil, "<R><%sResult></%sResult></R>", operation, operation)
				}
				if _, err := g.call(operation, in); err != nil {
					return err
				}
				if net.sent != want && !(g.protocol == wire.JSON && cmp.Equal(anyJSON(net.sent), anyJSON(want))) {
					return fmt.Errorf("the SDK wrote again:\n%s\nwant\n%s", net.sent, want)
				}
				return nil
			})
		})
	}
}

func decode(c *wire.Codec, body string, in any) error {
	if c.Protocol == wire.JSON {
		return c.DecodeJSON([]byte(body), in)
	}
	form, err := wire.ParseForm(body)
	if err != nil {
		return err
	}
	return c.DecodeForm(form, in)
}

func TestTheSDKReadsEveryAnswer(t *testing.T) {
	var net transport
	for _, g := range goldens(&net) {
		t.Run(g.name, func(t *testing.T) {
			snapshots := g.snapshots(t, "request_snapshot", ".request.snap")
			count(t, snapshots, nil, func(operation string) error {
				codec := g.codec(operation)
				out := reflect.New(codec.Output)
				fill(out.Elem(), 0)
				var err error
				if net.answer, err = codec.Append(nil, out.Interface(), "req-1"); err != nil {
					return err
				}
				in := reflect.New(codec.Input)
				fill(in.Elem(), 0)
				got, err := g.call(operation, in)
				if err != nil {
					return fmt.Errorf("%w\n%s", err, net.answer)
				}
				got.Elem().FieldByName("ResultMetadata").SetZero()
				if diff := cmp.Diff(out.Interface(), got.Interface(), exported); diff != "" {
					return fmt.Errorf("answer differs:\n%s", diff)
				}
				return nil
			})
		})
	}
}

// exported compares exported fields only.
var exported = cmp.FilterPath(func(p cmp.Path) bool {
	f, ok := p.Last().(cmp.StructField)
	return ok && !('A' <= f.Name()[0] && f.Name()[0] <= 'Z')
}, cmp.Ignore())

func TestAnswersAreTheSDKsOwn(t *testing.T) {
	var net transport
	g := goldens(&net)[0]
	snapshots := g.snapshots(t, "response_snapshot", ".response.snap")
	count(t, snapshots, nil, func(operation string) error {
		_, want, _ := strings.Cut(string(snapshots[operation]), "\n\n")
		net.answer = []byte(want)
		codec := g.codec(operation)
		in := reflect.New(codec.Input)
		fill(in.Elem(), 0)
		out, err := g.call(operation, in)
		if err != nil {
			return err
		}
		got, err := codec.Append(nil, out.Interface(), "")
		if err != nil {
			return err
		}
		if diff := cmp.Diff(anyJSON(want), anyJSON(string(got))); diff != "" {
			return fmt.Errorf("answer differs:\n%s", diff)
		}
		return nil
	})
}

func anyJSON(s string) any {
	if s == "" {
		s = "{}"
	}
	var v any
	if err := json.Unmarshal([]byte(s), &v); err != nil {
		return err.Error()
	}
	return v
}

// count runs a check for every operation and reports how many pass; misses are expected to fail.
func count(t *testing.T, snapshots map[string][]byte, misses map[string]string, check func(operation string) error) {
	t.Helper()
	names := make([]string, 0, len(snapshots))
	for name := range snapshots {
		names = append(names, name)
	}
	sort.Strings(names)
	passed := 0
	for _, name := range names {
		err := check(name)
		why, known := misses[name]
		switch {
		case err == nil && known:
			t.Errorf("%s passes, but is listed as a miss: %s", name, why)
		case err == nil:
			passed++
		case known:
			t.Logf("known miss %s: %s", name, why)
		default:
			t.Errorf("%s: %v", name, err)
		}
	}
	t.Logf("%d of %d operations", passed, len(names))
	if len(names) == 0 {
		t.Error("the SDK's module holds no snapshots")
	}
}

// fill sets every field of a value, lists with two elements; types that contain themselves end after some rounds.
func fill(v reflect.Value, depth int) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), depth)
	case reflect.String:
		v.SetString("text & <more> \"x\" é")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int32, reflect.Int64:
		v.SetInt(7)
	case reflect.Float32, reflect.Float64:
		v.SetFloat(1.5)
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes([]byte("bytes"))
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			fill(v.Index(i), depth+1)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for _, key := range []string{"a", "b"} {
			elem := reflect.New(v.Type().Elem()).Elem()
			fill(elem, depth+1)
			v.SetMapIndex(reflect.ValueOf(key).Convert(v.Type().Key()), elem)
		}
	case reflect.Interface:
		if v.Type() == reflect.TypeFor[io.ReadCloser]() || v.Type() == reflect.TypeFor[io.Reader]() {
			v.Set(reflect.ValueOf(io.NopCloser(strings.NewReader("stream"))))
		}
		for _, variant := range wire.Variants(v.Type()) {
			p := reflect.New(variant)
			fill(p.Elem(), depth+1)
			v.Set(p)
		}
	case reflect.Struct:
		fillStruct(v, depth)
	}
}

func fillStruct(v reflect.Value, depth int) {
	if v.Type() == reflect.TypeFor[time.Time]() {
		v.Set(reflect.ValueOf(time.Unix(946684800, 0).UTC()))
		return
	}
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if f.Type.Kind() == reflect.Slice && f.Type.Elem() == v.Type() && depth > 6 {
			continue
		}
		if f.IsExported() && !f.Anonymous && f.Name != "ResultMetadata" {
			fill(v.Field(i), depth+1)
		}
	}
}
