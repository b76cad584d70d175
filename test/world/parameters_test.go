package world_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"postern/test/world"
)

// TestCommandsReadParameters through the private network: what a command refers to is read by its node, through the ssm
// endpoint and with the node's role. Whoever sends the command need not be able to read it, and the node may not read
// what its role does not allow.
func TestCommandsReadParameters(t *testing.T) {
	t.Parallel()
	w := world.New(t, world.Nodes(1))
	n, ctx := w.Node(0), t.Context()
	put := func(value string) {
		t.Helper()
		if _, err := w.SSM.PutParameter(ctx, &ssm.PutParameterInput{
			Name: aws.String("/app/greeting"), Value: &value, Type: ssmtypes.ParameterTypeString, Overwrite: aws.Bool(true),
		}); err != nil {
			t.Fatal(err)
		}
	}
	put("hello")
	put("good evening")
	if got := n.Says("echo '{{ssm:/app/greeting:1}} and {{ ssm:/app/greeting }}'"); got != "hello and good evening\n" {
		t.Errorf("it says %q", got)
	}
	for script, says := range map[string]string{
		"echo {{ssm:/app/none}}":       "no parameter /app/none in Parameter Store",
		"echo {{ssm:/app/greeting:3}}": "no parameter /app/greeting:3 in Parameter Store",
	} {
		if r := w.Send(script, n.ID).Wait(n.ID); r.Status != "Failed" || !strings.Contains(r.Stderr, says) {
			t.Errorf("%s: %+v", script, r)
		}
	}
	if _, err := w.IAM.PutRolePolicy(ctx, &iam.PutRolePolicyInput{
		RoleName: &w.Role, PolicyName: aws.String("secret"),
		PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"ssm:GetParameter*",
			"Resource":"arn:aws:ssm:*:*:parameter/app/*"}}`),
	}); err != nil {
		t.Fatal(err)
	}
	if r := w.Send("echo {{ssm:/app/greeting}}", n.ID).Wait(n.ID); r.Status != "Failed" ||
		!strings.Contains(r.Stderr, "AccessDeniedException") ||
		strings.Contains(r.Stderr, "evening") {
		t.Errorf("a parameter that it may not read: %+v", r)
	}
}
