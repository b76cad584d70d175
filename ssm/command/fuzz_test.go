package command

import (
	"encoding/json"
	"testing"
	"time"
	"unicode/utf8"

	"postern/ssm/mgs"
)

// FuzzReply lets an agent reply anything. Whatever it is, what is kept of it is bounded, the same reply again changes
// nothing, and an end stays.
func FuzzReply(f *testing.F) {
	for _, seed := range []string{
		`{"documentStatus":"Success","runtimeStatus":{"s":{"status":"Success","code":0,"standardOutput":"x"}}}`,
		`{"documentStatus":"InProgress","runtimeStatus":{"":null,"a":{"status":"Failed",` +
			`"endDateTime":"2026-11-21T12:00:00.000Z"}}}`,
		`{"documentStatus":"Failed","additionalInfo":{"runtimeStatusCounts":{"Failed":99999999,"x":-1}},` +
			`"documentTraceOutput":"t"}`,
		`{"runtimeStatus":[]}`, `{}`, `null`, ``,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var r mgs.ReplyContent
		if json.Unmarshal(text, &r) != nil {
			return
		}
		i := queued()
		i.replied(&r, noon)
		if len(i.Steps) > maxSteps {
			t.Errorf("%d steps", len(i.Steps))
		}
		for id, s := range i.Steps {
			if utf8.RuneCountInString(id) > maxName || utf8.RuneCountInString(s.Stdout) > StdoutLimit ||
				utf8.RuneCountInString(s.Stderr) > StderrLimit {
				t.Errorf("step %q keeps %d and %d bytes", id, len(s.Stdout), len(s.Stderr))
			}
		}
		before := i.row()
		i.replied(&r, noon)
		if after := i.row(); string(after.Body) != string(before.Body) || after.Stage != before.Stage {
			t.Errorf("the same reply again: %s, %s", before.Body, after.Body)
		}
		if i.Stage == Ended {
			details := i.Details
			i.replied(&mgs.ReplyContent{DocumentStatus: mgs.Failed}, noon.Add(time.Minute))
			if i.Stage != Ended || i.Details != details {
				t.Errorf("%s became %s", details, i.Details)
			}
		}
	})
}
