package server_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/smithy-go"

	"postern/server"
)

// A role has several names. Whichever is used, the policy that keeps a user from passing it on has its say.
func TestOneRoleUnderEveryName(t *testing.T) {
	_, config := open(t, server.Config{})
	who := iam.NewFromConfig(config)
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",
		"Principal":{"Service":"ssm.amazonaws.com"}}]}`
	for name, path := range map[string]string{"Admin": "/ops/", "Nodes": "/"} {
		in := &iam.CreateRoleInput{RoleName: &name, Path: &path, AssumeRolePolicyDocument: &trust}
		if _, err := who.CreateRole(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
	config = user(t, who, config, "alice",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},
			{"Effect":"Deny","Action":"iam:PassRole","Resource":"arn:aws:iam::000000000000:role/ops/Admin"}]}`)
	alice := ssm.NewFromConfig(config)
	for _, row := range []struct{ role, code string }{
		{"ops/Admin", "AccessDeniedException"},
		{"Admin", "AccessDeniedException"},
		{"admin", "AccessDeniedException"},
		{"/ops/Admin", "AccessDeniedException"},
		{"arn:aws:iam::000000000000:role/ops/Admin", "AccessDeniedException"},
		{"arn:aws:iam::000000000000:role/Admin", "AccessDeniedException"},
		{"none", "ValidationException"},
		{"Nodes", ""},
	} {
		_, err := alice.CreateActivation(t.Context(), &ssm.CreateActivationInput{IamRole: &row.role})
		if got := errorCode(err); got != row.code {
			t.Errorf("activation with role %s: %q, want %q", row.role, got, row.code)
		}
		_, err = alice.UpdateServiceSetting(t.Context(), &ssm.UpdateServiceSettingInput{
			SettingId: aws.String("/ssm/managed-instance/default-ec2-instance-management-role"), SettingValue: &row.role,
		})
		if got := errorCode(err); got != row.code {
			t.Errorf("default host management with role %s: %q, want %q", row.role, got, row.code)
		}
	}
}

func errorCode(err error) string {
	var e smithy.APIError
	if errors.As(err, &e) {
		return e.ErrorCode()
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// TestWhatRolesArePassedFor: policies are told to which service a role is given, and for what.
func TestWhatRolesArePassedFor(t *testing.T) {
	_, config := open(t, server.Config{})
	who := iam.NewFromConfig(config)
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",
		"Principal":{"Service":["ssm.amazonaws.com","ec2.amazonaws.com"]}}]}`
	if _, err := who.CreateRole(t.Context(), &iam.CreateRoleInput{
		RoleName: aws.String("Nodes"), AssumeRolePolicyDocument: &trust,
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := who.CreateInstanceProfile(t.Context(), &iam.CreateInstanceProfileInput{
		InstanceProfileName: aws.String("web"), Path: aws.String("/ops/"),
	}); err != nil {
		t.Fatal(err)
	}
	activate := func(c aws.Config) error {
		_, err := ssm.NewFromConfig(c).CreateActivation(t.Context(), &ssm.CreateActivationInput{IamRole: aws.String("Nodes")})
		return err
	}
	manage := func(c aws.Config) error {
		_, err := ssm.NewFromConfig(c).UpdateServiceSetting(t.Context(), &ssm.UpdateServiceSettingInput{
			SettingId:    aws.String("/ssm/managed-instance/default-ec2-instance-management-role"),
			SettingValue: aws.String("Nodes"),
		})
		return err
	}
	profile := func(c aws.Config) error {
		_, err := iam.NewFromConfig(c).AddRoleToInstanceProfile(t.Context(), &iam.AddRoleToInstanceProfileInput{
			InstanceProfileName: aws.String("web"), RoleName: aws.String("Nodes"),
		})
		return err
	}
	for i, row := range []struct {
		what              string
		call              func(aws.Config) error
		service, resource string
	}{
		{"activation", activate, "ssm.amazonaws.com", "arn:aws:ssm:us-east-1:000000000000:managed-instance/*"},
		{"setting", manage, "ssm.amazonaws.com", "arn:aws:ssm:us-east-1:000000000000:servicesetting" +
			"/ssm/managed-instance/default-ec2-instance-management-role"},
		{"profile", profile, "ec2.amazonaws.com", "arn:aws:iam::000000000000:instance-profile/ops/web"},
	} {
		for j, condition := range []struct{ service, resource, code string }{
			{"lambda.amazonaws.com", row.resource, "AccessDenied"},
			{row.service, "arn:aws:lambda:us-east-1:000000000000:function:f", "AccessDenied"},
			{row.service, row.resource, ""},
		} {
			policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","NotAction":"iam:PassRole","Resource":"*"},
				{"Effect":"Allow","Action":"iam:PassRole","Resource":"*","Condition":{"StringEquals":{
				"iam:PassedToService":"` + condition.service + `","iam:AssociatedResourceArn":"` + condition.resource + `"}}}]}`
			name := row.what + string(rune('a'+i)) + string(rune('a'+j))
			err := row.call(user(t, who, config, name, policy))
			if got := strings.TrimSuffix(errorCode(err), "Exception"); got != condition.code {
				t.Errorf("%s under %s and %s: %v, want %q", row.what, condition.service, condition.resource, err,
					condition.code)
			}
		}
	}
}

// user makes a user with a policy, and returns a configuration with its key.
func user(t *testing.T, who *iam.Client, config aws.Config, name, policy string) aws.Config {
	t.Helper()
	if _, err := who.CreateUser(t.Context(), &iam.CreateUserInput{UserName: &name}); err != nil {
		t.Fatal(err)
	}
	if _, err := who.PutUserPolicy(t.Context(), &iam.PutUserPolicyInput{
		UserName: &name, PolicyName: aws.String("own"), PolicyDocument: &policy,
	}); err != nil {
		t.Fatal(err)
	}
	key, err := who.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: &name})
	if err != nil {
		t.Fatal(err)
	}
	config.Credentials = credentials.NewStaticCredentialsProvider(
		*key.AccessKey.AccessKeyId, *key.AccessKey.SecretAccessKey, "",
	)
	return config
}
