package world

import (
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

// Result says how a command stands on one node.
type Result struct {
	// Status is Amazon's, such as "Success"; Detail is its finer form, such as "DeliveryTimedOut".
	Status, Detail string
	// Code is the script's exit code, -1 while there is none.
	Code           int
	Stdout, Stderr string
}

// Ended says that nothing will change any more.
func (r Result) Ended() bool {
	return !slices.Contains([]string{"Pending", "InProgress", "Delayed", "Cancelling"}, r.Status)
}

// Command is one SendCommand with AWS-RunShellScript.
type Command struct {
	ID string
	w  *World
}

// Send sends a script to nodes and does not wait for anything.
func (w *World) Send(script string, nodes ...string) *Command {
	w.t.Helper()
	c, err := w.TrySend(script, nodes...)
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// DeliverWithin is how long the commands of this package may wait for their node.
const DeliverWithin = 10 * time.Minute

// TrySend is Send, for commands that may be refused.
func (w *World) TrySend(script string, nodes ...string) (*Command, error) {
	out, err := w.SSM.SendCommand(w.t.Context(), &ssm.SendCommandInput{
		DocumentName: aws.String(
			"AWS-RunShellScript",
		), InstanceIds: nodes, Parameters: map[string][]string{"commands": {script}},
		TimeoutSeconds: aws.Int32(int32(DeliverWithin.Seconds())),
	})
	if err != nil {
		return nil, err
	}
	return &Command{*out.Command.CommandId, w}, nil
}

// On returns how the command stands on a node.
func (c *Command) On(node string) Result {
	c.w.t.Helper()
	out, err := c.w.SSM.GetCommandInvocation(c.w.t.Context(),
		&ssm.GetCommandInvocationInput{CommandId: &c.ID, InstanceId: &node})
	if missing := new(ssmtypes.InvocationDoesNotExist); errors.As(err, &missing) {
		return Result{Status: "Pending", Code: -1}
	}
	if err != nil {
		c.w.t.Fatal(err)
	}
	return Result{
		Status: string(out.Status), Detail: aws.ToString(out.StatusDetails), Code: int(out.ResponseCode),
		Stdout: aws.ToString(out.StandardOutputContent), Stderr: aws.ToString(out.StandardErrorContent),
	}
}

// Wait waits until the command has ended on a node.
func (c *Command) Wait(node string) (r Result) {
	c.w.t.Helper()
	c.w.Until("the command has ended on "+node, func() bool { r = c.On(node); return r.Ended() })
	return r
}

// Run runs a script on the node and waits for its end.
func (m *managed) Run(script string) Result {
	m.w.t.Helper()
	return m.w.Send(script, m.ID).Wait(m.ID)
}

// Says runs a script that must succeed, and returns what it prints.
func (m *managed) Says(script string) string {
	m.w.t.Helper()
	r := m.Run(script)
	if r.Status != "Success" {
		m.w.t.Fatalf("%q on %s: %+v", script, m.ID, r)
	}
	return r.Stdout
}

func (w *World) do(c *http.Client, r *http.Request) (status int, body []byte) {
	w.t.Helper()
	answer, err := c.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer answer.Body.Close()
	if body, err = io.ReadAll(answer.Body); err != nil {
		w.t.Fatal(err)
	}
	return answer.StatusCode, body
}

// encode is base64, nil of nothing.
func encode(s string) *string {
	if s == "" {
		return nil
	}
	return aws.String(base64.StdEncoding.EncodeToString([]byte(s)))
}

// Public sends a request to the public API as it is, and reads the answer.
func (w *World) Public(r *http.Request) (status int, body string) {
	w.t.Helper()
	status, text := w.do(w.public, r)
	return status, string(text)
}
