package ssm

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/page"
	"postern/aws/fault"
	"postern/aws/service/ssm"
	"postern/aws/service/ssm/types"
	"postern/ssm/command"
	"postern/ssm/node"
)

// permitSend asks whether the caller may send to a node that targets select: one by one, for each has its own tags.
func permitSend(ctx context.Context, c *api.Call) func(id string) error {
	return func(id string) error { return c.Allow(ctx, "ssm:SendCommand", nodeARN(c, id), nil) }
}

func (s *service) sendCommand(
	ctx context.Context, c *api.Call, in *ssm.SendCommandInput,
) (*ssm.SendCommandOutput, error) {
	if in.DocumentHashType == types.DocumentHashTypeSha1 {
		return nil, invalid("ValidationException", "DocumentHashType Sha1 is no longer taken; use Sha256")
	}
	if w := in.CloudWatchOutputConfig; w != nil && (w.CloudWatchOutputEnabled || w.CloudWatchLogGroupName != nil) {
		// That output is not sent there, clients may say.
		return nil, fault.New(
			fault.NotImplemented, "ssm.SendCommand",
			"Postern does not implement the parameter CloudWatchOutputConfig of SendCommand: there are no CloudWatch Logs",
		)
	}
	if in.TimeoutSeconds != nil && *in.TimeoutSeconds == 0 {
		return nil, invalid(
			"ValidationException", "TimeoutSeconds is 0; it is a number from %d to %d", command.MinTimeoutSeconds,
			command.MaxTimeoutSeconds,
		)
	}
	r := command.Request{
		Document: aws.ToString(in.DocumentName), Version: aws.ToString(in.DocumentVersion),
		Hash:  aws.ToString(in.DocumentHash),
		Nodes: in.InstanceIds, Targets: fromTargets(in.Targets), Parameters: in.Parameters, Comment: aws.ToString(in.Comment),
		TimeoutSeconds: int(aws.ToInt32(in.TimeoutSeconds)), Permit: permitSend(ctx, c),
		MaxConcurrency: aws.ToString(in.MaxConcurrency), MaxErrors: aws.ToString(in.MaxErrors),
		// Agents find out themselves in which region the bucket is.
		Output: command.Output{
			S3Bucket: aws.ToString(in.OutputS3BucketName), S3Prefix: aws.ToString(in.OutputS3KeyPrefix),
			S3Region: aws.ToString(in.OutputS3Region),
		},
	}
	sent, err := s.commands.Send(ctx, scopeOf(c), r)
	if err != nil {
		return nil, err
	}
	listing, err := s.commands.Describe(ctx, scopeOf(c), sent.ID)
	if err != nil {
		return nil, err
	}
	return &ssm.SendCommandOutput{Command: toCommand(listing)}, nil
}

func fromTargets(targets []types.Target) []node.Filter {
	var out []node.Filter
	for _, t := range targets {
		out = append(out, node.Filter{Key: aws.ToString(t.Key), Values: t.Values})
	}
	return out
}

func toTargets(targets []node.Filter) []types.Target {
	out := []types.Target{}
	for _, t := range targets {
		out = append(out, types.Target{Key: aws.String(t.Key), Values: t.Values})
	}
	return out
}

func toCommand(l command.Listing) *types.Command {
	nodes := l.Nodes
	if nodes == nil {
		nodes = []string{}
	}
	given := l.Given
	if given == nil {
		given = map[string][]string{}
	}
	return &types.Command{
		CommandId: aws.String(l.ID), DocumentName: aws.String(l.Document), DocumentVersion: aws.String(l.Version),
		Comment: aws.String(l.Comment), ExpiresAfter: aws.Time(l.Expires()), Parameters: given,
		InstanceIds: nodes, Targets: toTargets(l.Targets), RequestedDateTime: aws.Time(l.Requested),
		Status: types.CommandStatus(l.Status), StatusDetails: aws.String(l.Details),
		OutputS3BucketName: aws.String(l.Output.S3Bucket), OutputS3KeyPrefix: aws.String(l.Output.S3Prefix),
		OutputS3Region: text(l.Output.S3Region),
		MaxConcurrency: aws.String(l.MaxConcurrency), MaxErrors: aws.String(l.MaxErrors),
		TargetCount: int32(l.TargetCount), CompletedCount: int32(l.Completed), ErrorCount: int32(l.Errors),
		DeliveryTimedOutCount: int32(l.DeliveryTimedOut), TimeoutSeconds: aws.Int32(int32(l.TimeoutSeconds)),
		ServiceRole: aws.String(""), CloudWatchOutputConfig: toLogs(l.Output),
		NotificationConfig: &types.NotificationConfig{
			NotificationArn: aws.String(""), NotificationEvents: []types.NotificationEvent{},
		},
	}
}

func toLogs(o command.Output) *types.CloudWatchOutputConfig {
	return &types.CloudWatchOutputConfig{CloudWatchLogGroupName: aws.String(o.LogGroup), CloudWatchOutputEnabled: o.Logs}
}

func (s *service) cancelCommand(
	ctx context.Context, c *api.Call, in *ssm.CancelCommandInput,
) (*ssm.CancelCommandOutput, error) {
	seen := map[string]bool{}
	for _, id := range in.InstanceIds {
		if seen[id] {
			return nil, invalid("DuplicateInstanceId", "%s stands twice in InstanceIds", id)
		}
		seen[id] = true
	}
	return nil, s.commands.Cancel(ctx, scopeOf(c), aws.ToString(in.CommandId), in.InstanceIds)
}

func (s *service) listCommands(
	ctx context.Context, c *api.Call, in *ssm.ListCommandsInput,
) (*ssm.ListCommandsOutput, error) {
	p, err := page.Read(c, in, pageSize)
	if err != nil {
		return nil, err
	}
	q, err := listQuery(p, in.CommandId, in.InstanceId, in.Filters)
	if err != nil {
		return nil, err
	}
	rows, next, more, err := s.commands.List(ctx, scopeOf(c), q)
	if err != nil {
		return nil, err
	}
	out := &ssm.ListCommandsOutput{}
	for _, l := range rows {
		out.Commands = append(out.Commands, *toCommand(l))
	}
	if more {
		out.NextToken = p.TokenAt(next)
	}
	return out, nil
}

func listQuery(p page.Page, id, node *string, filters []types.CommandFilter) (command.ListQuery, error) {
	q := command.ListQuery{CommandID: aws.ToString(id), Node: aws.ToString(node), Limit: p.Size}
	for _, f := range filters {
		q.Filters = append(q.Filters, command.Filter{Key: string(f.Key), Value: aws.ToString(f.Value)})
	}
	return q, p.Place(&q.After)
}
