package document_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/aws/fault"
	"postern/ssm/document"
)

func parse(t testing.TB, text string, format document.Format) *document.Document {
	t.Helper()
	d, err := document.Parse([]byte(text), format)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

const twoStepsYAML = `
schemaVersion: "2.2"
description: two steps
parameters:
  message: {type: String, default: hello, allowedPattern: "[a-z]+"}
  when: {type: String, default: 2026-11-21}
mainSteps:
  - action: aws:runShellScript
    name: say
    precondition: {StringEquals: [platformType, Linux]}
    inputs:
      runCommand: ["echo {{ message }}", "echo {{when}}"]
      timeoutSeconds: 60
  - action: aws:runPowerShellScript
    name: win
    precondition: {StringEquals: [Windows, platformType]}
    inputs: {runCommand: ["dir"], onFailure: exit, finallyStep: true}
`

func TestSameInBothFormats(t *testing.T) {
	y := parse(t, twoStepsYAML, document.YAML)
	j := parse(t, string(y.Content()), document.JSON)
	if diff := cmp.Diff(string(y.Content()), string(j.Content())); diff != "" {
		t.Error(diff)
	}
	values, err := y.FromLists(map[string][]string{"message": {"hi"}})
	if err != nil {
		t.Fatal(err)
	}
	steps := j.Steps(values)
	if got, want := steps[0].Lines("runCommand"), []string{"echo hi", "echo 2026-11-21"}; !cmp.Equal(got, want) {
		t.Errorf("lines %q, want %q", got, want)
	}
	if s := steps[1]; s.OnFailure != "exit" || !s.Finally || s.ID != "win" || s.Action != "aws:runPowerShellScript" {
		t.Errorf("second step %+v", s)
	}
	if got, want := y.Timeout(values), time.Minute+time.Hour; got != want {
		t.Errorf("timeout %v, want %v", got, want)
	}
	if got, want := y.PlatformTypes(), []string{"Linux", "MacOS", "Windows"}; !cmp.Equal(got, want) {
		t.Errorf("platforms %v, want %v", got, want)
	}
}

func TestRewrite(t *testing.T) {
	y := parse(t, twoStepsYAML, document.YAML)
	json, err := y.Rewrite(twoStepsYAML, document.YAML, document.JSON)
	if err != nil || json != string(y.Content()) {
		t.Errorf("JSON %s, %v", json, err)
	}
	yaml, err := y.Rewrite(json, document.JSON, document.YAML)
	if err != nil {
		t.Fatal(err)
	}
	if back := parse(t, yaml, document.YAML); string(back.Content()) != json {
		t.Errorf("%s became %s", json, yaml)
	}
	if strings.Contains(yaml, "{") && !strings.Contains(yaml, "schemaVersion: \"2.2\"\n") {
		t.Errorf("no block YAML: %s", yaml)
	}
}

func TestParseRefuses(t *testing.T) {
	step := `"mainSteps":[{"action":"a","name":"n"}]`
	for _, tt := range []struct{ name, text, code string }{
		{"not JSON", `{`, "InvalidDocumentContent"},
		{"text after", `{} {}`, "InvalidDocumentContent"},
		{"a list", `[]`, "InvalidDocumentContent"},
		{"no version", `{}`, "InvalidDocumentSchemaVersion"},
		{"automation", `{"schemaVersion":"0.3"}`, "InvalidDocumentSchemaVersion"},
		{"no steps", `{"schemaVersion":"2.2"}`, "InvalidDocumentContent"},
		{"empty steps", `{"schemaVersion":"2.2","mainSteps":[]}`, "InvalidDocumentContent"},
		{"no plugin", `{"schemaVersion":"1.2","runtimeConfig":{}}`, "InvalidDocumentContent"},
		{"bad properties", `{"schemaVersion":"1.2","runtimeConfig":{"a":{"properties":[1]}}}`, "InvalidDocumentContent"},
		{"no action", `{"schemaVersion":"2.2","mainSteps":[{"name":"n"}]}`, "InvalidDocumentContent"},
		{"bad step name", `{"schemaVersion":"2.2","mainSteps":[{"action":"a","name":"n n"}]}`, "InvalidDocumentContent"},
		{
			"step twice", `{"schemaVersion":"2.2","mainSteps":[{"action":"a","name":"n"},{"action":"a","name":"n"}]}`,
			"InvalidDocumentContent",
		},
		{
			"precondition in 2.0",
			`{"schemaVersion":"2.0","mainSteps":[{"action":"a","name":"n","precondition":{"StringEquals":["platformType",` +
				`"Linux"]}}]}`,
			"InvalidDocumentContent",
		},
		{
			"parameter name", `{"schemaVersion":"2.2","parameters":{"a-b":{"type":"String"}},` + step + `}`,
			"InvalidDocumentContent",
		},
		{
			"parameter type", `{"schemaVersion":"2.2","parameters":{"a":{"type":"Text"}},` + step + `}`,
			"InvalidDocumentContent",
		},
		{
			"pattern", `{"schemaVersion":"2.2","parameters":{"a":{"type":"String","allowedPattern":"("}},` + step + `}`,
			"InvalidDocumentContent",
		},
		{
			"default", `{"schemaVersion":"2.2","parameters":{"a":{"type":"Boolean","default":"maybe"}},` + step + `}`,
			"InvalidDocumentContent",
		},
		{
			"bound", `{"schemaVersion":"2.2","parameters":{"a":{"type":"String","maxChars":-1}},` + step + `}`,
			"InvalidDocumentContent",
		},
		{"too deep", strings.Repeat(`{"a":`, 50) + `1` + strings.Repeat(`}`, 50), "InvalidDocumentContent"},
		{"too large", `{"a":"` + strings.Repeat("x", document.MaxSize) + `"}`, "MaxDocumentSizeExceeded"},
		{"not UTF-8", "{\"a\":\"\xff\"}", "InvalidDocumentContent"},
	} {
		_, err := document.Parse([]byte(tt.text), document.JSON)
		if !fault.Is(err, fault.Invalid) || fault.Of(err).Code != tt.code {
			t.Errorf("%s: %v (code %q), want %s", tt.name, err, fault.Of(err).Code, tt.code)
		}
	}
	for _, text := range []string{
		"a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d " +
			"[*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]",
		"a: .nan", "[1]: 2", "a: 1\na: 2", "", "\t", "a: &a\n  b: *a",
	} {
		if _, err := document.Parse([]byte(text), document.YAML); !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := document.Parse([]byte(`{}`), "TEXT"); err == nil {
		t.Error("format TEXT is taken")
	}
}

const allTypes = `{"schemaVersion":"2.2","parameters":{
	"s":{"type":"String","allowedValues":["a","b"]},
	"l":{"type":"StringList","minItems":1,"maxItems":2,"maxChars":3,"default":["x"]},
	"b":{"type":"Boolean","default":false},
	"i":{"type":"Integer","default":7},
	"m":{"type":"StringMap","default":{}},
	"ml":{"type":"MapList","default":[]}},
	"mainSteps":[{"action":"aws:runShellScript","name":"n","inputs":{"runCommand":"{{ l }}","timeoutSeconds":"{{ i }}"}}]}`

func TestFromLists(t *testing.T) {
	d := parse(t, allTypes, document.JSON)
	type lists = map[string][]string
	for _, tt := range []struct {
		name  string
		given lists
		ok    bool
		wire  string
	}{
		{"least", lists{"s": {"a"}}, true, `{"s":"a"}`},
		{"all", lists{"s": {"b"}, "l": {"p", "q"}, "b": {"true"}, "i": {"12"}, "m": {`{"k":"v"}`}, "ml": {`{"k":1}`}}, true,
			`{"b":true,"i":12,"l":["p","q"],"m":{"k":"v"},"ml":[{"k":1}],"s":"b"}`},
		{"missing", lists{}, false, ""},
		{"unknown", lists{"s": {"a"}, "z": {"1"}}, false, ""},
		{"not allowed", lists{"s": {"c"}}, false, ""},
		{"two for one", lists{"s": {"a", "b"}}, false, ""},
		{"none for one", lists{"s": {}}, false, ""},
		{"too few items", lists{"s": {"a"}, "l": {}}, false, ""},
		{"too many items", lists{"s": {"a"}, "l": {"1", "2", "3"}}, false, ""},
		{"too long", lists{"s": {"a"}, "l": {"1234"}}, false, ""},
		{"no boolean", lists{"s": {"a"}, "b": {"yes"}}, false, ""},
		{"no integer", lists{"s": {"a"}, "i": {"1.5"}}, false, ""},
		{"no map", lists{"s": {"a"}, "m": {"[]"}}, false, ""},
		{"no maps", lists{"s": {"a"}, "ml": {"x"}}, false, ""},
	} {
		values, err := d.FromLists(tt.given)
		if (err == nil) != tt.ok {
			t.Errorf("%s: %v, want ok=%t", tt.name, err, tt.ok)
			continue
		}
		if err != nil {
			if fault.Of(err).Code != "InvalidParameters" {
				t.Errorf("%s: code %q", tt.name, fault.Of(err).Code)
			}
			continue
		}
		wire, err := json.Marshal(values.Wire(tt.given))
		if err != nil || string(wire) != tt.wire {
			t.Errorf("%s: wire %s, %v; want %s", tt.name, wire, err, tt.wire)
		}
		// What the agent makes of it is what the server made of it.
		var decoded map[string]any
		if err := json.Unmarshal(wire, &decoded); err != nil {
			t.Fatal(err)
		}
		back, err := d.FromWire(decoded)
		if err != nil {
			t.Errorf("%s: the agent refuses: %v", tt.name, err)
			continue
		}
		left, _ := json.Marshal(values)
		right, _ := json.Marshal(back)
		if string(left) != string(right) {
			t.Errorf("%s: the agent has %s, the server %s", tt.name, right, left)
		}
	}
}

func TestFromWireTakesStringsAndNil(t *testing.T) {
	d := parse(t, allTypes, document.JSON)
	values, err := d.FromWire(map[string]any{"s": "a", "b": "true", "i": "3", "m": nil, "l": []string{"p"}})
	if err != nil {
		t.Fatal(err)
	}
	if got := d.Timeout(values); got != time.Hour {
		t.Errorf("a time-out under 5 s is %v, want the default", got)
	}
	if values["b"] != true || values["i"] != json.Number("3") {
		t.Errorf("values %v", values)
	}
}

func TestSubstitute(t *testing.T) {
	values := document.Values{
		"l": []any{"x y", "<&>"},
		"s": "a{{t}}$$b",
		"t": "T",
		"b": true,
		"i": json.Number("5"),
		"m": map[string]any{"k": "v"},
	}
	for _, tt := range []struct{ in, want any }{
		{"{{ l }}", values["l"]},
		{"{{l}}", values["l"]},
		{"{{\tb }}", true},
		{"x {{ b }} {{i}}", "x true 5"},
		{"x{{l}}", `x["x y","<&>"]`},
		{"x{{m}}", `x{"k":"v"}`},
		{"{{ s }}", "a{{t}}$$b"},
		{"-{{ s }}", "-a{{t}}$b"},
		{"{{ nobody }} {{ t }}", "{{ nobody }} T"},
		{"{{ nobody }}", "{{ nobody }}"},
		{"{{ssm:name}}", "{{ssm:name}}"},
		{"{{", "{{"},
		{map[string]any{"{{t}}": []any{"{{t}}", 1, nil}}, map[string]any{"{{t}}": []any{"T", 1, nil}}},
	} {
		if diff := cmp.Diff(tt.want, document.Substitute(tt.in, values)); diff != "" {
			t.Errorf("%v (-want +got):\n%s", tt.in, diff)
		}
	}
}

func TestJudge(t *testing.T) {
	for _, tt := range []struct {
		precondition, platform string
		want                   document.Verdict
	}{
		{`{}`, "Linux", document.Run},
		{`{"StringEquals":["platformType","Linux"]}`, "linux", document.Run},
		{`{"StringEquals":["Linux","platformType"]}`, "Linux", document.Run},
		{`{"StringEquals":["platformType","Windows"]}`, "Linux", document.Skip},
		{`{"StringEquals":["{{ p }}","yes"]}`, "Linux", document.Run},
		{`{"StringEquals":["{{ p }}","no"]}`, "Linux", document.Skip},
		{`{"StringEquals":["a","b"]}`, "Linux", document.Fail},
		{`{"StringEquals":["a"]}`, "Linux", document.Fail},
		{`{"StringEquals":["a","a"]}`, "Linux", document.Fail},
		{`{"StringEquals":["platformType","{{ p }}"]}`, "Linux", document.Fail},
		{`{"StringEquals":["{{ssm:x}}","b"]}`, "Linux", document.Fail},
		{`{"StringLike":["platformType","Linux"]}`, "Linux", document.Fail},
	} {
		d := parse(
			t,
			`{"schemaVersion":"2.2","parameters":{"p":{"type":"String","default":"yes"}},"mainSteps":[{"action":"a",`+
				`"name":"n","precondition":`+tt.precondition+`}]}`,
			document.JSON,
		)
		values, err := d.FromLists(nil)
		if err != nil {
			t.Fatal(err)
		}
		got, why := d.Steps(values)[0].Judge(tt.platform)
		if got != tt.want || (why == "") != (got == document.Run) {
			t.Errorf("%s on %s: %v %q, want %v", tt.precondition, tt.platform, got, why, tt.want)
		}
	}
}

func TestRunShellScript(t *testing.T) {
	o, ok := document.FindOwned("AWS-RunShellScript")
	if !ok || len(document.AllOwned()) == 0 {
		t.Fatal("AWS-RunShellScript is not there")
	}
	values, err := o.Document.FromLists(
		map[string][]string{"commands": {"echo {{ x }}", "id"}, "executionTimeout": {"172800"}},
	)
	if err != nil {
		t.Fatal(err)
	}
	s := o.Document.Steps(values)[0]
	if got := s.Lines("runCommand"); !cmp.Equal(got, []string{"echo {{ x }}", "id"}) {
		t.Errorf("lines %q", got)
	}
	if s.ID != "aws:runShellScript" || s.Name != "0.aws:runShellScript" ||
		document.Timeout(s.Inputs) != document.MaxTimeout {
		t.Errorf("step %+v", s)
	}
	for _, timeout := range []string{"0", "172801", "x", ""} {
		given := map[string][]string{"commands": {"id"}, "executionTimeout": {timeout}}
		if _, err := o.Document.FromLists(given); err == nil {
			t.Errorf("executionTimeout %q is taken", timeout)
		}
	}
	if _, ok := document.FindOwned("AWS-Nothing"); ok {
		t.Error("AWS-Nothing is there")
	}
}
