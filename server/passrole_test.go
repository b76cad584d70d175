package server_test

import (
	"errors"
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
	if _, err := who.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("alice")}); err != nil {
		t.Fatal(err)
	}
	if _, err := who.PutUserPolicy(t.Context(), &iam.PutUserPolicyInput{
		UserName: aws.String("alice"), PolicyName: aws.String("own"),
		PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},
			{"Effect":"Deny","Action":"iam:PassRole","Resource":"arn:aws:iam::000000000000:role/ops/Admin"}]}`),
	}); err != nil {
		t.Fatal(err)
	}
	key, err := who.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: aws.String("alice")})
	if err != nil {
		t.Fatal(err)
	}
	config.Credentials = credentials.NewStaticCredentialsProvider(*key.AccessKey.AccessKeyId,
		*key.AccessKey.SecretAccessKey, "")
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
