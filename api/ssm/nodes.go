package ssm

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/page"
	"postern/aws/service/ssm"
	"postern/aws/service/ssm/types"
	"postern/ssm/node"
)

func (s *service) describeInstanceInformation(
	ctx context.Context, c *api.Call, in *ssm.DescribeInstanceInformationInput,
) (*ssm.DescribeInstanceInformationOutput, error) {
	if len(in.Filters) > 0 && len(in.InstanceInformationFilterList) > 0 {
		return nil, invalid("ValidationException", "Filters and InstanceInformationFilterList cannot both be given")
	}
	p, err := page.Read(c, in, pageSize)
	if err != nil {
		return nil, err
	}
	q := node.Query{Limit: p.Size, After: p.After}
	for _, f := range in.Filters {
		q.Filters = append(q.Filters, node.Filter{Key: aws.ToString(f.Key), Values: f.Values})
	}
	for _, f := range in.InstanceInformationFilterList {
		q.Filters = append(q.Filters, node.Filter{Key: string(f.Key), Values: f.ValueSet})
	}
	rows, next, err := s.nodes.List(ctx, scopeOf(c), q, c.Time)
	if err != nil {
		return nil, err
	}
	out := &ssm.DescribeInstanceInformationOutput{}
	for _, v := range rows {
		information := toInformation(v)
		if v.Information.AgentVersion != "" {
			latest, err := s.nodes.Latest(ctx, v.Scope, v.Information.AgentVersion)
			if err != nil {
				return nil, err
			}
			information.IsLatestVersion = &latest
		}
		out.InstanceInformationList = append(out.InstanceInformationList, information)
	}
	if next != "" {
		out.NextToken = p.Token(next)
	}
	return out, nil
}

func toInformation(v node.View) types.InstanceInformation {
	i := v.Information
	out := types.InstanceInformation{
		InstanceId: aws.String(v.ID), PingStatus: types.PingStatus(v.Status), AgentVersion: text(i.AgentVersion),
		PlatformType: types.PlatformType(i.PlatformType), PlatformName: text(i.PlatformName),
		PlatformVersion: text(i.PlatformVersion),
		ComputerName:    text(i.ComputerName), IPAddress: text(i.IPAddress), Name: text(v.Name),
		ActivationId: text(v.Activation),
		IamRole:      text(v.Role), ResourceType: types.ResourceType(v.ResourceType()), SourceId: aws.String(v.ID),
		SourceType: types.SourceType(v.SourceType()),
	}
	if !node.IsInstance(v.ID) {
		out.RegistrationDate = aws.Time(v.Registered)
	}
	if !v.LastPing.IsZero() {
		out.LastPingDateTime = aws.Time(v.LastPing)
	}
	return out
}

func (s *service) deregisterManagedInstance(
	ctx context.Context, c *api.Call, in *ssm.DeregisterManagedInstanceInput,
) (*ssm.DeregisterManagedInstanceOutput, error) {
	return nil, s.nodes.Deregister(ctx, scopeOf(c), aws.ToString(in.InstanceId))
}

func (s *service) updateManagedInstanceRole(
	ctx context.Context, c *api.Call, in *ssm.UpdateManagedInstanceRoleInput,
) (*ssm.UpdateManagedInstanceRoleOutput, error) {
	if err := s.passRole(ctx, c, aws.ToString(in.IamRole), nodeARN(c, aws.ToString(in.InstanceId))); err != nil {
		return nil, err
	}
	return nil, s.nodes.SetRole(ctx, scopeOf(c), aws.ToString(in.InstanceId), aws.ToString(in.IamRole))
}

func (s *service) getConnectionStatus(
	ctx context.Context, c *api.Call, in *ssm.GetConnectionStatusInput,
) (*ssm.GetConnectionStatusOutput, error) {
	target := aws.ToString(in.Target)
	out := &ssm.GetConnectionStatusOutput{Target: in.Target, Status: types.ConnectionStatusNotConnected}
	if !s.channels.Connected(target) {
		return out, nil
	}
	if n, err := s.nodes.Find(ctx, target); err != nil || n.Scope != scopeOf(c) {
		return out, err
	}
	out.Status = types.ConnectionStatusConnected
	return out, nil
}
