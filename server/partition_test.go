package server_test

import (
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"postern/server"
)

var arnForm = regexp.MustCompile(`arn:[a-z-]+:`)

// TestPartition: in a region of China every ARN stands in China's partition: those that are answered, those that are
// taken, and those that policies are asked about.
func TestPartition(t *testing.T) {
	_, cfg := open(t, server.Config{Region: "cn-north-1"})
	cfg.Region = "cn-north-1"
	bob := partitionOfPeople(t, cfg)
	vpc := partitionOfThings(t, cfg)
	people := iam.NewFromConfig(cfg)
	for partition, allowed := range map[string]bool{"aws": false, "aws-cn": true} {
		policy := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*",
			"Resource":["arn:` + partition + `:ec2:*:*:*","arn:` + partition + `:iam::*:*"]}}`
		if _, err := people.PutUserPolicy(t.Context(), &iam.PutUserPolicyInput{
			UserName: aws.String("bob"), PolicyName: aws.String("p"), PolicyDocument: &policy,
		}); err != nil {
			t.Fatal(err)
		}
		_, group := ec2.NewFromConfig(bob).CreateSecurityGroup(t.Context(), &ec2.CreateSecurityGroupInput{
			VpcId: vpc, GroupName: aws.String("g-" + partition), Description: aws.String("g"),
		})
		_, got := iam.NewFromConfig(bob).GetRole(t.Context(), &iam.GetRoleInput{RoleName: aws.String("node")})
		if err := errors.Join(group, got); (err == nil) != allowed ||
			err != nil && !strings.Contains(err.Error(), "arn:aws-cn:") {
			t.Errorf("a policy on arn:%s: %v", partition, err)
		}
	}
}

// shown wants every ARN that is answered to stand in China's partition.
func shown(t *testing.T, what string, out any, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(what, err)
	}
	text, err := json.Marshal(out)
	if err != nil {
		t.Fatal(err)
	}
	all := arnForm.FindAllString(string(text), -1)
	if len(all) == 0 {
		t.Errorf("%s shows no ARN: %s", what, text)
	}
	for _, a := range all {
		if a != "arn:aws-cn:" {
			t.Errorf("%s shows %s…: %s", what, a, text)
		}
	}
}

// partitionOfPeople makes a role, a user and a session, and returns how the user calls.
func partitionOfPeople(t *testing.T, cfg aws.Config) aws.Config {
	t.Helper()
	ctx := t.Context()
	people, who := iam.NewFromConfig(cfg), sts.NewFromConfig(cfg)
	root, err := who.GetCallerIdentity(ctx, nil)
	shown(t, "root", root, err)
	trust := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole",
		"Principal":{"AWS":"` + *root.Account + `"}}}`
	role, err := people.CreateRole(ctx,
		&iam.CreateRoleInput{RoleName: aws.String("node"), AssumeRolePolicyDocument: &trust})
	shown(t, "role", role, err)
	core := aws.String("arn:aws-cn:iam::aws:policy/AmazonSSMManagedInstanceCore")
	if _, err := people.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{
		RoleName: aws.String("node"), PolicyArn: core,
	}); err != nil {
		t.Error(err)
	}
	attached, err := people.ListAttachedRolePolicies(ctx, &iam.ListAttachedRolePoliciesInput{RoleName: aws.String("node")})
	shown(t, "attached policies", attached.AttachedPolicies, err)
	profile, err := people.CreateInstanceProfile(ctx,
		&iam.CreateInstanceProfileInput{InstanceProfileName: aws.String("node")})
	shown(t, "instance profile", profile, err)
	user, err := people.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("bob")})
	shown(t, "user", user, err)
	key, err := people.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: aws.String("bob")})
	if err != nil {
		t.Fatal(err)
	}
	bob := cfg.Copy()
	bob.Credentials = credentials.NewStaticCredentialsProvider(*key.AccessKey.AccessKeyId, *key.AccessKey.SecretAccessKey,
		"")
	if _, err := people.PutUserPolicy(ctx, &iam.PutUserPolicyInput{
		UserName: aws.String("bob"), PolicyName: aws.String("p"),
		PolicyDocument: aws.String(
			`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:*","Resource":"` + *role.Role.Arn + `"}}`,
		),
	}); err != nil {
		t.Fatal(err)
	}
	partitionOfSession(t, cfg, bob, role.Role.Arn)
	return bob
}

// partitionOfSession has a user assume a role.
func partitionOfSession(t *testing.T, cfg, bob aws.Config, role *string) {
	t.Helper()
	ctx := t.Context()
	session, err := sts.NewFromConfig(bob).
		AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: role, RoleSessionName: aws.String("me")})
	if err != nil {
		t.Fatal(err)
	}
	shown(t, "session", session.AssumedRoleUser, nil)
	acting := cfg.Copy()
	acting.Credentials = credentials.NewStaticCredentialsProvider(*session.Credentials.AccessKeyId,
		*session.Credentials.SecretAccessKey, *session.Credentials.SessionToken)
	identity, err := sts.NewFromConfig(acting).GetCallerIdentity(ctx, nil)
	shown(t, "session's own identity", identity, err)
}

// partitionOfThings makes a VPC, whose id it returns, a subnet and a parameter.
func partitionOfThings(t *testing.T, cfg aws.Config) *string {
	t.Helper()
	ctx := t.Context()
	network := ec2.NewFromConfig(cfg)
	v, err := network.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")})
	if err != nil {
		t.Fatal(err)
	}
	subnet, err := network.CreateSubnet(ctx,
		&ec2.CreateSubnetInput{VpcId: v.Vpc.VpcId, CidrBlock: aws.String("10.0.1.0/24")})
	shown(t, "subnet", subnet, err)
	parameters := ssm.NewFromConfig(cfg)
	if _, err := parameters.PutParameter(ctx, &ssm.PutParameterInput{
		Name: aws.String("/a"), Value: aws.String("1"), Type: ssmtypes.ParameterTypeString,
	}); err != nil {
		t.Fatal(err)
	}
	parameter, err := parameters.GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String("/a")})
	shown(t, "parameter", parameter.Parameter, err)
	byARN, err := parameters.GetParameter(ctx, &ssm.GetParameterInput{Name: parameter.Parameter.ARN})
	shown(t, "parameter by its ARN", byARN.Parameter, err)
	return v.Vpc.VpcId
}
