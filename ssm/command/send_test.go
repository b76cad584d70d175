package command_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"postern/aws/fault"
	"postern/ssm/command"
	"postern/ssm/document/library"
	"postern/ssm/mgs"
	"postern/ssm/node"
)

// A node whose every step would be skipped is no success: nothing has run there.
func TestAnotherPlatform(t *testing.T) {
	run(t, "", 2, func(t *testing.T, w *world) {
		windows := library.NewVersion{
			Name: "Win",
			Content: `{"schemaVersion":"2.2","mainSteps":[{"action":"aws:runPowerShellScript","name":"x",
			"precondition":{"StringEquals":["platformType","Windows"]},"inputs":{"runCommand":["dir"]}}]}`,
		}
		if _, err := w.library.Create(t.Context(), here, windows, time.Now()); err != nil {
			t.Fatal(err)
		}
		a, _ := w.connect(0, nil)
		c := w.send(command.Request{Document: "Win", Targets: all()})
		w.expect(c, "InvalidPlatform: InvalidPlatform InvalidPlatform")
		if a.got() != "" {
			t.Errorf("the agent got %q", a.got())
		}
		if err := w.nodes.Ping(
			t.Context(), here, nodeID(1), node.Information{PlatformType: "Windows"}, time.Now(),
		); err != nil {
			t.Fatal(err)
		}
		b, _ := w.connect(1, nil)
		c = w.send(command.Request{Document: "Win", Targets: all(), MaxConcurrency: "1"})
		want(t, "reply", b.reply(mgs.JobID(c.ID, b.id), ended(mgs.Success, 0, "")), "")
		pass(time.Minute)
		w.expect(c, "Incomplete: InvalidPlatform Success")
	})
}

func TestSendRefuses(t *testing.T) {
	run(t, "", 1, func(t *testing.T, w *world) {
		windows := library.NewVersion{
			Name:    "Win",
			Content: `{"schemaVersion":"2.2","mainSteps":[{"action":"aws:psModule","name":"x"}]}`,
		}
		if _, err := w.library.Create(t.Context(), here, windows, time.Now()); err != nil {
			t.Fatal(err)
		}
		id := []string{nodeID(0)}
		ok := map[string][]string{"commands": {"id"}}
		const shell = "AWS-RunShellScript"
		for _, tt := range []struct {
			name string
			r    command.Request
			code string
		}{
			{"good", command.Request{Document: shell, Nodes: id, Parameters: ok}, ""},
			{"by ARN", command.Request{Document: "arn:aws:ssm:us-east-1::document/" + shell, Nodes: id, Parameters: ok}, ""},
			{"nobody", command.Request{Document: shell, Parameters: ok}, "ValidationException"},
			{"both", command.Request{Document: shell, Nodes: id, Targets: all(), Parameters: ok}, "ValidationException"},
			{"unknown node", command.Request{Document: shell, Nodes: []string{"i-99"}, Parameters: ok}, "InvalidInstanceId"},
			{"no node's id", command.Request{Document: shell, Nodes: []string{"i-a.b"}, Parameters: ok}, "InvalidInstanceId"},
			{"unknown document", command.Request{Document: "AWS-Nothing", Nodes: id}, "InvalidDocument"},
			{
				"unknown version", command.Request{Document: shell, Version: "7", Nodes: id, Parameters: ok},
				"InvalidDocumentVersion",
			},
			{"wrong hash", command.Request{Document: shell, Hash: "00", Nodes: id, Parameters: ok}, "InvalidDocument"},
			{"another platform", command.Request{Document: "Win", Nodes: id}, "UnsupportedPlatformType"},
			{"missing parameter", command.Request{Document: shell, Nodes: id}, "InvalidParameters"},
			{
				"unknown parameter",
				command.Request{Document: shell, Nodes: id, Parameters: map[string][]string{"commands": {"id"}, "x": {""}}},
				"InvalidParameters",
			},
			{
				"time-out too short", command.Request{Document: shell, Nodes: id, Parameters: ok, TimeoutSeconds: 29},
				"ValidationException",
			},
			{
				"long comment", command.Request{Document: shell, Nodes: id, Parameters: ok, Comment: strings.Repeat("x", 101)},
				"ValidationException",
			},
			{
				"no concurrency", command.Request{Document: shell, Nodes: id, Parameters: ok, MaxConcurrency: "0"},
				"ValidationException",
			},
			{
				"odd concurrency", command.Request{Document: shell, Nodes: id, Parameters: ok, MaxConcurrency: "101%"},
				"ValidationException",
			},
			{"odd errors", command.Request{Document: shell, Nodes: id, Parameters: ok, MaxErrors: "-1"}, "ValidationException"},
			{
				"bad target", command.Request{Document: shell, Targets: []node.Filter{{Key: "Name"}}, Parameters: ok},
				"InvalidTarget",
			},
		} {
			_, err := w.commands.Send(t.Context(), here, tt.r)
			want(t, tt.name, err, tt.code)
		}
		if _, err := w.commands.Send(t.Context(), here, command.Request{Nodes: id}); !fault.Is(err, fault.Missing) {
			t.Errorf("no document: %v", err)
		}
	})
}

// Bounds of a request hold exactly, and what is no node's id is told from a node that is not there.
func TestBoundsOfSend(t *testing.T) {
	run(t, "", 1, func(t *testing.T, w *world) {
		id, ok := []string{nodeID(0)}, map[string][]string{"commands": {"id"}}
		const shell = "AWS-RunShellScript"
		for node, text := range map[string]string{
			"i-":                   "is not the id of a managed node",
			"i-9":                  "not in a valid state",
			"mi-0123456789abcdef0": "not in a valid state",
			"i-0123456789abcdef01": "is not the id of a managed node",
			"x-1":                  "is not the id of a managed node",
		} {
			_, err := w.commands.Send(t.Context(), here, command.Request{Document: shell, Nodes: []string{node}, Parameters: ok})
			if err == nil || !strings.Contains(err.Error(), text) {
				t.Errorf("%s: %v, want %q in it", node, err, text)
			}
		}
		long := command.Request{
			Document: shell, Nodes: id, Parameters: ok, Comment: strings.Repeat("ü", 100),
			TimeoutSeconds: command.MaxTimeoutSeconds, MaxErrors: "100%", MaxConcurrency: "100%",
		}
		_, err := w.commands.Send(t.Context(), here, long)
		want(t, "as much as there may be", err, "")
		_, err = w.commands.Send(t.Context(), here, command.Request{
			Document: shell, Targets: slices.Repeat(all(), 6), Parameters: ok,
		})
		want(t, "six targets", err, "InvalidTarget")
		long.TimeoutSeconds++
		_, err = w.commands.Send(t.Context(), here, long)
		want(t, "a second more", err, "ValidationException")
	})
}
