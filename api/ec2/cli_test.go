package ec2_test

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// cliLines are commands, what they print, and the variable that keeps it for later ones.
var cliLines = []struct{ name, args, want string }{
	{
		"VPC",
		"create-vpc --cidr-block 10.0.0.0/16 --tag-specifications ResourceType=vpc,Tags=[{Key=Name,Value=harness}] " +
			"--query " +
			"Vpc.VpcId", "vpc-0",
	},
	{"", "modify-vpc-attribute --vpc-id $VPC --enable-dns-hostnames", ""},
	{
		"SUBNET",
		"create-subnet --vpc-id $VPC --cidr-block 10.0.1.0/24 --availability-zone us-east-1a --query Subnet.SubnetId",
		"subnet-0",
	},
	{"NODES", "create-security-group --vpc-id $VPC --group-name nodes --description nodes --query GroupId", "sg-0"},
	{
		"DOORS", "create-security-group --vpc-id $VPC --group-name endpoints --description endpoints --query GroupId",
		"sg-0",
	},
	{
		"",
		"authorize-security-group-ingress --group-id $DOORS --protocol tcp --port 443 --source-group $NODES --query Return",
		"True",
	},
	{
		"", "authorize-security-group-ingress --group-id $DOORS --protocol tcp --port 443 --source-group $NODES",
		"InvalidPermission.Duplicate",
	},
	{
		"",
		"describe-security-group-rules --filters Name=group-id,Values=$DOORS --query " +
			"SecurityGroupRules[?!IsEgress].ReferencedGroupInfo.GroupId", "$NODES",
	},
	{
		"ENDPOINT",
		"create-vpc-endpoint --vpc-id $VPC --vpc-endpoint-type Interface --service-name com.amazonaws.us-east-1.ssm " +
			"--subnet-ids $SUBNET --security-group-ids $DOORS --query VpcEndpoint.VpcEndpointId", "vpce-0",
	},
	{
		"", "describe-vpc-endpoints --filters Name=vpc-id,Values=$VPC --query VpcEndpoints[].[State,DnsEntries[-1].DnsName]",
		"available\tssm.us-east-1.amazonaws.com",
	},
	{
		"",
		"describe-network-interfaces --filters Name=vpc-id,Values=$VPC --query NetworkInterfaces[].[InterfaceType,Status]",
		"vpc_endpoint\tin-use",
	},
	{"", "describe-vpc-endpoint-services --query length(ServiceNames)", "9"},
	{"", "describe-vpcs --vpc-ids $VPC --query Vpcs[].Tags[].Value", "harness"},
	{"", "describe-subnets --filters Name=vpc-id,Values=$VPC --query Subnets[].AvailableIpAddressCount", "250"},
	{
		"",
		"describe-route-tables --filters Name=vpc-id,Values=$VPC Name=association.main,Values=true --query " +
			"RouteTables[].Routes[].GatewayId", "local",
	},
	{
		"NODE",
		"run-instances --subnet-id $SUBNET --security-group-ids $NODES --tag-specifications ResourceType=instance," +
			"Tags=[{Key=Name,Value=node}] --query Instances[].InstanceId", "i-0",
	},
	{"", "wait instance-running --instance-ids $NODE", ""},
	{"", "get-console-output --instance-id $NODE --query Output", "boot of ip-10-0-1-"},
	{"", "create-tags --resources $NODE $SUBNET --tags Key=team,Value=a", ""},
	{
		"", "describe-instances --filters Name=tag:team,Values=a --query Reservations[].Instances[].[State.Name,SubnetId]",
		"running\t$SUBNET",
	},
	{"", "describe-stale-security-groups --vpc-id $VPC --query length(StaleSecurityGroupSet)", "0"},
	{"", "describe-security-group-references --group-id $NODES --query length(SecurityGroupReferenceSet)", "0"},
	{
		"", "describe-instances --instance-ids i-0bbbbbbbbbbbbbbbb $NODE i-0aaaaaaaaaaaaaaaa",
		"The instance IDs 'i-0bbbbbbbbbbbbbbbb, i-0aaaaaaaaaaaaaaaa' do not exist",
	},
	{
		"", "revoke-security-group-ingress --group-id $DOORS --protocol tcp --port 443 --source-group $NODES --query Return",
		"True",
	},
	{"", "delete-subnet --subnet-id $SUBNET", "DependencyViolation"},
	{"", "stop-instances --instance-ids $NODE --query StoppingInstances[].CurrentState.Name", "stopping"},
	{"", "wait instance-stopped --instance-ids $NODE", ""},
	{"", "terminate-instances --instance-ids $NODE --query TerminatingInstances[].PreviousState.Name", "stopped"},
	{"", "wait instance-terminated --instance-ids $NODE", ""},
	{"", "delete-vpc-endpoints --vpc-endpoint-ids $ENDPOINT", ""},
	{"", "delete-subnet --subnet-id $SUBNET", ""},
	{"", "delete-security-group --group-id $DOORS --query 'gone'", "gone"}, // older CLIs know no Return
	{"", "delete-security-group --group-id $NODES --query 'gone'", "gone"}, // older CLIs know no Return
	{"", "delete-vpc --vpc-id $VPC", ""},
	{"", "describe-vpcs --query length(Vpcs)", "0"},
}

// TestCLI is the first story's network, typed into the real AWS CLI. $NAME in a line is what an earlier line answered.
func TestCLI(t *testing.T) {
	if _, err := exec.LookPath("aws"); err != nil {
		t.Skip("no aws on PATH")
	}
	if testing.Short() {
		t.Skip("each line takes the CLI most of a second")
	}
	l := newHarness(t)
	vars := map[string]string{}
	for _, line := range cliLines {
		expand := func(s string) string { return os.Expand(s, func(name string) string { return vars[name] }) }
		got := l.cli(strings.Fields(expand(line.args)))
		if want := expand(line.want); !strings.Contains(got, want) || want == "" && got != "" {
			t.Errorf("aws ec2 %s\nprinted %q, want %q", expand(line.args), got, want)
		}
		vars[line.name] = got
	}
}

// cli runs the AWS CLI and gives what it prints, its error too.
func (l *harness) cli(args []string) string {
	// The flag, because the AWS CLI of some distributions is too old to know the variable.
	cmd := exec.Command("aws", append([]string{"--endpoint-url", l.url, "--output", "text", "ec2"}, args...)...)
	cmd.Env = append(os.Environ(),
		"AWS_ACCESS_KEY_ID="+root.AccessKey, "AWS_SECRET_ACCESS_KEY="+root.Secret,
		"AWS_SESSION_TOKEN=", "AWS_DEFAULT_REGION="+region, "AWS_CONFIG_FILE=/dev/null",
		"AWS_SHARED_CREDENTIALS_FILE=/dev/null",
		"AWS_PAGER=", "NO_PROXY=*",
	)
	out, err := cmd.CombinedOutput()
	text := string(bytes.TrimSpace(out))
	if err != nil && text == "" {
		return err.Error()
	}
	return text
}
