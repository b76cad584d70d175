package node

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"postern/aws/fault"
	"postern/aws/scope"
	"postern/record"
	"postern/ssm"
)

// DefaultRoleSetting is the service setting that names the role of instances without an instance profile (default host
// management).
const DefaultRoleSetting = "/ssm/managed-instance/default-ec2-instance-management-role"

// noRole is the setting's value where it was never set.
const noRole = "$None"

var settings = []string{DefaultRoleSetting}

// Setting is one of an account's service settings. Its fields' names stand in databases.
type Setting struct {
	ID      string
	Value   string
	Changed time.Time
	By      string
	// Customized says that the value is not the default.
	Customized bool `json:"-"`
}

func settingKey(scope scope.Scope, id string) record.Key {
	return record.Key{Kind: ssm.KindSetting, ID: scope.String() + id}
}

func checkSetting(id string) error {
	if !slices.Contains(settings, id) {
		return fault.New(fault.NotFound, "node.Setting", "no service setting %s", id).WithCode("ServiceSettingNotFound")
	}
	return nil
}

// Setting returns a service setting of the scope.
func (s *Service) Setting(ctx context.Context, scope scope.Scope, id string) (Setting, error) {
	if err := checkSetting(id); err != nil {
		return Setting{}, err
	}
	found, err := s.config.Records.Find(ctx, settingKey(scope, id))
	if err != nil || len(found) == 0 {
		return Setting{ID: id, Value: noRole}, err
	}
	var set Setting
	if err := json.Unmarshal(found[0].Body, &set); err != nil {
		return Setting{}, fmt.Errorf("read setting %s: %w", id, err)
	}
	set.Customized = true
	return set, nil
}

// SetSetting sets a service setting; an empty value makes it the default again.
func (s *Service) SetSetting(ctx context.Context, scope scope.Scope, set Setting) error {
	if err := checkSetting(set.ID); err != nil {
		return err
	}
	if set.Value != "" {
		if err := s.config.Roles.CheckRole(ctx, scope, set.Value); err != nil {
			return err
		}
	}
	body, err := json.Marshal(set)
	if err != nil {
		return fmt.Errorf("write setting %s: %w", set.ID, err)
	}
	key := settingKey(scope, set.ID)
	r := ssm.NewRecord(key, scope, body)
	return s.config.Records.Update(ctx, nil, func([]record.Record) ([]record.Change, error) {
		return []record.Change{{Record: r, Delete: set.Value == ""}}, nil
	})
}

// defaultRole returns the role of instances without an instance profile. Where none is set, the node is denied.
func (s *Service) defaultRole(ctx context.Context, scope scope.Scope) (string, error) {
	set, err := s.Setting(ctx, scope, DefaultRoleSetting)
	if err != nil {
		return "", err
	}
	if set.Value == noRole {
		return "", fault.New(fault.Denied, "node.RoleToken",
			"Systems Manager's instance management role is not configured for account: %s",
			scope.Account).
			WithCode("AccessDeniedException")
	}
	return set.Value, nil
}
