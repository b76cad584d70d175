package vpcs

import (
	"cmp"
	"context"
	"iter"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/ec2/internal/query"
	"postern/api/tags"
	"postern/aws/fault"
	sdk "postern/aws/service/ec2"
	"postern/aws/service/ec2/types"
	"postern/network"
)

// FlowLogs knows how the files of flow logs are coming along.
type FlowLogs interface {
	// Delivered reports whether the last attempt to write or deliver a flow log's file failed, and why.
	Delivered(id string) error
	// Accepts asks the destination of a flow log, not made yet, whether it takes files. It is a NotFound or Denied
	// fault where it does not.
	Accepts(l *network.FlowLog) error
}

func (s *service) flowLogListing() query.Listing[*network.FlowLog] {
	return query.Listing[*network.FlowLog]{
		ID:   func(l *network.FlowLog) string { return l.ID },
		Tags: func(l *network.FlowLog) []network.Tag { return l.Tags },
		All:  func(v *query.View) iter.Seq[*network.FlowLog] { return v.FlowLogs(v.Scope) },
		Get:  func(v *query.View, id string) (*network.FlowLog, error) { return v.FlowLog(v.Scope, id) },
		Filters: map[string]query.Test[*network.FlowLog]{
			"deliver-log-status": query.Text(
				func(l *network.FlowLog) string { return aws.ToString(s.flowLog(l).DeliverLogsStatus) },
			),
			"log-destination-type": query.Always[*network.FlowLog](string(types.LogDestinationTypeS3)),
			"flow-log-id":          query.Text(func(l *network.FlowLog) string { return l.ID }),
			"log-group-name":       query.None[*network.FlowLog],
			"resource-id":          query.Text(func(l *network.FlowLog) string { return l.Resource }),
			"traffic-type":         query.Text(func(l *network.FlowLog) string { return l.Traffic }),
		},
	}
}

func (s *service) flowLog(l *network.FlowLog) types.FlowLog {
	out := types.FlowLog{
		FlowLogId: aws.String(
			l.ID,
		), ResourceId: aws.String(l.Resource), TrafficType: types.TrafficType(l.Traffic), CreationTime: aws.Time(l.Created),
		FlowLogStatus: aws.String(
			"ACTIVE",
		), DeliverLogsStatus: aws.String("SUCCESS"), LogDestinationType: types.LogDestinationTypeS3,
		LogDestination: aws.String(
			l.Destination,
		), LogFormat: aws.String(l.Format), MaxAggregationInterval: aws.Int32(int32(l.Interval)),
		Tags: tags.To[types.Tag](l.Tags),
		DestinationOptions: &types.DestinationOptionsResponse{
			FileFormat: types.DestinationFileFormatPlainText, HiveCompatiblePartitions: aws.Bool(false),
			PerHourPartition: aws.Bool(false),
		},
	}
	if s.flowLogs != nil {
		if err := s.flowLogs.Delivered(l.ID); err != nil {
			out.DeliverLogsStatus, out.DeliverLogsErrorMessage = aws.String("FAILED"), aws.String("Access error")
		}
	}
	return out
}

func (s *service) createFlowLogs(
	ctx context.Context,
	c *api.Call,
	in *sdk.CreateFlowLogsInput,
) (*sdk.CreateFlowLogsOutput, error) {
	switch o := in.DestinationOptions; {
	case in.LogDestinationType != types.LogDestinationTypeS3:
		kind := cmp.Or(in.LogDestinationType, types.LogDestinationTypeCloudWatchLogs)
		return nil, query.Unbuilt(
			c,
			"logDestinationType "+string(
				kind,
			)+" (there is s3, with a bucket, or with the destination "+network.FlowLogBucket(
				c.Region,
			)+", which is files in the server's data directory)",
		)
	case in.LogGroupName != nil || in.DeliverLogsPermissionArn != nil:
		return nil, fault.New(fault.Invalid, "ec2",
			"A log group and DeliverLogsPermissionArn are not applicable for s3 delivery").
			WithCode("InvalidParameter")
	case o != nil && o.FileFormat != "" && o.FileFormat != types.DestinationFileFormatPlainText:
		return nil, query.Unbuilt(c, "destinationOptions.fileFormat "+string(o.FileFormat))
	case o != nil && (aws.ToBool(o.HiveCompatiblePartitions) || aws.ToBool(o.PerHourPartition)):
		return nil, query.Unbuilt(c, "destinationOptions with partitions")
	}
	tags, err := query.TagsFor(ctx, c, "vpc-flow-log", in.TagSpecifications)
	if err != nil {
		return nil, err
	}
	if err := s.accepted(c, aws.ToString(in.LogDestination)); err != nil {
		return nil, err
	}
	ids, err := s.network.CreateFlowLogs(ctx, query.ScopeOf(c), network.CreateFlowLogsInput{
		Type: string(
			in.ResourceType,
		), Resources: in.ResourceIds, Traffic: string(in.TrafficType), Destination: aws.ToString(in.LogDestination),
		Format: aws.ToString(
			in.LogFormat,
		), Interval: int(aws.ToInt32(in.MaxAggregationInterval)), Tags: tags, Token: aws.ToString(in.ClientToken),
	})
	if err != nil {
		return nil, err
	}
	return &sdk.CreateFlowLogsOutput{FlowLogIds: ids, ClientToken: in.ClientToken}, nil
}

// accepted refuses a bucket that is not there, or whose policy does not let files of flow logs in.
func (s *service) accepted(c *api.Call, destination string) error {
	l := &network.FlowLog{Meta: network.Meta{Account: c.Account, Region: c.Region}, Destination: destination}
	bucket, _ := l.Bucket()
	if bucket == "" {
		return nil
	}
	var err error = fault.New(fault.NotFound, "ec2", "nothing is put into buckets")
	if s.flowLogs != nil {
		err = s.flowLogs.Accepts(l)
	}
	switch {
	case fault.Is(err, fault.NotFound):
		return fault.New(fault.Invalid, "ec2", "LogDestination: %s does not exist.", bucket).
			WithCode("LogDestinationNotFoundException")
	case err != nil:
		return fault.New(fault.Invalid, "ec2",
			"Access Denied for LogDestination: %s. Please check LogDestination permission.", bucket).
			WithCode("LogDestinationPermissionIssueException")
	}
	return nil
}

func (s *service) describeFlowLogs(
	_ context.Context,
	c *api.Call,
	in *sdk.DescribeFlowLogsInput,
) (*sdk.DescribeFlowLogsOutput, error) {
	found, next, err := query.Describe(s.view(c), in, s.flowLogListing(), in.FlowLogIds, in.Filter)
	return &sdk.DescribeFlowLogsOutput{FlowLogs: query.Convert(found, s.flowLog), NextToken: next}, err
}

func (s *service) deleteFlowLogs(
	ctx context.Context,
	c *api.Call,
	in *sdk.DeleteFlowLogsInput,
) (*sdk.DeleteFlowLogsOutput, error) {
	failed, err := s.network.DeleteFlowLogs(ctx, query.ScopeOf(c), in.FlowLogIds)
	if err != nil {
		return nil, err
	}
	return &sdk.DeleteFlowLogsOutput{Unsuccessful: query.Unsuccessful(in.FlowLogIds, failed)}, nil
}

// flowLogged names what new flow logs are to record.
func flowLogged(_ *api.Call, in *sdk.CreateFlowLogsInput) (out []string) {
	for _, id := range in.ResourceIds {
		prefix, _, _ := strings.Cut(id, "-")
		if kind := query.ResourceTypes[prefix]; kind != "" {
			out = append(out, kind+"/"+id)
		}
	}
	return out
}
