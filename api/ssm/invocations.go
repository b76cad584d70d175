package ssm

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/page"
	"postern/aws/service/ssm"
	"postern/aws/service/ssm/types"
	"postern/ssm/command"
	"postern/ssm/document"
	"postern/ssm/mgs"
)

// plugin is one step of an invocation, whether it has run or not.
type plugin struct {
	template document.Step
	// result is nil for a step that has not been reported.
	result          *command.Step
	status, details string
}

// plugins are an invocation's steps in the document's order. A step that was not reported stands as the invocation
// does.
func plugins(d command.Detail) ([]plugin, error) {
	doc, err := document.Parse(d.Command.Content, document.JSON)
	if err != nil {
		return nil, fmt.Errorf("document of command %s: %w", d.CommandID, err)
	}
	var all []plugin
	for _, t := range doc.Templates {
		p := plugin{template: t, result: d.Steps[t.ID], status: d.Status(), details: d.Details}
		if p.result != nil {
			p.details = p.result.Details()
			p.status = command.StatusOf(p.details)
		} else if d.Stage == command.Running && len(d.Steps) > 0 {
			p.status, p.details = command.Pending, command.Pending
		}
		all = append(all, p)
	}
	return all, nil
}

// code is the exit status: -1 for what has not run.
func (p plugin) code() int32 {
	if p.result == nil {
		return -1
	}
	return int32(p.result.Code)
}

// outputURL names the object that holds a whole stream, empty if the agent did not put it there.
func (p plugin) outputURL(d command.Detail, stream string) string {
	if p.result == nil || p.result.S3Bucket == "" {
		return ""
	}
	region := d.Command.Output.S3Region
	if region == "" {
		region = d.Scope.Region
	}
	step := strings.ReplaceAll(p.template.Name, ":", "")
	return "https://s3." + region + ".amazonaws.com/" +
		p.result.S3Bucket + "/" + p.result.S3Prefix + "/" + step + "/" + stream
}

func (s *service) getCommandInvocation(
	ctx context.Context, c *api.Call, in *ssm.GetCommandInvocationInput,
) (*ssm.GetCommandInvocationOutput, error) {
	d, err := s.commands.Invocation(ctx, scopeOf(c), aws.ToString(in.CommandId), aws.ToString(in.InstanceId))
	if err != nil {
		return nil, err
	}
	all, err := plugins(d)
	if err != nil {
		return nil, err
	}
	out := &ssm.GetCommandInvocationOutput{
		CommandId: in.CommandId, InstanceId: in.InstanceId, Comment: aws.String(d.Command.Comment),
		DocumentName: aws.String(d.Command.Document), DocumentVersion: aws.String(d.Command.Version),
		Status: types.CommandInvocationStatus(d.Status()), StatusDetails: aws.String(d.Details),
		CloudWatchOutputConfig: toLogs(d.Command.Output),
		PluginName:             aws.String(""), StandardOutputContent: aws.String(""), StandardErrorContent: aws.String(""),
		StandardOutputUrl: aws.String(""), StandardErrorUrl: aws.String(""), ExecutionStartDateTime: aws.String(""),
		ExecutionEndDateTime: aws.String(""), ExecutionElapsedTime: aws.String(""), ResponseCode: overallCode(d, all),
	}
	p, err := choose(all, aws.ToString(in.PluginName))
	if err != nil || p == nil {
		return out, err
	}
	fillPlugin(out, d, *p, in.PluginName != nil)
	return out, nil
}

// choose finds the step that is asked for. Without a name it is the only one; a document with several shows none, as
// on AWS.
func choose(all []plugin, name string) (*plugin, error) {
	if name == "" {
		if len(all) == 1 {
			return &all[0], nil
		}
		return nil, nil
	}
	for i, p := range all {
		if p.template.ID == name {
			return &all[i], nil
		}
	}
	return nil, invalid("InvalidPluginName", "the document has no step %q", name)
}

// overallCode is the code of the first step that did not succeed, 0 if all did and -1 before that is known.
func overallCode(d command.Detail, all []plugin) int32 {
	for _, p := range all {
		if p.result != nil && p.details != command.Success {
			return p.code()
		}
	}
	if d.Details == command.Success {
		return 0
	}
	return -1
}

func fillPlugin(out *ssm.GetCommandInvocationOutput, d command.Detail, p plugin, named bool) {
	out.PluginName = aws.String(p.template.ID)
	out.ResponseCode = p.code()
	if named {
		out.Status, out.StatusDetails = types.CommandInvocationStatus(p.status), aws.String(p.details)
	}
	r := p.result
	if r == nil {
		if d.Trace != "" {
			out.StandardErrorContent = aws.String(d.Trace)
		}
		return
	}
	stdout, stderr := r.Stdout, r.Stderr
	if stdout == "" && stderr == "" {
		stdout = r.Output // a skipped step says why only there
	}
	out.StandardOutputContent, out.StandardErrorContent = aws.String(stdout), aws.String(stderr)
	out.StandardOutputUrl, out.StandardErrorUrl = aws.String(
		p.outputURL(d, "stdout"),
	), aws.String(p.outputURL(d, "stderr"))
	out.ExecutionStartDateTime, out.ExecutionEndDateTime = aws.String(r.Start), aws.String(r.End)
	start, end := moment(r.Start), moment(r.End)
	if start != nil && end != nil && !end.Before(*start) {
		out.ExecutionElapsedTime = aws.String("PT" + strconv.FormatFloat(end.Sub(*start).Seconds(), 'f', -1, 64) + "S")
	}
}

// moment reads an agent's time; nil where it cannot be read.
func moment(s string) *time.Time {
	t, err := mgs.ParseTime(s)
	if err != nil || t.IsZero() {
		return nil
	}
	return &t
}

func (s *service) listCommandInvocations(
	ctx context.Context, c *api.Call, in *ssm.ListCommandInvocationsInput,
) (*ssm.ListCommandInvocationsOutput, error) {
	p, err := page.Read(c, in, pageSize)
	if err != nil {
		return nil, err
	}
	q, err := listQuery(p, in.CommandId, in.InstanceId, in.Filters)
	if err != nil {
		return nil, err
	}
	rows, next, more, err := s.commands.Invocations(ctx, scopeOf(c), q)
	if err != nil {
		return nil, err
	}
	out := &ssm.ListCommandInvocationsOutput{}
	for _, d := range rows {
		i, err := toInvocation(d, in.Details)
		if err != nil {
			return nil, err
		}
		out.CommandInvocations = append(out.CommandInvocations, i)
	}
	if more {
		out.NextToken = p.TokenAt(next)
	}
	return out, nil
}

func toInvocation(d command.Detail, details bool) (types.CommandInvocation, error) {
	out := types.CommandInvocation{
		CommandId: aws.String(d.CommandID), InstanceId: aws.String(d.Node), InstanceName: aws.String(d.Name),
		Comment: aws.String(d.Command.Comment), DocumentName: aws.String(d.Command.Document),
		DocumentVersion:   aws.String(d.Command.Version),
		RequestedDateTime: aws.Time(d.Requested), Status: types.CommandInvocationStatus(d.Status()),
		StatusDetails: aws.String(d.Details),
		TraceOutput:   text(d.Trace), StandardOutputUrl: aws.String(""), StandardErrorUrl: aws.String(""),
		ServiceRole:    aws.String(""),
		CommandPlugins: []types.CommandPlugin{}, CloudWatchOutputConfig: toLogs(d.Command.Output),
		NotificationConfig: &types.NotificationConfig{
			NotificationArn: aws.String(""), NotificationEvents: []types.NotificationEvent{},
		},
	}
	all, err := plugins(d)
	if err != nil {
		return out, err
	}
	if len(all) == 1 {
		out.StandardOutputUrl, out.StandardErrorUrl = aws.String(
			all[0].outputURL(d, "stdout"),
		), aws.String(all[0].outputURL(d, "stderr"))
	}
	if details {
		for _, p := range all {
			out.CommandPlugins = append(out.CommandPlugins, toPlugin(d, p))
		}
	}
	return out, nil
}

func toPlugin(d command.Detail, p plugin) types.CommandPlugin {
	out := types.CommandPlugin{
		Name: aws.String(p.template.ID), Status: types.CommandPluginStatus(p.status), StatusDetails: aws.String(p.details),
		ResponseCode: p.code(), Output: aws.String(""), OutputS3BucketName: aws.String(d.Command.Output.S3Bucket),
		OutputS3KeyPrefix: aws.String(d.Command.Output.S3Prefix), OutputS3Region: aws.String(d.Command.Output.S3Region),
		StandardOutputUrl: aws.String(p.outputURL(d, "stdout")), StandardErrorUrl: aws.String(p.outputURL(d, "stderr")),
	}
	if p.status == command.InCancellation {
		out.Status = types.CommandPluginStatusInProgress // plugins have no such status
	}
	if r := p.result; r != nil {
		out.Output = aws.String(r.Output)
		out.ResponseStartDateTime, out.ResponseFinishDateTime = moment(r.Start), moment(r.End)
		if r.S3Bucket != "" {
			out.OutputS3BucketName, out.OutputS3KeyPrefix = aws.String(r.S3Bucket), aws.String(r.S3Prefix)
		}
	}
	return out
}
