package ec2_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"postern/api"
	"postern/aws/iam"
)

// walked is what the tests of this package asked of every operation that they called with success: the property
// "declared = touched" holds only for what is walked. Whatever an operation touches and does not declare fails the test
// that called it (api.Config.Undeclared).
var walked = struct {
	sync.Mutex
	done  map[string]bool
	asked map[string]map[string]bool // action → types of resource
}{done: map[string]bool{}, asked: map[string]map[string]bool{}}

// questions is the Guards that notes what is asked; it adds no policy. between, if set, is told of each question.
type questions struct{ between func(api.Question) }

func (x *questions) Guard(_ context.Context, q api.Question, _ *iam.Policies) error {
	if x.between != nil {
		x.between(q)
	}
	if q.DenyOnly {
		return nil
	}
	walked.Lock()
	defer walked.Unlock()
	if walked.asked[q.Action] == nil {
		walked.asked[q.Action] = map[string]bool{}
	}
	if i := strings.LastIndexByte(q.Resource, ':'); i >= 0 {
		kind, _, _ := strings.Cut(q.Resource[i+1:], "/")
		walked.asked[q.Action][kind] = true
	}
	return nil
}

func walk(r api.Record) {
	if r.Code == "" {
		walked.Lock()
		defer walked.Unlock()
		walked.done[r.Operation] = true
	}
}

// required are the types of resource without which AWS allows an action to nobody (Service Authorization Reference, "Actions,
// resources, and condition keys for Amazon EC2"): those that its table marks, and where it marks none, what the operation is
// about.
var required = map[string]string{
	"AcceptVpcEndpointConnections": "vpc-endpoint-service", "AcceptVpcPeeringConnection": "vpc vpc-peering-connection",
	"AllocateAddress": "elastic-ip", "AssignPrivateIpAddresses": "network-interface", "AssociateAddress": "elastic-ip network-interface instance",
	"AssociateDhcpOptions": "dhcp-options vpc", "AssociateIamInstanceProfile": "instance", "AssociateRouteTable": "route-table subnet",
	"AssociateVpcCidrBlock": "vpc", "AttachInternetGateway": "internet-gateway vpc", "AttachNetworkInterface": "instance network-interface",
	"AuthorizeSecurityGroupEgress": "security-group", "AuthorizeSecurityGroupIngress": "security-group", "CreateDefaultSubnet": "",
	"CreateDefaultVpc": "", "CreateDhcpOptions": "dhcp-options", "CreateFlowLogs": "vpc-flow-log subnet vpc",
	"CreateInternetGateway": "internet-gateway", "CreateManagedPrefixList": "prefix-list", "CreateNatGateway": "natgateway subnet elastic-ip",
	"CreateNetworkAcl": "network-acl vpc", "CreateNetworkAclEntry": "network-acl", "CreateNetworkInterface": "network-interface subnet security-group",
	"CreateRoute": "route-table", "CreateRouteTable": "route-table vpc", "CreateSecurityGroup": "security-group vpc", "CreateSubnet": "subnet vpc",
	"CreateTags": "", "CreateVpc": "vpc", "CreateVpcEndpoint": "vpc vpc-endpoint subnet security-group route-table",
	"CreateVpcEndpointConnectionNotification": "vpc-endpoint-service", "CreateVpcEndpointServiceConfiguration": "vpc-endpoint-service",
	"CreateVpcPeeringConnection": "vpc vpc-peering-connection", "DeleteDhcpOptions": "dhcp-options", "DeleteFlowLogs": "vpc-flow-log",
	"DeleteInternetGateway": "internet-gateway", "DeleteManagedPrefixList": "prefix-list", "DeleteNatGateway": "natgateway",
	"DeleteNetworkAcl": "network-acl", "DeleteNetworkAclEntry": "network-acl", "DeleteNetworkInterface": "network-interface",
	"DeleteRoute": "route-table", "DeleteRouteTable": "route-table", "DeleteSecurityGroup": "security-group", "DeleteSubnet": "subnet",
	"DeleteTags": "", "DeleteVpc": "vpc", "DeleteVpcEndpointConnectionNotifications": "vpc-endpoint-service",
	"DeleteVpcEndpointServiceConfigurations": "vpc-endpoint-service", "DeleteVpcEndpoints": "vpc-endpoint",
	"DeleteVpcPeeringConnection": "vpc-peering-connection", "DeregisterImage": "image", "DetachInternetGateway": "internet-gateway vpc",
	"DetachNetworkInterface": "instance network-interface", "DisassociateAddress": "elastic-ip network-interface",
	"DisassociateIamInstanceProfile": "instance", "DisassociateRouteTable": "route-table subnet", "DisassociateVpcCidrBlock": "vpc",
	"ModifyInstanceAttribute": "instance security-group", "ModifyInstanceMetadataOptions": "instance", "ModifyManagedPrefixList": "prefix-list",
	"ModifyNetworkInterfaceAttribute": "network-interface security-group instance", "ModifySecurityGroupRules": "security-group security-group-rule",
	"ModifySubnetAttribute": "subnet", "ModifyVpcAttribute": "vpc", "ModifyVpcEndpoint": "vpc-endpoint subnet security-group",
	"ModifyVpcEndpointConnectionNotification": "vpc-endpoint-service", "ModifyVpcEndpointServiceConfiguration": "vpc-endpoint-service",
	"ModifyVpcEndpointServicePermissions": "vpc-endpoint-service", "ModifyVpcPeeringConnectionOptions": "vpc-peering-connection",
	"RebootInstances": "instance", "RegisterImage": "image", "RejectVpcEndpointConnections": "vpc-endpoint-service",
	"RejectVpcPeeringConnection": "vpc-peering-connection", "ReleaseAddress": "elastic-ip", "ReplaceIamInstanceProfileAssociation": "instance",
	"ReplaceNetworkAclAssociation": "network-acl subnet", "ReplaceNetworkAclEntry": "network-acl", "ReplaceRoute": "route-table",
	"ReplaceRouteTableAssociation": "route-table subnet", "RevokeSecurityGroupEgress": "security-group", "RevokeSecurityGroupIngress": "security-group",
	"RunInstances": "image instance network-interface security-group subnet", "StartInstances": "instance",
	"StartVpcEndpointServicePrivateDnsVerification": "vpc-endpoint-service", "StopInstances": "instance", "TerminateInstances": "instance",
	"UnassignPrivateIpAddresses": "network-interface", "UpdateSecurityGroupRuleDescriptionsEgress": "security-group",
	"UpdateSecurityGroupRuleDescriptionsIngress": "security-group",
}

// unwalked are operations that no test here can call with success, and why.
var unwalked = map[string]string{
	"StartVpcEndpointServicePrivateDnsVerification": "needs a TXT record in the public DNS",
}

func reads(operation string) bool {
	return strings.HasPrefix(operation, "Describe") || strings.HasPrefix(operation, "Get")
}

// unproved is what the run of all tests leaves unproved about the table of operations.
func unproved(operations []string) []string {
	walked.Lock()
	defer walked.Unlock()
	var out []string
	for _, op := range operations {
		if reads(op) {
			continue
		}
		if !walked.done[op] && unwalked[op] == "" {
			out = append(out, op+" was never called with success: what it touches is not known")
		}
		types, known := required[op]
		if !known {
			out = append(out, op+" is not in the table of required resource types")
		}
		for _, kind := range strings.Fields(types) {
			if !walked.asked["ec2:"+op][kind] && unwalked[op] == "" {
				out = append(out, fmt.Sprintf("%s never asked about a resource of type %s, as AWS does", op, kind))
			}
		}
	}
	return out
}

var operations []string

func tell(operation string) {
	walked.Lock()
	defer walked.Unlock()
	if !slices.Contains(operations, operation) {
		operations = append(operations, operation)
	}
}

// TestMain looks, after a run of all tests, whether they walked the whole table.
func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	whole := flag.Lookup("test.run").Value.String() == "" && flag.Lookup("test.skip").Value.String() == ""
	if whole && code == 0 && len(operations) > 0 {
		slices.Sort(operations)
		for _, text := range unproved(operations) {
			fmt.Println(text)
			code = 1
		}
	}
	os.Exit(code)
}
