package agent_test

import (
	"slices"
	"strings"
	"testing"

	"postern/ssm/mgs"
)

const referring = `{
	"schemaVersion":"2.2",
	"parameters":{"commands":{"type":"StringList"},"word":{"type":"String","allowedPattern":"[a-z]+"}},
	"mainSteps":[{"action":"aws:runShellScript","name":"run","inputs":{
		"runCommand":["echo {{ word }} {{ssm:/app/db:3}}","{{ commands }}"]}}]}`

// TestParameterStore runs commands that refer to Parameter Store: what they refer to is asked for once, with the node's
// own credentials, and the document's bounds hold for it.
func TestParameterStore(t *testing.T) {
	s := newService(t)
	run(t, s.agent())
	c := s.channel()
	answer := func(body string) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.refuse["GetParameters"] = refusal{200, body}
	}
	given := map[string]any{"commands": []string{"{{ ssm:lines }}", "echo {{ssm:word}} again"}, "word": "{{ssm:word}}"}
	for _, tt := range []struct {
		id, answer    string
		status        mgs.Status
		stdout, trace string
	}{
		{"a",
			`{"Parameters":[{"Name":"/app/db","Selector":":3","Type":"String","Value":"ten"},
			{"Name":"word","Type":"String","Value":"hi"},
			{"Name":"lines","Type":"StringList","Value":"echo one,echo two"}]}`,
			mgs.Success, "hi ten\none\ntwo\nhi again\n", ""},
		{"b", `{"Parameters":[{"Name":"word","Type":"String","Value":"hi"}],"InvalidParameters":["/app/db:3","lines"]}`,
			mgs.Failed, "", "no parameter /app/db:3, lines in Parameter Store"},
		{"c",
			`{"Parameters":[{"Name":"/app/db","Selector":":3","Type":"SecureString","Value":"AQIC"},
			{"Name":"word","Type":"String","Value":"hi"},
			{"Name":"lines","Type":"String","Value":"true"}]}`, mgs.Failed, "", "SecureString cannot be used"},
		{"d",
			`{"Parameters":[{"Name":"/app/db","Selector":":3","Type":"String","Value":"ten"},
			{"Name":"word","Type":"String","Value":"UP; rm"},
			{"Name":"lines","Type":"String","Value":"true"}]}`, mgs.Failed, "", "does not match the allowed pattern"},
	} {
		answer(tt.answer)
		if code := c.job(tt.id, referring, given); code != mgs.Accepted {
			t.Fatalf("%s: acknowledged with %s", tt.id, code)
		}
		status, steps, trace := c.outcome(tt.id)
		var stdout string
		if steps["run"] != nil {
			stdout = steps["run"].StandardOutput
		}
		if status != tt.status || stdout != tt.stdout || !strings.Contains(trace, tt.trace) {
			t.Errorf("%s: %s %q, %q", tt.id, status, stdout, trace)
		}
		asked := s.next("GetParameters")
		var names []string
		for _, name := range asked.body["Names"].([]any) {
			names = append(names, name.(string))
		}
		if asked.key != "AKIATEST" || !slices.Equal(names, []string{"/app/db:3", "lines", "word"}) ||
			asked.body["WithDecryption"] != false {
			t.Errorf("%s: asked %v", tt.id, asked)
		}
	}
}
