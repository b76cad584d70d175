package wire_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"postern/aws/fault"
	"postern/aws/wire"
)

// draw sets a value at random, sparsely.
func draw(t *rapid.T, v reflect.Value, depth int) {
	switch v.Kind() {
	case reflect.Pointer:
		if depth < 6 && rapid.Bool().Draw(t, "set") {
			v.Set(reflect.New(v.Type().Elem()))
			draw(t, v.Elem(), depth)
		}
	case reflect.String:
		v.SetString(rapid.StringOfN(rapid.Rune(), 1, 12, -1).Draw(t, "s"))
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, "b"))
	case reflect.Int32:
		v.SetInt(int64(rapid.Int32().Draw(t, "i")))
	case reflect.Int64:
		v.SetInt(rapid.Int64().Draw(t, "i"))
	case reflect.Slice:
		most := 2
		if v.Type().Elem().Kind() == reflect.Struct {
			most = 1 // a structure without members leaves no trace in a form, and the gap would be closed
		}
		if n := rapid.IntRange(0, most).Draw(t, "n"); n > 0 && depth < 6 {
			v.Set(reflect.MakeSlice(v.Type(), n, n))
			for i := range n {
				draw(t, v.Index(i), depth+1)
			}
		}
	case reflect.Map:
		if depth < 6 && rapid.Bool().Draw(t, "map") {
			elem := reflect.New(v.Type().Elem()).Elem()
			draw(t, elem, depth+1)
			v.Set(reflect.MakeMap(v.Type()))
			v.SetMapIndex(reflect.ValueOf(rapid.String().Draw(t, "k")).Convert(v.Type().Key()), elem)
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.UnixMilli(rapid.Int64Range(0, 4e12).Draw(t, "t")).UTC()))
			return
		}
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && !f.Anonymous && f.Name != "ResultMetadata" {
				draw(t, v.Field(i), depth+1)
			}
		}
	}
}

// What a client writes is what the server reads.
func TestRequestsSurviveTheWire(t *testing.T) {
	for _, codec := range []*wire.Codec{sendCommand, putInventory, runInstances, createVpc, createRole} {
		t.Run(codec.Operation, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				in, back := reflect.New(codec.Input), reflect.New(codec.Input)
				draw(t, in.Elem(), 0)
				bytes, err := codec.AppendRequest(nil, in.Interface(), "v")
				if err != nil {
					t.Fatal(err)
				}
				// A drawn value may lack required members; what was read stands there all the same.
				if err := decode(codec, string(bytes), back.Interface()); err != nil && !fault.Is(err, fault.Missing) {
					t.Fatalf("%v\n%s", err, bytes)
				}
				if diff := cmp.Diff(
					in.Interface(), back.Interface(), exported, cmpopts.EquateEmpty(),
				); diff != "" && codec.Protocol == wire.JSON {
					t.Fatalf("%s\n%s", diff, bytes)
				}
				again, err := codec.AppendRequest(nil, back.Interface(), "v")
				if err != nil || string(again) != string(bytes) {
					t.Fatalf("%v\n%s\nwritten again:\n%s", err, bytes, again)
				}
			})
		})
	}
}

// Whatever text an answer holds, it is well-formed XML.
func TestAnswersAreWellFormed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		out := reflect.New(runInstances.Output)
		draw(t, out.Elem(), 0)
		text, err := runInstances.Append(nil, out.Interface(), "r")
		if err != nil {
			t.Fatal(err)
		}
		for d := xml.NewDecoder(bytes.NewReader(text)); ; {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				return
			} else if err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
		}
	})
}

func FuzzDecodeJSON(f *testing.F) {
	for _, seed := range []string{
		`{"DocumentName":"AWS-RunShellScript","InstanceIds":["i-1"],"Parameters":{"commands":["uptime"]},` +
			`"TimeoutSeconds":60}`,
		`{"Targets":[{"Key":"tag:a","Values":["\u00e9\ud83d\ude00\n"]}],` +
			`"AlarmConfiguration":{"IgnorePollAlarmFailure":true}}`,
		`{"a":[{}, -0.5e-3, null, [[[["x"]]]]]}`, `{`, `[`, `"`, `{"DocumentName":1e999}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		in := reflect.New(sendCommand.Input)
		if err := sendCommand.DecodeJSON(body, in.Interface()); err != nil {
			refused(t, err)
			return
		}
		written, err := sendCommand.AppendRequest(nil, in.Interface(), "")
		if err != nil {
			t.Fatal(err)
		}
		back := reflect.New(sendCommand.Input)
		if err := sendCommand.DecodeJSON(written, back.Interface()); err != nil {
			t.Fatalf("%v: written again as %s", err, written)
		}
		if diff := cmp.Diff(in.Interface(), back.Interface(), exported); diff != "" {
			t.Fatal(diff)
		}
	})
}

func FuzzDecodeForm(f *testing.F) {
	for _, seed := range []string{
		"Action=RunInstances&Version=2016-11-15&MinCount=1&MaxCount=2&ImageId=ami-1&TagSpecification.1.Tag.1.Key=a",
		"MinCount=1&MaxCount=1&NetworkInterface.1.Ipv6Addresses.2.Ipv6Address=%3A%3A1" +
			"&NetworkInterface.3.SecurityGroupId.1=sg",
		"BlockDeviceMapping.1.Ebs.VolumeSize=8&InstanceMarketOptions.SpotOptions.ValidUntil=2000-01-01T00%3A00%3A00Z",
		"Tag.1=&Tag.1.Key=x", "....=1", "a.b.c.d.e.f=1&a.b=2", "=&==&&", "TagSpecification.99999999999999999999.Tag=1",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		form, err := wire.ParseForm(body)
		if err != nil {
			refused(t, err)
			return
		}
		for _, codec := range []*wire.Codec{runInstances, createRole} {
			if err := codec.DecodeForm(form, reflect.New(codec.Input).Interface()); err != nil {
				refused(t, err)
			}
		}
	})
}

// refused checks that an error is one that a caller may see.
func refused(t *testing.T, err error) {
	t.Helper()
	if f := fault.Of(err); f.Kind != fault.Invalid && f.Kind != fault.Missing || f.Code == "" {
		t.Fatalf("refused with kind %s, code %q: %v", f.Kind, f.Code, err)
	}
}
