package world_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"postern/aws/sigv4"
	"postern/test/world"
)

// TestEndpointPolicies judges requests of a node through the ssm endpoint. A policy never grants; the node's tags
// are those that it has, and a refusal says which kind of policy refused. A policy as good as none brings the node
// back.
func TestEndpointPolicies(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	n := w.Bare()
	node := n.Credentials()
	ping := ask{service: "ssm", target: "AmazonSSM.UpdateInstanceInformation", keys: "node",
		body: `{"AgentName":"amazon-ssm-agent","AgentVersion":"3.3.0.0","PlatformType":"Linux","InstanceId":"` + n.ID + `"}`}
	const all = `{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}`
	for _, tt := range []struct {
		name, statements string
		status           int
		says             string
	}{
		{"everything", all, 200, ""},
		{"its own VPC", `{"Effect":"Allow","Principal":"*","Action":"ssm:*","Resource":"*",
			"Condition":{"StringEquals":{"aws:SourceVpc":"` + w.VPC + `"}}}`, 200, ""},
		{"another VPC", `{"Effect":"Allow","Principal":"*","Action":"ssm:*","Resource":"*",
			"Condition":{"StringEquals":{"aws:SourceVpc":"vpc-0123456789abcdef0"}}}`, 400, "no VPC endpoint policy allows"},
		{"an organization", `{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*",
			"Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-1"}}}`, 400, "no VPC endpoint policy allows"},
		{
			"other actions", `{"Effect":"Allow","Principal":"*","Action":"ssm:Get*","Resource":"*"}`, 400,
			"no VPC endpoint policy allows",
		},
		{"not a tag that it does not have", `{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*",
			"Condition":{"StringNotEquals":{"ssm:resourceTag/Stage":"prod"}}}`, 200, ""},
		{"a tag that it does not have", `{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*",
			"Condition":{"StringEquals":{"ssm:resourceTag/Stage":"prod"}}}`, 400, "no VPC endpoint policy allows"},
		{"denied with a tag that it does not have", all + `,{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*",
			"Condition":{"StringEquals":{"aws:ResourceTag/Stage":"prod"}}}`, 200, ""},
		{"denied without a tag", all + `,{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*",
			"Condition":{"StringNotEquals":{"aws:ResourceTag/Stage":"prod"}}}`, 400,
			"explicit deny in a VPC endpoint policy"},
		{"everything again", all, 200, ""},
	} {
		if _, err := w.EC2.ModifyVpcEndpoint(t.Context(), &ec2.ModifyVpcEndpointInput{
			VpcEndpointId:  aws.String(w.Endpoints["ssm"]),
			PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[` + tt.statements + `]}`),
		}); err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		status, body := n.Ask(
			ping.request(t, "https://ssm.us-east-1.amazonaws.com/", map[string]sigv4.Credentials{"node": node}),
		)
		if status != tt.status || !strings.Contains(body, tt.says) {
			t.Errorf("%s: %d %s\nwant %d %s", tt.name, status, body, tt.status, tt.says)
		}
	}
}
