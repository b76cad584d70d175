package script

import (
	"encoding/json"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// rounds is how many times a node's path may show the next thing that is wrong with it.
const rounds = 4

// remedy asks the doctor about a node, types every command that it prints, and wants each to be accepted and all of
// them to mend: remedy NODE [SERVICE]. That nothing was wrong, or that what is wrong has no command, fails.
func remedy(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 || len(args) > 2 {
		ts.Fatalf("usage: remedy NODE [SERVICE]")
	}
	ask := append([]string{"explain", "--output", "json"}, args...)
	for round := 0; ; round++ {
		failed := ts.Exec("postern", ask...) != nil
		var report struct {
			Works    bool
			Findings []struct{ Wrong, Severity, Command string }
		}
		if err := json.Unmarshal([]byte(ts.ReadFile("stdout")), &report); err != nil {
			ts.Fatalf("postern explain: %v: %s%s", err, ts.ReadFile("stdout"), ts.ReadFile("stderr"))
		}
		if failed == report.Works {
			ts.Fatalf("it says works: %t and exits otherwise", report.Works)
		}
		var commands, wrong []string
		for _, f := range report.Findings {
			if f.Command != "" && f.Severity != "unknown" {
				commands = append(commands, f.Command)
			}
			if f.Severity != "unknown" {
				wrong = append(wrong, f.Wrong)
			}
		}
		switch {
		case len(wrong) == 0 && report.Works && round > 0:
			return
		case len(commands) == 0 || round == rounds:
			ts.Fatalf("after %d rounds of remedies: works %t, wrong: %s", round, report.Works, strings.Join(wrong, "; "))
		}
		for _, command := range commands {
			ts.Logf("> %s", command)
			if err := ts.Exec("sh", "-c", command); err != nil {
				ts.Fatalf("the remedy is not accepted: %s\n%s", command, ts.ReadFile("stderr"))
			}
		}
	}
}
