package wire_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/aws/wire"
)

// What a client of ours writes is what the SDK writes, for every operation.
func TestRequestsAreTheSDKsOwn(t *testing.T) {
	var net transport
	for _, g := range goldens(&net) {
		t.Run(g.name, func(t *testing.T) {
			snapshots := g.snapshots(t, "request_snapshot", ".request.snap")
			misses := maps.Clone(g.misses)
			delete(misses, "ListNodesSummary") // what it lacks is only looked for when a request is to be sent or answered
			count(t, snapshots, misses, func(operation string) error {
				codec, want := g.codec(operation), body(snapshots[operation])
				in := reflect.New(codec.Input)
				if err := decode(codec, want, in.Interface()); err != nil {
					return err
				}
				version := ""
				if form, err := url.ParseQuery(want); err == nil {
					version = form.Get("Version")
				}
				got, err := codec.AppendRequest(nil, in.Interface(), version)
				if err != nil {
					return err
				}
				if g.protocol == wire.JSON {
					if diff := cmp.Diff(anyJSON(want), anyJSON(string(got))); diff != "" {
						return fmt.Errorf("request differs:\n%s", diff)
					}
					return nil
				}
				written, err := url.ParseQuery(string(got))
				if err != nil {
					return err
				}
				asked, err := url.ParseQuery(want)
				if err != nil {
					return err
				}
				if diff := cmp.Diff(asked, written); diff != "" {
					return fmt.Errorf("request differs:\n%s", diff)
				}
				return nil
			})
		})
	}
}

// Every answer that the server writes, and that the SDK is known to read, is read by a client of ours too.
func TestEveryAnswerIsRead(t *testing.T) {
	var net transport
	for _, g := range goldens(&net) {
		t.Run(g.name, func(t *testing.T) {
			count(t, g.snapshots(t, "request_snapshot", ".request.snap"), nil, func(operation string) error {
				codec := g.codec(operation)
				out, back := reflect.New(codec.Output), reflect.New(codec.Output)
				fill(out.Elem(), 0)
				answer, err := codec.Append(nil, out.Interface(), "req-1")
				if err != nil {
					return err
				}
				if err := codec.DecodeAnswer(answer, back.Interface()); err != nil {
					return fmt.Errorf("%w\n%s", err, answer)
				}
				if diff := cmp.Diff(out.Interface(), back.Interface(), exported); diff != "" {
					return fmt.Errorf("answer differs:\n%s", diff)
				}
				return nil
			})
		})
	}
}

// The answers that Amazon's generator wrote are read as well, by services that publish them.
func TestAmazonsAnswersAreRead(t *testing.T) {
	var net transport
	g := goldens(&net)[0]
	snapshots := g.snapshots(t, "response_snapshot", ".response.snap")
	count(t, snapshots, nil, func(operation string) error {
		_, want, _ := strings.Cut(string(snapshots[operation]), "\n\n")
		codec := g.codec(operation)
		out := reflect.New(codec.Output)
		if err := codec.DecodeAnswer([]byte(want), out.Interface()); err != nil {
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

// A service that is newer than the tables is understood all the same.
func TestUnknownMembersOfAnswers(t *testing.T) {
	for _, c := range []struct {
		codec  *wire.Codec
		answer string
		want   func(out any) string
	}{
		{runInstances, `<?xml version="1.0"?><!-- new -->
			<RunInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2030-01-01/">
			<requestId>r</requestId><newMember><a><b/></a></newMember>
			<instancesSet><item><newThing/><instanceId>i-1</instanceId>
			<instanceState><code>0</code><name>dreaming</name></instanceState>
			<launchTime>2026-01-02T03:04:05.678Z</launchTime></item><other/></instancesSet></RunInstancesResponse>`,
			func(out any) string {
				i := reflect.ValueOf(out).Elem().FieldByName("Instances").Index(0)
				return fmt.Sprint(i.FieldByName("InstanceId").Elem(), " ", i.FieldByName("State").Elem().FieldByName("Name"))
			}},
		{createRole, `<CreateRoleResponse><New/><CreateRoleResult><Role><New>x</New><RoleName>r&amp;d</RoleName></Role>
			</CreateRoleResult>
			<ResponseMetadata/></CreateRoleResponse>`,
			func(out any) string {
				return reflect.ValueOf(out).Elem().FieldByName("Role").Elem().FieldByName("RoleName").Elem().String()
			}},
		{sendCommand, `{"New":{"a":[1,{}]},"Command":{"CommandId":"c","New":null,"Status":"Dreaming"}}`,
			func(out any) string {
				c := reflect.ValueOf(out).Elem().FieldByName("Command").Elem()
				return fmt.Sprint(c.FieldByName("CommandId").Elem(), " ", c.FieldByName("Status"))
			}},
	} {
		out := reflect.New(c.codec.Output).Interface()
		if err := c.codec.DecodeAnswer([]byte(c.answer), out); err != nil {
			t.Errorf("%s: %v", c.codec.Operation, err)
			continue
		}
		want := map[string]string{
			"RunInstances": "i-1 dreaming", "CreateRole": "r&d", "SendCommand": "c Dreaming",
		}[c.codec.Operation]
		if got := c.want(out); !cmp.Equal(got, want) {
			t.Errorf("%s: %q, want %q", c.codec.Operation, got, want)
		}
	}
}

// Answers that are cut short or are something else are errors, never half an answer taken for a whole one.
func TestBrokenAnswers(t *testing.T) {
	for _, answer := range []string{
		"", "<html>", "<RunInstancesResponse><instancesSet><item>", "<RunInstancesResponse><ownerId>1</ownerId>",
		"<R><instancesSet><item><launchTime>yesterday</launchTime></item></instancesSet></R>", "{}",
	} {
		if err := runInstances.DecodeAnswer([]byte(answer), reflect.New(runInstances.Output).Interface()); err == nil {
			t.Errorf("%q is taken for an answer", answer)
		}
	}
}

func TestFailuresSurviveTheWire(t *testing.T) {
	for _, p := range []wire.Protocol{wire.EC2, wire.Query, wire.JSON} {
		want := wire.Failure{
			Code: "InvalidThing.NotFound", Message: `no "thing" <x> & y`, Status: http.StatusBadRequest, RequestID: "req-1",
		}
		header := http.Header{"X-Amzn-Requestid": {"req-1"}}
		got := p.ReadFailure(http.StatusBadRequest, header, p.AppendFailure(nil, want))
		if !cmp.Equal(got, want) {
			t.Errorf("%s: %+v, want %+v", p, got, want)
		}
	}
	for _, row := range []struct {
		p            wire.Protocol
		header, body string
		code         string
	}{
		{wire.JSON, "", `{"__type":"com.amazonaws.ssm#InvalidDocument","Message":"m"}`, "InvalidDocument"},
		{wire.JSON, "InvalidDocument:http://internal.amazon.com/coral/", `{"message":"m"}`, "InvalidDocument"},
		{wire.JSON, "", "<html>Bad gateway</html>", ""},
		{wire.EC2, "", "<html><body>Bad gateway</body></html>", ""},
		{wire.Query, "", "", ""},
	} {
		header := http.Header{}
		if row.header != "" {
			header.Set("X-Amzn-Errortype", row.header)
		}
		if got := row.p.ReadFailure(http.StatusBadGateway, header, []byte(row.body)); got.Code != row.code {
			t.Errorf("%s %q: code %q, want %q", row.p, row.body, got.Code, row.code)
		}
	}
}
