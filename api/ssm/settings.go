package ssm

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/aws/service/ssm"
	"postern/aws/service/ssm/types"
	"postern/ssm/node"
)

func (s *service) setting(ctx context.Context, c *api.Call, id string) (*types.ServiceSetting, error) {
	set, err := s.nodes.Setting(ctx, scopeOf(c), id)
	if err != nil {
		return nil, err
	}
	out := &types.ServiceSetting{
		ARN: aws.String(settingARN(c, id)), SettingId: aws.String(id), SettingValue: aws.String(set.Value),
		Status:           aws.String("Default"),
		LastModifiedUser: aws.String("System"),
	}
	if set.Customized {
		out.Status, out.LastModifiedUser = aws.String("Customized"), aws.String(set.By)
		out.LastModifiedDate = aws.Time(set.Changed)
	}
	return out, nil
}

func (s *service) getServiceSetting(
	ctx context.Context, c *api.Call, in *ssm.GetServiceSettingInput,
) (*ssm.GetServiceSettingOutput, error) {
	set, err := s.setting(ctx, c, settingID(in.SettingId))
	return &ssm.GetServiceSettingOutput{ServiceSetting: set}, err
}

func (s *service) updateServiceSetting(
	ctx context.Context, c *api.Call, in *ssm.UpdateServiceSettingInput,
) (*ssm.UpdateServiceSettingOutput, error) {
	value := aws.ToString(in.SettingValue)
	if value == "" {
		return nil, invalid("ValidationException", "SettingValue is empty; to go back to the default use ResetServiceSetting")
	}
	if err := s.passRole(ctx, c, value, settingARN(c, settingID(in.SettingId))); err != nil {
		return nil, err
	}
	return nil, s.nodes.SetSetting(ctx, scopeOf(c), node.Setting{
		ID: settingID(in.SettingId), Value: value, Changed: c.Time.UTC(), By: c.Caller.Principal,
	})
}

func (s *service) resetServiceSetting(
	ctx context.Context, c *api.Call, in *ssm.ResetServiceSettingInput,
) (*ssm.ResetServiceSettingOutput, error) {
	id := settingID(in.SettingId)
	if err := s.nodes.SetSetting(ctx, scopeOf(c), node.Setting{ID: id}); err != nil {
		return nil, err
	}
	set, err := s.setting(ctx, c, id)
	return &ssm.ResetServiceSettingOutput{ServiceSetting: set}, err
}
