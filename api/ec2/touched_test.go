package ec2_test

import (
	"context"
	"os"
	"testing"

	"postern/api"
	"postern/api/apitest"
	"postern/aws/iam"
)

var walked apitest.Walk

// TestMain looks, after a run of all tests, whether they walked the whole table.
func TestMain(m *testing.M) {
	os.Exit(walked.Exit(m.Run(), apitest.Whole{Service: "ec2", Required: required, Unwalked: unwalked}))
}

// questions are Guards; between, if set, is told of each question.
type questions struct{ between func(api.Question) }

func (x *questions) Guard(ctx context.Context, q api.Question, p *iam.Policies) error {
	if x.between != nil {
		x.between(q)
	}
	return walked.Guard(ctx, q, p)
}

// required are the types of resource without which AWS allows an action to nobody (Service Authorization Reference,
// "Actions, resources, and condition keys for Amazon EC2"): those that its table marks, and where it marks none, what
// the operation is about.
var required = map[string]string{
	"AcceptVpcEndpointConnections":                  "vpc-endpoint-service",
	"AcceptVpcPeeringConnection":                    "vpc vpc-peering-connection",
	"AllocateAddress":                               "elastic-ip",
	"AssignPrivateIpAddresses":                      "network-interface",
	"AssociateAddress":                              "elastic-ip network-interface instance",
	"AssociateDhcpOptions":                          "dhcp-options vpc",
	"AssociateIamInstanceProfile":                   "instance",
	"AssociateRouteTable":                           "route-table subnet",
	"AssociateVpcCidrBlock":                         "vpc",
	"AttachInternetGateway":                         "internet-gateway vpc",
	"AttachNetworkInterface":                        "instance network-interface",
	"AuthorizeSecurityGroupEgress":                  "security-group",
	"AuthorizeSecurityGroupIngress":                 "security-group",
	"CreateDefaultSubnet":                           "",
	"CreateDefaultVpc":                              "",
	"CreateDhcpOptions":                             "dhcp-options",
	"CreateFlowLogs":                                "vpc-flow-log subnet vpc",
	"CreateInternetGateway":                         "internet-gateway",
	"CreateKeyPair":                                 "key-pair",
	"CreateManagedPrefixList":                       "prefix-list",
	"CreateNatGateway":                              "natgateway subnet elastic-ip",
	"CreateNetworkAcl":                              "network-acl vpc",
	"CreateNetworkAclEntry":                         "network-acl",
	"CreateNetworkInterface":                        "network-interface subnet security-group",
	"CreateRoute":                                   "route-table",
	"CreateRouteTable":                              "route-table vpc",
	"CreateSecurityGroup":                           "security-group vpc",
	"CreateSubnet":                                  "subnet vpc",
	"CreateTags":                                    "",
	"CreateVpc":                                     "vpc",
	"CreateVpcEndpoint":                             "vpc vpc-endpoint subnet security-group route-table",
	"CreateVpcEndpointConnectionNotification":       "vpc-endpoint-service",
	"CreateVpcEndpointServiceConfiguration":         "vpc-endpoint-service",
	"CreateVpcPeeringConnection":                    "vpc vpc-peering-connection",
	"DeleteDhcpOptions":                             "dhcp-options",
	"DeleteFlowLogs":                                "vpc-flow-log",
	"DeleteKeyPair":                                 "key-pair",
	"DeleteInternetGateway":                         "internet-gateway",
	"DeleteManagedPrefixList":                       "prefix-list",
	"DeleteNatGateway":                              "natgateway",
	"DeleteNetworkAcl":                              "network-acl",
	"DeleteNetworkAclEntry":                         "network-acl",
	"DeleteNetworkInterface":                        "network-interface",
	"DeleteRoute":                                   "route-table",
	"DeleteRouteTable":                              "route-table",
	"DeleteSecurityGroup":                           "security-group",
	"DeleteSubnet":                                  "subnet",
	"DeleteTags":                                    "",
	"DeleteVpc":                                     "vpc",
	"DeleteVpcEndpointConnectionNotifications":      "vpc-endpoint-service",
	"DeleteVpcEndpointServiceConfigurations":        "vpc-endpoint-service",
	"DeleteVpcEndpoints":                            "vpc-endpoint",
	"DeleteVpcPeeringConnection":                    "vpc-peering-connection",
	"DeregisterImage":                               "image",
	"DetachInternetGateway":                         "internet-gateway vpc",
	"DetachNetworkInterface":                        "instance network-interface",
	"DisassociateAddress":                           "elastic-ip network-interface",
	"DisassociateIamInstanceProfile":                "instance",
	"DisassociateRouteTable":                        "route-table subnet",
	"DisassociateVpcCidrBlock":                      "vpc",
	"ImportKeyPair":                                 "key-pair",
	"ModifyInstanceAttribute":                       "instance security-group",
	"ModifyInstanceMetadataOptions":                 "instance",
	"ModifyManagedPrefixList":                       "prefix-list",
	"ModifyNetworkInterfaceAttribute":               "network-interface security-group instance",
	"ModifySecurityGroupRules":                      "security-group security-group-rule",
	"ModifySubnetAttribute":                         "subnet",
	"ModifyVpcAttribute":                            "vpc",
	"ModifyVpcEndpoint":                             "vpc-endpoint subnet security-group",
	"ModifyVpcEndpointConnectionNotification":       "vpc-endpoint-service",
	"ModifyVpcEndpointServiceConfiguration":         "vpc-endpoint-service",
	"ModifyVpcEndpointServicePermissions":           "vpc-endpoint-service",
	"ModifyVpcPeeringConnectionOptions":             "vpc-peering-connection",
	"RebootInstances":                               "instance",
	"RegisterImage":                                 "image",
	"RejectVpcEndpointConnections":                  "vpc-endpoint-service",
	"RejectVpcPeeringConnection":                    "vpc-peering-connection",
	"ReleaseAddress":                                "elastic-ip",
	"ReplaceIamInstanceProfileAssociation":          "instance",
	"ReplaceNetworkAclAssociation":                  "network-acl subnet",
	"ReplaceNetworkAclEntry":                        "network-acl",
	"ReplaceRoute":                                  "route-table",
	"ReplaceRouteTableAssociation":                  "route-table subnet",
	"RevokeSecurityGroupEgress":                     "security-group",
	"RevokeSecurityGroupIngress":                    "security-group",
	"RunInstances":                                  "image instance network-interface security-group subnet",
	"StartInstances":                                "instance",
	"StartVpcEndpointServicePrivateDnsVerification": "vpc-endpoint-service",
	"StopInstances":                                 "instance",
	"TerminateInstances":                            "instance",
	"UnassignPrivateIpAddresses":                    "network-interface",
	"UpdateSecurityGroupRuleDescriptionsEgress":     "security-group",
	"UpdateSecurityGroupRuleDescriptionsIngress":    "security-group",
}

// unwalked are operations that no test here can call with success, and why.
var unwalked = map[string]string{
	"StartVpcEndpointServicePrivateDnsVerification": "needs a TXT record in the public DNS",
}
