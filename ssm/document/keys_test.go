package document_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/ssm/document"
)

func TestCheckRefusesUnknownKeys(t *testing.T) {
	two := func(more string) string {
		return `{"schemaVersion":"2.2","mainSteps":[{"action":"aws:runShellScript","name":"n",` +
			`"inputs":{"runCommand":["id"]}}]` + more + `}`
	}
	step := func(action, more, inputs string) string {
		return `{"schemaVersion":"2.2",` +
			`"mainSteps":[{"action":"` + action + `","name":"n"` + more + `,"inputs":{` + inputs + `}}]}`
	}
	one := func(plugin, set string) string {
		return `{"schemaVersion":"1.2","runtimeConfig":{"aws:runShellScript":{"properties":[{` + set + `}]` + plugin + `}}}`
	}
	for _, tt := range []struct{ text, path string }{
		{two(""), ""},
		{two(`,"variables":{}`), "variables"},
		{two(`,"runtimeConfig":{}`), "runtimeConfig"},
		{two(`,"parameters":{"a":{"type":"String","default":"x","displayType":"textarea"}}`), ""},
		{two(`,"parameters":{"a":{"type":"String","interpolation":"ENV_VAR"}}`), "parameters.a.interpolation"},
		{step("aws:runShellScript", `,"timeoutSeconds":5`, ``), "mainSteps[0].timeoutSeconds"},
		{step("aws:runShellScript", ``, `"runCommand":["id"],"user":"x"`), "mainSteps[0].inputs.user"},
		{step("aws:runShellScript", ``, `"runCommand":["id"],"onFailure":"exit","finallyStep":true`), ""},
		{step("aws:runShelScript", ``, ``), "mainSteps[0].action"},
		{step("aws:downloadContent", ``, `"sourceType":"S3","sourceInfo":"{}","destinationPath":"x"`), ""},
		{one(``, `"id":"0","runCommand":["id"]`), ""},
		{one(``, `"id":"0","runCommands":["id"]`), "runtimeConfig.aws:runShellScript.properties[0].runCommands"},
		{one(`,"name":"x"`, ``), "runtimeConfig.aws:runShellScript.name"},
		{`{"schemaVersion":"1.2","runtimeConfig":{"aws:foo":{"properties":{}}}}`, "runtimeConfig.aws:foo"},
	} {
		_, err := document.Check([]byte(tt.text), document.JSON)
		switch {
		case tt.path == "" && err != nil:
			t.Errorf("%s: %v", tt.text, err)
		case tt.path != "" && (err == nil || !strings.HasPrefix(err.Error(), "document.Parse: "+tt.path+":")):
			t.Errorf("%s: %v, want it to begin with %s", tt.text, err, tt.path)
		}
		if _, err := document.Parse([]byte(tt.text), document.JSON); err != nil {
			t.Errorf("an agent does not read %s: %v", tt.text, err)
		}
	}
}

func TestInterpolationByEnvironment(t *testing.T) {
	d := parse(t, `{"schemaVersion":"2.2","parameters":{
		"who":{"type":"String","interpolationType":"ENV_VAR"},"greeting":{"type":"String","default":"hello"}},
		"mainSteps":[
		{"action":"aws:runShellScript","name":"a",
			"inputs":{"runCommand":["echo {{greeting}} {{ who }}","{{who}}"],"workingDirectory":"{{who}}"}},
		{"action":"aws:runPowerShellScript","name":"b","inputs":{"runCommand":["echo {{who}}"]}}]}`, document.JSON)
	values, err := d.FromLists(map[string][]string{"who": {"/tmp; id"}})
	if err != nil {
		t.Fatal(err)
	}
	steps := d.Steps(values)
	got := []any{
		steps[0].Lines("runCommand"),
		steps[0].Inputs["workingDirectory"],
		steps[1].Lines("runCommand"),
		d.Environment(values),
	}
	want := []any{
		[]string{"echo hello ${SSM_who}", "${SSM_who}"},
		"/tmp; id",
		[]string{"echo ${env:SSM_who}"},
		[]string{"SSM_who=/tmp; id"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, bad := range []string{
		`{"schemaVersion":"2.2","parameters":{"a":{"type":"String","interpolationType":"SOMETHING"}},` +
			`"mainSteps":[{"action":"a","name":"n"}]}`,
		`{"schemaVersion":"2.2","parameters":{"a":{"type":"StringList","interpolationType":"ENV_VAR"}},` +
			`"mainSteps":[{"action":"a","name":"n"}]}`,
		`{"schemaVersion":"2.0","parameters":{"a":{"type":"String","interpolationType":"ENV_VAR"}},` +
			`"mainSteps":[{"action":"a","name":"n"}]}`,
	} {
		if _, err := document.Parse([]byte(bad), document.JSON); err == nil ||
			!strings.Contains(err.Error(), "interpolationType") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}
