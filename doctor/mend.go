package doctor

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Mend says what mends a finding, where one change does: as an AWS CLI command, and as Terraform for the AWS provider,
// a resource to add or, where it begins with a comment, an argument of one that is there.
type Mend struct {
	Command   string `json:"command,omitempty"`
	Terraform string `json:"terraform,omitempty"`
}

// resource writes a Terraform resource, named after what it belongs to, from lines of arguments.
func resource(kind, after string, arguments ...string) string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, after)
	return fmt.Sprintf("resource %q %q {\n  %s\n}", kind, name, strings.Join(aligned(arguments), "\n  "))
}

// aligned puts the equals signs of arguments under each other, as terraform fmt does; those of several lines stay.
func aligned(arguments []string) []string {
	longest := 0
	for _, line := range arguments {
		if key, ok := argumentName(line); ok {
			longest = max(longest, len(key))
		}
	}
	out := slices.Clone(arguments)
	for i, line := range out {
		if key, ok := argumentName(line); ok {
			out[i] = fmt.Sprintf("%-*s%s", longest, key, line[len(key):])
		}
	}
	return out
}

// argumentName returns the name of an argument of one line.
func argumentName(line string) (key string, ok bool) {
	key, value, ok := strings.Cut(line, " = ")
	return key, ok && !strings.HasPrefix(key, " ") && !strings.HasSuffix(value, "{")
}

// argument writes an argument of a resource that is there.
func argument(kind, id string, lines ...string) string {
	return fmt.Sprintf("# %s of %s\n%s", kind, id, strings.Join(lines, "\n"))
}

func listed(ids []string) string { return `["` + strings.Join(ids, `", "`) + `"]` }

// A peer is the other end of a rule: a group, or a range.
type peer struct {
	group string
	cidr  netip.Prefix
}

func (p peer) argument() string {
	if p.group != "" {
		return fmt.Sprintf("referenced_security_group_id = %q", p.group)
	}
	return fmt.Sprintf("cidr_ipv4 = %q", p.cidr)
}

func ruleOf(kind, group string, port uint16, p peer) string {
	return resource(kind, fmt.Sprintf("%s_%d", group, port), fmt.Sprintf("security_group_id = %q", group), p.argument(),
		`ip_protocol = "tcp"`, fmt.Sprintf("from_port = %d", port), fmt.Sprintf("to_port = %d", port))
}

// allowIn gives a group a rule for inbound TCP.
func allowIn(group string, port uint16, p peer) Mend {
	from := "--source-group " + p.group
	if p.group == "" {
		from = "--cidr " + p.cidr.String()
	}
	return Mend{
		fmt.Sprintf("aws ec2 authorize-security-group-ingress --group-id %s --protocol tcp --port %d %s", group, port, from),
		ruleOf("aws_vpc_security_group_ingress_rule", group, port, p),
	}
}

// allowOut gives a group a rule for outbound TCP.
func allowOut(group string, port uint16, p peer) Mend {
	to := fmt.Sprintf("UserIdGroupPairs=[{GroupId=%s}]", p.group)
	if p.group == "" {
		to = fmt.Sprintf("IpRanges=[{CidrIp=%s}]", p.cidr)
	}
	return Mend{
		fmt.Sprintf("aws ec2 authorize-security-group-egress --group-id %s "+
			"--ip-permissions 'IpProtocol=tcp,FromPort=%d,ToPort=%d,%s'", group, port, port, to),
		ruleOf("aws_vpc_security_group_egress_rule", group, port, p),
	}
}

// startInstance starts a stopped instance, and waitForInstance waits for one that starts.
func startInstance(id string) Mend {
	return Mend{
		"aws ec2 start-instances --instance-ids " + id,
		resource("aws_ec2_instance_state", id, fmt.Sprintf("instance_id = %q", id), `state = "running"`),
	}
}

func waitForInstance(id string) Mend {
	return Mend{Command: "aws ec2 wait instance-running --instance-ids " + id}
}

// metadataOn turns an instance's metadata service on.
func metadataOn(id string) Mend {
	return Mend{
		fmt.Sprintf("aws ec2 modify-instance-metadata-options --instance-id %s --http-endpoint enabled", id),
		argument("aws_instance", id, "metadata_options {", `  http_endpoint = "enabled"`, "}"),
	}
}

// dnsSupport and dnsHostnames turn a VPC's attributes on, privateDNS an endpoint's.
func dnsSupport(id string) Mend {
	return Mend{
		fmt.Sprintf("aws ec2 modify-vpc-attribute --vpc-id %s --enable-dns-support", id),
		argument("aws_vpc", id, "enable_dns_support = true"),
	}
}

func dnsHostnames(id string) Mend {
	return Mend{
		fmt.Sprintf("aws ec2 modify-vpc-attribute --vpc-id %s --enable-dns-hostnames", id),
		argument("aws_vpc", id, "enable_dns_hostnames = true"),
	}
}

func privateDNS(id string) Mend {
	return Mend{
		fmt.Sprintf("aws ec2 modify-vpc-endpoint --vpc-endpoint-id %s --private-dns-enabled", id),
		argument("aws_vpc_endpoint", id, "private_dns_enabled = true"),
	}
}

// interfaceEndpoint makes an interface endpoint with private DNS; without groups it has the VPC's default one.
func interfaceEndpoint(vpcID, service, subnet string, groups []string) Mend {
	command := fmt.Sprintf("aws ec2 create-vpc-endpoint --vpc-id %s --vpc-endpoint-type Interface --service-name %s "+
		"--subnet-ids %s", vpcID, service, subnet)
	arguments := []string{
		fmt.Sprintf("vpc_id = %q", vpcID), `vpc_endpoint_type = "Interface"`, fmt.Sprintf("service_name = %q", service),
		"subnet_ids = " + listed([]string{subnet}),
	}
	if len(groups) > 0 {
		command += " --security-group-ids " + strings.Join(groups, " ")
		arguments = append(arguments, "security_group_ids = "+listed(groups))
	}
	return Mend{
		command + " --private-dns-enabled",
		resource("aws_vpc_endpoint", shortName(service), append(arguments, "private_dns_enabled = true")...),
	}
}

// gatewayEndpoint makes a gateway endpoint with a route table.
func gatewayEndpoint(vpcID, service, table string) Mend {
	return Mend{
		fmt.Sprintf("aws ec2 create-vpc-endpoint --vpc-id %s --vpc-endpoint-type Gateway --service-name %s "+
			"--route-table-ids %s", vpcID, service, table),
		resource("aws_vpc_endpoint", shortName(service), fmt.Sprintf("vpc_id = %q", vpcID),
			`vpc_endpoint_type = "Gateway"`, fmt.Sprintf("service_name = %q", service),
			"route_table_ids = "+listed([]string{table})),
	}
}

// attachPolicy attaches a managed policy to a role.
func attachPolicy(role, policy string) Mend {
	return Mend{
		fmt.Sprintf("aws iam attach-role-policy --role-name %s --policy-arn %s", role, policy),
		resource("aws_iam_role_policy_attachment", role, fmt.Sprintf("role = %q", role),
			fmt.Sprintf("policy_arn = %q", policy)),
	}
}

// readObjects lets a role read objects.
func readObjects(role string, objects []string) Mend {
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":["` +
		strings.Join(objects, `","`) + `"]}]}`
	return Mend{
		fmt.Sprintf("aws iam put-role-policy --role-name %s --policy-name managed-buckets --policy-document '%s'",
			role, policy),
		resource("aws_iam_role_policy", role+"_buckets", fmt.Sprintf("role = %q", role), `name = "managed-buckets"`,
			"policy = jsonencode({", `  Version = "2012-10-17"`, `  Statement = [{`,
			`    Effect   = "Allow"`,
			`    Action   = "s3:GetObject"`, "    Resource = "+listed(objects), "  }]", "})"),
	}
}
